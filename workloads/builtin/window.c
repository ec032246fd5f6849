/* window.c - workloads `win1k` and `win64`: how long one push into a window of messages takes,
 * at worst. A thread makes a message, stores it over the oldest in its ring, and takes the time
 * of that; whatever a collector does to an allocating thread shows up there. win1k: few large
 * messages without references, little to mark. win64: many small ones, each with a topic that
 * is shared and a body of its own.
 *
 * With T threads each has a ring of its own and its share of the numbers; with one thread the
 * work is the peers', to the byte. The loops are stamped out per message, so that its type is a
 * constant of the loop. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/latency.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WINDOW_TOPICS = 4096, WINDOW_1K_WORDS = 128, WINDOW_64_WORDS = 6 };
enum { WINDOW_CHUNK = 1 << 10 }; /* pushes between looks at the world outside */

struct window_1k {
    uint64_t w[WINDOW_1K_WORDS];
};
struct window_body {
    uint64_t w[2];
};
struct window_topic {
    struct window_topic *self;
    uint64_t w[7];
};
struct window_64 {
    struct window_topic *topic;
    struct window_body *body;
    uint64_t w[WINDOW_64_WORDS];
};

/* One thread's ring and share; on cache lines of its own. */
struct window {
    /* a registered root: the ring, `slots` references; written by its thread only */
    GH_ALIGNED(128) void **ring;
    /* immutable */
    uint64_t slots, from, pushes; /* its numbers are from .. from + pushes - 1 */
    struct latency *all, *steady; /* owned by its thread: all pushes; those into a full ring */
};

struct window_state;

struct window_kind {
    const char *name;
    bool topics;
    void (*push)(struct gh_mutator *m, const struct window_state *s, struct window *w,
                 uint64_t first, uint64_t end);
    bool (*holds)(const struct window_state *s, const void *message, uint64_t id,
                  uint64_t *sum);
};

struct window_state {
    const struct window_kind *kind;
    const struct gh_type *ref, *message, *body, *topic;
    struct window_topic **topics; /* a registered root: the table of topics */
    struct window *windows;       /* one a thread */
    struct latency *latencies;    /* two a thread */
    int threads, rooted;          /* rooted: windows whose ring is a registered root */
};

static uint64_t
window_topic_of(uint64_t id)
{
    return id * UINT64_C(0x9E3779B97F4A7C15) >> 52;
}

/* Push messages number first .. end-1 of a thread. Frame: slot 0 is free for `make`, which
 * leaves the message in a local `msg`, stored nowhere yet but there. */
#define WINDOW_LOOP(name, make)                                                        \
    static void window_push_##name(struct gh_mutator *m, const struct window_state *s, \
                                   struct window *w, uint64_t first, uint64_t end)     \
    {                                                                                  \
        uint64_t pos = first % w->slots;                                               \
        for (uint64_t i = first; i < end; i++) {                                       \
            uint64_t id = w->from + i;                                                 \
            int64_t begin = os_now_ns();                                               \
            make;                                                                      \
            gh_store(m, &w->ring[pos], msg);                                           \
            uint64_t ns = (uint64_t)(os_now_ns() - begin);                             \
            if (++pos == w->slots)                                                     \
                pos = 0;                                                               \
            latency_add(w->all, ns);                                                   \
            if (i >= w->slots)                                                         \
                latency_add(w->steady, ns);                                            \
        }                                                                              \
    }

GH_INLINE struct window_1k *
window_make_1k(struct gh_mutator *m, const struct window_state *s, uint64_t id)
{
    struct window_1k *msg = gh_new(m, s->message);
    for (int k = 0; k < WINDOW_1K_WORDS; k++)
        msg->w[k] = id;
    return msg;
}

GH_INLINE struct window_64 *
window_make_64(struct gh_mutator *m, const struct window_state *s, uint64_t id)
{
    struct window_64 *msg = gh_new(m, s->message);
    gh_store(m, &msg->topic, s->topics[window_topic_of(id)]);
    GH_SLOT(m, struct window_64, 0) = msg;
    struct window_body *body = gh_new(m, s->body);
    body->w[0] = id;
    body->w[1] = id;
    msg = GH_SLOT(m, struct window_64, 0);
    gh_store(m, &msg->body, body);
    for (int k = 0; k < WINDOW_64_WORDS; k++)
        msg->w[k] = id;
    return msg;
}

WINDOW_LOOP(1k, struct window_1k *msg = window_make_1k(m, s, id))
WINDOW_LOOP(64, struct window_64 *msg = window_make_64(m, s, id))

