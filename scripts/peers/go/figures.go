// What the collector did: read from runtime/metrics, and from the kernel.

package main

import (
	"bufio"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// longestStop, in microseconds: the upper edge of the last bucket that is not empty.
func longestStop() float64 {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	for i := len(h.Counts) - 1; i >= 0; i-- {
		if h.Counts[i] > 0 {
			edge := h.Buckets[i+1]
			if math.IsInf(edge, 1) {
				edge = h.Buckets[i]
			}
			return edge * 1e6
		}
	}
	return 0
}

// residentMiB is a line of /proc/self/status.
func residentMiB(key string) float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == key+":" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// emit prints what every workload has: times, resident memory, and the collector's figures.
func (w *stopwatch) emit() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	limiter := []metrics.Sample{{Name: "/gc/limiter/last-enabled:gc-cycle"}}
	metrics.Read(limiter)

	emit("wall", w.wall.Seconds(), "s")
	emit("cpu", w.cpu.Seconds(), "s")
	if w.waitKnown {
		emit("runq_wait", w.wait.Seconds(), "s")
	}
	emit("maxrss", w.peak, "MiB")
	emit("cycles", float64(m.NumGC), "cycles")
	emit("gc_cpu_fraction", m.GCCPUFraction, "-")
	emit("stop_max", longestStop(), "us")
	emit("limiter_last_cycle", float64(limiter[0].Value.Uint64()), "-")
}
