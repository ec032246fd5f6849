/* test_cli.c - the option parser: what it accepts, and the one line it says otherwise. */
#include "cmd/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_option rows[] = {
    {.flag = "gogc", .arg = "N|off", .help = "percent"},
    {.flag = "gctrace", .help = "trace"},
    {.flag = "output", .letter = 'o', .arg = "FILE", .help = "report"},
    {.flag = "quiet", .letter = 'q', .help = "no report"},
    {.flag = "quick", .help = "sooner"},
};

struct seen {
    char text[400]; /* "--gogc=50 [operand] ..." */
};

static bool
take(void *ctx, const struct cli_option *row, char *value, struct gh_error *err)
{
    struct seen *s = ctx;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, row != NULL ? "--%s=%s " : "[%s%s] ",
             row != NULL ? row->flag : "", value);
    return true;
}

static bool
parse(const char *line, struct seen *s, struct gh_error *err)
{
    static char copy[400];
    char *argv[32] = {(char *)"test"};
    int argc = 1;
    struct cli c = {.take = take, .ctx = s};
    *s = (struct seen){""};
    err->text[0] = '\0';
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    cli_add(&c, rows, sizeof rows / sizeof *rows);
    return cli_parse(&c, argc, argv, err);
}

static void
assert_parses(const char *line, const char *expected)
{
    struct seen s;
    struct gh_error err;
    if (!parse(line, &s, &err))
        fail_msg("%s: %s", line, err.text);
    assert_string_equal(s.text, expected);
}

static void
assert_refuses(const char *line, const char *expected)
{
    struct seen s;
    struct gh_error err;
    assert_false(parse(line, &s, &err));
    assert_int_equal(err.status, GH_EXIT_USAGE);
    if (strstr(err.text, expected) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
    assert_null(strchr(err.text, '\n'));
}

static void
values_come_with_equals_or_as_next_word(void **state)
{
    assert_parses("--gogc 50 --gogc=70", "--gogc=50 --gogc=70 ");
    assert_parses("-o x -oy --output=z", "--output=x --output=y --output=z ");
    assert_parses("--gogc -3", "--gogc=-3 ");
    assert_parses("--gogc=", "--gogc= ");
}

static void
switches_may_say_0_or_1(void **state)
{
    assert_parses("--gctrace --gctrace=0 -q", "--gctrace=1 --gctrace=0 --quiet=1 ");
}

static void
operands_and_options_mix_and_keep_their_order(void **state)
{
    assert_parses("a --gctrace b - c", "[a] --gctrace=1 [b] [-] [c] ");
}

static void
two_dashes_end_options(void **state)
{
    assert_parses("--gctrace -- --gogc -q", "--gctrace=1 [--gogc] [-q] ");
}

static void
unambiguous_abbreviations_are_taken(void **state)
{
    assert_parses("--go 5 --out=x", "--gogc=5 --output=x ");
    assert_refuses("--g", "--g is short for several options: --gogc, --gctrace");
    assert_refuses("--qui", "--quiet, --quick");
}

static void
unknown_options_get_a_suggestion(void **state)
{
    assert_refuses("--gocg 50", "there is no option --gocg; did you mean --gogc?");
    assert_refuses("--zzzzzz=1", "there is no option --zzzzzz; --help lists them");
    assert_refuses("-z", "there is no option -z;");
    assert_refuses("-qz", "there is no option -z;");
}

static void
missing_and_superfluous_values_name_the_option(void **state)
{
    assert_refuses("--gogc", "--gogc: a value is missing: N|off (percent)");
    assert_refuses("-o", "--output: a value is missing");
}

static void
parsing_twice_starts_afresh(void **state)
{
    assert_refuses("--gogc 1 --nope", "--nope");
    assert_parses("--gogc 2", "--gogc=2 ");
}

static void
help_wraps_at_80_columns(void **state)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    const struct cli_option row = {
        .flag = "a-rather-long-flag-indeed",
        .arg = "VALUE",
        .fallback = "17",
        .help = "words words words words words words words words words words words words words "
                "words words words words words words"};
    const struct cli_option *list[] = {&row, &rows[3]};
    cli_help(out, list, 2);
    fclose(out);
    assert_non_null(strstr(text, "(default: 17)"));
    assert_non_null(strstr(text, "  -q, --quiet"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_with_equals_or_as_next_word),
        cmocka_unit_test(switches_may_say_0_or_1),
        cmocka_unit_test(operands_and_options_mix_and_keep_their_order),
        cmocka_unit_test(two_dashes_end_options),
        cmocka_unit_test(unambiguous_abbreviations_are_taken),
        cmocka_unit_test(unknown_options_get_a_suggestion),
        cmocka_unit_test(missing_and_superfluous_values_name_the_option),
        cmocka_unit_test(parsing_twice_starts_afresh),
        cmocka_unit_test(help_wraps_at_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
