// Allocates so that its collector has something to tell: trees of small objects, a large one with
// references, a forced collection, and free memory given back.
package main

import (
	"runtime"
	"runtime/debug"
)

type node struct {
	left, right *node
	weight      [2]int
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

func main() {
	var kept []*node
	for i := 0; i < 30; i++ {
		kept = append(kept, tree(12))
		tree(14)
	}
	large := make([]*node, 100000)
	large[3] = tree(3)
	runtime.GC()
	kept = nil
	debug.FreeOSMemory()
	runtime.KeepAlive(kept)
	runtime.KeepAlive(large)
}
