/* go.c - Go's collector: the world stops twice, briefly; everything else happens beside the
 * mutators. Go: mgc.go.
 *
 *     sweep termination  stop 1: runs turn black, barriers go on, old marks are forgotten
 *     mark               roots and stacks, then all that hangs on them (mark_phase.h)
 *     mark termination   stop 2: every buffer looked at once more; runs and marks become the
 *                        next cycle's free slots
 *     sweep              in proportion to allocation, and in the background
 *
 * docs/design/cycle.md follows a cycle from trigger to trigger.
 *
 * A cycle has no thread of its own. The mutator that finds it due runs stop 1, and goes on; the
 * thread that finds marking done runs stop 2, and reports. Until the report is out no other
 * cycle begins, so that observers see cycles in order. Who asks for a collection (gh_gc) starts
 * one and waits, blocked, so that its processor marks. */
#include "gc/collectors/collectors.h"

#include "alloc/pages/stackmem.h"
#include "gc/core/assist.h"

#include <string.h>

/* Without worker threads: how long to wait before looking again for something to mark. */
static const int64_t ALONE_NS = INT64_C(1) * 1000 * 1000;
static const int64_t LITTLE_WORK = INT64_C(64) * 1024; /* what is little to mark, in bytes */

static enum cycle_state
go_state(const struct gh_heap *heap)
{
    /* acquire: who sees NONE sees the books of the cycle before */
    return (enum cycle_state)atomic_load_explicit(&heap->cycles.state, memory_order_acquire);
}

/* --- stop 1 --- */

/* Whether the reason still holds, now that no other cycle can begin. */
static bool
go_still_wanted(const struct gh_heap *heap, enum gc_trigger why)
{
    switch (why) {
    case GC_TRIGGER_HEAP:
        return pacer_is_due(&heap->pacer, 0);
    case GC_TRIGGER_TIME:
        return heap->pacer.gogc >= 0;
    case GC_TRIGGER_TORTURE:
    case GC_TRIGGER_FORCED:
    case GC_TRIGGER_VERIFY:
        break;
    }
    return true;
}

/* Whether the cycle will have little to mark, if it is like the last one. */
static bool
go_is_little(const struct gh_heap *heap)
{
    /* relaxed: counted in a stopped world */
    bool first = atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed) == 0;
    return !first && pacer_work_expected(&heap->pacer) <= LITTLE_WORK;
}

static void
go_begin_mark_stw(struct gh_heap *heap, enum gc_trigger why)
{
    struct gh_cycle *c = &heap->cycles.cycle;
    uint64_t stacks = 0;
    c->heap_at_start = pacer_live(&heap->pacer);
    /* relaxed: the world is stopped */
    atomic_store_explicit(&heap->pages.gc_running, true, memory_order_relaxed);
    gospace_finish_sweep(&heap->space);
    gospace_start_mark_stw(&heap->space);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m)) {
        gospace_blacken_stw(&m->cache);
        m->pub.tiny = 0; /* a white block must not be filled with new objects */
        m->pub.tiny_offset = 0;
        stacks += m->stack_hi - m->stack_lo;
    }
    atomic_store_explicit(&heap->pacer.max_stack_scan, stacks, memory_order_relaxed);
    c->globals_scan = roots_start_stw(&heap->roots);
    specials_start_stw(&heap->specials);
    pools_clean_stw(&heap->pools);
    side_roots_start_stw(&heap->side_roots);
    atomic_store_explicit(&heap->pacer.globals_scan, c->globals_scan, memory_order_relaxed);
    pacer_start_cycle(&heap->pacer, os_now_ns(), heap->config.procs, why == GC_TRIGGER_TIME);
    mark_phase_start_stw(&heap->mark_phase);
    atomic_store_explicit(&heap->mark_phase.little, go_is_little(heap), memory_order_relaxed);
}

