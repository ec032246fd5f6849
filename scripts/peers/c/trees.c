/* trees.c - workloads binary-trees and gcbench. Trees are freed by hand, children first, where
 * objects are; an arena is reset instead. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>

enum { MIN_DEPTH = 4, PROBE = 999 };

struct option binary_trees_options[] = {{"depth", "18", NULL, 1, 30}, {.name = NULL}};
struct option gcbench_options[] = {
    {"depth", "18", NULL, 6, 28}, {"array", "500k", NULL, 2000, 1000000000}, {.name = NULL}};

static uint64_t
nodes_of(int depth)
{
    return (UINT64_C(2) << depth) - 1;
}

/* --- binary-trees --- */

struct tree {
    struct tree *left, *right;
};

static struct tree *
tree_make(int depth)
{
    struct tree *left = NULL, *right = NULL;
    if (depth > 0) {
        left = tree_make(depth - 1);
        right = tree_make(depth - 1);
    }
    struct tree *n = memory_new(sizeof *n);
    n->left = left;
    n->right = right;
    return n;
}

static uint64_t
tree_nodes(const struct tree *n)
{
    return n->left == NULL ? 1 : 1 + tree_nodes(n->left) + tree_nodes(n->right);
}

static void
tree_free(struct tree *n)
{
    if (n->left != NULL) {
        tree_free(n->left);
        tree_free(n->right);
    }
    memory_free(n);
}

/* Make a tree, count it, drop it. */
static uint64_t
tree_round(int depth)
{
    struct tree *n = tree_make(depth);
    uint64_t nodes = tree_nodes(n);
    if (MEMORY_FREES)
        tree_free(n);
    memory_reset();
    return nodes;
}

static uint64_t
trees_of(int max_depth, int depth)
{
    return UINT64_C(1) << (max_depth - depth + MIN_DEPTH);
}

struct trees {
    int depth, threads;
    struct {
        _Alignas(128) uint64_t nodes;
    } sums[256]; /* one a thread */
};

/* Global, so that it is alive as long as the program says. */
static struct tree *volatile long_lived;

/* Thread t's share of the short-lived trees. */
static void
trees_thread(int t, void *arg)
{
    struct trees *s = arg;
    uint64_t nodes = 0;
    for (int d = MIN_DEPTH; d <= s->depth; d += 2) {
        uint64_t n = trees_of(s->depth, d);
        for (uint64_t i = share(n, t, s->threads); i < share(n, t + 1, s->threads); i++)
            nodes += tree_round(d);
    }
    s->sums[t].nodes = nodes;
}

void
binary_trees_run(int threads)
{
    static struct trees s;
    struct stopwatch w = {0};
    s.depth = (int)option_number("depth");
    s.threads = threads;
    stopwatch_begin(&w);
    uint64_t stretch = tree_round(s.depth + 1);
    long_lived = tree_make(s.depth);
    memory_keep();
    stopwatch_end(&w);
    parallel(threads, &w, trees_thread, &s);
    stopwatch_begin(&w);
    uint64_t kept = tree_nodes(long_lived);
    stopwatch_end(&w);

    uint64_t short_lived = 0, want = 0;
    for (int t = 0; t < threads; t++)
        short_lived += s.sums[t].nodes;
    for (int d = MIN_DEPTH; d <= s.depth; d += 2)
        want += trees_of(s.depth, d) * nodes_of(d);
    if (short_lived != want || stretch != nodes_of(s.depth + 1) || kept != nodes_of(s.depth))
        fail("counted %" PRIu64 " short-lived, %" PRIu64 " stretch, %" PRIu64
             " long-lived nodes",
             short_lived, stretch, kept);
    uint64_t nodes = short_lived + stretch + kept;
    emit_checksum(nodes);
    emit("ns_per_node", (double)w.wall_ns / (double)nodes, "ns");
    emit_stopwatch(&w);
    if (MEMORY_FREES)
        tree_free(long_lived);
}

/* --- gcbench --- */

struct node {
    struct node *left, *right;
    int32_t i, j;
};

static struct node *
node_make(struct node *left, struct node *right)
{
    struct node *n = memory_new(sizeof *n);
    n->left = left;
    n->right = right;
    n->i = n->j = 0;
    return n;
}

/* Hang full trees under n: top down. */
static void
populate(struct node *n, int depth)
{
    if (depth <= 0)
        return;
    n->left = node_make(NULL, NULL);
    n->right = node_make(NULL, NULL);
    populate(n->left, depth - 1);
    populate(n->right, depth - 1);
}

static struct node *
grow_down(int depth)
{
    struct node *n = node_make(NULL, NULL);
    populate(n, depth);
    return n;
}

static struct node *
grow_up(int depth)
{
    if (depth <= 0)
        return node_make(NULL, NULL);
    struct node *left = grow_up(depth - 1), *right = grow_up(depth - 1);
    return node_make(left, right);
}

static uint64_t
node_count(const struct node *n)
{
    return n == NULL ? 0 : 1 + node_count(n->left) + node_count(n->right);
}

static void
node_free(struct node *n)
{
    if (n == NULL)
        return;
    node_free(n->left);
    node_free(n->right);
    memory_free(n);
}

/* Volatile: else the compiler need not make trees that nobody looks at. */
static struct node *volatile dropped, *volatile kept_tree;
static double *volatile kept_array;

static void
node_drop(struct node *n)
{
    dropped = n;
    dropped = NULL;
    if (MEMORY_FREES)
        node_free(n);
    memory_reset();
}

/* How many trees of each kind are made of a depth. */
static uint64_t
gcbench_trees(int stretch, int depth)
{
    return 2 * nodes_of(stretch) / nodes_of(depth);
}

static void
gcbench_work(int stretch, uint64_t array)
{
    node_drop(grow_up(stretch));
    kept_tree = grow_down(stretch - 2);
    double *numbers = memory_new_plain(array * sizeof *numbers);
    kept_array = numbers;
    for (uint64_t i = 0; i < array / 2; i++)
        numbers[i] = 1.0 / (double)(i + 1);
    memory_keep();
    for (int d = MIN_DEPTH; d <= stretch - 2; d += 2) {
        uint64_t n = gcbench_trees(stretch, d);
        for (uint64_t i = 0; i < n; i++)
            node_drop(grow_down(d));
        for (uint64_t i = 0; i < n; i++)
            node_drop(grow_up(d));
    }
}

void
gcbench_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    int stretch = (int)option_number("depth");
    stopwatch_begin(&w);
    gcbench_work(stretch, option_number("array"));
    stopwatch_end(&w);
    uint64_t nodes = nodes_of(stretch) + nodes_of(stretch - 2);
    for (int d = MIN_DEPTH; d <= stretch - 2; d += 2)
        nodes += 2 * gcbench_trees(stretch, d) * nodes_of(d);
    uint64_t met = node_count(kept_tree);
    if (met != nodes_of(stretch - 2) || kept_array[PROBE] != 1.0 / (PROBE + 1))
        fail("the long-lived tree has %" PRIu64 " nodes, array[%d] is %g", met, PROBE,
             kept_array[PROBE]);
    emit_checksum(nodes + met);
    emit("ns_per_node", (double)w.wall_ns / (double)nodes, "ns");
    emit_stopwatch(&w);
    if (MEMORY_FREES) {
        node_free(kept_tree);
        memory_free(kept_array);
    }
}
