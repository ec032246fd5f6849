// Workload large: blocks of 64 KiB to 8 MiB in a ring, each touched once a page. One thread.

package main

import (
	"flag"
	"fmt"
)

const largeTouch = 4096

var largeRing [][]byte

func largeSize(x uint64) int {
	base := 65536 << index(high(x), 7)
	return base + index(low(x), base)&^(largeTouch-1)
}

// checkLarge looks at the blocks in the ring: touched once a page, and zero elsewhere.
func checkLarge(n int) (bytes uint64, err error) {
	seed := random(13)
	for i := range n {
		size := largeSize(seed.draw())
		bytes += uint64(size)
		if i+len(largeRing) < n {
			continue
		}
		block := largeRing[i%len(largeRing)]
		for at := 0; at < size; at += largeTouch {
			if block[at] != byte(i) || block[at+1] != 0 || block[at+largeTouch-1] != 0 {
				return 0, fmt.Errorf("block %d was overwritten at byte %d", i, at)
			}
		}
	}
	return bytes, nil
}

func large(flags *flag.FlagSet) func(threads int) error {
	n := number(flags, "n", 20_000, 1, 1e9, "blocks allocated")
	window := number(flags, "window", 64, 1, 1e6, "blocks alive at a time")
	return func(threads int) error {
		largeRing = make([][]byte, *window)
		seed := random(13)
		var w stopwatch
		w.begin()
		for i := range *n {
			block := make([]byte, largeSize(seed.draw()))
			for at := 0; at < len(block); at += largeTouch {
				block[at] = byte(i)
			}
			largeRing[i%*window] = block
		}
		w.end()
		bytes, err := checkLarge(*n)
		if err != nil {
			return err
		}
		emitChecksum(bytes)
		emit("GBps", float64(bytes)/w.wall.Seconds()/1e9, "GB/s")
		emit("us_per_op", w.wall.Seconds()*1e6/float64(*n), "us")
		emit("GB_total", float64(bytes)/1e9, "GB")
		w.emit()
		return nil
	}
}
