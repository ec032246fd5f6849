/* mutator.h - the whole mutator, of which workloads see the first member.
 *
 * Go's counterpart is a P with its current M and G: the caches of the one, the thread of
 * the other, the stack of the third. */
#ifndef GH_GC_SCHED_MUTATOR_H
#define GH_GC_SCHED_MUTATOR_H

#include "alloc/spaces/go/gospace.h"
#include "gc/api/mutator.h"

enum mutator_state {
    MUTATOR_RUNNING, /* may touch the heap */
    MUTATOR_BLOCKED, /* between gh_blocked_enter and gh_blocked_exit */
    MUTATOR_STOPPED, /* waits in a safepoint, or runs the collector */
};

struct sched;

struct mutator {
    struct gh_mutator pub; /* first: the two pointers convert into each other */

    /* owner mutator; the collector while the world is stopped */
    struct mcache cache;
    uintptr_t stack_lo, stack_hi;
    bool shrink_wanted; /* set by the scan of the stack, done by the owner when he goes on */
    uint64_t stack_copies, stack_shrinks;

    /* guarded by the WORLD lock */
    enum mutator_state state;
    struct mutator *next, *prev;

    /* immutable */
    struct sched *sched;
    char name[32];
};

GH_INLINE struct mutator *
mutator_of(struct gh_mutator *m)
{
    return (struct mutator *)(void *)m;
}

#endif
