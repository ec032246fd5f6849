/* test_gofloat.c - doubles as Go 1.26 prints them. The texts are what its print has written. */
#include "profiles/gofloat.h"
#include "tests/base/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void
texts_are_gos(void **state)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.25, "0.25"},
        {10, "10"},
        {100, "100"},
        {99999, "99999"},
        {100000, "100000"},
        {123456, "123456"},
        {999999, "999999"},
        {999999.5, "999999.5"},
        {1e6, "1e+06"},
        {1234567, "1.234567e+06"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.0001, "0.0001"},
        {0.00009999, "9.999e-05"},
        {1.031888, "1.031888"},
        {123456.789, "123456.789"},
        {1e21, "1e+21"},
        {1e100, "1e+100"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e+308, "1.7976931348623157e+308"},
        {9007199254740992, "9.007199254740992e+15"},
        {0.8147609544836957, "0.8147609544836957"},
        {0x1p-24,
         "5.960464477539063e-08"}, /* not the nearest of 16 digits: that is another's */
        {-0x1p-24, "-5.960464477539063e-08"},
        {0x1p-44, "5.684341886080802e-14"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    char text[GOFLOAT_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(gofloat_format(text, cases[i].x), cases[i].text);
}

static uint64_t
next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void
any_number_reads_back(void **state)
{
    uint64_t seed = seed_of_run();
    uint64_t s = seed | 1;
    for (int i = 0; i < 20000; i++) {
        char text[GOFLOAT_TEXT];
        uint64_t bits = next(&s);
        double x;
        if (i % 2 == 0) /* powers of two are special */
            bits &= ~((UINT64_C(1) << 52) - 1);
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        gofloat_format(text, x);
        assert_true(strtod(text, NULL) == x);
        assert_true(strlen(text) <= 24);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_gos),
        cmocka_unit_test(any_number_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
