/* pauses.h - an observer that keeps the distribution of pauses, and the last cycle.
 *
 * Only reads cycle records. The lock makes it indifferent to which thread collects, and lets
 * the progress line look at the last cycle while the run goes on. */
#ifndef GH_PROFILES_PAUSES_H
#define GH_PROFILES_PAUSES_H

#include "alloc/base/lock.h"
#include "gc/api/observer.h"
#include "profiles/hist.h"

struct pauses {
    struct lock lock;
    /* guarded by lock */
    struct hist total;    /* ns the world stood still, a cycle */
    struct hist stopping; /* ns of it until the last mutator had stopped */
    struct gh_cycle last; /* number 0: none yet */
};

void pauses_init(struct pauses *p);
void pauses_finish(struct pauses *p);
/* `p` must outlive the heap that the observer is added to. */
struct gh_observer pauses_observer(struct pauses *p);
/* A copy of the last cycle; number 0 if there was none. Any thread. */
struct gh_cycle pauses_last(struct pauses *p);

#endif
