/* test_bits.c - bit tricks at their edges. */
#include "alloc/base/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
alignment(void **state)
{
    assert_int_equal(align_up(0, 8), 0);
    assert_int_equal(align_up(1, 8), 8);
    assert_int_equal(align_up(8, 8), 8);
    assert_int_equal(align_down(15, 8), 8);
    assert_int_equal(align_down(7, 8), 0);
}

static void
counting(void **state)
{
    assert_false(is_pow2(0));
    assert_true(is_pow2(1));
    assert_true(is_pow2(UINT64_C(1) << 63));
    assert_false(is_pow2(6));
    assert_int_equal(bits_ctz(0), 64);
    assert_int_equal(bits_ctz(UINT64_C(1) << 63), 63);
    assert_int_equal(bits_popcount(UINT64_MAX), 64);
    assert_int_equal(bits_len(0), 0);
    assert_int_equal(bits_len(1), 1);
    assert_int_equal(bits_len(UINT64_MAX), 64);
    assert_int_equal(bits_low(0), 0);
    assert_int_equal(bits_low(3), 7);
    assert_true(bits_low(64) == UINT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alignment),
        cmocka_unit_test(counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
