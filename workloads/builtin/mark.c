/* mark.c - workload `mark`: how fast a live heap is marked. A heap of one shape is built, then
 * collected: once uncounted, then some times timed. The shapes differ in what they ask of a
 * marker: tree (depth-first order in memory), rand (no locality at all), list (no parallelism),
 * shuf (neither). */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MARK_RUNS_MAX = 1000, MARK_FAN = 128 };

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

struct mark_state;

struct mark_shape {
    const char *name;
    int log2;               /* default size */
    size_t object_bytes;    /* of one object */
    double refs_per_object; /* references met per object, roots' table included */
    void (*build)(struct gh_job *job, struct gh_mutator *m, struct mark_state *s);
    uint64_t (*count)(struct gh_mutator *m, struct mark_state *s);
};

struct mark_state {
    const struct mark_shape *shape;
    const struct gh_type *tree, *rand, *list, *ref;
    void *root; /* registered: the tree, the table or the first node */
    int log2;
    uint64_t objects;
    int runs; /* counted collections */
    double build_s, wall_s[MARK_RUNS_MAX], cpu_s[MARK_RUNS_MAX];
};

/* --- tree: parent, then left subtree, then right --- */

static struct mark_tree *
mark_tree_make(struct gh_mutator *m, const struct gh_type *type, int levels)
{
    if (levels == 0)
        return NULL;
    GH_FRAME(m, 1);
    struct mark_tree *n = gh_new(m, type);
    GH_SLOT(m, struct mark_tree, 0) = n;
    n->level = (uint64_t)levels;
    n->one = 1;
    struct mark_tree *child = mark_tree_make(m, type, levels - 1);
    gh_store(m, &GH_SLOT(m, struct mark_tree, 0)->left, child);
    child = mark_tree_make(m, type, levels - 1);
    gh_store(m, &GH_SLOT(m, struct mark_tree, 0)->right, child);
    return GH_SLOT(m, struct mark_tree, 0);
}

static void
mark_build_tree(struct gh_job *job, struct gh_mutator *m, struct mark_state *s)
{
    (void)job;
    struct mark_tree *n = mark_tree_make(m, s->tree, s->log2);
    gh_store(m, &s->root, n);
    s->objects = (UINT64_C(1) << s->log2) - 1;
}

static uint64_t
mark_tree_nodes(const struct mark_tree *n)
{
    return n == NULL ? 0 : n->one + mark_tree_nodes(n->left) + mark_tree_nodes(n->right);
}

static uint64_t
mark_count_tree(struct gh_mutator *m, struct mark_state *s)
{
    (void)m;
    return mark_tree_nodes(s->root);
}

/* --- rand: a table of objects, each full of references to random others --- */

static void
mark_build_rand(struct gh_job *job, struct gh_mutator *m, struct mark_state *s)
{
    uint64_t n = UINT64_C(1) << s->log2, seed = 7;
    void *table = gh_new_array(m, s->ref, n);
    gh_store(m, &s->root, table);
    for (uint64_t i = 0; i < n; i++) {
        struct mark_rand *o = gh_new(m, s->rand);
        gh_store(m, &((struct mark_rand **)s->root)[i], o);
    }
    for (uint64_t i = 0; i < n && !gh_interrupted(job); i++) {
        struct mark_rand **all = s->root;
        for (uint64_t j = 0; j < MARK_FAN; j++)
            gh_store(m, &all[i]->p[j], all[gh_random_below(gh_random(&seed) >> 32, n)]);
        gh_poll(m);
    }
    s->objects = n;
}

static uint64_t
mark_count_rand(struct gh_mutator *m, struct mark_state *s)
{
    (void)m;
    struct mark_rand **all = s->root;
    uint64_t alive = 0;
    for (uint64_t i = 0; i < s->objects; i++)
        alive += all[i]->p[MARK_FAN - 1] != NULL;
    return alive;
}

/* --- list, shuf: one chain, in the order of allocation or in none --- */

