/* mark_phase.c - the state of concurrent marking and its end; see mark_phase.h. The threads are
 * in mark_threads.c, what mutators do in assist.c.
 *
 * Locks: WORLD to ask mutators, WORKERS to wake and to merge counts. */
#include "gc/core/assist.h"
#include "gc/core/barrier.h"
#include "gc/core/heap.h"
#include "gc/core/mark_threads.h"

#include <stdlib.h>
#include <string.h>

static const int64_t PATIENCE_NS = INT64_C(50) * 1000;
static const int64_t FIRST_GAP_NS = INT64_C(100) * 1000; /* as if a slice of so long had been */
enum { RECHECK_WORK = 16 * 1024 }; /* bytes that may be scanned in the stop that ends marking */

/* --- open and close --- */

bool
mark_phase_open(struct mark_phase *p, struct gh_heap *heap)
{
    *p = (struct mark_phase){.heap = heap, .marker = &heap->marker, .patience_ns = PATIENCE_NS};
    lock_init(&p->lock, LOCK_RANK_WORKERS);
    cond_init(&p->work);
    cond_init(&p->paid);
    marker_init_worker(p->marker, &p->stopped_worker);
    marker_init_worker(p->marker, &p->late_worker);
    p->stopped_worker.silent = p->late_worker.silent = true;
    return mark_threads_open(p);
}

void
mark_phase_close(struct mark_phase *p)
{
    mark_threads_close(p);
    cond_finish(&p->paid);
    cond_finish(&p->work);
    lock_finish(&p->lock);
}

/* --- mutators come and go --- */

bool
mark_phase_attach(struct mark_phase *p, struct mutator *m)
{
    struct mutator_mark *mm = aligned_alloc(GH_CACHELINE, sizeof *mm);
    if (mm == NULL)
        return false;
    memset(mm, 0, sizeof *mm);
    marker_init_worker(p->marker, &mm->work);
    if (!GH_TORTURE) /* where it is raised for good */
        mm->work.wanted = &m->pub.stack_guard;
    mm->mutator = m;
    m->client = mm;
    if (mark_phase_is_on(p)) {
        m->pub.barrier = GH_BARRIER_DELETION; /* there is nothing on its stack */
        gospace_blacken_stw(&m->cache);       /* it has no runs yet */
    }
    return true;
}

void
mark_phase_detach(struct mark_phase *p, struct mutator *m)
{
    struct mutator_mark *mm = mutator_mark(m);
    barrier_flush(mm);
    marker_publish(&mm->work);
    worker_finish(&mm->work);
    lock_acquire(&p->lock);
    marker_add_up(&mm->work, &p->retired);
    lock_release(&p->lock);
    m->client = NULL;
    free(mm);
}

/* --- quiet --- */

bool
mark_phase_any_work(const struct mark_phase *p)
{
    return marker_any_work(p->marker) || roots_any_left(&p->heap->roots) ||
           specials_any_left(&p->heap->specials) || side_roots_any_left(&p->heap->side_roots);
}

/* seq_cst: Note [end of marking] */
static bool
phase_is_quiet(const void *phase)
{
    const struct mark_phase *p = phase;
    return atomic_load(&p->busy) == 0 && !mark_phase_any_work(p) &&
           atomic_load(&p->stacks_left) == 0;
}

static bool
phase_has_answers(const struct mark_phase *p)
{
    return atomic_load(&p->finishing) == FINISH_ASKED && atomic_load(&p->acks_left) == 0;
}

bool
mark_phase_wants_end(const struct mark_phase *p)
{
    return phase_has_answers(p) ||
           (phase_is_quiet(p) && atomic_load(&p->finishing) == FINISH_NOBODY);
}

void
mark_phase_wake(struct mark_phase *p)
{
    /* relaxed: hints; a thread that sleeps in spite of work looks again after a while */
    if (atomic_load_explicit(&p->asleep, memory_order_relaxed) == 0 || !mark_phase_is_on(p))
        return;
    lock_acquire(&p->lock);
    cond_signal(&p->work);
    lock_release(&p->lock);
}

static void
phase_published(void *ctx)
{
    struct mark_phase *p = ctx;
    /* relaxed, all: hints */
    if (atomic_load_explicit(&p->little, memory_order_relaxed))
        return;
    if (procs_any_free(&p->heap->sched.procs) || mark_phase_wants_dedicated(p))
        mark_phase_wake(p);
}

