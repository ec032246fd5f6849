/* test_pacer_cycle.c - a cycle's arithmetic: workers, assists, cons/mark. Expectations are
 * computed by hand from the formulas of docs/design/pacer.md. */
#include "gc/api/heap.h"
#include "gc/core/pacer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t KIB = 1 << 10, MIB = 1 << 20;
static const int64_t MS = 1000000;

static void
begin(struct pacer *p, int gogc)
{
    pacer_init(p, gogc, GH_MEMORY_LIMIT_OFF, 8);
    pacer_set_concurrent(p, true);
}

/* A heap of 64 MiB, 32 of them scannable, of which `live` are reached. */
static void
begin_at(struct pacer *p, int gogc, uint64_t live)
{
    begin(p, gogc);
    atomic_store(&p->heap_scan_work, (int64_t)(32 * MIB));
    pacer_reset_live(p, 64 * MIB);
    pacer_commit(p, true);
    pacer_add_live(p, live - 64 * MIB);
}

/* Compare to the last digit: the same operations in the same order. */
static void
assert_double(double a, double b)
{
    if (!(a == b))
        fail_msg("%.17g is not %.17g", a, b);
}

/* --- workers --- */

static void
quarter_of_the_processors_marks(void **state)
{
    static const struct {
        int procs, dedicated;
        double fractional;
        int idle;
    } rows[] = {
        {1, 0, 0.25, 1},   {2, 0, 0.25, 2}, /* 1 of 2 would be 100 % too many */
        {3, 0, 0.25, 3},   {4, 1, 0, 3},
        {5, 1, 0, 4},      {6, 1, (1.5 - 1) / 6, 5}, /* 2 would be 33 % too many */
        {7, 2, 0, 5},      {8, 2, 0, 6},
        {256, 64, 0, 192}, {1024, 256, 0, 768},
    };
    struct pacer p;
    begin(&p, 100);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pacer_start_cycle(&p, 0, rows[i].procs, false);
        assert_int_equal(p.dedicated, rows[i].dedicated);
        assert_double(p.fractional_goal, rows[i].fractional);
        assert_int_equal(p.idle_max, rows[i].idle);
        double share = p.dedicated + p.fractional_goal * rows[i].procs;
        assert_true(fabs(share / (rows[i].procs * 0.25) - 1) <= 0.3);
    }
}

static void
periodic_cycles_wake_nobody(void **state)
{
    struct pacer p;
    begin(&p, 100);
    pacer_start_cycle(&p, 0, 8, true);
    assert_int_equal(p.idle_max, 0);
    pacer_start_cycle(&p, 0, 2, true); /* fractional only: progress needs one */
    assert_int_equal(p.idle_max, 1);
    pacer_start_cycle(&p, 0, 2, false);
    assert_int_equal(p.idle_max, 2);
}

