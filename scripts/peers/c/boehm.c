/* boehm.c - the peer for the Boehm collector: the workloads of the malloc peer, where dropping
 * is forgetting, and those that only a collector has: mark and collect.
 *
 *   boehm WORKLOAD [--option value ...]
 *   boehm version         which version of the collector is at work
 *
 * The collector has thread-local allocation, and marks with as many threads as there are cores
 * (GC_MARKERS in the environment says otherwise). Two things differ from its defaults, both in
 * its favour. References from objects count only if they are to the beginning of an object,
 * which saves a byte in each, as nothing here needs more. And its threads for marking are
 * started at once, not with the first thread of the program, of which there may be none; but
 * not for workload start, which is over before the first collection. */
#include "scripts/peers/c/mb.h"
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
peer_start(const char *workload)
{
    GC_set_all_interior_pointers(0);
    GC_INIT();
    if (strcmp(workload, "start") != 0)
        GC_start_mark_threads();           /* GC_MARKERS=1: there are none */
    GC_set_warn_proc(GC_ignore_warn_proc); /* it warns of large blocks, which are wanted here */
}

const char *
peer_version(char *text, size_t bytes)
{
    unsigned v = GC_get_version();
    snprintf(text, bytes, "boehm %u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
    return text;
}

/* --- mb --- */

enum { MB_THREADS = 256 };

static struct option mb_options[] = {
    {"class", "n16", MB_CLASS_NAMES, 0, 0}, {"mode", "gc", "gc nogc", 0, 0},
    {"n", "0", NULL, 0, MB_N_MAX},          {"rounds", "3", NULL, 1, 1000},
    {"mib", "512", NULL, 1, 1 << 20},       {.name = NULL}};

/* A thread's; 128 bytes from the next. */
struct mb_sink {
    _Alignas(128) void *volatile p;
};
static struct mb_sink sinks[MB_THREADS];

typedef void mb_loop(struct mb_sink *sink, uint64_t n);

#define MB_LOOP(name, bytes, refs, count, word)                           \
    static void mb_loop_##name(struct mb_sink *sink, uint64_t n)          \
    {                                                                     \
        for (uint64_t i = 0; i < n; i++) {                                \
            void *p = refs ? memory_new(bytes) : memory_new_plain(bytes); \
            MB_WRITE(p, i, word);                                         \
            sink->p = p;                                                  \
        }                                                                 \
    }
MB_CLASSES(MB_LOOP)

static const struct mb_class {
    const char *name;
    uint64_t n;
    size_t bytes;
    int word;
    mb_loop *loop;
} mb_classes[] = {
#define MB_ROW(name, bytes, refs, count, word) {#name, count, bytes, word, mb_loop_##name},
    MB_CLASSES(MB_ROW)
#undef MB_ROW
};

struct mb {
    const struct mb_class *class;
    uint64_t n, rounds;
};

static void
mb_thread(int t, void *arg)
{
    const struct mb *s = arg;
    s->class->loop(&sinks[t], s->n);
}

/* Rounds with the collector off, and collections in between that do not count; nor does the
 * first round. */
static void
mb_rounds(struct mb *s, int threads, struct stopwatch *w)
{
    struct stopwatch warmup = {0};
    for (uint64_t r = 0; r <= s->rounds; r++) {
        for (int t = 0; t < threads; t++)
            sinks[t].p = NULL;
        memory_collect();
        memory_collect();
        memory_pause();
        parallel(threads, r == 0 ? &warmup : w, mb_thread, s);
        memory_resume();
    }
}

static void
mb_run(int threads)
{
    struct stopwatch w = {0};
    struct mb s = {.class = mb_classes, .n = option_number("n"), .rounds = 1};
    while (!option_is("class", s.class->name))
        s.class ++;
    if (option_is("mode", "gc")) {
        s.n = s.n == 0 ? s.class->n : s.n;
        parallel(threads, &w, mb_thread, &s);
    } else {
        s.n = (option_number("mib") << 20) / s.class->bytes / (uint64_t)threads;
        s.n = s.n == 0 ? 1 : s.n;
        s.rounds = option_number("rounds");
        mb_rounds(&s, threads, &w);
    }
    for (int t = 0; t < threads; t++) {
        const uint64_t *last = sinks[t].p;
        uint64_t want = s.class->word < 0 ? 0 : s.n - 1;
        uint64_t found = last[s.class->word < 0 ? 0 : s.class->word];
        if (found != want)
            fail("thread %d: the last object holds %" PRIu64 ", not %" PRIu64, t, found, want);
    }
    emit_checksum(s.n * (uint64_t)threads);
    double ops = (double)(s.n * s.rounds);
    emit("ns_per_op", (double)w.wall_ns / ops, "ns");
    emit("cpu_ns_per_op", (double)w.cpu_ns / (ops * threads), "ns");
    emit_stopwatch(&w);
}

/* --- mark --- */

enum { MARK_FAN = 128, MARK_COLLECTIONS_MAX = 1000, MARK_RAND_SEED = 7, MARK_SHUF_SEED = 9 };

static struct option mark_options[] = {{"shape", "tree", "tree rand list shuf", 0, 0},
                                       {"log2", "0", NULL, 0, 30},
                                       {"collections", "5", NULL, 1, MARK_COLLECTIONS_MAX},
                                       {.name = NULL}};

struct mark_tree {
    struct mark_tree *left, *right;
    uint64_t level, one;
};
struct mark_rand {
    struct mark_rand *p[MARK_FAN];
};
struct mark_list {
    struct mark_list *next;
    uint64_t w[7];
};

/* All that is alive: the tree, the table or the first node. */
static void *volatile root;

/* Parent, then left subtree, then right. */
static struct mark_tree *
mark_tree_make(uint64_t levels)
{
    if (levels == 0)
        return NULL;
    struct mark_tree *n = memory_new(sizeof *n);
    n->level = levels;
    n->one = 1;
    n->left = mark_tree_make(levels - 1);
    n->right = mark_tree_make(levels - 1);
    return n;
}

static uint64_t
mark_build_tree(uint64_t log2)
{
    root = mark_tree_make(log2);
    return (UINT64_C(1) << log2) - 1;
}

static uint64_t
mark_tree_nodes(const struct mark_tree *n)
{
    return n == NULL ? 0 : n->one + mark_tree_nodes(n->left) + mark_tree_nodes(n->right);
}

static uint64_t
mark_count_tree(uint64_t objects)
{
    (void)objects;
    return mark_tree_nodes(root);
}

static uint64_t
mark_build_rand(uint64_t log2)
{
    uint64_t n = UINT64_C(1) << log2, seed = MARK_RAND_SEED;
    struct mark_rand **all = memory_table(n);
    root = all;
    for (uint64_t i = 0; i < n; i++)
        all[i] = memory_new(sizeof **all);
    for (uint64_t i = 0; i < n; i++)
        for (int j = 0; j < MARK_FAN; j++)
            all[i]->p[j] = all[random_index(high(random_draw(&seed)), n)];
    return n;
}

static uint64_t
mark_count_rand(uint64_t objects)
{
    struct mark_rand **all = root;
    uint64_t alive = 0;
    for (uint64_t i = 0; i < objects; i++)
        alive += all[i]->p[MARK_FAN - 1] != NULL;
    return alive;
}

static struct mark_list *
mark_list_node(uint64_t i)
{
    struct mark_list *x = memory_new(sizeof *x);
    *x = (struct mark_list){.w = {i}};
    return x;
}

static uint64_t
mark_build_list(uint64_t log2)
{
    uint64_t n = UINT64_C(1) << log2;
    struct mark_list *last = mark_list_node(0);
    root = last;
    for (uint64_t i = 1; i < n; i++)
        last = last->next = mark_list_node(i);
    return n;
}

static uint64_t
mark_build_shuf(uint64_t log2)
{
    uint64_t n = UINT64_C(1) << log2, seed = MARK_SHUF_SEED;
    struct mark_list **table = memory_table(n);
    root = table;
    for (uint64_t i = 0; i < n; i++)
        table[i] = mark_list_node(i);
    for (uint64_t i = n - 1; i > 0; i--) {
        uint64_t j = random_index(high(random_draw(&seed)), i + 1);
        struct mark_list *x = table[i];
        table[i] = table[j];
        table[j] = x;
    }
    for (uint64_t i = 0; i + 1 < n; i++)
        table[i]->next = table[i + 1];
    root = table[0];
    GC_FREE(table); /* a stale reference on the stack would keep it */
    return n;
}

static uint64_t
mark_count_list(uint64_t objects)
{
    (void)objects;
    uint64_t alive = 0;
    for (const struct mark_list *x = root; x != NULL; x = x->next)
        alive++;
    return alive;
}

static const struct mark_shape {
    const char *name;
    uint64_t log2; /* default size: 1 GiB */
    size_t bytes;  /* of an object */
    double refs;   /* met per object, the table's included */
    uint64_t (*build)(uint64_t log2);
    uint64_t (*count)(uint64_t objects);
} mark_shapes[] = {
    {"tree", 25, sizeof(struct mark_tree), 1, mark_build_tree, mark_count_tree},
    {"rand", 20, sizeof(struct mark_rand), MARK_FAN + 1, mark_build_rand, mark_count_rand},
    {"list", 24, sizeof(struct mark_list), 1, mark_build_list, mark_count_list},
    {"shuf", 24, sizeof(struct mark_list), 1, mark_build_shuf, mark_count_list},
};

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. */
static double
median(double *values, uint64_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static void
mark_emit(const struct mark_shape *shape, double objects, double wall, double cpu)
{
    double bytes = objects * (double)shape->bytes;
    double refs = shape->build == mark_build_tree ? objects - 1 : objects * shape->refs;
    emit("GBps_wall", bytes / wall / 1e9, "GB/s");
    emit("GBps_core", bytes / cpu / 1e9, "GB/s");
    emit("ns_obj_wall", wall * 1e9 / objects, "ns");
    emit("ns_obj_core", cpu * 1e9 / objects, "ns");
    emit("ns_ptr_core", refs > 0 ? cpu * 1e9 / refs : 0, "ns");
}

static void
mark_run(int threads)
{
    (void)threads;
    static double wall[MARK_COLLECTIONS_MAX], cpu[MARK_COLLECTIONS_MAX];
    struct stopwatch w = {0};
    const struct mark_shape *shape = mark_shapes;
    while (!option_is("shape", shape->name))
        shape++;
    uint64_t log2 = option_number("log2"), n = option_number("collections");
    int64_t from = now_ns();
    uint64_t objects = shape->build(log2 == 0 ? shape->log2 : log2);
    emit("build", (double)(now_ns() - from) / 1e9, "s");
    memory_collect();
    for (uint64_t k = 0; k < n; k++) {
        struct stopwatch before = w;
        stopwatch_begin(&w);
        memory_collect();
        stopwatch_end(&w);
        wall[k] = (double)(w.wall_ns - before.wall_ns) / 1e9;
        cpu[k] = (double)(w.cpu_ns - before.cpu_ns) / 1e9;
    }
    uint64_t alive = shape->count(objects);
    if (alive != objects)
        fail("%" PRIu64 " objects are alive, %" PRIu64 " were made", alive, objects);
    double wall_median = median(wall, n), cpu_median = median(cpu, n);
    emit_checksum(alive);
    emit("gc_wall_med", wall_median, "s");
    emit("gc_wall_min", wall[0], "s");
    emit("gc_wall_max", wall[n - 1], "s");
    emit("gc_cpu_med", cpu_median, "s");
    mark_emit(shape, (double)objects, wall_median, cpu_median);
    emit_stopwatch(&w);
}

/* --- collect --- */

enum { COLLECT_UNCOUNTED = 10 };

static struct option collect_options[] = {{"n", "1k", NULL, 1, 1000000000}, {.name = NULL}};

static void
collect_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    uint64_t n = option_number("n");
    for (int i = 0; i < COLLECT_UNCOUNTED; i++)
        memory_collect();
    GC_word before = GC_get_gc_no();
    stopwatch_begin(&w);
    for (uint64_t i = 0; i < n; i++)
        memory_collect();
    stopwatch_end(&w);
    uint64_t done = GC_get_gc_no() - before;
    if (done != n)
        fail("%" PRIu64 " collections were made, not %" PRIu64, done, n);
    emit_checksum(done);
    emit("ns_per_collection", (double)w.wall_ns / (double)n, "ns");
    emit("cpu_ns_per_collection", (double)w.cpu_ns / (double)n, "ns");
    emit_stopwatch(&w);
}

const struct workload peer_workloads[] = {
    {"binary-trees", binary_trees_options, true, binary_trees_run},
    {"gcbench", gcbench_options, false, gcbench_run},
    {"mb", mb_options, true, mb_run},
    {"mark", mark_options, false, mark_run},
    {"win1k", win1k_options, true, win1k_run},
    {"win64", win64_options, true, win64_run},
    {"churn", churn_options, true, churn_run},
    {"sweep", sweep_options, false, sweep_run},
    {"large", large_options, false, large_run},
    {"frag", frag_options, false, frag_run},
    {"collect", collect_options, false, collect_run},
    {"start", NULL, false, start_run},
    {.name = NULL},
};
