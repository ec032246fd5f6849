module goheap/scripts/peers

go 1.22
