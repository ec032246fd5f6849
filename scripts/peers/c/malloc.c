/* malloc.c - the peer for all that goes by malloc and free: glibc's, or whatever is linked or
 * preloaded in its place. Lifetimes are written out by hand in the workloads' files; here are
 * the table, what allocators call differently, and workload mb.
 *
 *   malloc WORKLOAD [--option value ...]
 *   malloc version        which allocator is at work
 *
 * mb has three modes. imm: each object is freed at once, which flatters, as the same memory
 * comes again from the nearest cache. batch: MB_BATCH objects are made, then freed in the order
 * in which they were made. batchz: the same with calloc, which gives the contents Go and goheap
 * give. */
#include "scripts/peers/c/mb.h"
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <gnu/libc-version.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

/* --- the allocators: whose functions are there tells which one it is --- */

extern int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
    __attribute__((weak));
extern const char *tc_version(int *major, int *minor, const char **patch) __attribute__((weak));
extern void MallocExtension_ReleaseFreeMemory(void) __attribute__((weak));
extern int mi_version(void) __attribute__((weak));
extern void mi_collect(bool force) __attribute__((weak));

void
peer_start(const char *workload)
{
    (void)workload;
}

const char *
peer_version(char *text, size_t bytes)
{
    const char *version = NULL;
    size_t length = sizeof version;
    if (mallctl != NULL && mallctl("version", &version, &length, NULL, 0) == 0)
        snprintf(text, bytes, "jemalloc %s", version);
    else if (tc_version != NULL)
        snprintf(text, bytes, "tcmalloc (%s)", tc_version(NULL, NULL, NULL));
    else if (mi_version != NULL)
        snprintf(text, bytes, "mimalloc %d.%d.%d", mi_version() / 100, mi_version() / 10 % 10,
                 mi_version() % 10);
    else
        snprintf(text, bytes, "glibc %s", gnu_get_libc_version());
    return text;
}

void
memory_release(void)
{
    if (mallctl != NULL) /* 4096 stands for all arenas */
        mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    else if (MallocExtension_ReleaseFreeMemory != NULL)
        MallocExtension_ReleaseFreeMemory();
    else if (mi_collect != NULL)
        mi_collect(true);
    else
        malloc_trim(0);
}

/* --- mb --- */

enum { MB_BATCH = 1000, MB_THREADS = 256 };

static struct option mb_options[] = {{"class", "n16", MB_CLASS_NAMES, 0, 0},
                                     {"mode", "batch", "imm batch batchz", 0, 0},
                                     {"n", "0", NULL, 0, MB_N_MAX},
                                     {.name = NULL}};

/* A thread's; 128 bytes from the next. */
struct mb_sink {
    _Alignas(128) void *volatile p;
};
static struct mb_sink sinks[MB_THREADS];

/* Make n objects, and free all but the last, which stays in the sink. */
typedef void mb_loop(struct mb_sink *sink, uint64_t n);

