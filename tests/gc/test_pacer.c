/* test_pacer.c - the goal and the trigger, rule by rule and at their bounds. Expectations are
 * computed here by hand from the formulas of docs/design/pacer.md; that whole cycles come out
 * as Go's do is shown by tests/run/simulate-go.sh. */
#include "gc/api/heap.h"
#include "gc/core/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t KIB = 1 << 10, MIB = 1 << 20, GIB = 1 << 30, TIB = UINT64_C(1) << 40;

static void
begin(struct pacer *p, int gogc, uint64_t limit)
{
    pacer_init(p, gogc, limit, 8);
    pacer_set_concurrent(p, true);
}

/* A cycle found `marked` bytes, all of them scannable, and the sweep is done. */
static void
marked(struct pacer *p, uint64_t bytes)
{
    atomic_store(&p->heap_scan_work, (int64_t)bytes);
    atomic_store(&p->stack_scan_work, 0);
    pacer_reset_live(p, bytes);
    pacer_commit(p, true);
}

/* --- the goal by GOGC --- */

static void
first_goal_is_four_mib_times_gogc(void **state)
{
    static const struct {
        int gogc;
        uint64_t goal;
    } rows[] = {{100, 4}, {50, 2}, {400, 16}, {0, 0}};
    struct pacer p;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(&p, rows[i].gogc, GH_MEMORY_LIMIT_OFF);
        assert_int_equal(pacer_heap_goal(&p), rows[i].goal * MIB);
        pacer_set_concurrent(&p, false);
        assert_int_equal(pacer_heap_goal(&p), rows[i].goal * MIB);
        assert_int_equal(p.goal, rows[i].goal * MIB);
    }
}

static void
goal_counts_roots_in_the_growth_only(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    atomic_store(&p.heap_scan_work, 7 * (int64_t)MIB);
    atomic_store(&p.stack_scan_work, 2 * (int64_t)MIB);
    atomic_store(&p.globals_scan, 3 * MIB);
    pacer_reset_live(&p, 10 * MIB);
    pacer_commit(&p, true);
    assert_int_equal(pacer_heap_goal(&p), 25 * MIB);
    assert_int_equal(pacer_live(&p), 10 * MIB);
    assert_int_equal(p.heap_scan, 7 * MIB);
    assert_int_equal(p.last_heap_scan, 7 * MIB);
    assert_int_equal(p.last_stack_scan, 2 * MIB);
    assert_int_equal(pacer_set_gogc(&p, 10), 100);
    assert_int_equal(pacer_heap_goal(&p), 10 * MIB + 15 * MIB / 10);
}

static void
small_heaps_keep_the_minimum(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    marked(&p, 100 * KIB);
    assert_int_equal(pacer_heap_goal(&p), 4 * MIB);
    pacer_set_gogc(&p, 1000);
    assert_int_equal(pacer_heap_goal(&p), 40 * MIB);
}

/* 97 % of 2^63-1 less nothing, as Go: its "off" is a limit like any other. */
static void
without_gogc_and_limit_the_goal_is_out_of_reach(void **state)
{
    struct pacer p;
    begin(&p, -5, GH_MEMORY_LIMIT_OFF);
    assert_int_equal(p.gogc, -1);
    uint64_t off = GH_MEMORY_LIMIT_OFF;
    assert_int_equal(pacer_heap_goal(&p), off - off / 100 * 3);
    assert_true(pacer_trigger(&p) <= pacer_heap_goal(&p));
    assert_false(pacer_is_due(&p, TIB));
    pacer_set_concurrent(&p, false);
    assert_int_equal(pacer_heap_goal(&p), UINT64_MAX);
}

static void
huge_heaps_saturate(void **state)
{
    struct pacer p;
    begin(&p, INT32_MAX, GH_MEMORY_LIMIT_OFF);
    marked(&p, UINT64_MAX / 4);
    assert_int_equal(p.percent_goal, UINT64_MAX);
    marked(&p, UINT64_MAX - 1);
    assert_int_equal(p.percent_goal, UINT64_MAX);
    atomic_store(&p.globals_scan, UINT64_MAX);
    pacer_commit(&p, false);
    assert_int_equal(p.percent_goal, UINT64_MAX);
    assert_int_equal(p.sweep_min, UINT64_MAX);
    pacer_set_concurrent(&p, false);
    assert_false(pacer_is_due(&p, 0));
}

/* --- the goal by the memory limit --- */

