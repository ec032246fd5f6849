/* test_godebug.c - reading Go's GODEBUG list. */
#include "cmd/godebug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    godebug_check("GODEBUG", "gctrace=1,schedtrace=1000,,nonsense=2,word", count_line, lines);
    assert_string_equal(lines,
                        "GODEBUG: 'schedtrace' is a setting of Go's that has no effect here\n"
                        "GODEBUG: 'nonsense' is a setting that is not known and has no effect\n"
                        "GODEBUG: 'word' is not of the form key=value and has no effect\n");
    lines[0] = '\0';
    godebug_check("--godebug", "panicnil=1", count_line, lines);
    assert_string_equal(lines,
                        "--godebug: 'panicnil' is a setting of Go's that has no effect here\n");
    lines[0] = '\0';
    godebug_check("GODEBUG", NULL, count_line, lines);
    assert_string_equal(lines, "");
}

static void
what_has_an_effect_is_not_reported(void **state)
{
    char lines[600] = "";
    for (size_t i = 0; i < godebug_key_count(); i++) {
        char setting[60];
        snprintf(setting, sizeof setting, "%s=%d", godebug_keys[i].name, godebug_keys[i].max);
        godebug_check("GODEBUG", setting, count_line, lines);
    }
    assert_string_equal(lines, "");
}

static void
the_strict_reading_takes_each_value_up_to_the_largest(void **state)
{
    struct gh_error err;
    for (size_t i = 0; i < godebug_key_count(); i++) {
        const struct godebug_key *key = &godebug_keys[i];
        char setting[60];
        for (int n = 0; n <= key->max + 1; n++) {
            snprintf(setting, sizeof setting, "schedtrace=1,%s=%d", key->name, n);
            assert_int_equal(godebug_parse(setting, &err), n <= key->max);
        }
        assert_true(strlen(key->does) > 0 && strlen(key->about) > 0 && strlen(key->costs) > 0);
    }
    assert_true(godebug_parse("", &err));
    assert_true(godebug_parse(",gctrace=1,,", &err));
}

static void
the_strict_reading_refuses_the_rest(void **state)
{
    static const struct {
        const char *list, *says;
    } cases[] = {
        {"gctrace", "'gctrace' is not of the form key=value"},
        {"gctrace=1,=1", "there is no key ''"},
        {"gctrac=1", "there is no key 'gctrac'; did you mean gctrace"},
        {"gctrace=", "gctrace: '' is not a whole number from 0 to 2"},
        {"gctrace=-1", "gctrace: '-1' is not a whole number"},
        {"gctrace=+1", "gctrace: '+1' is not a whole number"},
        {"gctrace=1 ", "gctrace: '1 ' is not a whole number"},
        {"gctrace=4294967297", "gctrace: '4294967297' is not a whole number"},
        {"gctrace=1=1", "gctrace: '1=1' is not a whole number"},
        {"sbrk=2,gctrace=1", "sbrk: '2' is not a whole number from 0 to 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gh_error err;
        assert_false(godebug_parse(cases[i].list, &err));
        assert_int_equal(err.status, GH_EXIT_USAGE);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].says, err.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_setting_wins),
        cmocka_unit_test(a_key_is_a_whole_word_with_a_value),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(each_idle_setting_is_reported_once),
        cmocka_unit_test(what_has_an_effect_is_not_reported),
        cmocka_unit_test(the_strict_reading_takes_each_value_up_to_the_largest),
        cmocka_unit_test(the_strict_reading_refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
