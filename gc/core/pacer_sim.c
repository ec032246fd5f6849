/* pacer_sim.c - the model of a program that the pacer is run in. After the model in Go's
 * mgcpacer_test.go: the same quantities, rounded at the same places, so that both come out the
 * same to the byte (tests/run/simulate-go.sh). What would overflow saturates. */
#include "gc/core/pacer_sim.h"

#include "alloc/base/check.h"
#include "gc/api/heap.h"
#include "gc/core/pacer_math.h"

#include <stdlib.h>

/* The pacer revises so often. */
static const int64_t PERIOD_NS = 500 * 1000;
/* What a rate in KiB/ms makes in a period, in bytes. */
static const double PERIOD_RATE = 1024 * 0.5;
static const int64_t MARK_MAX_NS = INT64_C(5000) * 1000 * 1000 * 1000;

/* What is left to scan, in the order in which it is done. */
struct work {
    int64_t globals, stacks, heap;
};

static int64_t
pacer_sim_left(const struct work *w)
{
    return sat_add_signed(sat_add_signed(w->globals, w->stacks), w->heap);
}

static int64_t
pacer_sim_take(int64_t *left, int64_t *budget)
{
    int64_t n = *left < *budget ? *left : *budget;
    *left -= n;
    *budget -= n;
    return n;
}

/* --- a period --- */

/* How the processors are shared: with assists, bytes scanned are to bytes allocated as the
 * ratio says, hence u / (1 - u) = ratio * alloc_rate / scan_rate; and never less than the
 * background. */
static double
pacer_sim_utilization(const struct gh_sim *s, const struct gh_sim_cycle *c)
{
    /* relaxed: there is one thread */
    double ratio = atomic_load_explicit(&s->pacer.assist_work_per_byte, memory_order_relaxed);
    double u = ratio * c->alloc_rate / (ratio * c->alloc_rate + c->scan_rate);
    return u < PACER_UTILIZATION ? PACER_UTILIZATION : u;
}

static void
pacer_sim_account(struct gh_sim *s, const struct gh_sim_cycle *c)
{
    uint64_t live = pacer_live(&s->pacer);
    if (s->config.accounts)
        pacer_set_memory(&s->pacer, (struct pacer_memory){
                                        .mapped_ready = sat_add(live, c->non_heap_bytes),
                                        .heap_alloc = live,
                                    });
}

static void
pacer_sim_add(_Atomic(int64_t) *sum, int64_t n)
{
    /* relaxed: there is one thread */
    atomic_fetch_add_explicit(sum, n, memory_order_relaxed);
}

/* heapLive and heapScan stay within int64, whatever the rates. */
static int64_t
pacer_sim_room(uint64_t used, int64_t more)
{
    int64_t room = INT64_MAX - sat_signed(used);
    return more < room ? more : room;
}

/* 500 us, or less if marking ends before. Adds to the result. */
static void
pacer_sim_period(struct gh_sim *s, const struct gh_sim_cycle *c, struct work *left,
                 struct gh_sim_result *r)
{
    struct pacer *p = &s->pacer;
    double u = pacer_sim_utilization(s, c), procs = s->config.procs;
    int64_t scanned = sat_truncate(c->scan_rate * PERIOD_RATE * procs * u);
    int64_t allocated = sat_truncate(c->alloc_rate * PERIOD_RATE * procs * (1 - u));
    int64_t budget = scanned, elapsed = PERIOD_NS;
    int64_t globals = pacer_sim_take(&left->globals, &budget);
    int64_t stacks = pacer_sim_take(&left->stacks, &budget);
    int64_t heap = pacer_sim_take(&left->heap, &budget);
    if (budget > 0) { /* it ends in this period: how far into it? */
        double rate = c->scan_rate * PERIOD_RATE * procs * u;
        elapsed = sat_truncate((double)(globals + stacks + heap) * (double)PERIOD_NS / rate);
        allocated = sat_truncate(c->alloc_rate * PERIOD_RATE * (double)elapsed /
                                 (double)PERIOD_NS * procs * (1 - u));
    }

    allocated = pacer_sim_room(pacer_live(p), allocated);
    pacer_sim_add(&p->heap_scan_work, heap);
    pacer_sim_add(&p->stack_scan_work, stacks);
    pacer_sim_add(&p->globals_scan_work, globals);
    /* relaxed: there is one thread. In this model what is allocated while marking can be
     * scanned; a heap would not add it (pacer_update) */
    uint64_t scan = atomic_load_explicit(&p->heap_scan, memory_order_relaxed);
    int64_t d_scan = pacer_sim_room(scan, sat_truncate((double)allocated * c->scannable));
    atomic_store_explicit(&p->heap_scan, scan + (uint64_t)d_scan, memory_order_relaxed);
    pacer_add_live(p, (size_t)allocated);
    pacer_sim_account(s, c);
    pacer_revise(p);

