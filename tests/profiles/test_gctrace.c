/* test_gctrace.c - gctrace lines, to the byte. Expected texts follow from the rules of Go's
 * format (whole ms from 10 ms on, else two significant digits, three decimals at most, cut
 * off). */
#include "profiles/gctrace.h"
#include "tests/profiles/lines.h"

static void
ms_has_two_significant_digits_below_ten(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0"},           {1, "0"},
        {999, "0"},         {1000, "0.001"},
        {1999, "0.001"},    {9999, "0.009"},
        {10000, "0.010"},   {99999, "0.099"},
        {100000, "0.10"},   {105999, "0.10"},
        {119999, "0.11"},   {999999, "0.99"},
        {1000000, "1.0"},   {1099999, "1.0"},
        {1100000, "1.1"},   {9999999, "9.9"},
        {10000000, "10"},   {10999999, "10"},
        {123456789, "123"}, {INT64_C(9223372036854775807), "9223372036854"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[24];
        gctrace_ms(text, cases[i].ns);
        assert_string_equal(text, cases[i].text);
    }
}

static void
assert_line(const struct gh_cycle *c, const char *expected)
{
    char line[GCTRACE_LINE_MAX];
    size_t n = gctrace_format(line, sizeof line, c);
    assert_string_equal(line, expected);
    assert_int_equal(n, strlen(expected));
}

static const struct gh_cycle sample = {
    .number = 2,
    .procs = 2,
    .stw_procs = 2,
    .start_at = 24000000,
    .sweep_term_ns = 9000000,
    .mark_ns = 14300000,
    .mark_term_ns = 155000,
    .assist_cpu_ns = 0,
    .dedicated_cpu_ns = 7850000,
    .idle_cpu_ns = 7300000,
    .gc_cpu_fraction = 0.359,
    .heap_at_start = UINT64_C(11) << 20,
    .heap_at_end = (UINT64_C(14) << 20) - 1,
    .heap_marked = UINT64_C(6) << 20,
    .goal = UINT64_C(13) << 20,
};

static void
line_of_a_cycle(void **state)
{
    assert_line(&sample, "gc 2 @0.024s 35%: 9.0+14+0.15 ms clock, 18+0/7.8/7.3+0.31 ms cpu, "
                         "11->13->6 MB, 13 MB goal, 0 MB stacks, 0 MB globals, 2 P\n");
}

static void
line_of_a_forced_cycle_with_stacks_and_globals(void **state)
{
    struct gh_cycle c = sample;
    c.number = 4294967295u;
    c.forced = true;
    c.procs = 1024;
    c.stw_procs = 1;
    c.start_at = INT64_C(86400123999999);
    c.sweep_term_ns = 500;
    c.mark_ns = 2900000;
    c.mark_term_ns = 3000;
    c.assist_cpu_ns = 66000;
    c.dedicated_cpu_ns = 0;
    c.idle_cpu_ns = 2800000;
    c.gc_cpu_fraction = 1.0;
    c.stack_scan = (UINT64_C(3) << 20) + 5;
    c.globals_scan = UINT64_C(7) << 20;
    assert_line(&c, "gc 4294967295 @86400.123s 100%: 0+2.9+0.003 ms clock, "
                    "0+0.066/0/2.8+0.003 ms cpu, 11->13->6 MB, 13 MB goal, 3 MB stacks, "
                    "7 MB globals, 1024 P (forced)\n");
}

static void
start_is_shown_with_three_decimals(void **state)
{
    struct gh_cycle c = {.number = 1, .procs = 1, .stw_procs = 1, .start_at = 7999999};
    assert_line(&c, "gc 1 @0.007s 0%: 0+0+0 ms clock, 0+0/0/0+0 ms cpu, 0->0->0 MB, "
                    "0 MB goal, 0 MB stacks, 0 MB globals, 1 P\n");
}

/* Texts are Go 1.26's. */
static void
scan_lines_of_a_class_of_large_objects_and_of_the_sum(void **state)
{
    static const struct {
        struct gh_scan_stats stats;
        uint32_t object_bytes;
        const char *text;
    } cases[] = {
        {{387, 6464, 39286, 812, 548},
         GCTRACE_TOTAL,
         "scan: total 387+6464+39286=46137 objs, 812+548=1360 spans\n"},
        {{.single_objects = 2}, 0, "scan: class L 2+0+0=2 objs, 0+0=0 spans\n"},
        {{.dense_objects = 15, .dense_spans = 2},
         480,
         "scan: class 480B 0+0+15=15 objs, 0+2=2 spans\n"},
        {{.sparse_objects = UINT64_C(5000000000), .sparse_spans = 7},
         32768,
         "scan: class 32768B 0+5000000000+0=5000000000 objs, 7+0=7 spans\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[GCTRACE_LINE_MAX];
        size_t n =
            gctrace_format_scan(line, sizeof line, cases[i].object_bytes, &cases[i].stats);
        assert_string_equal(line, cases[i].text);
        assert_int_equal(n, strlen(cases[i].text));
    }
}

/* What the observer writes for the cycle. */
static void
assert_writes(int level, const struct gh_cycle *c, const char *const *lines)
{
    static const uint16_t class_bytes[GH_CLASSES] = {[2] = 16, [3] = 24};
    int fds[2];
    lines_open(fds);
    struct gctrace g = {.fd = fds[1], .level = level, .class_bytes = class_bytes};
    struct gh_observer o = gctrace_observer(&g);
    assert_null(o.scavenge);
    o.cycle(o.ctx, c);
    lines_expect(fds, lines);
}

static void
a_line_is_one_write(void **state)
{
    char line[GCTRACE_LINE_MAX];
    const char *const lines[] = {line, NULL};
    gctrace_format(line, sizeof line, &sample);
    assert_writes(1, &sample, lines);
}

static void
level_2_adds_the_sum_and_each_class_that_was_scanned(void **state)
{
    char line[GCTRACE_LINE_MAX];
    struct gh_cycle c = sample;
    const char *const lines[] = {
        line,
        "scan: total 4+8+80=92 objs, 3+5=8 spans\n",
        "scan: class L 1+0+0=1 objs, 0+0=0 spans\n",
        "scan: class 24B 3+8+80=91 objs, 3+5=8 spans\n",
        NULL,
    };
    c.scan[0].single_objects = 1;
    c.scan[3] = (struct gh_scan_stats){3, 8, 80, 3, 5};
    gctrace_format(line, sizeof line, &c);
    assert_writes(2, &c, lines);
}

static void
a_line_that_does_not_fit_is_cut(void **state)
{
    char line[16];
    assert_int_equal(gctrace_format(line, sizeof line, &sample), sizeof line - 1);
    assert_string_equal(line, "gc 2 @0.024s 35");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ms_has_two_significant_digits_below_ten),
        cmocka_unit_test(line_of_a_cycle),
        cmocka_unit_test(line_of_a_forced_cycle_with_stacks_and_globals),
        cmocka_unit_test(start_is_shown_with_three_decimals),
        cmocka_unit_test(scan_lines_of_a_class_of_large_objects_and_of_the_sum),
        cmocka_unit_test(a_line_is_one_write),
        cmocka_unit_test(level_2_adds_the_sum_and_each_class_that_was_scanned),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
