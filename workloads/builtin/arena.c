/* arena.c - workload `arena`: requests that build a tree with texts in a user arena, walk it,
 * copy out what survives, and free the rest at once. The same requests with the ordinary heap
 * (`heap`) show what the arenas save: collections. */
#include "workloads/builtin/builtin.h"

#include "gc/api/uarena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_TEXT_MAX = 24, ARENA_DEPTH_MAX = 22, ARENA_POLL_DEPTH = 14 };

struct arena_node {
    struct arena_node *left, *right;
    uint8_t *text; /* 1 + number % ARENA_TEXT_MAX bytes, each the lowest of number */
    uint64_t number;
};

/* One thread's part. */
struct arena_part {
    /* a registered root: the spines of the last `window` requests */
    GH_ALIGNED(128) struct arena_node **kept;
    uint64_t done, nodes, wrong;
};

struct arena_state {
    const struct gh_type *node, *byte, *ref;
    struct arena_part *parts;
    uint64_t rounds, window;
    int depth, threads;
    bool heap;
};

/* What a request is at work on. */
struct arena_request {
    struct gh_mutator *m;
    const struct arena_state *s;
    struct gh_uarena *ua; /* NULL: the ordinary heap */
    uint64_t number;      /* of the next node */
};

static uint64_t
arena_nodes(int depth)
{
    return (UINT64_C(2) << depth) - 1;
}

static size_t
arena_text_bytes(uint64_t number)
{
    return 1 + number % ARENA_TEXT_MAX;
}

/* A node with its text, numbered. Safepoint. */
static struct arena_node *
arena_new_node(struct arena_request *q)
{
    struct gh_mutator *m = q->m;
    GH_FRAME(m, 1);
    size_t bytes = arena_text_bytes(q->number);
    uint8_t *text = q->ua != NULL ? gh_uarena_new_array(m, q->ua, q->s->byte, bytes)
                                  : gh_new_bytes(m, bytes);
    memset(text, (int)(q->number & 0xff), bytes);
    GH_SLOT(m, uint8_t, 0) = text;
    struct arena_node *n =
        q->ua != NULL ? gh_uarena_new_object(m, q->ua, q->s->node) : gh_new(m, q->s->node);
    n->number = q->number++;
    gh_store(m, &n->text, GH_SLOT(m, uint8_t, 0));
    return n;
}

/* A tree of `depth`, children first. Safepoint. */
static struct arena_node *
arena_make(struct arena_request *q, int depth)
{
    if (depth == 0)
        return arena_new_node(q);
    struct gh_mutator *m = q->m;
    GH_FRAME(m, 2);
    struct arena_node *left = arena_make(q, depth - 1);
    GH_SLOT(m, struct arena_node, 0) = left;
    struct arena_node *right = arena_make(q, depth - 1);
    GH_SLOT(m, struct arena_node, 1) = right;
    struct arena_node *n = arena_new_node(q);
    gh_store(m, &n->left, GH_SLOT(m, struct arena_node, 0));
    gh_store(m, &n->right, GH_SLOT(m, struct arena_node, 1));
    return n;
}

static bool
arena_node_right(const struct arena_node *n, uint64_t number)
{
    size_t bytes = arena_text_bytes(number);
    bool right = n->number == number;
    for (size_t i = 0; i < bytes; i++)
        right &= n->text[i] == (uint8_t)number;
    return right;
}

/* Nodes under `n` that are not as they were built; they are numbered children first, beginning
 * with *number. No safepoint. */
static uint64_t
arena_walk(const struct arena_node *n, uint64_t *number)
{
    uint64_t wrong = 0;
    if (n->left != NULL)
        wrong = arena_walk(n->left, number) + arena_walk(n->right, number);
    return wrong + !arena_node_right(n, (*number)++);
}