/* Whether the message is number `id` in all its words. What it says is added to `sum`. */
static bool
window_holds_1k(const struct window_state *s, const void *message, uint64_t id, uint64_t *sum)
{
    (void)s;
    const struct window_1k *msg = message;
    bool right = true;
    for (int k = 0; k < WINDOW_1K_WORDS; k++)
        right &= msg->w[k] == id;
    *sum += msg->w[0];
    return right;
}

static bool
window_holds_64(const struct window_state *s, const void *message, uint64_t id, uint64_t *sum)
{
    const struct window_64 *msg = message;
    bool right = msg->topic == s->topics[window_topic_of(id)] &&
                 msg->topic->self == msg->topic && msg->body->w[0] == id &&
                 msg->body->w[1] == id;
    for (int k = 0; k < WINDOW_64_WORDS; k++)
        right &= msg->w[k] == id;
    *sum += (msg->body->w[1] + msg->w[WINDOW_64_WORDS - 1]) / 2;
    return right;
}

static const struct window_kind window_kind_1k = {"win1k", false, window_push_1k,
                                                  window_holds_1k};
static const struct window_kind window_kind_64 = {"win64", true, window_push_64,
                                                  window_holds_64};

static void
window_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct window_state *s = arg;
    struct window *w = &s->windows[t];
    GH_FRAME(m, 1);
    void *ring = gh_new_array(m, s->ref, w->slots);
    gh_store(m, &w->ring, ring);
    for (uint64_t i = 0; i < w->pushes && !gh_interrupted(job);) {
        uint64_t end = w->pushes - i < WINDOW_CHUNK ? w->pushes : i + WINDOW_CHUNK;
        s->kind->push(m, s, w, i, end);
        i = end;
        if (t == 0)
            gh_progress(job, i, w->pushes);
    }
}

static void
window_make_topics(struct gh_mutator *m, struct window_state *s)
{
    void *table = gh_new_array(m, s->ref, WINDOW_TOPICS);
    gh_store(m, &s->topics, table);
    for (uint64_t i = 0; i < WINDOW_TOPICS; i++) {
        struct window_topic *topic = gh_new(m, s->topic);
        gh_store(m, &topic->self, topic);
        gh_store(m, &s->topics[i], topic);
    }
}

/* Share slots, numbers and histograms out among the threads. */
static void
window_share(struct window_state *s, struct gh_heap *heap, uint64_t slots, uint64_t pushes)
{
    uint64_t threads = (uint64_t)s->threads;
    for (uint64_t t = 0; t < threads; t++) {
        uint64_t from = t * pushes / threads;
        s->windows[t] = (struct window){
            .slots = (t + 1) * slots / threads - t * slots / threads,
            .from = from,
            .pushes = (t + 1) * pushes / threads - from,
            .all = &s->latencies[2 * t],
            .steady = &s->latencies[2 * t + 1],
        };
        gh_roots_add(heap, (void **)&s->windows[t].ring, 1);
        s->rooted++;
    }
}

static bool
window_setup(struct gh_job *job, const struct window_kind *kind, struct gh_error *err)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct window_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    uint64_t slots = (uint64_t)gh_job_int(job, "slots");
    uint64_t pushes = (uint64_t)gh_job_int(job, "pushes");
    size_t threads = (size_t)gh_job_threads(job);
    if (slots < threads || pushes < slots)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "%s: --slots %" PRIu64 " must be at least the %zu threads and at "
                            "most --pushes %" PRIu64,
                            kind->name, slots, threads, pushes);
    if (s != NULL) {
        s->windows = aligned_alloc(128, threads * sizeof *s->windows);
        s->latencies = latency_make(2 * threads);
    }
    if (s == NULL || s->windows == NULL || s->latencies == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "%s: no memory for %zu threads", kind->name,
                            threads);
    s->kind = kind;
    s->threads = (int)threads;
    window_share(s, heap, slots, pushes);
    gh_roots_add(heap, (void **)&s->topics, 1);
    s->ref = gh_type_small(heap, "window_ref", sizeof(void *), 1);
    s->body = gh_type_small(heap, "window_body", sizeof(struct window_body), 0);
    s->topic = gh_type_small(heap, "window_topic", sizeof(struct window_topic),
                             GH_PTR(struct window_topic, self));
    return true;
}

static bool
window_setup_1k(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    if (!window_setup(job, &window_kind_1k, err))
        return false;
    struct window_state *s = gh_job_state(job);
    s->message = gh_type_new(gh_job_heap(job), "window_1k", sizeof(struct window_1k), 0, NULL);
    return true;
}

