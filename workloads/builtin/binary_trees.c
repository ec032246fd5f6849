/* binary_trees.c - workload `binary-trees`, by the rules of the Benchmarks Game: many trees of
 * many depths, short-lived, beside one that lives long. A node is two references. Figures
 * compare with the same program under any other collector: nothing here is tuned to this one.
 */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BT_MIN_DEPTH = 4, BT_POLL_DEPTH = 11 };

struct bt_node {
    struct bt_node *left, *right;
};

/* One thread's sum of checks, on a cache line of its own. */
struct bt_sum {
    GH_ALIGNED(128) uint64_t nodes;
};

struct bt_state {
    const struct gh_type *type;
    struct bt_sum *sums; /* one a thread */
    int depth, threads;
    uint64_t stretch, longlived; /* nodes met */
};

static uint64_t
bt_nodes(int depth)
{
    return (UINT64_C(2) << depth) - 1;
}

static uint64_t
bt_trees(int max_depth, int depth)
{
    return UINT64_C(1) << (max_depth - depth + BT_MIN_DEPTH);
}

/* A tree of `depth`, children first. Safepoint. */
static struct bt_node *
bt_make(struct gh_mutator *m, const struct gh_type *type, int depth)
{
    if (depth == 0)
        return gh_new(m, type);
    GH_FRAME(m, 2);
    struct bt_node *left = bt_make(m, type, depth - 1);
    GH_SLOT(m, struct bt_node, 0) = left;
    struct bt_node *right = bt_make(m, type, depth - 1);
    GH_SLOT(m, struct bt_node, 1) = right;
    struct bt_node *n = gh_new(m, type);
    gh_store(m, &n->left, GH_SLOT(m, struct bt_node, 0));
    gh_store(m, &n->right, GH_SLOT(m, struct bt_node, 1));
    return n;
}

/* bt_make for any depth. A tree of a hundred million nodes takes seconds: once interrupted, it
 * gets leaves where subtrees should be. Safepoint. */
static struct bt_node *
bt_grow(struct gh_job *job, struct gh_mutator *m, const struct gh_type *type, int depth)
{
    if (depth <= BT_POLL_DEPTH)
        return bt_make(m, type, depth);
    if (gh_interrupted(job))
        return gh_new(m, type);
    GH_FRAME(m, 2);
    struct bt_node *left = bt_grow(job, m, type, depth - 1);
    GH_SLOT(m, struct bt_node, 0) = left;
    struct bt_node *right = bt_grow(job, m, type, depth - 1);
    GH_SLOT(m, struct bt_node, 1) = right;
    struct bt_node *n = gh_new(m, type);
    gh_store(m, &n->left, GH_SLOT(m, struct bt_node, 0));
    gh_store(m, &n->right, GH_SLOT(m, struct bt_node, 1));
    return n;
}

/* Nodes under `n`. No safepoint: nothing is allocated. */
static uint64_t
bt_walk(const struct bt_node *n)
{
    return n->left == NULL ? 1 : 1 + bt_walk(n->left) + bt_walk(n->right);
}

/* Nodes of the tree of `depth` in slot 0 of the innermost frame. A safepoint for deep trees, so
 * that a walk of a hundred million nodes does not keep others waiting for a collection. */
static uint64_t
bt_check(struct gh_mutator *m, int depth)
{
    const struct bt_node *n = GH_SLOT(m, struct bt_node, 0);
    if (depth <= BT_POLL_DEPTH || n->left == NULL)
        return bt_walk(n);
    GH_FRAME(m, 1);
    GH_SLOT(m, struct bt_node, 0) = GH_OUTER_SLOT(m, struct bt_node, 1, 0)->left;
    uint64_t nodes = 1 + bt_check(m, depth - 1);
    GH_SLOT(m, struct bt_node, 0) = GH_OUTER_SLOT(m, struct bt_node, 1, 0)->right;
    return nodes + bt_check(m, depth - 1);
}

/* Make a tree, count it, drop it. */
static uint64_t
bt_round(struct gh_job *job, struct gh_mutator *m, const struct gh_type *type, int depth)
{
    GH_FRAME(m, 1);
    struct bt_node *tree = bt_grow(job, m, type, depth);
    GH_SLOT(m, struct bt_node, 0) = tree;
    return bt_check(m, depth);
}

