// Workload sweep: nine objects of ten are reclaimed, and their places used again. One thread. frag.go
// has its objects and fills and empties slots as they are here.

package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// fillSlots makes an object for every empty slot.
func fillSlots(slots []*fragObject) (made int) {
	for i, o := range slots {
		if o != nil {
			continue
		}
		o = new(fragObject)
		o.w[0] = uint64(i)
		slots[i] = o
		made++
	}
	return made
}

func dropSlots(slots []*fragObject, seed random, keepOneIn int) (dropped int) {
	for i := range slots {
		if index(high(seed.draw()), keepOneIn) != 0 {
			slots[i] = nil
			dropped++
		}
	}
	return dropped
}

var sweepSlots []*fragObject

func sweep(flags *flag.FlagSet) func(threads int) error {
	log2 := number(flags, "log2", 24, 1, 28, "2^log2 objects of 64 bytes, and a table of references")
	mode := choice(flags, "mode", "gc", []string{"gc", "nogc"}, "nogc: collector off while the table is refilled")
	return func(threads int) error {
		sweepSlots = make([]*fragObject, 1<<*log2)
		fillSlots(sweepSlots)
		dropped := dropSlots(sweepSlots, random(11), 10)
		var w stopwatch
		w.begin()
		from, cpuFrom := clock(), processCPU()
		runtime.GC()
		reclaimed, cpu := clock(), processCPU()-cpuFrom
		if *mode == "nogc" {
			debug.SetGCPercent(-1)
		}
		made := fillSlots(sweepSlots)
		end := clock()
		w.end()
		sum, n := uint64(0), uint64(len(sweepSlots))
		for _, o := range sweepSlots {
			sum += o.w[0]
		}
		if sum != n*(n-1)/2 || made != dropped {
			return fmt.Errorf("the objects' numbers add up to %d; %d dropped, %d made anew", sum, dropped, made)
		}
		objects := float64(max(dropped, 1))
		emitChecksum(sum)
		emit("reclaim", float64(reclaimed-from)/1e9, "s")
		emit("refill", float64(end-reclaimed)/1e9, "s")
		emit("refill_ns_obj", float64(end-reclaimed)/objects, "ns")
		emit("total_ns_obj", float64(end-from)/objects, "ns")
		emit("reclaim_cpu", cpu.Seconds(), "s")
		w.emit()
		return nil
	}
}
