/* mark_phase.h - marking beside the mutators: who does it, and how everybody learns that it is
 * done. Go: gcDrain, gcMarkDone, gcBgMarkWorker.
 *
 * Marking is done by drainers: worker threads that hold a processor, and mutators that lend
 * theirs for a slice of time (assist.h). Between slices a mutator holds no grey objects but
 * those in its barrier buffer and what its last flush made of it: what a slice leaves is
 * published for all. The threads' queued pages may be stolen; those of mutators may not, whose
 * memory goes when they detach.
 *
 * Note [end of marking]. The phase is quiet when nobody drains, no work is published, no root
 * is left and every stack has been scanned:
 *
 *     busy == 0 && nothing in the full list && roots left == 0 && stacks_left == 0
 *
 * (A page in a thread's queue needs no term of its own: the thread is counted in busy as long
 * as there is one, and so is who steals it. It holds none when it has left busy.)
 *
 * Whoever changes one of these looks whether it is quiet afterwards. Its parts are read one
 * after another, and the full list without order, so the answer may be wrong either way: a yes
 * is confirmed in the stop, and where everybody saw a no a mark thread looks again every
 * few milliseconds (mark_threads.c). Quiet is not yet done: barrier buffers may hold grey
 * objects. So whoever finds it quiet starts a ragged barrier: every mutator is asked, at a
 * safepoint of its own, to publish what it has (`acks_left` counts those who have not). If
 * nobody had anything and it is still quiet then, the world is stopped. A store after a
 * mutator's answer may have greyed something again; therefore *safety* rests on nothing but a
 * complete look at every buffer inside the stop. If that finds work, `restarts` is counted. A
 * little of it is marked there and then; if that is not enough, the world goes on, and marking
 * resumes. The ragged barrier only makes that rare.
 *
 * `finishing` (enum mark_finish) says who is at it: nobody; one thread, which asks; everybody,
 * who answer; one thread, the first to see all answers, which decides. Only the move from
 * NOBODY to ASKING starts anything, and after each return to NOBODY the same thread looks again
 * whether it is quiet, so that nobody's finding is lost. Nor is the last answer: a mutator that
 * gives it looks afterwards. Who gives it for one that sleeps cannot decide in the middle of
 * serving, but every caller of world_serve_idle calls mark_phase_finish_if_quiet next. That
 * need not be the one who asked: a sleeper that is held for an earlier request is left to who
 * holds it. */
#ifndef GH_GC_CORE_MARK_PHASE_H
#define GH_GC_CORE_MARK_PHASE_H

#include "gc/core/mutator_mark.h"
#include "gc/core/roots.h"
#include "gc/sched/world.h"

struct gh_heap;

enum mark_finish { FINISH_NOBODY, FINISH_ASKING, FINISH_ASKED, FINISH_DECIDING };

struct mark_thread {
    struct mark_worker work;
    struct actor actor;
    uintptr_t poke; /* its guard word */
    struct mark_phase *phase;
    pthread_t thread;
    unsigned index;
    /* its own */
    enum actor_kind role; /* what it is about to be, or is */
    int64_t booked_ns;    /* RUNNING: its time up to then is in the books */
} GH_ALIGNED(GH_CACHELINE);

struct mark_phase {
    /* immutable after open */
    struct gh_heap *heap;
    struct marker *marker;
    /* End the cycle: stop the world, look again, book it, let the world run. False if there was
     * work left. `self` RUNNING. */
    bool (*terminate)(struct gh_heap *heap, struct actor *self);
    struct mark_thread *threads; /* [nthreads_max] */
    unsigned nthreads_max;
    int64_t patience_ns; /* so long who began a little phase waits for others to answer, before
                          * he has threads woken; tests want it longer */

    /* world-stopped only for writing; atomic, relaxed: who does not run looks at it as a hint
     */
    _Atomic(bool) on; /* a phase is under way */

    /* atomic, seq_cst: Note [end of marking] */
    _Atomic(int) busy;
    _Atomic(int) stacks_left;
    _Atomic(int) acks_left;
    _Atomic(int) finishing; /* enum mark_finish */
    _Atomic(bool) flushed;  /* somebody had something to publish at the ragged barrier */

    /* atomic, relaxed: hints and statistics */
    _Atomic(bool) little;         /* who began the phase tries to mark it all: wake nobody */
    _Atomic(int) asleep;          /* worker threads that wait for work */
    _Atomic(int) dedicated_max;   /* so many dedicated workers (pacer) */
    _Atomic(int) idle_max;        /* at most so many idle workers (pacer) */
    _Atomic(int) idle_active;     /* idle workers that hold a processor */
    _Atomic(int) parked;          /* mutators that wait for credit */
    _Atomic(uint64_t) parks;      /* of this cycle */
    _Atomic(uint64_t) stack_scan; /* bytes of stacks scanned in this cycle */

