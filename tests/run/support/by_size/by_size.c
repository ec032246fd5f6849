/* by_size.c - a plug-in for one test: the allocation sequence of sequence.md, and what the
 * heap's per-size-class counters say of it. go/main.go does the same under Go.
 *
 * The allocations take turns through all entrances of the allocator (a type, an array of words,
 * plain bytes): which one is taken must make no difference to the counters. The table goes to
 * standard output: run with --quiet and GOGC=off. */
#include "workloads/api/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BY_SIZE_OPS = 40000,
    BY_SIZE_SEED = 26,
    BY_SIZE_LARGE_SPREAD = 262144,
    BY_SIZE_WORDS_MAX = (32769 + BY_SIZE_LARGE_SPREAD + 7) / 8,
    BY_SIZE_SNAPSHOTS = 4,
};

static const uint32_t by_size_edges[] = {496,   497,   504,   505,   511,   512,   513,   519,
                                         520,   521,   1016,  1017,  1024,  1025,  32744, 32752,
                                         32753, 32759, 32760, 32761, 32767, 32768, 32769};
enum { BY_SIZE_EDGES = sizeof by_size_edges / sizeof by_size_edges[0] };

struct by_size_op {
    uint32_t bytes;
    bool scan, keep;
    uint8_t entrance;
};

struct by_size_state {
    void **kept;                     /* BY_SIZE_OPS roots */
    const struct gh_type **by_words; /* [n]: n references, made on demand */
    const struct gh_type *word;      /* one reference */
    uint64_t *mask;                  /* all ones, for the longest type */
    struct gh_memstats *snapshots;
};

static uint32_t
by_size_of_class(uint32_t lo_x, uint64_t y, const struct gh_memstats *s)
{
    uint64_t c = 1 + gh_random_below(lo_x, GH_CLASSES - 1);
    uint32_t top = s->by_size[c].size, low = s->by_size[c - 1].size + 1;
    switch (y >> 32 & 3) {
    case 0:
        return top;
    case 1:
        return low;
    case 2:
        return top > 8 ? top - 8 : 1;
    default:
        return low + (uint32_t)gh_random_below((uint32_t)y, top - low + 1);
    }
}

static struct by_size_op
by_size_next(uint64_t *random, const struct gh_memstats *s)
{
    uint64_t x = gh_random(random), y = gh_random(random);
    uint64_t kind = gh_random_below(x >> 32, 100);
    struct by_size_op op = {.entrance = (uint8_t)(y >> 40 & 3)};
    if (kind < 50)
        op.bytes = 1 + (uint32_t)gh_random_below((uint32_t)x, 15);
    else if (kind < 94)
        op.bytes = by_size_of_class((uint32_t)x, y, s);
    else if (kind < 98)
        op.bytes = by_size_edges[gh_random_below((uint32_t)x, BY_SIZE_EDGES)];
    else
        op.bytes = 32769 + (uint32_t)gh_random_below((uint32_t)y, BY_SIZE_LARGE_SPREAD);
    op.scan = kind >= 50 && (y >> 34 & 1) != 0;
    if (op.scan)
        op.bytes = (op.bytes + 7) / 8 * 8;
    op.keep = (y >> 35 & 3) == 0;
    return op;
}

/* A type of `words` references. */
static const struct gh_type *
by_size_type(struct gh_job *job, struct by_size_state *s, size_t words)
{
    if (s->by_words[words] == NULL) {
        uint64_t *mask = s->mask;
        if (words % 64 != 0) { /* the last word of a mask must be clear beyond the type */
            mask = calloc(words / 64 + 1, sizeof *mask);
            CHECK(mask != NULL, "by_size_type: no memory");
            for (size_t i = 0; i < words; i++)
                mask[i / 64] |= UINT64_C(1) << i % 64;
        }
        s->by_words[words] = gh_type_new(gh_job_heap(job), "words", words * 8, words * 8, mask);
    }
    return s->by_words[words];
}

static void *
by_size_allocate(struct gh_job *job, struct gh_mutator *m, struct by_size_op op)
{
    struct by_size_state *s = gh_job_state(job);
    if (op.scan && (op.entrance & 1) != 0)
        return gh_new(m, by_size_type(job, s, op.bytes / 8));
    if (op.scan)
        return gh_new_array(m, s->word, op.bytes / 8);
    if (op.entrance == 0)
        return gh_new(m, gh_type_new(gh_job_heap(job), "bytes", op.bytes, 0, NULL));
    return gh_new_bytes(m, op.bytes);
}

static void
by_size_collect_and_read(struct gh_job *job, struct gh_mutator *m, struct gh_memstats *out)
{
    gh_gc(m);
    gh_gc(m);
    gh_read_memstats(gh_job_heap(job), m, out);
}

