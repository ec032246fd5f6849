/* start.c - workload start: one allocation, when it was done, and resident memory then. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

struct object {
    struct object *volatile self;
    volatile uint64_t one;
};

static struct object *volatile object;

void
start_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    struct object *x = memory_new(sizeof *x);
    x->self = NULL;
    x->one = 1;
    object = x;
    int64_t at = now_ns(), cpu = cpu_ns();
    uint64_t kib = status_kib("VmRSS");
    stopwatch_begin(&w); /* nothing is left to be timed */
    stopwatch_end(&w);
    emit_checksum(object->one);
    emit("first_allocation_at", (double)at, "ns");
    emit("first_allocation_cpu", (double)cpu, "ns");
    emit("rss", (double)kib / 1024, "MiB");
    emit_stopwatch(&w);
    memory_free(object);
}
