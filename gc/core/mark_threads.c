/* mark_threads.c - see mark_threads.h.
 *
 * A thread sleeps on the condition `work` until a phase is on and there is something to mark
 * and a processor to be had. Who publishes work while one is free, and who gives his up to wait
 * for the marking, wakes one, by a hint without the lock, which may be missed; so one of those
 * that sleep wakes by itself every TICK_NS while a phase is on. It then also asks mutators for
 * a slice if there is work that nobody does, because all processors belong to mutators that do
 * not allocate. Outside of a phase nobody wakes. */
#include "gc/core/mark_threads.h"

#include "gc/core/assist.h"
#include "gc/core/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS_MAX = 1024,
    WATCHDOG_TICKS = 5000,                     /* 10 s */
    CHUNK_WORK = GH_TORTURE ? 256 : 32 * 1024, /* bytes scanned between looks around */
};
static const int64_t TICK_NS = INT64_C(2) * 1000 * 1000;
static const int64_t BOOK_NS = INT64_C(5) * 1000 * 1000; /* half of the limiter's period */
static const int64_t LOOK_NS = INT64_C(20) * 1000;       /* for work, before going to sleep */

/* --- one turn with a processor --- */

/* What has been scanned since the last call pays for what mutators allocate. */
static void
thread_credit(struct mark_phase *p, const struct mark_worker *w, uint64_t *reported)
{
    int64_t did = (int64_t)(w->scan_work - *reported);
    *reported = w->scan_work;
    assist_credit(p, did);
}

/* Nothing to do at this moment: others may be about to publish. */
static bool
thread_look_for_work(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    int64_t until = os_now_ns() + LOOK_NS;
    bool found = false;
    atomic_fetch_add_explicit(&p->marker->hungry, 1, memory_order_relaxed);
    while (!found && !actor_is_wanted(&t->actor) && os_now_ns() < until) {
        for (int i = 0; i < 32; i++)
            __builtin_ia32_pause();
        found = mark_phase_any_work(p);
    }
    atomic_fetch_sub_explicit(&p->marker->hungry, 1, memory_order_relaxed);
    return found;
}

/* The time since it was booked last. */
static void
thread_book(struct mark_thread *t)
{
    struct pacer *p = &t->phase->heap->pacer;
    int64_t now = os_now_ns(), ns = now - t->booked_ns;
    t->booked_ns = now;
    /* relaxed: a sum */
    atomic_fetch_add_explicit(t->role == ACTOR_DEDICATED ? &p->dedicated_ns : &p->idle_ns, ns,
                              memory_order_relaxed);
    if (t->role == ACTOR_IDLE)
        limiter_add_idle_ns(&t->phase->heap->limiter, ns);
    heap_update_limiter(t->phase->heap);
}

static void
thread_drain(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    struct mark_worker *w = &t->work;
    uint64_t reported = w->scan_work;
    bool more = true;
    mark_phase_begin_drain(p, w);
    while (more && !actor_is_wanted(&t->actor)) {
        w->scan_limit = w->scan_work + CHUNK_WORK;
        more = mark_phase_drain(p, w);
        thread_credit(p, w, &reported);
        if (os_now_ns() - t->booked_ns > BOOK_NS)
            thread_book(t);
    }
    mark_phase_end_drain(p, w);
    thread_credit(p, w, &reported);
}

/* RUNNING: mark until there is nothing to do, or the processor is wanted. */
static void
thread_run(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    t->booked_ns = os_now_ns();
    while (mark_phase_is_on(p)) {
        thread_drain(t);
        bool go_on =
            !actor_is_wanted(&t->actor) && (mark_phase_any_work(p) || thread_look_for_work(t));
        thread_book(t);
        mark_phase_finish_if_quiet(p, &t->actor);
        if (!go_on)
            return;
    }
}

/* --- getting and giving back the processor --- */

