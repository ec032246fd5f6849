/* job.h - one run of one workload, from the inside: what stands behind the services of
 * workloads/api/workload.h (options, threads, timer, metrics, progress, interruption).
 *
 * Owned by the runner and living on its stack. Everything is touched by the main mutator's
 * thread only, save what stands under other banners. */
#ifndef GH_WORKLOADS_JOB_H
#define GH_WORKLOADS_JOB_H

#include "workloads/api/workload.h"
#include "workloads/options.h"

#include <stdatomic.h>

enum { JOB_METRICS_MAX = 64 };

struct job_metric {
    const char *name, *unit;
    double value;
};

/* What happened during the timed section. */
struct job_counts {
    uint64_t minor_faults, major_faults;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t mallocs, bytes;   /* objects, tiny ones included, and bytes allocated */
    uint64_t cycles, pause_ns; /* collections finished, and how long the world stood still */
    uint64_t runq_wait_ns;     /* how long threads were runnable and had no core */
    bool runq_wait_known;      /* the kernel tells */
};

struct job_timer {
    bool running;
    bool implicit; /* begun by the runner: forgotten if the workload begins it itself */
    /* main thread: sums over the finished stretches */
    int64_t wall_ns, cpu_ns;
    struct job_counts counts;
    /* main thread: readings at the begin of the running stretch */
    int64_t wall_at, cpu_at;
    struct job_counts counts_at;
};

struct gh_job {
    /* immutable while the job runs */
    const struct gh_workload *workload;
    const struct options *options;
    struct gh_heap *heap;
    struct gh_mutator *main;
    int threads;
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *progress_ctx;
    /* main thread */
    void *state; /* the workload's; read by its other threads, which start later */
    struct job_timer timer;
    uint64_t checksum;
    bool has_checksum;
    size_t metric_count;
    struct job_metric metrics[JOB_METRICS_MAX];
    /* atomic: when progress may be shown next; taken by compare-and-swap, so that one thread
     * at a time calls `progress` */
    _Atomic(int64_t) progress_at_ns;
};

/* Ask all jobs of this process to stop: for a SIGINT handler (async-signal-safe). */
void job_interrupt(void);
bool job_interrupted(void);
/* Forget an earlier job_interrupt: for tests, which run several jobs in a process. */
void job_interrupt_clear(void);

/* Stop the running timer's clock while something is prepared that is not the work; and go on.
 * The counts run on. */
void job_timer_pause(struct gh_job *job);
void job_timer_resume(struct gh_job *job);

#endif
