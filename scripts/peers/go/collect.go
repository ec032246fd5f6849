// Workload collect: what a collection costs when there is nothing to collect. One thread.

package main

import (
	"flag"
	"fmt"
	"runtime"
)

const collectWarmup = 10

func forcedCollections() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.NumForcedGC)
}

func collect(flags *flag.FlagSet) func(threads int) error {
	n := number(flags, "n", 1000, 1, 1e9, "collections that are timed")
	return func(threads int) error {
		for range collectWarmup {
			runtime.GC()
		}
		before := forcedCollections()
		var w stopwatch
		w.begin()
		for range *n {
			runtime.GC()
		}
		w.end()
		if done := forcedCollections() - before; done != *n {
			return fmt.Errorf("%d collections were made, not %d", done, *n)
		}
		emitChecksum(uint64(*n))
		emit("ns_per_collection", float64(w.wall.Nanoseconds())/float64(*n), "ns")
		emit("cpu_ns_per_collection", float64(w.cpu.Nanoseconds())/float64(*n), "ns")
		w.emit()
		return nil
	}
}