#define MB_LOOPS(name, bytes, refs, count, word)                   \
    static void mb_imm_##name(struct mb_sink *sink, uint64_t n)    \
    {                                                              \
        for (uint64_t i = 0; i < n; i++) {                         \
            void *p = must(malloc(bytes));                         \
            MB_WRITE(p, i, word);                                  \
            sink->p = p;                                           \
            if (i + 1 < n)                                         \
                free(p);                                           \
        }                                                          \
    }                                                              \
    static void mb_batch_##name(struct mb_sink *sink, uint64_t n)  \
    {                                                              \
        mb_batches(sink, n, mb_make_##name);                       \
    }                                                              \
    static void mb_batchz_##name(struct mb_sink *sink, uint64_t n) \
    {                                                              \
        mb_batches(sink, n, mb_makez_##name);                      \
    }
#define MB_MAKES(name, bytes, refs, count, word)    \
    static inline void *mb_make_##name(uint64_t i)  \
    {                                               \
        void *p = must(malloc(bytes));              \
        MB_WRITE(p, i, word);                       \
        return p;                                   \
    }                                               \
    static inline void *mb_makez_##name(uint64_t i) \
    {                                               \
        void *p = must(calloc(1, bytes));           \
        MB_WRITE(p, i, word);                       \
        return p;                                   \
    }

/* Inlined into each of its callers, with `make` a constant. */
static inline __attribute__((always_inline)) void
mb_batches(struct mb_sink *sink, uint64_t n, void *(*make)(uint64_t i))
{
    void *batch[MB_BATCH];
    for (uint64_t from = 0; from < n; from += MB_BATCH) {
        uint64_t end = n - from < MB_BATCH ? n : from + MB_BATCH;
        for (uint64_t i = from; i < end; i++) {
            void *p = make(i);
            sink->p = p;
            batch[i - from] = p;
        }
        uint64_t freed = end == n ? end - 1 : end;
        for (uint64_t i = from; i < freed; i++)
            free(batch[i - from]);
    }
}

MB_CLASSES(MB_MAKES)
MB_CLASSES(MB_LOOPS)

static const struct mb_class {
    const char *name;
    uint64_t n;
    int word;
    size_t bytes;
    mb_loop *imm, *batch, *batchz;
} mb_classes[] = {
#define MB_ROW(name, bytes, refs, count, word) \
    {#name, count, word, bytes, mb_imm_##name, mb_batch_##name, mb_batchz_##name},
    MB_CLASSES(MB_ROW)
#undef MB_ROW
};

struct mb {
    mb_loop *loop;
    uint64_t n;
};

static void
mb_thread(int t, void *arg)
{
    const struct mb *s = arg;
    s->loop(&sinks[t], s->n);
}

/* The last object of each thread must be as it was written. */
static void
mb_check(const struct mb_class *class, const struct mb *s, int threads, bool zeroed)
{
    for (int t = 0; t < threads; t++) {
        const uint64_t *last = sinks[t].p;
        for (int i = 0; i < (int)(class->bytes / 8); i++) {
            bool written = i == (class->word < 0 ? 0 : class->word);
            uint64_t want = i == class->word ? s->n - 1 : 0;
            if ((written || zeroed) && last[i] != want)
                fail("thread %d: word %d of the last object is %" PRIu64 ", not %" PRIu64, t, i,
                     last[i], want);
        }
        free(sinks[t].p);
    }
}

static void
mb_run(int threads)
{
    struct stopwatch w = {0};
    const struct mb_class *class = mb_classes;
    while (!option_is("class", class->name))
        class ++;
    struct mb s = {.n = option_number("n"), .loop = class->batch};
    if (option_is("mode", "imm"))
        s.loop = class->imm;
    if (option_is("mode", "batchz"))
        s.loop = class->batchz;
    s.n = s.n == 0 ? class->n : s.n;
    parallel(threads, &w, mb_thread, &s);
    mb_check(class, &s, threads, option_is("mode", "batchz"));
    emit_checksum(s.n * (uint64_t)threads);
    emit("ns_per_op", (double)w.wall_ns / (double)s.n, "ns");
    emit("cpu_ns_per_op", (double)w.cpu_ns / ((double)s.n * threads), "ns");
    emit_stopwatch(&w);
}

const struct workload peer_workloads[] = {
    {"binary-trees", binary_trees_options, true, binary_trees_run},
    {"gcbench", gcbench_options, false, gcbench_run},
    {"mb", mb_options, true, mb_run},
    {"win1k", win1k_options, true, win1k_run},
    {"win64", win64_options, true, win64_run},
    {"churn", churn_options, true, churn_run},
    {"sweep", sweep_options, false, sweep_run},
    {"large", large_options, false, large_run},
    {"frag", frag_options, false, frag_run},
    {"start", NULL, false, start_run},
    {.name = NULL},
};