/* Whether this thread should try, and as what. */
static bool
thread_is_needed_locked(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    if (!mark_phase_is_on(p) || !(mark_phase_any_work(p) || mark_phase_wants_end(p)))
        return false;
    t->role = ACTOR_IDLE;
    if (mark_phase_wants_dedicated(p)) {
        t->role = ACTOR_DEDICATED;
        return true;
    }
    /* relaxed: hints; idle_active is written under this lock */
    return procs_any_free(&p->heap->sched.procs) &&
           atomic_load_explicit(&p->idle_active, memory_order_relaxed) <
               atomic_load_explicit(&p->idle_max, memory_order_relaxed);
}

static bool
thread_enter(struct mark_thread *t)
{
    struct procs *procs = &t->phase->heap->sched.procs;
    bool entered = true;
    lock_acquire(&procs->lock);
    t->actor.kind = t->role;
    if (t->role == ACTOR_DEDICATED) {
        actor_enter_locked(procs, &t->actor);
    } else {
        /* in a stop all processors are free, and there may be work: do not try again and again
         */
        procs_wait_for_start_locked(procs);
        entered = actor_try_enter_locked(procs, &t->actor);
    }
    lock_release(&procs->lock);
    return entered;
}

static void
thread_leave(struct mark_thread *t)
{
    struct procs *procs = &t->phase->heap->sched.procs;
    lock_acquire(&procs->lock);
    actor_leave_locked(procs, &t->actor, ACTOR_BLOCKED);
    lock_release(&procs->lock);
}

/* The lock is held at entry and exit, not between. */
static void
thread_turn_locked(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    /* Each is counted until its turn is over, even if that is late and the next phase has
     * begun: it may be one of that phase's. */
    _Atomic(int) *active = t->role == ACTOR_IDLE ? &p->idle_active : &p->dedicated_active;
    atomic_fetch_add_explicit(active, 1, memory_order_relaxed);
    lock_release(&p->lock);
    if (thread_enter(t)) {
        thread_run(t);
        thread_leave(t);
    }
    lock_acquire(&p->lock);
    atomic_fetch_sub_explicit(active, 1, memory_order_relaxed);
}

/* A running mutator that does not come to a safepoint holds up the end of marking: as in a stop
 * of the world it is reported by name, after some 10 s in which this process ran. */
static void
thread_watch_locked(struct mark_phase *p)
{
    struct procs *procs = &p->heap->sched.procs;
    const struct actor *late = NULL;
    lock_release(&p->lock);
    lock_acquire(&procs->lock);
    for (struct actor *a = procs->actors; a != NULL && late == NULL; a = a->next)
        if ((a->requests & (REQUEST_SCAN | REQUEST_FLUSH)) != 0 &&
            actor_state(a) == ACTOR_RUNNING)
            late = a;
    if (late == NULL)
        p->waiting_ticks = 0;
    else if (++p->waiting_ticks >= WATCHDOG_TICKS)
        gh_throw(
            "marking: mutator \"%s\" has not reached a safepoint for 10 s; its loop needs a "
            "gh_poll, its wait a gh_blocked_enter",
            late->name);
    lock_release(&procs->lock);
    lock_acquire(&p->lock);
}

/* Work, or the end of it, and nobody sees to it: ask those who have the processors. (It may be
 * a thread that is no actor that has brought about the end, by removing roots.) */
static void
thread_tick_locked(struct mark_phase *p)
{
    struct procs *procs = &p->heap->sched.procs;
    if (!(mark_phase_any_work(p) || mark_phase_wants_end(p)) || procs_any_free(procs) ||
        atomic_load(&p->busy) > 0)
        return;
    lock_release(&p->lock);
    lock_acquire(&procs->lock);
    world_post_locked(&p->heap->sched, REQUEST_SLICE);
    lock_release(&procs->lock);
    lock_acquire(&p->lock);
}

