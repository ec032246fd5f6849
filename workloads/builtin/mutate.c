/* mutate.c - workload `mutate`: references are stored as fast as possible into a graph that
 * keeps its size, so that what a store costs, and whether a collector that runs beside the
 * mutators loses an object, is all there is to see.
 *
 * Each thread owns nodes. Half of a node's fields are links to nodes of the same thread; the
 * others hold pearls: short chains that nothing else refers to, so that one which is moved from
 * field to field behind a marker's back is lost unless the barrier speaks of it. References
 * travel straight, by way of a frame slot across a safepoint, and in bulk. Some pearls are held
 * by nothing but the thread's stack, from a few operations to longer than a cycle takes: the
 * marker has seen that stack already, or not yet. A field of its own, the loot, holds a link
 * read from a node of another thread, while that thread stores.
 *
 * Every store is also done in a model, numbers outside the heap; at the end all fields and all
 * they hold are compared with it. Only the loot depends on timing: it must be a node. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/bits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MUTATE_SEED = 2000, MUTATE_BUILD_SEED = 3000, MUTATE_CHUNK = 1 << 12, MUTATE_POLL = 64 };
/* Slots of a thread's frame: the pearl on its way or being made, then those held in hands. */
enum { MUTATE_CARRIED, MUTATE_MADE, MUTATE_HANDS, MUTATE_HAND_COUNT = 22 };
enum { MUTATE_ID_SHIFT = 40, MUTATE_PEARLS_MAX = 3 };

/* 1 to 3 of these in a chain, all with the number of the chain. */
struct mutate_pearl {
    struct mutate_pearl *next;
    uint64_t id;
};

struct mutate_node {
    uint64_t id; /* never changes after setup */
    struct mutate_node *loot;
    void *fields[]; /* links, then pearls */
};

struct mutate_thread {
    /* immutable */
    GH_ALIGNED(128) struct mutate_node **nodes; /* a registered root: an array of `count` */
    uint64_t first, count;                      /* its nodes' numbers */
    /* owner: what each field should hold: number of a node + 1, or of a pearl; 0 for NULL */
    uint64_t *model;
    uint64_t held[MUTATE_HAND_COUNT]; /* ... and each hand */
    uint64_t seed, pearls, stores;
    uint64_t wrong;   /* links read from others that led nowhere */
    uint64_t dropped; /* hands that did not hold their pearl in the end */
};

struct mutate_state {
    const struct gh_type *node, *pearl, *ref;
    struct mutate_thread *threads;
    uint64_t nodes, fields, links, ops, trickle;
    int n, ready; /* ready: threads that mutate_teardown has to do with */
};

/* Where an operation works: two nodes of a thread, and a pearl field of each. */
struct mutate_spot {
    uint64_t a, b; /* indices of nodes */
    uint64_t f, g; /* indices of fields */
    unsigned hand;
};

static uint64_t *
mutate_model(const struct mutate_state *s, struct mutate_thread *self, uint64_t node)
{
    return self->model + node * s->fields;
}

static uint64_t
mutate_chain(uint64_t id)
{
    return 1 + id % MUTATE_PEARLS_MAX;
}

/* A fresh pearl for field `f` of node `a`. Uses slot MUTATE_MADE of the innermost frame.
 * Safepoint. */
static void
mutate_refill(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
              uint64_t a, uint64_t f)
{
    uint64_t id = ++self->pearls;
    GH_SLOT(m, struct mutate_pearl, MUTATE_MADE) = NULL;
    for (uint64_t i = 0; i < mutate_chain(id); i++) {
        struct mutate_pearl *p = gh_new(m, s->pearl);
        p->id = id;
        gh_store(m, &p->next, GH_SLOT(m, struct mutate_pearl, MUTATE_MADE));
        GH_SLOT(m, struct mutate_pearl, MUTATE_MADE) = p;
    }
    gh_store(m, &self->nodes[a]->fields[f], GH_SLOT(m, struct mutate_pearl, MUTATE_MADE));
    GH_SLOT(m, struct mutate_pearl, MUTATE_MADE) = NULL;
    mutate_model(s, self, a)[f] = id;
    self->stores += mutate_chain(id) + 1;
}

/* --- the operations --- */

typedef void mutate_op(struct gh_mutator *m, const struct mutate_state *s,
                       struct mutate_thread *self, const struct mutate_spot *at);

static void
mutate_swap_model(const struct mutate_state *s, struct mutate_thread *self,
                  const struct mutate_spot *at)
{
    uint64_t *x = &mutate_model(s, self, at->a)[at->f];
    uint64_t *y = &mutate_model(s, self, at->b)[at->g], old = *x;
    *x = *y;
    *y = old;
}