/* --- draining --- */

void
mark_phase_begin_drain(struct mark_phase *p, struct mark_worker *w)
{
    atomic_fetch_add(&p->busy, 1);
    worker_ready(w);
}

static bool
phase_scan_roots(struct mark_phase *p, struct mark_worker *w)
{
    size_t slots = roots_scan_piece(&p->heap->roots, marker_root, w);
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&p->heap->pacer.globals_scan_work,
                              (int64_t)(slots * sizeof(void *)), memory_order_relaxed);
    return slots > 0;
}

bool
mark_phase_drain(struct mark_phase *p, struct mark_worker *w)
{
    if (roots_any_left(&p->heap->roots) && phase_scan_roots(p, w))
        return true;
    if (specials_any_left(&p->heap->specials) && specials_mark_piece(&p->heap->specials, w))
        return true;
    if (side_roots_any_left(&p->heap->side_roots) &&
        side_roots_mark_piece(&p->heap->side_roots, w))
        return true;
    return !marker_drain(w) && w->scan_work >= w->scan_limit;
}

void
mark_phase_end_drain(struct mark_phase *p, struct mark_worker *w)
{
    marker_publish(w);
    atomic_fetch_sub(&p->busy, 1);
}

/* --- requests --- */

static void
phase_scan_stack(struct mark_phase *p, struct mutator *m)
{
    struct mutator_mark *mm = mutator_mark(m);
    worker_ready(&mm->work);
    size_t bytes = stack_scan(m, marker_root, &mm->work);
    m->pub.barrier = GH_BARRIER_DELETION;
    marker_publish(&mm->work);
    /* relaxed: sums */
    atomic_fetch_add_explicit(&p->stack_scan, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->heap->pacer.stack_scan_work, (int64_t)bytes,
                              memory_order_relaxed);
    atomic_fetch_sub(&p->stacks_left, 1);
}

/* The ragged barrier is complete and `self` is the one to decide. */
static void
phase_decide(struct mark_phase *p, struct actor *self)
{
    if (!atomic_load(&p->flushed) && phase_is_quiet(p) && p->terminate(p->heap, self))
        return; /* the end has cleared `finishing` in the stop */
    atomic_store(&p->finishing, FINISH_NOBODY);
    phase_published(p);
    mark_phase_finish_if_quiet(p, self);
}

/* Whether everybody has answered, and the caller is the first to know. */
static bool
phase_all_answered(struct mark_phase *p)
{
    int asked = FINISH_ASKED;
    return phase_has_answers(p) &&
           atomic_compare_exchange_strong(&p->finishing, &asked, FINISH_DECIDING);
}

void
mark_phase_serve(struct mark_phase *p, struct mutator *m, uint32_t requests, bool owner)
{
    if (!mark_phase_is_on(p))
        return;
    struct mutator_mark *mm = mutator_mark(m);
    if (requests & REQUEST_SCAN)
        phase_scan_stack(p, m);
    if (requests & REQUEST_FLUSH) {
        barrier_flush(mm);
        if (marker_publish(&mm->work)) /* what the barrier only marked is no work */
            atomic_store(&p->flushed, true);
        atomic_fetch_sub(&p->acks_left, 1);
    }
    if ((requests & REQUEST_SLICE) && owner)
        assist_slice_if_due(m);
    if (owner)
        mark_phase_finish_if_quiet(p, &m->actor);
}

/* Ask everybody. The caller has moved `finishing` from NOBODY to ASKING. */
static void
phase_ask(struct mark_phase *p)
{
    struct sched *s = &p->heap->sched;
    atomic_store(&p->flushed, false);
    lock_acquire(&s->procs.lock);
    p->waiting_ticks = 0;
    atomic_store(&p->acks_left, (int)world_post_locked(s, REQUEST_FLUSH));
    atomic_store(&p->finishing, FINISH_ASKED);
    lock_release(&s->procs.lock);
    world_serve_idle(s);
}

void
mark_phase_finish_if_quiet(struct mark_phase *p, struct actor *self)
{
    int nobody = FINISH_NOBODY;
    if (!mark_phase_is_on(p))
        return;
    if (phase_is_quiet(p) &&
        atomic_compare_exchange_strong(&p->finishing, &nobody, FINISH_ASKING))
        phase_ask(p);
    if (phase_all_answered(p))
        phase_decide(p, self);
}

