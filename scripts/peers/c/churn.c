/* churn.c - workload churn: a cache in its steady state. By hand, a node counts the slots and
 * nodes that refer to it, and is freed with the last of them; counts are plain, for threads
 * share nothing. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>
#include <math.h>

enum { MODULUS = 1000003, SIZES = 256, FILL_SEED = 1, SEED = 1000 };

struct option churn_options[] = {
    {"slots", "1M", NULL, 1, 1000000000}, {"ops", "5M", NULL, 1, 4000000000}, {.name = NULL}};

struct node {
    struct node *next;
    uint64_t *payload; /* size / 8 words, each the key */
    uint64_t key;
    uint32_t size;
    uint32_t references; /* where objects are freed by hand */
};

static struct node **volatile table;

static uint32_t sizes[SIZES];

/* The quantiles (i + 0.5) / 256 of a lognormal distribution with median 128 and sigma 1.25, in
 * whole bytes, rounded up to 8 and kept between 16 and 4096. The quantile of the normal
 * distribution is found by halving. */
static void
sizes_make(void)
{
    for (int i = 0; i < SIZES; i++) {
        double p = (i + 0.5) / SIZES, below = -10, above = 10;
        for (int step = 0; step < 80; step++) {
            double z = (below + above) / 2;
            *(0.5 * erfc(-z / sqrt(2)) < p ? &below : &above) = z;
        }
        double bytes = ceil(floor(128 * exp(1.25 * below)) / 8) * 8;
        sizes[i] = (uint32_t)(bytes < 16 ? 16 : bytes > 4096 ? 4096 : bytes);
    }
}

static inline struct node *
node_make(uint64_t key, uint32_t size)
{
    struct node *n = memory_new(sizeof *n);
    n->next = NULL;
    n->payload = memory_new_plain(size);
    n->key = key;
    n->size = size;
    n->references = 1;
    for (uint32_t i = 0; i < size / 8; i++)
        n->payload[i] = key;
    return n;
}

/* One reference to n is gone. */
static inline void
node_release(struct node *n)
{
    while (MEMORY_FREES && n != NULL && --n->references == 0) {
        struct node *next = n->next;
        memory_free(n->payload);
        memory_free(n);
        n = next;
    }
}

struct churn {
    uint64_t slots, ops; /* of all threads */
    int threads;
    struct latencies *latencies;
};

static inline void
churn_operate(struct node **own, uint64_t n, uint64_t i, uint64_t *seed)
{
    uint64_t x = random_draw(seed), y = random_draw(seed);
    uint64_t slot = random_index(high(x), n);
    struct node *node = node_make(i, sizes[x & 255]);
    if ((x >> 8 & 3) == 0) {
        node->next = own[random_index(high(y), n)];
        node->next->references += MEMORY_FREES;
    }
    struct node *old = own[slot];
    own[slot] = node;
    node_release(old);
    if ((x >> 10 & 3) == 0) {
        struct node *cut = own[random_index(low(y), n)];
        old = cut->next;
        cut->next = NULL;
        node_release(old);
    }
}

static void
churn_thread(int t, void *arg)
{
    const struct churn *s = arg;
    uint64_t first = share(s->slots, t, s->threads), end = share(s->slots, t + 1, s->threads);
    uint64_t seed = SEED + (uint64_t)t, ops = s->ops / (uint64_t)s->threads;
    struct node **own = table + first;
    struct latency *latency = &s->latencies[t].all;
    int64_t before = now_ns();
    for (uint64_t i = 0; i < ops; i++) {
        churn_operate(own, end - first, i, &seed);
        int64_t now = now_ns();
        latency_add(latency, (uint64_t)(now - before));
        before = now;
    }
}

/* Walk everything: the checksum, and how many nodes hang on the table. */
static uint64_t
churn_sum(uint64_t slots, uint64_t *nodes)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < slots; i++) {
        const struct node *n = table[i];
        sum += n->key * (i + 1) + n->size + n->payload[0];
        for (; n != NULL; n = n->next) {
            ++*nodes;
            if (n->payload[0] != n->key || n->payload[n->size / 8 - 1] != n->key)
                fail("the payload of node %" PRIu64 " holds %" PRIu64, n->key, n->payload[0]);
        }
    }
    return sum % MODULUS;
}

void
churn_run(int threads)
{
    struct stopwatch w = {0};
    struct churn s = {.slots = option_number("slots"),
                      .ops = option_number("ops"),
                      .threads = threads,
                      .latencies = latencies_make(threads)};
    if (s.slots < (uint64_t)threads)
        refuse("--slots must be at least --threads");
    sizes_make();
    int64_t from = now_ns();
    uint64_t seed = FILL_SEED, nodes = 0;
    table = memory_table(s.slots);
    for (uint64_t i = 0; i < s.slots; i++)
        table[i] = node_make(i, sizes[random_draw(&seed) & 255]);
    int64_t fill = now_ns() - from;
    parallel(threads, &w, churn_thread, &s);
    emit_checksum(churn_sum(s.slots, &nodes));
    emit("chain_nodes", (double)nodes, "count");
    emit("fill", (double)fill / 1e9, "s");
    emit("ops_per_s", (double)s.ops / ((double)w.wall_ns / 1e9), "ops/s");
    latencies_emit(s.latencies, threads, false);
    emit_stopwatch(&w);
    for (uint64_t i = 0; MEMORY_FREES && i < s.slots; i++)
        node_release(table[i]);
    memory_free(table);
}
