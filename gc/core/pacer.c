/* pacer.c - a cycle as the pacer sees it: workers at the start, assists during it, cons/mark at
 * the end; see pacer.h for the contexts. Go: startCycle, revise, endCycle, resetLive and update
 * in mgcpacer.go. */
#include "gc/core/pacer.h"

#include "gc/core/pacer_math.h"

/* Dedicated workers alone may miss the share of processors by so much. */
static const double MAX_SHARE_ERROR = 0.3;
/* GOGC, for the sake of assists, of a cycle that is forced while GOGC is off. */
static const int GOGC_WHILE_OFF = 100000;
/* Past every goal: the cycle gets so much more heap to end in. */
static const double MAX_OVERSHOOT = 1.1;
/* Work left is never taken for less: marking races with itself and may count twice. */
static const int64_t MIN_WORK_LEFT = 1000;
/* Far beyond every real ratio, and far from where products with it become infinite. */
static const double MAX_CONS_MARK = 1e200;

/* relaxed, all four: see the banners of the fields */
GH_INLINE uint64_t
pacer_load(const _Atomic(uint64_t) *x)
{
    return atomic_load_explicit(x, memory_order_relaxed);
}
GH_INLINE int64_t
pacer_load_signed(const _Atomic(int64_t) *x)
{
    return atomic_load_explicit(x, memory_order_relaxed);
}
GH_INLINE void
pacer_store(_Atomic(uint64_t) *x, uint64_t v)
{
    atomic_store_explicit(x, v, memory_order_relaxed);
}
GH_INLINE void
pacer_store_double(_Atomic(double) *x, double v)
{
    atomic_store_explicit(x, v, memory_order_relaxed);
}

/* --- scan work --- */

static int64_t
pacer_work_done(const struct pacer *p)
{
    int64_t work = sat_add_signed(pacer_load_signed(&p->heap_scan_work),
                                  pacer_load_signed(&p->stack_scan_work));
    return sat_add_signed(work, pacer_load_signed(&p->globals_scan_work));
}

/* As much as in the last cycle: the steady state. */
int64_t
pacer_work_expected(const struct pacer *p)
{
    uint64_t work = sat_add(p->last_heap_scan, pacer_load(&p->last_stack_scan));
    return sat_signed(sat_add(work, pacer_load(&p->globals_scan)));
}

/* If all that can be scanned has to be. */
static int64_t
pacer_work_most(const struct pacer *p)
{
    uint64_t work = sat_add(pacer_load(&p->heap_scan), pacer_load(&p->max_stack_scan));
    return sat_signed(sat_add(work, pacer_load(&p->globals_scan)));
}

/* --- start --- */

/* How many workers get a processor of their own, so that together they have a quarter of all;
 * and what is missing of the quarter if that cannot be. */
static void
pacer_share_processors(struct pacer *p, int procs)
{
    double share = (double)procs * PACER_UTILIZATION;
    int dedicated = (int)(share + 0.5);
    double error = dedicated / share - 1;
    p->fractional_goal = 0;
    if (error < -MAX_SHARE_ERROR || error > MAX_SHARE_ERROR) {
        if (dedicated > share)
            dedicated--;
        p->fractional_goal = (share - dedicated) / procs;
    }
    p->dedicated = dedicated;
}