static bool
by_size_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    size_t mask_words = BY_SIZE_WORDS_MAX / 64 + 1;
    struct by_size_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "by-size: no memory");
    s->kept = calloc(BY_SIZE_OPS, sizeof *s->kept);
    s->by_words = calloc(BY_SIZE_WORDS_MAX + 1, sizeof(struct gh_type *));
    s->mask = malloc(mask_words * sizeof *s->mask);
    s->snapshots = calloc(BY_SIZE_SNAPSHOTS, sizeof *s->snapshots);
    if (s->kept == NULL || s->by_words == NULL || s->mask == NULL || s->snapshots == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "by-size: no memory");
    for (size_t i = 0; i < mask_words; i++)
        s->mask[i] = UINT64_MAX;
    s->word = gh_type_small(gh_job_heap(job), "word", 8, 1);
    gh_roots_add(gh_job_heap(job), s->kept, BY_SIZE_OPS);
    return true;
}

static bool
by_size_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct by_size_state *s = gh_job_state(job);
    uint64_t random = BY_SIZE_SEED, sum = 0;
    gh_set_gogc(m, GH_GOGC_OFF);
    by_size_collect_and_read(job, m, &s->snapshots[0]);
    for (int i = 0; i < BY_SIZE_OPS; i++) {
        struct by_size_op op = by_size_next(&random, &s->snapshots[0]);
        void *p = by_size_allocate(job, m, op);
        if (op.keep)
            gh_store(m, &s->kept[i], p);
        sum = sum * 31 + op.bytes * UINT64_C(4) + op.scan * UINT64_C(2) + op.keep;
    }
    gh_read_memstats(gh_job_heap(job), m, &s->snapshots[1]);
    by_size_collect_and_read(job, m, &s->snapshots[2]);
    for (int i = 0; i < BY_SIZE_OPS; i++)
        gh_store(m, &s->kept[i], NULL);
    by_size_collect_and_read(job, m, &s->snapshots[3]);
    gh_checksum(job, sum);
    printf("sequence %016" PRIx64 "\n", sum);
    return true;
}

/* Objects too large for a class: in `mallocs`, but in no row. */
static void
by_size_large(const struct gh_memstats *s, uint64_t *mallocs, uint64_t *frees)
{
    *mallocs = s->mallocs - s->tiny_allocs;
    *frees = s->frees - s->tiny_allocs;
    for (int c = 1; c < GH_CLASSES; c++) {
        *mallocs -= s->by_size[c].mallocs;
        *frees -= s->by_size[c].frees;
    }
}

static bool
by_size_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct by_size_state *state = gh_job_state(job);
    const struct gh_memstats *s = state->snapshots;
    for (int c = 1; c < GH_CLASSES; c++) {
        uint64_t mallocs = s[1].by_size[c].mallocs;
        if (s[2].by_size[c].mallocs != mallocs || s[3].by_size[c].mallocs != mallocs)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "by-size: class %d grew after the sequence had ended", c);
        printf("class %2d size %5u mallocs %" PRIu64 " frees %" PRIu64 " then %" PRIu64 "\n", c,
               s[0].by_size[c].size, mallocs - s[0].by_size[c].mallocs,
               s[2].by_size[c].frees - s[0].by_size[c].frees,
               s[3].by_size[c].frees - s[0].by_size[c].frees);
    }
    uint64_t mallocs[BY_SIZE_SNAPSHOTS], frees[BY_SIZE_SNAPSHOTS];
    for (int i = 0; i < BY_SIZE_SNAPSHOTS; i++)
        by_size_large(&s[i], &mallocs[i], &frees[i]);
    printf("large mallocs %" PRIu64 " frees %" PRIu64 " then %" PRIu64 "\n",
           mallocs[3] - mallocs[0], frees[2] - frees[0], frees[3] - frees[0]);
    printf("tiny %" PRIu64 "\n", s[3].tiny_allocs - s[0].tiny_allocs);
    printf("objects mallocs %" PRIu64 " frees %" PRIu64 " then %" PRIu64 "\n",
           s[3].mallocs - s[0].mallocs, s[2].frees - s[0].frees, s[3].frees - s[0].frees);
    printf("bytes allocated %" PRIu64 " live %" PRIu64 " then %" PRIu64 "\n",
           s[1].total_alloc - s[0].total_alloc, s[2].heap_alloc - s[0].heap_alloc,
           s[3].heap_alloc - s[0].heap_alloc);
    return true;
}

static void
by_size_teardown(struct gh_job *job)
{
    struct by_size_state *s = gh_job_state(job);
    if (s == NULL)
        return;
    if (s->snapshots != NULL && s->kept != NULL)
        gh_roots_remove(gh_job_heap(job), s->kept);
    free(s->kept);
    free(s->by_words);
    free(s->snapshots);
    /* the masks belong to types, which outlive the job */
    free(s);
}

GH_API const struct gh_workload gh_plugin_workload = {
    GH_WORKLOAD_HEADER,
    .name = "by-size",
    .help = "a fixed allocation sequence, and the counters of each size class",
    .max_threads = 1,
    .setup = by_size_setup,
    .run = by_size_run,
    .verify = by_size_verify,
    .teardown = by_size_teardown,
};
