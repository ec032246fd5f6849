/* marker_crew.h - what scanning asks of the crew: wake it, and see whether it is hungry. */
#ifndef GH_GC_CORE_MARKER_CREW_H
#define GH_GC_CORE_MARKER_CREW_H

#include "gc/core/marker.h"

/* Worker 0 only: let the crew join this round. */
void marker_wake_crew(struct marker *k);

/* Whether somebody who joined has nothing to do. A hint. */
GH_INLINE bool
marker_is_hungry(const struct marker *k)
{
    uint32_t joined = atomic_load_explicit(&k->joined, memory_order_relaxed);
    return atomic_load_explicit(&k->busy, memory_order_relaxed) < joined + 1;
}

#endif
