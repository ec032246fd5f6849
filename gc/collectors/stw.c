/* stw.c - the stop-the-world collector: mark in parallel with everybody stopped, sweep lazily
 * and in the background afterwards. Go with GODEBUG=gcstoptheworld=1 behaves like this.
 *
 * The cycle is docs/design/foundation.md, "What must hold at each collection". */
#include "gc/collectors/collectors.h"

#include "alloc/pages/stackmem.h"

#include <string.h>

/* Phase 1, stopped: no sweeping is under way, nothing is cached. */
static void
stw_sweep_termination(struct gh_heap *heap)
{
    gospace_finish_sweep(&heap->space);
    heap_flush_mutators_stw(heap); /* heapLive starts anew at the end of the cycle */
    pools_clean_stw(&heap->pools);
    /* relaxed: the world is stopped */
    atomic_store_explicit(&heap->pages.gc_running, true, memory_order_relaxed);
}

/* Phase 2, stopped: everything reachable is marked. */
static void
stw_mark(struct gh_heap *heap, struct gh_cycle *c, bool verify)
{
    struct marker *k = &heap->marker;
    gospace_start_mark_stw(&heap->space);
    marker_begin_stw(k);
    c->globals_scan = roots_scan_stw(&heap->roots, marker_root, &k->workers[0]);
    c->globals_scan += side_roots_visit(&heap->side_roots, marker_root, &k->workers[0]);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m))
        c->stack_scan += stack_scan(m, marker_root, &k->workers[0]);
    specials_mark_roots_stw(heap, &k->workers[0]);

    struct mark_result found;
    marker_finish_stw(k, &found);
    c->heap_marked = found.bytes;
    c->heap_scan = found.scan_bytes;
    memcpy(c->scan, found.scan, sizeof c->scan);
    c->objects_marked = found.objects;
    c->dedicated_cpu_ns = found.cpu_ns;
    if (verify) {
        size_t reached = verify_marks_stw(heap);
        CHECK(reached == found.objects, "stw_mark: %zu objects are reachable, %llu were marked",
              reached, (unsigned long long)found.objects);
    }
}

/* Phase 3, stopped: the generation changes; what is not marked is free from here on. */
static void
stw_mark_termination(struct gh_heap *heap, struct gh_cycle *c, bool verify)
{
    c->heap_at_end = pacer_live(&heap->pacer);
    gospace_start_sweep_stw(&heap->space);
    atomic_store_explicit(&heap->pages.gc_running, false, memory_order_relaxed);
    stackmem_release_unused(&heap->pages);
    if (verify || heap->config.debug.gcstoptheworld > 1)
        gospace_finish_sweep(&heap->space);
    if (verify)
        verify_heap_stw(heap);
    pacer_end_stopped(&heap->pacer, c->heap_marked, c->heap_scan, c->stack_scan,
                      c->globals_scan);
    int64_t now = gh_heap_now(heap);
    c->pause_ns = now - c->start_at;
    c->mark_term_ns = c->pause_ns - c->sweep_term_ns - c->mark_ns;
    heap_book_cycle_stw(heap, c, now);
}

/* Whether the reason for this cycle still holds, now that the world is stopped: another
 * mutator may have collected while this one waited for his turn. */
static bool
stw_still_wanted(struct gh_heap *heap, enum gc_trigger why, uint32_t num_gc_seen)
{
    const struct pacer *p = &heap->pacer;
    bool by_limit = why == GC_TRIGGER_HEAP && p->memory_limit != GH_MEMORY_LIMIT_OFF;
    /* relaxed: written in a stopped world only, and it is stopped */
    return (p->gogc >= 0 || by_limit) &&
           atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed) == num_gc_seen;
}

static void
stw_collect(struct gh_heap *heap, struct mutator *self, enum gc_trigger why)
{
    background_start(heap);
    /* relaxed: compared with the same number once the world is stopped */
    uint32_t seen = atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed);
    bool verify = heap->config.verify || why == GC_TRIGGER_VERIFY;
    struct gh_cycle c = {.forced = why >= GC_TRIGGER_FORCED,
                         .procs = heap->config.procs,
                         .stw_procs = heap->config.procs};
    struct actor *actor = self == NULL ? NULL : &self->actor;
    c.stop_waits_ns[0] = c.stop_wait_ns = world_stop(&heap->sched, actor);
    c.start_at = gh_heap_now(heap) - c.stop_wait_ns;
    if (!c.forced && !stw_still_wanted(heap, why, seen)) {
        world_start(&heap->sched, actor);
        return;
    }
    c.heap_at_start = pacer_live(&heap->pacer);
    stw_sweep_termination(heap);
    struct gh_sweeping before, after;
    bool swept_before = heap_take_swept(heap, &before);
    int64_t t = gh_heap_now(heap);
    c.sweep_term_ns = t - c.start_at;
    stw_mark(heap, &c, verify || heap->config.debug.gccheckmark);
    c.mark_ns = gh_heap_now(heap) - t;
    stw_mark_termination(heap, &c, verify);
    bool swept_after = heap_take_swept(heap, &after);
    world_start(&heap->sched, actor);
    if (self != NULL)
        stack_shrink_if_wanted(self);
    background_kick(&heap->background, true);
    if (swept_before)
        heap_report_swept(heap, &before);
    heap_report_cycle(heap, &c);
    if (swept_after)
        heap_report_swept(heap, &after);
}

const struct collector collector_stw = {
    .name = "stw",
    .collect = stw_collect,
};