/* Two fields exchange their pearls. */
static void
mutate_swap(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
            const struct mutate_spot *at)
{
    void **x = &self->nodes[at->a]->fields[at->f], **y = &self->nodes[at->b]->fields[at->g];
    void *old = *x;
    gh_store(m, x, *y);
    gh_store(m, y, old);
    mutate_swap_model(s, self, at);
    self->stores += 2;
}

/* The same, and on the way one pearl is held by nothing but a frame slot, over a safepoint. */
static void
mutate_carry(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
             const struct mutate_spot *at)
{
    void **x = &self->nodes[at->a]->fields[at->f];
    GH_SLOT(m, void, MUTATE_CARRIED) = *x;
    gh_store(m, x, NULL);
    gh_poll(m);
    void **y = &self->nodes[at->b]->fields[at->g];
    void *other = *y;
    gh_store(m, y, GH_SLOT(m, void, MUTATE_CARRIED));
    x = &self->nodes[at->a]->fields[at->f];
    GH_SLOT(m, void, MUTATE_CARRIED) = NULL;
    if (x != y)
        gh_store(m, x, other);
    mutate_swap_model(s, self, at);
    self->stores += 2 + (x != y);
}

/* A field and a hand exchange their pearls. */
static void
mutate_hold(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
            const struct mutate_spot *at)
{
    void **x = &self->nodes[at->a]->fields[at->f], *taken = *x;
    gh_store(m, x, GH_SLOT(m, void, MUTATE_HANDS + at->hand));
    GH_SLOT(m, void, MUTATE_HANDS + at->hand) = taken;
    uint64_t *model = &mutate_model(s, self, at->a)[at->f], was = *model;
    *model = self->held[at->hand];
    self->held[at->hand] = was;
    self->stores++;
}

static void
mutate_link(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
            const struct mutate_spot *at)
{
    uint64_t f = at->f % s->links;
    gh_store(m, &self->nodes[at->a]->fields[f], self->nodes[at->b]);
    mutate_model(s, self, at->a)[f] = self->first + at->b + 1;
    self->stores++;
}

/* Read a link of the next thread's, which may be storing it. */
static void
mutate_rob(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
           const struct mutate_spot *at)
{
    struct mutate_thread *other = &s->threads[(self - s->threads + 1) % s->n];
    void **field = &other->nodes[at->b % other->count]->fields[at->f % s->links];
    /* relaxed: any node that was ever linked will do, and nodes are older than the threads */
    struct mutate_node *loot = __atomic_load_n(field, __ATOMIC_RELAXED);
    if (loot != NULL && loot->id - other->first >= other->count)
        self->wrong++;
    gh_store(m, &self->nodes[at->a]->loot, loot);
    self->stores++;
}

/* The pearls of one node go to another as well, or move up by some fields in the same. */
static void
mutate_copy(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
            const struct mutate_spot *at)
{
    uint64_t n = s->fields - (at->f > at->g ? at->f : at->g);
    const uint64_t *x = &mutate_model(s, self, at->a)[at->f];
    uint64_t *y = &mutate_model(s, self, at->b)[at->g];
    gh_copy_refs(m, &self->nodes[at->b]->fields[at->g], &self->nodes[at->a]->fields[at->f], n);
    memmove(y, x, n * sizeof *y);
    self->stores += n;
}

/* A stretch of a node's fields is cleared, from link `f` to pearl `g`. */
static void
mutate_clear(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
             const struct mutate_spot *at)
{
    uint64_t from = at->f % s->links, n = at->g - from + 1;
    gh_clear_refs(m, &self->nodes[at->a]->fields[from], n);
    memset(&mutate_model(s, self, at->a)[from], 0, n * sizeof(uint64_t));
    self->stores += n;
}

/* Drawn with 5 bits. What is cleared is filled again by the links, copies and fresh pearls. */
static mutate_op *const mutate_ops[32] = {
    mutate_swap, mutate_swap, mutate_swap,  mutate_swap,  mutate_swap, mutate_swap, mutate_swap,
    mutate_swap, mutate_swap, mutate_swap,  mutate_swap,  mutate_swap, mutate_hold, mutate_hold,
    mutate_hold, mutate_hold, mutate_link,  mutate_link,  mutate_link, mutate_link, mutate_link,
    mutate_link, mutate_link, mutate_link,  mutate_link,  mutate_link, mutate_rob,  mutate_rob,
    mutate_copy, mutate_copy, mutate_carry, mutate_clear,
};

/* Each hand is used half as often as the one before, so that pearls are held for very different
 * times. */
static unsigned
mutate_hand(uint64_t bits)
{
    return bits_ctz(bits | UINT64_C(1) << (MUTATE_HAND_COUNT - 1));
}

