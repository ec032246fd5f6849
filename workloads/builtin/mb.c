/* mb.c - workload `mb`: the allocation path and nothing else. Each thread allocates objects of
 * one class, writes one word of each and stores it in its sink, a root of its own. Nothing else
 * lives.
 *
 * The loops are stamped out per class, so that class and sink are constants of the loop and it
 * holds no more than allocation, write, store. Sinks are 128 bytes apart: threads share no
 * line. */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MB_CHUNK_BYTES = 32 << 20 };

struct mb_p16 {
    struct mb_p16 *a, *b;
};
struct mb_p64 {
    struct mb_p64 *a, *b;
    uint64_t w[6];
};

struct mb_sink {
    GH_ALIGNED(128) void *p;
};

/* Allocate objects number from .. to-1 of a thread. */
typedef void mb_loop(struct gh_mutator *m, const struct gh_type *type, void **sink,
                     uint64_t from, uint64_t to);

#define MB_LOOP(name, allocate, write)                                                     \
    static void mb_loop_##name(struct gh_mutator *m, GH_UNUSED const struct gh_type *type, \
                               void **sink, uint64_t from, uint64_t to)                    \
    {                                                                                      \
        for (uint64_t i = from; i < to; i++) {                                             \
            void *p = (allocate);                                                          \
            write;                                                                         \
            gh_store(m, sink, p);                                                          \
        }                                                                                  \
    }

MB_LOOP(tiny, gh_new_tiny(m, 8), *(uint64_t *)p = i)
MB_LOOP(noscan, gh_new(m, type), *(uint64_t *)p = i)
MB_LOOP(refs, gh_new(m, type), gh_store(m, p, NULL))
MB_LOOP(p64, gh_new(m, type), ((struct mb_p64 *)p)->w[0] = i)

static const uint64_t mb_all_refs[2] = {UINT64_MAX, UINT64_MAX};
static const uint64_t mb_two_refs[1] = {3};

struct mb_class {
    const char *name;
    size_t bytes;
    size_t ptr_bytes;
    const uint64_t *ptr_mask;
    uint64_t n; /* objects a thread makes in mode gc */
    mb_loop *loop;
    int counter; /* which word carries the loop counter; -1: none, all words are references */
};

static const struct mb_class mb_classes[] = {
    {"n8", 8, 0, NULL, 50000000, mb_loop_tiny, 0},
    {"n16", 16, 0, NULL, 25000000, mb_loop_noscan, 0},
    {"p16", 16, 16, mb_two_refs, 25000000, mb_loop_refs, -1},
    {"p64", 64, 16, mb_two_refs, 12000000, mb_loop_p64, 2},
    {"n256", 256, 0, NULL, 6000000, mb_loop_noscan, 0},
    {"p1024", 1024, 1024, mb_all_refs, 1500000, mb_loop_refs, -1},
    {"n4096", 4096, 0, NULL, 1000000, mb_loop_noscan, 0},
    {"n32k", 32768, 0, NULL, 150000, mb_loop_noscan, 0},
    {"n64k", 65536, 0, NULL, 80000, mb_loop_noscan, 0},
};
enum { MB_CLASSES = sizeof mb_classes / sizeof mb_classes[0] };

struct mb_state {
    const struct mb_class *class;
    const struct gh_type *type;
    struct mb_sink *sinks; /* one a thread, each a registered root */
    int threads;
    uint64_t n;      /* objects a thread and round */
    uint64_t rounds; /* timed */
};

static void
mb_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct mb_state *s = arg;
    uint64_t chunk = MB_CHUNK_BYTES / s->class->bytes;
    for (uint64_t i = 0; i < s->n && !gh_interrupted(job);) {
        uint64_t to = s->n - i < chunk ? s->n : i + chunk;
        s->class->loop(m, s->type, &s->sinks[t].p, i, to);
        i = to;
        if (t == 0)
            gh_progress(job, i, s->n);
    }
}

static bool
mb_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    struct mb_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "mb: no memory");
    const char *name = gh_job_text(job, "class");
    for (s->class = mb_classes; strcmp(s->class->name, name) != 0; s->class ++)
        CHECK(s->class < mb_classes + MB_CLASSES, "mb_setup: class %s is in no row", name);
    s->threads = gh_job_threads(job);
    s->sinks = aligned_alloc(128, (size_t)s->threads * sizeof *s->sinks);
    if (s->sinks == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "mb: no memory for %d sinks", s->threads);
    for (int t = 0; t < s->threads; t++) {
        s->sinks[t].p = NULL;
        gh_roots_add(heap, &s->sinks[t].p, 1);
    }
    s->type = gh_type_new(heap, s->class->name, s->class->bytes, s->class->ptr_bytes,
                          s->class->ptr_mask);
    return true;
}

