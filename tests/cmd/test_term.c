/* test_term.c - who decides about colour. Nothing here is a terminal. */
#include "cmd/term.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int fd = -1;

static int
setup(void **state)
{
    fd = open("/dev/null", O_WRONLY);
    unsetenv("NO_COLOR");
    unsetenv("CLICOLOR_FORCE");
    return 0;
}

static void
the_flag_beats_everything(void **state)
{
    setenv("NO_COLOR", "1", 1);
    assert_true(term_color(PLAN_COLOR_ALWAYS, fd));
    unsetenv("NO_COLOR");
    setenv("CLICOLOR_FORCE", "1", 1);
    assert_false(term_color(PLAN_COLOR_NEVER, fd));
}

static void
no_color_beats_force_beats_dumb(void **state)
{
    assert_false(term_color(PLAN_COLOR_AUTO, fd));
    setenv("TERM", "dumb", 1);
    setenv("CLICOLOR_FORCE", "1", 1);
    assert_true(term_color(PLAN_COLOR_AUTO, fd));
    setenv("NO_COLOR", "", 1);
    assert_true(term_color(PLAN_COLOR_AUTO, fd));
    setenv("NO_COLOR", "1", 1);
    assert_false(term_color(PLAN_COLOR_AUTO, fd));
    unsetenv("NO_COLOR");
    setenv("CLICOLOR_FORCE", "0", 1);
    assert_false(term_color(PLAN_COLOR_AUTO, fd));
}

static void
encoding_follows_the_locale(void **state)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_true(term_is_utf8());
    setenv("LC_ALL", "C", 1);
    assert_false(term_is_utf8());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_flag_beats_everything, setup),
        cmocka_unit_test_setup(no_color_beats_force_beats_dumb, setup),
        cmocka_unit_test_setup(encoding_follows_the_locale, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
