/* latency.c - see latency.h. */
#include "workloads/latency.h"

#include <stdlib.h>
#include <string.h>

uint64_t
latency_edge(size_t bucket)
{
    if (bucket < LATENCY_SUB)
        return bucket;
    unsigned shift = (unsigned)(bucket / LATENCY_SUB) - 1;
    /* the topmost edge is 2^64 - 1: the shift wraps to 0 first */
    return ((uint64_t)(LATENCY_SUB + bucket % LATENCY_SUB + 1) << shift) - 1;
}

struct latency *
latency_make(size_t n)
{
    struct latency *l = aligned_alloc(_Alignof(struct latency), n * sizeof *l);
    if (l != NULL)
        memset(l, 0, n * sizeof *l); /* not calloc: the pages must be there already */
    return l;
}

void
latency_merge(struct latency *into, const struct latency *from)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->n += from->n;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t
latency_quantile(const struct latency *l, double q)
{
    uint64_t rank = (uint64_t)(q * (double)l->n), seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->counts[i];
        if (seen > rank)
            return latency_edge(i);
    }
    return l->max;
}

static void
emit_us(struct gh_job *job, const char *metric, uint64_t ns)
{
    gh_emit(job, metric, (double)ns / 1e3, "us");
}

void
latency_emit(struct gh_job *job, const struct latency *l)
{
    emit_us(job, "p50", latency_quantile(l, 0.50));
    emit_us(job, "p99", latency_quantile(l, 0.99));
    emit_us(job, "p999", latency_quantile(l, 0.999));
    emit_us(job, "p9999", latency_quantile(l, 0.9999));
    emit_us(job, "worst", l->max);
}

void
latency_emit_steady(struct gh_job *job, const struct latency *l)
{
    emit_us(job, "steady_worst", l->max);
    emit_us(job, "steady_p999", latency_quantile(l, 0.999));
}
