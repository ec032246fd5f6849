/* test_plan.c - from a command line and an environment to a plan: precedence of the sources,
 * what each variable accepts, what is refused and how. */
#include "cmd/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const variables[] = {
    "GOGC",           "GOMAXPROCS",     "GODEBUG",        "GOHEAP_GOGC",
    "GOHEAP_PROCS",   "GOHEAP_THREADS", "GOHEAP_GCTRACE", "GOHEAP_COLLECTOR",
    "GOHEAP_MADVISE", "GOHEAP_COLOR",   "GOHEAP_JSON",    "GOHEAP_SHRINK_STACKS",
};

static int
clear_environment(void **state)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

static bool
resolve(struct plan *p, struct gh_error *err, const char *line)
{
    static char copy[400];
    char *argv[32] = {(char *)"run"};
    int argc = 1;
    err->text[0] = '\0';
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    return plan_resolve(p, argc, argv, err);
}

static const struct plan *
plan_of(const char *line)
{
    static struct plan p;
    struct gh_error err;
    if (!resolve(&p, &err, line))
        fail_msg("%s: %s", line, err.text);
    return &p;
}

static void
assert_refuses(const char *line, const char *expected)
{
    static struct plan p;
    struct gh_error err;
    if (resolve(&p, &err, line))
        fail_msg("'%s' is taken", line);
    assert_int_equal(err.status, GH_EXIT_USAGE);
    if (strstr(err.text, expected) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
    assert_null(strchr(err.text, '\n'));
}

static void
assert_source(const char *line, const char *flag, const char *value, const char *source)
{
    const struct plan_setting *s = plan_setting_of(plan_of(line), flag);
    assert_non_null(s);
    assert_string_equal(s->value, value);
    assert_string_equal(s->source, source);
}

static void
flag_beats_goheap_variable_beats_gos_beats_default(void **state)
{
    assert_int_equal(plan_of("null")->config.gogc, 100);
    assert_source("null", "gogc", "100", "default");
    setenv("GOGC", "50", 1);
    assert_int_equal(plan_of("null")->config.gogc, 50);
    assert_source("null", "gogc", "50", "GOGC");
    setenv("GOHEAP_GOGC", "60", 1);
    assert_int_equal(plan_of("null")->config.gogc, 60);
    assert_source("null", "gogc", "60", "GOHEAP_GOGC");
    assert_int_equal(plan_of("null --gogc 70")->config.gogc, 70);
    assert_source("null --gogc 70", "gogc", "70", "flag");
}

static void
an_empty_variable_is_unset(void **state)
{
    setenv("GOGC", "", 1);
    setenv("GOHEAP_GOGC", "", 1);
    assert_source("null", "gogc", "100", "default");
}

static void
gogc_takes_what_go_takes(void **state)
{
    setenv("GOGC", "off", 1);
    assert_int_equal(plan_of("null")->config.gogc, GH_GOGC_OFF);
    assert_source("null", "gogc", "off", "GOGC");
    setenv("GOGC", "0", 1);
    assert_int_equal(plan_of("null")->config.gogc, 0);
    setenv("GOGC", "-5", 1);
    assert_int_equal(plan_of("null")->config.gogc, GH_GOGC_OFF);
    setenv("GOGC", "2147483647", 1);
    assert_int_equal(plan_of("null")->config.gogc, INT32_MAX);
}

static void
gogc_refuses_what_go_would_silently_ignore(void **state)
{
    static const char *const junk[] = {"abc", "2147483648", "1e3", "100%",
                                       "+5",  " 5",         "-",   "99999999999999999999"};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        setenv("GOGC", junk[i], 1);
        assert_refuses("null", "GOGC: '");
        assert_refuses("null", "Go would silently use 100");
    }
    /* a stronger source makes the variable irrelevant */
    assert_int_equal(plan_of("null --gogc 5")->config.gogc, 5);
}

static void
gogc_flag_is_strict(void **state)
{
    assert_int_equal(plan_of("null --gogc off")->config.gogc, GH_GOGC_OFF);
    assert_refuses("null --gogc -1", "--gogc: '-1' is not a percentage");
    assert_refuses("null --gogc 1x", "--gogc: '1x'");
    assert_refuses("null --gogc=", "--gogc: ''");
}

static void
procs_are_1_to_1024(void **state)
{
    assert_true(plan_of("null")->config.procs >= 1);
    assert_int_equal(plan_of("null --procs 1024")->config.procs, 1024);
    assert_refuses("null --procs 0", "--procs: 0 is out of range (1 to 1024)");
    assert_refuses("null --procs 1025", "out of range");
    setenv("GOMAXPROCS", "3", 1);
    assert_source("null", "procs", "3", "GOMAXPROCS");
    setenv("GOMAXPROCS", "0", 1);
    assert_refuses("null", "GOMAXPROCS: 0 is out of range (1 to 1024); Go would silently");
    setenv("GOMAXPROCS", "5000", 1);
    assert_refuses("null", "Go would take it");
}

