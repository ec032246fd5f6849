// Latencies: a histogram of 64 buckets to the power of two, so at most 1.6 % too high, and the
// exact maximum. One for each thread; they are added up at the end.

package main

import (
	"math/bits"
	"time"
)

const (
	subBits    = 6
	subBuckets = 1 << subBits
)

type histogram struct {
	counts [(64 - subBits + 1) * subBuckets]uint64
	n      uint64
	worst  int64 // ns
}

// latencies of a thread: of all operations, and of those that are said to be in the steady state.
type latencies struct{ all, steady histogram }

func bucketOf(ns uint64) int {
	if ns < subBuckets {
		return int(ns)
	}
	shift := bits.Len64(ns) - 1 - subBits
	return (shift+1)*subBuckets + int(ns>>shift) - subBuckets
}

// upperEdge is the largest value of a bucket.
func upperEdge(bucket int) uint64 {
	if bucket < subBuckets {
		return uint64(bucket)
	}
	shift := bucket/subBuckets - 1
	return (uint64(bucket%subBuckets+subBuckets)+1)<<shift - 1
}

func (h *histogram) add(ns int64) {
	h.counts[bucketOf(uint64(ns))]++
	h.n++
	if ns > h.worst {
		h.worst = ns
	}
}

func (h *histogram) merge(other *histogram) {
	for i, c := range other.counts {
		h.counts[i] += c
	}
	h.n += other.n
	h.worst = max(h.worst, other.worst)
}

// quantile in microseconds: the upper edge of the bucket.
func (h *histogram) quantile(q float64) float64 {
	rank, seen := uint64(q*float64(h.n)), uint64(0)
	for i, c := range h.counts {
		if seen += c; seen > rank {
			return float64(upperEdge(i)) / 1e3
		}
	}
	return float64(h.worst) / 1e3
}

func (l *latencies) record(ns int64, steady bool) {
	l.all.add(ns)
	if steady {
		l.steady.add(ns)
	}
}

func emitLatencies(each []latencies, withSteady bool) {
	var sum latencies
	for i := range each {
		sum.all.merge(&each[i].all)
		sum.steady.merge(&each[i].steady)
	}
	emit("p50", sum.all.quantile(0.50), "us")
	emit("p99", sum.all.quantile(0.99), "us")
	emit("p999", sum.all.quantile(0.999), "us")
	emit("p9999", sum.all.quantile(0.9999), "us")
	emit("worst", float64(sum.all.worst)/1e3, "us")
	if withSteady {
		emit("steady_worst", float64(sum.steady.worst)/1e3, "us")
		emit("steady_p999", sum.steady.quantile(0.999), "us")
	}
}

// epoch is what clock counts from: one reading of the monotonic clock instead of two.
var epoch = time.Now()

func clock() int64 { return int64(time.Since(epoch)) }
