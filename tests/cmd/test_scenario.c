/* test_scenario.c - scenarios: what each stream yields, and what is said of each mistake, with
 * its place. The parts together are compared with Go's streams by tests/run/simulate-go.sh. */
#include "cmd/scenario.h"
#include "gc/api/heap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEEDED "alloc_rate = 33\ngrowth_rate = 1\n"

static struct scenario *
parse(const char *text)
{
    struct gh_error err = {.text = ""};
    struct scenario *s = scenario_parse("f", text, &err);
    if (s == NULL)
        fail_msg("%s", err.text);
    return s;
}

/* --- what is right --- */

static void
defaults_are_those_of_gos_test(void **state)
{
    struct gh_sim_cycle c;
    struct scenario *s = parse(NEEDED);
    assert_int_equal(s->cycles, 50);
    assert_int_equal(s->config.procs, 8);
    assert_int_equal(s->config.gogc, 100);
    assert_int_equal(s->config.memory_limit, GH_MEMORY_LIMIT_OFF);
    assert_int_equal(s->config.globals_bytes, 32 << 10);
    assert_int_equal(s->config.initial_bytes, 256 << 10);
    assert_false(s->config.accounts);
    scenario_cycle(s, 7, &c);
    assert_true(c.alloc_rate == 33 && c.scan_rate == 1024 && c.growth_rate == 1);
    assert_true(c.scannable == 1);
    assert_int_equal(c.stack_bytes, 8192);
    scenario_free(s);
}

static void
settings_are_read(void **state)
{
    struct gh_sim_cycle c;
    struct scenario *s = parse("# all of them\r\n"
                               "\n"
                               "cycles=3 # three\n"
                               "  procs\t= 256\n"
                               "gogc = off\n"
                               "memory_limit = 2TiB\n"
                               "globals_bytes = 1GiB\n"
                               "initial_bytes = 7B\n"
                               "alloc_rate = 1e3\n"
                               "scan_rate = .5\n"
                               "growth_rate = 2 - 1.5 + 0x10\n"
                               "scannable = 0.25\n"
                               "stack_bytes = 1MiB + ramp(-1MiB, 4)\n"
                               "non_heap_bytes = 3KiB");
    assert_int_equal(s->cycles, 3);
    assert_int_equal(s->config.procs, 256);
    assert_int_equal(s->config.gogc, GH_GOGC_OFF);
    assert_int_equal(s->config.memory_limit, UINT64_C(2) << 40);
    assert_int_equal(s->config.globals_bytes, 1 << 30);
    assert_int_equal(s->config.initial_bytes, 7);
    assert_true(s->config.accounts);
    scenario_cycle(s, 1, &c);
    assert_true(c.alloc_rate == 1000 && c.scan_rate == 0.5 && c.growth_rate == 16.5);
    assert_int_equal(c.stack_bytes, 768 << 10);
    assert_int_equal(c.non_heap_bytes, 3072);
    scenario_free(s);
}

static void
values_are_brought_into_range(void **state)
{
    struct gh_sim_cycle c;
    struct scenario *s = parse("alloc_rate = -5\ngrowth_rate = 0\nscan_rate = -1 + unit(1)\n"
                               "scannable = list(-1, 0.5, 2)\nstack_bytes = list(-1, 5000)\n");
    scenario_cycle(s, 0, &c);
    assert_true(c.alloc_rate == 0.0001 && c.scan_rate == 0.0001 && c.growth_rate == 0.0001);
    assert_true(c.scannable == 0);
    assert_int_equal(c.stack_bytes, 0);
    scenario_cycle(s, 1, &c);
    assert_true(c.scannable == 0.5);
    assert_int_equal(c.stack_bytes, 4096);
    scenario_cycle(s, 2, &c);
    assert_true(c.scannable == 1);
    scenario_free(s);
}

/* --- streams --- */

static void
stream_is(const char *text, const double *expected, size_t n)
{
    char file[400];
    snprintf(file, sizeof file, "growth_rate = 1\nalloc_rate = %s\n", text);
    struct scenario *s = parse(file);
    for (size_t i = 0; i < n; i++)
        if (!(stream_value(s->alloc_rate, i) == expected[i]))
            fail_msg("%s: value %zu is %.17g, not %.17g", text, i,
                     stream_value(s->alloc_rate, i), expected[i]);
    scenario_free(s);
}
#define STREAM_IS(text, ...) \
    stream_is(text, (double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))

