/* test_scavenge_pacer.c - the scavenger's arithmetic, without a clock. */
#include "alloc/pages/scavenge_pacer.h"
#include "tests/pages/fixture.h"

#include <math.h>

static void
sleeps_only_after_a_millisecond_of_work(void **state)
{
    struct scavenge_pacer s;
    scavenge_pacer_init(&s);
    for (int i = 0; i < 9; i++)
        assert_int_equal(scavenge_pacer_sleep_ns(&s, 100 * 1000, SCAVENGE_QUANTUM), 0);
    /* the ratio of the start, 1 to 1000 */
    assert_int_equal(scavenge_pacer_sleep_ns(&s, 100 * 1000, SCAVENGE_QUANTUM), 1000000000);
}

static void
work_the_clock_does_not_see_is_estimated(void **state)
{
    struct scavenge_pacer s;
    scavenge_pacer_init(&s);
    /* 16 OS pages of 10 us each: the seventh quantum passes a millisecond */
    for (int i = 0; i < 6; i++)
        assert_int_equal(scavenge_pacer_sleep_ns(&s, 0, SCAVENGE_QUANTUM), 0);
    assert_int_equal(scavenge_pacer_sleep_ns(&s, 0, SCAVENGE_QUANTUM), 1120000000);
}

/* Share of time worked over many rounds, once settled; each sleep takes `late` times what was
 * asked. */
static double
settled_share(double late)
{
    struct scavenge_pacer s;
    double worked = 0, slept = 0;
    scavenge_pacer_init(&s);
    for (int i = 0; i < 4000; i++) {
        int64_t sleep = scavenge_pacer_sleep_ns(&s, 1500 * 1000, SCAVENGE_QUANTUM);
        sleep = (int64_t)((double)sleep * late);
        scavenge_pacer_slept(&s, sleep);
        if (i >= 2000) {
            worked += 1500 * 1000;
            slept += (double)sleep;
        }
    }
    return worked / (worked + slept);
}

static void
settles_at_one_percent_of_a_cpu(void **state)
{
    const double late[] = {1, 1.5, 4};
    for (size_t i = 0; i < 3; i++) {
        double share = settled_share(late[i]);
        if (fabs(share - 0.01) > 0.002)
            fail_msg("sleeping %.1f times as long as asked, %.4f of the time is work", late[i],
                     share);
    }
}

static void
overflow_starts_over_and_rests(void **state)
{
    struct scavenge_pacer s;
    scavenge_pacer_init(&s);
    s.controller.integral = INFINITY;
    scavenge_pacer_sleep_ns(&s, 2000 * 1000, SCAVENGE_QUANTUM);
    scavenge_pacer_slept(&s, 1000 * 1000);
    assert_true(s.controller.integral == 0);
    assert_true(s.sleep_ratio == 0.001);
    /* five seconds of rest: the ratio does not move */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scavenge_pacer_sleep_ns(&s, 2000 * 1000, SCAVENGE_QUANTUM),
                         2000000000);
        scavenge_pacer_slept(&s, 2000000000);
        assert_true(s.sleep_ratio == 0.001);
    }
    scavenge_pacer_sleep_ns(&s, 2000 * 1000, SCAVENGE_QUANTUM);
    scavenge_pacer_slept(&s, 2000000000);
    scavenge_pacer_sleep_ns(&s, 2000 * 1000, SCAVENGE_QUANTUM);
    scavenge_pacer_slept(&s, 2000000000);
    assert_true(s.sleep_ratio != 0.001);
}

static void
retain_goal_follows_the_heap_goal(void **state)
{
    assert_true(scavenge_retain_goal(100, 0, 1000) == UINT64_MAX);
    assert_int_equal(scavenge_retain_goal(100, 100, 1000), 1100);
    assert_int_equal(scavenge_retain_goal(200, 100, 1000), 2200);
    assert_int_equal(scavenge_retain_goal(50, 100, 1000), 550);
    assert_true(scavenge_retain_goal(UINT64_MAX, 1, 1000) == UINT64_MAX);
}

static void
limit_goal_is_below_the_limit(void **state)
{
    (void)state;
    assert_int_equal(scavenge_limit_goal(1000, 1000), 950);
    assert_int_equal(scavenge_limit_goal(1000, 951), 950);
    assert_true(scavenge_limit_goal(1000, 950) == UINT64_MAX);
    assert_int_equal(scavenge_limit_goal(10, 1 << 20), 9);
    assert_true(scavenge_limit_goal(UINT64_MAX, 1 << 20) == UINT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeps_only_after_a_millisecond_of_work),
        cmocka_unit_test(work_the_clock_does_not_see_is_estimated),
        cmocka_unit_test(settles_at_one_percent_of_a_cpu),
        cmocka_unit_test(overflow_starts_over_and_rests),
        cmocka_unit_test(retain_goal_follows_the_heap_goal),
        cmocka_unit_test(limit_goal_is_below_the_limit),
    };
    return cmocka_run_group_tests_name("scavenge_pacer", tests, NULL, NULL);
}
