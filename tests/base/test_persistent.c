/* test_persistent.c - metadata that is never freed singly. */
#include "alloc/base/persistent.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t
sys_of(struct os_account *a, enum os_kind kind)
{
    return atomic_load(&a->sys[kind]);
}

static void
requests_are_aligned_zeroed_and_apart(void **state)
{
    struct os_account a;
    struct persistent p;
    os_account_init(&a, false);
    persistent_init(&p, &a);
    char *last = NULL;
    size_t last_bytes = 0;
    for (size_t i = 0; i < 4000; i++) {
        size_t bytes = 1 + i * 7 % 900, align = (size_t)1 << i % 13;
        char *at = persistent_alloc(&p, bytes, align, OS_GC);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % align, 0);
        for (size_t j = 0; j < bytes; j++)
            assert_int_equal(at[j], 0);
        assert_true(last == NULL || at >= last + last_bytes || at + bytes <= last);
        memset(at, 0xff, bytes);
        last = at;
        last_bytes = bytes;
    }
    persistent_finish(&p);
    assert_int_equal(os_sys_total(&a), 0);
}

static void
bytes_are_booked_under_their_kind(void **state)
{
    struct os_account a;
    struct persistent p;
    os_account_init(&a, false);
    persistent_init(&p, &a);
    assert_non_null(persistent_alloc(&p, 1000, 8, OS_GC));
    assert_non_null(persistent_alloc(&p, 24, 8, OS_MCACHE));
    assert_int_equal(sys_of(&a, OS_GC), 1000);
    assert_int_equal(sys_of(&a, OS_MCACHE), 24);
    assert_int_equal(sys_of(&a, OS_OTHER), 256 * 1024 - 1024);
    persistent_finish(&p);
    for (int k = 0; k < OS_KINDS; k++)
        assert_int_equal(sys_of(&a, (enum os_kind)k), 0);
}

static void
large_requests_have_memory_of_their_own(void **state)
{
    struct os_account a;
    struct persistent p;
    os_account_init(&a, false);
    persistent_init(&p, &a);
    char *small = persistent_alloc(&p, 16, 8, OS_OTHER);
    assert_int_equal(os_sys_total(&a), 256 * 1024);
    char *large = persistent_alloc(&p, 64 * 1024, 4096, OS_GC);
    assert_int_equal((uintptr_t)large % 4096, 0);
    memset(large, 0xff, 64 * 1024);
    assert_int_equal(os_sys_total(&a), (256 + 64) * 1024);
    assert_int_equal(sys_of(&a, OS_GC), 64 * 1024);
    assert_non_null(persistent_alloc(&p, 1000 * 1000, 8, OS_OTHER));
    char *next = persistent_alloc(&p, 16, 8, OS_OTHER);
    assert_true(next > small && next < small + 4096); /* the chunk is still in use */
    persistent_finish(&p);
    assert_int_equal(os_sys_total(&a), 0);
    assert_int_equal(atomic_load(&a.ready), 0);
}

static void
refusal_is_null(void **state)
{
    struct os_account a;
    struct persistent p;
    os_account_init(&a, false);
    persistent_init(&p, &a);
    assert_null(persistent_alloc(&p, (size_t)1 << 60, 8, OS_OTHER));
    assert_null(persistent_alloc(&p, SIZE_MAX, 8, OS_OTHER));
    assert_non_null(persistent_alloc(&p, 8, 8, OS_OTHER));
    persistent_finish(&p);
    assert_int_equal(os_sys_total(&a), 0);
}

static void *
take_many(void *p)
{
    uint64_t *mine[500];
    for (int i = 0; i < 500; i++) {
        mine[i] = persistent_alloc(p, 64, 8, OS_OTHER);
        *mine[i] = (uint64_t)(uintptr_t)&mine[i];
    }
    for (int i = 0; i < 500; i++) {
        if (*mine[i] != (uint64_t)(uintptr_t)&mine[i])
            return p;
    }
    return NULL;
}

static void
threads_get_different_memory(void **state)
{
    struct os_account a;
    struct persistent p;
    pthread_t threads[4];
    os_account_init(&a, false);
    persistent_init(&p, &a);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_many, &p);
    for (int i = 0; i < 4; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    persistent_finish(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_aligned_zeroed_and_apart),
        cmocka_unit_test(bytes_are_booked_under_their_kind),
        cmocka_unit_test(large_requests_have_memory_of_their_own),
        cmocka_unit_test(refusal_is_null),
        cmocka_unit_test(threads_get_different_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
