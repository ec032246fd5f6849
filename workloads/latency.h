/* latency.h - how long single operations took: a histogram that a workload's thread fills while
 * it works, and the figures that are reported from it.
 *
 * The peers' histogram, so that figures compare: 64 buckets a power of two (values below 128
 * are exact, above that a bucket is at most 1.6 % wide), quantiles are the upper edge of their
 * bucket, the largest value is exact. A record is one bit scan and two increments; memory lies
 * outside the heap and is touched beforehand, so that recording never faults. One histogram a
 * thread, merged at the end; nothing is locked. profiles/hist.h is finer, and too slow to be
 * inside of what it measures. Clock: os_now_ns, whose cost is part of what is measured. */
#ifndef GH_WORKLOADS_LATENCY_H
#define GH_WORKLOADS_LATENCY_H

#include "alloc/base/bits.h"
#include "workloads/api/workload.h"

enum {
    LATENCY_SUB_BITS = 6,
    LATENCY_SUB = 1 << LATENCY_SUB_BITS,
    LATENCY_BUCKETS = LATENCY_SUB * (64 - LATENCY_SUB_BITS + 1),
};

/* A bucket counts to 2^32 - 1: more operations than any workload takes. */
struct latency {
    /* owner thread; the aligned first member keeps threads off each other's lines */
    GH_ALIGNED(128) uint64_t n;
    uint64_t max; /* ns; 0 while n is 0 */
    uint32_t counts[LATENCY_BUCKETS];
};

/* The bucket of `ns`, and the largest value that falls into a bucket. */
GH_INLINE size_t
latency_bucket(uint64_t ns)
{
    if (ns < LATENCY_SUB)
        return (size_t)ns;
    unsigned shift = bits_len(ns) - 1 - LATENCY_SUB_BITS;
    return (size_t)(shift + 1) * LATENCY_SUB + (size_t)(ns >> shift & (LATENCY_SUB - 1));
}
uint64_t latency_edge(size_t bucket);

GH_INLINE void
latency_add(struct latency *l, uint64_t ns)
{
    l->n++;
    l->counts[latency_bucket(ns)]++;
    if (GH_UNLIKELY(ns > l->max))
        l->max = ns;
}

/* `n` empty histograms, to be freed with free(); NULL if there is no memory. */
struct latency *latency_make(size_t n);
void latency_merge(struct latency *into, const struct latency *from);

/* The upper edge of the bucket that holds value number floor(q * n) of the sorted values,
 * counted from 0; the maximum if there is none. 0 <= q <= 1. */
uint64_t latency_quantile(const struct latency *l, double q);

/* Report p50, p99, p999, p9999 and worst, in us. */
void latency_emit(struct gh_job *job, const struct latency *l);
/* Report steady_worst and steady_p999, in us: what is left when the filling is left out. */
void latency_emit_steady(struct gh_job *job, const struct latency *l);

#endif
