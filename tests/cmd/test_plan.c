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
    "GOGC",
    "GOMAXPROCS",
    "GODEBUG",
    "GOHEAP_GOGC",
    "GOHEAP_PROCS",
    "GOHEAP_THREADS",
    "GOHEAP_GCTRACE",
    "GOHEAP_COLLECTOR",
    "GOHEAP_MADVISE",
    "GOHEAP_COLOR",
    "GOHEAP_JSON",
    "GOHEAP_SHRINK_STACKS",
    "GOMEMLIMIT",
    "GOHEAP_MARKER",
    "GOHEAP_GODEBUG",
    "GOHEAP_MEMLIMIT",
    "GOHEAP_SCAVTRACE",
    "GOHEAP_GCPACERTRACE",
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

static const struct plan_setting *
setting_of(const struct plan *p, const char *flag)
{
    for (size_t i = 0; i < p->n_settings; i++)
        if (strcmp(p->settings[i].row->flag, flag) == 0)
            return &p->settings[i];
    return NULL;
}

static void
assert_source(const char *line, const char *flag, const char *value, const char *source)
{
    const struct plan_setting *s = setting_of(plan_of(line), flag);
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
    setenv("GOGC", "+7", 1);
    assert_int_equal(plan_of("null")->config.gogc, 7);
    setenv("GOGC", "2147483647", 1);
    assert_int_equal(plan_of("null")->config.gogc, INT32_MAX);
}

static void
gogc_refuses_what_go_would_silently_ignore(void **state)
{
    static const char *const junk[] = {"abc", "2147483648", "1e3", "100%",
                                       "++5", " 5",         "-",   "99999999999999999999"};
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
    assert_int_equal(p->gctrace, 1);
    assert_true(p->config.madv_free);
    assert_false(p->config.shrink_stacks);
    assert_int_equal(p->n_warnings, 0);
    assert_source("null", "gctrace", "1", "GODEBUG=gctrace");
    assert_source("null", "madvise", "free", "GODEBUG=madvdontneed");
    assert_source("null", "shrink-stacks", "0", "GODEBUG=gcshrinkstackoff");
    p = plan_of("null --gctrace=0 --madvise dontneed --shrink-stacks");
    assert_int_equal(p->gctrace, 0);
    assert_false(p->config.madv_free);
    assert_true(p->config.shrink_stacks);
}

static void
idle_release_is_a_knob(void **state)
{
    assert_true(plan_of("null")->config.idle_release);
    assert_source("null", "idle-release", "1", "default");
    assert_false(plan_of("null --idle-release 0")->config.idle_release);
    assert_source("null --idle-release=0", "idle-release", "0", "flag");
    setenv("GOHEAP_IDLE_RELEASE", "0", 1);
    assert_false(plan_of("null")->config.idle_release);
    assert_source("null", "idle-release", "0", "GOHEAP_IDLE_RELEASE");
    assert_true(plan_of("null --idle-release 1")->config.idle_release);
    assert_refuses("null --idle-release 2", "--idle-release: '2' is neither 0 nor 1");
}

static void
lock_stats_is_a_knob(void **state)
{
    assert_false(plan_of("null")->lock_stats);
    assert_true(plan_of("null --lock-stats")->lock_stats);
    assert_source("null --lock-stats", "lock-stats", "1", "flag");
    setenv("GOHEAP_LOCK_STATS", "1", 1);
    assert_true(plan_of("null")->lock_stats);
    assert_false(plan_of("null --lock-stats=0")->lock_stats);
    assert_refuses("null --lock-stats=2", "--lock-stats: '2' is neither 0 nor 1");
}

static void
godebug_warns_of_what_has_no_effect(void **state)
{
    setenv("GODEBUG", "schedtrace=1,gctarce=1,gctrace=0", 1);
    const struct plan *p = plan_of("null");
    assert_int_equal(p->gctrace, 0);
    assert_int_equal(p->n_warnings, 2);
    assert_non_null(strstr(p->warnings[0], "GODEBUG: 'schedtrace' is a setting of Go's"));
    assert_non_null(strstr(p->warnings[1], "'gctarce' is a setting that is not known"));
    setenv("GODEBUG", "gctrace=x", 1);
    assert_refuses("null", "GODEBUG=gctrace: 'x'");
}