/* The same for the tree of `depth` in slot 0; polls between parts of large trees. */
static uint64_t
arena_check(struct gh_mutator *m, int depth, uint64_t *number)
{
    const struct arena_node *n = GH_SLOT(m, struct arena_node, 0);
    if (depth <= ARENA_POLL_DEPTH)
        return arena_walk(n, number);
    GH_FRAME(m, 1);
    GH_SLOT(m, struct arena_node, 0) = GH_OUTER_SLOT(m, struct arena_node, 1, 0)->left;
    uint64_t wrong = arena_check(m, depth - 1, number);
    GH_SLOT(m, struct arena_node, 0) = GH_OUTER_SLOT(m, struct arena_node, 1, 0)->right;
    wrong += arena_check(m, depth - 1, number);
    return wrong + !arena_node_right(GH_OUTER_SLOT(m, struct arena_node, 1, 0), (*number)++);
}

/* Copy the leftmost branch of the tree in slot 0, texts included, to the ordinary heap: the new
 * root. Uses slots 1 (the last copy) and 2 (the first). Safepoint. */
static struct arena_node *
arena_keep(struct gh_mutator *m, const struct arena_state *s)
{
    GH_SLOT(m, struct arena_node, 1) = GH_SLOT(m, struct arena_node, 2) = NULL;
    for (struct arena_node *n = GH_SLOT(m, struct arena_node, 0); n != NULL;) {
        GH_SLOT(m, struct arena_node, 0) = n;
        struct arena_node *copy = gh_uarena_clone(m, n, s->node);
        struct arena_node *above = GH_SLOT(m, struct arena_node, 1);
        gh_store(m, &copy->right, NULL);
        if (above != NULL)
            gh_store(m, &above->left, copy);
        else
            GH_SLOT(m, struct arena_node, 2) = copy;
        GH_SLOT(m, struct arena_node, 1) = copy;
        void *text =
            gh_uarena_clone_array(m, copy->text, s->byte, arena_text_bytes(copy->number));
        copy = GH_SLOT(m, struct arena_node, 1);
        gh_store(m, &copy->text, text);
        n = copy->left; /* the original, until its copy takes its place */
    }
    return GH_SLOT(m, struct arena_node, 2);
}

static void
arena_round(struct gh_mutator *m, const struct arena_state *s, struct arena_part *part)
{
    GH_FRAME(m, 3);
    struct arena_request q = {.m = m, .s = s, .number = part->done};
    q.ua = s->heap ? NULL : gh_uarena_new(m);
    struct arena_node *root = arena_make(&q, s->depth);
    GH_SLOT(m, struct arena_node, 0) = root;
    uint64_t number = part->done;
    part->wrong += arena_check(m, s->depth, &number);
    part->nodes += number - part->done;
    struct arena_node *kept = arena_keep(m, s);
    gh_store(m, &part->kept[part->done % s->window], kept);
    for (int i = 0; i < 3; i++)
        GH_SLOT(m, struct arena_node, i) = NULL;
    if (q.ua != NULL)
        gh_uarena_free(m, q.ua);
    part->done++;
}

static void
arena_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct arena_state *s = arg;
    struct arena_part *part = &s->parts[t];
    struct arena_node **kept = gh_new_array(m, s->ref, s->window);
    gh_store(m, &part->kept, kept);
    while (part->done < s->rounds && !gh_interrupted(job)) {
        arena_round(m, s, part);
        if (t == 0)
            gh_progress(job, part->done, s->rounds);
    }
}

static bool
arena_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    struct arena_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    size_t threads = (size_t)gh_job_threads(job);
    if (s != NULL)
        s->parts = aligned_alloc(128, threads * sizeof *s->parts);
    if (s == NULL || s->parts == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "arena: no memory for %zu threads", threads);
    memset(s->parts, 0, threads * sizeof *s->parts);
    s->threads = (int)threads;
    s->depth = (int)gh_job_int(job, "depth");
    s->rounds = (uint64_t)gh_job_int(job, "rounds");
    s->window = (uint64_t)gh_job_int(job, "window");
    s->heap = strcmp(gh_job_text(job, "in"), "heap") == 0;
    s->node = gh_type_small(heap, "arena_node", sizeof(struct arena_node),
                            GH_PTR(struct arena_node, left) | GH_PTR(struct arena_node, right) |
                                GH_PTR(struct arena_node, text));
    s->byte = gh_type_new(heap, "arena_byte", 1, 0, NULL);
    s->ref = gh_type_small(heap, "arena_ref", sizeof(void *), 1);
    for (int t = 0; t < s->threads; t++)
        gh_roots_add(heap, (void **)&s->parts[t].kept, 1);
    return true;
}