static void
streams_yield_what_they_say(void **state)
{
    STREAM_IS("-2.5", -2.5, -2.5);
    STREAM_IS("1 + 2 - 4", -1, -1);
    STREAM_IS("ramp(8, 4)", 0, 2, 4, 6, 8, 8, 8);
    STREAM_IS("ramp(-1, 1)", 0, -1, -1);
    STREAM_IS("step(3, 2)", 0, 0, 3, 3);
    STREAM_IS("step(3, 0)", 3, 3);
    STREAM_IS("unit(4)", 4, 0, 0);
    STREAM_IS("oscillate(10, 0, 4)", 0, 10, sin(M_PI) * 10, -10, 0, 10);
    STREAM_IS("oscillate(2, 1.5707963267948966, 2)", 2, -2, 2, -2);
    STREAM_IS("list(1, -2,\n 3 # and so on\n , 4)", 1, -2, 3, 4, 4, 4);
    STREAM_IS("delay(2, 7)", 0, 0, 7, 7);
    STREAM_IS("delay(1, unit(5))", 0, 5, 0);
    STREAM_IS("repeat(3, step(9, 2))", 0, 0, 9, 0, 0, 9, 0);
    STREAM_IS("scale(-0.5, ramp(4, 2))", -0.0, -1, -2, -2);
    STREAM_IS("limit(1, 3, ramp(4, 4))", 1, 1, 2, 3, 3);
    STREAM_IS("quantize(10, list(9, 10, 19.9, -9, -10, -19))", 0, 10, 10, 0, -10, -10);
    STREAM_IS("repeat(2, 1 +\n delay(1, limit(0, 5, ramp(6, 1)))) + 1", 2, 2, 2, 2);
}

static void
values_never_leave_their_bounds(void **state)
{
    STREAM_IS("scale(1e18, scale(1e18, 1e18))", 1e18);
    STREAM_IS("scale(1e18, -1e18) + scale(1e18, 1e18)", 0);
    STREAM_IS("quantize(1e-300, 1e18)", 1e18);
}

static void
random_streams_repeat_and_stay_in_range(void **state)
{
    struct scenario *s = parse("growth_rate = random(3, 1)\nscan_rate = random(3, 2)\n"
                               "alloc_rate = delay(5, random(3, 0x1))\n");
    double sum = 0, most = 0;
    bool differs = false;
    for (uint64_t i = 0; i < 10000; i++) {
        double v = stream_value(s->growth_rate, i);
        assert_true(v >= -3 && v <= 3);
        assert_true(stream_value(s->alloc_rate, i + 5) == v);
        differs |= stream_value(s->scan_rate, i) != v;
        sum += v;
        most = v > most ? v : most;
    }
    assert_true(differs);
    assert_true(fabs(sum / 10000) < 0.1);
    assert_true(most > 2.99);
    scenario_free(s);
}

/* --- what is wrong --- */

