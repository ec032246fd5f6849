/* test_gcbits.c - epoch arenas of bits. */
#include "fixture.h"

enum { THREADS = 4, PIECES = 3000 };

static void
bits_are_zero_and_apart(void **state)
{
    struct fixture *f = *state;
    uint64_t *last = NULL;
    for (unsigned i = 0; i < 2 * GCBITS_CHUNK / 128; i++) {
        uint64_t *b = gcbits_alloc(&f->space.bits, 1009);
        assert_true(b != last && all_zero((uintptr_t)b, 128));
        memset(b, 0xff, 128);
        last = b;
    }
}

static void
chunk_comes_back_zeroed_after_two_more_epochs(void **state)
{
    struct fixture *f = *state;
    uint64_t *old = gcbits_alloc(&f->space.bits, 64);
    *old = 1;
    for (unsigned epoch = 1; epoch <= 2; epoch++) {
        gcbits_next_epoch_stw(&f->space.bits);
        assert_true(gcbits_alloc(&f->space.bits, 64) != old);
        assert_int_equal(*old, 1);
    }
    gcbits_next_epoch_stw(&f->space.bits);
    assert_ptr_equal(gcbits_alloc(&f->space.bits, 64), old);
    assert_int_equal(*old, 0);
}

static void
memory_is_charged_to_the_collector(void **state)
{
    struct fixture *f = *state;
    uint64_t before = atomic_load(&f->account.sys[OS_GC]);
    assert_non_null(gcbits_alloc(&f->space.bits, 1));
    assert_int_equal(atomic_load(&f->account.sys[OS_GC]) - before, GCBITS_CHUNK);
    assert_non_null(gcbits_alloc(&f->space.bits, 1));
    assert_int_equal(atomic_load(&f->account.sys[OS_GC]) - before, GCBITS_CHUNK);
}

static void *
fill_own(void *arg)
{
    static _Atomic(uint64_t) next_id;
    struct gcbits_arenas *b = arg;
    uint64_t **pieces = calloc(PIECES, sizeof(*pieces)), id = ++next_id;
    uintptr_t bad = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i] = gcbits_alloc(b, 256);
        bad += !all_zero((uintptr_t)pieces[i], 32);
        for (unsigned w = 0; w < 4; w++)
            pieces[i][w] = id;
    }
    for (unsigned i = 0; i < PIECES; i++)
        for (unsigned w = 0; w < 4; w++)
            bad += pieces[i][w] != id;
    free(pieces);
    return (void *)bad;
}

static void
threads_get_different_bits(void **state)
{
    struct fixture *f = *state;
    pthread_t t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, fill_own, &f->space.bits), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bits_are_zero_and_apart),
        TEST(chunk_comes_back_zeroed_after_two_more_epochs),
        TEST(memory_is_charged_to_the_collector),
        TEST(threads_get_different_bits),
    };
    return cmocka_run_group_tests_name("gcbits", tests, NULL, NULL);
}
