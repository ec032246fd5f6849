/* handoff.c - workload `handoff`: objects are made by one mutator and dropped by another. Each
 * goes through a bounded queue, is checked by its receiver, stays in the receiver's window for
 * a while, and is checked again when it leaves. So memory is taken from one thread's cache and
 * comes back by way of another's sweep, and references cross from stack to stack through a slot
 * that is cleared behind them: what a concurrent collector's barriers must get right.
 *
 * Note [waiting for queues]. A thread fills the queue it sends to and empties the one it
 * receives from; only when it can do neither does it wait, at its bell, which its neighbours
 * ring when they have made a full queue not full or an empty one not empty.
 *   - Nobody waits for ever. In a circle of threads one would have to find its queue full and
 *     the next the same queue empty. A ring between the look at the queues and the wait is not
 *     missed: the count of rings was read before the look.
 *   - Nobody keeps the world from stopping. Waiting is bracketed by gh_blocked_enter and
 *     gh_blocked_exit; both locks of this file are held over a few stores and no safepoint, so
 *     that whoever holds one releases it soon, stop or no stop. */
#include "workloads/builtin/builtin.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* An item links to the one made before, in families of this many; so a family lives as long as
 * its last member. */
enum { HANDOFF_FAMILY = 8, HANDOFF_WORDS = 32, HANDOFF_LOOK = 1 << 10 };

struct handoff_item {
    struct handoff_item *elder; /* the item made before, NULL for the first of a family */
    uint64_t *words;            /* handoff_words(id) of them */
    uint64_t id;
};

struct handoff_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    /* written under lock; atomic: its owner reads it before it looks at the queues, see Note
     * [waiting for queues] */
    _Atomic(uint64_t) rings;
};

struct handoff_queue {
    /* immutable */
    GH_ALIGNED(128) struct handoff_bell *sender, *receiver;
    uint64_t capacity;
    void **cells; /* --cells roots: `capacity` registered roots, outside the heap */
    /* a registered root: --cells heap: an array of `capacity` references */
    void **array;
    pthread_mutex_t lock;
    /* guarded by lock, the cells too: item number i is in cell i % capacity */
    uint64_t sent, received;
};

struct handoff_thread {
    /* immutable */
    GH_ALIGNED(128) struct handoff_queue *out, *in; /* NULL: sends, receives nothing */
    uint64_t send_end, take_first, take_end;        /* numbers of items */
    /* owner */
    uint64_t send_next, take_next;
    uint64_t checksum, waits;
    uint64_t wrong, wrong_id; /* items that were not as they were made, and the last such */
    void **window;            /* a registered root: an array of `keep` references */
    struct handoff_bell bell;
};

struct handoff_state {
    const struct gh_type *item, *ref;
    struct handoff_queue *queues;   /* as many as threads; those not needed are idle */
    struct handoff_thread *threads; /* n */
    uint64_t items, keep, capacity;
    int n, ready; /* ready: threads with all that handoff_teardown takes away again */
};

/* --- items: all of their contents follow from the number --- */

static uint64_t
handoff_mix(uint64_t id)
{
    return gh_random(&id);
}

/* 1 to 32 words: from the tiny allocator to objects of 256 bytes. */
static uint64_t
handoff_words(uint64_t id)
{
    return 1 + handoff_mix(id) % HANDOFF_WORDS;
}

/* Make item `id`, younger than the one in slot 0 of the innermost frame (or none), in whose
 * place it comes. Uses slot 1. Safepoint. */
static void
handoff_make(struct gh_mutator *m, const struct handoff_state *s, uint64_t id)
{
    struct handoff_item *item = gh_new(m, s->item);
    GH_SLOT(m, struct handoff_item, 1) = item;
    uint64_t n = handoff_words(id);
    uint64_t *words = gh_new_bytes(m, n * sizeof *words);
    for (uint64_t i = 0; i < n; i++)
        words[i] = id + i;
    item = GH_SLOT(m, struct handoff_item, 1);
    item->id = id;
    gh_store(m, &item->words, words);
    if (id % HANDOFF_FAMILY != 0)
        gh_store(m, &item->elder, GH_SLOT(m, struct handoff_item, 0));
    GH_SLOT(m, struct handoff_item, 0) = item;
    GH_SLOT(m, struct handoff_item, 1) = NULL;
}

