/* memstats.c - runtime.MemStats from the books of all rooms. Go: mstats.go, readmemstats_m.
 *
 * Read with the world stopped, sweeping finished and all caches flushed, so that every counter
 * is exact: what the last cycle found dead counts as freed. */
#include "gc/core/heap.h"

#include "alloc/spaces/go/sizeclass.h"

#include <inttypes.h>

/* relaxed: the world is stopped and sweeping is done */
static uint64_t
load(const _Atomic(uint64_t) *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void
memstats_objects(struct gh_heap *heap, struct gh_memstats *s)
{
    struct alloc_counts c;
    gospace_sum_counts(&heap->space, &c);
    uint64_t freed_bytes = load(&c.large_free_bytes);
    s->mallocs = load(&c.large_allocs);
    s->frees = load(&c.large_frees);
    s->total_alloc = load(&c.large_alloc_bytes);
    for (unsigned i = 1; i < GH_CLASSES; i++) {
        uint64_t mallocs = load(&c.small_allocs[i]), frees = load(&c.small_frees[i]);
        s->by_size[i].size = sizeclass_bytes[i];
        s->by_size[i].mallocs = mallocs;
        s->by_size[i].frees = frees;
        s->mallocs += mallocs;
        s->frees += frees;
        s->total_alloc += mallocs * sizeclass_bytes[i];
        freed_bytes += frees * sizeclass_bytes[i];
    }
    s->heap_objects = s->mallocs - s->frees;
    s->alloc = s->heap_alloc = s->total_alloc - freed_bytes;
    /* objects packed into a tiny block are born and die uncounted; Go books them on both sides
     */
    s->tiny_allocs = load(&heap->tiny_retired);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m))
        s->tiny_allocs += m->pub.tiny_allocs;
    s->mallocs += s->tiny_allocs;
    s->frees += s->tiny_allocs;
}

static void
memstats_system(struct gh_heap *heap, struct gh_memstats *s)
{
    struct pages_stats p;
    pages_read_stats(&heap->pages, &p);
    s->heap_inuse = p.inuse;
    s->heap_idle = p.free;
    s->heap_sys = p.inuse + p.free;
    s->heap_released = p.released;
    s->trimmed = load(&heap->space.trimmed);
    s->stack_inuse = s->stack_sys = p.stacks;
    s->mspan_inuse = p.mspan_inuse;
    s->mspan_sys = load(&heap->account.sys[OS_MSPAN]);
    s->mcache_inuse = heap->sched.nmutators * sizeof(struct mutator);
    s->mcache_sys = load(&heap->account.sys[OS_MCACHE]);
    s->buck_hash_sys = load(&heap->account.sys[OS_BUCKHASH]);
    s->gc_sys = load(&heap->account.sys[OS_GC]) + p.gc_work;
    s->other_sys = load(&heap->account.sys[OS_OTHER]);
    s->sys = s->heap_sys + s->stack_sys + s->mspan_sys + s->mcache_sys + s->buck_hash_sys +
             s->gc_sys + s->other_sys;
    /* of the other kinds the door's are the only books, and types may be made meanwhile by
     * threads that do not stop with the world */
    uint64_t booked = load(&heap->account.sys[OS_HEAP]);
    CHECK(p.mapped == booked,
          "memstats: the heap's parts add up to %" PRIu64
          " bytes, the OS door has booked %" PRIu64,
          p.mapped, booked);
}

static void
memstats_cycles(struct gh_heap *heap, struct gh_memstats *s)
{
    const struct gc_totals *t = &heap->totals;
    s->num_gc = atomic_load_explicit(&t->num_gc, memory_order_relaxed);
    s->num_forced_gc = t->num_forced;
    s->next_gc = pacer_heap_goal(&heap->pacer);
    s->last_gc_unix_ns = t->last_gc_unix_ns;
    s->pause_total_ns = t->pause_total_ns;
    for (int i = 0; i < 256; i++) {
        s->pause_ns[i] = t->pause_ns[i];
        s->pause_end_unix_ns[i] = t->pause_end_unix_ns[i];
    }
    double avail = (double)gh_heap_now(heap) * heap->config.procs;
    if (avail > 0)
        s->gc_cpu_fraction = (double)(t->mark_cpu_ns + t->pause_cpu_ns) / avail;
    s->gc_cpu_mark_assist_ns = t->assist_cpu_ns;
    s->gc_cpu_mark_dedicated_ns = t->mark_cpu_ns - t->assist_cpu_ns;
    s->gc_cpu_mark_idle_ns = t->idle_cpu_ns;
    s->gc_cpu_pause_ns = t->pause_cpu_ns;
    s->scavenge_background_ns = load(&heap->background.scavenge_cpu_ns);
    s->heap_live = pacer_live(&heap->pacer);
    s->heap_marked = heap->pacer.heap_marked;
    s->heap_peak = t->heap_peak > s->heap_live ? t->heap_peak : s->heap_live;
    s->stack_scan = t->stack_scan;
    s->globals_scan = t->globals_scan;
    s->heap_scan = t->heap_scan;
}

void
heap_read_memstats_stw(struct gh_heap *heap, struct gh_memstats *out)
{
    *out = (struct gh_memstats){0};
    gospace_finish_sweep(&heap->space);
    heap_book_flushed(heap, heap_flush_mutators_stw(heap));
    memstats_objects(heap, out);
    memstats_system(heap, out);
    memstats_cycles(heap, out);
    out->stack_copies = heap->sched.copies_retired;
    out->stack_shrinks = heap->sched.shrinks_retired;
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m)) {
        out->stack_copies += m->stack_copies;
        out->stack_shrinks += m->stack_shrinks;
    }
}

void
gh_read_memstats(struct gh_heap *heap, struct gh_mutator *m, struct gh_memstats *out)
{
    struct actor *self = m == NULL ? NULL : &mutator_of(m)->actor;
    world_stop(&heap->sched, self);
    heap_read_memstats_stw(heap, out);
    world_start(&heap->sched, self);
}

bool
gh_memstats_check(const struct gh_memstats *s, struct gh_error *err)
{
    uint64_t sys = s->heap_sys + s->stack_sys + s->mspan_sys + s->mcache_sys +
                   s->buck_hash_sys + s->gc_sys + s->other_sys;
    if (s->heap_sys != s->heap_idle + s->heap_inuse)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "memstats: HeapSys %" PRIu64 " is not HeapIdle %" PRIu64
                            " + HeapInuse %" PRIu64,
                            s->heap_sys, s->heap_idle, s->heap_inuse);
    if (s->sys != sys)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "memstats: Sys %" PRIu64 " is not the sum of its parts %" PRIu64,
                            s->sys, sys);
    if (s->mallocs < s->frees || s->mallocs - s->frees != s->heap_objects)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "memstats: Mallocs %" PRIu64 " - Frees %" PRIu64
                            " is not HeapObjects %" PRIu64,
                            s->mallocs, s->frees, s->heap_objects);
    if (s->heap_released > s->heap_idle || s->num_forced_gc > s->num_gc ||
        s->heap_alloc > s->heap_inuse)
        return gh_error_set(
            err, GH_EXIT_FAILED,
            "memstats: out of bounds: HeapReleased %" PRIu64 " of HeapIdle %" PRIu64
            ", NumForcedGC %u of NumGC %u, HeapAlloc %" PRIu64 " of HeapInuse %" PRIu64,
            s->heap_released, s->heap_idle, s->num_forced_gc, s->num_gc, s->heap_alloc,
            s->heap_inuse);
    return true;
}
