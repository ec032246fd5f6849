/* test_scavenge.c - what is released, in which order, and that the books and the kernel agree.
 */
#include "tests/pages/fixture.h"

#include <sys/mman.h>
#include <sys/syscall.h>

/* OS pages of [base, base + bytes) that the kernel holds in memory. */
static size_t
resident(uintptr_t base, size_t bytes)
{
    static unsigned char in_core[1 << 16];
    size_t n = 0, pages = bytes / os_page_bytes();
    assert_true(pages <= sizeof(in_core));
    assert_int_equal(mincore((void *)base, bytes, in_core), 0);
    for (size_t i = 0; i < pages; i++)
        n += in_core[i] & 1;
    return n;
}

/* `n` spans of `npages`, all written to. */
static void
take_dirty(struct fixture *f, struct mspan **s, size_t n, size_t npages)
{
    for (size_t i = 0; i < n; i++) {
        s[i] = take_objects(f, NULL, npages);
        memset((void *)s[i]->base, 1, npages * GH_PAGE);
    }
}

static void
released_bytes_are_those_the_kernel_took(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[40];
    take_dirty(f, s, 40, 10);
    uintptr_t base = s[0]->base;
    size_t bytes = 400 * GH_PAGE;
    assert_int_equal(resident(base, bytes), bytes / os_page_bytes());
    for (size_t i = 0; i < 40; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);

    uint64_t before = stats_of(f).released;
    assert_int_equal(pages_scavenge_all(&f->pages), 200 * GH_PAGE);
    assert_int_equal(stats_of(f).released, before + 200 * GH_PAGE);
    assert_int_equal(resident(base, bytes), bytes / 2 / os_page_bytes());
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(resident(base + i * 10 * GH_PAGE, 10 * GH_PAGE) == 0, i % 2 == 0);
    assert_int_equal(atomic_load(&f->account.ready),
                     os_sys_total(&f->account) - atomic_load(&f->account.prepared));
    assert_int_equal(pages_scavenge_all(&f->pages), 0);

    /* taken again, they count again */
    s[0] = take_objects(f, NULL, 10);
    assert_int_equal(s[0]->base, base);
    assert_false(s[0]->needzero);
    assert_int_equal(stats_of(f).released, before + 190 * GH_PAGE);
    pages_free(&f->pages, s[0], SPAN_OBJECTS);
    for (size_t i = 1; i < 40; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
}

static void
highest_memory_goes_first(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[60];
    take_dirty(f, s, 60, 10);
    for (size_t i = 0; i < 60; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    assert_int_equal(pages_scavenge(&f->pages, 12 * GH_PAGE, false), 12 * GH_PAGE);
    assert_int_equal(resident(s[58]->base, 10 * GH_PAGE), 0);
    assert_int_equal(resident(s[56]->base, 8 * GH_PAGE), 8 * GH_PAGE / os_page_bytes());
    assert_int_equal(resident(s[56]->base + 8 * GH_PAGE, 2 * GH_PAGE), 0);
    assert_int_equal(resident(s[54]->base, 10 * GH_PAGE), 10 * GH_PAGE / os_page_bytes());
    for (size_t i = 1; i < 60; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
}

static void
background_works_by_quantum_down_to_the_goal(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[40];
    take_dirty(f, s, 40, 10);
    for (size_t i = 1; i < 40; i++)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    assert_int_equal(pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true), 0); /* no goal */

    /* one cycle before: the heap is to keep its 10 pages and a tenth */
    pages_set_retain_goal(&f->pages, 4 << 20, 4 << 20);
    assert_int_equal(atomic_load(&f->pages.scavenge_goal), 11 * GH_PAGE);
    assert_int_equal(pages_retained(&f->pages), 400 * GH_PAGE);
    assert_int_equal(pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true), SCAVENGE_QUANTUM);
    while (pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true) > 0) {
    }
    uint64_t kept = pages_retained(&f->pages);
    assert_true(kept <= 11 * GH_PAGE && kept + SCAVENGE_QUANTUM > 11 * GH_PAGE);
    assert_int_equal(atomic_load(&f->pages.scavenged_background), 400 * GH_PAGE - kept);

    /* below the goal there is none until the next cycle */
    pages_set_retain_goal(&f->pages, 4 << 20, 4 << 20);
    assert_true(atomic_load(&f->pages.scavenge_goal) == UINT64_MAX);
    pages_free(&f->pages, s[0], SPAN_OBJECTS);
}

