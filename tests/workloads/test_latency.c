/* test_latency.c - the workloads' histogram against the sorted values themselves, and the model
 * of workload `churn` against what can be said of it by other means. */
#include "workloads/latency.h"

#include "tests/base/seed.h"
#include "workloads/builtin/churn_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void
buckets_lie_side_by_side_and_are_narrow(void **state)
{
    uint64_t low = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        uint64_t high = latency_edge(i);
        assert_true(high >= low);
        assert_int_equal(latency_bucket(low), i);
        assert_int_equal(latency_bucket(high), i);
        assert_true(high - low <= low / LATENCY_SUB);
        if (low < 2 * LATENCY_SUB)
            assert_int_equal(high, low);
        low = high + 1;
    }
    assert_int_equal(low, 0); /* the last one ends at 2^64 - 1 */
}

/* Values of all magnitudes, many of them equal. */
static uint64_t
draw(uint64_t *seed)
{
    uint64_t x = gh_random(seed);
    return gh_random(seed) >> (x % 64) >> (x & 64 ? 0 : 20);
}

static void
quantiles_are_those_of_the_sorted_values(void **state)
{
    enum { N = 20000 };
    static const double q[] = {0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    uint64_t seed = seed_of_run(), *values = malloc(N * sizeof *values);
    for (size_t n = 1; n <= N; n = n * 3 + 1) {
        struct latency *l = latency_make(1);
        for (size_t i = 0; i < n; i++)
            latency_add(l, values[i] = draw(&seed));
        qsort(values, n, sizeof *values, by_value);
        for (size_t k = 0; k < sizeof q / sizeof *q; k++) {
            size_t rank = (size_t)(q[k] * (double)n);
            uint64_t want =
                rank == n ? values[n - 1] : latency_edge(latency_bucket(values[rank]));
            assert_int_equal(latency_quantile(l, q[k]), want);
        }
        assert_int_equal(l->max, values[n - 1]);
        assert_int_equal(l->n, n);
        free(l);
    }
    free(values);
}

static void
an_empty_histogram_has_only_zeros(void **state)
{
    struct latency *l = latency_make(1);
    assert_int_equal(latency_quantile(l, 0.5), 0);
    assert_int_equal(latency_quantile(l, 1), 0);
    free(l);
}

static void
merging_is_adding_everything_to_one(void **state)
{
    uint64_t seed = seed_of_run();
    struct latency *l = latency_make(3);
    for (int i = 0; i < 5000; i++) {
        uint64_t x = draw(&seed);
        latency_add(&l[i % 3 == 0], x);
        latency_add(&l[2], x);
    }
    latency_merge(&l[0], &l[1]);
    assert_memory_equal(&l[0], &l[2], sizeof *l);
    free(l);
}

/* The sums that every peer finds at the default sizes. */
static void
the_model_of_churn_agrees_with_the_peers(void **state)
{
    static const struct {
        uint64_t threads, sum;
    } runs[] = {{1, 122487}, {2, 901530}};
    enum { SLOTS = 1000000, OPS = 5000000 };
    for (size_t k = 0; k < 2; k++) {
        struct churn_model o;
        churn_model_init(&o, SLOTS);
        assert_non_null(o.table);
        uint64_t n = runs[k].threads, sum = 0;
        for (uint64_t t = 0; t < n; t++)
            churn_model_run(&o, (int)t, t * SLOTS / n, (t + 1) * SLOTS / n, OPS / n);
        for (uint64_t i = 0; i < SLOTS; i++) {
            const struct churn_record *r = &o.records[o.table[i]];
            sum += r->key * (i + 1) + r->size + r->key;
        }
        assert_int_equal(sum % 1000003, runs[k].sum);
        churn_model_finish(&o);
    }
}

/* Counts must be what a walk over all references finds, and free records must not be in use. */
static void
the_model_of_churn_counts_references_right(void **state)
{
    enum { SLOTS = 50 };
    struct churn_model o;
    churn_model_init(&o, SLOTS);
    assert_non_null(o.table);
    churn_model_run(&o, 0, 0, SLOTS, 30000);
    uint32_t *refs = calloc(o.count, sizeof *refs), free_records = 0;
    for (uint32_t at = o.free; at != 0; at = o.records[at].next, free_records++)
        refs[at] = UINT32_MAX;
    for (uint32_t i = 1; i < o.count; i++)
        if (refs[i] != UINT32_MAX && o.records[i].next != 0)
            refs[o.records[i].next]++;
    for (uint32_t i = 0; i < SLOTS; i++)
        refs[o.table[i]]++;
    for (uint32_t i = 1; i < o.count; i++)
        assert_int_equal(refs[i], refs[i] == UINT32_MAX ? UINT32_MAX : o.records[i].refs);
    assert_true(o.count - 1 - free_records >= SLOTS);
    free(refs);
    churn_model_finish(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_lie_side_by_side_and_are_narrow),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(an_empty_histogram_has_only_zeros),
        cmocka_unit_test(merging_is_adding_everything_to_one),
        cmocka_unit_test(the_model_of_churn_agrees_with_the_peers),
        cmocka_unit_test(the_model_of_churn_counts_references_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
