/* test_open.c - what a heap is opened with: names that there are, and the collector that is at
 * work in the end. */
#include "gc/core/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
expect_refused(const struct gh_config *c, const char *text)
{
    struct gh_error err = {0};
    assert_null(gh_heap_open(c, &err));
    assert_int_equal(err.status, GH_EXIT_USAGE);
    assert_string_equal(err.text, text);
}

static void
unknown_names_are_refused_with_those_there_are(void **state)
{
    (void)state;
    struct gh_config c;
    gh_config_init(&c);
    c.collector = "zgc";
    expect_refused(&c, "collector: there is no \"zgc\"; there are: go, stw");
    c.collector = NULL;
    c.marker = "span";
    expect_refused(&c, "marker: there is no \"span\"; there are: spans, objects");
}

static void
too_many_processors_are_refused(void **state)
{
    (void)state;
    struct gh_config c;
    gh_config_init(&c);
    c.procs = GH_PROCS_MAX + 1;
    expect_refused(&c, "procs: 1025 is out of range (1 to 1024)");
}

static void
every_name_opens_a_heap(void **state)
{
    (void)state;
    for (const char *const *name = gh_collectors(); *name != NULL; name++)
        for (const char *const *marker = gh_markers(); *marker != NULL; marker++) {
            struct gh_config c;
            struct gh_error err;
            gh_config_init(&c);
            c.collector = *name;
            c.marker = *marker;
            struct gh_heap *h = gh_heap_open(&c, &err);
            assert_non_null(h);
            assert_string_equal(gh_collector(h), *name);
            assert_int_equal(h->marker.by_object, strcmp(*marker, "objects") == 0);
            gh_heap_close(h);
        }
}

static void
collector_at_work_is_the_one_of_the_debug_switches(void **state)
{
    (void)state;
    const struct {
        struct gh_debug debug;
        const char *asked, *works;
    } rows[] = {
        {{.invalidptr = true}, NULL, "go"},
        {{.gcstoptheworld = 1}, NULL, "stw"},
        {{.gcstoptheworld = 2}, "go", "stw"},
        {{.sbrk = true}, "stw", "sbrk"},
        {{.gcstoptheworld = 1, .sbrk = true}, "go", "sbrk"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gh_config c;
        struct gh_error err;
        gh_config_init(&c);
        c.collector = rows[i].asked;
        c.debug = rows[i].debug;
        struct gh_heap *h = gh_heap_open(&c, &err);
        assert_non_null(h);
        assert_string_equal(gh_collector(h), rows[i].works);
        gh_heap_close(h);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_are_refused_with_those_there_are),
        cmocka_unit_test(too_many_processors_are_refused),
        cmocka_unit_test(every_name_opens_a_heap),
        cmocka_unit_test(collector_at_work_is_the_one_of_the_debug_switches),
    };
    return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