static void
gctrace_has_two_levels(void **state)
{
    assert_int_equal(plan_of("null --gctrace")->gctrace, 1);
    assert_int_equal(plan_of("null --gctrace=2")->gctrace, 2);
    assert_source("null --gctrace=2", "gctrace", "2", "flag");
    assert_refuses("null --gctrace=3", "--gctrace: 3 is out of range (0 to 2)");
    assert_refuses("null --gctrace=x", "--gctrace: 'x' is not a whole number (0 to 2)");
    setenv("GODEBUG", "gctrace=7", 1); /* Go: above 1 is above 1 */
    assert_source("null", "gctrace", "2", "GODEBUG=gctrace");
    setenv("GODEBUG", "gctrace=-1", 1);
    assert_refuses("null", "GODEBUG=gctrace: -1 is out of range");
}

static void
traces_are_switched_on_by_flag_and_variable(void **state)
{
    const struct plan *p = plan_of("null --gcpacertrace --scavtrace");
    assert_true(p->pacertrace);
    assert_true(p->scavtrace);
    setenv("GODEBUG", "gcpacertrace=1,scavtrace=2", 1);
    p = plan_of("null");
    assert_true(p->pacertrace);
    assert_true(p->scavtrace);
    assert_source("null", "gcpacertrace", "1", "GODEBUG=gcpacertrace");
    assert_source("null", "scavtrace", "1", "GODEBUG=scavtrace");
    assert_source("null --scavtrace=0", "scavtrace", "0", "flag");
    setenv("GOHEAP_SCAVTRACE", "0", 1);
    assert_source("null", "scavtrace", "0", "GOHEAP_SCAVTRACE");
    assert_refuses("null --gcpacertrace=2", "--gcpacertrace: '2' is neither 0 nor 1");
    assert_refuses("null --scavtrace=yes", "--scavtrace: 'yes' is neither 0 nor 1");
}

static void
godebug_sets_what_has_no_option(void **state)
{
    const struct plan *p =
        plan_of("null --godebug gcstoptheworld=2,gccheckmark=1,clobberfree=1,sbrk=1,"
                "harddecommit=1,disablethp=1,invalidptr=0,madvdontneed=0,gcshrinkstackoff=1,"
                "gctrace=2,gcpacertrace=1,scavtrace=1");
    assert_int_equal(p->config.debug.gcstoptheworld, 2);
    assert_true(p->config.debug.gccheckmark);
    assert_true(p->config.debug.clobberfree);
    assert_true(p->config.debug.sbrk);
    assert_true(p->config.debug.harddecommit);
    assert_true(p->config.debug.disablethp);
    assert_false(p->config.debug.invalidptr);
    assert_true(p->config.madv_free);
    assert_false(p->config.shrink_stacks);
    assert_int_equal(p->gctrace, 2);
    assert_true(p->pacertrace);
    assert_true(p->scavtrace);
    assert_int_equal(p->n_warnings, 0);
}

static void
godebug_flag_beats_goheap_variable_beats_gos_key_by_key(void **state)
{
    setenv("GODEBUG", "gcstoptheworld=1,gccheckmark=1,sbrk=1", 1);
    assert_source("null", "gcstoptheworld", "1", "GODEBUG=gcstoptheworld");
    setenv("GOHEAP_GODEBUG", "gcstoptheworld=2,gccheckmark=0", 1);
    assert_source("null", "gcstoptheworld", "2", "GOHEAP_GODEBUG=gcstoptheworld");
    assert_source("null", "sbrk", "1", "GODEBUG=sbrk");
    assert_source("null", "godebug", "gcstoptheworld=2,gccheckmark=0", "GOHEAP_GODEBUG");
    const char *line = "null --godebug gcstoptheworld=0,gctrace=1";
    assert_source(line, "gcstoptheworld", "0", "flag");
    assert_source(line, "gccheckmark", "0", "GOHEAP_GODEBUG=gccheckmark");
    assert_source(line, "sbrk", "1", "GODEBUG=sbrk");
    assert_source(line, "clobberfree", "0", "default");
    /* an option of its own is stronger still, a variable of its own is not */
    setenv("GOHEAP_GCTRACE", "0", 1);
    assert_source(line, "gctrace", "1", "flag");
    assert_source("null --gctrace=2 --godebug gctrace=1", "gctrace", "2", "flag");
    setenv("GOHEAP_GODEBUG", "gctrace=2", 1);
    assert_source("null", "gctrace", "0", "GOHEAP_GCTRACE");
    /* a stronger source makes the weaker irrelevant */
    setenv("GODEBUG", "sbrk=x", 1);
    assert_refuses("null", "GODEBUG=sbrk: 'x' is neither 0 nor 1");
    assert_source("null --godebug sbrk=0", "sbrk", "0", "flag");
}