/* A heap full of small holes that has to grow: what it gets new it gives back in holes. */
static void
growth_is_paid_for_with_old_memory(void **state)
{
    enum { N = 250 };
    struct fixture *f = *state;
    struct mspan *s[N];
    take_dirty(f, s, N, 8);
    for (size_t i = 0; i < N; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    pages_set_retain_goal(&f->pages, 4 << 20, 4 << 20);
    uint64_t before = pages_retained(&f->pages);
    assert_true(atomic_load(&f->pages.scavenge_goal) + CHUNK_BYTES < before);

    struct mspan *big = take_objects(f, NULL, CHUNK_PAGES);
    assert_int_equal(atomic_load(&f->pages.scavenged_eager), CHUNK_BYTES);
    assert_int_equal(pages_retained(&f->pages), before);
    pages_verify_stw(&f->pages);
    pages_free(&f->pages, big, SPAN_OBJECTS);
    for (size_t i = 1; i < N; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
}

static void
refused_memory_is_not_counted(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[4];
    take_dirty(f, s, 4, 10);
    uintptr_t locked = s[1]->base;
    /* not mlock(3), which the sanitizers swallow */
    if (syscall(SYS_mlock, locked, GH_PAGE) != 0)
        skip();
    for (size_t i = 0; i < 4; i++)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    uint64_t before = stats_of(f).released;
    assert_int_equal(pages_scavenge_all(&f->pages), 0);
    assert_int_equal(stats_of(f).released, before);
    assert_true(atomic_load(&f->account.madvise_failed) > 0);
    pages_verify_stw(&f->pages);

    /* unlocked, it is tried again once memory is freed there */
    assert_int_equal(syscall(SYS_munlock, locked, GH_PAGE), 0);
    pages_free(&f->pages, take_objects(f, NULL, 1), SPAN_OBJECTS);
    assert_int_equal(pages_scavenge_all(&f->pages), 40 * GH_PAGE);
}

static void
madv_free_counts_as_released(void **state)
{
    struct fixture *f = *state;
    struct mspan *s[4];
    take_dirty(f, s, 4, 10);
    for (size_t i = 0; i < 4; i++)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
    uint64_t before = stats_of(f).released;
    assert_int_equal(pages_scavenge_all(&f->pages), 40 * GH_PAGE);
    assert_int_equal(stats_of(f).released, before + 40 * GH_PAGE);
}

/* Half of a heap is free and dirty; the other half stays. */
static void
make_holes(struct fixture *f, struct mspan **s, size_t n)
{
    take_dirty(f, s, n, 8);
    for (size_t i = 0; i < n; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
}

static void
free_rest(struct fixture *f, struct mspan **s, size_t n)
{
    for (size_t i = 1; i < n; i += 2)
        pages_free(&f->pages, s[i], SPAN_OBJECTS);
}

static void
allocations_pay_to_stay_below_the_limit(void **state)
{
    enum { N = 130 };
    struct fixture *f = *state;
    struct mspan *s[N];
    make_holes(f, s, N);
    /* metadata that grows with the heap is there already */
    pages_free(&f->pages, take_objects(f, NULL, CHUNK_PAGES), SPAN_OBJECTS);
    pages_scavenge(&f->pages, CHUNK_BYTES, false);
    uint64_t ready = atomic_load(&f->account.ready);
    uint64_t eager = atomic_load(&f->pages.scavenged_eager);
    pages_set_memory_limit(&f->pages, ready + 100 * GH_PAGE);

    struct mspan *a = take_objects(f, NULL, 100); /* fits */
    assert_int_equal(atomic_load(&f->pages.scavenged_eager), eager);
    struct mspan *b = take_objects(f, NULL, 60); /* does not */
    assert_int_equal(atomic_load(&f->pages.scavenged_eager), eager + 60 * GH_PAGE);
    assert_int_equal(atomic_load(&f->account.ready), ready + 100 * GH_PAGE);

    /* the page cache of a mutator takes no short cut; pages it gets from holes cost nothing */
    struct mspan *c[40];
    for (size_t i = 0; i < 40; i++)
        c[i] = take_objects(f, &f->local, 8);
    assert_true(atomic_load(&f->account.ready) <= ready + 100 * GH_PAGE);

    atomic_store(&f->pages.limiter_on, true);
    eager = atomic_load(&f->pages.scavenged_eager);
    ready = atomic_load(&f->account.ready);
    struct mspan *d = take_objects(f, NULL, 300);
    assert_int_equal(atomic_load(&f->pages.scavenged_eager), eager);
    assert_true(atomic_load(&f->account.ready) > ready);
    for (size_t i = 0; i < 40; i++)
        pages_free(&f->pages, c[i], SPAN_OBJECTS);
    pages_free(&f->pages, a, SPAN_OBJECTS);
    pages_free(&f->pages, b, SPAN_OBJECTS);
    pages_free(&f->pages, d, SPAN_OBJECTS);
    free_rest(f, s, N);
}

static void
background_keeps_below_the_limit(void **state)
{
    enum { N = 60 };
    struct fixture *f = *state;
    struct mspan *s[N];
    make_holes(f, s, N);
    uint64_t ready = atomic_load(&f->account.ready), limit = ready + ready / 50;
    pages_set_memory_limit(&f->pages, limit);
    assert_int_equal(atomic_load(&f->pages.scavenge_limit_goal),
                     scavenge_limit_goal(limit, ready));
    while (pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true) > 0)
        continue;
    uint64_t now = atomic_load(&f->account.ready);
    assert_true(now <= limit / 100 * 95 + 95 && now + SCAVENGE_QUANTUM > limit / 100 * 95);

    pages_set_memory_limit(&f->pages, 2 * limit);
    assert_true(atomic_load(&f->pages.scavenge_limit_goal) == UINT64_MAX);
    assert_int_equal(pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true), 0);
    free_rest(f, s, N);
}

/* A full chunk becomes free: the density rule keeps it, the idle goal does not. */
static void
idle_heap_keeps_a_tenth(void **state)
{
    struct fixture *f = *state;
    struct mspan *low = take_objects(f, NULL, CHUNK_PAGES), *high[8];
    memset((void *)low->base, 1, CHUNK_BYTES);
    take_dirty(f, high, 8, CHUNK_PAGES / 8);
    pages_set_retain_goal(&f->pages, 4 << 20, 4 << 20);
    for (size_t i = 0; i < 8; i++)
        pages_free(&f->pages, high[i], SPAN_OBJECTS);
    atomic_store(&f->pages.scavenge_goal, 0);
    assert_int_equal(pages_scavenge(&f->pages, CHUNK_BYTES, true), 0);

    assert_true(pages_set_idle_goal(&f->pages));
    while (pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true) > 0)
        continue;
    uint64_t kept = pages_retained(&f->pages);
    assert_true(kept <= CHUNK_BYTES / 10 * 11 + 1);
    assert_true(kept > CHUNK_BYTES / 10 * 11 - SCAVENGE_QUANTUM - GH_PAGE);
    assert_false(pages_set_idle_goal(&f->pages));
    assert_int_equal(pages_scavenge(&f->pages, SCAVENGE_QUANTUM, true), 0);
    pages_free(&f->pages, low, SPAN_OBJECTS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAGES_TEST(released_bytes_are_those_the_kernel_took),
        PAGES_TEST(highest_memory_goes_first),
        PAGES_TEST(background_works_by_quantum_down_to_the_goal),
        PAGES_TEST(growth_is_paid_for_with_old_memory),
        PAGES_TEST(refused_memory_is_not_counted),
        PAGES_TEST(allocations_pay_to_stay_below_the_limit),
        PAGES_TEST(background_keeps_below_the_limit),
        PAGES_TEST(idle_heap_keeps_a_tenth),
        cmocka_unit_test_setup_teardown(madv_free_counts_as_released, fixture_open_madv_free,
                                        fixture_close),
    };
    return cmocka_run_group_tests_name("scavenge", tests, NULL, NULL);
}
