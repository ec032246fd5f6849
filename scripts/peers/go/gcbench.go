// Workload gcbench (Ellis, Kovac, Boehm): trees made from the top down and from the bottom up,
// beside a tree and an array of numbers that live long. One thread.

package main

import (
	"flag"
	"fmt"
)

type benchNode struct {
	left, right *benchNode
	i, j        int32
}

var (
	benchTree  *benchNode
	benchArray []float64
)

// populate hangs full trees of the given depth under n: top down.
func (n *benchNode) populate(depth int) {
	if depth <= 0 {
		return
	}
	n.left = new(benchNode)
	n.right = new(benchNode)
	n.left.populate(depth - 1)
	n.right.populate(depth - 1)
}

func growDown(depth int) *benchNode {
	n := new(benchNode)
	n.populate(depth)
	return n
}

func growUp(depth int) *benchNode {
	if depth <= 0 {
		return new(benchNode)
	}
	left := growUp(depth - 1)
	right := growUp(depth - 1)
	return &benchNode{left: left, right: right}
}

func (n *benchNode) count() uint64 {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

// benchSink takes the trees that are made and dropped: else the compiler might not make them.
var benchSink *benchNode

func gcbench(flags *flag.FlagSet) func(threads int) error {
	stretch := number(flags, "depth", 18, 6, 28, "depth of the stretch tree; the others are up to two less")
	array := number(flags, "array", 500_000, 2000, 1e9, "length of the array of numbers")
	return func(threads int) error {
		deepest := *stretch - 2
		nodes := nodesOf(*stretch) + nodesOf(deepest)
		var w stopwatch
		w.begin()
		benchSink = growUp(*stretch)
		benchSink = nil
		benchTree = growDown(deepest)
		benchArray = make([]float64, *array)
		for i := range *array / 2 {
			benchArray[i] = 1 / float64(i+1)
		}
		for d := 4; d <= deepest; d += 2 {
			n := int(2 * nodesOf(*stretch) / nodesOf(d))
			for range n {
				benchSink = growDown(d)
				benchSink = nil
			}
			for range n {
				benchSink = growUp(d)
				benchSink = nil
			}
			nodes += 2 * uint64(n) * nodesOf(d)
		}
		w.end()
		met := benchTree.count()
		if met != nodesOf(deepest) || benchArray[999] != 1.0/1000 {
			return fmt.Errorf("the long-lived tree has %d nodes, array[999] is %g", met, benchArray[999])
		}
		emitChecksum(nodes + met)
		emit("ns_per_node", float64(w.wall.Nanoseconds())/float64(nodes), "ns")
		w.emit()
		return nil
	}
}
