/* test_options.c - a workload's own options: values, bounds, and what is said when they are
 * off. */
#include "workloads/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const shapes[] = {"tree", "list", NULL};

static const struct gh_option table[] = {
    {.name = "depth", .kind = GH_OPT_INT, .help = "levels", .value = "18", .min = 1, .max = 30},
    {.name = "balance",
     .kind = GH_OPT_INT,
     .help = "any number",
     .value = "0",
     .min = INT64_MIN,
     .max = INT64_MAX},
    {.name = "shape",
     .kind = GH_OPT_CHOICE,
     .help = "what is built",
     .value = "tree",
     .choices = shapes},
    {.name = "file", .kind = GH_OPT_PATH, .help = "document to read", .value = "x"},
    {.name = NULL},
};
static const struct gh_workload work = {GH_WORKLOAD_HEADER, .name = "work", .options = table};

static struct options out;
static struct gh_error err;

static bool
parse(const char *name, const char *value)
{
    struct option_pair pair = {name, value};
    err.text[0] = '\0';
    return options_parse(&work, &pair, 1, &out, &err);
}

static void
refused(const char *name, const char *value, const char *text)
{
    assert_false(parse(name, value));
    assert_string_equal(err.text, text);
    assert_int_equal(err.status, GH_EXIT_USAGE);
}

static void
number_takes_digits_and_a_suffix(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-7", -7},
                {"25M", 25000000},
                {"2k", 2000},
                {"3G", 3000000000},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",
                                      "-",
                                      "k",
                                      "1.5",
                                      "0x10",
                                      "1kk",
                                      "1K",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "--1",
                                      "1e3",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "9223372036854775807k",
                                      "99999999999G"};
    int64_t v;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(options_number(good[i].text, &v));
        assert_int_equal(v, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(options_number(bad[i], &v));
}

static void
parse_fills_in_defaults(void **state)
{
    assert_true(options_parse(&work, NULL, 0, &out, &err));
    assert_int_equal(out.count, 4);
    assert_int_equal(out.values[0].number, 18);
    assert_string_equal(out.values[2].text, "tree");
    assert_false(out.values[0].given);
}

static void
parse_takes_the_last_of_a_name(void **state)
{
    const struct option_pair pairs[] = {{"depth", "3"}, {"shape", "list"}, {"depth", "4"}};
    assert_true(options_parse(&work, pairs, 3, &out, &err));
    assert_int_equal(out.values[0].number, 4);
    assert_true(out.values[0].given);
    assert_string_equal(out.values[2].text, "list");
}

static void
parse_keeps_to_the_bounds(void **state)
{
    assert_true(parse("depth", "1"));
    assert_true(parse("depth", "30"));
    refused("depth", "-3", "--depth: -3 is out of range (1 to 30)");
    refused("depth", "31", "--depth: 31 is out of range (1 to 30)");
    assert_true(parse("balance", "-9223372036854775808"));
    assert_int_equal(out.values[1].number, INT64_MIN);
}

static void
parse_refuses_what_is_no_value(void **state)
{
    refused("depth", "abc",
            "--depth: 'abc' is not a whole number (digits, then k, M or G if wanted)");
    refused("depth", NULL, "--depth: a value is missing (levels)");
    refused("shape", "tee", "--shape: 'tee' is not one of tree, list; did you mean tree?");
    refused("shape", "", "--shape: '' is not one of tree, list");
    refused("file", "", "--file: the path is empty (document to read)");
}

static void
parse_suggests_names(void **state)
{
    refused("dpeth", "3", "work has no option --dpeth; did you mean --depth?");
    refused("xyzzy", "3", "work has no option --xyzzy; 'goheap help work' lists them");
}

static void
parse_insists_on_what_must_be_given(void **state)
{
    static const struct gh_option need[] = {
        {.name = "file", .kind = GH_OPT_PATH, .help = "document to read"}, {.name = NULL}};
    const struct gh_workload w = {GH_WORKLOAD_HEADER, .name = "w", .options = need};
    assert_false(options_parse(&w, NULL, 0, &out, &err));
    assert_string_equal(err.text, "w needs --file (document to read)");
    assert_int_equal(err.status, GH_EXIT_USAGE);
}

static void
parse_takes_a_workload_without_options(void **state)
{
    const struct gh_workload w = {GH_WORKLOAD_HEADER, .name = "w"};
    assert_true(options_parse(&w, NULL, 0, &out, &err));
    assert_int_equal(out.count, 0);
}

static void
check_finds_unsound_tables(void **state)
{
    static const struct {
        struct gh_option row;
        const char *text;
    } rows[] = {
        {{.name = "Depth", .kind = GH_OPT_INT, .help = "h"},
         "option 'Depth': a name is lower case letters, digits and dashes"},
        {{.name = "d", .kind = GH_OPT_INT}, "option --d has no help line"},
        {{.name = "d", .kind = (enum gh_option_kind)9, .help = "h"},
         "option --d is of unknown kind 9"},
        {{.name = "d", .kind = GH_OPT_INT, .help = "h", .min = 2, .max = 1},
         "option --d: its lower bound is above its upper bound"},
        {{.name = "d", .kind = GH_OPT_CHOICE, .help = "h"}, "option --d has no choices"},
        {{.name = "d", .kind = GH_OPT_INT, .help = "h", .value = "5", .max = 4},
         "the default is wrong: --d: 5 is out of range (0 to 4)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gh_option options[2] = {rows[i].row, {.name = NULL}};
        struct gh_workload w = {GH_WORKLOAD_HEADER, .name = "w", .options = options};
        assert_false(options_check(&w, &err));
        assert_string_equal(err.text, rows[i].text);
    }
    struct gh_option twice[3] = {table[0], table[0], {.name = NULL}};
    struct gh_workload w = {GH_WORKLOAD_HEADER, .name = "w", .options = twice};
    assert_false(options_check(&w, &err));
    assert_string_equal(err.text, "option --depth stands there twice");
    assert_true(options_check(&work, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_takes_digits_and_a_suffix),
        cmocka_unit_test(parse_fills_in_defaults),
        cmocka_unit_test(parse_takes_the_last_of_a_name),
        cmocka_unit_test(parse_keeps_to_the_bounds),
        cmocka_unit_test(parse_refuses_what_is_no_value),
        cmocka_unit_test(parse_suggests_names),
        cmocka_unit_test(parse_insists_on_what_must_be_given),
        cmocka_unit_test(parse_takes_a_workload_without_options),
        cmocka_unit_test(check_finds_unsound_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
