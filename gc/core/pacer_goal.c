/* pacer_goal.c - the goal and the trigger; see pacer.h for the contexts, and
 * docs/design/pacer.md for the rules in one place. Go: commit, heapGoalInternal,
 * memoryLimitHeapGoal and trigger in mgcpacer.go. */
#include "gc/core/pacer.h"

#include "gc/api/heap.h"
#include "gc/core/pacer_math.h"

/* A cycle has at least so much to allocate before its goal, even if it began late. */
static const uint64_t MIN_RUNWAY = UINT64_C(64) << 10;
/* So much may at least be allocated while the sweeper works through the heap. */
static const uint64_t MIN_SWEEP_DISTANCE = UINT64_C(1) << 20;
/* The trigger's place between heap_marked and the goal, in 64ths. */
static const uint64_t TRIGGER_DEN = 64, TRIGGER_MIN = 45, TRIGGER_MAX = 61;
/* Left below the memory limit, because pacing is never exact: percent, and at least. */
static const uint64_t LIMIT_HEADROOM_PERCENT = 3, LIMIT_MIN_HEADROOM = UINT64_C(1) << 20;
/* A stopped collection that cannot help, over the limit, must at least be paid for. */
static const uint64_t STOPPED_MIN_RUNWAY = UINT64_C(1) << 20;

GH_INLINE uint64_t
pacer_goal_load(const _Atomic(uint64_t) *x)
{
    /* relaxed: see the banner of the field */
    return atomic_load_explicit(x, memory_order_relaxed);
}

/* --- the goal --- */

/* The limit is on all memory; the heap may have what the rest leaves. */
static uint64_t
pacer_goal_by_limit(const struct pacer *p)
{
    uint64_t mapped = pacer_goal_load(&p->mapped_ready), limit = p->memory_limit;
    /* objects, and pages that can become objects without taking anything from the OS */
    uint64_t heap = sat_add(pacer_goal_load(&p->heap_free), pacer_goal_load(&p->heap_alloc));
    /* the three are read one after the other and may disagree for a moment */
    uint64_t non_heap = mapped > heap ? mapped - heap : 0;
    uint64_t overage = mapped > limit ? mapped - limit : 0;
    uint64_t taken = sat_add(non_heap, overage);
    if (taken >= limit)
        return p->heap_marked;

    uint64_t goal = limit - taken;
    uint64_t headroom = goal / 100 * LIMIT_HEADROOM_PERCENT;
    if (headroom < LIMIT_MIN_HEADROOM)
        headroom = LIMIT_MIN_HEADROOM;
    goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
    return goal < p->heap_marked ? p->heap_marked : goal;
}

/* Of a collector that stops the world: no sweep distance, and no limit means no goal at all. */
static uint64_t
pacer_goal_stopped(const struct pacer *p)
{
    uint64_t goal = p->percent_goal;
    if (p->memory_limit >= GH_MEMORY_LIMIT_OFF)
        return goal;
    uint64_t limited = pacer_goal_by_limit(p);
    uint64_t least = sat_add(p->heap_marked, STOPPED_MIN_RUNWAY);
    if (limited < least)
        limited = least;
    return limited < goal ? limited : goal;
}

/* The goal, and in *min_trigger a bound for the trigger, not above the goal. */
static uint64_t
pacer_goal_and_bound(const struct pacer *p, uint64_t *min_trigger)
{
    *min_trigger = 0;
    if (!p->concurrent)
        return pacer_goal_stopped(p);
    uint64_t goal = p->percent_goal;
    uint64_t limited = pacer_goal_by_limit(p);
    /* nothing below may lift a goal that the limit has set */
    if (limited < goal)
        return limited;
    if (p->sweep_min > goal)
        goal = p->sweep_min;
    *min_trigger = p->sweep_min;
    uint64_t runway_end = sat_add(p->triggered, MIN_RUNWAY);
    if (p->triggered != UINT64_MAX && goal < runway_end)
        goal = runway_end;
    return goal;
}

uint64_t
pacer_heap_goal(const struct pacer *p)
{
    uint64_t min_trigger;
    return pacer_goal_and_bound(p, &min_trigger);
}

/* --- the trigger --- */