static void
mark_build_list(struct gh_job *job, struct gh_mutator *m, struct mark_state *s)
{
    (void)job;
    s->objects = UINT64_C(1) << s->log2;
    GH_FRAME(m, 1); /* the last node */
    struct mark_list *x = gh_new(m, s->list);
    gh_store(m, &s->root, x);
    GH_SLOT(m, struct mark_list, 0) = x;
    for (uint64_t i = 1; i < s->objects; i++) {
        x = gh_new(m, s->list);
        x->w[0] = i;
        gh_store(m, &GH_SLOT(m, struct mark_list, 0)->next, x);
        GH_SLOT(m, struct mark_list, 0) = x;
    }
}

static void
mark_build_shuf(struct gh_job *job, struct gh_mutator *m, struct mark_state *s)
{
    (void)job;
    uint64_t n = s->objects = UINT64_C(1) << s->log2, seed = 9;
    GH_FRAME(m, 1); /* the table, dropped at the end */
    struct mark_list **table = gh_new_array(m, s->ref, n);
    GH_SLOT(m, struct mark_list *, 0) = table;
    for (uint64_t i = 0; i < n; i++) {
        struct mark_list *x = gh_new(m, s->list);
        x->w[0] = i;
        gh_store(m, &GH_SLOT(m, struct mark_list *, 0)[i], x);
    }
    for (uint64_t i = n - 1; i > 0; i--) {
        uint64_t j = gh_random_below(gh_random(&seed) >> 32, i + 1);
        table = GH_SLOT(m, struct mark_list *, 0);
        struct mark_list *x = table[i];
        gh_store(m, &table[i], table[j]);
        gh_store(m, &table[j], x);
        gh_poll(m);
    }
    for (uint64_t i = 0; i + 1 < n; i++) {
        table = GH_SLOT(m, struct mark_list *, 0);
        gh_store(m, &table[i]->next, table[i + 1]);
        gh_poll(m);
    }
    gh_store(m, &s->root, GH_SLOT(m, struct mark_list *, 0)[0]);
}

static uint64_t
mark_count_list(struct gh_mutator *m, struct mark_state *s)
{
    (void)m;
    uint64_t alive = 0;
    for (const struct mark_list *x = s->root; x != NULL; x = x->next)
        alive++;
    return alive;
}

static const struct mark_shape mark_shapes[] = {
    {"tree", 25, sizeof(struct mark_tree), 1, mark_build_tree, mark_count_tree},
    {"rand", 20, sizeof(struct mark_rand), MARK_FAN + 1, mark_build_rand, mark_count_rand},
    {"list", 24, sizeof(struct mark_list), 1, mark_build_list, mark_count_list},
    {"shuf", 24, sizeof(struct mark_list), 1, mark_build_shuf, mark_count_list},
};
enum { MARK_SHAPES = sizeof mark_shapes / sizeof mark_shapes[0] };

/* --- the run --- */

static bool
mark_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    static const uint64_t all_refs[MARK_FAN / 64] = {UINT64_MAX, UINT64_MAX};
    struct gh_heap *heap = gh_job_heap(job);
    struct mark_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "mark: no memory");
    const char *name = gh_job_text(job, "shape");
    for (s->shape = mark_shapes; strcmp(s->shape->name, name) != 0; s->shape++)
        CHECK(s->shape < mark_shapes + MARK_SHAPES, "mark_setup: shape %s is in no row", name);
    s->log2 = (int)gh_job_int(job, "log2");
    s->log2 = s->log2 == 0 ? s->shape->log2 : s->log2;
    s->runs = (int)gh_job_int(job, "collections");
    s->tree = gh_type_small(heap, "mark_tree", sizeof(struct mark_tree), 3);
    s->rand = gh_type_new(heap, "mark_rand", sizeof(struct mark_rand), MARK_FAN * 8, all_refs);
    s->list = gh_type_small(heap, "mark_list", sizeof(struct mark_list), 1);
    s->ref = gh_type_small(heap, "mark_ref", sizeof(void *), 1);
    gh_roots_add(heap, &s->root, 1);
    int64_t from = os_now_ns();
    s->shape->build(job, m, s);
    s->build_s = (double)(os_now_ns() - from) / 1e9;
    return true;
}

