/* pacer.h - when to collect: arithmetic only. No locks, no clock, no I/O, so that it can be run
 * in simulation. Go: mgcpacer.go (the parts that a stop-the-world collector needs: goal and
 * trigger; the runway of concurrent marking is zero). All sizes in bytes. */
#ifndef GH_GC_CORE_PACER_H
#define GH_GC_CORE_PACER_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"

#include <stdatomic.h>

struct pacer {
    /* world-stopped only */
    uint64_t heap_marked; /* live bytes at the end of the last cycle */
    uint64_t stack_scan, globals_scan;
    uint64_t goal;      /* heap size at which the next cycle should be complete */
    uint64_t last_goal; /* the goal of the cycle before */
    int gogc;           /* percent, or negative: off */

    /* atomic, relaxed: read by every slow path as a hint; acted upon with the world stopped */
    _Atomic(uint64_t) trigger; /* heap_live at which to start a cycle; UINT64_MAX = never */
    _Atomic(uint64_t)
        heap_live; /* marked by the last cycle + spans cached and large objects since */
};

void pacer_init(struct pacer *p, int gogc);
/* A cycle found `marked` live bytes, scanned `stacks` and has `globals` bytes of roots: set the
 * next goal = marked + (marked + stacks + globals) * GOGC / 100, at least 4 MiB * GOGC / 100.
 */
void pacer_end_cycle(struct pacer *p, uint64_t marked, uint64_t stacks, uint64_t globals);
/* Change GOGC; the goal follows at once. Returns the old value (negative: off). */
int pacer_set_gogc(struct pacer *p, int gogc);

GH_INLINE void
pacer_add_live(struct pacer *p, size_t bytes)
{
    /* relaxed: a sum; exactness is restored at each cycle */
    atomic_fetch_add_explicit(&p->heap_live, bytes, memory_order_relaxed);
}

/* Of what was added since the last cycle, `bytes` are free again. By a running mutator,
 * or with the world stopped: so that no cycle can end in between. */
GH_INLINE void
pacer_sub_live(struct pacer *p, size_t bytes)
{
    /* relaxed: a sum */
    atomic_fetch_sub_explicit(&p->heap_live, bytes, memory_order_relaxed);
}

GH_INLINE uint64_t
pacer_live(const struct pacer *p)
{
    return atomic_load_explicit(&p->heap_live, memory_order_relaxed);
}

/* Whether `bytes` more should wait for a collection. */
GH_INLINE bool
pacer_is_due(const struct pacer *p, size_t bytes)
{
    uint64_t trigger = atomic_load_explicit(&p->trigger, memory_order_relaxed);
    return GH_UNLIKELY(pacer_live(p) + bytes > trigger);
}

#endif
