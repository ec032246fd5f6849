/* gcbench.c - workload `gcbench` (Ellis, Kovac, Boehm): trees built from the top down and from
 * the bottom up, next to a long-lived tree and a large array without references. */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <stdlib.h>

enum { GB_MIN_DEPTH = 4, GB_PROBE = 999 };

struct gb_node {
    struct gb_node *left, *right;
    int32_t i, j;
};

/* The frame of gb_run. */
enum { GB_TEMP, GB_LONGLIVED, GB_ARRAY, GB_SLOTS };

struct gb_state {
    const struct gh_type *type;
    int stretch;    /* depth of the first tree; the others are up to two less */
    uint64_t array; /* doubles */
    uint64_t nodes; /* made */
    uint64_t met;   /* nodes found in the long-lived tree at the end */
    double probe;   /* array[GB_PROBE] at the end */
};

static uint64_t
gb_size(int depth)
{
    return (UINT64_C(2) << depth) - 1;
}

/* How many trees of each kind are made of a depth. */
static uint64_t
gb_trees(const struct gb_state *s, int depth)
{
    return 2 * gb_size(s->stretch) / gb_size(depth);
}

/* Hang full subtrees under the node in slot 0 of the innermost frame: top down. Safepoint. */
static void
gb_populate(struct gh_mutator *m, const struct gh_type *type, int depth)
{
    if (depth <= 0)
        return;
    struct gb_node *child = gh_new(m, type);
    gh_store(m, &GH_SLOT(m, struct gb_node, 0)->left, child);
    child = gh_new(m, type);
    gh_store(m, &GH_SLOT(m, struct gb_node, 0)->right, child);
    GH_FRAME(m, 1);
    GH_SLOT(m, struct gb_node, 0) = GH_OUTER_SLOT(m, struct gb_node, 1, 0)->left;
    gb_populate(m, type, depth - 1);
    GH_SLOT(m, struct gb_node, 0) = GH_OUTER_SLOT(m, struct gb_node, 1, 0)->right;
    gb_populate(m, type, depth - 1);
}

/* A full tree, children first: bottom up. Safepoint. */
static struct gb_node *
gb_make(struct gh_mutator *m, const struct gh_type *type, int depth)
{
    if (depth <= 0)
        return gh_new(m, type);
    GH_FRAME(m, 2);
    struct gb_node *left = gb_make(m, type, depth - 1);
    GH_SLOT(m, struct gb_node, 0) = left;
    struct gb_node *right = gb_make(m, type, depth - 1);
    GH_SLOT(m, struct gb_node, 1) = right;
    struct gb_node *n = gh_new(m, type);
    gh_store(m, &n->left, GH_SLOT(m, struct gb_node, 0));
    gh_store(m, &n->right, GH_SLOT(m, struct gb_node, 1));
    return n;
}

/* A full tree from the top down. Safepoint. */
static struct gb_node *
gb_grow(struct gh_mutator *m, const struct gh_type *type, int depth)
{
    GH_FRAME(m, 1);
    struct gb_node *n = gh_new(m, type);
    GH_SLOT(m, struct gb_node, 0) = n;
    gb_populate(m, type, depth);
    return GH_SLOT(m, struct gb_node, 0);
}

static uint64_t
gb_count(const struct gb_node *n)
{
    return n == NULL ? 0 : 1 + gb_count(n->left) + gb_count(n->right);
}

/* All temporary trees of one depth. */
static void
gb_depth(struct gh_job *job, struct gh_mutator *m, struct gb_state *s, int depth)
{
    uint64_t trees = gb_trees(s, depth);
    for (int kind = 0; kind < 2; kind++) {
        for (uint64_t i = 0; i < trees && !gh_interrupted(job); i++) {
            struct gb_node *n =
                kind == 0 ? gb_grow(m, s->type, depth) : gb_make(m, s->type, depth);
            GH_SLOT(m, struct gb_node, GB_TEMP) = n;
            s->nodes += gb_size(depth);
            GH_SLOT(m, struct gb_node, GB_TEMP) = NULL;
        }
    }
}

