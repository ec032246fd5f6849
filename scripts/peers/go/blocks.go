// A list of blocks of mixed sizes, whose contents follow from their numbers: what spike and leak
// fill memory with. Most blocks are small; most bytes are in large ones.

package main

import "unsafe"

type blockLeaf struct{ id, index uint64 }

type block struct {
	next   *block
	words  *uint64
	leaves **blockLeaf // nil if there are none
	id     uint64
}

// blockPlan is how many words without references and how many leaves a block has.
func blockPlan(id uint64) (words, leaves int) {
	r := random(id)
	x := r.draw()
	switch k := x & 63; {
	case k == 0:
		words = 8192 + index(high(x), 24576)
	case k <= 3:
		words = 513 + index(high(x), 3584)
	case k <= 15:
		words = 33 + index(high(x), 480)
	default:
		words = 2 + index(high(x), 31)
	}
	return words, int(x >> 8 & 15)
}

// blockBytes is what a block asks for, all its parts together.
func blockBytes(id uint64) uint64 {
	words, leaves := blockPlan(id)
	return uint64(unsafe.Sizeof(block{})) + uint64(words)*8 +
		uint64(leaves)*(8+uint64(unsafe.Sizeof(blockLeaf{})))
}

//go:noinline
func newBlock(id uint64) *block {
	words, leaves := blockPlan(id)
	b := new(block)
	b.id = id
	w := make([]uint64, words)
	for i := range w {
		w[i] = id ^ uint64(i)
	}
	b.words = &w[0]
	if leaves == 0 {
		return b
	}
	l := make([]*blockLeaf, leaves)
	b.leaves = &l[0]
	for i := range l {
		l[i] = &blockLeaf{id, uint64(i)}
	}
	return b
}

func (b *block) right() bool {
	words, leaves := blockPlan(b.id)
	for i, w := range wordsAt(b.words, words) {
		if w != b.id^uint64(i) {
			return false
		}
	}
	if leaves == 0 {
		return b.leaves == nil
	}
	for i, l := range unsafe.Slice(b.leaves, leaves) {
		if l.id != b.id || l.index != uint64(i) {
			return false
		}
	}
	return true
}

// A blockList is a thread's: its numbers are those of its share, and garbage has those of the
// upper half of it.
type blockList struct {
	head          *block // youngest first
	next, garbage uint64 // numbers
	bytes         uint64 // of all in the list
	_             [96]byte
}

func newBlockLists(threads int) []blockList {
	lists := make([]blockList, threads)
	for t := range lists {
		first := uint64(t) << 40
		lists[t].next, lists[t].garbage = first, first+1<<39
	}
	return lists
}

// grow to a number of bytes.
func (l *blockList) grow(bytes uint64) {
	for l.bytes < bytes {
		l.bytes += blockBytes(l.next)
		b := newBlock(l.next)
		b.next = l.head
		l.head = b
		l.next++
	}
}

// litter makes blocks and drops them at once, until as many bytes are used up.
func (l *blockList) litter(bytes uint64) {
	for used := uint64(0); used < bytes; l.garbage++ {
		newBlock(l.garbage)
		used += blockBytes(l.garbage)
	}
}

// sum is the checksum of the list, and whether all its blocks are right.
func (l *blockList) sum() (sum uint64, right bool) {
	right = true
	for b := l.head; b != nil; b = b.next {
		right = right && b.right()
		sum += b.id ^ blockBytes(b.id)
	}
	return sum, right
}
