/* test_spans.c - spans over real memory: where they lie, how they are found, what is zero. */
#include "tests/pages/fixture.h"

#include <sys/resource.h>

enum { ARENA_PAGES = GH_PAGES_PER_ARENA };

#if GH_TSAN || defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

static void
span_is_found_by_each_of_its_pages(void **state)
{
    struct fixture *f = *state;
    struct mspan *a = take_objects(f, &f->local, 3), *b = take_objects(f, NULL, 40);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(pages_span_of(&f->pages, a->base + i * GH_PAGE + 100), a);
    for (size_t i = 0; i < 40; i++)
        assert_ptr_equal(pages_span_of(&f->pages, b->base + i * GH_PAGE), b);
    assert_int_equal(a->state, MSPAN_IN_USE);
    assert_null(pages_span_of(&f->pages, 0));
    assert_null(pages_span_of(&f->pages, UINTPTR_MAX));
    assert_null(pages_span_of(&f->pages, (uintptr_t)&a));

    uintptr_t at = a->base;
    pages_free(&f->pages, a, SPAN_OBJECTS);
    assert_null(pages_span_of(&f->pages, at));
    assert_int_equal(a->state, MSPAN_DEAD);
    pages_free(&f->pages, b, SPAN_OBJECTS);
}

static void
small_spans_of_a_local_come_from_its_cache(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[PAGE_CACHE_PAGES];
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++) {
        s[i] = take_objects(f, &f->local, 1);
        assert_int_equal(s[i]->base, s[0]->base + i * GH_PAGE);
    }
    assert_int_equal(f->local.pages.free, 0);
    /* somebody without a cache takes what comes after the 64 pages */
    struct mspan *t = take_objects(f, NULL, 1);
    assert_int_equal(t->base, s[0]->base + PAGE_CACHE_PAGES * GH_PAGE);
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    pages_free(&f->pages, t, SPAN_OBJECTS);
}

static void
flush_leaves_nothing_in_the_cache(void **state)
{
    struct fixture *f = *state;
    struct mspan *s = take_objects(f, &f->local, 5);
    assert_int_equal(bits_popcount(f->local.pages.free), PAGE_CACHE_PAGES - 5);
    uintptr_t base = s->base;
    pages_local_flush(&f->pages, &f->local);
    assert_int_equal(f->local.pages.free, 0);
    assert_int_equal(f->local.nspans, 0);
    assert_null(f->pages.locals);
    pages_verify_stw(&f->pages);

    /* all but the five pages is there for one big span again */
    struct mspan *big = take_objects(f, NULL, CHUNK_PAGES - 5);
    assert_int_equal(big->base, base + 5 * GH_PAGE);
    assert_int_equal(stats_of(f).free, 0);
    pages_free(&f->pages, big, SPAN_OBJECTS);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    pages_local_flush(&f->pages, &f->local); /* twice does no harm */
}

static void
spans_cross_chunks_and_arenas(void **state)
{
    struct fixture *f = *state;
    struct mspan *first = take_objects(f, NULL, 500);
    struct mspan *wide = take_objects(f, NULL, 3 * CHUNK_PAGES);
    struct mspan *huge = take_objects(f, NULL, ARENA_PAGES + ARENA_PAGES / 2);
    assert_int_not_equal(wide->base >> CHUNK_SHIFT,
                         (wide->base + 3 * CHUNK_BYTES - 1) >> CHUNK_SHIFT);
    assert_ptr_equal(pages_span_of(&f->pages, wide->base + 3 * CHUNK_BYTES - 1), wide);
    assert_ptr_equal(pages_span_of(&f->pages, huge->base + GH_ARENA), huge);
    assert_false(huge->needzero);
    memset((void *)huge->base, 1, GH_PAGE);
    ((char *)huge->base)[huge->npages * (size_t)GH_PAGE - 1] = 1;
    pages_verify_stw(&f->pages);

    pages_free(&f->pages, wide, SPAN_OBJECTS);
    struct mspan *again = take_objects(f, NULL, 3 * CHUNK_PAGES);
    assert_int_equal(again->base, first->base + 500 * GH_PAGE);
    pages_free(&f->pages, again, SPAN_OBJECTS);
    pages_free(&f->pages, huge, SPAN_OBJECTS);
    pages_free(&f->pages, first, SPAN_OBJECTS);
}

static void
heap_grows_in_whole_chunks_counted_as_released(void **state)
{
    struct fixture *f = *state;
    struct mspan *s = take_objects(f, NULL, 1);
    struct pages_stats st = stats_of(f);
    assert_int_equal(st.mapped, CHUNK_BYTES);
    assert_int_equal(st.inuse, GH_PAGE);
    assert_int_equal(st.released, CHUNK_BYTES - GH_PAGE);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    st = stats_of(f);
    assert_int_equal(st.inuse, 0);
    assert_int_equal(st.released, CHUNK_BYTES - GH_PAGE); /* what was used is still ours */
    /* 512 pages fit, 513 do not */
    s = take_objects(f, NULL, CHUNK_PAGES);
    assert_int_equal(stats_of(f).mapped, CHUNK_BYTES);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    s = take_objects(f, NULL, CHUNK_PAGES + 1);
    assert_true(stats_of(f).mapped >= 2 * CHUNK_BYTES);
    pages_free(&f->pages, s, SPAN_OBJECTS);
}

