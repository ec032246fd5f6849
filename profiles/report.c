/* report.c - see report.h. One function a line or block of the report; each reads facts and
 * prints, none decides anything about the run. */
#include "profiles/report.h"

#include "profiles/humane.h"

#include <inttypes.h>
#include <string.h>

enum { LABEL = 13, COLUMN = 20, WIDTH = 80 };

static const char *
report_style(const struct facts *f, const char *code)
{
    return f->text_color ? code : "";
}

static void
report_label(const struct facts *f, FILE *out, const char *label)
{
    fprintf(out, "  %s%-*s%s", report_style(f, "\033[2m"), LABEL, label,
            report_style(f, "\033[0m"));
}

/* One figure with its caption, padded to the column. Padding counts characters, not bytes. */
static void
report_cell(FILE *out, const char *figure, const char *caption)
{
    int chars = (int)strlen(caption) + 1;
    for (const char *p = figure; *p != '\0'; p++)
        chars += ((unsigned char)*p & 0xc0) != 0x80;
    fprintf(out, "%s %s%*s", figure, caption, chars < COLUMN ? COLUMN - chars : 2, "");
}

static void
report_line(const struct facts *f, FILE *out, const char *label, const char *figures[][2],
            int n)
{
    report_label(f, out, label);
    for (int i = 0; i < n - 1; i++)
        report_cell(out, figures[i][0], figures[i][1]);
    fprintf(out, "%s %s\n", figures[n - 1][0], figures[n - 1][1]);
}

/* The knobs that matter, on a second line if one is too short. */
static void
report_knobs(const struct facts *f, FILE *out)
{
    char gogc[16] = "off", limit[64] = "", left[160], right[160];
    struct humane h;
    bool plain = strcmp(f->marker, gh_markers()[0]) == 0;
    if (f->gogc >= 0)
        snprintf(gogc, sizeof gogc, "%d", f->gogc);
    if (f->memory_limit != GH_MEMORY_LIMIT_OFF)
        snprintf(limit, sizeof limit, ", memory limit %s",
                 humane_bytes(&h, (double)f->memory_limit));
    snprintf(left, sizeof left, "GOGC %s%s, %d procs, %d mutator thread%s,", gogc, limit,
             f->procs, f->threads, f->threads == 1 ? "" : "s");
    snprintf(right, sizeof right, "collector %s%s%s%s", f->collector, plain ? "" : ", marker ",
             plain ? "" : f->marker, f->interrupted ? ", INTERRUPTED" : "");
    bool two = strlen(left) + 1 + strlen(right) > WIDTH;
    fprintf(out, "%s%c%s\n\n", left, two ? '\n' : ' ', right);
}

static void
report_heading(const struct facts *f, FILE *out)
{
    fprintf(out, "%s%s%s", report_style(f, "\033[1m"), f->workload, report_style(f, "\033[0m"));
    int column = (int)strlen(f->workload);
    for (size_t i = 0; i < f->n_options; i++) {
        const char *name = f->options[i].name, *value = f->options[i].value;
        int chars = (int)(strlen(name) + strlen(value)) + 4;
        if (column + chars > WIDTH) {
            fprintf(out, "\n   ");
            column = 3;
        }
        fprintf(out, " --%s %s", name, value);
        column += chars;
    }
    fputc('\n', out);
    report_knobs(f, out);
}

static void
report_time(const struct facts *f, FILE *out)
{
    struct humane wall, cpu, total;
    const char *line[][2] = {
        {humane_ns(&wall, f->wall_s * 1e9, f->text_utf8), "wall"},
        {humane_ns(&cpu, f->cpu_s * 1e9, f->text_utf8), "CPU"},
        {humane_ns(&total, f->total_wall_s * 1e9, f->text_utf8), "in all"},
    };
    report_line(f, out, "time", line, 3);
}

static void
report_allocation(const struct facts *f, FILE *out)
{
    struct humane a, b, c;
    double objects = (double)f->allocs;
    const char *allocated[][2] = {
        {humane_count(&a, objects), "objects"},
        {humane_bytes(&b, (double)f->alloc_bytes), "in all"},
        {humane_bytes(&c, f->allocs == 0 ? 0 : (double)f->alloc_bytes / objects), "each"},
    };
    report_line(f, out, "allocated", allocated, 3);
    if (f->rate_wall_s <= 0 || f->allocs == 0)
        return;
    const char *rate[][2] = {
        {humane_count(&a, objects / f->rate_wall_s), "a second"},
        {humane_bytes(&b, (double)f->alloc_bytes / f->rate_wall_s), "a second"},
        {humane_ns(&c, f->rate_wall_s * 1e9 / objects, f->text_utf8), "each"},
    };
    report_line(f, out, "rate", rate, 3);
}

