/* finalizers.h - the queue of finalizers and cleanups that are due, and the thread that runs
 * them. Go: finq and the goroutine fing (mfinal.go), gcCleanups (mcleanup.go).
 *
 * Note [runner]. The runner is a mutator like any other, with one frame in which it keeps the
 * object whose finalizer is running. It is blocked while there is nothing to do. A record moves
 * from a span's list to the queue in a sweep, and from the queue to the runner's hands between
 * two of its safepoints: its references are therefore always in a list, in the queue (both
 * roots) or in the runner's frame. In the mark phase the runner shades what it takes from the
 * queue, since its frame may have been scanned before and the queue not yet. The queue does not
 * grow in that phase, for nothing is swept then. */
#ifndef GH_GC_CORE_FINALIZERS_H
#define GH_GC_CORE_FINALIZERS_H

#include "gc/api/specials.h"

#include "alloc/base/lock.h"

struct special;
struct specials;

struct finalizers {
    struct lock lock; /* FINALIZERS */
    struct cond wake; /* there is something to run, or the heap closes */
    struct cond idle; /* nothing is queued and nothing runs */
    /* guarded by lock */
    struct special *first, **end; /* the queue; end: where the next one is linked */
    bool started, running, closing;
    struct gh_mutator *mutator; /* the runner's, NULL if there is none */
    struct gh_finalizer_stats stats;
    pthread_t thread;
};

void finalizers_init(struct finalizers *f);
void finalizers_stop(struct finalizers *f);
void finalizers_finish(struct finalizers *f);
/* From the sweep: the record is due. `at` of a finalizer is an object that lives on. */
void finalizers_queue(struct finalizers *f, struct special *r);

#endif