static void
statistics_are_exact_without_a_flush(void **state)
{
    struct fixture *f = *state;
    struct pages_local other;
    pages_local_init(&other);
    struct mspan *a = take_objects(f, &f->local, 2), *b = take_objects(f, &other, 7);
    struct mspan *c = pages_alloc(&f->pages, &other, 3, SPAN_STACK);
    struct mspan *d = pages_alloc(&f->pages, NULL, 4, SPAN_WORK);
    assert_int_equal(c->state, MSPAN_MANUAL);
    struct pages_stats st = stats_of(f);
    assert_int_equal(st.inuse, 9 * GH_PAGE);
    assert_int_equal(st.stacks, 3 * GH_PAGE);
    assert_int_equal(st.gc_work, 4 * GH_PAGE);
    pages_verify_stw(&f->pages);
    pages_free(&f->pages, b, SPAN_OBJECTS); /* before `other` has settled it */
    assert_int_equal(stats_of(f).inuse, 2 * GH_PAGE);
    pages_local_flush(&f->pages, &other);
    assert_int_equal(stats_of(f).inuse, 2 * GH_PAGE);
    pages_free(&f->pages, a, SPAN_OBJECTS);
    pages_free(&f->pages, c, SPAN_STACK);
    pages_free(&f->pages, d, SPAN_WORK);
    st = stats_of(f);
    assert_int_equal(st.free, st.mapped);
}

static void
records_are_used_again(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 1000; i++) {
        struct mspan *s = take_objects(f, &f->local, 1 + i % 20);
        pages_free(&f->pages, s, SPAN_OBJECTS);
    }
    assert_true(f->pages.nall <= SPAN_CACHE + 1);
}

static bool
is_zero(uintptr_t base, size_t npages)
{
    const uint64_t *words = (const uint64_t *)base;
    for (size_t i = 0; i < npages * GH_PAGE / sizeof(*words); i++) {
        if (words[i] != 0)
            return false;
    }
    return true;
}

/* Allocate, dirty, free, scavenge at random: what is said to be zero must be. */
static void
memory_claimed_zero_is_zero(void **state)
{
    enum { LIVE = 60 };
    struct fixture *f = *state;
    struct mspan *live[LIVE] = {NULL};
    struct rng r = rng_seeded();
    size_t clean = 0, dirty = 0;
    for (size_t k = 0; k < steps(8000); k++) {
        size_t i = rng_below(&r, LIVE);
        if (live[i] != NULL) {
            pages_free(&f->pages, live[i], SPAN_OBJECTS);
            live[i] = NULL;
        } else {
            size_t n = rng_below(&r, 10) ? 1 + rng_below(&r, 20) : 1 + rng_below(&r, 700);
            live[i] = take_objects(f, rng_below(&r, 2) ? &f->local : NULL, n);
            if (!live[i]->needzero)
                assert_true(is_zero(live[i]->base, n));
            live[i]->needzero ? dirty++ : clean++;
            memset((void *)live[i]->base, 0xee, n * GH_PAGE);
        }
        if (rng_below(&r, 20) == 0)
            pages_scavenge(&f->pages, rng_below(&r, 4000000), false);
        if (rng_below(&r, 100) == 0)
            pages_local_flush(&f->pages, &f->local);
        if (k % 500 == 0)
            pages_verify_stw(&f->pages);
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (live[i] != NULL)
            pages_free(&f->pages, live[i], SPAN_OBJECTS);
    }
    assert_true(dirty > 0 && clean > 0);
}

/* Under MADV_FREE released memory may come back with its data: only what was never handed out
 * is known to be zero. */
static void
madv_free_memory_is_not_claimed_zero(void **state)
{
    struct fixture *f = *state;
    struct mspan *s = take_objects(f, NULL, 10);
    assert_false(s->needzero);
    memset((void *)s->base, 1, 10 * GH_PAGE);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    assert_int_equal(pages_scavenge_all(&f->pages), 10 * GH_PAGE);
    s = take_objects(f, NULL, 10);
    assert_true(s->needzero);
    struct mspan *fresh = take_objects(f, NULL, 10);
    assert_false(fresh->needzero);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    pages_free(&f->pages, fresh, SPAN_OBJECTS);
}

