/* test_limits.c - what the heap tells the limiter and the pacer (gc/core/limits.c). */
#include "tests/gc/stage.h"

static void
let_an_update_be_due(struct stage *s)
{
    atomic_store(&s->heap->limiter.last_update_ns, os_now_ns() - 2 * LIMITER_PERIOD_NS);
}

/* Two of four processors are nobody's. */
static void
idle_processors_are_told_to_the_limiter(void **state)
{
    struct stage s;
    stage_open(&s);
    struct limiter *l = &s.heap->limiter;
    heap_update_limiter(s.heap);
    atomic_store(&l->idle_ns, 0);
    atomic_store(&l->updating, true); /* so that it stays in the pool */
    let_an_update_be_due(&s);
    int64_t begin = os_now_ns();
    heap_update_limiter(s.heap); /* the books are up to date at some time after `begin` */
    int64_t first = atomic_exchange(&l->idle_ns, 0);
    assert_true(first > 0);
    while (os_now_ns() < begin + 1000000)
        ;
    let_an_update_be_due(&s);
    heap_update_limiter(s.heap);
    assert_true(atomic_load(&l->idle_ns) <= 2 * (os_now_ns() - begin));
    assert_true(atomic_load(&l->idle_ns) > 0);
    atomic_store(&l->updating, false);
    stage_close(&s);
}

static void
scavenging_counts_as_collecting(void **state)
{
    struct stage s;
    stage_open(&s);
    struct limiter *l = &s.heap->limiter;
    atomic_store(&l->updating, true); /* so that it stays in the pool */
    atomic_store(&l->assist_ns, 0);
    atomic_store(&s.heap->pages.scavenge_assist_ns, 12345);
    let_an_update_be_due(&s);
    heap_update_limiter(s.heap);
    let_an_update_be_due(&s);
    heap_update_limiter(s.heap); /* once */
    assert_int_equal(atomic_load(&l->assist_ns), 12345);
    atomic_store(&l->updating, false);
    stage_close(&s);
}

static void
scavenging_learns_whether_the_limiter_acts(void **state)
{
    struct stage s;
    stage_open(&s);
    atomic_store(&s.heap->pages.limiter_on, true);
    atomic_store(&s.heap->limiter.last_update_ns, os_now_ns() + LIMITER_PERIOD_NS * 1000000);
    heap_update_limiter(s.heap); /* not due */
    assert_true(atomic_load(&s.heap->pages.limiter_on));
    let_an_update_be_due(&s);
    heap_update_limiter(s.heap);
    assert_false(atomic_load(&s.heap->pages.limiter_on));
    atomic_store(&s.heap->pages.limiter_on, true);
    stage_begin(&s); /* a stop publishes as well */
    assert_false(atomic_load(&s.heap->pages.limiter_on));
    assert_true(s.heap->limiter.gc_on);
    stage_end(&s);
    assert_false(s.heap->limiter.gc_on);
    stage_close(&s);
}

static void
pacer_learns_what_the_pages_hold(void **state)
{
    struct stage s;
    struct pages_stats st;
    stage_open(&s);
    gh_new_bytes(s.a, 1 << 20);
    heap_refresh_memory(s.heap);
    pages_read_stats(&s.heap->pages, &st);
    const struct pacer *p = &s.heap->pacer;
    assert_true(atomic_load(&p->heap_alloc) >= 1 << 20);
    assert_int_equal(atomic_load(&p->heap_free), st.free - st.released);
    assert_int_equal(atomic_load(&p->mapped_ready), atomic_load(&s.heap->account.ready));
    stage_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_processors_are_told_to_the_limiter),
        cmocka_unit_test(scavenging_counts_as_collecting),
        cmocka_unit_test(scavenging_learns_whether_the_limiter_acts),
        cmocka_unit_test(pacer_learns_what_the_pages_hold),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
