/* cmd_run.c - `goheap run`: plan, outputs, heap, job, reports, in that order. Every room is
 * entered once; what each finds goes into one `struct facts`, which the reports read. */
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/progress.h"
#include "cmd/term.h"

#include "alloc/base/os.h"
#include "alloc/spaces/go/sizeclass.h"
#include "profiles/gctrace.h"
#include "profiles/pacertrace.h"
#include "profiles/report.h"
#include "profiles/report_json.h"
#include "profiles/scavtrace.h"
#include "workloads/runner.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One run. Large (histograms, MemStats), hence static where it is made. */
struct run {
    struct plan plan;
    struct environment environment;
    struct pauses pauses;
    struct gctrace gctrace;
    struct pacertrace pacertrace;
    struct scavtrace scavtrace;
    struct lock trace_order; /* of the three, which all write to standard error */
    struct job_result result;
    int64_t started_unix_ns;
    double total_wall_s;
    struct gh_finalizer_stats finalizers; /* at the end */
    const char *collector;                /* the one at work */
    int gogc; /* at the end: workloads may change it, and the limit */
    uint64_t memory_limit;

    struct facts facts;
    struct facts_setting settings[PLAN_SETTINGS_MAX];
    struct facts_setting options[OPTIONS_MAX];
    struct facts_metric metrics[JOB_METRICS_MAX];
};

/* --- the job --- */

/* The observers, in the order in which Go prints what they print of a cycle. */
static bool
run_observe(struct run *r, struct gh_heap *heap)
{
    const struct plan *p = &r->plan;
    r->pacertrace = (struct pacertrace){.fd = STDERR_FILENO, .order = &r->trace_order};
    r->scavtrace = (struct scavtrace){.fd = STDERR_FILENO, .order = &r->trace_order};
    r->gctrace = (struct gctrace){.fd = STDERR_FILENO,
                                  .order = &r->trace_order,
                                  .level = p->gctrace,
                                  .class_bytes = sizeclass_bytes};
    const struct {
        bool wanted;
        struct gh_observer observer;
    } rows[] = {
        {true, pauses_observer(&r->pauses)},
        {p->pacertrace, pacertrace_observer(&r->pacertrace)},
        {p->gctrace > 0, gctrace_observer(&r->gctrace)},
        {p->scavtrace, scavtrace_observer(&r->scavtrace)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].wanted && !gh_observe(heap, &rows[i].observer))
            return false;
    return true;
}

static struct gh_heap *
run_open_heap(struct run *r, struct gh_error *err)
{
    struct gh_heap *heap = gh_heap_open(&r->plan.config, err);
    if (heap == NULL)
        return NULL;
    if (!run_observe(r, heap)) {
        gh_error_set(err, GH_EXIT_FAILED, "the heap takes no more observers");
        gh_heap_close(heap);
        return NULL;
    }
    return heap;
}

static bool
run_job(struct run *r, struct gh_error *err)
{
    const struct plan *p = &r->plan;
    int64_t begin = os_now_ns();
    struct gh_heap *heap = run_open_heap(r, err);
    if (heap == NULL)
        return false;
    struct progress progress;
    bool traces = p->gctrace > 0 || p->pacertrace || p->scavtrace;
    bool live = !p->quiet && !traces && term_is_live(STDERR_FILENO);
    progress_start(&progress, live, p->workload->name, &r->pauses);
    const struct job_plan job = {
        .workload = p->workload,
        .options = &p->options,
        .heap = heap,
        .threads = p->threads,
        .verify_heap = p->config.verify,
        .progress = live ? progress_report : NULL,
        .progress_ctx = &progress,
    };
    bool ok = workload_run(&job, &r->result, err);
    progress_stop(&progress);
    gh_read_finalizer_stats(heap, &r->finalizers);
    r->collector = gh_collector(heap);
    r->gogc = gh_gogc(heap);
    r->memory_limit = gh_memory_limit(heap);
    r->total_wall_s = (double)(os_now_ns() - begin) / 1e9;
    gh_heap_close(heap);
    return ok && gh_memstats_check(&r->result.memstats, err);
}

/* --- the facts --- */

static void
run_settings(struct run *r)
{
    const struct plan *p = &r->plan;
    for (size_t i = 0; i < p->n_settings; i++)
        r->settings[i] = (struct facts_setting){.name = p->settings[i].row->flag,
                                                .value = p->settings[i].value,
                                                .source = p->settings[i].source};
    for (size_t i = 0; i < p->options.count; i++)
        r->options[i] =
            (struct facts_setting){.name = p->options.values[i].option->name,
                                   .value = p->options.values[i].text,
                                   .source = p->options.values[i].given ? "flag" : "default"};
    for (size_t i = 0; i < r->result.metric_count; i++)
        r->metrics[i] = (struct facts_metric){.name = r->result.metrics[i].name,
                                              .value = r->result.metrics[i].value,
                                              .unit = r->result.metrics[i].unit};
}