static void
thread_sleep_locked(struct mark_thread *t)
{
    struct mark_phase *p = t->phase;
    atomic_fetch_add_explicit(&p->asleep, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->marker->hungry, 1, memory_order_relaxed);
    if (p->ticking || !mark_phase_is_on(p)) {
        cond_wait(&p->work, &p->lock);
    } else {
        p->ticking = true;
        cond_wait_until(&p->work, &p->lock, p->tick_at_ns);
        p->ticking = false;
        if (os_now_ns() >= p->tick_at_ns) { /* woken by others or not */
            p->tick_at_ns = os_now_ns() + TICK_NS;
            thread_watch_locked(p);
            thread_tick_locked(p);
        }
    }
    atomic_fetch_sub_explicit(&p->marker->hungry, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&p->asleep, 1, memory_order_relaxed);
}

static void *
thread_main(void *arg)
{
    struct mark_thread *t = arg;
    struct mark_phase *p = t->phase;
    lock_acquire(&p->lock);
    while (!p->closing) {
        if (thread_is_needed_locked(t))
            thread_turn_locked(t);
        else
            thread_sleep_locked(t);
    }
    lock_release(&p->lock);
    return NULL;
}

/* --- starting and ending --- */

bool
mark_threads_open(struct mark_phase *p)
{
    int n = p->heap->config.procs;
    p->nthreads_max = n < THREADS_MAX ? (unsigned)n : THREADS_MAX;
    p->threads = aligned_alloc(GH_CACHELINE, p->nthreads_max * sizeof *p->threads);
    if (p->threads != NULL)
        memset(p->threads, 0, p->nthreads_max * sizeof *p->threads);
    return p->threads != NULL;
}

static bool
thread_start_locked(struct mark_phase *p, struct mark_thread *t)
{
    struct procs *procs = &p->heap->sched.procs;
    t->phase = p;
    t->index = p->nthreads;
    marker_init_worker(p->marker, &t->work);
    t->work.wanted = &t->poke;
    t->work.stealable = true;
    snprintf(t->actor.name, sizeof t->actor.name, "mark worker %u", t->index);
    lock_release(&p->lock);
    lock_acquire(&procs->lock);
    actor_add_locked(procs, &t->actor, ACTOR_IDLE, &t->poke);
    lock_release(&procs->lock);
    bool started = pthread_create(&t->thread, NULL, thread_main, t) == 0;
    if (!started) {
        lock_acquire(&procs->lock);
        actor_remove_locked(procs, &t->actor);
        lock_release(&procs->lock);
    }
    lock_acquire(&p->lock);
    if (started)
        marker_add_victim(p->marker, &t->work);
    return started;
}

void
mark_threads_start(struct mark_phase *p)
{
    lock_acquire(&p->lock);
    /* The cycle may be over by now, and another about to be launched by somebody else: one at a
     * time, as the lock is given up meanwhile. */
    bool first = !p->starting;
    while (first && p->nthreads < p->nthreads_max) {
        p->starting = true;
        bool started = thread_start_locked(p, &p->threads[p->nthreads]);
        p->starting = false;
        if (!started)
            break;
        p->nthreads++;
    }
    p->tick_at_ns = os_now_ns() + TICK_NS;
    /* one for each processor that is there for it, and at least one: who finds none, or nothing
     * to do, ticks. relaxed: hints */
    int wake = atomic_load_explicit(&p->dedicated_max, memory_order_relaxed) +
               atomic_load_explicit(&p->heap->sched.procs.nfree, memory_order_relaxed);
    do
        cond_signal(&p->work);
    while (--wake > 0);
    lock_release(&p->lock);
}

void
mark_threads_close(struct mark_phase *p)
{
    struct procs *procs = &p->heap->sched.procs;
    lock_acquire(&p->lock);
    p->closing = true;
    cond_broadcast(&p->work);
    lock_release(&p->lock);
    for (unsigned i = 0; i < p->nthreads; i++) {
        pthread_join(p->threads[i].thread, NULL);
        lock_acquire(&procs->lock);
        actor_remove_locked(procs, &p->threads[i].actor);
        lock_release(&procs->lock);
    }
    free(p->threads);
}

void
mark_threads_add_up_stw(struct mark_phase *p, struct mark_result *out)
{
    for (unsigned i = 0; i < p->nthreads; i++) {
        worker_finish(&p->threads[i].work);
        marker_add_up(&p->threads[i].work, out);
    }
}
