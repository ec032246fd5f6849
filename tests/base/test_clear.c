/* test_clear.c - what is cleared, and nothing else. */
#include "alloc/base/clear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LINE = 64, LINES = 40 };

static void
lines_are_cleared_and_their_neighbours_are_not(void **state)
{
    (void)state;
    static _Alignas(LINE) unsigned char block[LINES * LINE];
    for (int streaming = 0; streaming < 2; streaming++)
        for (size_t first = 0; first < LINES; first++)
            for (size_t n = 0; n <= LINES - first; n++) {
                memset(block, 0xa5, sizeof block);
                clear_memory(block + first * LINE, n * LINE, streaming);
                for (size_t i = 0; i < sizeof block; i++) {
                    bool inside = i / LINE >= first && i / LINE < first + n;
                    assert_int_equal(block[i], inside ? 0 : 0xa5);
                }
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cleared_and_their_neighbours_are_not),
    };
    return cmocka_run_group_tests_name("clear", tests, NULL, NULL);
}