/* Operations number i .. end-1 of a thread. */
static void
mutate_operate(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self,
               uint64_t i, uint64_t end)
{
    uint64_t pearl_fields = s->fields - s->links;
    for (; i < end; i++) {
        uint64_t x = gh_random(&self->seed), y = gh_random(&self->seed);
        struct mutate_spot at = {
            .a = gh_random_below(x >> 32, self->count),
            .b = gh_random_below(y >> 32, self->count),
            .f = s->links + (x >> 16 & 0xffff) % pearl_fields,
            .g = s->links + (y & 0xffff) % pearl_fields,
            .hand = mutate_hand((x >> 5 & 0x7ff) << 16 | (y >> 16 & 0xffff)),
        };
        mutate_ops[x & 31](m, s, self, &at);
        if (i % s->trickle == 0)
            mutate_refill(m, s, self, at.b, at.f);
        if (i % MUTATE_POLL == 0)
            gh_poll(m);
    }
}

/* Whether a field holds what the model says, and that is whole. */
static bool
mutate_holds(const struct mutate_state *s, const void *held, uint64_t f, uint64_t want)
{
    if (want == 0 || held == NULL)
        return want == 0 && held == NULL;
    if (f < s->links)
        return ((const struct mutate_node *)held)->id == want - 1;
    const struct mutate_pearl *p = held;
    for (uint64_t i = 0; i < mutate_chain(want); i++, p = p->next)
        if (p == NULL || p->id != want)
            return false;
    return p == NULL;
}

static void
mutate_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct mutate_state *s = arg;
    struct mutate_thread *self = &s->threads[t];
    uint64_t ops = s->ops / (uint64_t)s->n;
    GH_FRAME(m, MUTATE_HANDS + MUTATE_HAND_COUNT);
    for (uint64_t i = 0; i < ops && !gh_interrupted(job);) {
        uint64_t end = ops - i < MUTATE_CHUNK ? ops : i + MUTATE_CHUNK;
        mutate_operate(m, s, self, i, end);
        i = end;
        if (t == 0)
            gh_progress(job, i, ops);
    }
    for (unsigned k = 0; k < MUTATE_HAND_COUNT; k++)
        self->dropped +=
            !mutate_holds(s, GH_SLOT(m, void, MUTATE_HANDS + k), s->links, self->held[k]);
}

/* --- phases --- */

/* Nodes with random links, all pearl fields filled. Safepoint. */
static void
mutate_build(struct gh_mutator *m, const struct mutate_state *s, struct mutate_thread *self)
{
    GH_FRAME(m, MUTATE_HANDS);
    void *table = gh_new_array(m, s->ref, self->count);
    gh_store(m, &self->nodes, table);
    for (uint64_t i = 0; i < self->count; i++) {
        struct mutate_node *node = gh_new(m, s->node);
        node->id = self->first + i;
        gh_store(m, &self->nodes[i], node);
    }
    uint64_t seed = MUTATE_BUILD_SEED + self->first;
    for (uint64_t i = 0; i < self->count; i++)
        for (uint64_t f = 0; f < s->fields; f++) {
            uint64_t to = gh_random_below(gh_random(&seed) >> 32, self->count);
            if (f < s->links)
                mutate_link(m, s, self, &(struct mutate_spot){.a = i, .b = to, .f = f});
            else
                mutate_refill(m, s, self, i, f);
        }
    self->stores = 0;
}

static bool
mutate_prepare(struct gh_job *job, struct gh_mutator *m, struct mutate_state *s, uint64_t t)
{
    struct mutate_thread *self = &s->threads[t];
    uint64_t first = t * s->nodes / (uint64_t)s->n, end = (t + 1) * s->nodes / (uint64_t)s->n;
    *self = (struct mutate_thread){
        .first = first,
        .count = end - first,
        .model = calloc((end - first) * s->fields, sizeof *self->model),
        .seed = MUTATE_SEED + t,
        .pearls = t << MUTATE_ID_SHIFT,
    };
    if (self->model == NULL)
        return false;
    gh_roots_add(gh_job_heap(job), (void **)&self->nodes, 1);
    s->ready++;
    mutate_build(m, s, self);
    return true;
}

static bool
mutate_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct mutate_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    size_t n = (size_t)gh_job_threads(job);
    if (s != NULL)
        s->threads = aligned_alloc(128, n * sizeof *s->threads);
    if (s == NULL || s->threads == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "mutate: no memory for %zu threads", n);
    s->n = (int)n;
    s->nodes = (uint64_t)gh_job_int(job, "nodes");
    s->fields = (uint64_t)gh_job_int(job, "fields");
    s->links = s->fields / 2;
    s->ops = (uint64_t)gh_job_int(job, "ops");
    s->trickle = (uint64_t)gh_job_int(job, "trickle");
    if (s->nodes < n)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "mutate: --nodes %" PRIu64 " must be at least the %zu threads",
                            s->nodes, n);
    s->ref = gh_type_small(heap, "mutate_ref", sizeof(void *), 1);
    s->pearl = gh_type_small(heap, "mutate_pearl", sizeof(struct mutate_pearl),
                             GH_PTR(struct mutate_pearl, next));
    s->node = gh_type_small(
        heap, "mutate_node", sizeof(struct mutate_node) + s->fields * sizeof(void *),
        bits_low((unsigned)s->fields) << 2 | GH_PTR(struct mutate_node, loot));
    for (uint64_t t = 0; t < n; t++)
        if (!mutate_prepare(job, m, s, t))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "mutate: no memory for a model of %" PRIu64
                                " nodes; use fewer --nodes",
                                s->nodes);
    return true;
}

