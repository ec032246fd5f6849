/* test_report.c - both reports of a made-up run: what they say, and that they say the same. */
#include "profiles/report.h"

#include "profiles/humane.h"
#include "profiles/report_json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static struct pauses pauses;
static struct environment environment;

static const struct facts_setting settings[] = {{"gogc", "50", "GOGC"}};
static const struct facts_setting options[] = {{"depth", "18", "flag"}};
static const struct facts_metric metrics[] = {{"ns_per_node", 27.5, "ns"},
                                              {"ratio", INFINITY, ""}};

static struct facts
made_up(void)
{
    struct facts f = {
        .workload = "binary-trees",
        .threads = 2,
        .gogc = 50,
        .procs = 2,
        .collector = "stw",
        .settings = settings,
        .n_settings = 1,
        .options = options,
        .n_options = 1,
        .metrics = metrics,
        .n_metrics = 2,
        .has_checksum = true,
        .verified = true,
        .checksum = 0xabc,
        .started_unix_ns = INT64_C(1700000000) * 1000000000,
        .wall_s = 0.5,
        .cpu_s = 0.75,
        .total_wall_s = 1.25,
        .allocs = 1000000,
        .alloc_bytes = 16 << 20,
        .rate_wall_s = 0.5,
        .timed_minor_faults = 12345,
        .pauses = &pauses,
        .environment = &environment,
    };
    f.stats.num_gc = 3;
    f.stats.num_forced_gc = 1;
    f.stats.gc_cpu_fraction = 0.125;
    f.stats.mallocs = 110;
    f.stats.tiny_allocs = 10;
    f.stats.frees = 30;
    f.stats.heap_objects = 80;
    f.stats.total_alloc = 5000;
    f.stats.heap_alloc = 2000;
    f.stats.heap_inuse = 8192;
    f.stats.heap_idle = 4096;
    f.stats.heap_released = 1024;
    f.stats.heap_peak = 3 << 20;
    f.stats.sys = 1 << 20;
    f.stats.by_size[2].size = 16;
    f.stats.by_size[2].mallocs = 60;
    f.stats.by_size[2].frees = 20;
    return f;
}

static int
setup(void **state)
{
    struct gh_observer o;
    environment_read(&environment);
    pauses_init(&pauses);
    o = pauses_observer(&pauses);
    for (int i = 1; i <= 3; i++) {
        struct gh_cycle c = {
            .number = (uint32_t)i, .pause_ns = i * 1000000, .stop_wait_ns = 1000};
        o.cycle(o.ctx, &c);
    }
    return 0;
}

static int
teardown(void **state)
{
    pauses_finish(&pauses);
    return 0;
}

static char *
text_of(const struct facts *f)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    report_write(f, out);
    fclose(out);
    return text;
}

static json_t *
json_of(const struct facts *f)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_true(report_json_write(f, out));
    fclose(out);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    free(text);
    return o;
}

static void
assert_says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void
text_says_what_was_measured(void **state)
{
    struct facts f = made_up();
    char *text = text_of(&f);
    assert_says(text, "binary-trees --depth 18\nGOGC 50, 2 procs, 2 mutator threads");
    assert_says(text, "500 ms wall");
    assert_says(text, "750 ms CPU");
    assert_says(text, "1.00 M objects");
    assert_says(text, "16.0 MiB");
    assert_says(text, "2.00 M a second");
    assert_says(text, "500 ns each");
    assert_says(text, "3 cycles");
    assert_says(text, "12.5 % of all CPU");
    assert_says(text, "max 3.00 ms");
    assert_says(text, "12,345 minor");
    assert_says(text, "27.5 ns");
    assert_says(text, "0xabc) ok");
    assert_null(strstr(text, "\033"));
    assert_null(strstr(text, "setting"));
    free(text);
}

static void
text_fits_in_80_columns_of_ascii(void **state)
{
    struct facts f = made_up();
    f.show_settings = true;
    f.pauses = &pauses;
    char *text = text_of(&f);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
    free(text);
    text = text_of(&f);
    for (const char *p = text; *p != '\0'; p++)
        assert_true((unsigned char)*p < 0x80);
    free(text);
}

static void
text_owns_up_to_what_is_missing(void **state)
{
    struct facts f = made_up();
    f.interrupted = true;
    f.verified = false;
    f.has_checksum = false;
    f.gogc = -1;
    char *text = text_of(&f);
    assert_says(text, "INTERRUPTED");
    assert_says(text, "GOGC off");
    assert_says(text, "not computed");
    assert_null(strstr(text, "goal"));
    free(text);
}

static json_int_t
integer_at(json_t *o, const char *outer, const char *key)
{
    json_t *v = json_object_get(json_object_get(o, outer), key);
    assert_true(json_is_integer(v));
    return json_integer_value(v);
}

