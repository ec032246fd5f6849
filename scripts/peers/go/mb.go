// Workload mb: allocate objects of one class, write a word of each, store it in the thread's sink.
// Mode gc: with the collector on. Mode nogc: rounds of two untimed collections and then 512 MiB with
// the collector off; one more round, first, is not counted.

package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"unsafe"
)

type (
	plain8     [1]uint64
	plain16    [2]uint64
	plain256   [32]uint64
	plain4096  [512]uint64
	plain32768 [4096]uint64
	plain65536 [8192]uint64
	refs16     [2]*refs16
	refs1024   [128]*refs1024
	mixed64    struct {
		refs [2]*mixed64
		w    [6]uint64
	}
)

// A sink is a root of its own, 128 bytes from the next.
type sinkSlot struct {
	p unsafe.Pointer
	_ [120]byte
}

type class struct {
	name  string
	bytes int
	n     int // objects a thread makes in mode gc
	word  int // which word carries the loop counter; -1: none, all words are references
	loop  func(s *sinkSlot, n int)
}

// The loops are written out one by one: only then are type and size constants of them.
var classTable = []class{
	{"n8", 8, 50_000_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain8)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"n16", 16, 25_000_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain16)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"p16", 16, 25_000_000, -1, func(s *sinkSlot, n int) {
		for range n {
			p := new(refs16)
			p[0] = nil
			s.p = unsafe.Pointer(p)
		}
	}},
	{"p64", 64, 12_000_000, 2, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(mixed64)
			p.w[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"n256", 256, 6_000_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain256)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"p1024", 1024, 1_500_000, -1, func(s *sinkSlot, n int) {
		for range n {
			p := new(refs1024)
			p[0] = nil
			s.p = unsafe.Pointer(p)
		}
	}},
	{"n4096", 4096, 1_000_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain4096)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"n32k", 32768, 150_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain32768)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
	{"n64k", 65536, 80_000, 0, func(s *sinkSlot, n int) {
		for i := range n {
			p := new(plain65536)
			p[0] = uint64(i)
			s.p = unsafe.Pointer(p)
		}
	}},
}

// sinks is global: what is stored there is on the heap, whatever the compiler thinks of it.
var sinks []sinkSlot

func classNames() (names []string) {
	for _, c := range classTable {
		names = append(names, c.name)
	}
	return names
}

func microbenchmark(flags *flag.FlagSet) func(threads int) error {
	name := choice(flags, "class", "n16", classNames(), "what is allocated")
	mode := choice(flags, "mode", "gc", []string{"gc", "nogc"}, "collector on or off")
	n := number(flags, "n", 0, 0, 1e12, "mode gc: objects a thread; 0: the class's own number")
	rounds := number(flags, "rounds", 3, 1, 1000, "mode nogc: timed rounds")
	return func(threads int) error {
		sinks = make([]sinkSlot, threads)
		c := classTable[slices.Index(classNames(), *name)]
		if *mode == "nogc" {
			return c.withoutCollector(threads, *rounds)
		}
		if *n == 0 {
			*n = c.n
		}
		var w stopwatch
		parallel(threads, &w, func(t int) { c.loop(&sinks[t], *n) })
		return c.finish(&w, *n, 1)
	}
}

func (c class) withoutCollector(threads, rounds int) error {
	debug.SetGCPercent(-1)
	n := 512 << 20 / c.bytes / threads
	var warmup, w stopwatch
	for r := range rounds + 1 {
		clear(sinks)
		runtime.GC()
		runtime.GC()
		watch := &w
		if r == 0 {
			watch = &warmup
		}
		parallel(threads, watch, func(t int) { c.loop(&sinks[t], n) })
	}
	return c.finish(&w, n, rounds)
}

// finish checks that each sink holds its thread's last object as it was written, and prints what
// one of n objects has cost in a round.
func (c class) finish(w *stopwatch, n, rounds int) error {
	for t := range sinks {
		for i, word := range wordsAt((*uint64)(sinks[t].p), c.bytes/8) {
			want := uint64(0)
			if i == c.word {
				want = uint64(n - 1)
			}
			if word != want {
				return fmt.Errorf("thread %d: word %d of the last object is %d, not %d", t, i, word, want)
			}
		}
	}
	ops := float64(n * rounds)
	emitChecksum(uint64(n * len(sinks)))
	emit("ns_per_op", float64(w.wall.Nanoseconds())/ops, "ns")
	emit("cpu_ns_per_op", float64(w.cpu.Nanoseconds())/(ops*float64(len(sinks))), "ns")
	w.emit()
	return nil
}
