/* run.h - a run: the stretch of free slots that a mutator allocates from by bumping.
 *
 * One a span class. The inline path adds, compares and stores; all else happens in the slow
 * path when a run is used up (docs/design/foundation.md, "Runs").
 *
 * A run is a stretch of free slots [.., end) of one span; of it, memory below `limit` is zero
 * where it has to be. The space clears it piece by piece, a little ahead of the bump, so that
 * the clearing overlaps with the writing of objects and never leaves the first-level cache.
 *
 * Invariants:  next <= limit <= end, all at slot boundaries;  [next, end) is free memory of one
 *              span;  [next, limit) is zeroed where it has to be;
 *              an empty run has next == limit == end (all may be 0).
 *              limit may be lowered by the owner (a sample is due); the space raises it.
 *              bits in the span's pointer bitmap for [next, end) hold `mask` repeated.       */
#ifndef GH_ALLOC_BASE_RUN_H
#define GH_ALLOC_BASE_RUN_H

#include <stdint.h>

struct gh_run {
    /* owner mutator */
    uintptr_t next;
    uintptr_t limit;
    uint64_t mask; /* pointer mask the run's bitmap was filled with; 0 in noscan runs */
    uintptr_t end; /* of the stretch; space's business */
};

#endif
