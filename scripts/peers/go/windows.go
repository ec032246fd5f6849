// Workloads win1k and win64: a ring of messages that live until as many others have been pushed as
// it has slots; each push is timed. Threads have a ring each: slots and pushes are shared out.

package main

import (
	"flag"
	"fmt"
)

type message1k [128]uint64

type topic struct {
	self *topic
	_    [7]uint64
}

type message64 struct {
	topic *topic
	body  *[2]uint64
	w     [6]uint64
}

// Global, so that the rings are alive as long as the program says.
var (
	rings1k [][]*message1k
	rings64 [][]*message64
	topics  []*topic
)

func new1k(ring []*message1k, slot int, id uint64) {
	m := new(message1k)
	for i := range m {
		m[i] = id
	}
	ring[slot] = m
}

func new64(ring []*message64, slot int, id uint64) {
	m := new(message64)
	m.topic = topics[id*0x9E3779B97F4A7C15>>52]
	m.body = new([2]uint64)
	m.body[0], m.body[1] = id, id
	for i := range m.w {
		m.w[i] = id
	}
	ring[slot] = m
}

// pushes makes messages first, first + 1 .. last - 1 with push and times them.
func pushes[M any](l *latencies, ring []*M, first, last int, push func([]*M, int, uint64)) {
	slot := 0
	for id := first; id < last; id++ {
		from := clock()
		push(ring, slot, uint64(id))
		l.record(clock()-from, id-first >= len(ring))
		if slot++; slot == len(ring) {
			slot = 0
		}
	}
}

type window struct{ slots, count *int }

func windowFlags(flags *flag.FlagSet, slots, count int) window {
	return window{
		number(flags, "slots", slots, 1, 1e9, "messages alive, of all threads"),
		number(flags, "pushes", count, 1, 4e9, "messages made, by all threads"),
	}
}

// wanted is the sum of the ids that are in the rings at the end.
func (o window) wanted(threads int) (sum uint64) {
	for t := range threads {
		slots := share(*o.slots, t+1, threads) - share(*o.slots, t, threads)
		first, last := share(*o.count, t, threads), share(*o.count, t+1, threads)
		for id := max(first, last-slots); id < last; id++ {
			sum += uint64(id)
		}
	}
	return sum
}

// run times all pushes and checks the result: word finds the id of the message in a slot.
func runWindow[M any](o window, threads int, w *stopwatch, all [][]*M,
	push func([]*M, int, uint64), word func(m *M, slot int) uint64) error {
	if *o.slots < threads || *o.count < *o.slots {
		return fmt.Errorf("%w: -slots must be at least -threads, and at most -pushes", errUsage)
	}
	each := make([]latencies, threads)
	parallel(threads, w, func(t int) {
		all[t] = make([]*M, share(*o.slots, t+1, threads)-share(*o.slots, t, threads))
		pushes(&each[t], all[t], share(*o.count, t, threads), share(*o.count, t+1, threads), push)
	})
	var sum uint64
	for _, ring := range all {
		for slot, m := range ring {
			if m != nil {
				sum += word(m, slot)
			}
		}
	}
	if want := o.wanted(threads); sum != want {
		return fmt.Errorf("the ids in the window add up to %d, not %d", sum, want)
	}
	emitChecksum(sum)
	emitLatencies(each, true)
	w.emit()
	return nil
}

func window1k(flags *flag.FlagSet) func(threads int) error {
	o := windowFlags(flags, 200_000, 1_000_000)
	return func(threads int) error {
		rings1k = make([][]*message1k, threads)
		var w stopwatch
		return runWindow(o, threads, &w, rings1k, new1k, func(m *message1k, slot int) uint64 {
			return m[slot%len(m)]
		})
	}
}

func window64(flags *flag.FlagSet) func(threads int) error {
	o := windowFlags(flags, 2_500_000, 5_000_000)
	return func(threads int) error {
		rings64 = make([][]*message64, threads)
		var w stopwatch
		w.begin()
		topics = make([]*topic, 4096)
		for i := range topics {
			topics[i] = new(topic)
			topics[i].self = topics[i]
		}
		w.end()
		return runWindow(o, threads, &w, rings64, new64, func(m *message64, slot int) uint64 {
			if m.topic.self != m.topic || m.body[0] != m.body[1] || m.body[0] != m.w[slot%len(m.w)] {
				return 0
			}
			return m.w[slot%len(m.w)]
		})
	}
}