static uint64_t
pacer_goal_trigger(const struct pacer *p, uint64_t goal, uint64_t least)
{
    if (!p->concurrent || p->heap_marked >= goal)
        return goal;
    if (least < p->heap_marked)
        least = p->heap_marked;
    /* too early, and marking never ends: what is allocated meanwhile is all kept */
    uint64_t step = (goal - p->heap_marked) / TRIGGER_DEN;
    uint64_t floor = p->heap_marked + step * TRIGGER_MIN;
    if (least < floor)
        least = floor;
    /* too late, and there is no headroom; in a large heap a fixed one is enough */
    uint64_t most = p->heap_marked + step * TRIGGER_MAX;
    if (goal > PACER_HEAP_MINIMUM && goal - PACER_HEAP_MINIMUM > most)
        most = goal - PACER_HEAP_MINIMUM;
    if (most < least)
        most = least;

    uint64_t trigger = p->runway > goal ? least : goal - p->runway;
    if (trigger < least)
        trigger = least;
    if (trigger > most)
        trigger = most;
    return trigger;
}

uint64_t
pacer_trigger(const struct pacer *p)
{
    uint64_t least;
    uint64_t goal = pacer_goal_and_bound(p, &least);
    return pacer_goal_trigger(p, goal, least);
}

/* Keep goal and trigger for those who read them without computing. */
static void
pacer_goal_refresh(struct pacer *p)
{
    uint64_t least;
    uint64_t goal = pacer_goal_and_bound(p, &least);
    /* relaxed: hints */
    atomic_store_explicit(&p->goal, goal, memory_order_relaxed);
    atomic_store_explicit(&p->trigger, pacer_goal_trigger(p, goal, least),
                          memory_order_relaxed);
}

/* --- what both come from --- */

static void
pacer_goal_derive(struct pacer *p)
{
    uint64_t stacks = pacer_goal_load(&p->last_stack_scan);
    uint64_t roots = sat_add(stacks, pacer_goal_load(&p->globals_scan));
    uint64_t goal = UINT64_MAX;
    if (p->gogc >= 0) {
        uint64_t grow = sat_percent(sat_add(p->heap_marked, roots), (unsigned)p->gogc);
        goal = sat_add(p->heap_marked, grow);
        if (goal < p->heap_minimum)
            goal = p->heap_minimum;
    }
    p->percent_goal = goal;

    /* The expected work, at the rates of the last cycles, with the processors shared as we want
     * them shared: what the mutators allocate in their part while we mark in ours. */
    double work = (double)sat_add(p->last_heap_scan, roots);
    p->runway = sat_truncate_unsigned(
        (p->cons_mark * (1 - PACER_UTILIZATION) / PACER_UTILIZATION) * work);
    pacer_goal_refresh(p);
}

void
pacer_commit(struct pacer *p, bool sweep_done)
{
    p->sweep_min = sweep_done ? 0 : sat_add(pacer_goal_load(&p->heap_live), MIN_SWEEP_DISTANCE);
    pacer_goal_derive(p);
    if (p->marking)
        pacer_revise(p);
}

static void
pacer_goal_settings(struct pacer *p, int gogc, uint64_t memory_limit)
{
    p->gogc = gogc < 0 ? -1 : gogc;
    p->heap_minimum = gogc < 0 ? UINT64_MAX : sat_percent(PACER_HEAP_MINIMUM, (unsigned)gogc);
    p->memory_limit = memory_limit < GH_MEMORY_LIMIT_OFF ? memory_limit : GH_MEMORY_LIMIT_OFF;
    pacer_goal_derive(p);
    if (p->marking)
        pacer_revise(p);
}

void
pacer_init(struct pacer *p, int gogc, uint64_t memory_limit, int procs)
{
    *p = (struct pacer){.procs = procs, .triggered = UINT64_MAX};
    pacer_goal_settings(p, gogc, memory_limit);
    p->last_goal = pacer_heap_goal(p);
}

void
pacer_set_concurrent(struct pacer *p, bool concurrent)
{
    p->concurrent = concurrent;
    pacer_goal_refresh(p);
}

int
pacer_set_gogc(struct pacer *p, int gogc)
{
    int old = p->gogc;
    pacer_goal_settings(p, gogc, p->memory_limit);
    return old;
}

uint64_t
pacer_set_memory_limit(struct pacer *p, uint64_t bytes)
{
    uint64_t old = p->memory_limit;
    pacer_goal_settings(p, p->gogc, bytes);
    return old;
}

void
pacer_set_memory(struct pacer *p, struct pacer_memory mem)
{
    /* relaxed: see the banner of the fields */
    atomic_store_explicit(&p->mapped_ready, mem.mapped_ready, memory_order_relaxed);
    atomic_store_explicit(&p->heap_free, mem.heap_free, memory_order_relaxed);
    atomic_store_explicit(&p->heap_alloc, mem.heap_alloc, memory_order_relaxed);
    pacer_goal_refresh(p);
}
