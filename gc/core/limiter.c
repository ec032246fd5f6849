/* limiter.c - the bucket; see limiter.h. Go: mgclimit.go. */
#include "gc/core/limiter.h"

#include "alloc/base/check.h"
#include "gc/core/pacer.h"
#include "gc/core/pacer_math.h"

#include <sched.h>

/* --- who may touch the bucket --- */

static bool
limiter_try(struct limiter *l)
{
    /* acquire: pairs with the release of limiter_leave */
    return !atomic_exchange_explicit(&l->updating, true, memory_order_acquire);
}

/* With the world stopped: what may be under way on a thread that does not stop is short. */
static void
limiter_enter_stw(struct limiter *l)
{
    while (!limiter_try(l))
        sched_yield();
}

static void
limiter_leave(struct limiter *l)
{
    /* release: pairs with the acquire of limiter_try */
    atomic_store_explicit(&l->updating, false, memory_order_release);
}

/* --- the bucket --- */

static void
limiter_switch(struct limiter *l, bool on)
{
    /* relaxed, all: hints */
    atomic_store_explicit(&l->on, on, memory_order_relaxed);
    uint32_t cycle = atomic_load_explicit(&l->num_gc, memory_order_relaxed) + 1;
    if (on)
        atomic_store_explicit(&l->last_enabled_cycle, cycle, memory_order_relaxed);
}

/* What drains and what fills, of one window. Exactly half and half moves nothing, and leaves a
 * limiter that is on as it is. */
static void
limiter_pour(struct limiter *l, int64_t mutator_ns, int64_t gc_ns)
{
    int64_t change = sat_sub_signed(gc_ns, mutator_ns);
    uint64_t room = l->capacity_ns - l->fill_ns;
    bool was_full = room == 0;
    if (change > 0 && room <= (uint64_t)change) {
        l->fill_ns = l->capacity_ns;
        if (!was_full)
            limiter_switch(l, true);
        return;
    }
    if (change >= 0)
        l->fill_ns += (uint64_t)change;
    else if (l->fill_ns <= -(uint64_t)change)
        l->fill_ns = 0;
    else
        l->fill_ns -= -(uint64_t)change;
    if (change != 0 && was_full)
        limiter_switch(l, false);
}

static int64_t
limiter_drain(_Atomic(int64_t) *pool)
{
    /* relaxed: a sum */
    return atomic_exchange_explicit(pool, 0, memory_order_relaxed);
}

/* The time of all processors since the last update, which `now_ns` becomes; negative: the clock
 * has been read in another order than it was meant to be, and there is nothing to book. */
static int64_t
limiter_window(struct limiter *l, int64_t now_ns)
{
    /* relaxed: written by the holder of `updating` only */
    int64_t last = atomic_load_explicit(&l->last_update_ns, memory_order_relaxed);
    if (now_ns < last)
        return -1;
    atomic_store_explicit(&l->last_update_ns, now_ns, memory_order_relaxed);
    int64_t total;
    if (__builtin_mul_overflow(sat_sub_signed(now_ns, last), l->procs, &total))
        return INT64_MAX;
    return total;
}

static void
limiter_update_held(struct limiter *l, int64_t now_ns)
{
    int64_t total = limiter_window(l, now_ns);
    if (total < 0)
        return;
    int64_t gc = limiter_drain(&l->assist_ns);
    int64_t idle = limiter_drain(&l->idle_ns);
    /* the background's share is one of all time, before idle time is left out */
    if (l->gc_on)
        gc = sat_add_signed(gc, sat_truncate((double)total * PACER_UTILIZATION));
    total = sat_sub_signed(total, idle);
    limiter_pour(l, sat_sub_signed(total, gc), gc);
}

void
limiter_init(struct limiter *l, int64_t now_ns, int procs)
{
    *l = (struct limiter){.last_update_ns = now_ns,
                          .procs = procs,
                          .capacity_ns = (uint64_t)procs * (uint64_t)LIMITER_PER_PROC_NS};
}

bool
limiter_needs_update(const struct limiter *l, int64_t now_ns)
{
    /* relaxed: a hint */
    int64_t last = atomic_load_explicit(&l->last_update_ns, memory_order_relaxed);
    return sat_sub_signed(now_ns, last) > LIMITER_PERIOD_NS;
}

void
limiter_update(struct limiter *l, int64_t now_ns)
{
    if (!limiter_try(l))
        return;
    limiter_update_held(l, now_ns);
    limiter_leave(l);
}

void
limiter_add_assist_ns(struct limiter *l, int64_t ns)
{
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&l->assist_ns, ns, memory_order_relaxed);
}

void
limiter_add_idle_ns(struct limiter *l, int64_t ns)
{
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&l->idle_ns, ns, memory_order_relaxed);
}

/* --- transitions --- */

void
limiter_start_gc(struct limiter *l, bool gc_on, int64_t now_ns)
{
    limiter_enter_stw(l);
    CHECK(l->gc_on != gc_on, "limiter_start_gc: marking is %s already", gc_on ? "on" : "off");
    limiter_update_held(l, now_ns);
    l->gc_on = gc_on;
    l->transitioning = true;
    /* limiter_finish_gc leaves */
}

void
limiter_finish_gc(struct limiter *l, int64_t now_ns)
{
    CHECK(l->transitioning, "limiter_finish_gc: without limiter_start_gc");
    int64_t stopped = limiter_window(l, now_ns);
    if (stopped > 0)
        limiter_pour(l, 0, stopped);
    l->transitioning = false;
    limiter_leave(l);
}
