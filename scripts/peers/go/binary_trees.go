// Workload binary-trees, by the rules of the Benchmarks Game: a stretch tree one deeper than -depth, a
// tree of -depth that lives to the end, and 2^(depth-d+4) trees of each depth d = 4, 6 .. -depth
// that are counted and dropped, shared out among the threads.

package main

import (
	"flag"
	"fmt"
)

type tree struct{ left, right *tree }

// grow makes a tree of the given depth, children first.
func grow(depth int) *tree {
	if depth == 0 {
		return new(tree)
	}
	left := grow(depth - 1)
	right := grow(depth - 1)
	return &tree{left, right}
}

func (t *tree) nodes() uint64 {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.nodes() + t.right.nodes()
}

func nodesOf(depth int) uint64 { return 2<<depth - 1 }

const minDepth = 4

// longLived is global so that the tree is alive as long as the program says, not as long as the
// compiler sees a use.
var longLived *tree

func treesOf(maxDepth, depth int) int { return 1 << (maxDepth - depth + minDepth) }

// shortLived is thread t's share; the nodes it has counted.
func shortLived(maxDepth, t, threads int) uint64 {
	var sum uint64
	for depth := minDepth; depth <= maxDepth; depth += 2 {
		n := treesOf(maxDepth, depth)
		for i := t * n / threads; i < (t+1)*n/threads; i++ {
			sum += grow(depth).nodes()
		}
	}
	return sum
}

func binaryTrees(flags *flag.FlagSet) func(threads int) error {
	depth := number(flags, "depth", 18, 1, 30, "depth of the long-lived tree")
	return func(threads int) error {
		var w stopwatch
		w.begin()
		stretch := grow(*depth + 1).nodes()
		longLived = grow(*depth)
		w.end()

		sums := make([][16]uint64, threads) // a cache line and more apart
		parallel(threads, &w, func(t int) { sums[t][0] = shortLived(*depth, t, threads) })

		w.begin()
		long := longLived.nodes()
		w.end()

		var short, want uint64
		for _, s := range sums {
			short += s[0]
		}
		for d := minDepth; d <= *depth; d += 2 {
			want += uint64(treesOf(*depth, d)) * nodesOf(d)
		}
		if short != want || stretch != nodesOf(*depth+1) || long != nodesOf(*depth) {
			return fmt.Errorf("wrong count: %d short-lived, %d stretch and %d long-lived nodes",
				short, stretch, long)
		}
		nodes := short + stretch + long
		emitChecksum(nodes)
		emit("nodes", float64(nodes), "nodes")
		emit("ns_per_node", float64(w.wall.Nanoseconds())/float64(nodes), "ns")
		w.emit()
		return nil
	}
}
