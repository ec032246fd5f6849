/* report_json.c - see report_json.h.
 *
 * What Go's runtime/metrics covers goes by Go's name, with Go's meaning and unit, under
 * "metrics". Two tables hold the plain ones; histograms have functions. Numbers that JSON
 * cannot hold (NaN, infinities) become null. */
#include "profiles/report_json.h"

#include "alloc/base/config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { JSON_DIGITS = 12 };

static json_t *
json_u64(uint64_t n)
{
    return n <= INT64_MAX ? json_integer((json_int_t)n) : json_real((double)n);
}

static json_t *
json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Kept short so that the tables of names below stay readable. */
static void
put(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

/* --- runtime/metrics --- */

static const struct {
    const char *name;
    size_t offset;
} json_fields[] = {
#define FIELD(name, field)                        \
    {                                             \
        name, offsetof(struct gh_memstats, field) \
    }
    FIELD("/gc/heap/allocs:bytes", total_alloc),
    FIELD("/gc/heap/goal:bytes", next_gc),
    FIELD("/gc/heap/live:bytes", heap_marked),
    FIELD("/gc/heap/objects:objects", heap_objects),
    FIELD("/gc/heap/tiny/allocs:objects", tiny_allocs),
    FIELD("/gc/scan/globals:bytes", globals_scan),
    FIELD("/gc/scan/heap:bytes", heap_scan),
    FIELD("/gc/scan/stack:bytes", stack_scan),
    FIELD("/memory/classes/heap/objects:bytes", heap_alloc),
    FIELD("/memory/classes/heap/released:bytes", heap_released),
    FIELD("/memory/classes/heap/stacks:bytes", stack_inuse),
    FIELD("/memory/classes/metadata/mcache/inuse:bytes", mcache_inuse),
    FIELD("/memory/classes/metadata/mspan/inuse:bytes", mspan_inuse),
    FIELD("/memory/classes/metadata/other:bytes", gc_sys),
    FIELD("/memory/classes/other:bytes", other_sys),
    FIELD("/memory/classes/profiling/buckets:bytes", buck_hash_sys),
    FIELD("/memory/classes/total:bytes", sys),
#undef FIELD
};

static void
json_plain_metrics(json_t *o, const struct facts *f)
{
    const struct gh_memstats *s = &f->stats;
    for (size_t i = 0; i < sizeof json_fields / sizeof json_fields[0]; i++) {
        uint64_t n;
        memcpy(&n, (const char *)s + json_fields[i].offset, sizeof n);
        put(o, json_fields[i].name, json_u64(n));
    }
    put(o, "/gc/cleanups/executed:cleanups", json_u64(f->finalizers.cleanups_run));
    put(o, "/gc/cleanups/queued:cleanups", json_u64(f->finalizers.cleanups_queued));
    put(o, "/gc/cycles/automatic:gc-cycles", json_u64(s->num_gc - s->num_forced_gc));
    put(o, "/gc/cycles/forced:gc-cycles", json_u64(s->num_forced_gc));
    put(o, "/gc/cycles/total:gc-cycles", json_u64(s->num_gc));
    put(o, "/gc/finalizers/executed:finalizers", json_u64(f->finalizers.finalizers_run));
    put(o, "/gc/finalizers/queued:finalizers", json_u64(f->finalizers.finalizers_queued));
    put(o, "/gc/gogc:percent", json_integer(f->gogc));
    put(o, "/gc/gomemlimit:bytes", json_u64(f->memory_limit));
    put(o, "/gc/heap/allocs:objects", json_u64(s->mallocs - s->tiny_allocs));
    put(o, "/gc/heap/frees:bytes", json_u64(s->total_alloc - s->heap_alloc));
    put(o, "/gc/heap/frees:objects", json_u64(s->frees - s->tiny_allocs));
    put(o, "/gc/limiter/last-enabled:gc-cycle", json_u64(f->pauses->limited_last));
    put(o, "/gc/scan/total:bytes", json_u64(s->globals_scan + s->heap_scan + s->stack_scan));
    put(o, "/gc/stack/starting-size:bytes", json_u64(GH_STACK_MIN));
    put(o, "/memory/classes/heap/free:bytes", json_u64(s->heap_idle - s->heap_released));
    put(o, "/memory/classes/heap/unused:bytes", json_u64(s->heap_inuse - s->heap_alloc));
    put(o, "/memory/classes/metadata/mcache/free:bytes",
        json_u64(s->mcache_sys - s->mcache_inuse));
    put(o, "/memory/classes/metadata/mspan/free:bytes",
        json_u64(s->mspan_sys - s->mspan_inuse));
    put(o, "/memory/classes/os-stacks:bytes", json_u64(s->stack_sys - s->stack_inuse));
    put(o, "/sched/gomaxprocs:threads", json_integer(f->procs));
}

static void
json_cpu_metrics(json_t *o, const struct gh_memstats *s)
{
    double assist = (double)s->gc_cpu_mark_assist_ns / 1e9;
    double dedicated = (double)s->gc_cpu_mark_dedicated_ns / 1e9;
    double idle = (double)s->gc_cpu_mark_idle_ns / 1e9;
    double pause = (double)s->gc_cpu_pause_ns / 1e9;
    put(o, "/cpu/classes/gc/mark/assist:cpu-seconds", json_number(assist));
    put(o, "/cpu/classes/gc/mark/dedicated:cpu-seconds", json_number(dedicated));
    put(o, "/cpu/classes/gc/mark/idle:cpu-seconds", json_number(idle));
    put(o, "/cpu/classes/gc/pause:cpu-seconds", json_number(pause));
    put(o, "/cpu/classes/gc/total:cpu-seconds", json_number(assist + dedicated + idle + pause));
    put(o, "/cpu/classes/scavenge/background:cpu-seconds",
        json_number((double)s->scavenge_background_ns / 1e9));
}

/* As Go's Float64Histogram: counts[i] is what fell into [buckets[i], buckets[i + 1]). Only
 * buckets that something fell into, and the gaps between them, are listed. */
static json_t *
json_seconds(const struct hist *h)
{
    json_t *buckets = json_array(), *counts = json_array();
    uint64_t end = 0; /* where the last listed bucket ended */
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        if (h->counts[i] == 0)
            continue;
        uint64_t low = hist_low(i);
        if (json_array_size(buckets) == 0) {
            json_array_append_new(buckets, json_number((double)low / 1e9));
        } else if (low != end) {
            json_array_append_new(counts, json_integer(0));
            json_array_append_new(buckets, json_number((double)low / 1e9));
        }
        end = hist_high(i) + 1;
        json_array_append_new(counts, json_u64(h->counts[i]));
        json_array_append_new(buckets, json_number((double)end / 1e9));
    }
    return json_pack("{s:o, s:o}", "buckets", buckets, "counts", counts);
}

