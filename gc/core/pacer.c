/* pacer.c - goal and trigger; see pacer.h. */
#include "gc/core/pacer.h"

static const uint64_t HEAP_MINIMUM = UINT64_C(4) << 20; /* at GOGC=100 */

/* x * percent / 100, saturating. */
static uint64_t
pacer_percent(uint64_t x, int percent)
{
    unsigned __int128 v = (unsigned __int128)x * (unsigned)percent / 100;
    return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

static void
pacer_set_goal(struct pacer *p)
{
    uint64_t goal = UINT64_MAX;
    if (p->gogc >= 0) {
        uint64_t roots = p->stack_scan + p->globals_scan;
        uint64_t grow = pacer_percent(p->heap_marked + roots, p->gogc);
        uint64_t least = pacer_percent(HEAP_MINIMUM, p->gogc);
        goal = p->heap_marked + grow < grow ? UINT64_MAX : p->heap_marked + grow;
        if (goal < least)
            goal = least;
    }
    p->goal = goal;
    /* relaxed: a hint to slow paths */
    atomic_store_explicit(&p->trigger, goal, memory_order_relaxed);
}

void
pacer_init(struct pacer *p, int gogc)
{
    *p = (struct pacer){.gogc = gogc};
    pacer_set_goal(p);
    p->last_goal = p->goal;
}

void
pacer_end_cycle(struct pacer *p, uint64_t marked, uint64_t stacks, uint64_t globals)
{
    p->heap_marked = marked;
    p->stack_scan = stacks;
    p->globals_scan = globals;
    /* relaxed: the world is stopped */
    atomic_store_explicit(&p->heap_live, marked, memory_order_relaxed);
    p->last_goal = p->goal;
    pacer_set_goal(p);
}

int
pacer_set_gogc(struct pacer *p, int gogc)
{
    int old = p->gogc;
    p->gogc = gogc < 0 ? -1 : gogc;
    pacer_set_goal(p);
    return old;
}
