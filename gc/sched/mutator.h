/* mutator.h - the whole mutator, of which workloads see the first member.
 *
 * Go's counterpart is a P with its current M and G: the caches of the one, the thread of
 * the other, the stack of the third. */
#ifndef GH_GC_SCHED_MUTATOR_H
#define GH_GC_SCHED_MUTATOR_H

#include "alloc/spaces/go/gospace.h"
#include "gc/api/mutator.h"
#include "gc/sched/procs.h"

struct sched;
struct pool_entry;

struct mutator {
    struct gh_mutator pub; /* first: the two pointers convert into each other */

    /* owner mutator; the collector while the world is stopped */
    struct mcache cache;
    uintptr_t stack_lo, stack_hi;
    bool shrink_wanted; /* set by the scan of the stack, done by the owner when he goes on */
    uint64_t stack_copies, stack_shrinks;
    void *newborn; /* an object that is being cleared, not known to the program yet: a root */
    void *client;  /* of the sched's client: what marking keeps for this mutator */
    struct pool_entry *pool_entries; /* [npool_entries], gc/core/pools.h; NULL until used */
    uint32_t npool_entries;

    /* guarded by the WORLD lock */
    struct actor actor;
    bool attached; /* it has its caches and its stack; changes only while RUNNING */

    /* immutable */
    struct sched *sched;
};

GH_INLINE struct mutator *
mutator_of(struct gh_mutator *m)
{
    return (struct mutator *)(void *)m;
}

GH_INLINE struct mutator *
mutator_of_actor(struct actor *a)
{
    return (struct mutator *)(void *)((char *)a - offsetof(struct mutator, actor));
}

#endif