/* Bucket edges are sizes plus one, as in Go: an object of 16 bytes is in [9, 17). The last
 * bucket is that of large objects and has no upper edge. */
static json_t *
json_by_size(const struct gh_memstats *s, bool frees)
{
    json_t *buckets = json_array(), *counts = json_array();
    json_array_append_new(buckets, json_integer(1));
    uint64_t small = 0;
    for (int i = 1; i < GH_CLASSES; i++) {
        uint64_t n = frees ? s->by_size[i].frees : s->by_size[i].mallocs;
        small += n;
        json_array_append_new(counts, json_u64(n));
        json_array_append_new(buckets, json_u64((uint64_t)s->by_size[i].size + 1));
    }
    uint64_t all = (frees ? s->frees : s->mallocs) - s->tiny_allocs;
    json_array_append_new(counts, json_u64(all >= small ? all - small : 0));
    json_array_append_new(buckets, json_string("+Inf"));
    return json_pack("{s:o, s:o}", "buckets", buckets, "counts", counts);
}

static json_t *
json_metrics(const struct facts *f)
{
    json_t *o = json_object();
    json_plain_metrics(o, f);
    json_cpu_metrics(o, &f->stats);
    put(o, "/gc/heap/allocs-by-size:bytes", json_by_size(&f->stats, false));
    put(o, "/gc/heap/frees-by-size:bytes", json_by_size(&f->stats, true));
    put(o, "/sched/pauses/total/gc:seconds", json_seconds(&f->pauses->stops));
    put(o, "/sched/pauses/stopping/gc:seconds", json_seconds(&f->pauses->stopping));
    return o;
}

/* --- the rest --- */

static json_t *
json_text(const char *text)
{
    json_t *s = json_string(text);
    return s != NULL ? s : json_string("(not UTF-8)");
}

static json_t *
json_environment(const struct environment *e)
{
    json_t *o = json_object();
    put(o, "os", json_text(e->os));
    put(o, "arch", json_text(e->arch));
    put(o, "kernel", json_text(e->kernel));
    put(o, "host", json_text(e->host));
    put(o, "cpu", json_text(e->cpu));
    put(o, "cpus_online", json_integer(e->cpus_online));
    put(o, "cpus_usable", json_integer(e->cpus_usable));
    put(o, "transparent_huge_pages", json_text(e->thp));
    put(o, "load1", e->load1 < 0 ? json_null() : json_number(e->load1));
    return o;
}