/* Who gave the CPU time that collecting has taken. */
static void
report_gc_cpu(const struct facts *f, FILE *out)
{
    struct facts_gc_cpu cpu = facts_gc_cpu(&f->stats);
    struct humane a, b, c, d;
    if (cpu.total == 0)
        return;
    double whole = (double)cpu.total / 100;
    report_label(f, out, "GC CPU");
    fprintf(out, "assists %s %%   background %s %%   idle %s %%   pauses %s %%\n",
            humane_plain(&a, (double)cpu.assist / whole),
            humane_plain(&b, (double)cpu.background / whole),
            humane_plain(&c, (double)cpu.idle / whole),
            humane_plain(&d, (double)cpu.pauses / whole));
}

static void
report_pauses(const struct facts *f, FILE *out)
{
    const struct hist *h = &f->pauses->stops;
    struct humane a, b, c, d;
    bool utf8 = f->text_utf8;
    if (h->count == 0)
        return;
    report_label(f, out, "pauses");
    fprintf(out, "p50 %s   p90 %s   p99 %s   max %s\n",
            humane_ns(&a, (double)hist_quantile(h, 0.50), utf8),
            humane_ns(&b, (double)hist_quantile(h, 0.90), utf8),
            humane_ns(&c, (double)hist_quantile(h, 0.99), utf8),
            humane_ns(&d, (double)h->max, utf8));
    const char *stops[][2] = {
        {humane_whole(&a, h->count), h->count == 1 ? "stop" : "stops"},
        {humane_ns(&b, (double)f->stats.pause_total_ns, utf8), "in all"},
        {humane_ns(&c, (double)hist_quantile(&f->pauses->stopping, 0.99), utf8),
         "to stop (p99)"},
    };
    report_line(f, out, "", stops, 3);
}

/* What kept the collector from its plan; nothing is said if nothing did. */
static void
report_pressure(const struct facts *f, FILE *out)
{
    const struct pauses *p = f->pauses;
    struct humane a, b;
    if (p->assist_parks != 0 || p->restarts != 0) {
        const char *waits[][2] = {
            {humane_whole(&a, p->assist_parks), p->assist_parks == 1 ? "wait" : "waits"},
            {humane_whole(&b, p->restarts), "restarts of mark termination"},
        };
        report_line(f, out, "assists", waits, p->restarts != 0 ? 2 : 1);
    }
    if (p->limited != 0) {
        report_label(f, out, "limiter");
        fprintf(out, "the GC CPU limiter acted in %s of %s cycle%s\n",
                humane_whole(&a, p->limited), humane_whole(&b, f->stats.num_gc),
                f->stats.num_gc == 1 ? "" : "s");
    }
}

/* What dying objects have set off; nothing is said if none did. */
static void
report_finalizers(const struct facts *f, FILE *out)
{
    const struct gh_finalizer_stats *s = &f->finalizers;
    struct humane a, b, c, d;
    if (s->finalizers_queued == 0 && s->cleanups_queued == 0)
        return;
    report_label(f, out, "finalizers");
    fprintf(out, "%s queued   %s executed   cleanups: %s queued   %s executed\n",
            humane_whole(&a, s->finalizers_queued), humane_whole(&b, s->finalizers_run),
            humane_whole(&c, s->cleanups_queued), humane_whole(&d, s->cleanups_run));
}

static void
report_collections(const struct facts *f, FILE *out)
{
    const struct gh_memstats *s = &f->stats;
    struct humane a, b, c;
    const char *cycles[][2] = {
        {humane_whole(&a, s->num_gc), s->num_gc == 1 ? "cycle" : "cycles"},
        {humane_whole(&b, s->num_forced_gc), "forced"},
        {humane_plain(&c, s->gc_cpu_fraction * 100), "% of all CPU"},
    };
    report_line(f, out, "collections", cycles, 3);
    report_gc_cpu(f, out);
    report_pauses(f, out);
    report_pressure(f, out);
    report_finalizers(f, out);
}

