/* mutator_mark.h - what marking keeps for each mutator: its part of the marking, its barrier
 * buffer, its debt. Go: the gcw and wbBuf of a P, gcAssistBytes of a G.
 *
 * Owner: the mutator; whoever serves a request while it is held; the collector while the world
 * is stopped (gc/sched/world.h, Note [requests]). Made when the mutator attaches. */
#ifndef GH_GC_CORE_MUTATOR_MARK_H
#define GH_GC_CORE_MUTATOR_MARK_H

#include "gc/core/marker.h"
#include "gc/sched/mutator.h"

enum { BARRIER_SLOTS = GH_TORTURE ? 4 : 64 }; /* two a store */

struct mutator_mark {
    struct mark_worker work;
    struct mutator *mutator; /* immutable */

    /* assist.c */
    int64_t credit_bytes; /* may be allocated before the next payment; negative: debt */
    int64_t slice_end_ns; /* when it last stopped lending its processor to the marking */
    int64_t slice_ns;     /* how long it had */

    /* barrier.c */
    unsigned nbuffered;
    uintptr_t buffer[BARRIER_SLOTS];
};

GH_INLINE struct mutator_mark *
mutator_mark(const struct mutator *m)
{
    return m->client;
}

#endif
