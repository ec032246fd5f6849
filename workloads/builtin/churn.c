/* churn.c - workload `churn`: a cache in its steady state. A table of nodes, each with a
 * payload of some size; an operation replaces a random one, sometimes lets the new node refer
 * to another, sometimes cuts such a reference. Chains stay short by themselves, so the live
 * heap keeps its size while its memory is turned over again and again.
 *
 * Threads own stretches of one table and share nothing. Verified node by node against a replay
 * outside the heap (churn_model.h). */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/builtin/churn_model.h"
#include "workloads/latency.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CHURN_CHUNK = 1 << 12, CHURN_MODULUS = 1000003 };

struct churn_node {
    struct churn_node *next;
    uint64_t *payload; /* size / 8 words, each the key */
    uint64_t key;
    uint32_t size;
    uint32_t unused;
};

struct churn_state {
    const struct gh_type *node, *ref;
    struct churn_node **table; /* a registered root: `slots` references */
    struct latency *latencies; /* one a thread */
    uint64_t slots, ops;       /* ops: of all threads */
    int threads;
    bool rooted;
    int64_t fill_ns;
};

/* A node with its payload. Uses slot 0 of the innermost frame. Safepoint. */
GH_INLINE struct churn_node *
churn_make(struct gh_mutator *m, const struct churn_state *s, uint64_t key, uint32_t size)
{
    struct churn_node *n = gh_new(m, s->node);
    GH_SLOT(m, struct churn_node, 0) = n;
    uint64_t *payload = gh_new_bytes(m, size);
    for (uint32_t i = 0; i < size / 8; i++)
        payload[i] = key;
    n = GH_SLOT(m, struct churn_node, 0);
    gh_store(m, &n->payload, payload);
    n->key = key;
    n->size = size;
    return n;
}

/* A thread's stretch of the table and its random numbers. */
struct churn_share {
    uint64_t first, n, seed;
    int64_t before; /* when its last operation ended */
    struct latency *latency;
};

/* Operations number i .. end-1 of a thread. */
static void
churn_operate(struct gh_mutator *m, const struct churn_state *s, struct churn_share *own,
              uint64_t i, uint64_t end)
{
    for (; i < end; i++) {
        struct churn_op op = churn_draw(&own->seed, own->n);
        struct churn_node *node = churn_make(m, s, i, op.size);
        struct churn_node **table = s->table + own->first;
        if (op.links)
            gh_store(m, &node->next, table[op.from]);
        gh_store(m, &table[op.slot], node);
        if (op.cuts)
            gh_store(m, &table[op.cut]->next, NULL);
        int64_t now = os_now_ns();
        latency_add(own->latency, (uint64_t)(now - own->before));
        own->before = now;
    }
}

static void
churn_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct churn_state *s = arg;
    uint64_t threads = (uint64_t)s->threads, at = (uint64_t)t, ops = s->ops / threads;
    struct churn_share own = {
        .first = at * s->slots / threads, .seed = CHURN_SEED + at, .latency = &s->latencies[t]};
    own.n = (at + 1) * s->slots / threads - own.first;
    GH_FRAME(m, 1);
    own.before = os_now_ns();
    for (uint64_t i = 0; i < ops && !gh_interrupted(job);) {
        uint64_t end = ops - i < CHURN_CHUNK ? ops : i + CHURN_CHUNK;
        churn_operate(m, s, &own, i, end);
        i = end;
        if (t == 0)
            gh_progress(job, i, ops);
    }
}

static void
churn_fill(struct gh_job *job, struct gh_mutator *m, struct churn_state *s)
{
    GH_FRAME(m, 1);
    void *table = gh_new_array(m, s->ref, s->slots);
    gh_store(m, &s->table, table);
    uint64_t seed = CHURN_FILL_SEED;
    for (uint64_t i = 0; i < s->slots; i++) {
        if (i % CHURN_CHUNK == 0 && gh_interrupted(job))
            return;
        struct churn_node *n = churn_make(m, s, i, churn_sizes[gh_random(&seed) & 255]);
        gh_store(m, &s->table[i], n);
    }
}

static bool
churn_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    struct churn_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    int threads = gh_job_threads(job);
    if (s != NULL)
        s->latencies = latency_make((size_t)threads);
    if (s == NULL || s->latencies == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "churn: no memory for %d threads", threads);
    s->threads = threads;
    s->slots = (uint64_t)gh_job_int(job, "slots");
    s->ops = (uint64_t)gh_job_int(job, "ops");
    if (s->slots < (uint64_t)threads)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "churn: --slots %" PRIu64 " must be at least the %d threads",
                            s->slots, threads);
    s->ref = gh_type_small(heap, "churn_ref", sizeof(void *), 1);
    s->node =
        gh_type_small(heap, "churn_node", sizeof(struct churn_node),
                      GH_PTR(struct churn_node, next) | GH_PTR(struct churn_node, payload));
    gh_roots_add(heap, (void **)&s->table, 1);
    s->rooted = true;
    return true;
}

