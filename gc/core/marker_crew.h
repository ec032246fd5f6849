/* marker_crew.h - what scanning asks of the crew: wake it, see whether it is hungry, whom to
 * steal from. */
#ifndef GH_GC_CORE_MARKER_CREW_H
#define GH_GC_CORE_MARKER_CREW_H

#include "gc/core/marker.h"

/* Worker 0 only: let the crew join this round. */
void marker_wake_crew(struct marker *k);

/* Whether somebody has nothing to do. A hint. */
GH_INLINE bool
marker_is_hungry(const struct marker *k)
{
    /* relaxed: a hint */
    return atomic_load_explicit(&k->hungry, memory_order_relaxed) > 0;
}

/* How many workers can be stolen from. */
GH_INLINE unsigned
marker_victims(const struct marker *k)
{
    /* acquire: pairs with the release in marker_add_victim */
    return atomic_load_explicit(&k->nvictims, memory_order_acquire);
}

#endif
