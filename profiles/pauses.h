/* pauses.h - an observer that keeps what a report says of the collections: how long the world
 * stood still, what the cycles came upon, and the last cycle.
 *
 * Only reads cycle records. A cycle of a concurrent collector stops the world twice, for sweep
 * termination and for mark termination; one that marks in the stopped world does so once. The
 * lock makes the observer indifferent to which thread collects or scavenges, and lets the
 * progress line look at the last cycle while the run goes on. */
#ifndef GH_PROFILES_PAUSES_H
#define GH_PROFILES_PAUSES_H

#include "alloc/base/lock.h"
#include "gc/api/observer.h"
#include "profiles/hist.h"

struct pauses {
    struct lock lock;
    /* guarded by lock */
    struct hist total;    /* ns the world stood still, a cycle */
    struct hist stops;    /* the same, a stop */
    struct hist stopping; /* ns of a stop until the last mutator had stopped */
    uint64_t restarts;    /* mark terminations that found work left */
    uint64_t assist_parks;
    uint32_t limited;      /* cycles in which the GC CPU limiter acted */
    uint32_t limited_last; /* number of the last of them; 0: none */
    uint64_t scavenged_background_bytes, scavenged_eager_bytes; /* up to the last record */
    struct gh_cycle last;                                       /* number 0: none yet */
};

void pauses_init(struct pauses *p);
void pauses_finish(struct pauses *p);
/* `p` must outlive the heap that the observer is added to. */
struct gh_observer pauses_observer(struct pauses *p);
/* A copy of the last cycle; number 0 if there was none. Any thread. */
struct gh_cycle pauses_last(struct pauses *p);

#endif
