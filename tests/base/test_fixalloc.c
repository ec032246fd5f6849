/* test_fixalloc.c - fixed-size records. */
#include "alloc/base/fixalloc.h"

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

static bool
is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void
records_are_zeroed_and_reused_last_first(void **state)
{
    struct os_account a;
    struct fixalloc f;
    os_account_init(&a, false);
    fixalloc_init(&f, &a, 37, OS_MSPAN);
    assert_int_equal(f.size, 40);

    char *p = fixalloc_get(&f), *q = fixalloc_get(&f);
    assert_int_equal(q - p, 40);
    assert_true(is_zero(p, 40));
    memset(p, 0xff, 40);
    memset(q, 0xff, 40);
    assert_int_equal(f.inuse_bytes, 80);
    fixalloc_put(&f, p);
    fixalloc_put(&f, q);
    assert_int_equal(f.inuse_bytes, 0);
    assert_ptr_equal(fixalloc_get(&f), q);
    assert_true(is_zero(q, 40));
    assert_ptr_equal(fixalloc_get(&f), p);
    assert_true(is_zero(p, 40));
    fixalloc_finish(&f);
}

static void
chunks_are_booked_and_given_back(void **state)
{
    enum { RECORDS = 1000, SIZE = 192 };
    struct os_account a;
    struct fixalloc f;
    char *all[RECORDS];
    os_account_init(&a, false);
    fixalloc_init(&f, &a, SIZE, OS_MSPAN);
    assert_int_equal(sys_of(&a, OS_MSPAN), 0);

    for (int i = 0; i < RECORDS; i++) {
        all[i] = fixalloc_get(&f);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 64, 0);
        memset(all[i], i, SIZE); /* would run over a neighbour or a chunk's end */
    }
    for (int i = 0; i < RECORDS; i++) {
        for (int j = 0; j < SIZE; j++)
            assert_int_equal((unsigned char)all[i][j], (unsigned char)i);
    }
    /* 85 records a chunk of 16 KiB: 12 chunks */
    assert_int_equal(sys_of(&a, OS_MSPAN), 12 * 16384);
    assert_int_equal(f.inuse_bytes, RECORDS * SIZE);
    fixalloc_finish(&f);
    assert_int_equal(os_sys_total(&a), 0);
    assert_int_equal(atomic_load(&a.ready), 0);
}

/* Sizes that divide a chunk leave the least room for the link between chunks. */
static void
full_chunks_do_not_overwrite_their_link(void **state)
{
    static const size_t sizes[] = {8, 64, 128, 8184, 16376};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct os_account a;
        struct fixalloc f;
        os_account_init(&a, false);
        fixalloc_init(&f, &a, sizes[k], OS_OTHER);
        for (size_t bytes = 0; bytes < 3 * 16384; bytes += sizes[k])
            memset(fixalloc_get(&f), 0xff, sizes[k]);
        fixalloc_finish(&f);
        assert_int_equal(os_sys_total(&a), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_zeroed_and_reused_last_first),
        cmocka_unit_test(chunks_are_booked_and_given_back),
        cmocka_unit_test(full_chunks_do_not_overwrite_their_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