static void
report_memory(const struct facts *f, FILE *out)
{
    const struct gh_memstats *s = &f->stats;
    const struct pauses *p = f->pauses;
    struct humane a, b, c;
    const char *heap[][2] = {
        {humane_bytes(&a, (double)s->heap_peak), "peak"},
        {humane_bytes(&b, (double)s->heap_marked), "live at last GC"},
        {humane_bytes(&c, (double)s->next_gc), "goal"},
    };
    bool has_goal = f->gogc >= 0 || f->memory_limit != GH_MEMORY_LIMIT_OFF;
    report_line(f, out, "heap", heap, has_goal ? 3 : 2);
    const char *process[][2] = {
        {humane_bytes(&a, (double)f->usage.rss_peak_bytes), "RSS peak"},
        {humane_bytes(&b, (double)(s->sys - s->heap_released)), "held from the OS"},
        {humane_bytes(&c, (double)(p->scavenged_background_bytes + p->scavenged_eager_bytes)),
         "scavenged"},
    };
    report_line(f, out, "process", process, 3);
    const char *faults[][2] = {
        {humane_whole(&a, f->timed_minor_faults), "minor"},
        {humane_whole(&b, f->timed_major_faults), "major"},
    };
    report_line(f, out, "page faults", faults, 2);
}

static void
report_workload(const struct facts *f, FILE *out)
{
    size_t width = LABEL - 1;
    for (size_t i = 0; i < f->n_metrics; i++)
        if (strlen(f->metrics[i].name) > width)
            width = strlen(f->metrics[i].name);
    if (f->n_metrics > 0)
        fputc('\n', out);
    for (size_t i = 0; i < f->n_metrics; i++) {
        struct humane a;
        const char *unit = f->metrics[i].unit;
        fprintf(out, "  %-*s %s%s%s\n", (int)width, f->metrics[i].name,
                humane_plain(&a, f->metrics[i].value), unit[0] != '\0' ? " " : "", unit);
    }
    if (f->has_checksum) {
        report_label(f, out, "checksum");
        fprintf(out, "%" PRIu64 " (0x%" PRIx64 ")%s\n", f->checksum, f->checksum,
                f->verified ? " ok" : " not verified");
    } else if (f->interrupted) {
        report_label(f, out, "checksum");
        fprintf(out, "not computed: interrupted\n");
    }
}

/* Of the whole run, not only of the timed section. */
static void
report_locks(const struct facts *f, FILE *out)
{
    const struct lockstats *s = &f->locks;
    fprintf(out, "\n  %-11s %9s %9s %6s %9s %9s %9s %8s\n", "lock", "taken", "contended",
            "slept", "waited", "longest", "/M obj", "/MiB");
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct lock_counts *c = &s->rows[i].counts;
        struct humane h[7];
        fprintf(
            out, "  %-11s %9s %9s %6s %9s %9s %9s %8s\n", s->rows[i].rank,
            humane_count(&h[0], (double)c->taken), humane_count(&h[1], (double)c->contended),
            humane_count(&h[2], (double)c->slept), humane_ns(&h[3], (double)c->wait_ns, false),
            humane_ns(&h[4], (double)c->longest_ns, false),
            humane_plain(&h[5], lockstats_per_million(s, c->taken)),
            humane_plain(&h[6], lockstats_per_mib(s, c->taken)));
    }
    fprintf(out, "\n  %-13s %12s\n", "without locks", "failed tries");
    for (int i = 0; i < RETRY_LOOPS; i++) {
        struct humane h;
        fprintf(out, "  %-13s %12s\n", retry_loop_name((enum retry_loop)i),
                humane_whole(&h, s->retries[i]));
    }
}

static void
report_settings(const struct facts *f, FILE *out)
{
    fprintf(out, "\n  %-15s %-20s %s\n", "setting", "value", "from");
    for (size_t i = 0; i < f->n_settings; i++)
        fprintf(out, "  %-15s %-20s %s\n", f->settings[i].name, f->settings[i].value,
                f->settings[i].source);
    for (size_t i = 0; i < f->n_options; i++)
        fprintf(out, "  %-15s %-20s %s\n", f->options[i].name, f->options[i].value,
                f->options[i].source);
}

void
report_write(const struct facts *f, FILE *out)
{
    report_heading(f, out);
    report_time(f, out);
    report_allocation(f, out);
    report_collections(f, out);
    report_memory(f, out);
    report_workload(f, out);
    if (f->show_locks)
        report_locks(f, out);
    if (f->show_settings)
        report_settings(f, out);
}