    r->assist_ns = sat_add_signed(
        r->assist_ns, sat_truncate((double)elapsed * procs * (u - PACER_UTILIZATION)));
    r->mark_ns += elapsed;
    s->allocated_black = sat_add_signed(s->allocated_black, allocated);
    if (s->revised != NULL)
        s->revised(s, pacer_sim_left(left));
}

/* --- a cycle --- */

/* The heap has reached the trigger. */
static void
pacer_sim_start(struct gh_sim *s, const struct gh_sim_cycle *c)
{
    struct pacer *p = &s->pacer;
    pacer_sim_account(s, c);
    uint64_t trigger = pacer_trigger(p);
    if (trigger < p->heap_marked)
        trigger = p->heap_marked;
    if (trigger > INT64_MAX)
        trigger = INT64_MAX;
    /* relaxed: there is one thread */
    atomic_store_explicit(&p->max_stack_scan, c->stack_bytes, memory_order_relaxed);
    atomic_store_explicit(&p->globals_scan, s->config.globals_bytes, memory_order_relaxed);
    atomic_store_explicit(&p->heap_live, trigger, memory_order_relaxed);
    uint64_t scan = atomic_load_explicit(&p->heap_scan, memory_order_relaxed);
    int64_t grown = sat_truncate((double)(trigger - p->heap_marked) * c->scannable);
    atomic_store_explicit(&p->heap_scan, scan + (uint64_t)pacer_sim_room(scan, grown),
                          memory_order_relaxed);
    pacer_sim_account(s, c);
    pacer_start_cycle(p, 0, s->config.procs, false);
}

static bool
pacer_sim_mark(struct gh_sim *s, const struct gh_sim_cycle *c, struct work *left,
               struct gh_sim_result *r, struct gh_error *err)
{
    int64_t begin_work = pacer_sim_left(left);
    while (pacer_sim_left(left) > 0) {
        pacer_sim_period(s, c, left, r);
        if (r->mark_ns >= MARK_MAX_NS)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "cycle %d: after 5000 s of marking %lld of %lld bytes are "
                                "left; give it a larger scan rate or a smaller heap",
                                r->cycle, (long long)pacer_sim_left(left),
                                (long long)begin_work);
    }
    return true;
}

bool
gh_sim_step(struct gh_sim *s, const struct gh_sim_cycle *c, struct gh_sim_result *out,
            struct gh_error *err)
{
    struct pacer *p = &s->pacer;
    struct gh_sim_result r = {.cycle = s->cycle + 1};
    pacer_sim_start(s, c);

    /* what the last cycle allocated lived through it untested; this one finds it dead */
    int64_t old = sat_sub_signed(sat_signed(p->heap_marked), s->allocated_black);
    int64_t live = s->cycle == 0 ? sat_signed(s->config.initial_bytes)
                                 : sat_truncate((double)old * c->growth_rate);
    struct work left = {
        .globals = sat_signed(s->config.globals_bytes),
        .stacks = sat_signed(c->stack_bytes),
        .heap = sat_truncate((double)live * c->scannable),
    };
    s->allocated_black = 0;
    if (!pacer_sim_mark(s, c, &left, &r, err))
        return false;

    r.live_bytes = p->heap_marked;
    r.scannable_bytes = sat_truncate((double)old * c->scannable);
    r.trigger_bytes = p->triggered;
    r.peak_bytes = pacer_live(p);
    r.goal_bytes = pacer_heap_goal(p);
    r.cons_mark = p->cons_mark;
    double cpu = (double)r.mark_ns * (double)s->config.procs;
    r.utilization = cpu > 0 ? (double)r.assist_ns / cpu + PACER_UTILIZATION : PACER_UTILIZATION;
    *out = r;

    atomic_store_explicit(&p->assist_ns, r.assist_ns, memory_order_relaxed);
    pacer_end_cycle(p, r.mark_ns, s->config.procs, NULL);
    pacer_reset_live(p, (uint64_t)sat_add_signed(live, s->allocated_black));
    pacer_sim_account(s, c);
    pacer_commit(p, false);
    s->cycle++;
    return true;
}

struct gh_sim *
gh_sim_open(const struct gh_sim_config *c, struct gh_error *err)
{
    if (c->procs < 1 || c->procs > GH_PROCS_MAX) {
        gh_error_set(err, GH_EXIT_USAGE, "%d processors: 1 to %d can be simulated", c->procs,
                     GH_PROCS_MAX);
        return NULL;
    }
    struct gh_sim *s = aligned_alloc(_Alignof(struct gh_sim), sizeof *s);
    if (s == NULL) {
        gh_error_set(err, GH_EXIT_FAILED, "out of memory: no %zu bytes for a simulation",
                     sizeof *s);
        return NULL;
    }
    *s = (struct gh_sim){.config = *c};
    pacer_init(&s->pacer, c->gogc, c->memory_limit, c->procs);
    pacer_set_concurrent(&s->pacer, true);
    return s;
}

void
gh_sim_close(struct gh_sim *s)
{
    free(s);
}