static json_t *
json_settings(const struct facts_setting *s, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_object();
        put(row, "value", json_text(s[i].value));
        put(row, "source", json_text(s[i].source));
        put(o, s[i].name, row);
    }
    return o;
}

/* A number of the workload's: a whole one in all its digits, of which a real has JSON_DIGITS.
 */
static json_t *
json_figure(double x)
{
    bool whole = fabs(x) >= 1e12 && fabs(x) < 0x1p53 && x == floor(x);
    return whole ? json_integer((json_int_t)x) : json_number(x);
}

static json_t *
json_workload(const struct facts *f)
{
    json_t *o = json_object();
    put(o, "name", json_text(f->workload));
    put(o, "threads", json_integer(f->threads));
    put(o, "options", json_settings(f->options, f->n_options));
    json_t *metrics = json_object();
    for (size_t i = 0; i < f->n_metrics; i++) {
        json_t *row = json_object();
        put(row, "value", json_figure(f->metrics[i].value));
        put(row, "unit", json_text(f->metrics[i].unit));
        put(metrics, f->metrics[i].name, row);
    }
    put(o, "metrics", metrics);
    char text[24];
    snprintf(text, sizeof text, "0x%016" PRIx64, f->checksum);
    put(o, "checksum", f->has_checksum ? json_string(text) : json_null());
    put(o, "verified", json_boolean(f->verified));
    return o;
}

static json_t *
json_time(const struct facts *f)
{
    json_t *o = json_object();
    put(o, "wall_seconds", json_number(f->wall_s));
    put(o, "cpu_seconds", json_number(f->cpu_s));
    put(o, "total_wall_seconds", json_number(f->total_wall_s));
    put(o, "minor_page_faults", json_u64(f->timed_minor_faults));
    put(o, "major_page_faults", json_u64(f->timed_major_faults));
    put(o, "process_user_seconds", json_number(f->usage.user_s));
    put(o, "process_system_seconds", json_number(f->usage.system_s));
    return o;
}

static json_t *
json_allocation(const struct facts *f)
{
    bool rate = f->rate_wall_s > 0, each = rate && f->allocs > 0;
    json_t *o = json_object();
    put(o, "objects", json_u64(f->allocs));
    put(o, "bytes", json_u64(f->alloc_bytes));
    put(o, "seconds", json_number(f->rate_wall_s));
    put(o, "objects_per_second",
        rate ? json_number((double)f->allocs / f->rate_wall_s) : json_null());
    put(o, "bytes_per_second",
        rate ? json_number((double)f->alloc_bytes / f->rate_wall_s) : json_null());
    put(o, "ns_per_object",
        each ? json_number(f->rate_wall_s * 1e9 / (double)f->allocs) : json_null());
    return o;
}

/* Quantiles and the maximum, in ns: PREFIX_p50_ns and so on. */
static void
json_quantiles(json_t *o, const char *prefix, const struct hist *h)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", 0.50}, {"p90", 0.90}, {"p99", 0.99}};
    char key[40];
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        snprintf(key, sizeof key, "%s_%s_ns", prefix, quantiles[i].name);
        put(o, key, json_u64(hist_quantile(h, quantiles[i].q)));
    }
    snprintf(key, sizeof key, "%s_max_ns", prefix);
    put(o, key, json_u64(h->max));
}

static json_t *
json_share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? json_null() : json_number((double)part / (double)whole);
}

static void
json_gc_cpu(json_t *o, const struct gh_memstats *s)
{
    struct facts_gc_cpu cpu = facts_gc_cpu(s);
    put(o, "cpu_share_assist", json_share(cpu.assist, cpu.total));
    put(o, "cpu_share_background", json_share(cpu.background, cpu.total));
    put(o, "cpu_share_idle", json_share(cpu.idle, cpu.total));
    put(o, "cpu_share_pause", json_share(cpu.pauses, cpu.total));
}

