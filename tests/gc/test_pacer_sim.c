/* test_pacer_sim.c - whole cycles: what must hold whatever the program does, in random
 * scenarios far beyond sense. That sensible ones come out as Go's do is shown by
 * tests/run/simulate-go.sh. Random: GH_SEED repeats a run. */
#include "gc/api/heap.h"
#include "gc/core/pacer_math.h"
#include "gc/core/pacer_sim.h"
#include "tests/base/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const uint64_t MIB = 1 << 20;
static uint64_t rng;

static uint64_t
next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static double
uniform(void)
{
    return (double)(next_random() >> 11) * 0x1p-53;
}

/* Between 10^least and 10^most, every order of magnitude as likely as any. */
static double
magnitude(double least, double most)
{
    return pow(10, least + (most - least) * uniform());
}

static uint64_t
bytes_up_to(double most)
{
    return uniform() < 0.1 ? 0 : (uint64_t)magnitude(0, most);
}

/* --- what always holds --- */

static void
check_finite(const char *what, double x)
{
    if (!isfinite(x) || x < 0)
        fail_msg("%s is %g", what, x);
}

static void
check_goal(const struct pacer *p)
{
    uint64_t goal = pacer_heap_goal(p), trigger = pacer_trigger(p);
    assert_true(trigger <= goal);
    if (p->memory_limit > 0)
        assert_true(goal >= p->heap_marked);
    if (p->heap_marked >= goal)
        return;
    uint64_t way = goal - p->heap_marked;
    assert_true(trigger >= p->heap_marked + way / 64 * 45);
    uint64_t latest = p->heap_marked + way / 64 * 61;
    if (goal > 4 * MIB && goal - 4 * MIB > latest)
        latest = goal - 4 * MIB;
    assert_true(trigger <= latest || trigger == p->sweep_min);
}

static int64_t last_left;
static unsigned long revisions;

static void
check_revision(const struct gh_sim *s, int64_t work_left)
{
    const struct pacer *p = &s->pacer;
    assert_true(work_left >= 0 && (last_left < 0 || work_left <= last_left));
    last_left = work_left;
    revisions++;
    check_finite("assist_work_per_byte", p->assist_work_per_byte);
    check_finite("assist_bytes_per_work", p->assist_bytes_per_work);
    assert_true(p->assist_work_per_byte > 0 && p->assist_bytes_per_work > 0);
    assert_true(p->heap_live <= INT64_MAX && p->heap_scan <= INT64_MAX);
}

static void
check_result(const struct gh_sim *s, const struct gh_sim_result *r)
{
    const struct pacer *p = &s->pacer;
    if (!(r->utilization >= 0.25 - 1e-9 && r->utilization <= 1 + 1e-9))
        fail_msg("utilization is %g", r->utilization);
    check_finite("cons_mark", r->cons_mark);
    check_finite("cons_mark", p->cons_mark);
    assert_true(r->peak_bytes >= r->trigger_bytes);
    assert_true(r->trigger_bytes >= r->live_bytes);
    assert_true(r->mark_ns >= 0 && r->assist_ns >= 0);
    double share = p->dedicated + p->fractional_goal * s->config.procs;
    assert_true(fabs(share / (0.25 * s->config.procs) - 1) <= 0.3);
    assert_true(p->dedicated + p->idle_max <= s->config.procs);
    assert_true(p->pacing.utilization >= 0.25);
    check_goal(p);
}

/* --- random programs --- */

static void
random_config(struct gh_sim_config *c)
{
    *c = (struct gh_sim_config){
        .gogc = uniform() < 0.2   ? GH_GOGC_OFF
                : uniform() < 0.1 ? INT32_MAX
                                  : (int)magnitude(0, 5) - 1,
        .procs = (int)magnitude(0, 3),
        .memory_limit = uniform() < 0.4 ? GH_MEMORY_LIMIT_OFF : bytes_up_to(18),
        .globals_bytes = bytes_up_to(15),
        .initial_bytes = bytes_up_to(18),
        .accounts = uniform() < 0.5,
    };
}

/* As fast as the heap needs to be scanned within some thousand periods. */
static void
random_cycle(const struct gh_sim *s, struct gh_sim_cycle *c)
{
    *c = (struct gh_sim_cycle){
        .alloc_rate = magnitude(-4, uniform() < 0.1 ? 18 : 5),
        .growth_rate = uniform() < 0.1 ? magnitude(-4, 6) : 0.5 + uniform(),
        .scannable = uniform() < 0.2 ? 0 : uniform(),
        .stack_bytes = bytes_up_to(15),
        .non_heap_bytes = bytes_up_to(18),
    };
    double work = (double)s->config.globals_bytes + (double)c->stack_bytes +
                  (double)s->pacer.heap_marked * c->growth_rate +
                  (double)s->config.initial_bytes;
    double least = work / (128.0 * s->config.procs * 3000);
    c->scan_rate = magnitude(-4, uniform() < 0.1 ? 18 : 5);
    if (c->scan_rate < least)
        c->scan_rate = least;
    if (c->scan_rate < 0.01) /* less than a byte a period is no progress at all */
        c->scan_rate = 0.01;
}

static void
random_programs_keep_all_bounds(void **state)
{
    revisions = 0;
    for (int i = 0; i < 150; i++) {
        struct gh_sim_config config;
        struct gh_error err;
        random_config(&config);
        struct gh_sim *s = gh_sim_open(&config, &err);
        assert_non_null(s);
        s->revised = check_revision;
        for (int cycle = 0; cycle < 20; cycle++) {
            struct gh_sim_cycle c;
            struct gh_sim_result r;
            random_cycle(s, &c);
            last_left = -1;
            if (!gh_sim_step(s, &c, &r, &err))
                fail_msg("%s", err.text);
            assert_int_equal(r.cycle, cycle + 1);
            check_result(s, &r);
        }
        gh_sim_close(s);
    }
    assert_true(revisions > 3000);
}

