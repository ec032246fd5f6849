// Workload frag: fragmentation, and what goes back to the OS. One object of a hundred survives, at
// random; then everything free is released; then pages are allocated. One thread.

package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

type fragObject struct {
	_ *fragObject
	w [7]uint64
}

type fragPage [512]uint64

var (
	fragObjects []*fragObject
	fragPages   []*fragPage
)

func fragFill(n int) {
	fragObjects = make([]*fragObject, n)
	fillSlots(fragObjects)
}

func fragDrop() (dropped int) {
	dropped = dropSlots(fragObjects, random(17), 100)
	runtime.GC()
	return dropped
}

func fragAlloc(n int) {
	fragPages = make([]*fragPage, n)
	for i := range fragPages {
		p := new(fragPage)
		p[0] = uint64(i)
		fragPages[i] = p
	}
}

func fragSum(dropped int) (sum uint64, err error) {
	for i, p := range fragPages {
		if p[0] != uint64(i) {
			return 0, fmt.Errorf("page %d holds %d", i, p[0])
		}
		sum += p[0]
	}
	survivors := 0
	for i, o := range fragObjects {
		if o == nil {
			continue
		}
		if o.w[0] != uint64(i) {
			return 0, fmt.Errorf("object %d holds %d", i, o.w[0])
		}
		survivors++
		sum += o.w[0]
	}
	if survivors+dropped != len(fragObjects) {
		return 0, fmt.Errorf("%d objects survive, %d were dropped", survivors, dropped)
	}
	return sum, nil
}

func fragmentation(flags *flag.FlagSet) func(threads int) error {
	log2 := number(flags, "log2", 24, 1, 28, "2^log2 objects of 64 bytes, and a table of references")
	pages := number(flags, "pages", 131072, 1, 1<<28, "4096-byte objects allocated at the end")
	return func(threads int) error {
		var dropped int
		steps := []struct {
			name string
			work func()
		}{
			{"1fill", func() { fragFill(1 << *log2) }},
			{"2drop_gc", func() { dropped = fragDrop() }},
			{"3release", debug.FreeOSMemory},
			{"4alloc4k", func() { fragAlloc(*pages) }},
		}
		emit("rss_0start", residentMiB("VmRSS"), "MiB")
		var w stopwatch
		w.begin()
		for _, s := range steps {
			from := clock()
			s.work()
			emit("t_"+s.name, float64(clock()-from)/1e9, "s")
			emit("rss_"+s.name, residentMiB("VmRSS"), "MiB")
		}
		w.end()
		sum, err := fragSum(dropped)
		if err != nil {
			return err
		}
		emitChecksum(sum)
		w.emit()
		return nil
	}
}