static void
memory_never_handed_out_needs_no_zeroing(void **state)
{
    struct fixture *f = *state;
    struct pages_local other;
    pages_local_init(&other);
    /* two mutators take pages in turns, each from its own 64: all of it is fresh */
    for (size_t i = 0; i < 200; i++)
        assert_false(take_objects(f, i % 2 ? &f->local : &other, 1)->needzero);
    for (uint32_t i = 0; i < f->pages.nall; i++) {
        if (f->pages.all_spans[i]->state == MSPAN_IN_USE)
            pages_free(&f->pages, f->pages.all_spans[i], SPAN_OBJECTS);
    }
    pages_local_flush(&f->pages, &other);
    struct mspan *s = take_objects(f, NULL, 100);
    assert_true(s->needzero);
    pages_free(&f->pages, s, SPAN_OBJECTS);
}

static void
two_heaps_do_not_meet(void **state)
{
    struct fixture *f = *state, *g = calloc(1, sizeof(*g));
    fixture_open_at(g, false);
    for (size_t i = 0; i < 40; i++) {
        struct mspan *a = take_objects(f, NULL, 300), *b = take_objects(g, NULL, 300);
        memset((void *)a->base, 1, 300 * GH_PAGE);
        memset((void *)b->base, 2, 300 * GH_PAGE);
        assert_null(pages_span_of(&f->pages, b->base));
        assert_null(pages_span_of(&g->pages, a->base));
        assert_int_equal(*(char *)a->base, 1);
    }
    for (uint32_t i = 0; i < 40; i++) {
        pages_free(&f->pages, f->pages.all_spans[i], SPAN_OBJECTS);
        pages_free(&g->pages, g->pages.all_spans[i], SPAN_OBJECTS);
    }
    fixture_close_at(g);
    free(g);
}

/* --- what the OS refuses --- */

static void
open_with_little_address_space(void *arg)
{
    static struct pages p;
    static struct os_account a;
    static struct persistent per;
    struct rlimit limit = {*(const rlim_t *)arg, *(const rlim_t *)arg};
    struct gh_error err = {0};
    os_account_init(&a, false);
    persistent_init(&per, &a);
    setrlimit(RLIMIT_AS, &limit);
    bool ok = pages_open(&p, &a, &per, &err);
    persistent_finish(&per);
    if (!ok && os_sys_total(&a) == 0 && a.reserved == 0 && err.status == GH_EXIT_FAILED)
        fprintf(stderr, "%s\n", err.text);
    fflush(stderr);
    _exit(ok);
}

static void
open_says_what_address_space_it_lacks(void **state)
{
    const rlim_t limit = 300 << 20;
    struct death d;
    if (SANITIZED)
        skip(); /* sanitizers want address space of their own */
    death_run(&d, open_with_little_address_space, &limit);
    assert_int_equal(d.status, 0);
    assert_non_null(strstr(d.text, "pages_open: cannot reserve 613"));
    assert_non_null(strstr(d.text, "raise ulimit -v"));
}

static void
alloc_gives_null_when_the_os_refuses(void **state)
{
    struct fixture *f = *state;
    struct mspan *s = take_objects(f, &f->local, 1);
    /* more than there are addresses; then more than fits in what is left of them */
    assert_null(pages_alloc(&f->pages, &f->local, (size_t)1 << 40, SPAN_OBJECTS));
    assert_null(pages_alloc(&f->pages, NULL, (size_t)1 << 34, SPAN_OBJECTS));
    pages_verify_stw(&f->pages);
    struct mspan *t = take_objects(f, &f->local, 20);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    pages_free(&f->pages, t, SPAN_OBJECTS);
}

static void
free_twice(void *arg)
{
    struct fixture *f = arg;
    struct mspan *s = take_objects(f, NULL, 1);
    pages_free(&f->pages, s, SPAN_OBJECTS);
    pages_free(&f->pages, s, SPAN_OBJECTS);
}

static void
double_free_is_fatal(void **state)
{
    struct death d;
    death_run(&d, free_twice, *state);
    assert_true(WIFEXITED(d.status) && WEXITSTATUS(d.status) == 1);
    assert_non_null(strstr(d.text, "fatal error: pages_free: span"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAGES_TEST(span_is_found_by_each_of_its_pages),
        PAGES_TEST(small_spans_of_a_local_come_from_its_cache),
        PAGES_TEST(flush_leaves_nothing_in_the_cache),
        PAGES_TEST(spans_cross_chunks_and_arenas),
        PAGES_TEST(heap_grows_in_whole_chunks_counted_as_released),
        PAGES_TEST(statistics_are_exact_without_a_flush),
        PAGES_TEST(records_are_used_again),
        PAGES_TEST(memory_claimed_zero_is_zero),
        cmocka_unit_test_setup_teardown(madv_free_memory_is_not_claimed_zero,
                                        fixture_open_madv_free, fixture_close),
        PAGES_TEST(memory_never_handed_out_needs_no_zeroing),
        PAGES_TEST(two_heaps_do_not_meet),
        cmocka_unit_test(open_says_what_address_space_it_lacks),
        PAGES_TEST(alloc_gives_null_when_the_os_refuses),
        PAGES_TEST(double_free_is_fatal),
    };
    return cmocka_run_group_tests_name("spans", tests, NULL, NULL);
}