/* Whether the item is number `id` and all its elders are right; `first` is the first item that
 * its sender made. No safepoint. */
static bool
handoff_right(const struct handoff_item *item, uint64_t id, uint64_t first)
{
    for (;; item = item->elder, id--) {
        if (item == NULL || item->id != id)
            return false;
        for (uint64_t i = 0; i < handoff_words(id); i++)
            if (item->words[i] != id + i)
                return false;
        if (id % HANDOFF_FAMILY == 0 || id == first)
            return item->elder == NULL;
    }
}

/* --- bells and queues --- */

static void
bell_ring(struct handoff_bell *b)
{
    pthread_mutex_lock(&b->lock);
    /* relaxed: the lock orders it for whoever waits; for the rest see bell_wait */
    atomic_fetch_add_explicit(&b->rings, 1, memory_order_relaxed);
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

/* Wait until the bell has been rung since it stood at `seen`. That value was read (relaxed)
 * before the owner looked at the queues under their locks; a neighbour changes a queue under
 * its lock and rings after that, so what the look did not see, rings after `seen`. Safepoint.
 */
static void
bell_wait(struct gh_mutator *m, struct handoff_bell *b, uint64_t seen)
{
    gh_blocked_enter(m);
    pthread_mutex_lock(&b->lock);
    while (atomic_load_explicit(&b->rings, memory_order_relaxed) == seen)
        pthread_cond_wait(&b->rung, &b->lock);
    pthread_mutex_unlock(&b->lock);
    gh_blocked_exit(m);
}

static void **
queue_cell(struct handoff_queue *q, uint64_t i)
{
    return (q->cells != NULL ? q->cells : q->array) + i % q->capacity;
}

/* Put in what is in slot 0 of the innermost frame; false if there is no room. */
static bool
queue_put(struct gh_mutator *m, struct handoff_queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t length = q->sent - q->received;
    if (length < q->capacity)
        gh_store(m, queue_cell(q, q->sent++), GH_SLOT(m, void, 0));
    pthread_mutex_unlock(&q->lock);
    if (length == 0)
        bell_ring(q->receiver);
    return length < q->capacity;
}

/* Take the oldest out into slot 1 of the innermost frame; false if there is none. */
static bool
queue_take(struct gh_mutator *m, struct handoff_queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t length = q->sent - q->received;
    if (length > 0) {
        void **cell = queue_cell(q, q->received++);
        GH_SLOT(m, void, 1) = *cell;
        gh_store(m, cell, NULL);
    }
    pthread_mutex_unlock(&q->lock);
    if (length == q->capacity)
        bell_ring(q->sender);
    return length > 0;
}

/* --- a thread --- */

/* Send items until the queue is full; the one that did not fit stays in slot 0. */
static bool
handoff_send(struct gh_mutator *m, const struct handoff_state *s, struct handoff_thread *self,
             bool *pending)
{
    uint64_t from = self->send_next;
    for (int k = 0; k < HANDOFF_LOOK && self->send_next < self->send_end; k++) {
        if (!*pending)
            handoff_make(m, s, self->send_next);
        *pending = !queue_put(m, self->out);
        if (*pending)
            break;
        self->send_next++;
    }
    return self->send_next > from;
}

static bool
handoff_judge(struct handoff_thread *self, const struct handoff_item *item, uint64_t id)
{
    if (handoff_right(item, id, self->take_first))
        return true;
    self->wrong++;
    self->wrong_id = id;
    return false;
}

/* Receive items until the queue is empty; each takes the oldest one's place in the window. */
static bool
handoff_take(struct gh_mutator *m, const struct handoff_state *s, struct handoff_thread *self)
{
    uint64_t from = self->take_next;
    while (self->take_next < self->take_end && queue_take(m, self->in)) {
        uint64_t id = self->take_next++;
        if (handoff_judge(self, GH_SLOT(m, struct handoff_item, 1), id))
            self->checksum += handoff_mix(GH_SLOT(m, struct handoff_item, 1)->id);
        void **place = self->window + (id - self->take_first) % s->keep;
        if (id - self->take_first >= s->keep)
            handoff_judge(self, *place, id - s->keep);
        gh_store(m, place, GH_SLOT(m, void, 1));
        GH_SLOT(m, void, 1) = NULL;
        gh_poll(m);
    }
    return self->take_next > from;
}

static void
handoff_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct handoff_state *s = arg;
    struct handoff_thread *self = &s->threads[t];
    bool pending = false;
    GH_FRAME(m, 2); /* the item made last; the item received last */
    while (self->send_next < self->send_end || self->take_next < self->take_end) {
        /* relaxed: see bell_wait */
        uint64_t rings = atomic_load_explicit(&self->bell.rings, memory_order_relaxed);
        if (gh_interrupted(job))
            break;
        bool moved = handoff_send(m, s, self, &pending);
        moved |= handoff_take(m, s, self);
        if (t == 0) /* it always sends */
            gh_progress(job, self->send_next, self->send_end);
        if (moved)
            continue;
        self->waits++;
        bell_wait(m, &self->bell, rings);
    }
    /* whoever waits for a thread that was interrupted is to learn of it */
    if (self->out != NULL)
        bell_ring(self->out->receiver);
    if (self->in != NULL)
        bell_ring(self->in->sender);
}

