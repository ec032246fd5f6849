module goheap/tests/by_size

go 1.22