static bool
arena_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct arena_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->threads, arena_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* Nodes on the leftmost branch that request number `round` has kept, and that are wrong: node k
 * from the leaf up is the last one of a tree of depth k. */
static uint64_t
arena_check_kept(const struct arena_node *n, int depth, uint64_t round, uint64_t *sum)
{
    uint64_t wrong = 0;
    for (; depth >= 0; depth--, n = n->left) {
        if (n == NULL)
            return wrong + 1;
        wrong += !arena_node_right(n, round + arena_nodes(depth) - 1) || n->right != NULL;
        *sum += n->number;
    }
    return wrong + (n != NULL);
}

static bool
arena_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct arena_state *s = gh_job_state(job);
    uint64_t nodes = 0, wrong = 0, lost = 0, sum = 0;
    for (int t = 0; t < s->threads; t++) {
        const struct arena_part *part = &s->parts[t];
        nodes += part->nodes;
        wrong += part->wrong;
        for (uint64_t r = s->rounds < s->window ? 0 : s->rounds - s->window; r < s->rounds; r++)
            lost += arena_check_kept(part->kept[r % s->window], s->depth, r, &sum);
    }
    gh_checksum(job, sum + nodes);
    uint64_t want = s->rounds * (uint64_t)s->threads * arena_nodes(s->depth);
    if (wrong > 0 || lost > 0 || nodes != want)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "arena: %" PRIu64 " nodes in arenas and %" PRIu64
                            " survivors are not what they were; %" PRIu64
                            " nodes, not %" PRIu64,
                            wrong, lost, nodes, want);
    struct gh_uarena_stats st;
    gh_uarena_read_stats(gh_job_heap(job), &st);
    if (st.arenas_made != st.arenas_freed)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "arena: %" PRIu64 " arenas were made, %" PRIu64 " freed",
                            st.arenas_made, st.arenas_freed);
    gh_emit(job, "ns_per_node", gh_timer_cpu(job) * 1e9 / (double)nodes, "ns");
    gh_emit(job, "chunks", (double)st.chunks_made, "chunks");
    gh_emit(job, "chunks_freed", (double)st.chunks_faulted, "chunks");
    gh_emit(job, "quarantined", (double)st.quarantined, "chunks");
    return true;
}

static void
arena_teardown(struct gh_job *job)
{
    struct arena_state *s = gh_job_state(job);
    if (s == NULL)
        return;
    for (int t = 0; t < s->threads; t++)
        gh_roots_remove(gh_job_heap(job), (void **)&s->parts[t].kept);
    free(s->parts);
    free(s);
}

static const char *const arena_places[] = {"arena", "heap", NULL};

static const struct gh_option arena_options[] = {
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "requests a thread answers, each with an arena of its own",
     .value = "2000",
     .min = 1,
     .max = 1000000000},
    {.name = "depth",
     .kind = GH_OPT_INT,
     .help = "of the tree that a request builds: 2^(depth + 1) - 1 nodes",
     .value = "11",
     .min = 0,
     .max = ARENA_DEPTH_MAX},
    {.name = "window",
     .kind = GH_OPT_INT,
     .help = "requests of which the leftmost branch survives",
     .value = "64",
     .min = 1,
     .max = 1000000},
    {.name = "in",
     .kind = GH_OPT_CHOICE,
     .help = "arena; heap: the same without arenas",
     .value = "arena",
     .choices = arena_places},
    {.name = NULL},
};

const struct gh_workload workload_arena = {
    GH_WORKLOAD_HEADER,
    .name = "arena",
    .help = "trees in user arenas, freed at once: build, walk, copy out survivors",
    .about =
        "A request builds a tree of nodes with short texts, walks it, copies its leftmost "
        "branch "
        "to the ordinary heap, and frees the rest with its arena. The branches of the last "
        "`window` requests are kept, and checked at the end.\n"
        "Reported: CPU time a node, and what became of the arenas' chunks.",
    .options = arena_options,
    .max_threads = 256,
    .setup = arena_setup,
    .run = arena_run,
    .verify = arena_verify,
    .teardown = arena_teardown,
};
