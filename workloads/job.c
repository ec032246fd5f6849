/* job.c - see job.h. gh_parallel is in parallel.c. */
#include "workloads/job.h"

#include "alloc/base/os.h"
#include "workloads/procstat.h"

#include <string.h>
#include <sys/resource.h>

enum { PROGRESS_EVERY_NS = 100000000 };

/* Set by a signal handler, polled by workloads. Relaxed on both sides: it carries nothing but
 * itself. */
static atomic_bool interrupted;

void
job_interrupt(void)
{
    atomic_store_explicit(&interrupted, true, memory_order_relaxed);
}

bool
job_interrupted(void)
{
    return atomic_load_explicit(&interrupted, memory_order_relaxed);
}

void
job_interrupt_clear(void)
{
    atomic_store_explicit(&interrupted, false, memory_order_relaxed);
}

bool
gh_interrupted(const struct gh_job *job)
{
    (void)job;
    return job_interrupted();
}

struct gh_heap *
gh_job_heap(struct gh_job *job)
{
    return job->heap;
}

int
gh_job_threads(const struct gh_job *job)
{
    return job->threads;
}

bool
gh_job_needs_collections(struct gh_job *job, struct gh_error *err)
{
    if (gh_collects(job->heap))
        return true;
    return gh_error_set(err, GH_EXIT_USAGE,
                        "%s waits for objects to die, and under sbrk=1 nothing is ever "
                        "collected; take sbrk out of GODEBUG or --godebug",
                        job->workload->name);
}

static const struct option_value *
find_value(const struct gh_job *job, const char *option, bool number)
{
    for (size_t i = 0; i < job->options->count; i++) {
        const struct option_value *v = &job->options->values[i];
        if (strcmp(v->option->name, option) == 0 && (v->option->kind == GH_OPT_INT) == number)
            return v;
    }
    gh_throw("gh_job_%s: %s has no such option as --%s", number ? "int" : "text",
             job->workload->name, option);
}

int64_t
gh_job_int(const struct gh_job *job, const char *option)
{
    return find_value(job, option, true)->number;
}

const char *
gh_job_text(const struct gh_job *job, const char *option)
{
    return find_value(job, option, false)->text;
}

void
gh_job_set_state(struct gh_job *job, void *state)
{
    job->state = state;
}

void *
gh_job_state(const struct gh_job *job)
{
    return job->state;
}

/* --- the timed section --- */

static struct job_counts
read_counts(struct gh_job *job)
{
    struct rusage u;
    struct gh_memstats s;
    uint64_t wait = 0;
    gh_read_memstats(job->heap, job->main, &s);
    gh_blocked_enter(job->main); /* many files to read: nobody has to wait for us */
    getrusage(RUSAGE_SELF, &u);
    bool known = procstat_runq_wait(&wait);
    gh_blocked_exit(job->main);
    return (struct job_counts){
        .minor_faults = (uint64_t)u.ru_minflt,
        .major_faults = (uint64_t)u.ru_majflt,
        .voluntary_switches = (uint64_t)u.ru_nvcsw,
        .involuntary_switches = (uint64_t)u.ru_nivcsw,
        .mallocs = s.mallocs,
        .bytes = s.total_alloc,
        .cycles = s.num_gc,
        .pause_ns = s.pause_total_ns,
        .runq_wait_ns = wait,
        .runq_wait_known = known,
    };
}

static void
add_counts(struct job_counts *sum, const struct job_counts *from, const struct job_counts *to)
{
    sum->minor_faults += to->minor_faults - from->minor_faults;
    sum->major_faults += to->major_faults - from->major_faults;
    sum->voluntary_switches += to->voluntary_switches - from->voluntary_switches;
    sum->involuntary_switches += to->involuntary_switches - from->involuntary_switches;
    sum->mallocs += to->mallocs - from->mallocs;
    sum->bytes += to->bytes - from->bytes;
    sum->cycles += to->cycles - from->cycles;
    sum->pause_ns += to->pause_ns - from->pause_ns;
    /* less than before if threads have ended, whose time nobody knows then */
    if (to->runq_wait_ns > from->runq_wait_ns)
        sum->runq_wait_ns += to->runq_wait_ns - from->runq_wait_ns;
    sum->runq_wait_known = to->runq_wait_known;
}

void
job_timer_resume(struct gh_job *job)
{
    job->timer.cpu_at = os_process_cpu_ns();
    job->timer.wall_at = os_now_ns();
}

void
job_timer_pause(struct gh_job *job)
{
    job->timer.wall_ns += os_now_ns() - job->timer.wall_at;
    job->timer.cpu_ns += os_process_cpu_ns() - job->timer.cpu_at;
}

void
gh_timer_begin(struct gh_job *job)
{
    CHECK(!job->timer.running || job->timer.implicit, "gh_timer_begin: the timer is running");
    job->timer.implicit = false;
    job->timer.running = true;
    job->timer.counts_at = read_counts(job);
    job_timer_resume(job);
}

void
gh_timer_end(struct gh_job *job)
{
    CHECK(job->timer.running, "gh_timer_end: the timer is not running");
    job_timer_pause(job);
    struct job_counts now = read_counts(job);
    add_counts(&job->timer.counts, &job->timer.counts_at, &now);
    job->timer.running = false;
}

double
gh_timer_wall(const struct gh_job *job)
{
    return (double)job->timer.wall_ns / 1e9;
}

double
gh_timer_cpu(const struct gh_job *job)
{
    return (double)job->timer.cpu_ns / 1e9;
}

/* --- what a workload tells --- */

void
gh_emit(struct gh_job *job, const char *metric, double value, const char *unit)
{
    CHECK(job->metric_count < JOB_METRICS_MAX, "gh_emit: %s has more than %d metrics",
          job->workload->name, JOB_METRICS_MAX);
    job->metrics[job->metric_count++] =
        (struct job_metric){.name = metric, .unit = unit, .value = value};
}

void
gh_checksum(struct gh_job *job, uint64_t checksum)
{
    job->checksum = checksum;
    job->has_checksum = true;
}

void
gh_progress(struct gh_job *job, uint64_t done, uint64_t total)
{
    if (job->progress == NULL || total == 0)
        return;
    /* acquire pairs with the release below: what the last caller of `progress` did to its
     * context is seen by the next */
    int64_t at = atomic_load_explicit(&job->progress_at_ns, memory_order_relaxed);
    if (os_now_ns() < at ||
        !atomic_compare_exchange_strong_explicit(&job->progress_at_ns, &at, INT64_MAX,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    job->progress(job->progress_ctx, done < total ? done : total, total);
    atomic_store_explicit(&job->progress_at_ns, os_now_ns() + PROGRESS_EVERY_NS,
                          memory_order_release);
}