static const struct {
    const char *text, *error;
} mistakes[] = {
    {"", "f:1:1: alloc_rate is missing: the scenario ends without it"},
    {"alloc_rate = 1\n", "f:2:1: growth_rate is missing: the scenario ends without it"},
    {"rate = 1", "f:1:1: there is no setting 'rate'; 'goheap simulate --help' lists them"},
    {"\n\n  alocrate = 1", "f:3:3: there is no setting 'alocrate'; did you mean alloc_rate?"},
    {"= 1", "f:1:1: there is no setting '='; 'goheap simulate --help' lists them"},
    {"cycles 3", "f:1:8: '=' is missing behind cycles"},
    {"cycles", "f:1:7: '=' is missing behind cycles"},
    {"cycles =", "f:1:9: a whole number is missing"},
    {"cycles = # 5", "f:1:10: a whole number expected, and not '#'"},
    {"cycles = five", "f:1:10: a whole number expected, and not 'five'"},
    {"cycles = -1", "f:1:10: a whole number expected, and not '-'"},
    {"cycles = 1.5", "f:1:10: '1.5' is not a whole number"},
    {"cycles = 0", "f:1:10: there must be at least one cycle"},
    {"cycles = 1000001", "f:1:10: '1000001' is out of range (up to 1000000)"},
    {"cycles = 99999999999999999999",
     "f:1:10: '99999999999999999999' is out of range (up to 1000000)"},
    {"cycles = 5KiB", "f:1:10: '5KiB' is no number; units stand with bytes only"},
    {"cycles = 5 6", "f:1:12: the line should end before '6'"},
    {"cycles = 5\ncycles = 6", "f:2:1: cycles has been set in line 1 already"},
    {"procs = 0", "f:1:9: there must be at least one processor"},
    {"procs = 1025", "f:1:9: '1025' is out of range (up to 1024)"},
    {"gogc = of", "f:1:8: a whole number expected, and not 'of'"},
    {"gogc = 2147483648", "f:1:8: '2147483648' is out of range (up to 2147483647)"},
    {"gogc = 100%", "f:1:11: the line should end before '%'"},
    {"memory_limit = 5MB", "f:1:17: 'MB' is no unit; there are B, KiB, MiB, GiB and TiB"},
    {"memory_limit = 8388608TiB",
     "f:1:16: '8388608TiB' is out of range (up to 9223372036854775807)"},
    {"globals_bytes = 2000000TiB",
     "f:1:17: '2000000TiB' is out of range (up to 1152921504606846976)"},
    {"alloc_rate =", "f:1:13: a number is missing"},
    {"alloc_rate = +", "f:1:14: a number expected, and not '+'"},
    {"alloc_rate = 1 +", "f:1:17: a number is missing"},
    {"alloc_rate = 1 2", "f:1:16: the line should end before '2'"},
    {"alloc_rate = 1 * 2", "f:1:16: the line should end before '*'"},
    {"alloc_rate = 1e999", "f:1:14: '1e999' is out of range (up to 1e18)"},
    {"alloc_rate = 2e18", "f:1:14: '2e18' is out of range (up to 1e18)"},
    {"alloc_rate = 1x", "f:1:14: '1x' is no number; units stand with bytes only"},
    {"alloc_rate = nan",
     "f:1:14: there is no stream 'nan'; 'goheap simulate --help' lists them"},
    {"alloc_rate = infinity",
     "f:1:14: there is no stream 'infinity'; 'goheap simulate --help' lists them"},
    {"alloc_rate = 1MiB", "f:1:14: '1MiB' is no number; units stand with bytes only"},
    {"alloc_rate = rmap(1, 2)", "f:1:14: there is no stream 'rmap'; did you mean ramp?"},
    {"alloc_rate = ramp", "f:1:18: '(' is missing: ramp(height, cycles)"},
    {"alloc_rate = ramp(", "f:1:19: a number is missing"},
    {"alloc_rate = ramp(1", "f:1:20: ',' (ramp(height, cycles)) is missing"},
    {"alloc_rate = ramp(1)", "f:1:20: ',' (ramp(height, cycles)) expected, and not ')'"},
    {"alloc_rate = ramp(1, 0)", "f:1:22: a whole number from 1 to 1000000 is expected here"},
    {"alloc_rate = ramp(1, 2.5)", "f:1:22: a whole number from 1 to 1000000 is expected here"},
    {"alloc_rate = ramp(1, 2", "f:1:23: ')' (ramp(height, cycles)) is missing"},
    {"alloc_rate = ramp(1, 2, 3)", "f:1:23: ')' (ramp(height, cycles)) expected, and not ','"},
    {"alloc_rate = ramp(1,\n 2))", "f:2:4: the line should end before ')'"},
    {"alloc_rate = step(1, -1)", "f:1:22: a whole number from 0 to 1000000 is expected here"},
    {"alloc_rate = random(1, 0.5)",
     "f:1:24: a whole number from 0 to 9007199254740992 is expected here"},
    {"alloc_rate = list()", "f:1:19: a number expected, and not ')'"},
    {"alloc_rate = list(1,\n,2)", "f:2:1: a number expected, and not ','"},
    {"alloc_rate = list(ramp(1, 2))", "f:1:19: a number expected, and not 'ramp'"},
    {"alloc_rate = delay(2)", "f:1:21: ',' (delay(cycles, stream)) expected, and not ')'"},
    {"alloc_rate = limit(2, 1, 3)", "f:1:14: limit: least is above most"},
    {"alloc_rate = quantize(0, 3)", "f:1:23: a number above 0 is expected here"},
    {"stack_bytes = ramp(1MiB, 5KiB)",
     "f:1:26: '5KiB' is no number; units stand with bytes only"},
    {"alloc_rate = \x01", "f:1:14: a number expected, and not byte 0x01"},
    {"alloc_rate = \xc3\xa9", "f:1:14: a number expected, and not '\xc3\xa9'"},
    {"\xef\xbb\xbf" NEEDED,
     "f:1:1: there is no setting '\xef\xbb\xbf'; 'goheap simulate --help' lists them"},
};