static bool
gb_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gb_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "gcbench: no memory");
    s->stretch = (int)gh_job_int(job, "depth");
    s->array = (uint64_t)gh_job_int(job, "array");
    s->type = gh_type_small(gh_job_heap(job), "gb_node", sizeof(struct gb_node),
                            GH_PTR(struct gb_node, left) | GH_PTR(struct gb_node, right));
    return true;
}

static void
gb_work(struct gh_job *job, struct gh_mutator *m, struct gb_state *s)
{
    int deepest = s->stretch - 2;
    GH_SLOT(m, struct gb_node, GB_TEMP) = NULL;
    struct gb_node *n = gb_make(m, s->type, s->stretch);
    GH_SLOT(m, struct gb_node, GB_TEMP) = n;
    GH_SLOT(m, struct gb_node, GB_TEMP) = NULL;
    n = gb_grow(m, s->type, deepest);
    GH_SLOT(m, struct gb_node, GB_LONGLIVED) = n;
    double *array = gh_new_bytes(m, s->array * sizeof *array);
    GH_SLOT(m, double, GB_ARRAY) = array;
    for (uint64_t i = 0; i < s->array / 2; i++)
        array[i] = 1.0 / (double)(i + 1);
    s->nodes = gb_size(s->stretch) + gb_size(deepest);
    for (int d = GB_MIN_DEPTH; d <= deepest; d += 2) {
        gb_depth(job, m, s, d);
        gh_progress(job, (uint64_t)(d - GB_MIN_DEPTH + 2), (uint64_t)(deepest - 2));
    }
}

static bool
gb_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct gb_state *s = gh_job_state(job);
    GH_FRAME(m, GB_SLOTS);
    gh_timer_begin(job);
    gb_work(job, m, s);
    gh_timer_end(job);
    s->met = gb_count(GH_SLOT(m, struct gb_node, GB_LONGLIVED));
    s->probe = GH_SLOT(m, double, GB_ARRAY)[GB_PROBE];
    return true;
}

static bool
gb_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct gb_state *s = gh_job_state(job);
    uint64_t want = gb_size(s->stretch) + gb_size(s->stretch - 2);
    for (int d = GB_MIN_DEPTH; d <= s->stretch - 2; d += 2)
        want += 2 * gb_trees(s, d) * gb_size(d);
    gh_checksum(job, s->nodes + s->met);
    if (s->met != gb_size(s->stretch - 2) || s->nodes != want)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "gcbench: the long-lived tree has %" PRIu64 " nodes, not %" PRIu64,
                            s->met, gb_size(s->stretch - 2));
    if (s->probe != 1.0 / (GB_PROBE + 1))
        return gh_error_set(err, GH_EXIT_FAILED, "gcbench: array[%d] is %g", GB_PROBE,
                            s->probe);
    gh_emit(job, "ns_per_node", gh_timer_wall(job) * 1e9 / (double)s->nodes, "ns");
    return true;
}

static void
gb_teardown(struct gh_job *job)
{
    free(gh_job_state(job));
}

static const struct gh_option gb_options[] = {
    {.name = "depth",
     .kind = GH_OPT_INT,
     .help = "depth of the stretch tree; the others are up to two less",
     .value = "18",
     .min = 6,
     .max = 28},
    {.name = "array",
     .kind = GH_OPT_INT,
     .help = "length of the array of doubles",
     .value = "500k",
     .min = 2000,
     .max = 1000000000},
    {.name = NULL},
};

const struct gh_workload workload_gcbench = {
    GH_WORKLOAD_HEADER,
    .name = "gcbench",
    .help = "GCBench: trees top down and bottom up beside long-lived data",
    .about =
        "A stretch tree is made and dropped, a long-lived tree and an array of doubles are "
        "kept; then trees of depth 4, 6 .. depth-2 are made top down and bottom up, each "
        "dropped at once, as many of a depth as have the size of two stretch trees."
        "\nReported: wall time a node made.",
    .options = gb_options,
    .max_threads = 1,
    .setup = gb_setup,
    .run = gb_run,
    .verify = gb_verify,
    .teardown = gb_teardown,
};