    struct lock lock; /* WORKERS */
    struct cond work; /* worker threads wait here */
    struct cond paid; /* mutators in debt wait here */
    /* guarded by WORLD: for how long a running mutator has not answered, mark_threads.c */
    unsigned waiting_ticks;
    /* guarded by lock */
    bool closing, ticking; /* ticking: one of the sleeping threads wakes by itself, */
    int64_t tick_at_ns;    /* then; set when a phase begins */
    unsigned nthreads;     /* started */
    bool starting;         /* somebody starts one, and has given the lock up for it */
    /* threads that are dedicated workers, or about to be, in whatever phase; atomic: a hint */
    _Atomic(int) dedicated_active;
    struct mark_result retired; /* of mutators that detached during the phase */
    /* world-stopped only; or of who marks because there are no worker threads (go.c) */
    struct mark_worker stopped_worker;
    /* guarded by the lock of roots, and empty whenever that is free: of whoever removes roots,
     * which may be a thread that does not stop with the world. Once the phase is over, the
     * collector's. */
    struct mark_worker late_worker;
};

bool mark_phase_open(struct mark_phase *p, struct gh_heap *heap);
/* No phase is under way. */
void mark_phase_close(struct mark_phase *p);

/* _stw: begin; every mutator is asked for its stack. */
void mark_phase_start_stw(struct mark_phase *p);
/* After the start, the world running: start threads, scan the stacks of those who sleep. */
void mark_phase_launch(struct mark_phase *p);
/* _stw: look into every buffer. `late` tells whether anything was grey. A little of it is
 * marked at once; true if nothing is left then, and the phase can end. */
bool mark_phase_recheck_stw(struct mark_phase *p, bool *late);
/* _stw, nothing is grey: end, and add up what was found. */
void mark_phase_end_stw(struct mark_phase *p, struct mark_result *out);
/* After the end, the world running: let the mutators that wait for credit know. The threads
 * need not be woken to go on sleeping. */
void mark_phase_ended(struct mark_phase *p);

/* Whether the phase lacks a dedicated worker. */
GH_INLINE bool
mark_phase_wants_dedicated(const struct mark_phase *p)
{
    /* relaxed: hints; who becomes one looks with the lock held */
    return atomic_load_explicit(&p->dedicated_active, memory_order_relaxed) <
           atomic_load_explicit(&p->dedicated_max, memory_order_relaxed);
}

/* Whether there are worker threads: the machine may have refused them. */
bool mark_phase_has_threads(struct mark_phase *p);

/* A mutator attaches or detaches; RUNNING, owner. */
bool mark_phase_attach(struct mark_phase *p, struct mutator *m);
void mark_phase_detach(struct mark_phase *p, struct mutator *m);
/* Serve REQUEST_SCAN and REQUEST_FLUSH: gc/sched/world.h, Note [requests]. */
void mark_phase_serve(struct mark_phase *p, struct mutator *m, uint32_t requests, bool owner);

/* A drainer, RUNNING: between begin and end it may hold grey objects. mark_phase_drain goes on
 * until `w` is past its scan_limit, or wanted, or there is nothing to do; false then.
 * mark_phase_end_drain publishes what is left. */
void mark_phase_begin_drain(struct mark_phase *p, struct mark_worker *w);
bool mark_phase_drain(struct mark_phase *p, struct mark_worker *w);
void mark_phase_end_drain(struct mark_phase *p, struct mark_worker *w);
GH_INLINE bool
mark_phase_is_on(const struct mark_phase *p)
{
    return atomic_load_explicit(&p->on, memory_order_relaxed);
}

/* Whether it is quiet, or all have answered, and nobody is at it: somebody should finish it. A
 * hint. */
bool mark_phase_wants_end(const struct mark_phase *p);
/* Finish the phase if it is quiet, or if all have answered. `self` RUNNING, at a safepoint. May
 * stop the world. */
void mark_phase_finish_if_quiet(struct mark_phase *p, struct actor *self);
/* Whether there is anything to drain: a hint. */
bool mark_phase_any_work(const struct mark_phase *p);
/* A processor has become free, or work was published: wake a thread that can use it. */
void mark_phase_wake(struct mark_phase *p);

#endif