/* Begin a cycle, if none is under way and it is still wanted. `self` RUNNING. */
static bool
go_start(struct gh_heap *heap, struct actor *self, enum gc_trigger why)
{
    struct cycles *y = &heap->cycles;
    int none = CYCLE_NONE;
    if (!atomic_compare_exchange_strong(&y->state, &none, CYCLE_STARTING))
        return false;
    if (!go_still_wanted(heap, why)) {
        atomic_store_explicit(&y->state, CYCLE_NONE, memory_order_release);
        return false;
    }
    lock_acquire(&y->lock); /* first, so that who finds it under way has a number to wait for */
    y->started++;
    lock_release(&y->lock);
    background_start(heap);
    gospace_finish_sweep(&heap->space); /* there is little left, if the pace was kept */
    heap_watch_sweep(heap);
    gospace_prepare_mark(&heap->space);

    struct gh_cycle *c = &y->cycle;
    *c = (struct gh_cycle){.forced = why == GC_TRIGGER_FORCED || why == GC_TRIGGER_VERIFY,
                           .procs = heap->config.procs,
                           .stw_procs = heap->config.procs,
                           .limiter_on = limiter_is_on(&heap->limiter)};
    y->verify = heap->config.verify || why == GC_TRIGGER_VERIFY;
    y->checkmark = y->verify || heap->config.debug.gccheckmark;
    c->stop_waits_ns[0] = world_stop(&heap->sched, self);
    c->start_at = gh_heap_now(heap) - c->stop_waits_ns[0];
    heap_limiter_stop_stw(heap, true, os_now_ns());
    go_begin_mark_stw(heap, why);
    heap_limiter_go_stw(heap);
    c->sweep_term_ns = gh_heap_now(heap) - c->start_at;
    atomic_store_explicit(&y->state, CYCLE_MARKING, memory_order_release);
    world_start(&heap->sched, self);
    return true;
}

/* Little to mark is marked by who began the cycle, before anybody is woken for it: that would
 * take longer. He keeps his processor meanwhile, since nobody else sees to the cycle. Returns
 * whether it is over. */
static bool
go_mark_little(struct gh_heap *heap, struct mutator *self)
{
    struct mark_phase *p = &heap->mark_phase;
    int64_t until = os_now_ns() + p->patience_ns;
    mutator_serve(self); /* its stack is scanned */
    world_serve_idle(&heap->sched);
    assist_in_background(self, LITTLE_WORK);
    for (;;) {
        mark_phase_finish_if_quiet(p, &self->actor);
        if (!mark_phase_is_on(p))
            return true;
        if (os_now_ns() >= until || procs_stop_wanted(&heap->sched.procs))
            return false;
        __builtin_ia32_pause(); /* others have yet to answer */
        if (actor_is_wanted(&self->actor))
            mutator_serve(self);
    }
}

/* A cycle has begun: have it marked. `m` NULL: the caller is no mutator. */
static void
go_launch(struct gh_heap *heap, struct actor *self, struct mutator *m)
{
    struct mark_phase *p = &heap->mark_phase;
    /* relaxed: it was set in the stop */
    if (m != NULL && atomic_load_explicit(&p->little, memory_order_relaxed) &&
        go_mark_little(heap, m))
        return;
    atomic_store_explicit(&p->little, false, memory_order_relaxed);
    mark_phase_launch(p);
    mark_phase_finish_if_quiet(p, self);
}

/* --- stop 2 --- */

static void
go_verify_stw(struct gh_heap *heap)
{
    size_t reached = verify_marks_stw(heap);
    CHECK(reached <= heap->cycles.cycle.objects_marked,
          "go_verify: %zu objects are reachable, %llu are marked", reached,
          (unsigned long long)heap->cycles.cycle.objects_marked);
}

/* What the phase has found and what was born in it. */
static void
go_add_up_stw(struct gh_heap *heap)
{
    struct gh_cycle *c = &heap->cycles.cycle;
    struct pacer *p = &heap->pacer;
    struct mark_phase *phase = &heap->mark_phase;
    struct mark_result found;
    struct black_counts born;
    mark_phase_end_stw(phase, &found);
    heap_flush_mutators_stw(heap);
    gospace_take_black_stw(&heap->space, &born);
    c->objects_marked = found.objects + born.objects;
    c->heap_marked = found.bytes + born.bytes;
    c->heap_scan = found.scan_bytes + born.scan_bytes;
    memcpy(c->scan, found.scan, sizeof c->scan);
    /* relaxed, all of them: the world is stopped */
    c->stack_scan = atomic_load_explicit(&phase->stack_scan, memory_order_relaxed);
    c->assist_parks = atomic_load_explicit(&phase->parks, memory_order_relaxed);
    c->assist_cpu_ns = atomic_load_explicit(&p->assist_ns, memory_order_relaxed);
    c->dedicated_cpu_ns = atomic_load_explicit(&p->dedicated_ns, memory_order_relaxed) +
                          atomic_load_explicit(&p->fractional_ns, memory_order_relaxed);
    c->idle_cpu_ns = atomic_load_explicit(&p->idle_ns, memory_order_relaxed);
}