static void
godebug_flag_is_strict(void **state)
{
    assert_refuses("null --godebug gctarce=1", "--godebug: there is no key 'gctarce'; did you "
                                               "mean gctrace");
    assert_refuses("null --godebug zzz=1", "'goheap list godebug' names all");
    assert_refuses("null --godebug gctrace", "'gctrace' is not of the form key=value");
    assert_refuses("null --godebug sbrk=2", "sbrk: '2' is not a whole number from 0 to 1");
    assert_refuses("null --godebug gctrace=1,gctrace=x", "gctrace: 'x' is not a whole number");
    assert_refuses("null --godebug gcstoptheworld=",
                   "gcstoptheworld: '' is not a whole number");
    setenv("GOHEAP_GODEBUG", "nonsense=1", 1);
    assert_refuses("null", "GOHEAP_GODEBUG: there is no key 'nonsense'");
    unsetenv("GOHEAP_GODEBUG");
    const struct plan *p = plan_of("null --godebug schedtrace=1,,sbrk=0,");
    assert_int_equal(p->n_warnings, 1);
    assert_non_null(strstr(p->warnings[0], "--godebug: 'schedtrace' is a setting of Go's"));
}

static void
memory_limit_takes_gos_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1", 1},
        {"7B", 7},
        {"0004KiB", 4096},
        {"768MiB", UINT64_C(768) << 20},
        {"3GiB", UINT64_C(3) << 30},
        {"2TiB", UINT64_C(2) << 40},
        {"8388607TiB", UINT64_C(8388607) << 40},
        {"9223372036854775806", INT64_MAX - 1},
        {"9223372036854775807", GH_MEMORY_LIMIT_OFF},
        {"off", GH_MEMORY_LIMIT_OFF},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[80];
        snprintf(line, sizeof line, "null --memlimit %s", cases[i].text);
        assert_true(plan_of(line)->config.memory_limit == cases[i].bytes);
        setenv("GOMEMLIMIT", cases[i].text, 1);
        assert_true(plan_of("null")->config.memory_limit == cases[i].bytes);
        unsetenv("GOMEMLIMIT");
    }
    assert_true(plan_of("null --memlimit=")->config.memory_limit == GH_MEMORY_LIMIT_OFF);
    setenv("GOMEMLIMIT", "", 1);
    assert_source("null", "memlimit", "off", "default");
}

static void
memory_limit_beats_and_is_beaten(void **state)
{
    setenv("GOMEMLIMIT", "1GiB", 1);
    assert_source("null", "memlimit", "1GiB", "GOMEMLIMIT");
    setenv("GOHEAP_MEMLIMIT", "2GiB", 1);
    assert_source("null", "memlimit", "2GiB", "GOHEAP_MEMLIMIT");
    assert_source("null --memlimit off", "memlimit", "off", "flag");
    assert_source("null --memlimit 9223372036854775807", "memlimit", "off", "flag");
    const struct plan *p = plan_of("null --gogc off");
    assert_int_equal(p->config.gogc, GH_GOGC_OFF);
    assert_true(p->config.memory_limit == UINT64_C(2) << 30);
    assert_int_equal(p->n_warnings, 0);
}

static void
memory_limit_refuses_what_go_refuses_and_mends_it(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"768Mi",
         "'768Mi' is not a number of bytes; write a whole number with B, KiB, MiB, GiB, "
         "TiB or nothing behind it; did you mean 768MiB?"},
        {"768M", "did you mean 768MiB?"},
        {"768MB", "did you mean 768MiB?"},
        {"768mib", "did you mean 768MiB?"},
        {"4k", "did you mean 4KiB?"},
        {"5bytes", "did you mean 5B?"},
        {"1.5GiB", "did you mean 1536MiB?"},
        {"0.5KiB", "did you mean 512B?"},
        {"1PiB", "'1PiB' is not a number of bytes"},
        {"1e9", "'1e9' is not a number of bytes"},
        {"0x10", "'0x10' is not a number of bytes"},
        {"1.5", "'1.5' is not a number of bytes"},
        {"++5", "+5' is not a number of bytes"},
        {"GiB", "'GiB' is not a number of bytes"},
        {"iB", "'iB' is not a number of bytes"},
        {"none", "'none' is not a number of bytes"},
        {"1_000", "'1_000' is not a number of bytes"},
        {"-1", "-1 is negative"},
        {"-1GiB", "-1GiB is negative"},
        {"9223372036854775808", "is too large"},
        {"99999999999999999999999", "is too large"},
        {"8388608TiB", "is too large"},
        {"8589934592GiB", "is too large"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[80], says[240];
        snprintf(line, sizeof line, "null --memlimit=%s", cases[i].text);
        assert_refuses(line, cases[i].says);
        assert_refuses(line, "--memlimit: ");
        setenv("GOMEMLIMIT", cases[i].text, 1);
        snprintf(says, sizeof says, "%s", cases[i].says);
        assert_refuses("null", says);
        assert_refuses("null", "GOMEMLIMIT: ");
        assert_refuses("null", "Go would not start either");
        unsetenv("GOMEMLIMIT");
    }
    assert_refuses("null --memlimit=+5", "'+5' is not a number of bytes");
    assert_refuses("null --memlimit=-0", "-0 is negative");
    setenv("GOMEMLIMIT", "+5KiB", 1);
    assert_true(plan_of("null")->config.memory_limit == 5 << 10);
    setenv("GOMEMLIMIT", "-0KiB", 1);
    assert_true(plan_of("null")->config.memory_limit == 0);
    setenv("GOMEMLIMIT", " 1GiB", 1);
    assert_refuses("null", "' 1GiB' is not a number of bytes");
}

