/* test_pacertrace.c - gcpacertrace lines, to the byte. The samples are what Go 1.26 has printed
 * for such figures. */
#include "profiles/pacertrace.h"
#include "tests/profiles/lines.h"

static const struct gh_pacing sample = {
    .assist_ratio = 2.436501908213534,
    .scan_bytes = (UINT64_C(3) << 20) - 1,
    .start_live = UINT64_C(3) << 20,
    .start_goal = UINT64_C(4) << 20,
    .dedicated = 0,
    .fractional = 0.25,
    .utilization = 0.2899,
    .goal_utilization = 0.25,
    .heap_work = 1297648,
    .stack_work = 2968,
    .globals_work = 153514,
    .expected_work = 1571802,
    .trigger = 3571704,
    .live = 3973112,
    .goal_delta = -243698,
    .cons_mark = 0.14538410667366147,
};

static const char start_text[] =
    "pacer: assist ratio=2.436501908213534 (scan 2 MB in 3->4 MB) workers=0+0.25\n";
static const char end_text[] =
    "pacer: 28% CPU (25 exp.) for 1297648+2968+153514 B work (1571802 B exp.) in 3571704 B -> "
    "3973112 B (\xe2\x88\x86goal -243698, cons/mark 0.14538410667366147)\n";

static void
the_start_of_a_cycle(void **state)
{
    char line[PACERTRACE_LINE_MAX];
    struct gh_pacing p = sample;
    assert_int_equal(pacertrace_format_start(line, sizeof line, &p), strlen(start_text));
    assert_string_equal(line, start_text);
    p.assist_ratio = 1e6;
    p.dedicated = 2;
    p.fractional = 0;
    pacertrace_format_start(line, sizeof line, &p);
    assert_string_equal(line, "pacer: assist ratio=1e+06 (scan 2 MB in 3->4 MB) workers=2+0\n");
}

static void
the_end_of_a_cycle(void **state)
{
    char line[PACERTRACE_LINE_MAX];
    assert_int_equal(pacertrace_format_end(line, sizeof line, &sample), strlen(end_text));
    assert_string_equal(line, end_text);
}

static const struct gh_sweeping swept = {.live = (UINT64_C(4) << 20) - 1,
                                         .allocated = UINT64_C(1) << 20,
                                         .pages_swept = 475,
                                         .pages_per_byte = 0.00022649765014648438};

static const char swept_text[] =
    "pacer: sweep done at heap size 3MB; allocated 1MB during sweep; swept 475 pages at "
    "0.00022649765014648438 pages/byte\n";

static void
the_end_of_a_sweep(void **state)
{
    char line[PACERTRACE_LINE_MAX];
    assert_int_equal(pacertrace_format_swept(line, sizeof line, &swept), strlen(swept_text));
    assert_string_equal(line, swept_text);
    pacertrace_format_swept(line, sizeof line, &(struct gh_sweeping){.pages_swept = 1});
    assert_string_equal(line, "pacer: sweep done at heap size 0MB; allocated 0MB during sweep; "
                              "swept 1 pages at 0 pages/byte\n");
}

static void
the_largest_figures_fit(void **state)
{
    char line[PACERTRACE_LINE_MAX];
    const struct gh_pacing p = {
        .assist_ratio = -2.2250738585072014e-308,
        .scan_bytes = UINT64_MAX,
        .start_live = UINT64_MAX,
        .start_goal = UINT64_MAX,
        .dedicated = 1024,
        .fractional = 2.2250738585072014e-308,
        .utilization = 10,
        .goal_utilization = 1,
        .heap_work = UINT64_MAX,
        .stack_work = UINT64_MAX,
        .globals_work = UINT64_MAX,
        .expected_work = UINT64_MAX,
        .trigger = UINT64_MAX - 1,
        .live = UINT64_MAX,
        .goal_delta = INT64_MIN,
        .cons_mark = 1.7976931348623157e+308,
    };
    size_t n = pacertrace_format_start(line, sizeof line, &p);
    assert_int_equal(line[n - 1], '\n');
    n = pacertrace_format_end(line, sizeof line, &p);
    assert_int_equal(line[n - 1], '\n');
    n = pacertrace_format_swept(
        line, sizeof line,
        &(struct gh_sweeping){UINT64_MAX, UINT64_MAX, UINT64_MAX, 2.2250738585072014e-308});
    assert_int_equal(line[n - 1], '\n');
}

static void
assert_writes(const struct gh_pacing *p, const char *const *lines)
{
    int fds[2];
    struct gh_cycle c = {.number = 1, .pacing = *p};
    lines_open(fds);
    struct pacertrace trace = {.fd = fds[1]};
    struct gh_observer o = pacertrace_observer(&trace);
    o.cycle(o.ctx, &c);
    lines_expect(fds, lines);
}

static void
a_sweep_has_one_line(void **state)
{
    const char *const lines[] = {swept_text, NULL};
    int fds[2];
    struct lock order;
    lock_init(&order, LOCK_RANK_LEAF);
    lines_open(fds);
    struct pacertrace trace = {.fd = fds[1], .order = &order};
    struct gh_observer o = pacertrace_observer(&trace);
    o.swept(o.ctx, &swept);
    lines_expect(fds, lines);
    lock_finish(&order);
}

static void
a_cycle_has_two_lines(void **state)
{
    const char *const lines[] = {start_text, end_text, NULL};
    assert_writes(&sample, lines);
}

static void
a_cycle_in_which_the_heap_did_not_grow_has_one(void **state)
{
    const char *const lines[] = {start_text, NULL};
    struct gh_pacing p = sample;
    p.live = p.trigger;
    assert_writes(&p, lines);
}

static void
a_cycle_that_was_not_paced_has_none(void **state)
{
    const char *const lines[] = {NULL};
    struct gh_pacing p = {.trigger = 1, .live = 2};
    assert_writes(&p, lines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_of_a_cycle),
        cmocka_unit_test(the_end_of_a_cycle),
        cmocka_unit_test(the_end_of_a_sweep),
        cmocka_unit_test(a_sweep_has_one_line),
        cmocka_unit_test(the_largest_figures_fit),
        cmocka_unit_test(a_cycle_has_two_lines),
        cmocka_unit_test(a_cycle_in_which_the_heap_did_not_grow_has_one),
        cmocka_unit_test(a_cycle_that_was_not_paced_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
