/* leak.c - workload `leak`: a heap that only grows, step by step, with garbage made between the
 * steps. Meant to be run into a memory limit: what does a collector do when there is less and
 * less that it can free? Nothing here depends on time. */
#include "workloads/builtin/builtin.h"

#include "workloads/builtin/blocks.h"
#include "workloads/procstat.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LEAK_LOOK = 16 };

struct leak_thread {
    /* a registered root: the list, youngest first; written by its thread only */
    GH_ALIGNED(128) struct block *head;
    /* owner */
    uint64_t first, next, garbage; /* numbers: of its first block, next block, next garbage */
    uint64_t bytes;                /* retained */
};

struct leak_state {
    struct block_types types;
    struct leak_thread *threads;
    uint64_t step, target, garbage; /* bytes a thread */
    uint64_t rss_before, rss_peak;
    int n, ready; /* ready: threads whose list is a registered root */
};

static void
leak_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct leak_state *s = arg;
    struct leak_thread *self = &s->threads[t];
    for (uint64_t step = s->step; self->bytes < s->target; step += s->step) {
        uint64_t until = step < s->target ? step : s->target;
        while (self->bytes < until) {
            if (self->next % LEAK_LOOK == 0 && gh_interrupted(job))
                return;
            self->bytes += block_bytes(self->next);
            block_push(m, &s->types, &self->head, self->next++);
        }
        block_garbage(m, &s->types, &self->garbage, s->garbage);
        if (t == 0)
            gh_progress(job, self->bytes, s->target);
    }
}

static bool
leak_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct leak_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    uint64_t n = (uint64_t)gh_job_threads(job);
    if (s != NULL)
        s->threads = aligned_alloc(128, n * sizeof *s->threads);
    if (s == NULL || s->threads == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "leak: no memory for %" PRIu64 " threads", n);
    s->n = (int)n;
    s->step = ((uint64_t)gh_job_int(job, "step") + n - 1) / n;
    s->target = ((uint64_t)gh_job_int(job, "target") + n - 1) / n;
    s->garbage = ((uint64_t)gh_job_int(job, "garbage") + n - 1) / n;
    block_types_init(&s->types, gh_job_heap(job));
    for (uint64_t t = 0; t < n; t++) {
        uint64_t first = t << BLOCK_THREAD_SHIFT;
        s->threads[t] = (struct leak_thread){
            .first = first,
            .next = first,
            .garbage = first + (UINT64_C(1) << BLOCK_GARBAGE_SHIFT),
        };
        gh_roots_add(gh_job_heap(job), (void **)&s->threads[t].head, 1);
        s->ready++;
    }
    return true;
}

static bool
leak_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct leak_state *s = gh_job_state(job);
    s->rss_before = procstat_bytes("VmRSS");
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->n, leak_thread, s, err);
    gh_timer_end(job);
    s->rss_peak = procstat_bytes("VmHWM");
    return ok;
}

static bool
leak_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct leak_state *s = gh_job_state(job);
    uint64_t sum = 0, bytes = 0;
    for (int t = 0; t < s->n; t++) {
        const struct leak_thread *self = &s->threads[t];
        struct block_list list = {
            .head = &self->head, .first = self->first, .count = self->next - self->first};
        uint64_t id = self->first;
        if (!block_list_right(m, &list, &sum, &id))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "leak: thread %d: a block is lost, harmed or too many, the "
                                "last one looked at is number %" PRIu64,
                                t, id - self->first);
        bytes += self->bytes;
    }
    gh_checksum(job, sum);
    gh_emit(job, "rss_before", (double)s->rss_before / 0x1p20, "MiB");
    gh_emit(job, "rss_peak", (double)s->rss_peak / 0x1p20, "MiB");
    gh_emit(job, "live_bytes", (double)bytes, "B");
    return true;
}

static void
leak_teardown(struct gh_job *job)
{
    struct leak_state *s = gh_job_state(job);
    for (int t = 0; s != NULL && t < s->ready; t++)
        gh_roots_remove(gh_job_heap(job), (void **)&s->threads[t].head);
    if (s != NULL)
        free(s->threads);
    free(s);
}

static const struct gh_option leak_options[] = {
    {.name = "target",
     .kind = GH_OPT_INT,
     .help = "bytes retained at the end, by all threads together",
     .value = "1G",
     .min = 1,
     .max = INT64_C(100000000000000)},
    {.name = "step",
     .kind = GH_OPT_INT,
     .help = "bytes retained in a step",
     .value = "16M",
     .min = 1,
     .max = INT64_C(100000000000000)},
    {.name = "garbage",
     .kind = GH_OPT_INT,
     .help = "bytes made and dropped after each step",
     .value = "16M",
     .min = 0,
     .max = INT64_C(100000000000000)},
    {.name = NULL},
};

const struct gh_workload workload_leak = {
    GH_WORKLOAD_HEADER,
    .name = "leak",
    .help = "a heap that only grows, garbage in between: for memory limits",
    .about =
        "Blocks of mixed sizes (48 bytes to 256 KiB) are kept in lists, step by step, up to "
        "the "
        "target; after each step garbage of the same kind is made. Threads share the bytes "
        "out evenly.\n"
        "Reported: resident memory before the work, its peak (of the process), and the bytes "
        "that are live at the end, without what the allocator rounds up.",
    .options = leak_options,
    .max_threads = 256,
    .setup = leak_setup,
    .run = leak_run,
    .verify = leak_verify,
    .teardown = leak_teardown,
};