/* --- phases --- */

/* Queue number k leads from one thread to another, for share k of all items. */
static void
handoff_link(struct handoff_state *s, int k, int shares, int from, int to)
{
    struct handoff_queue *q = &s->queues[k];
    struct handoff_thread *sender = &s->threads[from], *receiver = &s->threads[to];
    uint64_t first = (uint64_t)k * s->items / (uint64_t)shares;
    uint64_t end = ((uint64_t)k + 1) * s->items / (uint64_t)shares;
    q->sender = &sender->bell;
    q->receiver = &receiver->bell;
    sender->out = q;
    sender->send_next = first;
    sender->send_end = end;
    receiver->in = q;
    receiver->take_first = first;
    receiver->take_next = first;
    receiver->take_end = end;
}

static bool
handoff_prepare(struct gh_job *job, struct gh_mutator *m, struct handoff_state *s, int i)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct handoff_queue *q = &s->queues[i];
    struct handoff_thread *t = &s->threads[i];
    bool roots = strcmp(gh_job_text(job, "cells"), "roots") == 0;
    *t = (struct handoff_thread){
        .bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}};
    *q = (struct handoff_queue){.capacity = s->capacity, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (roots && (q->cells = calloc(s->capacity, sizeof *q->cells)) == NULL)
        return false;
    if (roots)
        gh_roots_add(heap, q->cells, s->capacity);
    gh_roots_add(heap, (void **)&q->array, 1);
    gh_roots_add(heap, (void **)&t->window, 1);
    s->ready++;
    if (!roots) {
        void *array = gh_new_array(m, s->ref, s->capacity);
        gh_store(m, &q->array, array);
    }
    void *window = gh_new_array(m, s->ref, s->keep);
    gh_store(m, &t->window, window);
    return true;
}

static bool
handoff_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct handoff_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    int n = gh_job_threads(job);
    if (s != NULL) {
        s->queues = aligned_alloc(128, (size_t)n * sizeof *s->queues);
        s->threads = aligned_alloc(128, (size_t)n * sizeof *s->threads);
    }
    if (s == NULL || s->queues == NULL || s->threads == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "handoff: no memory for %d threads", n);
    s->n = n;
    s->items = (uint64_t)gh_job_int(job, "items");
    s->keep = (uint64_t)gh_job_int(job, "keep");
    s->capacity = (uint64_t)gh_job_int(job, "capacity");
    s->ref = gh_type_small(heap, "handoff_ref", sizeof(void *), 1);
    s->item =
        gh_type_small(heap, "handoff_item", sizeof(struct handoff_item),
                      GH_PTR(struct handoff_item, elder) | GH_PTR(struct handoff_item, words));
    for (int i = 0; i < n; i++)
        if (!handoff_prepare(job, m, s, i))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "handoff: no memory for %d queues of %" PRIu64
                                " items; use a smaller --capacity",
                                n, s->capacity);
    if (strcmp(gh_job_text(job, "shape"), "ring") == 0)
        for (int t = 0; t < n; t++)
            handoff_link(s, t, n, t, (t + 1) % n);
    else
        for (int k = 0; 2 * k < n; k++)
            handoff_link(s, k, (n + 1) / 2, 2 * k, 2 * k + 1 < n ? 2 * k + 1 : 2 * k);
    return true;
}

static bool
handoff_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct handoff_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->n, handoff_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* What the threads saw must have been right, what is left in the windows must still be, and the
 * queues must be empty. Returns how many items were received. */
