/* test_mcentral.c - where a mutator's next span comes from. */
#include "fixture.h"

enum { CLASS = 20 << 1 | 1 }; /* 320 bytes, 25 slots, no references */

/* Allocate `n` whole spans' worth of slots and remember the first of each span. */
static void
fill_spans(struct fixture *f, uintptr_t *firsts, unsigned n)
{
    for (unsigned i = 0; i < n * span_slots(CLASS); i++) {
        uintptr_t p = take_slot(f, 0, CLASS, 0);
        if (i % span_slots(CLASS) == 0)
            firsts[i / span_slots(CLASS)] = p;
    }
}

static uint64_t
heap_pages(struct fixture *f)
{
    struct pages_stats st;
    pages_read_stats(&f->pages, &st);
    return st.inuse / GH_PAGE;
}

static void
mcentral_hands_out_partial_span_before_growing(void **state)
{
    struct fixture *f = *state;
    uintptr_t p = take_slot(f, 0, CLASS, 0);
    uint64_t pages = heap_pages(f);
    gospace_flush(&f->space, &f->caches[0]);
    assert_int_equal(take_slot(f, 1, CLASS, 0), p + sizeclass_bytes[CLASS >> 1]);
    assert_int_equal(heap_pages(f), pages);
}

static void
unswept_span_with_room_is_swept_for_the_mutator(void **state)
{
    struct fixture *f = *state;
    uintptr_t firsts[2], live[2];
    fill_spans(f, firsts, 2);
    live[0] = firsts[0];
    live[1] = firsts[1] + sizeclass_bytes[CLASS >> 1];
    cycle_keeping(f, live, 2);
    uint64_t pages = heap_pages(f);
    assert_false(gospace_sweep_done(&f->space));
    /* both were full: the first is swept (torture: the other one, too), and its first free slot
     * is the one behind the survivor */
    assert_int_equal(take_slot(f, 0, CLASS, 0), live[0] + sizeclass_bytes[CLASS >> 1]);
    assert_int_equal(heap_pages(f), pages);
    unsigned swept = STOCK_FIRST < 2 ? STOCK_FIRST : 2;
    assert_int_equal(f->space.pages_swept, swept);
    assert_int_equal(f->caches[0].counts.small_frees[CLASS >> 1],
                     swept * (span_slots(CLASS) - 1));
}

static void
empty_span_is_kept_for_the_mutator_that_sweeps_it(void **state)
{
    struct fixture *f = *state;
    uintptr_t first;
    fill_spans(f, &first, 1);
    cycle_keeping(f, NULL, 0);
    uint64_t pages = heap_pages(f);
    assert_int_equal(take_slot(f, 0, CLASS, 0), first);
    assert_int_equal(heap_pages(f), pages);
    gospace_finish_sweep(&f->space);
    flush_all(f);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
}

static void
sweeping_for_one_span_ends_with_the_budget(void **state)
{
    struct fixture *f = *state;
    enum { SPANS = 150 };
    uintptr_t firsts[SPANS], *live = calloc(SPANS * span_slots(CLASS), sizeof(*live));
    size_t n = 0;
    fill_spans(f, firsts, SPANS);
    for (unsigned i = 0; i < SPANS; i++)
        for (unsigned j = 0; j < span_slots(CLASS); j++)
            live[n++] = firsts[i] + j * sizeclass_bytes[CLASS >> 1];
    cycle_keeping(f, live, n);
    uint64_t pages = heap_pages(f);
    take_slot(f, 0, CLASS, 0); /* every span is full */
    assert_int_equal(f->space.pages_swept, 16);
    assert_int_equal(heap_pages(f), pages + 1);
    free(live);
}

static void
refill_charges_what_is_not_in_use(void **state)
{
    struct fixture *f = *state;
    struct refill took;
    uintptr_t first;
    fill_spans(f, &first, 1);
    cycle_keeping(f, &first, 1);
    assert_true(gospace_refill(&f->space, &f->caches[0], CLASS, 0, &took));
    assert_int_equal(took.live_bytes, GH_PAGE - (size_t)sizeclass_bytes[CLASS >> 1]);
}

static void
span_cached_across_a_cycle_is_swept_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    uintptr_t p = take_slot(f, 0, CLASS, 0), q = take_slot(f, 0, CLASS, 0);
    struct mspan *s = f->caches[0].alloc[CLASS];
    mark_object(f, q);
    gospace_start_sweep_stw(&f->space);
    assert_int_equal(s->sweepgen, f->space.sweepgen + 1);
    gospace_finish_sweep(&f->space);
    gospace_flush(&f->space, &f->caches[0]);
    assert_int_equal(s->sweepgen, f->space.sweepgen);
    assert_int_equal(s->alloc_count, 1);
    assert_true(gospace_is_free(s, mspan_index_of(s, p)));
    assert_false(gospace_is_free(s, mspan_index_of(s, q)));
    gospace_verify_stw(&f->space);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mcentral_hands_out_partial_span_before_growing),
        TEST(unswept_span_with_room_is_swept_for_the_mutator),
        TEST(empty_span_is_kept_for_the_mutator_that_sweeps_it),
        TEST(sweeping_for_one_span_ends_with_the_budget),
        TEST(refill_charges_what_is_not_in_use),
        TEST(span_cached_across_a_cycle_is_swept_when_it_comes_back),
    };
    return cmocka_run_group_tests_name("mcentral", tests, NULL, NULL);
}