static void
pacer_zero_cycle(struct pacer *p)
{
    _Atomic(int64_t) *const counters[] = {
        &p->heap_scan_work, &p->stack_scan_work, &p->globals_scan_work, &p->bg_scan_credit,
        &p->assist_ns,      &p->dedicated_ns,    &p->fractional_ns,     &p->idle_ns,
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        /* relaxed: the world is stopped */
        atomic_store_explicit(counters[i], 0, memory_order_relaxed);
}

void
pacer_start_cycle(struct pacer *p, int64_t now_ns, int procs, bool idle)
{
    if (procs < 1)
        procs = 1;
    pacer_zero_cycle(p);
    p->procs = procs;
    p->mark_start_ns = now_ns;
    p->triggered = pacer_load(&p->heap_live);
    p->marking = true;
    pacer_share_processors(p, procs);
    /* a fractional worker alone is not sure to get on: then one idle one may always help */
    p->idle_max = !idle ? procs - p->dedicated : p->dedicated == 0 ? 1 : 0;
    pacer_revise(p);
    pacer_store(&p->goal, pacer_heap_goal(p));
    p->pacing = (struct gh_pacing){
        .assist_ratio = atomic_load_explicit(&p->assist_work_per_byte, memory_order_relaxed),
        .scan_bytes = pacer_load(&p->heap_scan),
        .start_live = p->triggered,
        .start_goal = pacer_heap_goal(p),
        .dedicated = p->dedicated,
        .fractional = p->fractional_goal,
        .goal_utilization = PACER_UTILIZATION,
        .trigger = p->triggered,
        .cons_mark = p->cons_mark,
    };
}

/* --- assists --- */

/* More was scanned than expected, so the heap is growing. Push the goal back as if the runway
 * had been laid out for the worst case, which keeps the assist ratio as it is; but no further
 * than the next cycle's goal may be, by GOGC. */
static int64_t
pacer_goal_of_growth(const struct pacer *p, int64_t goal, int64_t expected)
{
    int percent = p->gogc < 0 ? GOGC_WHILE_OFF : p->gogc;
    int64_t hard = sat_truncate((1.0 + percent / 100.0) * (double)goal);
    if (expected <= 0)
        return hard;
    int64_t triggered = sat_signed(p->triggered);
    double stretched =
        (double)(goal - triggered) / (double)expected * (double)pacer_work_most(p);
    int64_t soft = sat_add_signed(sat_truncate(stretched), triggered);
    return soft > hard ? hard : soft;
}

void
pacer_revise(struct pacer *p)
{
    int64_t live = sat_signed(pacer_live(p));
    int64_t work = pacer_work_done(p);
    int64_t goal = sat_signed(pacer_heap_goal(p));
    int64_t expected = pacer_work_expected(p);
    if (work > expected) {
        goal = pacer_goal_of_growth(p, goal, expected);
        expected = pacer_work_most(p);
    }
    if (live > goal) {
        goal = sat_truncate((double)goal * MAX_OVERSHOOT);
        expected = pacer_work_most(p);
    }

    int64_t work_left = sat_sub_signed(expected, work);
    if (work_left < MIN_WORK_LEFT)
        work_left = MIN_WORK_LEFT;
    int64_t heap_left = sat_sub_signed(goal, live);
    if (heap_left <= 0)
        heap_left = 1;
    pacer_store_double(&p->assist_work_per_byte, (double)work_left / (double)heap_left);
    pacer_store_double(&p->assist_bytes_per_work, (double)heap_left / (double)work_left);
}

void
pacer_update(struct pacer *p, int64_t d_live, int64_t d_scan)
{
    /* relaxed: sums; the conversion wraps, and so does the addition, so that less can be added
     */
    if (d_live != 0)
        atomic_fetch_add_explicit(&p->heap_live, (uint64_t)d_live, memory_order_relaxed);
    if (p->marking)
        pacer_revise(p);
    else if (d_scan != 0)
        atomic_fetch_add_explicit(&p->heap_scan, (uint64_t)d_scan, memory_order_relaxed);
}

/* --- end --- */

/* What share of all processor time `ns` is. */
static double
pacer_share(int64_t ns, int64_t wall_ns, int procs)
{
    return wall_ns > 0 ? (double)ns / sat_product(wall_ns, procs) : 0;
}

/* Bytes allocated per CPU time of the mutators, over bytes scanned per CPU time of marking.
 * Idle marking counts as marking, but takes nothing from the mutators: they could have it back
 * at any time. Wall time and processors cancel out. */
static double
pacer_measure(const struct pacer *p, uint64_t allocated, double utilization, double idle)
{
    int64_t work = pacer_work_done(p);
    double spare = 1 - utilization;
    if (work <= 0)
        return 0; /* nothing was scanned: no rate */
    if (spare <= 0)
        return MAX_CONS_MARK; /* the mutators had nothing left, and allocated even so */
    double ratio = ((double)allocated * (utilization + idle)) / ((double)work * spare);
    return ratio < MAX_CONS_MARK ? ratio : MAX_CONS_MARK;
}

/* The estimate is the largest of the last five measurements: to err by collecting too early is
 * better than to err by assists. */
static void
pacer_estimate(struct pacer *p, double measured)
{
    p->cons_mark = measured;
    for (int i = 0; i < PACER_CONS_MARKS; i++)
        if (p->last_cons_marks[i] > p->cons_mark)
            p->cons_mark = p->last_cons_marks[i];
    for (int i = 0; i < PACER_CONS_MARKS - 1; i++)
        p->last_cons_marks[i] = p->last_cons_marks[i + 1];
    p->last_cons_marks[PACER_CONS_MARKS - 1] = measured;
}

void
pacer_end_cycle(struct pacer *p, int64_t now_ns, int procs, struct gh_pacing *out)
{
    if (procs < 1)
        procs = 1;
    uint64_t live = pacer_live(p);
    int64_t wall_ns = sat_sub_signed(now_ns, p->mark_start_ns);
    p->last_goal = pacer_heap_goal(p);
    p->marking = false;
    double utilization =
        PACER_UTILIZATION + pacer_share(pacer_load_signed(&p->assist_ns), wall_ns, procs);
    double idle = pacer_share(pacer_load_signed(&p->idle_ns), wall_ns, procs);

    struct gh_pacing *r = &p->pacing;
    r->utilization = utilization;
    r->heap_work = (uint64_t)pacer_load_signed(&p->heap_scan_work);
    r->stack_work = (uint64_t)pacer_load_signed(&p->stack_scan_work);
    r->globals_work = (uint64_t)pacer_load_signed(&p->globals_scan_work);
    r->expected_work = (uint64_t)pacer_work_expected(p);
    r->live = live;
    r->goal_delta = sat_signed(live) - sat_signed(p->last_goal);
    r->cons_mark = p->cons_mark;
    if (out != NULL)
        *out = *r;
    /* nothing was allocated meanwhile: too short to measure anything */
    if (live > p->triggered)
        pacer_estimate(p, pacer_measure(p, live - p->triggered, utilization, idle));
}

void
pacer_reset_live(struct pacer *p, uint64_t bytes_marked)
{
    uint64_t scanned = (uint64_t)pacer_load_signed(&p->heap_scan_work);
    p->heap_marked = bytes_marked;
    p->last_heap_scan = scanned;
    p->triggered = UINT64_MAX;
    pacer_store(&p->heap_live, bytes_marked);
    pacer_store(&p->heap_scan, scanned);
    pacer_store(&p->last_stack_scan, (uint64_t)pacer_load_signed(&p->stack_scan_work));
}

void
pacer_end_stopped(struct pacer *p, uint64_t marked, uint64_t scannable, uint64_t stacks,
                  uint64_t globals)
{
    p->last_goal = pacer_heap_goal(p);
    pacer_zero_cycle(p);
    /* relaxed: the world is stopped */
    atomic_store_explicit(&p->heap_scan_work, sat_signed(scannable), memory_order_relaxed);
    atomic_store_explicit(&p->stack_scan_work, sat_signed(stacks), memory_order_relaxed);
    atomic_store_explicit(&p->globals_scan_work, sat_signed(globals), memory_order_relaxed);
    pacer_store(&p->globals_scan, globals);
    pacer_store(&p->max_stack_scan, stacks);
    pacer_reset_live(p, marked);
    pacer_commit(p, false);
}