static bool
mark_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct mark_state *s = gh_job_state(job);
    gh_gc(m);
    for (int k = 0; k < s->runs && !gh_interrupted(job); k++) {
        double wall = gh_timer_wall(job), cpu = gh_timer_cpu(job);
        gh_timer_begin(job);
        gh_gc(m);
        gh_timer_end(job);
        s->wall_s[k] = gh_timer_wall(job) - wall;
        s->cpu_s[k] = gh_timer_cpu(job) - cpu;
        gh_progress(job, (uint64_t)k + 1, (uint64_t)s->runs);
    }
    return true;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n sorted values. */
static double
mark_median(const double *sorted, int n)
{
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static void
mark_emit(struct gh_job *job, struct mark_state *s)
{
    double objects = (double)s->objects, bytes = objects * (double)s->shape->object_bytes;
    qsort(s->wall_s, (size_t)s->runs, sizeof *s->wall_s, compare_doubles);
    qsort(s->cpu_s, (size_t)s->runs, sizeof *s->cpu_s, compare_doubles);
    double wall = mark_median(s->wall_s, s->runs), cpu = mark_median(s->cpu_s, s->runs);
    double refs =
        s->shape->build == mark_build_tree ? objects - 1 : objects * s->shape->refs_per_object;
    gh_emit(job, "build", s->build_s, "s");
    gh_emit(job, "gc_wall_med", wall, "s");
    gh_emit(job, "gc_wall_min", s->wall_s[0], "s");
    gh_emit(job, "gc_wall_max", s->wall_s[s->runs - 1], "s");
    gh_emit(job, "gc_cpu_med", cpu, "s");
    gh_emit(job, "GBps_wall", bytes / wall / 1e9, "GB/s");
    gh_emit(job, "GBps_core", bytes / cpu / 1e9, "GB/s");
    gh_emit(job, "ns_obj_wall", wall * 1e9 / objects, "ns");
    gh_emit(job, "ns_obj_core", cpu * 1e9 / objects, "ns");
    gh_emit(job, "ns_ptr_core", refs > 0 ? cpu * 1e9 / refs : 0, "ns");
}

static bool
mark_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct mark_state *s = gh_job_state(job);
    uint64_t alive = s->shape->count(m, s);
    gh_checksum(job, alive);
    if (alive != s->objects)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "mark: %" PRIu64 " objects are alive, %" PRIu64 " were made", alive,
                            s->objects);
    mark_emit(job, s);
    return true;
}

static void
mark_teardown(struct gh_job *job)
{
    struct mark_state *s = gh_job_state(job);
    if (s != NULL && s->ref != NULL)
        gh_roots_remove(gh_job_heap(job), &s->root);
    free(s);
}

static const char *const mark_shape_names[] = {"tree", "rand", "list", "shuf", NULL};

static const struct gh_option mark_options[] = {
    {.name = "shape",
     .kind = GH_OPT_CHOICE,
     .help = "tree, rand (1 KiB of random references), list, shuf (a list in random order)",
     .value = "tree",
     .choices = mark_shape_names},
    {.name = "log2",
     .kind = GH_OPT_INT,
     .help = "2^log2 objects (tree: levels); 0 = the shape's own, 1 GiB in all",
     .value = "0",
     .min = 0,
     .max = 30},
    {.name = "collections",
     .kind = GH_OPT_INT,
     .help = "collections that are timed",
     .value = "5",
     .min = 1,
     .max = MARK_RUNS_MAX},
    {.name = NULL},
};

const struct gh_workload workload_mark = {
    GH_WORKLOAD_HEADER,
    .name = "mark",
    .help = "marking speed: collect a live heap of one shape, some times",
    .about = "A live heap is built (untimed), collected once uncounted, then --collections "
             "times timed; a "
             "collection includes its sweep. Alive objects are counted afterwards.\n"
             "Reported: median, least and greatest time of a collection, and the median per "
             "byte, object and reference.",
    .options = mark_options,
    .max_threads = 1,
    .setup = mark_setup,
    .run = mark_run,
    .verify = mark_verify,
    .teardown = mark_teardown,
};
