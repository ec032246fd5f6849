/* background.h - the two threads that work beside the mutators: the sweeper, which also watches
 * the clock for the two-minute collection and for the heap falling idle, and the scavenger. Go:
 * bgsweep, forcegchelper, bgscavenge. Neither is a mutator; both may be absent
 * (config.background = false). Neither wakes while there is nothing to do.
 *
 * Note [idle release]. Go's scavenger keeps what the next cycle is expected to need: 1.1 times
 * the memory in use at the last one, in proportion to how the goal has changed. While a program
 * allocates that is right. When it stops, after a peak, it means that more than twice the live
 * heap stays (GOGC=100) until a collection comes about, two minutes later, and if the last
 * cycle was before the peak was dropped, all of it does. So we have a rule of our own, which
 * config.idle_release = false switches off:
 *   - A cycle arms a timer of idle_period_ns, once it is swept. If the live heap has changed
 *     when it runs out, it is armed again.
 *   - If it has not, nobody allocates: collect once more, so that what was dropped since is
 *     found; but not with GOGC=off, not if the last cycle was started by this thread for the
 *     same reason or for want of another, and not before IDLE_REST times the duration of the
 *     last such collection has passed, which bounds the time spent on them to a few percent.
 *   - Once that is swept, or at once if there was no need, the scavenger goes down to what is
 *     in use and a tenth (pages_set_idle_goal), and may use a tenth of a CPU for it: at its
 *     usual pace a GiB takes ten seconds and more. The timer rests until the next cycle, whose
 *     goal takes over.
 *   - At the same time this thread gives back what is free between objects (gospace_trim), with
 *     a processor that nobody wants, and a tenth of it likewise. It stops for good when
 *     somebody allocates. Who allocates there later takes a page fault for each 4 KiB, as in
 *     fresh memory.
 */
#ifndef GH_GC_CORE_BACKGROUND_H
#define GH_GC_CORE_BACKGROUND_H

#include "alloc/base/lock.h"
#include "alloc/pages/scavenge_pacer.h"
#include "alloc/spaces/go/gospace.h"
#include "gc/sched/procs.h"

#include <pthread.h>

struct gh_heap;

struct background {
    struct lock lock;                /* WORKERS */
    struct cond wake, scavenge_wake; /* the sweeper's, the scavenger's */
    /* guarded by lock */
    bool started, has_sweeper, has_scavenger, closing;
    bool dozing, much_to_sweep;           /* the sweeper; there is reason to wake it */
    uint64_t sweep_round, scavenge_round; /* grow when there is something to do */
    uint64_t sweeps_done;                 /* rounds of sweeping that are over */
    bool idle_scavenging;                 /* nobody is there to be disturbed */
    /* immutable once started */
    int64_t force_period_ns; /* longest time between two collections */
    int64_t idle_period_ns;  /* without allocation, after which a heap is idle */
    pthread_t sweeper, scavenger;
    /* sweeper's own: Note [idle release]; times on the monotonic clock */
    struct {
        int64_t due;        /* when the timer runs out; INT64_MAX: at rest */
        uint64_t live;      /* heapLive when it was armed */
        uint32_t own_cycle; /* the last cycle that this thread has caused */
        int64_t rest_until; /* no collection for this reason before */
        bool collected;     /* it was collected, and is to be swept and released */
        bool trimming;      /* due is when the walk goes on */
        struct trim walk;
    } idle;
    /* The sweeper sweeps with a processor that nobody else wants: on the others, mutators sweep
     * as they allocate. Guarded by WORLD, see procs.h; the word is its guard. */
    struct actor sweeper_actor;
    uintptr_t sweeper_poke;
    /* scavenger's own */
    struct scavenge_pacer pacer;
    uint64_t reported_background, reported_eager; /* bytes that observers know of */
    /* atomic, relaxed: statistics */
    _Atomic(uint64_t) scavenge_cpu_ns;
};

void background_init(struct background *b);
/* Start the threads, if not yet done: on the first collection, so that short runs never pay for
 * them. One that the machine refuses is done without: mutators sweep as they allocate. */
void background_start(struct gh_heap *heap);
/* End the threads. Cycles that are still being marked may end, and kick, until
 * background_close. */
void background_stop(struct gh_heap *heap);
void background_close(struct background *b);
/* A collection has ended: there are spans to sweep, and then perhaps memory to give back.
 * `much`: at once; else in a while, if it has not been swept by then. */
void background_kick(struct background *b, bool much);
/* A goal of the scavenger's has come down: let it look again. */
void background_kick_scavenger(struct background *b);
/* gh_free_os_memory has released `bytes`: tell the observers. */
void background_report_forced(struct gh_heap *heap, size_t bytes);

#endif
