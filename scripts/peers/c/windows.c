/* windows.c - workloads win1k and win64: a ring of messages, each push timed. By hand, the
 * message that was in the slot is freed within the time of the push. Threads have a ring each.
 */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>

enum { TOPICS = 4096, WORDS_1K = 128, WORDS_64 = 6 };

struct option win1k_options[] = {{"slots", "200k", NULL, 1, 1000000000},
                                 {"pushes", "1M", NULL, 1, 4000000000},
                                 {.name = NULL}};
struct option win64_options[] = {{"slots", "2500k", NULL, 1, 1000000000},
                                 {"pushes", "5M", NULL, 1, 4000000000},
                                 {.name = NULL}};

struct message_1k {
    uint64_t w[WORDS_1K];
};
struct topic {
    struct topic *self;
    uint64_t w[7];
};
struct message_64 {
    struct topic *topic;
    uint64_t *body; /* two words */
    uint64_t w[WORDS_64];
};

/* Global, where Boehm looks for references. */
static void **volatile rings[256];
static struct topic **volatile topics;

struct window {
    uint64_t slots, pushes;
    int threads;
    /* The message's number, found where `slot` says; UINT64_MAX if it contradicts itself. */
    uint64_t (*id)(const void *message, uint64_t slot);
    struct latencies *latencies;
};

static uint64_t
topic_of(uint64_t id)
{
    return id * UINT64_C(0x9E3779B97F4A7C15) >> 52;
}

static inline void
push_1k(void **slot, uint64_t id)
{
    struct message_1k *m = memory_new_plain(sizeof *m);
    for (int i = 0; i < WORDS_1K; i++)
        m->w[i] = id;
    void *old = *slot;
    *slot = m;
    memory_free(old);
}

static uint64_t
id_1k(const void *message, uint64_t slot)
{
    const struct message_1k *m = message;
    uint64_t id = m->w[slot % WORDS_1K];
    return m->w[0] == id && m->w[WORDS_1K - 1] == id ? id : UINT64_MAX;
}

static inline void
push_64(void **slot, uint64_t id)
{
    struct message_64 *m = memory_new(sizeof *m);
    m->topic = topics[topic_of(id)];
    m->body = memory_new_plain(2 * sizeof *m->body);
    m->body[0] = m->body[1] = id;
    for (int i = 0; i < WORDS_64; i++)
        m->w[i] = id;
    struct message_64 *old = *slot;
    *slot = m;
    if (MEMORY_FREES && old != NULL) {
        memory_free(old->body);
        memory_free(old);
    }
}

static uint64_t
id_64(const void *message, uint64_t slot)
{
    const struct message_64 *m = message;
    uint64_t id = m->w[slot % WORDS_64];
    bool right = m->topic == topics[topic_of(id)] && m->topic->self == m->topic &&
                 m->body[0] == id && m->body[1] == id;
    return right ? id : UINT64_MAX;
}

/* Inlined into each of its callers, so that what is pushed is a constant of the loop. */
static inline __attribute__((always_inline)) void
window_pushes(int t, struct window *o, void (*push)(void **slot, uint64_t id))
{
    uint64_t slots = share(o->slots, t + 1, o->threads) - share(o->slots, t, o->threads);
    uint64_t first = share(o->pushes, t, o->threads), end = share(o->pushes, t + 1, o->threads);
    struct latencies *l = &o->latencies[t];
    void **ring = memory_table(slots);
    rings[t] = ring;
    uint64_t slot = 0;
    for (uint64_t id = first; id < end; id++) {
        int64_t from = now_ns();
        push(&ring[slot], id);
        uint64_t ns = (uint64_t)(now_ns() - from);
        latency_add(&l->all, ns);
        if (id - first >= slots)
            latency_add(&l->steady, ns);
        if (++slot == slots)
            slot = 0;
    }
}

static void
window_thread_1k(int t, void *arg)
{
    window_pushes(t, arg, push_1k);
}

static void
window_thread_64(int t, void *arg)
{
    window_pushes(t, arg, push_64);
}

static void
topics_make(void)
{
    topics = memory_table(TOPICS);
    for (int i = 0; i < TOPICS; i++) {
        struct topic *p = memory_new(sizeof *p);
        *p = (struct topic){.self = p};
        topics[i] = p;
    }
}

/* Add up the numbers of the messages in thread t's ring: each slot must hold the youngest. */
static uint64_t
ring_sum(const struct window *o, int t)
{
    uint64_t slots = share(o->slots, t + 1, o->threads) - share(o->slots, t, o->threads);
    uint64_t first = share(o->pushes, t, o->threads);
    uint64_t pushes = share(o->pushes, t + 1, o->threads) - first, sum = 0;
    for (uint64_t i = 0; i < slots && i < pushes; i++) {
        uint64_t want = first + i + (pushes - 1 - i) / slots * slots;
        uint64_t id = rings[t][i] == NULL ? UINT64_MAX : o->id(rings[t][i], i);
        if (id != want)
            fail("thread %d: slot %" PRIu64 " holds %" PRIu64 ", not %" PRIu64, t, i, id, want);
        sum += id;
    }
    return sum;
}

static void
ring_free(const struct window *o, int t, bool bodies)
{
    uint64_t slots = share(o->slots, t + 1, o->threads) - share(o->slots, t, o->threads);
    for (uint64_t i = 0; i < slots; i++) {
        if (bodies && rings[t][i] != NULL)
            memory_free(((struct message_64 *)rings[t][i])->body);
        memory_free(rings[t][i]);
    }
    memory_free(rings[t]);
}

static void
window_run(int threads, bool small)
{
    struct stopwatch w = {0};
    struct window o = {.slots = option_number("slots"),
                       .pushes = option_number("pushes"),
                       .threads = threads,
                       .id = small ? id_64 : id_1k,
                       .latencies = latencies_make(threads)};
    if (o.slots < (uint64_t)threads || o.pushes < o.slots)
        refuse("--slots must be at least --threads, and at most --pushes");
    if (small) {
        stopwatch_begin(&w);
        topics_make();
        stopwatch_end(&w);
    }
    parallel(threads, &w, small ? window_thread_64 : window_thread_1k, &o);
    uint64_t sum = 0;
    for (int t = 0; t < threads; t++)
        sum += ring_sum(&o, t);
    emit_checksum(sum);
    latencies_emit(o.latencies, threads, true);
    emit_stopwatch(&w);
    if (!MEMORY_FREES)
        return;
    for (int t = 0; t < threads; t++)
        ring_free(&o, t, small);
    for (int i = 0; small && i < TOPICS; i++)
        memory_free(topics[i]);
    memory_free(topics);
}

void
win1k_run(int threads)
{
    window_run(threads, false);
}

void
win64_run(int threads)
{
    window_run(threads, true);
}
