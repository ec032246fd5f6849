/* spike.c - workload `spike`: the live heap swings between a base and a multiple of it, as a
 * service's does between quiet and busy hours. At the end it is small and stays so for a while:
 * how much memory has gone back to the system by then?
 *
 * What survives a fall is drawn at random, so that it lies scattered. All blocks are known by
 * number outside the heap and checked at each fall and at the end. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/builtin/blocks.h"
#include "workloads/procstat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SPIKE_SEED = 4000, SPIKE_LOOK = 16, SPIKE_NAP_NS = 50000000 };

struct spike_thread {
    /* a registered root: the list, youngest first; written by its thread only */
    GH_ALIGNED(128) struct block *head;
    /* owner */
    uint64_t *ids;                 /* numbers of the list's blocks, oldest first */
    uint64_t count, room;          /* of ids */
    uint64_t next, garbage, bytes; /* numbers: next block, next garbage; bytes live */
    uint64_t seed;
    uint64_t wrong, wrong_id; /* blocks lost or harmed, and the last such */
    bool no_memory;           /* for ids */
};

struct spike_state {
    struct block_types types;
    struct spike_thread *threads;
    uint64_t base, peak; /* bytes a thread */
    uint64_t rss_peak, rss_end, rss_settled;
    int n, ready; /* ready: threads whose list is a registered root */
};

static bool
spike_note(struct spike_thread *self, uint64_t id)
{
    if (self->count == self->room) {
        uint64_t room = self->room == 0 ? 1024 : 2 * self->room;
        uint64_t *ids = realloc(self->ids, room * sizeof *ids);
        self->no_memory = ids == NULL;
        if (ids == NULL)
            return false;
        self->ids = ids;
        self->room = room;
    }
    self->ids[self->count++] = id;
    return true;
}

/* Grow to `bytes`. */
static void
spike_grow(struct gh_job *job, struct gh_mutator *m, const struct spike_state *s,
           struct spike_thread *self, uint64_t bytes)
{
    while (self->bytes < bytes) {
        if (self->next % SPIKE_LOOK == 0 && gh_interrupted(job))
            return;
        if (!spike_note(self, self->next))
            return;
        self->bytes += block_bytes(self->next);
        block_push(m, &s->types, &self->head, self->next++);
    }
}

static void
spike_rise(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct spike_state *s = arg;
    struct spike_thread *self = &s->threads[t];
    spike_grow(job, m, s, self, s->peak);
    block_garbage(m, &s->types, &self->garbage, s->base);
}

/* Check all blocks, from the youngest on, and unlink those that are drawn. The list is walked
 * with the last kept block (NULL: none) in slot 0 and the next one in slot 1. Safepoint. */
static void
spike_thin(struct gh_mutator *m, const struct spike_state *s, struct spike_thread *self)
{
    uint64_t left = self->count, kept = self->count;
    GH_FRAME(m, 2);
    GH_SLOT(m, struct block, 1) = self->head;
    while (left-- > 0) {
        uint64_t id = self->ids[left];
        struct block *b = GH_SLOT(m, struct block, 1), *last = GH_SLOT(m, struct block, 0);
        if (!block_right(b, id)) {
            self->wrong++;
            self->wrong_id = id;
            return;
        }
        bool keep = gh_random_below(gh_random(&self->seed) >> 32, s->peak) < s->base;
        if (keep) {
            GH_SLOT(m, struct block, 0) = b;
            self->ids[--kept] = id;
        } else {
            gh_store(m, last != NULL ? (void *)&last->next : (void *)&self->head, b->next);
            self->bytes -= block_bytes(id);
        }
        GH_SLOT(m, struct block, 1) = b->next;
        gh_poll(m);
    }
    if (GH_SLOT(m, struct block, 1) != NULL)
        self->wrong++;
    self->count -= kept;
    memmove(self->ids, self->ids + kept, self->count * sizeof *self->ids);
}

/* Fall to about the base, then to it exactly by a few blocks more; and be busy there. */
static void
spike_fall(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct spike_state *s = arg;
    struct spike_thread *self = &s->threads[t];
    spike_thin(m, s, self);
    if (self->wrong != 0)
        return;
    spike_grow(job, m, s, self, s->base);
    block_garbage(m, &s->types, &self->garbage, s->peak / 2);
}

/* --- phases --- */

static bool
spike_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct spike_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    uint64_t n = (uint64_t)gh_job_threads(job);
    if (s != NULL)
        s->threads = aligned_alloc(128, n * sizeof *s->threads);
    if (s == NULL || s->threads == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "spike: no memory for %" PRIu64 " threads", n);
    s->n = (int)n;
    s->base = ((uint64_t)gh_job_int(job, "base") + n - 1) / n;
    s->peak = s->base * (uint64_t)gh_job_int(job, "factor");
    block_types_init(&s->types, gh_job_heap(job));
    for (uint64_t t = 0; t < n; t++) {
        uint64_t first = t << BLOCK_THREAD_SHIFT;
        s->threads[t] = (struct spike_thread){
            .next = first,
            .garbage = first + (UINT64_C(1) << BLOCK_GARBAGE_SHIFT),
            .seed = SPIKE_SEED + t,
        };
        gh_roots_add(gh_job_heap(job), (void **)&s->threads[t].head, 1);
        s->ready++;
    }
    return true;
}