/* Thread t's share of the short-lived trees of all depths. */
static void
bt_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    struct bt_state *s = arg;
    uint64_t at = (uint64_t)t, threads = (uint64_t)s->threads, nodes = 0;
    for (int d = BT_MIN_DEPTH; d <= s->depth; d += 2) {
        uint64_t trees = bt_trees(s->depth, d);
        for (uint64_t i = at * trees / threads; i < (at + 1) * trees / threads; i++) {
            if (gh_interrupted(job))
                return;
            nodes += bt_round(job, m, s->type, d);
        }
        gh_progress(job, (uint64_t)(d - BT_MIN_DEPTH + 2), (uint64_t)(s->depth - 2));
    }
    s->sums[t].nodes = nodes;
}

static bool
bt_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct bt_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    size_t threads = (size_t)gh_job_threads(job);
    if (s != NULL)
        s->sums = aligned_alloc(128, threads * sizeof *s->sums);
    if (s == NULL || s->sums == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "binary-trees: no memory for %zu threads",
                            threads);
    for (size_t t = 0; t < threads; t++)
        s->sums[t].nodes = 0;
    s->threads = (int)threads;
    s->depth = (int)gh_job_int(job, "depth");
    s->type = gh_type_small(gh_job_heap(job), "bt_node", sizeof(struct bt_node),
                            GH_PTR(struct bt_node, left) | GH_PTR(struct bt_node, right));
    return true;
}

static bool
bt_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct bt_state *s = gh_job_state(job);
    gh_timer_begin(job);
    s->stretch = bt_round(job, m, s->type, s->depth + 1);
    GH_FRAME(m, 1);
    struct bt_node *longlived = bt_grow(job, m, s->type, s->depth);
    GH_SLOT(m, struct bt_node, 0) = longlived;
    bool ok = gh_parallel(job, m, s->threads, bt_thread, s, err);
    s->longlived = bt_check(m, s->depth);
    gh_timer_end(job);
    return ok;
}

static bool
bt_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct bt_state *s = gh_job_state(job);
    uint64_t short_lived = 0, want = 0;
    for (int t = 0; t < s->threads; t++)
        short_lived += s->sums[t].nodes;
    for (int d = BT_MIN_DEPTH; d <= s->depth; d += 2)
        want += bt_trees(s->depth, d) * bt_nodes(d);
    uint64_t nodes = short_lived + s->stretch + s->longlived;
    gh_checksum(job, nodes);
    if (short_lived != want || s->stretch != bt_nodes(s->depth + 1) ||
        s->longlived != bt_nodes(s->depth))
        return gh_error_set(err, GH_EXIT_FAILED,
                            "binary-trees: nodes counted: %" PRIu64 " short-lived, %" PRIu64
                            " stretch, %" PRIu64 " long-lived; made: %" PRIu64 ", %" PRIu64
                            ", %" PRIu64,
                            short_lived, s->stretch, s->longlived, want, bt_nodes(s->depth + 1),
                            bt_nodes(s->depth));
    gh_emit(job, "ns_per_node", gh_timer_wall(job) * 1e9 / (double)nodes, "ns");
    return true;
}

static void
bt_teardown(struct gh_job *job)
{
    struct bt_state *s = gh_job_state(job);
    if (s != NULL)
        free(s->sums);
    free(s);
}

static const struct gh_option bt_options[] = {
    {.name = "depth",
     .kind = GH_OPT_INT,
     .help = "depth of the long-lived tree; memory doubles with each step",
     .value = "18",
     .min = 1,
     .max = 30},
    {.name = NULL},
};

const struct gh_workload workload_binary_trees = {
    GH_WORKLOAD_HEADER,
    .name = "binary-trees",
    .help = "make, count and drop binary trees (Benchmarks Game rules)",
    .about =
        "A stretch tree of depth D+1 is made, counted and dropped; a tree of depth D is made "
        "and kept; then, for d = 4, 6 .. D, 2^(D-d+4) trees of depth d, shared out among the "
        "threads. A node is two references, 16 bytes.\nReported: wall time a node made.",
    .options = bt_options,
    .max_threads = 256,
    .setup = bt_setup,
    .run = bt_run,
    .verify = bt_verify,
    .teardown = bt_teardown,
};