static void
choices_come_from_the_heap(void **state)
{
    for (const char *const *name = gh_collectors(); *name != NULL; name++) {
        char line[80];
        snprintf(line, sizeof line, "null --collector %s", *name);
        assert_string_equal(plan_of(line)->config.collector, *name);
        assert_non_null(plan_value_help("collector", *name));
    }
    for (const char *const *name = gh_markers(); *name != NULL; name++) {
        setenv("GOHEAP_MARKER", *name, 1);
        assert_string_equal(plan_of("null")->config.marker, *name);
        assert_source("null", "marker", *name, "GOHEAP_MARKER");
        assert_non_null(plan_value_help("marker", *name));
    }
    unsetenv("GOHEAP_MARKER");
    assert_source("null", "marker", gh_markers()[0], "default");
    assert_source("null", "collector", gh_collectors()[0], "default");
    assert_refuses("null --marker page", "--marker: 'page' is not one of spans, objects");
}

static void
defaults_are_what_the_table_says(void **state)
{
    const struct plan *p = plan_of("null");
    assert_int_equal(p->threads, 1);
    assert_string_equal(p->config.collector, gh_collectors()[0]);
    assert_string_equal(p->config.marker, gh_markers()[0]);
    assert_true(p->config.memory_limit == GH_MEMORY_LIMIT_OFF);
    assert_false(p->pacertrace);
    assert_false(p->scavtrace);
    assert_int_equal(p->config.debug.gcstoptheworld, 0);
    assert_false(p->config.debug.gccheckmark);
    assert_false(p->config.debug.clobberfree);
    assert_false(p->config.debug.sbrk);
    assert_false(p->config.debug.harddecommit);
    assert_false(p->config.debug.disablethp);
    assert_true(p->config.debug.invalidptr);
    assert_int_equal(p->gctrace, 0);
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
    assert_refuses("null --collector none", "--collector: 'none' is not one of ");
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
        if (cli_default(row) != NULL && cli_default(row)[0] != '\0')
            assert_true(row->set(&p, cli_default(row), &err));
    }
    for (size_t i = 0; i < plan_debug_knob_count(); i++) {
        struct gh_error err;
        assert_true(plan_debug_knobs[i].set(&p, plan_debug_knobs[i].fallback, &err));
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
        TEST(idle_release_is_a_knob),
        TEST(lock_stats_is_a_knob),
        TEST(godebug_warns_of_what_has_no_effect),
        TEST(gctrace_has_two_levels),
        TEST(traces_are_switched_on_by_flag_and_variable),
        TEST(godebug_sets_what_has_no_option),
        TEST(godebug_flag_beats_goheap_variable_beats_gos_key_by_key),
        TEST(godebug_flag_is_strict),
        TEST(memory_limit_takes_gos_units),
        TEST(memory_limit_beats_and_is_beaten),
        TEST(memory_limit_refuses_what_go_refuses_and_mends_it),
        TEST(choices_come_from_the_heap),
        TEST(defaults_are_what_the_table_says),
        TEST(workload_options_stand_anywhere),
        TEST(wrong_lines_are_refused_with_a_hint),
        TEST(help_needs_nothing_else),
        TEST(every_row_has_help_and_a_parser),
        TEST(every_default_in_the_table_parses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
