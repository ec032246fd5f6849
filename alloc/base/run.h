/* run.h - a run: the stretch of free slots that a mutator allocates from by bumping.
 *
 * One a span class. The inline path adds, compares and stores; all else happens in the slow
 * path when a run is used up (docs/design/foundation.md, "Runs").
 *
 * Invariants:  start <= next <= limit;  [next, limit) is free memory of one span, zeroed
 *              where it has to be;  next - start and limit - start are multiples of the slot
 * size; an empty run has next == limit (both may be 0). limit may be lowered by the owner (a
 * sample is due); never raised. bits in the span's pointer bitmap for [next, limit) hold `mask`
 * repeated.   */
#ifndef GH_ALLOC_BASE_RUN_H
#define GH_ALLOC_BASE_RUN_H

#include <stdint.h>

struct gh_run {
    /* owner mutator */
    uintptr_t next;
    uintptr_t limit;
    uint64_t mask;   /* pointer mask the run's bitmap was filled with; 0 in noscan runs */
    uintptr_t start; /* where the run began: (next - start) / slot = objects handed out */
};

#endif
