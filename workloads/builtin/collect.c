/* collect.c - workload `collect`: what a collection costs that finds nothing. The heap is empty
 * but for what the process itself has; n collections are forced, one after the other. What is
 * left is the constant part of a cycle: stops, waking of workers, roots, sweeping of a handful
 * of spans. Go's counterpart is runtime.GC in a loop, and as there a collection includes the
 * sweep. */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COLLECT_UNCOUNTED = 10 };

struct collect_state {
    uint64_t n;
    uint64_t before, after; /* forced collections the heap knows of, around the counted ones */
};

static uint64_t
collect_forced(struct gh_job *job, struct gh_mutator *m)
{
    struct gh_memstats s;
    gh_read_memstats(gh_job_heap(job), m, &s);
    return s.num_forced_gc;
}

static bool
collect_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    if (!gh_job_needs_collections(job, err))
        return false;
    struct collect_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "collect: no memory");
    s->n = (uint64_t)gh_job_int(job, "n");
    return true;
}

static bool
collect_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct collect_state *s = gh_job_state(job);
    for (int i = 0; i < COLLECT_UNCOUNTED; i++)
        gh_gc(m);
    s->before = collect_forced(job, m);
    gh_timer_begin(job);
    for (uint64_t i = 0; i < s->n && !gh_interrupted(job); i++) {
        gh_gc(m);
        gh_progress(job, i + 1, s->n);
    }
    gh_timer_end(job);
    s->after = collect_forced(job, m);
    return true;
}

/* The heap must have made as many collections as were asked for, none of them shared. */
static bool
collect_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct collect_state *s = gh_job_state(job);
    gh_checksum(job, s->after - s->before);
    if (s->after - s->before != s->n)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "collect: the heap counts %" PRIu64
                            " forced collections, not %" PRIu64,
                            s->after - s->before, s->n);
    double n = (double)s->n;
    gh_emit(job, "ns_per_collection", gh_timer_wall(job) * 1e9 / n, "ns");
    gh_emit(job, "cpu_ns_per_collection", gh_timer_cpu(job) * 1e9 / n, "ns");
    return true;
}

static void
collect_teardown(struct gh_job *job)
{
    free(gh_job_state(job));
}

static const struct gh_option collect_options[] = {
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "collections that are counted",
     .value = "1k",
     .min = 1,
     .max = 1000000000},
    {.name = NULL},
};

const struct gh_workload workload_collect = {
    GH_WORKLOAD_HEADER,
    .name = "collect",
    .help = "forced collections of a heap that is empty",
    .about = "Ten collections are forced that do not count, then n that do. There is nothing "
             "to mark and next to nothing to sweep: this is what any cycle costs at least."
             "\nReported: wall and CPU time of a collection, its sweep included.",
    .options = collect_options,
    .max_threads = 1,
    .setup = collect_setup,
    .run = collect_run,
    .verify = collect_verify,
    .teardown = collect_teardown,
};
