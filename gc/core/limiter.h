/* limiter.h - when collecting takes too much: a leaky bucket that GC time fills and mutator
 * time drains. While it is full, mutators do not assist, and do not scavenge for the memory
 * limit, so that a heap that does not fit its limit slows the program by half and not to a
 * standstill.
 *
 * Arithmetic on times that it is given; it reads no clock. Go's counterpart is
 * gcCPULimiterState in mgclimit.go; docs/design/pacer.md says how it and the pacer go together.
 *
 * The bucket holds one second of each processor. So the limiter acts once collecting has taken
 * more than half of the time, by a second of each processor in sum; and as the bucket is never
 * less than empty, a quiet day earns nothing for the next.
 *
 * Contexts: limiter_start_gc and limiter_finish_gc by the thread that has stopped the world;
 * everything else by any thread at any time. An update that meets another is dropped: what it
 * would have brought stays in the pools for the next. No locks of the rank table: `updating` is
 * tried, never waited for in a running world.
 *
 * All times in ns; `now_ns` on one monotonic clock. */
#ifndef GH_GC_CORE_LIMITER_H
#define GH_GC_CORE_LIMITER_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"

#include <stdatomic.h>

static const int64_t LIMITER_PERIOD_NS = 10 * 1000 * 1000;     /* update at least so often */
static const int64_t LIMITER_PER_PROC_NS = 1000 * 1000 * 1000; /* the bucket's size */

struct limiter {
    /* owner: whoever has set `updating` */
    uint64_t fill_ns, capacity_ns; /* fill <= capacity */
    bool gc_on;                    /* marking: a quarter of the time is the background's */
    bool transitioning;            /* between limiter_start_gc and limiter_finish_gc */
    int procs;

    /* atomic, acquire and release: each holder hands its fields to the next */
    _Atomic(bool) updating;

    /* atomic, relaxed: hints and sums */
    _Atomic(bool) on;
    _Atomic(uint32_t) last_enabled_cycle; /* number of the cycle it acted in last; 0: never */
    _Atomic(uint32_t) num_gc;             /* finished cycles; the collector stores it */
    _Atomic(int64_t) assist_ns, idle_ns;  /* since the last update, and not in the bucket yet */
    _Atomic(int64_t) last_update_ns;
};

void limiter_init(struct limiter *l, int64_t now_ns, int procs);

/* Whether to spare the mutators. */
GH_INLINE bool
limiter_is_on(const struct limiter *l)
{
    /* relaxed: a hint, and late by up to a period anyway */
    return atomic_load_explicit(&l->on, memory_order_relaxed);
}

GH_INLINE uint32_t
limiter_last_enabled_cycle(const struct limiter *l)
{
    return atomic_load_explicit(&l->last_enabled_cycle, memory_order_relaxed);
}

/* Whether the last update is more than a period ago. */
bool limiter_needs_update(const struct limiter *l, int64_t now_ns);
/* Book the time since the last update. */
void limiter_update(struct limiter *l, int64_t now_ns);

/* A mutator has marked, or scavenged for the limit, for `ns`. */
void limiter_add_assist_ns(struct limiter *l, int64_t ns);
/* A processor was idle, or marked because it was idle: not in the way of anybody. */
void limiter_add_idle_ns(struct limiter *l, int64_t ns);

/* Marking is switched on or off, in a world that stops from `now_ns` until limiter_finish_gc:
 * all of that time, of all processors, counts as collecting. In between nothing else updates.
 */
void limiter_start_gc(struct limiter *l, bool gc_on, int64_t now_ns);
void limiter_finish_gc(struct limiter *l, int64_t now_ns);

#endif