static void
godebug_switches_knobs(void **state)
{
    setenv("GODEBUG", "gctrace=1,madvdontneed=0,gcshrinkstackoff=1", 1);
    const struct plan *p = plan_of("null");
    assert_true(p->gctrace);
    assert_true(p->config.madv_free);
    assert_false(p->config.shrink_stacks);
    assert_int_equal(p->n_warnings, 0);
    assert_source("null", "gctrace", "1", "GODEBUG=gctrace");
    assert_source("null", "madvise", "free", "GODEBUG=madvdontneed");
    assert_source("null", "shrink-stacks", "0", "GODEBUG=gcshrinkstackoff");
    p = plan_of("null --gctrace=0 --madvise dontneed --shrink-stacks");
    assert_false(p->gctrace);
    assert_false(p->config.madv_free);
    assert_true(p->config.shrink_stacks);
}

static void
godebug_warns_of_what_has_no_effect(void **state)
{
    setenv("GODEBUG", "gcstoptheworld=1,gctarce=1,gctrace=0", 1);
    const struct plan *p = plan_of("null");
    assert_false(p->gctrace);
    assert_int_equal(p->n_warnings, 2);
    assert_non_null(strstr(p->warnings[0], "'gcstoptheworld' is a setting of Go's"));
    assert_non_null(strstr(p->warnings[1], "'gctarce' is a setting that is not known"));
    setenv("GODEBUG", "gctrace=x", 1);
    assert_refuses("null", "GODEBUG=gctrace: 'x'");
}

static void
defaults_are_what_the_table_says(void **state)
{
    const struct plan *p = plan_of("null");
    assert_int_equal(p->threads, 1);
    assert_string_equal(p->config.collector, "stw");
    assert_false(p->gctrace);
    assert_false(p->config.verify);
    assert_false(p->config.madv_free);
    assert_true(p->config.shrink_stacks);
    assert_true(p->config.background);
    assert_null(p->json);
    assert_null(p->output);
    assert_int_equal(p->color, PLAN_COLOR_AUTO);
}

static void
workload_options_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "binary-trees --depth 12 --gogc 50",    "--depth 12 --gogc 50 binary-trees",
        "--gogc=50 binary-trees --depth=12",    "--depth=12 -q binary-trees --gogc 50",
        "--gogc 50 --depth 12 -- binary-trees",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct plan *p = plan_of(lines[i]);
        assert_string_equal(p->workload->name, "binary-trees");
        assert_int_equal(p->config.gogc, 50);
        assert_string_equal(p->options.values[0].option->name, "depth");
        assert_int_equal(p->options.values[0].number, 12);
    }
}

static void
wrong_lines_are_refused_with_a_hint(void **state)
{
    assert_refuses("", "which workload?");
    assert_refuses("--gogc 50", "which workload?");
    assert_refuses("binary-tree", "did you mean binary-trees?");
    assert_refuses("binary-trees --depth -3", "--depth");
    assert_refuses("binary-trees --depth", "--depth");
    assert_refuses("binary-trees --dept", "--dept");
    assert_refuses("--nosuch binary-trees", "there is no option --nosuch");
    assert_refuses("null null", "one workload at a time");
    assert_refuses("null --threads 0", "--threads: 0 is out of range");
    assert_refuses("null --collector none", "--collector: 'none' is not one of stw");
    assert_refuses("null --verify=2", "--verify: '2' is neither 0 nor 1");
    assert_refuses("null --color blue", "'blue' is not one of auto, always, never");
    assert_refuses("null --json=", "--json: the path is empty");
    assert_refuses("null --json - --output -", "both name '-'");
    assert_refuses("json", "json needs --");
}

static void
help_needs_nothing_else(void **state)
{
    setenv("GOGC", "abc", 1);
    assert_true(plan_of("--help")->help);
    assert_true(plan_of("json --help")->help);
    assert_string_equal(plan_of("json -h")->workload->name, "json");
}

static void
every_row_has_help_and_a_parser(void **state)
{
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const struct cli_option *row = &plan_knobs[i];
        assert_non_null(row->set);
        assert_true(strlen(row->help) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->flag, plan_knobs[k].flag);
        if (row->env != NULL)
            assert_true(strncmp(row->env, "GOHEAP_", 7) == 0);
    }
}

static void
every_default_in_the_table_parses(void **state)
{
    static struct plan p;
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const struct cli_option *row = &plan_knobs[i];
        struct gh_error err;
        if (row->fallback != NULL && row->fallback[0] != '\0')
            assert_true(row->set(&p, row->fallback, &err));
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, clear_environment)
    const struct CMUnitTest tests[] = {
        TEST(flag_beats_goheap_variable_beats_gos_beats_default),
        TEST(an_empty_variable_is_unset),
        TEST(gogc_takes_what_go_takes),
        TEST(gogc_refuses_what_go_would_silently_ignore),
        TEST(gogc_flag_is_strict),
        TEST(procs_are_1_to_1024),
        TEST(godebug_switches_knobs),
        TEST(godebug_warns_of_what_has_no_effect),
        TEST(defaults_are_what_the_table_says),
        TEST(workload_options_stand_anywhere),
        TEST(wrong_lines_are_refused_with_a_hint),
        TEST(help_needs_nothing_else),
        TEST(every_row_has_help_and_a_parser),
        TEST(every_default_in_the_table_parses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
