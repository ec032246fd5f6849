/* background.h - the two threads that work beside the mutators: the sweeper, which also watches
 * the clock for the two-minute collection, and the scavenger. Go: bgsweep, forcegchelper,
 * bgscavenge. Neither is a mutator; both may be absent (config.background = false). */
#ifndef GH_GC_CORE_BACKGROUND_H
#define GH_GC_CORE_BACKGROUND_H

#include "alloc/base/lock.h"
#include "alloc/pages/scavenge_pacer.h"

#include <pthread.h>

struct gh_heap;

struct background {
    struct lock lock; /* WORKERS */
    struct cond wake;
    /* guarded by lock */
    bool started, has_sweeper, has_scavenger, closing;
    uint64_t sweep_round, scavenge_round; /* grow when there is something to do */
    /* immutable once started */
    int64_t force_period_ns; /* longest time between two collections */
    pthread_t sweeper, scavenger;
    /* scavenger's own */
    struct scavenge_pacer pacer;
    /* atomic, relaxed: statistics */
    _Atomic(uint64_t) sweep_cpu_ns, scavenge_cpu_ns;
};

void background_init(struct background *b);
/* Start the threads, if not yet done: on the first collection, so that short runs never pay for
 * them. One that the machine refuses is done without: mutators sweep as they allocate. */
void background_start(struct gh_heap *heap);
void background_close(struct background *b);
/* A collection has ended: there are spans to sweep, perhaps memory to give back. */
void background_kick(struct background *b);

#endif
