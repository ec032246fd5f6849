/* test_error.c - errors that travel. */
#include "alloc/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
set_fills_status_and_text(void **state)
{
    struct gh_error e;
    assert_false(gh_error_set(&e, GH_EXIT_USAGE, "--procs %d: must be 1 or more", 0));
    assert_int_equal(e.status, GH_EXIT_USAGE);
    assert_string_equal(e.text, "--procs 0: must be 1 or more");
}

static void
set_takes_null(void **state)
{
    assert_false(gh_error_set(NULL, GH_EXIT_FAILED, "lost"));
}

static void
set_truncates_and_stays_one_line(void **state)
{
    struct gh_error e;
    gh_error_set(&e, GH_EXIT_FAILED, "a\nb%2000d", 1);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_null(strchr(e.text, '\n'));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_status_and_text),
        cmocka_unit_test(set_takes_null),
        cmocka_unit_test(set_truncates_and_stays_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
