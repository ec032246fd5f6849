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
static const struct facts_metric metrics[] = {
    {"ns_per_node", 27.5, "ns"}, {"at", 1234567890123457, "ns"}, {"ratio", INFINITY, ""}};

static struct facts
made_up(void)
{
    struct facts f = {
        .workload = "binary-trees",
        .threads = 2,
        .gogc = 50,
        .procs = 2,
        .memory_limit = GH_MEMORY_LIMIT_OFF,
        .collector = "stw",
        .marker = "spans",
        .settings = settings,
        .n_settings = 1,
        .options = options,
        .n_options = 1,
        .metrics = metrics,
        .n_metrics = 3,
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
        .runq_wait_s = 0.25,
        .rss_end_bytes = 5 << 20,
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

/* A cycle of a concurrent collector: two stops of 1 and 2 us around 5 ms of marking. */
static void
observe_two_stops(struct gh_observer *o, uint32_t number)
{
    struct gh_cycle c = {
        .number = number,
        .sweep_term_ns = 1000,
        .mark_ns = 5000000,
        .mark_term_ns = 2000,
        .pause_ns = 3000,
        .stop_wait_ns = 500,
        .stop_waits_ns = {200, 300},
        .restarts = 1,
        .limiter_on = number == 2,
        .assist_parks = 50,
    };
    o->cycle(o->ctx, &c);
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
    json_int_t at; /* in all its digits */
    assert_int_equal(
        json_unpack(o, "{s:{s:{s:{s:I}}}}", "workload", "metrics", "at", "value", &at), 0);
    assert_true(at == 1234567890123457);
    assert_true(json_is_null(infinite));
    json_decref(o);
}

static void
json_process_has_the_kernels_figures_or_null(void **state)
{
    struct facts f = made_up();
    json_t *o = json_of(&f), *process = json_object_get(o, "process");
    assert_int_equal(integer_at(o, "process", "end-RSS-bytes"), 5 << 20);
    assert_true(json_real_value(json_object_get(process, "runq_wait_seconds")) == 0.25);
    json_decref(o);
    f.runq_wait_s = -1;
    f.rss_end_bytes = 0;
    o = json_of(&f);
    process = json_object_get(o, "process");
    assert_true(json_is_null(json_object_get(process, "end-RSS-bytes")));
    assert_true(json_is_null(json_object_get(process, "runq_wait_seconds")));
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
stops_count_each_for_itself(void **state)
{
    static struct pauses p;
    pauses_init(&p);
    struct gh_observer o = pauses_observer(&p);
    observe_two_stops(&o, 1);
    observe_two_stops(&o, 2);
    observe_two_stops(&o, 3);
    assert_int_equal(p.total.count, 3);
    assert_int_equal(p.total.max, 3000);
    assert_int_equal(p.stops.count, 6);
    assert_int_equal(p.stops.max, 2000);
    assert_int_equal(p.stops.sum, 9000);
    assert_int_equal(p.stopping.count, 6);
    assert_int_equal(p.stopping.max, 300);
    assert_int_equal(p.stopping.sum, 1500);
    assert_int_equal(p.restarts, 3);
    assert_int_equal(p.assist_parks, 150);
    assert_int_equal(p.limited, 1);
    assert_int_equal(p.limited_last, 2);
    /* marking in the stopped world: one stop, however it divides */
    struct gh_cycle c = {.number = 4,
                         .sweep_term_ns = 1000,
                         .mark_ns = 7000,
                         .mark_term_ns = 2000,
                         .pause_ns = 10000,
                         .stop_wait_ns = 400};
    o.cycle(o.ctx, &c);
    assert_int_equal(p.stops.count, 7);
    assert_int_equal(p.stops.max, 10000);
    assert_int_equal(p.stopping.max, 400);
    pauses_finish(&p);
}

static void
scavenging_adds_up(void **state)
{
    static struct pauses p;
    pauses_init(&p);
    struct gh_observer o = pauses_observer(&p);
    o.scavenge(o.ctx, &(struct gh_scavenging){.background_bytes = 10, .eager_bytes = 1});
    o.scavenge(o.ctx, &(struct gh_scavenging){.background_bytes = 20, .eager_bytes = 2});
    assert_int_equal(p.scavenged_background_bytes, 30);
    assert_int_equal(p.scavenged_eager_bytes, 3);
    pauses_finish(&p);
}

/* A run with a concurrent collector below a limit, of which both reports have more to say. */
static struct facts
made_up_concurrent(struct pauses *p)
{
    struct facts f = made_up();
    pauses_init(p);
    struct gh_observer o = pauses_observer(p);
    for (uint32_t i = 1; i <= 3; i++)
        observe_two_stops(&o, i);
    o.scavenge(o.ctx,
               &(struct gh_scavenging){.background_bytes = 3 << 20, .eager_bytes = 1 << 20});
    f.pauses = p;
    f.memory_limit = UINT64_C(64) << 20;
    f.collector = "go";
    f.marker = "objects";
    f.stats.pause_total_ns = 9000;
    f.stats.gc_cpu_mark_assist_ns = 100;
    f.stats.gc_cpu_mark_dedicated_ns = 600;
    f.stats.gc_cpu_mark_idle_ns = 250;
    f.stats.gc_cpu_pause_ns = 50;
    return f;
}

static void
text_says_how_concurrent_it_was(void **state)
{
    static struct pauses p;
    struct facts f = made_up_concurrent(&p);
    char *text = text_of(&f);
    assert_says(text, "GOGC 50, memory limit 64.0 MiB, 2 procs, 2 mutator threads,\n"
                      "collector go, marker objects\n");
    assert_says(text, "assists 10 %   background 60 %   idle 25 %   pauses 5 %\n");
    assert_says(text, "max 2.00 us");
    assert_says(text, "6 stops");
    assert_says(text, "9.00 us in all");
    assert_says(text, "300 ns to stop (p99)");
    assert_says(text, "150 waits");
    assert_says(text, "3 restarts of mark termination");
    assert_says(text, "the GC CPU limiter acted in 1 of 3 cycles\n");
    assert_says(text, "4.00 MiB scavenged");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
    free(text);
    pauses_finish(&p);
}

static void
text_is_silent_on_what_did_not_happen(void **state)
{
    struct facts f = made_up();
    char *text = text_of(&f);
    static const char *const absent[] = {"limit", "marker",   "GC CPU",
                                         "waits", "restarts", "finalizers"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(strstr(text, absent[i]));
    free(text);
}

static void
both_say_what_was_finalized(void **state)
{
    struct facts f = made_up();
    f.finalizers = (struct gh_finalizer_stats){.finalizers_queued = 31,
                                               .finalizers_run = 30,
                                               .cleanups_queued = 12,
                                               .cleanups_run = 11};
    char *text = text_of(&f);
    assert_says(text,
                "finalizers   31 queued   30 executed   cleanups: 12 queued   11 executed\n");
    free(text);
    f.finalizers.finalizers_queued = f.finalizers.finalizers_run = 0;
    text = text_of(&f);
    assert_says(text,
                "finalizers   0 queued   0 executed   cleanups: 12 queued   11 executed\n");
    free(text);
    json_t *o = json_of(&f);
    assert_int_equal(integer_at(o, "metrics", "/gc/finalizers/queued:finalizers"), 0);
    assert_int_equal(integer_at(o, "metrics", "/gc/cleanups/queued:cleanups"), 12);
    assert_int_equal(integer_at(o, "metrics", "/gc/cleanups/executed:cleanups"), 11);
    json_decref(o);
    f.finalizers.finalizers_run = 30;
    o = json_of(&f);
    assert_int_equal(integer_at(o, "metrics", "/gc/finalizers/executed:finalizers"), 30);
    json_decref(o);
}

/* Three kinds of lock: the one that cost most waiting comes first, those without by use. */
static void
both_say_who_waited_for_which_lock(void **state)
{
    struct facts f = made_up();
    f.locks = (struct lockstats){.n_rows = 3,
                                 .rows = {{"CYCLE", {.taken = 7}},
                                          {"GCBITS", {.taken = 500}},
                                          {"PAGES",
                                           {.taken = 300,
                                            .contended = 20,
                                            .slept = 4,
                                            .wait_ns = 5000,
                                            .longest_ns = 2500}}},
                                 .retries = {[RETRY_SPANSET_POP] = 1234},
                                 .objects = 2000000,
                                 .bytes = 64 << 20};
    lockstats_sort(&f.locks);
    char *text = text_of(&f);
    assert_null(strstr(text, "GCBITS"));
    free(text);
    f.show_locks = true;
    text = text_of(&f);
    assert_says(text,
                "  lock            taken contended  slept    waited   longest    /M obj     "
                "/MiB\n  PAGES             300        20      4   5.00 us   2.50 us       "
                "150     4.69\n  GCBITS            500         0 ");
    assert_says(text, "  SPANSET_POP          1,234\n");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
    free(text);

    json_t *o = json_of(&f), *locks = json_object_get(o, "locks");
    json_int_t contended, slept, wait, longest, failed;
    double per_million, per_mib;
    const char *rank, *last, *loop;
    assert_int_equal(json_unpack(locks, "{s:[{s:s, s:I, s:I, s:I, s:I, s:F, s:F}, {}, {s:s}]}",
                                 "ranks", "rank", &rank, "contended", &contended, "slept",
                                 &slept, "wait_ns", &wait, "longest_wait_ns", &longest,
                                 "taken_per_million_objects", &per_million, "taken_per_mib",
                                 &per_mib, "rank", &last),
                     0);
    assert_string_equal(rank, "PAGES");
    assert_string_equal(last, "CYCLE");
    assert_int_equal(contended, 20);
    assert_int_equal(slept, 4);
    assert_int_equal(wait, 5000);
    assert_int_equal(longest, 2500);
    assert_true(per_million == 150 && per_mib == 4.6875);
    assert_int_equal(
        json_unpack(locks, "{s:[{s:s, s:I}]}", "loops", "loop", &loop, "failed_tries", &failed),
        0);
    assert_string_equal(loop, "SPANSET_POP");
    assert_int_equal(failed, 1234);
    json_decref(o);
}

static void
json_says_how_concurrent_it_was(void **state)
{
    static struct pauses p;
    struct facts f = made_up_concurrent(&p);
    json_t *o = json_of(&f);
    static const struct {
        const char *key;
        json_int_t value;
    } cases[] = {
        {"memory_limit_bytes", 64 << 20},
        {"stops", 6},
        {"stop_p50_ns", 1003},
        {"stop_max_ns", 2000},
        {"pause_max_ns", 3000},
        {"pause_total_ns", 9000},
        {"time_to_stop_max_ns", 300},
        {"restarts", 3},
        {"assist_parks", 150},
        {"limited_cycles", 1},
        {"scavenged_eager_bytes", 1 << 20},
        {"scavenged_background_bytes", 3 << 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(integer_at(o, "gc", cases[i].key), cases[i].value);
    json_t *gc = json_object_get(o, "gc");
    assert_string_equal(json_string_value(json_object_get(gc, "marker")), "objects");
    assert_true(json_real_value(json_object_get(gc, "cpu_share_assist")) == 0.1);
    assert_true(json_real_value(json_object_get(gc, "cpu_share_background")) == 0.6);
    assert_true(json_real_value(json_object_get(gc, "cpu_share_idle")) == 0.25);
    assert_true(json_real_value(json_object_get(gc, "cpu_share_pause")) == 0.05);
    assert_int_equal(integer_at(o, "metrics", "/gc/gomemlimit:bytes"), 64 << 20);
    assert_int_equal(integer_at(o, "metrics", "/gc/limiter/last-enabled:gc-cycle"), 2);
    json_decref(o);
    pauses_finish(&p);
}

static void
json_has_null_for_no_limit_and_no_gc_cpu(void **state)
{
    struct facts f = made_up();
    json_t *o = json_of(&f), *gc = json_object_get(o, "gc");
    assert_true(json_is_null(json_object_get(gc, "memory_limit_bytes")));
    assert_true(json_is_null(json_object_get(gc, "cpu_share_assist")));
    assert_true(integer_at(o, "metrics", "/gc/gomemlimit:bytes") == INT64_MAX);
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
        cmocka_unit_test(json_process_has_the_kernels_figures_or_null),
        cmocka_unit_test(json_histograms_count_every_value),
        cmocka_unit_test(json_histogram_lists_the_gaps),
        cmocka_unit_test(stops_count_each_for_itself),
        cmocka_unit_test(scavenging_adds_up),
        cmocka_unit_test(text_says_how_concurrent_it_was),
        cmocka_unit_test(text_is_silent_on_what_did_not_happen),
        cmocka_unit_test(both_say_what_was_finalized),
        cmocka_unit_test(both_say_who_waited_for_which_lock),
        cmocka_unit_test(json_says_how_concurrent_it_was),
        cmocka_unit_test(json_has_null_for_no_limit_and_no_gc_cpu),
        cmocka_unit_test(humane_numbers_have_three_digits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