static void
limit_leaves_three_percent_or_a_mib(void **state)
{
    struct pacer p;
    begin(&p, -1, 512 * MIB);
    uint64_t headroom = 512 * MIB / 100 * 3;
    assert_int_equal(pacer_heap_goal(&p), 512 * MIB - headroom);
    assert_int_equal(pacer_set_memory_limit(&p, 20 * MIB), 512 * MIB);
    assert_int_equal(pacer_heap_goal(&p), 19 * MIB);
    /* where the headroom would leave less than itself, it is the goal */
    pacer_set_memory_limit(&p, 2 * MIB - 1);
    assert_int_equal(pacer_heap_goal(&p), MIB);
    pacer_set_memory_limit(&p, MIB / 2);
    assert_int_equal(pacer_heap_goal(&p), MIB);
}

static void
limit_is_on_all_memory(void **state)
{
    struct pacer p;
    begin(&p, -1, 512 * MIB);
    /* 100 mapped, of it 20 free and 50 objects: 30 are neither */
    pacer_set_memory(&p, (struct pacer_memory){100 * MIB, 20 * MIB, 50 * MIB});
    uint64_t room = 482 * MIB;
    assert_int_equal(pacer_heap_goal(&p), room - room / 100 * 3);
    /* 30 over the limit as well */
    pacer_set_memory(&p, (struct pacer_memory){542 * MIB, 20 * MIB, 492 * MIB});
    room = 452 * MIB;
    assert_int_equal(pacer_heap_goal(&p), room - room / 100 * 3);
    assert_int_equal(p.goal, pacer_heap_goal(&p));
    assert_int_equal(p.trigger, pacer_trigger(&p));
}

static void
figures_that_disagree_for_a_moment_do_no_harm(void **state)
{
    struct pacer p;
    begin(&p, -1, 512 * MIB);
    pacer_set_memory(&p, (struct pacer_memory){10 * MIB, UINT64_MAX, 50 * MIB});
    assert_int_equal(pacer_heap_goal(&p), 512 * MIB - 512 * MIB / 100 * 3);
}

static void
limit_below_the_live_heap_means_the_live_heap(void **state)
{
    struct pacer p;
    begin(&p, 100, 512 * MIB);
    marked(&p, GIB);
    assert_int_equal(pacer_heap_goal(&p), GIB);
    assert_int_equal(pacer_trigger(&p), GIB);
    /* what is not heap exceeds the limit alone */
    pacer_set_memory(&p, (struct pacer_memory){4 * GIB, 0, GIB});
    assert_int_equal(pacer_heap_goal(&p), GIB);
    begin(&p, 100, 0);
    assert_int_equal(pacer_heap_goal(&p), 0);
}

static void
smaller_of_both_goals_counts(void **state)
{
    struct pacer p;
    begin(&p, 100, 512 * MIB);
    marked(&p, 100 * MIB);
    assert_int_equal(pacer_heap_goal(&p), 200 * MIB);
    marked(&p, 400 * MIB);
    assert_int_equal(pacer_heap_goal(&p), 512 * MIB - 512 * MIB / 100 * 3);
}

/* --- what may lift the goal --- */

static void
sweeper_is_left_a_mib(void **state)
{
    struct pacer p;
    begin(&p, 1, GH_MEMORY_LIMIT_OFF);
    marked(&p, 10 * MIB);
    assert_int_equal(pacer_heap_goal(&p), 10 * MIB + 10 * MIB / 100);
    pacer_add_live(&p, 2 * MIB);
    pacer_commit(&p, false);
    assert_int_equal(pacer_heap_goal(&p), 13 * MIB);
    assert_int_equal(pacer_trigger(&p), 13 * MIB);
    pacer_commit(&p, true);
    assert_int_equal(pacer_heap_goal(&p), 10 * MIB + 10 * MIB / 100);
}

