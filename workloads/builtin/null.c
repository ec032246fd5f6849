/* null.c - workload `null`: measures the harness, and what the bare contract costs. Each of the
 * `threads` mutators does n empty calls, n polls and n empty frames; nothing is allocated.
 * Whatever another workload shows below these figures is noise. */
#include "workloads/builtin/builtin.h"

#include <stdlib.h>

enum { NULL_CHUNK = 1 << 20, NULL_KINDS = 3 };

/* One thread's counts, on a cache line of its own. */
struct null_count {
    GH_ALIGNED(128) uint64_t done;
};

struct null_state {
    uint64_t n;
    int kind; /* which loop the team runs now */
    struct null_count *counts;
    double ns[NULL_KINDS]; /* wall per operation */
};

static GH_NOINLINE void
null_call(void)
{
    __asm__ volatile(""); /* or the compiler proves it empty and drops the calls */
}

static void
null_calls(struct gh_mutator *m, uint64_t n)
{
    (void)m;
    for (uint64_t i = 0; i < n; i++)
        null_call();
}

static void
null_polls(struct gh_mutator *m, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        gh_poll(m);
}

static void
null_frames(struct gh_mutator *m, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        GH_FRAME(m, 2);
        __asm__ volatile("" : : "r"(m->fp) : "memory");
    }
}

static void (*const null_loops[NULL_KINDS])(struct gh_mutator *m,
                                            uint64_t n) = {null_calls, null_polls, null_frames};

static void
null_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    struct null_state *s = arg;
    for (uint64_t done = 0; done < s->n && !gh_interrupted(job);) {
        uint64_t k = s->n - done < NULL_CHUNK ? s->n - done : NULL_CHUNK;
        null_loops[s->kind](m, k);
        done += k;
        s->counts[t].done += k;
        gh_poll(m);
    }
}

static bool
null_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    size_t threads = (size_t)gh_job_threads(job);
    struct null_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s != NULL)
        s->counts = aligned_alloc(128, threads * sizeof *s->counts);
    if (s == NULL || s->counts == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "null: no memory for %zu threads", threads);
    for (size_t t = 0; t < threads; t++)
        s->counts[t].done = 0;
    s->n = (uint64_t)gh_job_int(job, "n");
    return true;
}

static bool
null_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct null_state *s = gh_job_state(job);
    for (s->kind = 0; s->kind < NULL_KINDS; s->kind++) {
        double before = gh_timer_wall(job);
        gh_timer_begin(job);
        bool ok = gh_parallel(job, m, gh_job_threads(job), null_thread, s, err);
        gh_timer_end(job);
        if (!ok)
            return false;
        s->ns[s->kind] = (gh_timer_wall(job) - before) * 1e9 / (double)s->n;
        gh_progress(job, (uint64_t)s->kind + 1, NULL_KINDS);
    }
    return true;
}

static bool
null_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct null_state *s = gh_job_state(job);
    uint64_t want = s->n * (uint64_t)gh_job_threads(job) * NULL_KINDS, sum = 0;
    for (int t = 0; t < gh_job_threads(job); t++)
        sum += s->counts[t].done;
    gh_checksum(job, sum);
    if (sum != want)
        return gh_error_set(err, GH_EXIT_FAILED, "null: %lu operations counted, not %lu", sum,
                            want);
    gh_emit(job, "ns_per_call", s->ns[0], "ns");
    gh_emit(job, "ns_per_poll", s->ns[1], "ns");
    gh_emit(job, "ns_per_frame", s->ns[2], "ns");
    return true;
}

static void
null_teardown(struct gh_job *job)
{
    struct null_state *s = gh_job_state(job);
    if (s != NULL)
        free(s->counts);
    free(s);
}

static const struct gh_option null_options[] = {
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "operations of each kind, per thread",
     .value = "100M",
     .min = 1,
     .max = INT64_C(1000000000000)},
    {.name = NULL},
};

const struct gh_workload workload_null = {
    GH_WORKLOAD_HEADER,
    .name = "null",
    .help = "measure the harness: empty calls, polls and frames",
    .about =
        "Each thread does n calls of an empty function, n polls and n pushes and pops of a "
        "frame of two slots.\nReported: wall time of one operation in a thread.",
    .options = null_options,
    .max_threads = 256,
    .setup = null_setup,
    .run = null_run,
    .verify = null_verify,
    .teardown = null_teardown,
};