static json_t *
json_gc(const struct facts *f)
{
    const struct gh_memstats *s = &f->stats;
    const struct pauses *p = f->pauses;
    json_t *o = json_object();
    put(o, "collector", json_text(f->collector));
    put(o, "marker", json_text(f->marker));
    put(o, "memory_limit_bytes",
        f->memory_limit == GH_MEMORY_LIMIT_OFF ? json_null() : json_u64(f->memory_limit));
    put(o, "cycles", json_u64(s->num_gc));
    put(o, "forced_cycles", json_u64(s->num_forced_gc));
    put(o, "limited_cycles", json_u64(p->limited));
    put(o, "restarts", json_u64(p->restarts));
    put(o, "assist_parks", json_u64(p->assist_parks));
    put(o, "cpu_fraction", json_number(s->gc_cpu_fraction));
    json_gc_cpu(o, s);
    json_quantiles(o, "pause", &p->total);
    put(o, "pause_total_ns", json_u64(s->pause_total_ns));
    put(o, "stops", json_u64(p->stops.count));
    json_quantiles(o, "stop", &p->stops);
    json_quantiles(o, "time_to_stop", &p->stopping);
    put(o, "heap_peak_bytes", json_u64(s->heap_peak));
    put(o, "scavenged_background_bytes", json_u64(p->scavenged_background_bytes));
    put(o, "scavenged_eager_bytes", json_u64(p->scavenged_eager_bytes));
    put(o, "trimmed_bytes", json_u64(s->trimmed));
    put(o, "stack_copies", json_u64(s->stack_copies));
    put(o, "stack_shrinks", json_u64(s->stack_shrinks));
    return o;
}

static json_t *
json_lock(const struct lockstats *s, const struct lockstats_row *row)
{
    const struct lock_counts *c = &row->counts;
    json_t *o = json_object();
    put(o, "rank", json_text(row->rank));
    put(o, "taken", json_u64(c->taken));
    put(o, "contended", json_u64(c->contended));
    put(o, "slept", json_u64(c->slept));
    put(o, "wait_ns", json_integer(c->wait_ns));
    put(o, "longest_wait_ns", json_integer(c->longest_ns));
    put(o, "taken_per_million_objects",
        s->objects == 0 ? json_null() : json_number(lockstats_per_million(s, c->taken)));
    put(o, "taken_per_mib",
        s->bytes == 0 ? json_null() : json_number(lockstats_per_mib(s, c->taken)));
    return o;
}

static json_t *
json_locks(const struct lockstats *s)
{
    json_t *o = json_object(), *ranks = json_array(), *loops = json_array();
    for (size_t i = 0; i < s->n_rows; i++)
        json_array_append_new(ranks, json_lock(s, &s->rows[i]));
    for (int i = 0; i < RETRY_LOOPS; i++) {
        json_t *loop = json_object();
        put(loop, "loop", json_text(retry_loop_name((enum retry_loop)i)));
        put(loop, "failed_tries", json_u64(s->retries[i]));
        json_array_append_new(loops, loop);
    }
    put(o, "run_objects", json_u64(s->objects));
    put(o, "run_bytes", json_u64(s->bytes));
    put(o, "ranks", ranks);
    put(o, "loops", loops);
    return o;
}

static json_t *
json_process(const struct facts *f)
{
    const struct process_usage *u = &f->usage;
    json_t *o = json_object();
    put(o, "peak-RSS-bytes",
        u->rss_peak_bytes == 0 ? json_null() : json_u64(u->rss_peak_bytes));
    put(o, "end-RSS-bytes", f->rss_end_bytes == 0 ? json_null() : json_u64(f->rss_end_bytes));
    put(o, "minor_page_faults", json_u64(u->minor_faults));
    put(o, "major_page_faults", json_u64(u->major_faults));
    put(o, "runq_wait_seconds", f->runq_wait_s < 0 ? json_null() : json_number(f->runq_wait_s));
    return o;
}

static json_t *
json_started(int64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm tm;
    char text[40];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static json_t *
json_report(const struct facts *f)
{
    json_t *o = json_object(), *goheap = json_object();
    put(goheap, "version", json_text(f->environment->version));
    put(goheap, "build", json_text(f->environment->build));
    put(goheap, "compiler", json_text(f->environment->compiler));
    put(o, "schema", json_integer(REPORT_JSON_SCHEMA));
    put(o, "goheap", goheap);
    put(o, "started", json_started(f->started_unix_ns));
    put(o, "interrupted", json_boolean(f->interrupted));
    put(o, "workload", json_workload(f));
    put(o, "settings", json_settings(f->settings, f->n_settings));
    put(o, "time", json_time(f));
    put(o, "allocation", json_allocation(f));
    put(o, "gc", json_gc(f));
    put(o, "locks", json_locks(&f->locks));
    put(o, "process", json_process(f));
    put(o, "metrics", json_metrics(f));
    put(o, "environment", json_environment(f->environment));
    return o;
}

bool
report_json_write(const struct facts *f, FILE *out)
{
    json_t *o = json_report(f);
    errno = ENOMEM; /* jansson reports no cause; a failing write sets its own */
    bool ok = json_dumpf(o, out, JSON_INDENT(2) | JSON_REAL_PRECISION(JSON_DIGITS)) == 0 &&
              fputc('\n', out) != EOF;
    json_decref(o);
    return ok;
}
