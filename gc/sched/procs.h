/* procs.h - processors, and who holds one. Go: P, M, findRunnable, sysmon's retake.
 *
 * GOMAXPROCS is a promise: at no moment do more than `procs` actors run. An actor is a mutator,
 * a mark worker or the sweeper, each with a thread of its own; to run it needs a processor,
 * which is only a number: `nfree` counts those that nobody has. Whoever wants one and finds
 * none queues.
 *
 * Note [handing over]. All of this happens under the WORLD lock. An actor leaves RUNNING by
 * itself only, at a safepoint; then, and whenever else something changes, the dispatcher gives
 * free processors to the queue's first actors that may run: it makes them RUNNING and wakes
 * them. So nobody becomes RUNNING but by the dispatcher, or by himself where he would be the
 * next anyway: a processor is free and nobody waits (actor_try_enter_locked). Both stand still
 * while a stop of the world is wanted.
 *
 * Priorities: a dedicated worker goes to the front of the queue and preempts; an idle worker
 * does not queue for one, and hands it over as soon as a mutator wants one; a mutator that has
 * waited for PROCS_SLICE_NS preempts the one that has run longest. Being preempted means that
 * the guard word is raised (mutators: pub.stack_guard) and the actor yields at its next
 * safepoint. */
#ifndef GH_GC_SCHED_PROCS_H
#define GH_GC_SCHED_PROCS_H

#include "alloc/base/check.h"
#include "alloc/base/compiler.h"
#include "alloc/base/lock.h"

#include <sched.h>
#include <stdatomic.h>

enum actor_state {
    ACTOR_BLOCKED, /* wants no processor */
    ACTOR_WAITING, /* wants one */
    ACTOR_RUNNING, /* has one, and may touch the heap */
    ACTOR_STOPPER, /* has one, and has stopped or is stopping the world */
};

enum actor_kind { ACTOR_MUTATOR, ACTOR_DEDICATED, ACTOR_IDLE };

static const int64_t PROCS_SLICE_NS = INT64_C(10) * 1000 * 1000; /* Go: forcePreemptNS */
static const int64_t PROCS_SPIN_NS = INT64_C(100) * 1000;

struct actor {
    /* guarded by WORLD; atomic because who waits for it looks at it without, first */
    _Atomic(uint8_t) state;
    enum actor_kind kind;
    bool yield_wanted;         /* hand over the processor at the next safepoint */
    bool held;                 /* somebody works on its stack: may not run */
    uint32_t requests;         /* world.h, Note [requests] */
    int64_t since_ns;          /* when it became RUNNING */
    uintptr_t own_guard;       /* the guard in force when nobody wants anything */
    struct actor *queued;      /* next in the queue of the waiting */
    struct actor *next, *prev; /* all actors */
    struct cond wake;
    bool is_mutator; /* immutable */
    /* immutable; the word is atomic, relaxed: written under WORLD, read by its owner */
    uintptr_t *guard;
    char name[32];
};

struct procs {
    struct lock lock; /* WORLD */
    /* guarded by lock */
    struct actor *actors;
    struct actor *first, *last; /* the waiting, in order */
    struct cond changed;        /* a stop ended, running became 0, an actor is no longer held */
    _Atomic(int) nfree;         /* atomic: looked at without the lock as a hint */
    _Atomic(int) running;       /* likewise */
    int64_t idle_ns, idle_at_ns; /* processor time nobody had, up to idle_at_ns */
    bool spin;                   /* there is another core to wait for */
    _Atomic(bool) stop_wanted;
};

void procs_init(struct procs *p, int nprocs);
void procs_finish(struct procs *p);

/* Wait while the world is stopped: the list of actors belongs to who has stopped it. For
 * threads that are not RUNNING. */
void procs_wait_for_start_locked(struct procs *p);
/* Make `a` known, in state BLOCKED. */
void actor_add_locked(struct procs *p, struct actor *a, enum actor_kind kind, uintptr_t *guard);
/* `a` is BLOCKED, and the world is not stopped: it runs, as a RUNNING caller knows, or one that
 * has just left; others wait for it first. */
void actor_remove_locked(struct procs *p, struct actor *a);

/* Own thread: wait for a processor and run. */
void actor_enter_locked(struct procs *p, struct actor *a);
/* Own thread: run at once, if a processor is free and nobody waits. */
bool actor_try_enter_locked(struct procs *p, struct actor *a);
/* Own thread: give the processor back. */
void actor_leave_locked(struct procs *p, struct actor *a, enum actor_state state);
/* The time that processors were nobody's since the last call, in a running world. */
int64_t procs_take_idle_ns_locked(struct procs *p, int64_t now_ns);
/* Give free processors to those who wait. */
void procs_dispatch_locked(struct procs *p);
/* The guard that says what is wanted of `a` now. */
void actor_set_guard_locked(struct procs *p, struct actor *a);

/* relaxed, all three: hints; who acts on one takes the lock */
GH_INLINE bool
procs_stop_wanted(const struct procs *p)
{
    return atomic_load_explicit(&p->stop_wanted, memory_order_relaxed);
}

GH_INLINE bool
procs_any_free(const struct procs *p)
{
    return atomic_load_explicit(&p->nfree, memory_order_relaxed) > 0;
}

/* Who spins waits for another that runs. Where the kernel has put both onto one core it gives
 * way, so that the other can run; and stays runnable, so that the kernel sees that two are on a
 * core while another core is idle: of two that sleep in turns it does not. */
GH_INLINE void
procs_relax(unsigned *spins)
{
    for (int i = 0; i < 16; i++)
        __builtin_ia32_pause();
    if (++*spins % 16 == 0)
        sched_yield();
}

/* Whether something is wanted of the actor. */
GH_INLINE bool
actor_is_wanted(const struct actor *a)
{
    return __atomic_load_n(a->guard, __ATOMIC_RELAXED) == UINTPTR_MAX;
}

GH_INLINE enum actor_state
actor_state(const struct actor *a)
{
    /* relaxed: under the lock it is exact, without it a hint */
    return (enum actor_state)atomic_load_explicit(&a->state, memory_order_relaxed);
}

#endif
