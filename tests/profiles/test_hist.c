/* test_hist.c - the histogram against a sorted array of the same values. */
#include "profiles/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/base/seed.h"
#include "workloads/api/workload.h"

static void
buckets_follow_each_other_without_gap(void **state)
{
    assert_int_equal(hist_low(0), 0);
    for (size_t i = 0; i + 1 < HIST_BUCKETS; i++) {
        assert_true(hist_high(i) + 1 == hist_low(i + 1));
        assert_int_equal(hist_bucket(hist_low(i)), i);
        assert_int_equal(hist_bucket(hist_high(i)), i);
    }
    assert_true(hist_high(HIST_BUCKETS - 1) == UINT64_MAX);
    assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void
buckets_are_no_wider_than_one_percent(void **state)
{
    for (size_t i = 1; i < HIST_BUCKETS; i++) {
        double width = (double)(hist_high(i) - hist_low(i));
        assert_true(width <= 0.01 * (double)hist_low(i));
    }
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
quantiles_are_within_one_percent(void **state)
{
    enum { N = 5000 };
    static uint64_t values[N];
    static struct hist h;
    static const double qs[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t rng = seed_of_run();
    hist_init(&h);
    for (int i = 0; i < N; i++) {
        values[i] = gh_random(&rng) >> (gh_random(&rng) % 64);
        hist_add(&h, values[i]);
    }
    qsort(values, N, sizeof *values, by_value);
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        int rank = (int)(qs[i] * N + 0.9999999);
        uint64_t exact = values[rank < 1 ? 0 : rank - 1], got = hist_quantile(&h, qs[i]);
        assert_true(got >= exact);
        assert_true((double)(got - exact) <= 0.01 * (double)exact);
    }
    assert_true(hist_quantile(&h, 1) == values[N - 1]);
    assert_true(h.max == values[N - 1]);
}

static void
empty_has_zero_quantiles(void **state)
{
    static struct hist h;
    hist_init(&h);
    assert_int_equal(hist_quantile(&h, 0.5), 0);
    assert_int_equal(h.max, 0);
}

static void
a_single_value_is_every_quantile(void **state)
{
    static struct hist h;
    hist_init(&h);
    hist_add(&h, 1234567);
    assert_int_equal(hist_quantile(&h, 0), 1234567);
    assert_int_equal(hist_quantile(&h, 0.5), 1234567);
    assert_int_equal(hist_quantile(&h, 1), 1234567);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_follow_each_other_without_gap),
        cmocka_unit_test(buckets_are_no_wider_than_one_percent),
        cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(empty_has_zero_quantiles),
        cmocka_unit_test(a_single_value_is_every_quantile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