static bool
window_setup_64(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    if (!window_setup(job, &window_kind_64, err))
        return false;
    struct window_state *s = gh_job_state(job);
    s->message =
        gh_type_small(gh_job_heap(job), "window_64", sizeof(struct window_64),
                      GH_PTR(struct window_64, topic) | GH_PTR(struct window_64, body));
    return true;
}

static bool
window_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct window_state *s = gh_job_state(job);
    gh_timer_begin(job);
    if (s->kind->topics)
        window_make_topics(m, s);
    bool ok = gh_parallel(job, m, s->threads, window_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* Each slot must hold the youngest message that belongs there, unharmed. */
static bool
window_verify_ring(const struct window_state *s, struct gh_mutator *m, int t, uint64_t *sum,
                   struct gh_error *err)
{
    const struct window *w = &s->windows[t];
    for (uint64_t i = 0; i < w->slots; i++) {
        uint64_t want = w->from + i + (w->pushes - 1 - i) / w->slots * w->slots;
        if (w->ring[i] == NULL || !s->kind->holds(s, w->ring[i], want, sum))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "%s: thread %d: slot %" PRIu64 " does not hold message %" PRIu64
                                " as it was written",
                                s->kind->name, t, i, want);
        gh_poll(m);
    }
    return true;
}

static bool
window_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct window_state *s = gh_job_state(job);
    uint64_t sum = 0;
    for (int t = 0; t < s->threads; t++)
        if (!window_verify_ring(s, m, t, &sum, err))
            return false;
    gh_checksum(job, sum);
    for (int t = 1; t < s->threads; t++) {
        latency_merge(s->windows[0].all, s->windows[t].all);
        latency_merge(s->windows[0].steady, s->windows[t].steady);
    }
    latency_emit(job, s->windows[0].all);
    latency_emit_steady(job, s->windows[0].steady);
    return true;
}

static void
window_teardown(struct gh_job *job)
{
    struct window_state *s = gh_job_state(job);
    if (s != NULL) {
        for (int t = 0; t < s->rooted; t++)
            gh_roots_remove(gh_job_heap(job), (void **)&s->windows[t].ring);
        if (s->rooted > 0)
            gh_roots_remove(gh_job_heap(job), (void **)&s->topics);
        free(s->windows);
        free(s->latencies);
    }
    free(s);
}

/* More pushes than 32 bits count would overflow a histogram's bucket. */
#define WINDOW_OPTIONS(slots_default, pushes_default)          \
    {                                                          \
        {.name = "slots",                                      \
         .kind = GH_OPT_INT,                                   \
         .help = "messages alive, of all threads together",    \
         .value = (slots_default),                             \
         .min = 1,                                             \
         .max = 1000000000},                                   \
            {.name = "pushes",                                 \
             .kind = GH_OPT_INT,                               \
             .help = "messages made, by all threads together", \
             .value = (pushes_default),                        \
             .min = 1,                                         \
             .max = INT64_C(4000000000)},                      \
        {                                                      \
            .name = NULL                                       \
        }                                                      \
    }

static const struct gh_option window_options_1k[] = WINDOW_OPTIONS("200k", "1M");
static const struct gh_option window_options_64[] = WINDOW_OPTIONS("2500k", "5M");

#define WINDOW_ABOUT                                                                         \
    "With T threads each has a ring of slots/T and pushes/T of the messages; the rings are " \
    "no one's but its thread's. With one thread this is the peers' workload exactly.\n"      \
    "Reported, in us: the time of a push (allocation, initialisation, store), as quantiles " \
    "p50 to p9999 and worst; steady_worst and steady_p999 leave out the filling of the rings."

const struct gh_workload workload_win1k = {
    GH_WORKLOAD_HEADER,
    .name = "win1k",
    .help = "push latency: a window of 1024-byte messages without references",
    .about = "Messages of 1024 bytes, all words set to the message's number, go through a "
             "ring.\n" WINDOW_ABOUT,
    .options = window_options_1k,
    .max_threads = 256,
    .setup = window_setup_1k,
    .run = window_run,
    .verify = window_verify,
    .teardown = window_teardown,
};

const struct gh_workload workload_win64 = {
    GH_WORKLOAD_HEADER,
    .name = "win64",
    .help = "push latency: a large window of 64-byte messages with references",
    .about = "Messages of 64 bytes go through a ring. Each refers to one of 4096 topics, which "
             "stay, and to a fresh body of 16 bytes.\n" WINDOW_ABOUT,
    .options = window_options_64,
    .max_threads = 256,
    .setup = window_setup_64,
    .run = window_run,
    .verify = window_verify,
    .teardown = window_teardown,
};