static void
json_goes_by_gos_names(void **state)
{
    struct facts f = made_up();
    json_t *o = json_of(&f);
    assert_int_equal(json_integer_value(json_object_get(o, "schema")), 1);
    /* tiny objects are counted apart from their blocks */
    assert_int_equal(integer_at(o, "metrics", "/gc/heap/allocs:objects"), 100);
    assert_int_equal(integer_at(o, "metrics", "/gc/heap/frees:objects"), 20);
    assert_int_equal(integer_at(o, "metrics", "/gc/heap/objects:objects"), 80);
    assert_int_equal(integer_at(o, "metrics", "/gc/heap/frees:bytes"), 3000);
    assert_int_equal(integer_at(o, "metrics", "/gc/cycles/automatic:gc-cycles"), 2);
    assert_int_equal(integer_at(o, "metrics", "/gc/gogc:percent"), 50);
    assert_int_equal(integer_at(o, "metrics", "/memory/classes/heap/unused:bytes"), 6192);
    assert_int_equal(integer_at(o, "metrics", "/memory/classes/heap/free:bytes"), 3072);
    assert_int_equal(integer_at(o, "metrics", "/sched/gomaxprocs:threads"), 2);
    json_decref(o);
}

static void
json_holds_settings_metrics_and_checksum(void **state)
{
    struct facts f = made_up();
    const char *source, *started, *checksum;
    double value;
    int interrupted, verified;
    json_t *o = json_of(&f), *infinite;
    assert_int_equal(json_unpack(o, "{s:{s:{s:s}}}", "settings", "gogc", "source", &source), 0);
    assert_string_equal(source, "GOGC");
    assert_int_equal(
        json_unpack(o, "{s:s, s:b}", "started", &started, "interrupted", &interrupted), 0);
    assert_string_equal(started, "2023-11-14T22:13:20Z");
    assert_false(interrupted);
    assert_int_equal(json_unpack(o, "{s:{s:s, s:b, s:{s:{s:F}, s:{s:o}}}}", "workload",
                                 "checksum", &checksum, "verified", &verified, "metrics",
                                 "ns_per_node", "value", &value, "ratio", "value", &infinite),
                     0);
    assert_string_equal(checksum, "0x0000000000000abc");
    assert_true(verified);
    assert_true(value == 27.5);
    assert_true(json_is_null(infinite));
    json_decref(o);
}

static void
json_histograms_count_every_value(void **state)
{
    static const char *const names[] = {"/sched/pauses/total/gc:seconds",
                                        "/gc/heap/allocs-by-size:bytes"};
    static const json_int_t sums[] = {3, 100};
    struct facts f = made_up();
    json_t *o = json_of(&f);
    for (int i = 0; i < 2; i++) {
        json_t *h = json_object_get(json_object_get(o, "metrics"), names[i]), *count;
        size_t at;
        json_int_t sum = 0;
        assert_int_equal(json_array_size(json_object_get(h, "buckets")),
                         json_array_size(json_object_get(h, "counts")) + 1);
        json_array_foreach(json_object_get(h, "counts"), at, count) sum +=
            json_integer_value(count);
        assert_int_equal(sum, sums[i]);
    }
    json_decref(o);
}

/* Pauses of 1, 2 and 3 ms: a bucket each, and the two empty stretches between them. */
static void
json_histogram_lists_the_gaps(void **state)
{
    static const int expected[] = {1, 0, 1, 0, 1};
    struct facts f = made_up();
    json_t *o = json_of(&f);
    json_t *h =
        json_object_get(json_object_get(o, "metrics"), "/sched/pauses/total/gc:seconds");
    json_t *edges = json_object_get(h, "buckets"), *counts = json_object_get(h, "counts");
    assert_int_equal(json_array_size(counts), 5);
    for (size_t i = 0; i < 5; i++) {
        double low = json_real_value(json_array_get(edges, i)) * 1e3;
        double high = json_real_value(json_array_get(edges, i + 1)) * 1e3;
        double ms = (double)i / 2 + 1;
        assert_int_equal(json_integer_value(json_array_get(counts, i)), expected[i]);
        assert_true(low < high);
        if (expected[i] != 0)
            assert_true(low <= ms && ms < high && high - low < 0.01 * ms);
    }
    json_decref(o);
}

static void
humane_numbers_have_three_digits(void **state)
{
    struct humane h;
    assert_string_equal(humane_bytes(&h, 0), "0 B");
    assert_string_equal(humane_bytes(&h, 1023), "1023 B");
    assert_string_equal(humane_bytes(&h, 1536), "1.50 KiB");
    assert_string_equal(humane_bytes(&h, 1048575), "1.00 MiB");
    assert_string_equal(humane_count(&h, 9999), "9999");
    assert_string_equal(humane_count(&h, 44600000), "44.6 M");
    assert_string_equal(humane_ns(&h, 27.55, false), "27.6 ns");
    assert_string_equal(humane_ns(&h, 312000, false), "312 us");
    assert_string_equal(humane_ns(&h, 312000, true), "312 \xc2\xb5s");
    assert_string_equal(humane_ns(&h, 999999, false), "1.00 ms");
    assert_string_equal(humane_ns(&h, 72e9, false), "72.0 s");
    assert_string_equal(humane_whole(&h, 0), "0");
    assert_string_equal(humane_whole(&h, 1234567), "1,234,567");
    assert_string_equal(humane_plain(&h, 0.01234), "0.0123");
    assert_string_equal(humane_plain(&h, 1234), "1234");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_says_what_was_measured),
        cmocka_unit_test(text_fits_in_80_columns_of_ascii),
        cmocka_unit_test(text_owns_up_to_what_is_missing),
        cmocka_unit_test(json_goes_by_gos_names),
        cmocka_unit_test(json_holds_settings_metrics_and_checksum),
        cmocka_unit_test(json_histograms_count_every_value),
        cmocka_unit_test(json_histogram_lists_the_gaps),
        cmocka_unit_test(humane_numbers_have_three_digits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