static void
run_facts(struct run *r)
{
    const struct plan *p = &r->plan;
    const struct job_result *j = &r->result;
    run_settings(r);
    r->facts = (struct facts){
        .workload = p->workload->name,
        .threads = p->threads,
        .gogc = r->gogc,
        .procs = p->config.procs,
        .memory_limit = r->memory_limit,
        .collector = r->collector,
        .marker = p->config.marker,
        .show_settings = p->verbose,
        .show_locks = p->lock_stats,
        .interrupted = j->interrupted,
        .settings = r->settings,
        .n_settings = p->n_settings,
        .options = r->options,
        .n_options = p->options.count,
        .metrics = r->metrics,
        .n_metrics = j->metric_count,
        .has_checksum = j->has_checksum,
        .verified = j->verified,
        .checksum = j->checksum,
        .started_unix_ns = r->started_unix_ns,
        .wall_s = j->wall_s,
        .cpu_s = j->cpu_s,
        .total_wall_s = r->total_wall_s,
        .stats = j->memstats,
        .finalizers = r->finalizers,
        .allocs = j->timed.mallocs,
        .alloc_bytes = j->timed.bytes,
        .rate_wall_s = j->wall_s,
        .timed_minor_faults = j->timed.minor_faults,
        .timed_major_faults = j->timed.major_faults,
        .runq_wait_s = j->timed.runq_wait_known ? (double)j->timed.runq_wait_ns / 1e9 : -1,
        .rss_end_bytes = j->rss_end_bytes,
        .pauses = &r->pauses,
        .environment = &r->environment,
    };
    lockstats_read(&r->facts.locks, j->memstats.mallocs, j->memstats.total_alloc);
    process_usage_read(&r->facts.usage);
    if (j->rss_peak_bytes != 0)
        r->facts.usage.rss_peak_bytes = j->rss_peak_bytes;
}

/* --- the reports --- */

static bool
run_write_text(const void *ctx, FILE *out)
{
    report_write(ctx, out);
    return true;
}

static bool
run_write_json(const void *ctx, FILE *out)
{
    return report_json_write(ctx, out);
}

/* Where the text report goes; NULL for nowhere. */
static const char *
run_text_path(const struct plan *p)
{
    if (p->output != NULL)
        return p->output;
    bool json_on_stdout = p->json != NULL && strcmp(p->json, "-") == 0;
    return p->quiet || json_on_stdout ? NULL : "-";
}

static bool
run_report(struct run *r, struct gh_error *err)
{
    const struct plan *p = &r->plan;
    const char *text = run_text_path(p);
    bool terminal = text != NULL && strcmp(text, "-") == 0;
    r->facts.text_utf8 = term_is_utf8();
    r->facts.text_color =
        terminal ? term_color(p->color, STDOUT_FILENO) : p->color == PLAN_COLOR_ALWAYS;
    if (text != NULL && !output_write(text, run_write_text, &r->facts, err))
        return false;
    return p->json == NULL || output_write(p->json, run_write_json, &r->facts, err);
}

/* --- the command --- */

static int
run_help(const struct plan *p)
{
    if (p->workload != NULL)
        help_workload(stdout, p->workload, p->workload_word);
    else
        help_command(stdout, command_find("run"));
    return GH_EXIT_OK;
}

static int64_t
run_unix_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool
run_outputs_check(const struct plan *p, struct gh_error *err)
{
    if ((p->json != NULL && !output_check(p->json, err)) ||
        (p->output != NULL && !output_check(p->output, err)))
        return false;
    if (p->json != NULL && p->output != NULL && output_is_same(p->json, p->output))
        return gh_error_set(err, GH_EXIT_USAGE,
                            "--json %.100s and --output %.100s are the same file; give each "
                            "its own",
                            p->json, p->output);
    return true;
}

/* The run itself, once the plan stands. */
static int
run_execute(struct run *r, struct gh_error *err)
{
    if (!run_outputs_check(&r->plan, err))
        return (int)err->status;
    r->started_unix_ns = run_unix_ns();
    interrupt_install();
    pauses_init(&r->pauses);
    lock_init(&r->trace_order, LOCK_RANK_LEAF);
    bool ok = run_job(r, err);
    lock_finish(&r->trace_order);
    interrupt_writes();
    if (ok) {
        environment_read(&r->environment); /* takes longer than many a job */
        run_facts(r);
        ok = run_report(r, err);
    }
    pauses_finish(&r->pauses);
    if (interrupt_signal() != 0 && (r->result.interrupted || !ok))
        return 128 + interrupt_signal();
    return ok ? GH_EXIT_OK : (int)err->status;
}

int
command_run(int argc, char **argv, struct gh_error *err)
{
    static struct run run;
    struct run *r = &run;
    if (!plan_resolve(&r->plan, argc, argv, err))
        return (int)err->status;
    if (r->plan.help)
        return run_help(&r->plan);
    for (size_t i = 0; i < r->plan.n_warnings && !r->plan.quiet; i++)
        fprintf(stderr, "goheap: run: warning: %s\n", r->plan.warnings[i]);
    if (r->plan.dry_run) {
        plan_print(&r->plan, stdout);
        return GH_EXIT_OK;
    }
    return run_execute(r, err);
}
