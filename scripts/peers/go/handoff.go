// Workload handoff: objects are made by one thread and dropped by another. Each goes through a
// channel, is checked by its receiver, kept for a while, and checked again when it is dropped. In
// pairs one thread sends and one receives, a thread without a partner does both, and so do all
// in a ring.

package main

import (
	"flag"
	"fmt"
)

const handoffFamily = 8

type handoffItem struct {
	elder *handoffItem // the one made before, nil for the first of a family
	words *uint64
	id    uint64
}

type handoffThread struct {
	out, in             chan *handoffItem
	send, sendEnd       uint64
	takeFirst, takeNext uint64
	takeEnd             uint64
	window              []*handoffItem
	last                *handoffItem // made last, and not sent yet if pending
	pending             bool
	checksum, waits     uint64
	wrong               uint64
	_                   [64]byte
}

var handoffThreads []handoffThread

func handoffMix(id uint64) uint64 {
	r := random(id)
	return r.draw()
}

func handoffWords(id uint64) int { return int(1 + handoffMix(id)%32) }

func (h *handoffThread) make(id uint64) {
	n := new(handoffItem)
	words := make([]uint64, handoffWords(id))
	for i := range words {
		words[i] = id + uint64(i)
	}
	n.id, n.words = id, &words[0]
	if id%handoffFamily != 0 {
		n.elder = h.last
	}
	h.last = n
}

// right says whether an item is number id and all its elders are what they were made; first is
// the first item that its sender made.
func (n *handoffItem) right(id, first uint64) bool {
	for ; ; n, id = n.elder, id-1 {
		if n == nil || n.id != id {
			return false
		}
		for i, w := range wordsAt(n.words, handoffWords(id)) {
			if w != id+uint64(i) {
				return false
			}
		}
		if id%handoffFamily == 0 || id == first {
			return n.elder == nil
		}
	}
}

func (h *handoffThread) judge(n *handoffItem, id uint64) bool {
	if n.right(id, h.takeFirst) {
		return true
	}
	h.wrong++
	return false
}

func (h *handoffThread) receive(n *handoffItem) {
	id := h.takeNext
	h.takeNext++
	if h.judge(n, id) {
		h.checksum += handoffMix(n.id)
	}
	k := id - h.takeFirst
	keep := uint64(len(h.window))
	place := &h.window[k%keep]
	if k >= keep {
		h.judge(*place, id-keep)
	}
	*place = n
}

// sendAll sends until the channel is full, a thousand at most; so whoever receives is looked
// after in between.
func (h *handoffThread) sendAll() (moved bool) {
	for k := 0; k < 1024 && h.send < h.sendEnd; k++ {
		if !h.pending {
			h.make(h.send)
		}
		select {
		case h.out <- h.last:
			h.pending = false
			h.send++
			moved = true
		default:
			h.pending = true
			return moved
		}
	}
	return moved
}

func (h *handoffThread) takeAll() (moved bool) {
	for h.takeNext < h.takeEnd {
		select {
		case n := <-h.in:
			h.receive(n)
			moved = true
		default:
			return moved
		}
	}
	return moved
}

// wait until it can do either.
func (h *handoffThread) wait() {
	h.waits++
	var out, in chan *handoffItem // nil: never ready
	if h.send < h.sendEnd {
		out = h.out
	}
	if h.takeNext < h.takeEnd {
		in = h.in
	}
	select {
	case out <- h.last:
		h.pending = false
		h.send++
	case n := <-in:
		h.receive(n)
	}
}

func (h *handoffThread) run() {
	for h.send < h.sendEnd || h.takeNext < h.takeEnd {
		sent, taken := h.sendAll(), h.takeAll()
		if !sent && !taken {
			h.wait()
		}
	}
}

// handoffLink makes the channel for share k of all items.
func handoffLink(items, k, shares, from, to, capacity int) {
	sender, receiver := &handoffThreads[from], &handoffThreads[to]
	queue := make(chan *handoffItem, capacity)
	first, end := uint64(share(items, k, shares)), uint64(share(items, k+1, shares))
	sender.out, sender.send, sender.sendEnd = queue, first, end
	receiver.in, receiver.takeFirst, receiver.takeNext, receiver.takeEnd = queue, first, first, end
}

func handoff(flags *flag.FlagSet) func(threads int) error {
	items := number(flags, "items", 5_000_000, 1, 1e12, "items handed over, by all threads together")
	shape := choice(flags, "shape", "pairs", []string{"pairs", "ring"}, "who hands to whom")
	capacity := number(flags, "capacity", 256, 1, 1e8, "items that a channel holds")
	keep := number(flags, "keep", 20_000, 1, 1e9, "items that a receiver keeps before it drops them")
	return func(threads int) error {
		handoffThreads = make([]handoffThread, threads)
		for t := range handoffThreads {
			handoffThreads[t].window = make([]*handoffItem, *keep)
		}
		if *shape == "ring" {
			for t := range threads {
				handoffLink(*items, t, threads, t, (t+1)%threads, *capacity)
			}
		} else {
			for k := 0; 2*k < threads; k++ {
				handoffLink(*items, k, (threads+1)/2, 2*k, min(2*k+1, threads-1), *capacity)
			}
		}
		var w stopwatch
		parallel(threads, &w, func(t int) { handoffThreads[t].run() })

		var sum, want, waits uint64
		for t := range handoffThreads {
			h := &handoffThreads[t]
			taken, kept := h.takeNext-h.takeFirst, uint64(*keep)
			for k := max(taken, kept) - kept; k < taken; k++ {
				h.judge(h.window[k%kept], h.takeFirst+k)
			}
			if h.wrong > 0 {
				return fmt.Errorf("thread %d met %d items that were not as they were made", t, h.wrong)
			}
			sum += h.checksum
			waits += h.waits
		}
		for id := range *items {
			want += handoffMix(uint64(id))
		}
		if sum != want {
			return fmt.Errorf("checksum %x of what arrived, %x of what was sent", sum, want)
		}
		emitChecksum(sum)
		emit("ops_per_s", float64(*items)/w.wall.Seconds(), "ops/s")
		emit("waits", float64(waits), "count")
		w.emit()
		return nil
	}
}
