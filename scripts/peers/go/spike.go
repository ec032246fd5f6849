// Workload spike: the live heap swings between a base and a multiple of it; at the end it is small,
// and the process idle for a while. What survives a fall is drawn at random, so that it lies
// scattered.

package main

import (
	"flag"
	"fmt"
	"time"
)

var spikeLists []blockList

// thin drops blocks, drawn so that about base of peak bytes stay.
func (l *blockList) thin(seed *random, base, peak uint64) (right bool) {
	right = true
	at := &l.head
	for b := *at; b != nil; b = b.next {
		right = right && b.right()
		if uint64(index(high(seed.draw()), int(peak))) < base {
			at = &b.next
		} else {
			*at = b.next
			l.bytes -= blockBytes(b.id)
		}
	}
	return right
}

func spike(flags *flag.FlagSet) func(threads int) error {
	size := number(flags, "base", 32_000_000, 1, 1e12, "bytes alive when the heap is small, of all threads together")
	factor := number(flags, "factor", 8, 2, 1000, "how many times that are alive at the peak")
	rounds := number(flags, "rounds", 5, 1, 1e6, "rises and falls")
	settle := number(flags, "settle", 5, 0, 86400, "seconds of idleness at the end")
	return func(threads int) error {
		base := perThread(*size, threads)
		peak := base * uint64(*factor)
		spikeLists = newBlockLists(threads)
		seeds, right := make([]random, threads), make([]bool, threads)
		for t := range seeds {
			seeds[t] = random(4000 + t)
		}
		emit("rss_before", residentMiB("VmRSS"), "MiB")
		var w stopwatch
		top := 0.0
		for range *rounds {
			parallel(threads, &w, func(t int) {
				spikeLists[t].grow(peak)
				spikeLists[t].litter(base)
			})
			top = max(top, residentMiB("VmRSS"))
			parallel(threads, &w, func(t int) {
				right[t] = spikeLists[t].thin(&seeds[t], base, peak)
				spikeLists[t].grow(base)
				spikeLists[t].litter(peak / 2)
			})
			for t := range right {
				if !right[t] {
					return fmt.Errorf("thread %d: a block is harmed", t)
				}
			}
		}
		emit("rss_peak", top, "MiB")
		emit("rss_end", residentMiB("VmRSS"), "MiB")
		time.Sleep(time.Duration(*settle) * time.Second)
		emit("rss_settled", residentMiB("VmRSS"), "MiB")
		if err := emitBlocks(spikeLists); err != nil {
			return err
		}
		w.emit()
		return nil
	}
}
