/* limits.c - what the heap tells the pacer about memory and the limiter about time: the figures
 * that the memory limit and the 50 % limit on the collector's share work with. Go: the callers
 * of memoryLimitHeapGoal and gcCPULimiter.
 *
 * Contexts: any RUNNING actor, or whoever has stopped the world. Locks: PAGES. */
#include "gc/core/heap.h"

void
heap_refresh_memory(struct gh_heap *heap)
{
    struct pages_stats st;
    pages_read_stats(&heap->pages, &st);
    /* relaxed: sums */
    int64_t objects = atomic_load_explicit(&heap->space.object_bytes, memory_order_relaxed);
    struct pacer_memory mem = {
        .mapped_ready = atomic_load_explicit(&heap->account.ready, memory_order_relaxed),
        .heap_free = st.free - st.released,
        .heap_alloc = objects > 0 ? (uint64_t)objects : 0,
    };
    pacer_set_memory(&heap->pacer, mem);
}

/* Let limit-driven scavenging know; it is forbidden while the limiter acts. */
static void
limits_publish(struct gh_heap *heap)
{
    atomic_store_explicit(&heap->pages.limiter_on, limiter_is_on(&heap->limiter),
                          memory_order_relaxed);
}

/* Processors that nobody had are not the mutators' time. */
static void
limits_add_idle(struct gh_heap *heap, int64_t now_ns)
{
    struct procs *p = &heap->sched.procs;
    lock_acquire(&p->lock);
    int64_t idle = procs_take_idle_ns_locked(p, now_ns);
    lock_release(&p->lock);
    limiter_add_idle_ns(&heap->limiter, idle);
}

/* What allocations have spent on keeping the memory limit, since this was last asked. */
static void
limits_add_scavenging(struct gh_heap *heap)
{
    /* relaxed: a sum */
    uint64_t ns =
        atomic_exchange_explicit(&heap->pages.scavenge_assist_ns, 0, memory_order_relaxed);
    limiter_add_assist_ns(&heap->limiter, (int64_t)ns);
}

void
heap_update_limiter(struct gh_heap *heap)
{
    int64_t now = os_now_ns();
    if (!limiter_needs_update(&heap->limiter, now))
        return;
    limits_add_idle(heap, now);
    limits_add_scavenging(heap);
    limiter_update(&heap->limiter, now);
    limits_publish(heap);
}

void
heap_limiter_stop_stw(struct gh_heap *heap, bool marking, int64_t now_ns)
{
    limits_add_idle(heap, now_ns);
    limiter_start_gc(&heap->limiter, marking, now_ns);
}

void
heap_limiter_go_stw(struct gh_heap *heap)
{
    int64_t now = os_now_ns();
    limits_add_idle(heap, now); /* of the stop: all of it is the collector's */
    (void)atomic_exchange_explicit(&heap->limiter.idle_ns, 0, memory_order_relaxed);
    limiter_finish_gc(&heap->limiter, now);
    limits_publish(heap);
}