static bool
churn_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct churn_state *s = gh_job_state(job);
    int64_t from = os_now_ns();
    churn_fill(job, m, s);
    s->fill_ns = os_now_ns() - from;
    if (gh_interrupted(job))
        return true;
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->threads, churn_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* Whether the node is what the record says, payload and all. */
static bool
churn_matches(const struct churn_node *n, const struct churn_record *r)
{
    bool right = n->key == r->key && n->size == r->size;
    for (uint32_t i = 0; right && i < n->size / 8; i++)
        right = n->payload[i] == n->key;
    return right;
}

/* What a walk over everything adds up to. */
struct churn_found {
    uint64_t sum, nodes;
};

/* Walk the table and its chains beside the model's; safepoint between slots. */
static bool
churn_compare(struct gh_mutator *m, const struct churn_state *s, const struct churn_model *o,
              struct churn_found *found, struct gh_error *err)
{
    for (uint64_t i = 0; i < s->slots; i++) {
        uint32_t at = o->table[i];
        const struct churn_node *n = s->table[i];
        found->sum += n->key * (i + 1) + n->size + n->payload[0];
        for (; n != NULL && at != 0 && churn_matches(n, &o->records[at]); n = n->next) {
            at = o->records[at].next;
            found->nodes++;
        }
        if (n != NULL || at != 0)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "churn: the chain of slot %" PRIu64
                                " has a node too %s, or a wrong one",
                                i, n == NULL ? "few" : "many");
        gh_poll(m);
    }
    return true;
}

static bool
churn_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct churn_state *s = gh_job_state(job);
    uint64_t threads = (uint64_t)s->threads;
    struct churn_found found = {0, 0};
    struct churn_model o;
    churn_model_init(&o, s->slots);
    if (o.table == NULL)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "churn: no memory to check the result; use fewer --slots");
    for (uint64_t t = 0; t < threads; t++) {
        churn_model_run(&o, (int)t, t * s->slots / threads, (t + 1) * s->slots / threads,
                        s->ops / threads);
        gh_poll(m);
    }
    bool ok = churn_compare(m, s, &o, &found, err);
    churn_model_finish(&o);
    gh_checksum(job, found.sum % CHURN_MODULUS);
    if (!ok)
        return false;
    for (uint64_t t = 1; t < threads; t++)
        latency_merge(&s->latencies[0], &s->latencies[t]);
    gh_emit(job, "chain_nodes", (double)found.nodes, "count");
    gh_emit(job, "fill", (double)s->fill_ns / 1e9, "s");
    gh_emit(job, "ops_per_s", (double)s->ops / gh_timer_wall(job), "ops/s");
    latency_emit(job, &s->latencies[0]);
    return true;
}

static void
churn_teardown(struct gh_job *job)
{
    struct churn_state *s = gh_job_state(job);
    if (s != NULL) {
        if (s->rooted)
            gh_roots_remove(gh_job_heap(job), (void **)&s->table);
        free(s->latencies);
    }
    free(s);
}

static const struct gh_option churn_options[] = {
    {.name = "slots",
     .kind = GH_OPT_INT,
     .help = "entries of the table, of all threads together",
     .value = "1M",
     .min = 1,
     .max = 1000000000},
    {.name = "ops",
     .kind = GH_OPT_INT,
     .help = "operations, of all threads together",
     .value = "5M",
     .min = 1,
     .max = INT64_C(4000000000)},
    {.name = NULL},
};

const struct gh_workload workload_churn = {
    GH_WORKLOAD_HEADER,
    .name = "churn",
    .help = "a cache in its steady state, entries replaced at random",
    .about =
        "A table of nodes of 32 bytes, each with a payload of 16 to 4096 bytes (mean 276), is "
        "filled (not timed). An operation puts a new node into a random slot; one in four "
        "refers to another node of the table, and one operation in four cuts such a "
        "reference. T threads own a stretch of the table each and do ops/T operations.\n"
        "Reported: operations per second, the time from the end of one to the end of the next "
        "as quantiles and worst, in us, the time to fill, and the nodes met on all chains.",
    .options = churn_options,
    .max_threads = 256,
    .setup = churn_setup,
    .run = churn_run,
    .verify = churn_verify,
    .teardown = churn_teardown,
};
