/* test_pacer.c - the goal's arithmetic, at its bounds too. */
#include "gc/core/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t MIB = 1 << 20;

static void
first_goal_is_four_mib_times_gogc(void **state)
{
    (void)state;
    struct pacer p;
    pacer_init(&p, 100);
    assert_int_equal(p.goal, 4 * MIB);
    pacer_init(&p, 50);
    assert_int_equal(p.goal, 2 * MIB);
    pacer_init(&p, 400);
    assert_int_equal(p.goal, 16 * MIB);
    pacer_init(&p, -1);
    assert_int_equal(p.goal, UINT64_MAX);
}

static void
goal_counts_roots_in_the_growth_only(void **state)
{
    (void)state;
    struct pacer p;
    pacer_init(&p, 100);
    pacer_end_cycle(&p, 10 * MIB, 2 * MIB, 3 * MIB);
    assert_int_equal(p.goal, 25 * MIB);
    assert_int_equal(p.last_goal, 4 * MIB);
    assert_int_equal(pacer_live(&p), 10 * MIB);
    pacer_set_gogc(&p, 10);
    assert_int_equal(p.goal, 10 * MIB + 15 * MIB / 10);
}

static void
due_means_beyond_the_trigger(void **state)
{
    (void)state;
    struct pacer p;
    pacer_init(&p, 100);
    pacer_add_live(&p, 4 * MIB - 10);
    assert_false(pacer_is_due(&p, 0));
    assert_false(pacer_is_due(&p, 10));
    assert_true(pacer_is_due(&p, 11));
    pacer_add_live(&p, 11);
    assert_true(pacer_is_due(&p, 0));
    pacer_set_gogc(&p, -1);
    assert_false(pacer_is_due(&p, 1000 * MIB));
}

static void
huge_heaps_saturate(void **state)
{
    (void)state;
    struct pacer p;
    pacer_init(&p, INT32_MAX);
    pacer_end_cycle(&p, UINT64_MAX / 4, 0, 0);
    assert_int_equal(p.goal, UINT64_MAX);
    assert_false(pacer_is_due(&p, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_goal_is_four_mib_times_gogc),
        cmocka_unit_test(goal_counts_roots_in_the_growth_only),
        cmocka_unit_test(due_means_beyond_the_trigger),
        cmocka_unit_test(huge_heaps_saturate),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
