/* test_godebug.c - reading Go's GODEBUG list. */
#include "cmd/godebug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *
value(const char *list, const char *key)
{
    static char out[16];
    return godebug_value(list, key, out, sizeof out);
}

static void
the_last_setting_wins(void **state)
{
    assert_string_equal(value("gctrace=1", "gctrace"), "1");
    assert_string_equal(value("a=1,gctrace=1,gctrace=0", "gctrace"), "0");
    assert_string_equal(value("gctrace=,b=2", "gctrace"), "");
}

static void
a_key_is_a_whole_word_with_a_value(void **state)
{
    assert_null(value(NULL, "gctrace"));
    assert_null(value("", "gctrace"));
    assert_null(value("gctrace", "gctrace"));
    assert_null(value("xgctrace=1", "gctrace"));
    assert_null(value("gctracex=1", "gctrace"));
    assert_null(value(",,", "gctrace"));
}

static void
a_long_value_is_cut(void **state)
{
    assert_string_equal(value("gctrace=12345678901234567890", "gctrace"), "123456789012345");
}

static void
count_line(void *ctx, const char *line)
{
    strcat((char *)ctx, line);
    strcat((char *)ctx, "\n");
}

static void
each_idle_setting_is_reported_once(void **state)
{
    char lines[600] = "";
    godebug_check("gctrace=1,schedtrace=1000,,nonsense=2,word", count_line, lines);
    assert_string_equal(lines,
                        "GODEBUG: 'schedtrace' is a setting of Go's that has no effect here\n"
                        "GODEBUG: 'nonsense' is a setting that is not known and has no effect\n"
                        "GODEBUG: 'word' is not of the form key=value and has no effect\n");
    lines[0] = '\0';
    godebug_check("gctrace=2,gctrace=1,gctrace=0,gctrace=2x", count_line, lines);
    assert_string_equal(lines, "GODEBUG: 'gctrace=2' is taken as gctrace=1; there is no other "
                               "level here\n");
    lines[0] = '\0';
    godebug_check(NULL, count_line, lines);
    assert_string_equal(lines, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_setting_wins),
        cmocka_unit_test(a_key_is_a_whole_word_with_a_value),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(each_idle_setting_is_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
