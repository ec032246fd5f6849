/* test_scavtrace.c - scavtrace lines, to the byte. */
#include "profiles/scavtrace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
assert_line(struct gh_scavenging s, const char *expected)
{
    char line[SCAVTRACE_LINE_MAX];
    size_t n = scavtrace_format(line, sizeof line, &s);
    assert_string_equal(line, expected);
    assert_int_equal(n, strlen(expected));
}

static void
line_of_a_cycle(void **state)
{
    assert_line((struct gh_scavenging){.background_bytes = 232 << 10,
                                       .eager_bytes = (9 << 10) - 1,
                                       .released = 2720 << 10,
                                       .utilization_percent = 72},
                "scav 232 KiB work (bg), 8 KiB work (eager), 2720 KiB now, 72% util\n");
}

static void
line_of_a_forced_release(void **state)
{
    assert_line(
        (struct gh_scavenging){
            .eager_bytes = UINT64_MAX, .released = UINT64_MAX, .forced = true},
        "scav 0 KiB work (bg), 18014398509481983 KiB work (eager), 18014398509481983 KiB now, "
        "0% util (forced)\n");
}

static void
a_line_is_one_write_and_a_cycle_writes_none(void **state)
{
    int fds[2];
    char got[2 * SCAVTRACE_LINE_MAX], expected[SCAVTRACE_LINE_MAX];
    struct gh_scavenging s = {.background_bytes = 1 << 20, .utilization_percent = 100};
    assert_int_equal(pipe(fds), 0);
    struct scavtrace trace = {.fd = fds[1]};
    struct gh_observer o = scavtrace_observer(&trace);
    assert_null(o.cycle);
    o.scavenge(o.ctx, &s);
    size_t n = scavtrace_format(expected, sizeof expected, &s);
    assert_int_equal(read(fds[0], got, sizeof got), n);
    assert_memory_equal(got, expected, n);
    close(fds[0]);
    close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_a_cycle),
        cmocka_unit_test(line_of_a_forced_release),
        cmocka_unit_test(a_line_is_one_write_and_a_cycle_writes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
