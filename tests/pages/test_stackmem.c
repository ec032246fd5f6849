/* test_stackmem.c - stacks of all sizes, caches, pools, and when memory goes back. */
#include "tests/pages/fixture.h"

enum { SPAN_BYTES = 32 * 1024 };

static void
each_order_fills_its_span(void **state)
{
    struct fixture *f = *state;
    for (unsigned order = 0; order < STACK_ORDERS; order++) {
        size_t bytes = (size_t)GH_STACK_MIN << order, n = SPAN_BYTES / bytes;
        char *stack[16];
        for (size_t i = 0; i < n; i++) {
            stack[i] = stackmem_alloc(&f->pages, NULL, bytes);
            assert_non_null(stack[i]);
            assert_int_equal((uintptr_t)stack[i] % bytes, 0);
            memset(stack[i], (int)i, bytes);
        }
        assert_int_equal(stats_of(f).stacks, SPAN_BYTES);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(stack[i][k], i);
        }
        for (size_t i = 0; i < n; i++)
            stackmem_free(&f->pages, NULL, stack[i], bytes);
        assert_int_equal(stats_of(f).stacks, 0);
    }
}

static void
large_stacks_are_spans_of_their_own(void **state)
{
    struct fixture *f = *state;
    for (size_t bytes = SPAN_BYTES; bytes <= (8 << 20); bytes *= 2) {
        char *x = stackmem_alloc(&f->pages, &f->local, bytes);
        assert_non_null(x);
        x[0] = x[bytes - 1] = 1;
        assert_int_equal(stats_of(f).stacks, bytes);
        assert_int_equal(stats_of(f).inuse, 0);
        stackmem_free(&f->pages, &f->local, x, bytes);
        assert_int_equal(stats_of(f).stacks, 0);
    }
}

static void
cache_is_filled_and_drained_by_half(void **state)
{
    struct fixture *f = *state;
    enum { N = 60 };
    void *stack[N];
    stack[0] = stackmem_alloc(&f->pages, &f->local, GH_STACK_MIN);
    assert_int_equal(f->local.stacks.order[0].bytes, STACK_CACHE_BYTES / 2 - GH_STACK_MIN);
    for (size_t i = 1; i < N; i++)
        stack[i] = stackmem_alloc(&f->pages, &f->local, GH_STACK_MIN);
    for (size_t i = 0; i < N; i++) {
        stackmem_free(&f->pages, &f->local, stack[i], GH_STACK_MIN);
        assert_true(f->local.stacks.order[0].bytes <= STACK_CACHE_BYTES);
    }
    size_t kept = f->local.stacks.order[0].bytes;
    assert_true(kept > STACK_CACHE_BYTES / 2);
    stackmem_flush(&f->pages, &f->local);
    assert_int_equal(f->local.stacks.order[0].bytes, 0);
    assert_null(f->local.stacks.order[0].list);
    assert_int_equal(stats_of(f).stacks, 0);
}

static void
nothing_is_given_back_while_a_cycle_runs(void **state)
{
    struct fixture *f = *state;
    void *small = stackmem_alloc(&f->pages, NULL, GH_STACK_MIN);
    void *kept = stackmem_alloc(&f->pages, NULL, 4 * GH_STACK_MIN);
    void *large = stackmem_alloc(&f->pages, NULL, 1 << 20);
    atomic_store(&f->pages.gc_running, true);
    stackmem_free(&f->pages, NULL, small, GH_STACK_MIN);
    stackmem_free(&f->pages, NULL, large, 1 << 20);
    assert_int_equal(stats_of(f).stacks, 2 * SPAN_BYTES + (1 << 20));

    /* and may be had again */
    assert_ptr_equal(stackmem_alloc(&f->pages, NULL, 1 << 20), large);
    assert_ptr_equal(stackmem_alloc(&f->pages, NULL, GH_STACK_MIN), small);
    stackmem_free(&f->pages, NULL, small, GH_STACK_MIN);
    stackmem_free(&f->pages, NULL, large, 1 << 20);
    atomic_store(&f->pages.gc_running, false);
    stackmem_release_unused(&f->pages);
    assert_int_equal(stats_of(f).stacks, SPAN_BYTES);
    stackmem_free(&f->pages, NULL, kept, 4 * GH_STACK_MIN);
    assert_int_equal(stats_of(f).stacks, 0);
}

static void
random_stacks_do_not_overlap(void **state)
{
    enum { LIVE = 200 };
    struct fixture *f = *state;
    struct rng r = rng_seeded();
    struct {
        unsigned char *at;
        size_t bytes;
    } live[LIVE] = {{NULL, 0}};
    for (size_t k = 0; k < steps(40000); k++) {
        size_t i = rng_below(&r, LIVE);
        struct pages_local *l = rng_below(&r, 4) ? &f->local : NULL;
        if (live[i].at == NULL) {
            live[i].bytes = (size_t)GH_STACK_MIN << rng_below(&r, 7);
            live[i].at = stackmem_alloc(&f->pages, l, live[i].bytes);
            assert_non_null(live[i].at);
            live[i].at[0] = live[i].at[live[i].bytes - 1] = (unsigned char)i;
        } else {
            assert_int_equal(live[i].at[0], i);
            assert_int_equal(live[i].at[live[i].bytes - 1], i);
            stackmem_free(&f->pages, l, live[i].at, live[i].bytes);
            live[i].at = NULL;
        }
        if (k % 1000 == 0) {
            atomic_store(&f->pages.gc_running, rng_below(&r, 2));
            stackmem_release_unused(&f->pages);
            pages_verify_stw(&f->pages);
        }
    }
    atomic_store(&f->pages.gc_running, false);
    for (size_t i = 0; i < LIVE; i++) {
        if (live[i].at != NULL)
            stackmem_free(&f->pages, NULL, live[i].at, live[i].bytes);
    }
    pages_local_flush(&f->pages, &f->local);
    stackmem_release_unused(&f->pages);
    assert_int_equal(stats_of(f).stacks, 0);
}

static void
free_a_stack_under_another_size(void *arg)
{
    struct fixture *f = arg;
    stackmem_free(&f->pages, NULL, stackmem_alloc(&f->pages, NULL, 4096), 8192);
}

static void
wrong_size_is_fatal(void **state)
{
    struct death d;
    death_run(&d, free_a_stack_under_another_size, *state);
    assert_true(WIFEXITED(d.status) && WEXITSTATUS(d.status) == 1);
    assert_non_null(strstr(d.text, "is no stack of order 2"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAGES_TEST(each_order_fills_its_span),
        PAGES_TEST(large_stacks_are_spans_of_their_own),
        PAGES_TEST(cache_is_filled_and_drained_by_half),
        PAGES_TEST(nothing_is_given_back_while_a_cycle_runs),
        PAGES_TEST(random_stacks_do_not_overlap),
        PAGES_TEST(wrong_size_is_fatal),
    };
    return cmocka_run_group_tests_name("stackmem", tests, NULL, NULL);
}