static void
go_pace_stw(struct gh_heap *heap)
{
    struct gh_cycle *c = &heap->cycles.cycle;
    struct pacer *p = &heap->pacer;
    pacer_end_cycle(p, os_now_ns(), heap->config.procs, &c->pacing);
    pacer_reset_live(p, c->heap_marked);
    heap_refresh_memory(heap);
    pacer_commit(p, false);
    uint32_t number = atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed) + 1;
    c->limiter_on |=
        limiter_is_on(&heap->limiter) || limiter_last_enabled_cycle(&heap->limiter) == number;
    atomic_store_explicit(&heap->limiter.num_gc, number, memory_order_relaxed);
}

static void
go_end_mark_stw(struct gh_heap *heap)
{
    struct cycles *y = &heap->cycles;
    y->cycle.heap_at_end = pacer_live(&heap->pacer);
    go_add_up_stw(heap);
    if (y->checkmark)
        go_verify_stw(heap);
    gospace_start_sweep_stw(&heap->space);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m))
        gospace_whiten_stw(&m->cache);
    /* relaxed: the world is stopped */
    atomic_store_explicit(&heap->pages.gc_running, false, memory_order_relaxed);
    stackmem_release_unused(&heap->pages);
    if (y->verify) {
        gospace_finish_sweep(&heap->space);
        verify_heap_stw(heap);
    }
    go_pace_stw(heap);
}

/* After the world runs again: tell everybody. */
static void
go_announce(struct gh_heap *heap)
{
    struct cycles *y = &heap->cycles;
    workbuf_pool_trim(&heap->marker.bufs); /* nobody marks before the state is NONE */
    background_kick(&heap->background, gospace_has_much_to_sweep(&heap->space));
    heap_report_cycle(heap, &y->cycle);
    heap_watch_sweep(heap); /* over already, if it was verified */
    lock_acquire(&y->lock);
    y->done++;
    atomic_store_explicit(&y->state, CYCLE_NONE, memory_order_release);
    cond_broadcast(&y->ended);
    lock_release(&y->lock);
}

static bool
go_terminate(struct gh_heap *heap, struct actor *self)
{
    struct gh_cycle *c = &heap->cycles.cycle;
    gospace_prepare_sweep(&heap->space);
    int64_t begin = gh_heap_now(heap);
    int64_t waited = world_stop(&heap->sched, self);
    bool late = false;
    bool over = mark_phase_recheck_stw(&heap->mark_phase, &late);
    c->restarts += late;
    if (!over) {
        c->restart_ns += gh_heap_now(heap) - begin;
        world_start(&heap->sched, self);
        return false;
    }
    heap_limiter_stop_stw(heap, false, os_now_ns());
    c->stop_waits_ns[1] = waited;
    c->mark_ns = begin - c->start_at - c->sweep_term_ns; /* with what was stopped in vain */
    go_end_mark_stw(heap);
    int64_t now = gh_heap_now(heap);
    c->mark_term_ns = now - begin;
    c->stop_wait_ns = c->stop_waits_ns[0] + c->stop_waits_ns[1];
    c->pause_ns = c->sweep_term_ns + c->restart_ns + c->mark_term_ns;
    heap_book_cycle_stw(heap, c, now);
    heap_limiter_go_stw(heap);
    world_start(&heap->sched, self);
    mark_phase_ended(&heap->mark_phase);
    go_announce(heap);
    return true;
}

/* --- asking for a cycle --- */

/* Wait until `n` cycles are done, without a processor; where there are no worker threads, no
 * longer than ALONE_NS. Returns whether they are. */
static bool
go_wait_blocked(struct gh_heap *heap, struct mutator *self, uint64_t n, bool alone)
{
    struct cycles *y = &heap->cycles;
    int64_t until = os_now_ns() + ALONE_NS;
    bool more = true;
    gh_blocked_enter(&self->pub);
    mark_phase_wake(&heap->mark_phase);
    lock_acquire(&y->lock);
    while (y->done < n && more)
        if (alone)
            more = cond_wait_until(&y->ended, &y->lock, until);
        else
            cond_wait(&y->ended, &y->lock);
    bool over = y->done >= n;
    lock_release(&y->lock);
    gh_blocked_exit(&self->pub);
    return over;
}

/* Wait until `n` cycles are done. */
static void
go_wait(struct gh_heap *heap, struct mutator *self, uint64_t n)
{
    struct cycles *y = &heap->cycles;
    lock_acquire(&y->lock);
    bool over = y->done >= n;
    lock_release(&y->lock);
    if (over)
        return; /* it was little */
    bool alone = !mark_phase_has_threads(&heap->mark_phase);
    do {
        if (alone)
            assist_all(self);
    } while (!go_wait_blocked(heap, self, n, alone));
}