static bool
mutate_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct mutate_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->n, mutate_thread, s, err);
    gh_timer_end(job);
    return ok;
}

static bool
mutate_verify_node(const struct mutate_state *s, struct mutate_thread *self, uint64_t i,
                   uint64_t *sum, struct gh_error *err)
{
    const struct mutate_node *node = self->nodes[i];
    const uint64_t *model = mutate_model(s, self, i);
    uint64_t id = self->first + i;
    if (node->id != id || (node->loot != NULL && node->loot->id >= s->nodes))
        return gh_error_set(err, GH_EXIT_FAILED,
                            "mutate: node %" PRIu64 " or its loot is not what it was", id);
    for (uint64_t f = 0; f < s->fields; f++) {
        if (!mutate_holds(s, node->fields[f], f, model[f]))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "mutate: field %" PRIu64 " of node %" PRIu64
                                " does not hold number %" PRIu64 " unharmed",
                                f, id, model[f]);
        uint64_t mix = (id * s->fields + f) ^ model[f] << 20;
        *sum += gh_random(&mix);
    }
    return true;
}

static bool
mutate_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct mutate_state *s = gh_job_state(job);
    uint64_t sum = 0, stores = 0;
    for (int t = 0; t < s->n; t++) {
        struct mutate_thread *self = &s->threads[t];
        stores += self->stores;
        if (self->wrong != 0 || self->dropped != 0)
            return gh_error_set(
                err, GH_EXIT_FAILED,
                "mutate: thread %d read %" PRIu64
                " links of another thread that led to no node, and lost %" PRIu64
                " pearls that its stack held",
                t, self->wrong, self->dropped);
        for (uint64_t i = 0; i < self->count; i++) {
            if (!mutate_verify_node(s, self, i, &sum, err))
                return false;
            gh_poll(m);
        }
    }
    gh_checksum(job, sum);
    double wall = gh_timer_wall(job);
    gh_emit(job, "stores_per_s", (double)stores / wall, "stores/s");
    gh_emit(job, "ns_per_store", wall * 1e9 * s->n / (double)stores, "ns");
    return true;
}

static void
mutate_teardown(struct gh_job *job)
{
    struct mutate_state *s = gh_job_state(job);
    for (int t = 0; s != NULL && t < s->ready; t++) {
        gh_roots_remove(gh_job_heap(job), (void **)&s->threads[t].nodes);
        free(s->threads[t].model);
    }
    if (s != NULL)
        free(s->threads);
    free(s);
}

static const struct gh_option mutate_options[] = {
    {.name = "nodes",
     .kind = GH_OPT_INT,
     .help = "nodes of the graph, of all threads together",
     .value = "50k",
     .min = 1,
     .max = 1000000000},
    {.name = "fields",
     .kind = GH_OPT_INT,
     .help = "references in a node: half links, half pearls",
     .value = "8",
     .min = 2,
     .max = 60},
    {.name = "ops",
     .kind = GH_OPT_INT,
     .help = "operations, by all threads together",
     .value = "50M",
     .min = 1,
     .max = INT64_C(1000000000000)},
    {.name = "trickle",
     .kind = GH_OPT_INT,
     .help = "operations between two allocations",
     .value = "8",
     .min = 1,
     .max = INT64_C(1000000000000)},
    {.name = NULL},
};

const struct gh_workload workload_mutate = {
    GH_WORKLOAD_HEADER,
    .name = "mutate",
    .help = "store references as fast as possible; the graph keeps its size",
    .about =
        "Each thread has its share of the nodes. A node's fields hold links to other nodes, "
        "and "
        "pearls: small chains that only this field refers to. Operations exchange pearls with "
        "other fields or with the stack, which keeps some for long, set links, copy and clear "
        "fields in bulk, and "
        "read "
        "links of another thread's nodes; every `trickle` operations a fresh pearl is made, so "
        "that the collector runs. A model outside the heap repeats every store, and all fields "
        "are compared with it at the end.\n"
        "Reported: stores per second of all threads, and time of a store in its thread, the "
        "model's share included.",
    .options = mutate_options,
    .max_threads = 256,
    .setup = mutate_setup,
    .run = mutate_run,
    .verify = mutate_verify,
    .teardown = mutate_teardown,
};
