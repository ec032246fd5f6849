// Workload leak: a heap that only grows, step by step, with garbage made in between: to be run into
// a memory limit.

package main

import (
	"flag"
	"fmt"
)

var leakLists []blockList

func (l *blockList) leak(target, step, garbage uint64) {
	for until := step; l.bytes < target; until += step {
		l.grow(min(until, target))
		l.litter(garbage)
	}
}

// perThread is a thread's share of a number of bytes, rounded up.
func perThread(bytes, threads int) uint64 { return uint64((bytes + threads - 1) / threads) }

// emitBlocks checks the lists and prints the checksum and what is alive, without what the
// allocator rounds up.
func emitBlocks(lists []blockList) error {
	var sum, bytes uint64
	for t := range lists {
		s, right := lists[t].sum()
		if !right {
			return fmt.Errorf("thread %d: a block is harmed", t)
		}
		sum += s
		bytes += lists[t].bytes
	}
	emitChecksum(sum)
	emit("live_bytes", float64(bytes), "B")
	return nil
}

func leak(flags *flag.FlagSet) func(threads int) error {
	target := number(flags, "target", 1_000_000_000, 1, 1e14, "bytes retained at the end, by all threads together")
	step := number(flags, "step", 16_000_000, 1, 1e14, "bytes retained in a step")
	garbage := number(flags, "garbage", 16_000_000, 0, 1e14, "bytes made and dropped after each step")
	return func(threads int) error {
		leakLists = newBlockLists(threads)
		emit("rss_before", residentMiB("VmRSS"), "MiB")
		var w stopwatch
		parallel(threads, &w, func(t int) {
			leakLists[t].leak(perThread(*target, threads), perThread(*step, threads),
				perThread(*garbage, threads))
		})
		emit("rss_peak", residentMiB("VmHWM"), "MiB")
		if err := emitBlocks(leakLists); err != nil {
			return err
		}
		w.emit()
		return nil
	}
}