/* Whatever the state: more GOGC and more limit never lower the goal, more non-heap memory never
 * lifts it, and a longer runway never means a later trigger. By more than 3 bytes, that is: the
 * headroom below the limit grows by 3 with every 100. And with the sweep done: the distance
 * left for it lifts a goal that GOGC has set, even beyond the limit, but none that the limit
 * has. */
static void
goal_and_trigger_are_monotone(void **state)
{
    for (int i = 0; i < 20000; i++) {
        struct pacer p;
        pacer_init(&p, (int)magnitude(0, 4), bytes_up_to(18), 4);
        pacer_set_concurrent(&p, true);
        p.cons_mark = magnitude(-6, 3);
        atomic_store(&p.heap_scan_work, (int64_t)bytes_up_to(15));
        uint64_t marked = bytes_up_to(17), other = bytes_up_to(17);
        pacer_reset_live(&p, marked);
        pacer_set_memory(&p, (struct pacer_memory){sat_add(marked, other), 0, marked});
        pacer_commit(&p, false);
        check_goal(&p);
        pacer_commit(&p, true);
        check_goal(&p);

        uint64_t goal = pacer_heap_goal(&p), trigger = pacer_trigger(&p);
        pacer_set_memory(
            &p, (struct pacer_memory){sat_add(marked, other + bytes_up_to(15)), 0, marked});
        assert_true(pacer_heap_goal(&p) <= goal + 3);
        pacer_set_memory(&p, (struct pacer_memory){sat_add(marked, other), 0, marked});
        p.cons_mark *= 1 + uniform();
        pacer_set_gogc(&p, p.gogc);
        assert_true(pacer_trigger(&p) <= trigger);
        pacer_set_gogc(&p, p.gogc + (int)magnitude(0, 4));
        assert_true(pacer_heap_goal(&p) + 3 >= goal);
        pacer_set_memory_limit(&p, p.memory_limit + bytes_up_to(17));
        assert_true(pacer_heap_goal(&p) + 3 >= goal);
    }
}

/* --- certain programs --- */

static const struct gh_sim_config PLAIN = {
    .gogc = 100,
    .procs = 8,
    .memory_limit = GH_MEMORY_LIMIT_OFF,
    .globals_bytes = 32 << 10,
    .initial_bytes = 64 << 20,
};
static const struct gh_sim_cycle STEADY = {
    .alloc_rate = 33, .scan_rate = 1024, .growth_rate = 1, .scannable = 1, .stack_bytes = 8192};

static void
run(const struct gh_sim_config *config, const struct gh_sim_cycle *cycle, int cycles,
    struct gh_sim_result *last)
{
    struct gh_error err;
    struct gh_sim *s = gh_sim_open(config, &err);
    assert_non_null(s);
    for (int i = 0; i < cycles; i++)
        if (!gh_sim_step(s, cycle, last, &err))
            fail_msg("%s", err.text);
    gh_sim_close(s);
}

static void
steady_programs_settle_without_assists(void **state)
{
    struct gh_sim_result r;
    run(&PLAIN, &STEADY, 20, &r);
    assert_true(r.utilization < 0.255);
    assert_true(fabs((double)r.peak_bytes / (double)r.goal_bytes - 1) < 0.05);
}

static void
limit_counts_what_is_no_heap(void **state)
{
    struct gh_sim_config config = PLAIN;
    struct gh_sim_cycle cycle = STEADY;
    struct gh_sim_result r;
    config.gogc = GH_GOGC_OFF;
    config.memory_limit = 512 * MIB;
    config.accounts = true;
    cycle.non_heap_bytes = 112 * MIB;
    run(&config, &cycle, 20, &r);
    assert_int_equal(r.goal_bytes, 400 * MIB - 400 * MIB / 100 * 3);
    /* nothing is left for the heap: what lives is the goal, and marking takes all time */
    cycle.non_heap_bytes = 600 * MIB;
    run(&config, &cycle, 20, &r);
    assert_int_equal(r.goal_bytes, r.live_bytes);
    assert_true(r.utilization > 0.99);
}

static void
endless_marking_is_an_error(void **state)
{
    struct gh_sim_cycle cycle = STEADY;
    struct gh_sim_result r;
    struct gh_error err;
    struct gh_sim *s = gh_sim_open(&PLAIN, &err);
    cycle.scan_rate = 0.0001;
    assert_false(gh_sim_step(s, &cycle, &r, &err));
    assert_string_equal(err.text,
                        "cycle 1: after 5000 s of marking 67149824 of 67149824 bytes are left; "
                        "give it a larger scan rate or a smaller heap");
    gh_sim_close(s);
}

static void
processors_have_bounds(void **state)
{
    struct gh_sim_config config = PLAIN;
    struct gh_error err;
    config.procs = 0;
    assert_null(gh_sim_open(&config, &err));
    assert_string_equal(err.text, "0 processors: 1 to 1024 can be simulated");
    config.procs = GH_PROCS_MAX + 1;
    assert_null(gh_sim_open(&config, &err));
}

int
main(void)
{
    rng = seed_of_run() | 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_keep_all_bounds),
        cmocka_unit_test(goal_and_trigger_are_monotone),
        cmocka_unit_test(steady_programs_settle_without_assists),
        cmocka_unit_test(limit_counts_what_is_no_heap),
        cmocka_unit_test(endless_marking_is_an_error),
        cmocka_unit_test(processors_have_bounds),
    };
    return cmocka_run_group_tests_name("pacer_sim", tests, NULL, NULL);
}
