// Workload churn: a cache in its steady state. A table of nodes with payloads of many sizes; each
// operation replaces a node drawn at random, chains the new one to another now and then, and
// cuts the chain of a third.

package main

import (
	"flag"
	"fmt"
	"unsafe"
)

type churnNode struct {
	next    *churnNode
	payload *uint64
	key     uint64
	size    uint32
	_       uint32
}

var churnTable []*churnNode

// wordsAt is n words of memory without references, of which only the address is kept.
func wordsAt(p *uint64, n int) []uint64 { return unsafe.Slice(p, n) }

func (n *churnNode) words() []uint64 { return wordsAt(n.payload, int(n.size/8)) }

func newChurnNode(key uint64, size uint32) *churnNode {
	n := new(churnNode)
	n.payload = unsafe.SliceData(make([]uint64, size/8))
	n.key, n.size = key, size
	words := n.words()
	for i := range words {
		words[i] = key
	}
	return n
}

// churnPart does n operations on the slots of one thread, each timed from the end of the last.
func churnPart(l *latencies, slots []*churnNode, n int, seed random) {
	last := clock()
	for i := range n {
		x, y := seed.draw(), seed.draw()
		s := index(high(x), len(slots))
		node := newChurnNode(uint64(i), payloadSizes[x&255])
		if x>>8&3 == 0 {
			node.next = slots[index(high(y), len(slots))]
		}
		slots[s] = node
		if x>>10&3 == 0 {
			slots[index(low(y), len(slots))].next = nil
		}
		now := clock()
		l.record(now-last, false)
		last = now
	}
}

// churnSum walks what is there: the checksum, and how many nodes hang on the table.
func churnSum() (sum, nodes uint64, err error) {
	for s, first := range churnTable {
		sum += first.key*uint64(s+1) + uint64(first.size) + first.words()[0]
		for n := first; n != nil; n = n.next {
			nodes++
			if words := n.words(); words[0] != n.key || words[len(words)-1] != n.key {
				err = fmt.Errorf("the payload of node %d holds %d", n.key, words[0])
			}
		}
	}
	return sum % 1000003, nodes, err
}

func churn(flags *flag.FlagSet) func(threads int) error {
	slots := number(flags, "slots", 1_000_000, 1, 1e9, "length of the table")
	ops := number(flags, "ops", 5_000_000, 1, 4e9, "operations, of all threads")
	return func(threads int) error {
		if *slots < threads {
			return fmt.Errorf("%w: -slots must be at least -threads", errUsage)
		}
		from := clock()
		churnTable = make([]*churnNode, *slots)
		seed := random(1)
		for s := range churnTable {
			churnTable[s] = newChurnNode(uint64(s), payloadSizes[seed.draw()&255])
		}
		fill := clock() - from
		each := make([]latencies, threads)
		var w stopwatch
		parallel(threads, &w, func(t int) {
			mine := churnTable[share(*slots, t, threads):share(*slots, t+1, threads)]
			churnPart(&each[t], mine, *ops/threads, random(1000+t))
		})
		sum, nodes, err := churnSum()
		if err != nil {
			return err
		}
		emitChecksum(sum)
		emit("chain_nodes", float64(nodes), "count")
		emit("fill", float64(fill)/1e9, "s")
		emit("ops_per_s", float64(*ops)/w.wall.Seconds(), "ops/s")
		emitLatencies(each, false)
		w.emit()
		return nil
	}
}
