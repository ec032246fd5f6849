/* runner.h - one workload, run once, on a heap that somebody else opened.
 *
 * The caller (a subcommand) resolves the workload, parses its options and opens the heap; the
 * runner attaches the main mutator, takes the workload through setup, run, verify and teardown,
 * and hands back figures. It prints nothing. */
#ifndef GH_WORKLOADS_RUNNER_H
#define GH_WORKLOADS_RUNNER_H

#include "workloads/job.h"

struct job_plan {
    const struct gh_workload *workload;
    const struct options *options; /* of that workload */
    struct gh_heap *heap;          /* open; all observers added */
    int threads;                   /* 1..workload->max_threads */
    bool verify_heap;              /* also walk and check the heap once at the end */
    /* called now and then, at most some ten times a second, from any thread but never from two
     * at once; total > 0. NULL: nobody wants to know */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *progress_ctx;
};

struct job_result {
    uint64_t checksum;
    bool has_checksum;
    bool interrupted; /* job_interrupt came; not verified then */
    bool verified;    /* the workload found its result right */
    size_t metric_count;
    struct job_metric metrics[JOB_METRICS_MAX]; /* in the order they were emitted */
    /* The timed section: between gh_timer_begin and gh_timer_end, or all of `run`. */
    double wall_s, cpu_s;
    struct job_counts timed;
    uint64_t rss_peak_bytes; /* VmHWM before `verify`, whose reference may need memory; 0 = ? */
    uint64_t rss_end_bytes;  /* VmRSS then; 0 = ? */
    struct gh_memstats memstats; /* at the end, before teardown */
};

/* What can be said of a plan before any heap is open: the number of threads. Usage error. */
bool runner_check_threads(const struct gh_workload *w, int threads, struct gh_error *err);

/* False and `err` if a phase failed; `out` holds what was known by then. To be called by a
 * thread that is no mutator. */
bool workload_run(const struct job_plan *plan, struct job_result *out, struct gh_error *err);

#endif