static uint64_t
handoff_inspect(struct gh_mutator *m, struct handoff_state *s, int i)
{
    struct handoff_thread *t = &s->threads[i];
    struct handoff_queue *q = &s->queues[i];
    uint64_t taken = t->take_next - t->take_first;
    for (uint64_t k = taken < s->keep ? 0 : taken - s->keep; k < taken; k++) {
        handoff_judge(t, t->window[k % s->keep], t->take_first + k);
        gh_poll(m);
    }
    for (uint64_t k = 0; k < s->capacity; k++)
        t->wrong += *queue_cell(q, k) != NULL;
    return taken;
}

static bool
handoff_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct handoff_state *s = gh_job_state(job);
    uint64_t sum = 0, want = 0, taken = 0, waits = 0;
    for (int i = 0; i < s->n; i++) {
        struct handoff_thread *t = &s->threads[i];
        taken += handoff_inspect(m, s, i);
        sum += t->checksum;
        waits += t->waits;
        if (t->wrong != 0)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "handoff: thread %d met %" PRIu64
                                " items that were not as they were made, or left in a queue; "
                                "the last was number %" PRIu64,
                                i, t->wrong, t->wrong_id);
    }
    for (uint64_t id = 0; id < s->items; id++)
        want += handoff_mix(id);
    gh_checksum(job, sum);
    if (taken != s->items || sum != want)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "handoff: %" PRIu64 " items arrived with checksum %" PRIx64
                            ", %" PRIu64 " were sent with %" PRIx64,
                            taken, sum, s->items, want);
    gh_emit(job, "ops_per_s", (double)s->items / gh_timer_wall(job), "ops/s");
    gh_emit(job, "waits", (double)waits, "count");
    return true;
}

static void
handoff_teardown(struct gh_job *job)
{
    struct gh_heap *heap = gh_job_heap(job);
    struct handoff_state *s = gh_job_state(job);
    for (int i = 0; s != NULL && i < s->ready; i++) {
        struct handoff_queue *q = &s->queues[i];
        gh_roots_remove(heap, (void **)&q->array);
        gh_roots_remove(heap, (void **)&s->threads[i].window);
        if (q->cells != NULL)
            gh_roots_remove(heap, q->cells);
        free(q->cells);
    }
    if (s != NULL) {
        free(s->queues);
        free(s->threads);
    }
    free(s);
}

static const char *const handoff_shapes[] = {"pairs", "ring", NULL};
static const char *const handoff_cells[] = {"heap", "roots", NULL};

static const struct gh_option handoff_options[] = {
    {.name = "items",
     .kind = GH_OPT_INT,
     .help = "items handed over, by all threads together",
     .value = "5M",
     .min = 1,
     .max = INT64_C(1000000000000)},
    {.name = "shape",
     .kind = GH_OPT_CHOICE,
     .help = "pairs: one sends, one receives; ring: all do both",
     .value = "pairs",
     .choices = handoff_shapes},
    {.name = "capacity",
     .kind = GH_OPT_INT,
     .help = "items that a queue holds",
     .value = "256",
     .min = 1,
     .max = 100000000},
    {.name = "cells",
     .kind = GH_OPT_CHOICE,
     .help = "what queues consist of: an object, or registered roots",
     .value = "heap",
     .choices = handoff_cells},
    {.name = "keep",
     .kind = GH_OPT_INT,
     .help = "items that a receiver keeps before it drops them",
     .value = "20k",
     .min = 1,
     .max = 1000000000},
    {.name = NULL},
};

const struct gh_workload workload_handoff = {
    GH_WORKLOAD_HEADER,
    .name = "handoff",
    .help = "objects made by one thread, dropped by another, through queues",
    .about =
        "Items, each with a link to the one before (in families of eight) and 1 to 32 words of "
        "its own, go from thread to thread through queues of limited length. The receiver "
        "checks an item, keeps it for a while, checks it again and drops it. In pairs of "
        "threads one sends and the other receives; a thread without a partner does both, and "
        "so do all in a ring, each for its neighbour.\n"
        "Reported: items handed over per second, and how often a thread had to wait.",
    .options = handoff_options,
    .max_threads = 256,
    .setup = handoff_setup,
    .run = handoff_run,
    .verify = handoff_verify,
    .teardown = handoff_teardown,
};
