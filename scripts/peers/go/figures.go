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

// collection is a reading, or the difference of two. CPU times are as of the last cycle.
type collection struct {
	cycles            uint64
	assist, dedicated float64 // seconds of CPU
	idle, pause       float64
	all               float64 // what the machine could have given: GOMAXPROCS times the wall
	stops             []uint64
	edges             []float64 // of stops, seconds
}

const (
	cyclesMetric    = "/gc/cycles/total:gc-cycles"
	assistMetric    = "/cpu/classes/gc/mark/assist:cpu-seconds"
	dedicatedMetric = "/cpu/classes/gc/mark/dedicated:cpu-seconds"
	idleMetric      = "/cpu/classes/gc/mark/idle:cpu-seconds"
	pauseMetric     = "/cpu/classes/gc/pause:cpu-seconds"
	allMetric       = "/cpu/classes/total:cpu-seconds"
	stopsMetric     = "/sched/pauses/total/gc:seconds"
	limiterMetric   = "/gc/limiter/last-enabled:gc-cycle"
)

func (c *collection) read() {
	s := []metrics.Sample{
		{Name: cyclesMetric}, {Name: assistMetric}, {Name: dedicatedMetric}, {Name: idleMetric},
		{Name: pauseMetric}, {Name: allMetric}, {Name: stopsMetric},
	}
	metrics.Read(s)
	c.cycles = s[0].Value.Uint64()
	c.assist, c.dedicated = s[1].Value.Float64(), s[2].Value.Float64()
	c.idle, c.pause = s[3].Value.Float64(), s[4].Value.Float64()
	c.all = s[5].Value.Float64()
	h := s[6].Value.Float64Histogram()
	c.stops, c.edges = h.Counts, h.Buckets
}

// add adds what happened between two readings.
func (c *collection) add(now, from *collection) {
	c.cycles += now.cycles - from.cycles
	c.assist += now.assist - from.assist
	c.dedicated += now.dedicated - from.dedicated
	c.idle += now.idle - from.idle
	c.pause += now.pause - from.pause
	c.all += now.all - from.all
	if c.stops == nil {
		c.stops, c.edges = make([]uint64, len(now.stops)), now.edges
	}
	for i := range c.stops {
		c.stops[i] += now.stops[i] - from.stops[i]
	}
}

// longest stop, in microseconds: the upper edge of the last bucket that is not empty.
func (c *collection) longest() float64 {
	for i := len(c.stops) - 1; i >= 0; i-- {
		if c.stops[i] > 0 {
			edge := c.edges[i+1]
			if math.IsInf(edge, 1) {
				edge = c.edges[i]
			}
			return edge * 1e6
		}
	}
	return 0
}

// share of all CPU time, without idle marking, as in GCCPUFraction.
func (c *collection) share() float64 {
	if c.all == 0 {
		return 0
	}
	return (c.assist + c.dedicated + c.pause) / c.all
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
	var whole collection
	whole.read()
	limiter := []metrics.Sample{{Name: limiterMetric}}
	metrics.Read(limiter)

	emit("wall", w.wall.Seconds(), "s")
	emit("cpu", w.cpu.Seconds(), "s")
	emit("maxrss", w.peak, "MiB")
	emit("cycles", float64(m.NumGC), "cycles")
	emit("cycles_timed", float64(w.gc.cycles), "cycles")
	emit("gc_cpu_fraction", m.GCCPUFraction, "-")
	emit("gc_cpu_fraction_timed", w.gc.share(), "-")
	emit("gc_cpu", whole.assist+whole.dedicated+whole.idle+whole.pause, "s")
	emit("gc_cpu_timed", w.gc.assist+w.gc.dedicated+w.gc.idle+w.gc.pause, "s")
	emit("gc_cpu_idle", whole.idle, "s")
	emit("gc_cpu_idle_timed", w.gc.idle, "s")
	emit("stop_max", whole.longest(), "us")
	emit("stop_max_timed", w.gc.longest(), "us")
	emit("limiter_last_cycle", float64(limiter[0].Value.Uint64()), "-")
}