/* Stay small, as an idle process does. Safepoint. */
static void
spike_settle(struct gh_job *job, struct gh_mutator *m)
{
    int64_t end = os_now_ns() + gh_job_int(job, "settle") * INT64_C(1000000000);
    while (os_now_ns() < end && !gh_interrupted(job)) {
        struct timespec nap = {.tv_nsec = SPIKE_NAP_NS};
        gh_blocked_enter(m);
        nanosleep(&nap, NULL);
        gh_blocked_exit(m);
    }
}

/* Whether the round may be followed by another. */
static bool
spike_round(struct gh_job *job, struct gh_mutator *m, struct spike_state *s,
            struct gh_error *err)
{
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->n, spike_rise, s, err);
    uint64_t rss = procstat_bytes("VmRSS");
    s->rss_peak = rss > s->rss_peak ? rss : s->rss_peak;
    if (!gh_interrupted(job))
        ok = ok && gh_parallel(job, m, s->n, spike_fall, s, err);
    gh_timer_end(job);
    for (int t = 0; ok && t < s->n; t++)
        if (s->threads[t].no_memory)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "spike: no memory to note the blocks; use a smaller --base or "
                                "--factor");
    return ok;
}

static bool
spike_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct spike_state *s = gh_job_state(job);
    uint64_t rounds = (uint64_t)gh_job_int(job, "rounds");
    for (uint64_t i = 0; i < rounds && !gh_interrupted(job); i++) {
        if (!spike_round(job, m, s, err))
            return false;
        gh_progress(job, i + 1, rounds);
    }
    s->rss_end = procstat_bytes("VmRSS");
    spike_settle(job, m);
    s->rss_settled = procstat_bytes("VmRSS");
    return true;
}

static bool
spike_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct spike_state *s = gh_job_state(job);
    uint64_t sum = 0, bytes = 0;
    for (int t = 0; t < s->n; t++) {
        const struct spike_thread *self = &s->threads[t];
        struct block_list list = {.head = &self->head, .ids = self->ids, .count = self->count};
        uint64_t id = self->wrong_id;
        if (self->wrong != 0 || !block_list_right(m, &list, &sum, &id))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "spike: thread %d: a block is lost, harmed or too many, the "
                                "last one looked at is number %" PRIu64,
                                t, id);
        bytes += self->bytes;
    }
    gh_checksum(job, sum);
    gh_emit(job, "rss_peak", (double)s->rss_peak / 0x1p20, "MiB");
    gh_emit(job, "rss_end", (double)s->rss_end / 0x1p20, "MiB");
    gh_emit(job, "rss_settled", (double)s->rss_settled / 0x1p20, "MiB");
    gh_emit(job, "live_bytes", (double)bytes, "B");
    return true;
}

static void
spike_teardown(struct gh_job *job)
{
    struct spike_state *s = gh_job_state(job);
    for (int t = 0; s != NULL && t < s->ready; t++) {
        gh_roots_remove(gh_job_heap(job), (void **)&s->threads[t].head);
        free(s->threads[t].ids);
    }
    if (s != NULL)
        free(s->threads);
    free(s);
}

static const struct gh_option spike_options[] = {
    {.name = "base",
     .kind = GH_OPT_INT,
     .help = "bytes alive when the heap is small, of all threads together",
     .value = "32M",
     .min = 1,
     .max = INT64_C(1000000000000)},
    {.name = "factor",
     .kind = GH_OPT_INT,
     .help = "how many times that are alive at the peak",
     .value = "8",
     .min = 2,
     .max = 1000},
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "rises and falls",
     .value = "5",
     .min = 1,
     .max = 1000000},
    {.name = "settle",
     .kind = GH_OPT_INT,
     .help = "seconds of idleness at the end",
     .value = "5",
     .min = 0,
     .max = 86400},
    {.name = NULL},
};

const struct gh_workload workload_spike = {
    GH_WORKLOAD_HEADER,
    .name = "spike",
    .help = "a live heap that swings between a base and a multiple of it",
    .about =
        "Blocks of mixed sizes (48 bytes to 256 KiB) are kept up to `factor` times the base, "
        "then dropped at random down to the base, `rounds` times, with some garbage made above "
        "and more below. At the end the process is idle for a while.\n"
        "Reported: resident memory at the highest peak, at the end of the work and after the "
        "idle time, and the bytes that are live, without what the allocator rounds up.",
    .options = spike_options,
    .max_threads = 256,
    .setup = spike_setup,
    .run = spike_run,
    .verify = spike_verify,
    .teardown = spike_teardown,
};