static void
late_cycle_gets_64_kib_of_runway(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    pacer_add_live(&p, 5 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    assert_int_equal(pacer_heap_goal(&p), 5 * MIB + 64 * KIB);
    pacer_end_cycle(&p, 1, 8, NULL);
    assert_int_equal(p.last_goal, 5 * MIB + 64 * KIB);
}

static void
limit_is_not_lifted(void **state)
{
    struct pacer p;
    begin(&p, 100, 512 * MIB);
    marked(&p, 500 * MIB);
    pacer_add_live(&p, 100 * MIB);
    pacer_commit(&p, false);
    assert_int_equal(pacer_heap_goal(&p), 500 * MIB);
    pacer_start_cycle(&p, 0, 8, false);
    assert_int_equal(pacer_heap_goal(&p), 500 * MIB);
}

/* --- the trigger --- */

static void
trigger_without_a_measurement_is_late(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    assert_int_equal(pacer_trigger(&p), 4 * MIB / 64 * 61);
    marked(&p, 10 * MIB); /* 10 to 20: 61/64 of the way is later than goal - 4 MiB */
    assert_int_equal(pacer_trigger(&p), 10 * MIB + 10 * MIB / 64 * 61);
    marked(&p, GIB); /* a fixed headroom is enough for large heaps */
    assert_int_equal(pacer_trigger(&p), 2 * GIB - 4 * MIB);
}

static void
trigger_leaves_the_runway(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    p.cons_mark = 0.0625; /* runway = 3/16 of the work */
    marked(&p, 64 * MIB);
    assert_int_equal(p.runway, 12 * MIB);
    assert_int_equal(pacer_trigger(&p), 116 * MIB);
    p.cons_mark = 1; /* three times the heap: no earlier than 45/64 of the way */
    marked(&p, 64 * MIB);
    assert_int_equal(p.runway, 192 * MIB);
    assert_int_equal(pacer_trigger(&p), 64 * MIB + 45 * MIB);
    p.cons_mark = 0.000001; /* next to nothing: no later than goal - 4 MiB */
    marked(&p, 64 * MIB);
    assert_int_equal(pacer_trigger(&p), 124 * MIB + 1 * MIB);
}

static void
runway_beyond_all_bounds_is_the_earliest_trigger(void **state)
{
    struct pacer p;
    begin(&p, 100, GH_MEMORY_LIMIT_OFF);
    p.cons_mark = 1e200;
    marked(&p, TIB);
    assert_int_equal(p.runway, UINT64_MAX);
    assert_int_equal(pacer_trigger(&p), TIB + TIB / 64 * 45);
}

static void
due_means_beyond_the_trigger(void **state)
{
    struct pacer p;
    pacer_init(&p, 100, GH_MEMORY_LIMIT_OFF, 8);
    pacer_add_live(&p, 4 * MIB - 10);
    assert_false(pacer_is_due(&p, 0));
    assert_false(pacer_is_due(&p, 10));
    assert_true(pacer_is_due(&p, 11));
    pacer_add_live(&p, 10);
    assert_false(pacer_is_due(&p, 0));
    pacer_add_live(&p, 1);
    assert_true(pacer_is_due(&p, 0));
    pacer_set_gogc(&p, -1);
    assert_false(pacer_is_due(&p, 1000 * MIB));
}

/* --- a collector that stops the world --- */

static void
stopped_cycles_need_no_runway(void **state)
{
    struct pacer p;
    pacer_init(&p, 100, GH_MEMORY_LIMIT_OFF, 8);
    pacer_end_stopped(&p, 10 * MIB, 9 * MIB, 2 * MIB, 3 * MIB);
    assert_int_equal(pacer_heap_goal(&p), 25 * MIB);
    assert_int_equal(pacer_trigger(&p), 25 * MIB);
    assert_int_equal(p.trigger, 25 * MIB);
    assert_int_equal(p.last_goal, 4 * MIB);
    assert_int_equal(pacer_live(&p), 10 * MIB);
    pacer_set_gogc(&p, 1); /* no sweep distance either */
    assert_int_equal(pacer_trigger(&p), 10 * MIB + 15 * MIB / 100);
}

static void
stopped_cycles_over_the_limit_are_a_mib_apart(void **state)
{
    struct pacer p;
    pacer_init(&p, 100, 20 * MIB, 8);
    pacer_end_stopped(&p, 15 * MIB, 0, 0, 0);
    assert_int_equal(pacer_trigger(&p), 19 * MIB);
    pacer_end_stopped(&p, 50 * MIB, 0, 0, 0);
    assert_int_equal(pacer_trigger(&p), 51 * MIB);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_goal_is_four_mib_times_gogc),
        cmocka_unit_test(goal_counts_roots_in_the_growth_only),
        cmocka_unit_test(small_heaps_keep_the_minimum),
        cmocka_unit_test(without_gogc_and_limit_the_goal_is_out_of_reach),
        cmocka_unit_test(huge_heaps_saturate),
        cmocka_unit_test(limit_leaves_three_percent_or_a_mib),
        cmocka_unit_test(limit_is_on_all_memory),
        cmocka_unit_test(figures_that_disagree_for_a_moment_do_no_harm),
        cmocka_unit_test(limit_below_the_live_heap_means_the_live_heap),
        cmocka_unit_test(smaller_of_both_goals_counts),
        cmocka_unit_test(sweeper_is_left_a_mib),
        cmocka_unit_test(late_cycle_gets_64_kib_of_runway),
        cmocka_unit_test(limit_is_not_lifted),
        cmocka_unit_test(trigger_without_a_measurement_is_late),
        cmocka_unit_test(trigger_leaves_the_runway),
        cmocka_unit_test(runway_beyond_all_bounds_is_the_earliest_trigger),
        cmocka_unit_test(due_means_beyond_the_trigger),
        cmocka_unit_test(stopped_cycles_need_no_runway),
        cmocka_unit_test(stopped_cycles_over_the_limit_are_a_mib_apart),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
