/* latency.c - see peer.h: what is told of the histograms. Quantiles are the upper edge of their
 * bucket, the largest value is exact. */
#include "scripts/peers/c/peer.h"

#include <stdlib.h>
#include <string.h>

struct latencies *
latencies_make(int threads)
{
    size_t bytes = (size_t)threads * sizeof(struct latencies);
    struct latencies *each = must(aligned_alloc(_Alignof(struct latencies), bytes));
    memset(each, 0, bytes);
    return each;
}

static void
latency_merge(struct latency *into, const struct latency *from)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->n += from->n;
    if (from->worst > into->worst)
        into->worst = from->worst;
}

/* The largest value that falls into a bucket. */
static uint64_t
latency_edge(size_t bucket)
{
    if (bucket < LATENCY_SUB)
        return bucket;
    size_t shift = bucket / LATENCY_SUB - 1;
    return ((uint64_t)(bucket % LATENCY_SUB + LATENCY_SUB + 1) << shift) - 1;
}

static void
latency_emit(const struct latency *l, const char *metric, double q)
{
    uint64_t rank = (uint64_t)(q * (double)l->n), seen = 0, ns = l->worst;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->counts[i];
        if (seen > rank) {
            ns = latency_edge(i);
            break;
        }
    }
    emit(metric, (double)ns / 1e3, "us");
}

void
latencies_emit(struct latencies *each, int threads, bool with_steady)
{
    struct latency *all = &each[0].all, *steady = &each[0].steady;
    for (int t = 1; t < threads; t++) {
        latency_merge(all, &each[t].all);
        latency_merge(steady, &each[t].steady);
    }
    latency_emit(all, "p50", 0.50);
    latency_emit(all, "p99", 0.99);
    latency_emit(all, "p999", 0.999);
    latency_emit(all, "p9999", 0.9999);
    emit("worst", (double)all->worst / 1e3, "us");
    if (with_steady) {
        emit("steady_worst", (double)steady->worst / 1e3, "us");
        latency_emit(steady, "steady_p999", 0.999);
    }
    free(each);
}
