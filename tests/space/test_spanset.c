/* test_spanset.c - lock-free sets of spans. */
#include "fixture.h"

enum { THREADS = 4, EACH = 20000 };

static struct mspan *
numbered(uintptr_t n)
{
    return (struct mspan *)(n * 64); /* never looked into */
}

static void
spans_come_out_in_the_order_they_went_in(void **state)
{
    struct fixture *f = *state;
    struct spanset set = {0};
    unsigned n = 3 * SPANSET_BLOCK * SPANSET_SPINE / 2 + 7; /* the spine has to grow */
    assert_null(spanset_pop(&set, &f->space.set_pool));
    for (unsigned i = 1; i <= n; i++)
        spanset_push(&set, &f->space.set_pool, numbered(i));
    assert_int_equal(spanset_count(&set), n);
    for (unsigned i = 1; i <= n; i++)
        assert_ptr_equal(spanset_pop(&set, &f->space.set_pool), numbered(i));
    assert_null(spanset_pop(&set, &f->space.set_pool));
}

/* In groups that cross the ends of blocks. */
static void
several_come_out_in_the_order_they_went_in(void **state)
{
    struct fixture *f = *state;
    struct spanset set = {0};
    struct mspan *some[SPANSET_MANY];
    uint64_t rng = seed_of_run();
    uintptr_t in = 0, out = 0, total = 5 * SPANSET_BLOCK;
    while (out < total) {
        unsigned n = 1 + (unsigned)test_random(&rng) % SPANSET_MANY;
        if (in < total && test_random(&rng) % 2 == 0) {
            for (unsigned i = 0; i < n; i++)
                some[i] = numbered(++in);
            spanset_push_many(&set, &f->space.set_pool, some, n);
        } else {
            unsigned got = spanset_pop_many(&set, &f->space.set_pool, some, n);
            assert_true(got <= n && (got > 0) == (in > out));
            for (unsigned i = 0; i < got; i++)
                assert_ptr_equal(some[i], numbered(++out));
        }
        assert_int_equal(spanset_count(&set), in - out);
    }
    while (spanset_pop(&set, &f->space.set_pool) != NULL)
        continue;
    spanset_reset_drained(&set, &f->space.set_pool);
    for (struct spanset_block *b = f->space.set_pool.free; b != NULL; b = b->link)
        assert_true(all_zero((uintptr_t)b->spans, sizeof(b->spans)));
}

static void
blocks_emptied_by_several_come_back(void **state)
{
    enum { BLOCKS = 12 };
    struct fixture *f = *state;
    struct spanset set = {0};
    struct mspan *some[SPANSET_MANY];
    uint64_t rng = seed_of_run();
    for (uintptr_t i = 1; i <= BLOCKS * SPANSET_BLOCK; i++)
        spanset_push(&set, &f->space.set_pool, numbered(i));
    while (spanset_pop_many(&set, &f->space.set_pool, some,
                            1 + (unsigned)test_random(&rng) % SPANSET_MANY) > 0)
        continue;
    unsigned pooled = 0; /* before the set is reset */
    for (struct spanset_block *b = f->space.set_pool.free; b != NULL; b = b->link)
        pooled++;
    assert_int_equal(pooled, BLOCKS);
}

static void
reset_gives_every_block_back(void **state)
{
    struct fixture *f = *state;
    struct spanset set = {0};
    uint64_t sys = 0;
    for (unsigned round = 0; round < 20; round++) {
        unsigned n = 2 * SPANSET_BLOCK + (round % 3 == 0 ? 0 : round % SPANSET_BLOCK);
        for (unsigned i = 1; i <= n; i++)
            spanset_push(&set, &f->space.set_pool, numbered(i));
        for (unsigned i = 1; i <= n; i++)
            assert_ptr_equal(spanset_pop(&set, &f->space.set_pool), numbered(i));
        spanset_reset_drained(&set, &f->space.set_pool);
        unsigned pooled = 0;
        for (struct spanset_block *b = f->space.set_pool.free; b != NULL; b = b->link) {
            pooled++;
            assert_true(all_zero((uintptr_t)b->spans, sizeof(b->spans)));
        }
        assert_int_equal(pooled, round == 0 ? 2 : 3); /* all there ever were, once each */
        if (round == 1)
            sys = atomic_load(&f->account.sys[OS_GC]);
    }
    assert_int_equal(atomic_load(&f->account.sys[OS_GC]), sys);
}