static void
start_begins_from_zero(void **state)
{
    struct pacer p;
    begin(&p, 100);
    _Atomic(int64_t) *const counters[] = {
        &p.heap_scan_work, &p.stack_scan_work, &p.globals_scan_work, &p.bg_scan_credit,
        &p.assist_ns,      &p.dedicated_ns,    &p.fractional_ns,     &p.idle_ns,
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        atomic_store(counters[i], 17);
    pacer_add_live(&p, 3 * MIB);
    pacer_start_cycle(&p, 5, 8, false);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        assert_int_equal(*counters[i], 0);
    assert_int_equal(p.triggered, 3 * MIB);
    assert_true(p.marking);
}

/* --- assists --- */

static void
assists_reach_the_goal_in_the_steady_state(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    /* 32 MiB to scan while 8 are allocated */
    assert_double(p.assist_work_per_byte, 4);
    assert_double(p.assist_bytes_per_work, 0.25);
    atomic_store(&p.heap_scan_work, 16 * (int64_t)MIB);
    pacer_update(&p, 2 * (int64_t)MIB, 0);
    assert_double(p.assist_work_per_byte, 16.0 / 6.0);
    assert_double(p.assist_bytes_per_work, 6.0 / 16.0);
}

static void
work_left_is_never_below_a_thousand(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    atomic_store(&p.heap_scan_work, 32 * (int64_t)MIB - 1);
    pacer_revise(&p);
    assert_double(p.assist_work_per_byte, 1000.0 / (double)(8 * MIB));
}

/* More work than expected: the runway stretches with the worst case, up to the hard goal. */
static void
growing_heaps_push_the_goal_back(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    atomic_store(&p.heap_scan, 48 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    atomic_store(&p.heap_scan_work, 36 * (int64_t)MIB);
    pacer_revise(&p);
    /* runway 8 MiB for 32 becomes 12 MiB for 48; 12 of work are left */
    assert_double(p.assist_work_per_byte, 12.0 / 12.0);
    atomic_store(&p.max_stack_scan, 4000 * MIB);
    pacer_revise(&p);
    /* 8 / 32 * 4048 = 1012 would be beyond 2 * 128 */
    assert_double(p.assist_work_per_byte, 4012.0 / 136.0);
}

static void
heap_beyond_its_goal_gets_a_tenth_more(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    atomic_store(&p.heap_scan, 48 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    pacer_update(&p, 8 * (int64_t)MIB + 1, 0);
    int64_t goal = (int64_t)((double)(128 * MIB) * 1.1);
    assert_double(p.assist_work_per_byte,
                  (double)(48 * MIB) / (double)(goal - (int64_t)(128 * MIB) - 1));
    pacer_update(&p, 100 * (int64_t)MIB, 0); /* beyond that too: all of it, now */
    assert_double(p.assist_work_per_byte, (double)(48 * MIB));
    assert_double(p.assist_bytes_per_work, 1 / (double)(48 * MIB));
}

static void
cycle_without_expectation_or_gogc_stays_finite(void **state)
{
    struct pacer p;
    begin(&p, -1);
    pacer_start_cycle(&p, 0, 1, false);
    atomic_store(&p.heap_scan_work, 5); /* more than nothing was expected */
    pacer_revise(&p);
    assert_true(isfinite(p.assist_work_per_byte) && p.assist_work_per_byte > 0);
    assert_true(isfinite(p.assist_bytes_per_work) && p.assist_bytes_per_work > 0);
    atomic_store(&p.heap_live, UINT64_MAX);
    atomic_store(&p.heap_scan, UINT64_MAX);
    atomic_store(&p.heap_scan_work, INT64_MAX);
    pacer_revise(&p);
    assert_true(isfinite(p.assist_work_per_byte) && p.assist_work_per_byte > 0);
}

static void
growth_from_nothing_goes_to_the_hard_goal(void **state)
{
    struct pacer p;
    begin(&p, 100);
    pacer_add_live(&p, 3 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    atomic_store(&p.heap_scan_work, 5); /* nothing was expected, nothing can be expected */
    pacer_revise(&p);
    assert_double(p.assist_work_per_byte, 1000.0 / (double)(5 * MIB));
}

static void
scannable_bytes_count_outside_of_cycles_only(void **state)
{
    struct pacer p;
    begin(&p, 100);
    pacer_update(&p, 100, 60);
    pacer_update(&p, -10, -5);
    assert_int_equal(p.heap_live, 90);
    assert_int_equal(p.heap_scan, 55);
    pacer_start_cycle(&p, 0, 8, false);
    pacer_update(&p, 100, 60);
    assert_int_equal(p.heap_live, 190);
    assert_int_equal(p.heap_scan, 55);
}

static void
new_settings_count_at_once(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    pacer_set_gogc(&p, 200); /* goal 192: 72 MiB away */
    assert_double(p.assist_work_per_byte, (double)(32 * MIB) / (double)(72 * MIB));
    pacer_set_gogc(&p, 100);
    assert_double(p.assist_work_per_byte, 4);
}

/* --- cons/mark --- */

static void
end_of_cycle(struct pacer *p, uint64_t allocated, int64_t assist_ns, int64_t idle_ns)
{
    pacer_start_cycle(p, 10 * MS, 4, false);
    atomic_store(&p->heap_scan_work, 32 * (int64_t)MIB);
    atomic_store(&p->assist_ns, assist_ns);
    atomic_store(&p->idle_ns, idle_ns);
    pacer_update(p, (int64_t)allocated, 0);
    pacer_end_cycle(p, 20 * MS, 4, NULL);
}

static void
ratio_is_of_rates_per_cpu_time(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    /* 10 ms of 4 processors: a quarter marks, nobody assists: 8 MiB in 3/4, 32 in 1/4 */
    end_of_cycle(&p, 8 * MIB, 0, 0);
    assert_double(p.cons_mark, (8.0 * 0.25) / (32.0 * 0.75));
    assert_double(p.pacing.utilization, 0.25);
    /* 10 of 40 ms are assists, 4 ms idle */
    begin_at(&p, 100, 120 * MIB);
    end_of_cycle(&p, 8 * MIB, 10 * MS, 4 * MS);
    double work = (double)(32 * MIB), bytes = (double)(8 * MIB);
    assert_double(p.cons_mark, (bytes * (0.5 + 0.1)) / (work * 0.5));
}

static void
estimate_is_the_largest_of_five(void **state)
{
    static const unsigned allocated[] = {1, 8, 3, 2, 1, 1, 1, 1};
    static const unsigned largest[] = {1, 8, 8, 8, 8, 8, 3, 2};
    struct pacer p;
    begin_at(&p, 100, 65 * MIB);
    for (size_t i = 0; i < sizeof allocated / sizeof allocated[0]; i++) {
        end_of_cycle(&p, allocated[i] * MIB, 0, 0);
        assert_double(p.cons_mark, (largest[i] * 0.25) / (32.0 * 0.75));
    }
}

static void
cycle_too_short_to_measure_changes_nothing(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    end_of_cycle(&p, 8 * MIB, 0, 0);
    double before = p.cons_mark;
    end_of_cycle(&p, 0, 0, 0);
    assert_double(p.cons_mark, before);
    assert_double(p.last_cons_marks[PACER_CONS_MARKS - 1], before);
    assert_double(p.last_cons_marks[PACER_CONS_MARKS - 2], 0);
}

static void
no_time_and_no_work_stay_finite(void **state)
{
    struct pacer p;
    begin_at(&p, 100, 120 * MIB);
    pacer_start_cycle(&p, 10, 0, false);
    pacer_update(&p, 100, 0);
    atomic_store(&p.assist_ns, 1000);
    pacer_end_cycle(&p, 10, 0, NULL); /* no time, no processors, no work */
    assert_double(p.cons_mark, 0);
    end_of_cycle(&p, MIB, 1000 * MS, 0); /* assists took more than there was */
    assert_true(isfinite(p.cons_mark));
    pacer_reset_live(&p, 64 * MIB);
    pacer_commit(&p, true);
    assert_int_equal(p.runway, UINT64_MAX);
    assert_true(pacer_trigger(&p) <= pacer_heap_goal(&p));
}

static void
record_says_what_was_known_and_what_came(void **state)
{
    struct pacer p;
    struct gh_pacing r;
    begin_at(&p, 100, 120 * MIB);
    p.cons_mark = 0.125;
    atomic_store(&p.globals_scan, 64 * KIB);
    pacer_start_cycle(&p, 0, 6, false);
    atomic_store(&p.heap_scan_work, 31 * (int64_t)MIB);
    atomic_store(&p.stack_scan_work, 7);
    atomic_store(&p.globals_scan_work, 64 * (int64_t)KIB);
    pacer_update(&p, 10 * (int64_t)MIB, 0);
    pacer_end_cycle(&p, MS, 6, &r);
    assert_double(r.assist_ratio, (double)(32 * MIB + 64 * KIB) / (double)(8 * MIB));
    assert_int_equal(r.scan_bytes, 32 * MIB);
    assert_int_equal(r.start_live, 120 * MIB);
    assert_int_equal(r.start_goal, 128 * MIB);
    assert_int_equal(r.dedicated, 1);
    assert_double(r.fractional, 0.5 / 6);
    assert_double(r.utilization, 0.25);
    assert_double(r.goal_utilization, 0.25);
    assert_int_equal(r.heap_work, 31 * MIB);
    assert_int_equal(r.stack_work, 7);
    assert_int_equal(r.globals_work, 64 * KIB);
    assert_int_equal(r.expected_work, 32 * MIB + 64 * KIB);
    assert_int_equal(r.trigger, 120 * MIB);
    assert_int_equal(r.live, 130 * MIB);
    assert_int_equal(r.goal_delta, 2 * MIB);
    assert_double(r.cons_mark, 0.125); /* the old one: this cycle was paced by it */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quarter_of_the_processors_marks),
        cmocka_unit_test(periodic_cycles_wake_nobody),
        cmocka_unit_test(start_begins_from_zero),
        cmocka_unit_test(assists_reach_the_goal_in_the_steady_state),
        cmocka_unit_test(work_left_is_never_below_a_thousand),
        cmocka_unit_test(growing_heaps_push_the_goal_back),
        cmocka_unit_test(heap_beyond_its_goal_gets_a_tenth_more),
        cmocka_unit_test(cycle_without_expectation_or_gogc_stays_finite),
        cmocka_unit_test(growth_from_nothing_goes_to_the_hard_goal),
        cmocka_unit_test(scannable_bytes_count_outside_of_cycles_only),
        cmocka_unit_test(new_settings_count_at_once),
        cmocka_unit_test(ratio_is_of_rates_per_cpu_time),
        cmocka_unit_test(estimate_is_the_largest_of_five),
        cmocka_unit_test(cycle_too_short_to_measure_changes_nothing),
        cmocka_unit_test(no_time_and_no_work_stay_finite),
        cmocka_unit_test(record_says_what_was_known_and_what_came),
    };
    return cmocka_run_group_tests_name("pacer_cycle", tests, NULL, NULL);
}
