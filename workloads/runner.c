/* runner.c - see runner.h. */
#include "workloads/runner.h"

#include "workloads/procstat.h"

#include <string.h>

bool
runner_check_threads(const struct gh_workload *w, int threads, struct gh_error *err)
{
    if (threads >= 1 && threads <= w->max_threads)
        return true;
    if (w->max_threads == 1)
        return gh_error_set(err, GH_EXIT_USAGE, "--threads: %s is single-threaded, not %d",
                            w->name, threads);
    return gh_error_set(err, GH_EXIT_USAGE, "--threads: %d is out of range (%s takes 1 to %d)",
                        threads, w->name, w->max_threads);
}

/* A workload that fails without saying why must not look like success. */
static bool
phase_failed(const struct gh_job *job, const char *phase, struct gh_error *err)
{
    if (err->text[0] == '\0')
        gh_error_set(err, GH_EXIT_FAILED, "%s: %s failed and gave no reason",
                     job->workload->name, phase);
    return false;
}

static bool
run_timed(struct gh_job *job, struct gh_error *err)
{
    gh_timer_begin(job);
    job->timer.implicit = true;
    bool ok = job->workload->run(job, job->main, err);
    if (job->timer.running)
        gh_timer_end(job);
    return ok || phase_failed(job, "run", err);
}

static bool
run_phases(struct gh_job *job, struct job_result *out, struct gh_error *err)
{
    const struct gh_workload *w = job->workload;
    if (w->setup != NULL && !w->setup(job, job->main, err))
        return phase_failed(job, "setup", err);
    if (!run_timed(job, err))
        return false;
    out->rss_end_bytes = procstat_bytes("VmRSS"); /* first: it is no more than the peak */
    out->rss_peak_bytes = procstat_bytes("VmHWM");
    out->interrupted = job_interrupted();
    if (out->interrupted)
        return true;
    if (!w->verify(job, job->main, err))
        return phase_failed(job, "verify", err);
    out->verified = true;
    return true;
}

static void
take_figures(const struct gh_job *job, struct job_result *out)
{
    out->checksum = job->checksum;
    out->has_checksum = job->has_checksum;
    out->metric_count = job->metric_count;
    memcpy(out->metrics, job->metrics, sizeof out->metrics);
    out->wall_s = gh_timer_wall(job);
    out->cpu_s = gh_timer_cpu(job);
    out->timed = job->timer.counts;
}

bool
workload_run(const struct job_plan *plan, struct job_result *out, struct gh_error *err)
{
    struct gh_error why = {.status = GH_EXIT_FAILED};
    struct gh_job job = {.workload = plan->workload,
                         .options = plan->options,
                         .heap = plan->heap,
                         .threads = plan->threads,
                         .progress = plan->progress,
                         .progress_ctx = plan->progress_ctx};
    memset(out, 0, sizeof *out);
    if (!runner_check_threads(plan->workload, plan->threads, err))
        return false;
    job.main = gh_attach(plan->heap, "main");
    if (job.main == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "no memory for a mutator (ulimit -v?)");
    bool ok = run_phases(&job, out, &why);
    take_figures(&job, out);
    gh_settle(job.main); /* so that statistics and observers know of the same cycles */
    gh_read_memstats(plan->heap, job.main, &out->memstats);
    if (plan->verify_heap)
        gh_verify(job.main);
    if (plan->workload->teardown != NULL)
        plan->workload->teardown(&job);
    gh_detach(job.main);
    if (!ok && err != NULL)
        *err = why;
    return ok;
}