static void
room_is_made_before_it_is_needed(void **state)
{
    struct fixture *f = *state;
    struct spanset_pool *pool = &f->space.set_pool;
    struct spanset set = {0};
    for (unsigned n = 1; n <= 3 * SPANSET_BLOCK; n++) {
        spanset_make_room(&set, pool, n);
        uint64_t sys = atomic_load(&f->account.sys[OS_GC]);
        for (unsigned i = 1; i <= n; i++)
            spanset_push(&set, pool, numbered(i));
        assert_int_equal(atomic_load(&f->account.sys[OS_GC]), sys);
        assert_int_equal(atomic_load(&set.nblocks), (n - 1) / SPANSET_BLOCK + 1);
        for (unsigned i = 1; i <= n; i++)
            assert_ptr_equal(spanset_pop(&set, pool), numbered(i));
        spanset_make_room(&set, pool, 1); /* a block of which nothing is used */
        spanset_reset_drained(&set, pool);
    }
    unsigned pooled = 0;
    for (struct spanset_block *b = pool->free; b != NULL; b = b->link)
        pooled++;
    assert_int_equal(pooled, 3); /* all there ever were, once each */
}

struct stress {
    struct spanset set;
    struct spanset_pool *pool;
    _Atomic(unsigned) next_thread;
    _Atomic(uint64_t) sum, count;
    _Atomic(uint8_t) seen[THREADS * EACH + 1];
};

static void *
push_and_pop(void *arg)
{
    struct stress *st = arg;
    unsigned t = atomic_fetch_add(&st->next_thread, 1);
    uint64_t rng = t, sum = 0, count = 0;
    unsigned pushed = 0;
    while (pushed < EACH || spanset_count(&st->set) > 0) {
        struct mspan *some[SPANSET_MANY];
        unsigned n = 1 + (unsigned)test_random(&rng) % SPANSET_MANY;
        if (pushed < EACH && test_random(&rng) % 2 == 0) {
            n = n < EACH - pushed ? n : EACH - pushed;
            for (unsigned i = 0; i < n; i++)
                some[i] = numbered(1 + t * EACH + pushed++);
            spanset_push_many(&st->set, st->pool, some, n);
            continue;
        }
        n = spanset_pop_many(&st->set, st->pool, some, n);
        for (unsigned i = 0; i < n; i++) {
            atomic_fetch_add(&st->seen[(uintptr_t)some[i] / 64], 1);
            sum += (uintptr_t)some[i] / 64;
        }
        count += n;
    }
    atomic_fetch_add(&st->sum, sum);
    atomic_fetch_add(&st->count, count);
    return NULL;
}

static void
threads_lose_and_double_nothing(void **state)
{
    struct fixture *f = *state;
    struct stress *st = aligned_alloc(_Alignof(struct stress), sizeof(*st));
    memset(st, 0, sizeof(*st));
    st->pool = &f->space.set_pool;
    pthread_t t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, push_and_pop, st), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    uint64_t n = THREADS * EACH;
    assert_int_equal(st->count, n);
    assert_int_equal(st->sum, n * (n + 1) / 2);
    for (unsigned i = 1; i <= n; i++)
        assert_int_equal(st->seen[i], 1);
    spanset_reset_drained(&st->set, st->pool);
    free(st);
}

static void
add_number(void *ctx, struct mspan *s)
{
    *(uintptr_t *)ctx += (uintptr_t)s / 64;
}

static void
each_visits_what_is_left(void **state)
{
    struct fixture *f = *state;
    struct spanset set = {0};
    uintptr_t sum = 0;
    for (unsigned i = 1; i <= 5; i++)
        spanset_push(&set, &f->space.set_pool, numbered(i));
    spanset_pop(&set, &f->space.set_pool);
    spanset_each_stw(&set, add_number, &sum);
    assert_int_equal(sum, 2 + 3 + 4 + 5);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spans_come_out_in_the_order_they_went_in),
        TEST(several_come_out_in_the_order_they_went_in),
        TEST(blocks_emptied_by_several_come_back),
        TEST(reset_gives_every_block_back),
        TEST(room_is_made_before_it_is_needed),
        TEST(threads_lose_and_double_nothing),
        TEST(each_visits_what_is_left),
    };
    return cmocka_run_group_tests_name("spanset", tests, NULL, NULL);
}
