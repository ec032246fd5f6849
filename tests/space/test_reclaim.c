/* test_reclaim.c - who takes pages frees as many first, from spans that hold nothing. */
#include "fixture.h"

#include "alloc/base/bits.h"

enum { SPANS = 1024, CLASS = 4 << 1 | 1 };

/* SPANS full one-page spans; one object of each is returned. */
static void
fill(struct fixture *f, uintptr_t *first)
{
    unsigned slots = span_slots(CLASS);
    for (unsigned i = 0; i < SPANS; i++) {
        first[i] = take_slot(f, 0, CLASS, 0);
        for (unsigned j = 1; j < slots; j++)
            take_slot(f, 0, CLASS, 0);
    }
    flush_all(f);
    pages_local_flush(&f->pages, &f->caches[0].local);
}

static struct pages_stats
stats_of(struct fixture *f)
{
    struct pages_stats st;
    pages_read_stats(&f->pages, &st);
    return st;
}

static uintptr_t
take_large(struct fixture *f, size_t npages)
{
    struct refill took;
    void *p = gospace_alloc_large(&f->space, &f->caches[1], npages * GH_PAGE, NULL, &took);
    assert_non_null(p);
    return (uintptr_t)p;
}

static void
large_object_gets_the_pages_of_dead_ones(void **state)
{
    struct fixture *f = *state;
    uintptr_t first[SPANS];
    fill(f, first);
    uint64_t mapped = stats_of(f).mapped;
    cycle_keeping(f, NULL, 0);
    uintptr_t p = take_large(f, SPANS);
    assert_int_equal(p, first[0]); /* spans in a row, none left out */
    assert_int_equal(stats_of(f).mapped, mapped);
    assert_int_equal(f->space.pages_swept, SPANS);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
    gospace_finish_sweep(&f->space);
    assert_int_equal(f->space.pages_swept, SPANS);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
}

static void
no_more_is_swept_than_is_asked_for(void **state)
{
    struct fixture *f = *state;
    uintptr_t first[SPANS];
    fill(f, first);
    cycle_keeping(f, NULL, 0);
    take_large(f, 5);
    uint64_t swept = f->space.pages_swept;
    assert_true(swept >= 5 && swept <= 512); /* one chunk of pages */
    uint64_t credit = f->space.reclaim_credit;
    assert_int_equal(credit, swept - 5);
    take_large(f, 7);
    if (credit >= 7)
        assert_int_equal(f->space.pages_swept, swept); /* paid with credit */
    assert_int_equal(gospace_sweep(&f->space, 1), 1);
    assert_int_equal(f->space.reclaim_credit, credit - 7 + 1);
}

static void
spans_with_marks_are_left_to_others(void **state)
{
    struct fixture *f = *state;
    uintptr_t first[SPANS];
    fill(f, first);
    cycle_keeping(f, first, SPANS);
    take_large(f, SPANS);
    assert_int_equal(f->space.pages_swept, 0);
    assert_int_equal(f->space.reclaim_credit, 0);
    assert_true(f->space.reclaim_next >= f->space.reclaim_end); /* all looked at, once */
    uint64_t next = f->space.reclaim_next;
    take_large(f, SPANS);
    assert_int_equal(f->space.reclaim_next, next);
    assert_int_equal(gospace_verify_stw(&f->space), SPANS + 2);
}

/* A mark that nobody noted for the page, as when marking gave birth to black objects. */
static void
unnoted_survivors_survive(void **state)
{
    struct fixture *f = *state;
    uintptr_t first[SPANS];
    struct object_ref o;
    fill(f, first);
    gospace_start_mark_stw(&f->space);
    for (unsigned i = 0; i < SPANS; i += 2) {
        assert_true(gospace_find_object(&f->space, first[i], &o));
        set_mark(o.span, o.index);
    }
    gospace_start_sweep_stw(&f->space);
    take_large(f, SPANS);
    assert_int_equal(f->space.pages_swept, SPANS);
    assert_int_equal(gospace_verify_stw(&f->space), SPANS / 2 + 1);
    for (unsigned i = 0; i < SPANS; i += 2)
        assert_true(gospace_find_object(&f->space, first[i], &o) &&
                    !gospace_is_free(o.span, o.index));
    gospace_finish_sweep(&f->space);
    assert_int_equal(gospace_verify_stw(&f->space), SPANS / 2 + 1);
}

static void
marks_noted_in_one_cycle_mean_nothing_in_the_next(void **state)
{
    struct fixture *f = *state;
    uintptr_t first[SPANS];
    fill(f, first);
    cycle_keeping(f, first, SPANS);
    gospace_finish_sweep(&f->space);
    gospace_prepare_mark(&f->space);
    cycle_keeping(f, first, 1);
    take_large(f, SPANS - 1);
    assert_int_equal(f->space.pages_swept, SPANS - 1);
    cycle_keeping(f, NULL, 0);
    take_large(f, 2 * SPANS);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_object_gets_the_pages_of_dead_ones),
        TEST(no_more_is_swept_than_is_asked_for),
        TEST(spans_with_marks_are_left_to_others),
        TEST(unnoted_survivors_survive),
        TEST(marks_noted_in_one_cycle_mean_nothing_in_the_next),
    };
    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