static void
each_mistake_is_named_with_its_place(void **state)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct gh_error err = {.text = ""};
        struct scenario *s = scenario_parse("f", mistakes[i].text, &err);
        if (s != NULL)
            fail_msg("accepted: %s", mistakes[i].text);
        if (strcmp(err.text, mistakes[i].error) != 0)
            fail_msg("%s: said %s", mistakes[i].text, err.text);
        assert_int_equal(err.status, GH_EXIT_USAGE);
    }
}

/* `unit` n times, between `head` and `tail`, is refused with `error`. */
static void
is_refused(const char *head, const char *unit, size_t n, const char *tail, const char *error)
{
    struct gh_error err = {.text = ""};
    char *text = malloc(strlen(head) + n * strlen(unit) + strlen(tail) + 1);
    char *end = stpcpy(text, head);
    for (size_t i = 0; i < n; i++)
        end = stpcpy(end, unit);
    stpcpy(end, tail);
    assert_null(scenario_parse("f", text, &err));
    free(text);
    if (strstr(err.text, error) == NULL)
        fail_msg("said %s", err.text);
}

static void
too_much_is_refused(void **state)
{
    is_refused("alloc_rate = ", "delay(1, ", 100, "1", "streams are nested more than 16 deep");
    is_refused("alloc_rate = 1", " + 1", 1000, "\n", "too many streams: 256 parts in all");
    is_refused("alloc_rate = list(1", ", 1", 200000, ")", "too many values: 100000 in all");
    is_refused("", "x", 100000, " = 1", "there is no setting 'xxxxxxxxxx");
    is_refused("alloc_rate = ", "9", 5000, "", "is out of range");
}

/* Every text that begins like a good one, and every one with a byte in it that is another:
 * parsed or refused, never worse (the sanitizers watch). */
static void
mangled_scenarios_do_no_harm(void **state)
{
    static const char good[] = "cycles = 5 # c\nalloc_rate = 33 + delay(2, ramp(-66, 4))\n"
                               "stack_bytes = list(1KiB, 2MiB,\n 3)\ngrowth_rate = 2 - unit(1)";
    static const char bytes[] = "\x01\n\t (),+-=#09.eKx_\xff";
    char text[sizeof good];
    size_t refused = 0;
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) { /* the NUL too: it cuts the text off */
            struct gh_error err = {.text = ""};
            memcpy(text, good, sizeof good);
            text[i] = bytes[j];
            struct scenario *s = scenario_parse("f", text, &err);
            if (s == NULL)
                assert_int_equal(strncmp(err.text, "f:", 2), 0);
            refused += s == NULL;
            scenario_free(s);
        }
    }
    assert_true(refused > 1000);
}

static void
files_that_cannot_be_read_are_named(void **state)
{
    struct gh_error err = {.text = ""};
    assert_null(scenario_read("/nonexistent/file", &err));
    assert_string_equal(err.text, "cannot open /nonexistent/file: No such file or directory");
    assert_null(scenario_read("/", &err));
    assert_string_equal(err.text, "cannot read /: Is a directory");
    assert_null(scenario_read("/dev/zero", &err));
    assert_string_equal(err.text, "/dev/zero is no scenario: it has more than 4 MiB");
    assert_int_equal(err.status, GH_EXIT_USAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_gos_test),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(values_are_brought_into_range),
        cmocka_unit_test(streams_yield_what_they_say),
        cmocka_unit_test(values_never_leave_their_bounds),
        cmocka_unit_test(random_streams_repeat_and_stay_in_range),
        cmocka_unit_test(each_mistake_is_named_with_its_place),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(mangled_scenarios_do_no_harm),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };
    return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