/* The small-heap case: collections run, everything is timed. */
static bool
mb_run_gc(struct gh_job *job, struct gh_mutator *m, struct mb_state *s, struct gh_error *err)
{
    s->n = (uint64_t)gh_job_int(job, "n");
    s->n = s->n == 0 ? s->class->n : s->n;
    s->rounds = 1;
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->threads, mb_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* The allocation path alone: collector off, collections between the rounds untimed, and a first
 * round that only warms up. */
static bool
mb_run_nogc(struct gh_job *job, struct gh_mutator *m, struct mb_state *s, struct gh_error *err)
{
    uint64_t bytes = (uint64_t)gh_job_int(job, "mib") << 20;
    s->n = bytes / s->class->bytes / (uint64_t)s->threads;
    s->n = s->n == 0 ? 1 : s->n;
    s->rounds = (uint64_t)gh_job_int(job, "rounds");
    int gogc = gh_set_gogc(m, GH_GOGC_OFF);
    bool ok = true;
    for (uint64_t r = 0; r <= s->rounds && ok && !gh_interrupted(job); r++) {
        for (int t = 0; t < s->threads; t++)
            gh_store(m, &s->sinks[t].p, NULL);
        gh_gc(m);
        gh_gc(m);
        bool counted = r > 0;
        if (counted)
            gh_timer_begin(job);
        ok = gh_parallel(job, m, s->threads, mb_thread, s, err);
        if (counted)
            gh_timer_end(job);
    }
    gh_set_gogc(m, gogc);
    return ok;
}

static bool
mb_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct mb_state *s = gh_job_state(job);
    return strcmp(gh_job_text(job, "mode"), "gc") == 0 ? mb_run_gc(job, m, s, err)
                                                       : mb_run_nogc(job, m, s, err);
}

/* Each sink must hold its thread's last object, as it was written. */
static bool
mb_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct mb_state *s = gh_job_state(job);
    uint64_t sum = 0;
    for (int t = 0; t < s->threads; t++) {
        const uint64_t *last = s->sinks[t].p;
        if (last == NULL)
            return gh_error_set(err, GH_EXIT_FAILED, "mb: thread %d stored nothing", t);
        for (size_t i = 0; i < s->class->bytes / 8; i++) {
            uint64_t want = (int)i == s->class->counter ? s->n - 1 : 0;
            if (last[i] != want)
                return gh_error_set(err, GH_EXIT_FAILED,
                                    "mb: thread %d: word %zu of the last object is %" PRIu64
                                    ", not %" PRIu64,
                                    t, i, last[i], want);
        }
        sum += s->n;
    }
    gh_checksum(job, sum);
    double ops = (double)(s->n * s->rounds);
    gh_emit(job, "ns_per_op", gh_timer_wall(job) * 1e9 / ops, "ns");
    gh_emit(job, "cpu_ns_per_op", gh_timer_cpu(job) * 1e9 / (ops * s->threads), "ns");
    return true;
}

static void
mb_teardown(struct gh_job *job)
{
    struct mb_state *s = gh_job_state(job);
    if (s != NULL && s->sinks != NULL)
        for (int t = 0; t < s->threads; t++)
            gh_roots_remove(gh_job_heap(job), &s->sinks[t].p);
    if (s != NULL)
        free(s->sinks);
    free(s);
}

static const char *const mb_class_names[] = {"n8",    "n16",   "p16",  "p64",  "n256",
                                             "p1024", "n4096", "n32k", "n64k", NULL};
static const char *const mb_modes[] = {"gc", "nogc", NULL};

static const struct gh_option mb_options[] = {
    {.name = "class",
     .kind = GH_OPT_CHOICE,
     .help = "what is allocated: n = no references, p = with; then bytes",
     .value = "n16",
     .choices = mb_class_names},
    {.name = "mode",
     .kind = GH_OPT_CHOICE,
     .help = "gc: collector on; nogc: the allocation path alone",
     .value = "gc",
     .choices = mb_modes},
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "mode gc: objects per thread; 0 = the class's own number",
     .value = "0",
     .min = 0,
     .max = INT64_C(1000000000000)},
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "mode nogc: timed rounds",
     .value = "3",
     .min = 1,
     .max = 1000},
    {.name = "mib",
     .kind = GH_OPT_INT,
     .help = "mode nogc: MiB allocated in a round by all threads",
     .value = "512",
     .min = 1,
     .max = 1 << 20},
    {.name = NULL},
};

const struct gh_workload workload_mb = {
    GH_WORKLOAD_HEADER,
    .name = "mb",
    .help = "allocation microbenchmark: one size class, nothing else live",
    .about =
        "Each thread allocates objects of the class, writes a word of each and stores it in "
        "its sink. Mode gc: with the collector on, n objects a thread. Mode nogc: rounds of "
        "two untimed collections and then --mib MiB allocated with the collector off; one "
        "more round, first, is not counted.\n"
        "Reported: wall time of an operation in its thread, CPU time of an operation.",
    .options = mb_options,
    .max_threads = 256,
    .setup = mb_setup,
    .run = mb_run,
    .verify = mb_verify,
    .teardown = mb_teardown,
};