/* --- begin and end --- */

void
mark_phase_start_stw(struct mark_phase *p)
{
    struct gh_heap *heap = p->heap;
    int64_t now = os_now_ns();
    p->marker->published = phase_published;
    p->marker->published_ctx = p;
    p->retired = (struct mark_result){0};
    atomic_store(&p->busy, 0);
    atomic_store(&p->finishing, FINISH_NOBODY);
    atomic_store_explicit(&p->parks, 0, memory_order_relaxed);
    atomic_store_explicit(&p->stack_scan, 0, memory_order_relaxed);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m)) {
        struct mutator_mark *mm = mutator_mark(m);
        mm->credit_bytes = 0;
        /* the first slice is due when idle processors have had time to begin */
        mm->slice_end_ns = now;
        mm->slice_ns = FIRST_GAP_NS;
        m->pub.barrier = GH_BARRIER_FULL;
        m->pub.fresh_bytes = 0; /* all it has is older than this cycle */
    }
    lock_acquire(&heap->sched.procs.lock);
    p->waiting_ticks = 0;
    atomic_store(&p->stacks_left, (int)world_post_locked(&heap->sched, REQUEST_SCAN));
    lock_release(&heap->sched.procs.lock);
    atomic_store_explicit(&p->dedicated_max, heap->pacer.dedicated, memory_order_relaxed);
    atomic_store_explicit(&p->idle_max, heap->pacer.idle_max, memory_order_relaxed);
    atomic_store_explicit(&p->on, true, memory_order_relaxed);
}

void
mark_phase_launch(struct mark_phase *p)
{
    mark_threads_start(p);
    world_serve_idle(&p->heap->sched);
}

bool
mark_phase_has_threads(struct mark_phase *p)
{
    lock_acquire(&p->lock);
    bool any = p->nthreads > 0;
    lock_release(&p->lock);
    return any;
}

/* Publish everything that anybody holds. True if there was anything. */
static bool
phase_flush_stw(struct mark_phase *p)
{
    bool any = false;
    for (struct mutator *m = world_first(&p->heap->sched); m != NULL; m = world_next(m)) {
        struct mutator_mark *mm = mutator_mark(m);
        barrier_flush(mm);
        any |= marker_publish(&mm->work);
    }
    return any;
}

bool
mark_phase_recheck_stw(struct mark_phase *p, bool *late)
{
    struct mark_worker *w = &p->stopped_worker;
    uint64_t limit = w->scan_work + RECHECK_WORK;
    *late = phase_flush_stw(p) || !phase_is_quiet(p);
    while (!roots_try_end_stw(&p->heap->roots, phase_is_quiet, p)) {
        if (w->scan_work >= limit || atomic_load(&p->stacks_left) > 0)
            return false;
        w->scan_limit = limit;
        mark_phase_begin_drain(p, w);
        mark_phase_drain(p, w);
        mark_phase_end_drain(p, w);
    }
    return true;
}

void
mark_phase_end_stw(struct mark_phase *p, struct mark_result *out)
{
    CHECK(phase_is_quiet(p), "mark_phase_end_stw: work is left");
    atomic_store_explicit(&p->on, false, memory_order_relaxed);
    p->marker->published = NULL;
    *out = p->retired;
    for (struct mutator *m = world_first(&p->heap->sched); m != NULL; m = world_next(m)) {
        struct mutator_mark *mm = mutator_mark(m);
        CHECK(mm->nbuffered == 0, "mark_phase_end_stw: %s has %u grey objects in its buffer",
              m->actor.name, mm->nbuffered);
        worker_finish(&mm->work);
        marker_add_up(&mm->work, out);
        m->pub.barrier = GH_BARRIER_OFF;
    }
    worker_finish(&p->stopped_worker);
    marker_add_up(&p->stopped_worker, out);
    worker_finish(&p->late_worker);
    marker_add_up(&p->late_worker, out);
    mark_threads_add_up_stw(p, out);
    atomic_store(&p->finishing, FINISH_NOBODY);
}

void
mark_phase_ended(struct mark_phase *p)
{
    /* relaxed: a hint; who parks looks again after a while */
    if (atomic_load_explicit(&p->parked, memory_order_relaxed) == 0)
        return;
    lock_acquire(&p->lock);
    cond_broadcast(&p->paid);
    lock_release(&p->lock);
}
