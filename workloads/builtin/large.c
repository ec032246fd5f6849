/* large.c - workload `large`: blocks of 64 KiB to 8 MiB without references in a ring, each
 * touched once a page. What counts is how fast spans come, are zeroed and go. */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LARGE_SEED = 13, LARGE_TOUCH = 4096, LARGE_BASES = 7 };

struct large_state {
    const struct gh_type *ref;
    uint8_t **ring; /* a registered root: the table of blocks */
    uint64_t n, window;
    uint64_t bytes; /* allocated */
};

/* 64 KiB << 0..6, plus an offset below that, in whole pages. */
static uint64_t
large_size(uint64_t x)
{
    uint64_t base = UINT64_C(65536) << gh_random_below(x >> 32, LARGE_BASES);
    return base + (gh_random_below(x & UINT32_MAX, base) & ~UINT64_C(4095));
}

static bool
large_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct large_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "large: no memory");
    s->n = (uint64_t)gh_job_int(job, "n");
    s->window = (uint64_t)gh_job_int(job, "window");
    s->ref = gh_type_small(heap, "large_ref", sizeof(void *), 1);
    gh_roots_add(heap, (void **)&s->ring, 1);
    void *ring = gh_new_array(m, s->ref, s->window);
    gh_store(m, &s->ring, ring);
    return true;
}

static bool
large_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct large_state *s = gh_job_state(job);
    uint64_t seed = LARGE_SEED;
    gh_timer_begin(job);
    for (uint64_t i = 0; i < s->n && !gh_interrupted(job); i++) {
        uint64_t size = large_size(gh_random(&seed));
        uint8_t *block = gh_new_bytes(m, size);
        for (uint64_t at = 0; at < size; at += LARGE_TOUCH)
            block[at] = (uint8_t)i;
        gh_store(m, &s->ring[i % s->window], block);
        s->bytes += size;
        gh_progress(job, i + 1, s->n);
    }
    gh_timer_end(job);
    return true;
}

/* The blocks in the ring must be as they were left: touched once a page, zero elsewhere. */
static bool
large_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct large_state *s = gh_job_state(job);
    uint64_t seed = LARGE_SEED, bytes = 0;
    for (uint64_t i = 0; i < s->n; i++) {
        uint64_t size = large_size(gh_random(&seed));
        bytes += size;
        if (i + s->window < s->n)
            continue;
        const uint8_t *block = s->ring[i % s->window];
        for (uint64_t at = 0; at < size; at += LARGE_TOUCH)
            if (block[at] != (uint8_t)i || block[at + 1] != 0 ||
                block[at + LARGE_TOUCH - 1] != 0)
                return gh_error_set(err, GH_EXIT_FAILED,
                                    "large: block %" PRIu64 " was overwritten at byte %" PRIu64,
                                    i, at);
    }
    gh_checksum(job, bytes);
    if (bytes != s->bytes)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "large: %" PRIu64 " bytes allocated, not %" PRIu64, s->bytes,
                            bytes);
    double wall = gh_timer_wall(job);
    gh_emit(job, "GBps", (double)bytes / wall / 1e9, "GB/s");
    gh_emit(job, "us_per_op", wall * 1e6 / (double)s->n, "us");
    gh_emit(job, "GB_total", (double)bytes / 1e9, "GB");
    return true;
}

static void
large_teardown(struct gh_job *job)
{
    struct large_state *s = gh_job_state(job);
    if (s != NULL && s->ref != NULL)
        gh_roots_remove(gh_job_heap(job), (void **)&s->ring);
    free(s);
}

static const struct gh_option large_options[] = {
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "blocks allocated",
     .value = "20k",
     .min = 1,
     .max = 1000000000},
    {.name = "window",
     .kind = GH_OPT_INT,
     .help = "blocks alive at a time",
     .value = "64",
     .min = 1,
     .max = 1000000},
    {.name = NULL},
};

const struct gh_workload workload_large = {
    GH_WORKLOAD_HEADER,
    .name = "large",
    .help = "blocks of 64 KiB to 8 MiB in a ring, touched once a page",
    .about = "n blocks without references, of sizes drawn from 64 KiB to 8 MiB, go through a "
             "ring of `window`; one byte is written per 4096. A new block comes before its "
             "predecessor goes.\nReported: GB allocated per second, time of a block.",
    .options = large_options,
    .max_threads = 1,
    .setup = large_setup,
    .run = large_run,
    .verify = large_verify,
    .teardown = large_teardown,
};
