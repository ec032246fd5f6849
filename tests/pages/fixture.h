/* fixture.h - a page heap, opened and closed around each test of this layer.
 *
 * Closing checks that the heap is consistent and that every byte went off the books. */
#ifndef GH_TESTS_PAGES_FIXTURE_H
#define GH_TESTS_PAGES_FIXTURE_H

#include "alloc/pages/pages_internal.h"
#include "alloc/pages/scavenge_pacer.h"
#include "alloc/pages/stackmem.h"
#include "tests/base/death.h"
#include "tests/base/seed.h"

#include <stdlib.h>

struct fixture {
    struct os_account account;
    struct persistent persistent;
    struct pages pages;
    struct pages_local local;
};

static inline void
fixture_open_at(struct fixture *f, bool use_madv_free)
{
    struct gh_error err = {0};
    os_account_init(&f->account, use_madv_free);
    persistent_init(&f->persistent, &f->account);
    pages_local_init(&f->local);
    if (!pages_open(&f->pages, &f->account, &f->persistent, &err))
        fail_msg("%s", err.text);
}

static inline void
fixture_close_at(struct fixture *f)
{
    pages_verify_stw(&f->pages);
    pages_local_flush(&f->pages, &f->local);
    pages_verify_stw(&f->pages);
    pages_close(&f->pages);
    persistent_finish(&f->persistent);
    assert_int_equal(os_sys_total(&f->account), 0);
    assert_int_equal(atomic_load(&f->account.reserved), 0);
    assert_int_equal(atomic_load(&f->account.prepared), 0);
    assert_int_equal(atomic_load(&f->account.ready), 0);
}

static inline int
fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fixture_open_at(f, false);
    *state = f;
    return 0;
}

static inline int
fixture_open_madv_free(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fixture_open_at(f, true);
    *state = f;
    return 0;
}

static inline int
fixture_close(void **state)
{
    fixture_close_at(*state);
    free(*state);
    return 0;
}

#define PAGES_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static inline struct mspan *
take_objects(struct fixture *f, struct pages_local *l, size_t npages)
{
    struct mspan *s = pages_alloc(&f->pages, l, npages, SPAN_OBJECTS);
    assert_non_null(s);
    pages_publish(&f->pages, s);
    return s;
}

static inline struct pages_stats
stats_of(struct fixture *f)
{
    struct pages_stats st;
    pages_read_stats(&f->pages, &st);
    assert_true(st.mapped == st.inuse + st.stacks + st.gc_work + st.free);
    assert_true(st.released <= st.free);
    assert_int_equal(st.mapped, atomic_load(&f->account.sys[OS_HEAP]));
    return st;
}

/* xorshift64: the same numbers everywhere for the same seed. */
struct rng {
    uint64_t x;
};

static inline uint64_t
rng_next(struct rng *r)
{
    r->x ^= r->x << 13;
    r->x ^= r->x >> 7;
    r->x ^= r->x << 17;
    return r->x;
}

/* 0 .. n-1 */
static inline size_t
rng_below(struct rng *r, size_t n)
{
    return (size_t)((rng_next(r) >> 16) % n);
}

/* From GH_SEED, else from the clock; printed, so that a failure can be had again. */
static inline struct rng
rng_seeded(void)
{
    return (struct rng){seed_of_run() * UINT64_C(0x9e3779b97f4a7c15) | 1};
}

/* Sanitizers and debug checks make each step dear. */
static inline size_t
steps(size_t release)
{
    return GH_DEBUG ? release / 8 : release;
}

#endif