/* A processor for a thread that is no mutator. */
static void
go_borrow_processor(struct gh_heap *heap, struct actor *self, uintptr_t *guard)
{
    struct procs *p = &heap->sched.procs;
    *self = (struct actor){.name = "background"};
    *guard = 0;
    lock_acquire(&p->lock);
    procs_wait_for_start_locked(p);
    actor_add_locked(p, self, ACTOR_DEDICATED, guard);
    actor_enter_locked(p, self);
    lock_release(&p->lock);
}

static void
go_return_processor(struct gh_heap *heap, struct actor *self)
{
    struct procs *p = &heap->sched.procs;
    lock_acquire(&p->lock);
    actor_leave_locked(p, self, ACTOR_BLOCKED); /* and remove it before a stop can begin */
    actor_remove_locked(p, self);
    lock_release(&p->lock);
}

/* One turn with a processor, until there is nothing to mark or a stop is wanted. */
static void
go_mark_turn(struct gh_heap *heap)
{
    struct mark_phase *p = &heap->mark_phase;
    struct mark_worker *w = &p->stopped_worker;
    struct actor self;
    uintptr_t guard;
    go_borrow_processor(heap, &self, &guard);
    if (mark_phase_is_on(p)) {
        w->wanted = &guard;
        w->scan_limit = UINT64_MAX; /* the last look of a cycle may have left another */
        mark_phase_begin_drain(p, w);
        while (!actor_is_wanted(&self) && mark_phase_drain(p, w))
            continue;
        mark_phase_end_drain(p, w);
        w->wanted = NULL;
        mark_phase_finish_if_quiet(p, &self);
    }
    go_return_processor(heap, &self);
}

/* There are no threads, not yet or because the machine refuses them: mark here, unless somebody
 * else does. Mutators may have to give their answers. */
GH_COLD static void
go_mark_alone(struct gh_heap *heap)
{
    struct cycles *y = &heap->cycles;
    while (go_state(heap) != CYCLE_NONE) {
        /* acquire, release: hand over the worker that marks */
        if (!atomic_exchange_explicit(&y->alone, true, memory_order_acquire)) {
            go_mark_turn(heap);
            atomic_store_explicit(&y->alone, false, memory_order_release);
        }
        lock_acquire(&y->lock);
        if (go_state(heap) != CYCLE_NONE)
            cond_wait_until(&y->ended, &y->lock, os_now_ns() + ALONE_NS);
        lock_release(&y->lock);
    }
}

/* No mutator: wait until the cycles that have begun are over. */
static void
go_settle(struct gh_heap *heap)
{
    struct cycles *y = &heap->cycles;
    if (!mark_phase_has_threads(&heap->mark_phase))
        go_mark_alone(heap);
    lock_acquire(&y->lock);
    for (uint64_t begun = y->started; y->done < begun;)
        cond_wait(&y->ended, &y->lock);
    lock_release(&y->lock);
}

/* A whole cycle that begins after the call: the one under way, if any, began too early. */
static void
go_collect_whole(struct gh_heap *heap, struct mutator *self, enum gc_trigger why)
{
    struct cycles *y = &heap->cycles;
    lock_acquire(&y->lock);
    uint64_t before = y->started;
    lock_release(&y->lock);
    for (;;) {
        bool ours = go_start(heap, &self->actor, why);
        if (ours)
            go_launch(heap, &self->actor, self);
        lock_acquire(&y->lock);
        uint64_t started = y->started;
        lock_release(&y->lock);
        go_wait(heap, self, started);
        /* somebody else's will do, but not for what only ours does */
        if (ours || (started > before && why != GC_TRIGGER_VERIFY))
            return;
    }
}

/* A whole cycle for a thread that is no mutator. */
static void
go_collect_without_mutator(struct gh_heap *heap, enum gc_trigger why)
{
    struct actor self;
    uintptr_t guard;
    go_borrow_processor(heap, &self, &guard);
    if (go_start(heap, &self, why))
        go_launch(heap, &self, NULL);
    go_return_processor(heap, &self);
    mark_phase_wake(&heap->mark_phase);
    go_settle(heap);
}

static void
go_collect(struct gh_heap *heap, struct mutator *self, enum gc_trigger why)
{
    if (self == NULL)
        go_collect_without_mutator(heap, why);
    else if (why == GC_TRIGGER_HEAP || why == GC_TRIGGER_TORTURE) {
        if (go_state(heap) == CYCLE_NONE && go_start(heap, &self->actor, why))
            go_launch(heap, &self->actor, self);
        mutator_safepoint(self);
    } else
        go_collect_whole(heap, self, why);
}

const struct collector collector_go = {
    .name = "go",
    .concurrent = true,
    .collect = go_collect,
    .terminate = go_terminate,
    .settle = go_settle,
};
