/* weak.c - workload `weak`: a cache of weak pointers. Each thread asks for keys at random; a
 * value that has died is made anew. What was asked for last is kept alive by a window of strong
 * references, everything else is the collector's to take, a part of it at each cycle.
 *
 * Threads own their tables and share nothing. Every value that is found is compared with its
 * key. Verified at the end: what is in a window is found by its weak pointer, and after at most
 * two collections nothing else is; when the windows are gone, nothing at all is. */
#include "workloads/builtin/builtin.h"

#include "gc/api/specials.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WEAK_SEED = 17, WEAK_CHUNK = 1 << 12, WEAK_WORDS = 8 };

struct weak_value {
    uint64_t key, word[WEAK_WORDS - 1]; /* each the inverse of the key */
};

struct weak_thread {
    struct gh_weak **table;     /* [keys] root */
    struct weak_value **window; /* [window] root: the last ones asked for */
    uint64_t at;                /* of the window: the next place */
    uint64_t hits, made, wrong;
} GH_ALIGNED(128);

struct weak_state {
    const struct gh_type *value, *ref;
    struct weak_thread *threads;
    int nthreads;
    uint64_t n, keys, window, garbage;
};

static bool
weak_is_whole(const struct weak_value *v, uint64_t key)
{
    bool whole = v->key == key;
    for (int i = 0; i < WEAK_WORDS - 1; i++)
        whole &= v->word[i] == ~key;
    return whole;
}

/* A new value for the key, in the table. Leaves it in slot 0. Safepoint. */
static struct weak_value *
weak_make(struct gh_mutator *m, const struct weak_state *s, struct weak_thread *w, uint64_t key)
{
    struct weak_value *v = gh_new(m, s->value);
    v->key = key;
    for (int i = 0; i < WEAK_WORDS - 1; i++)
        v->word[i] = ~key;
    GH_SLOT(m, struct weak_value, 0) = v;
    struct gh_weak *weak = gh_weak_make(m, v);
    gh_store(m, &w->table[key], weak);
    w->made++;
    return GH_SLOT(m, struct weak_value, 0);
}

static void
weak_ask(struct gh_mutator *m, const struct weak_state *s, struct weak_thread *w, uint64_t key)
{
    struct weak_value *v = gh_weak_get(m, w->table[key]);
    if (v != NULL)
        w->hits++;
    else
        v = weak_make(m, s, w, key);
    w->wrong += !weak_is_whole(v, key);
    gh_store(m, &w->window[w->at], v);
    w->at = w->at + 1 == s->window ? 0 : w->at + 1;
}

static void
weak_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct weak_state *s = arg;
    struct weak_thread *w = &s->threads[t];
    uint64_t seed = WEAK_SEED + (uint64_t)t;
    GH_FRAME(m, 1);
    for (uint64_t i = 0; i < s->n; i++) {
        weak_ask(m, s, w, gh_random_below(gh_random(&seed) >> 32, s->keys));
        if (s->garbage > 0)
            gh_new_bytes(m, s->garbage);
        else
            gh_poll(m);
        if (i % WEAK_CHUNK == 0 && gh_interrupted(job))
            return;
        if (i % WEAK_CHUNK == 0 && t == 0)
            gh_progress(job, i, s->n);
    }
}

static bool
weak_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct gh_heap *heap = gh_job_heap(job);
    if (!gh_job_needs_collections(job, err))
        return false;
    struct weak_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    int threads = gh_job_threads(job);
    if (s != NULL)
        s->threads = aligned_alloc(128, (size_t)threads * sizeof *s->threads);
    if (s == NULL || s->threads == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "weak: no memory for %d threads", threads);
    s->n = (uint64_t)gh_job_int(job, "n");
    s->keys = (uint64_t)gh_job_int(job, "keys");
    s->window = (uint64_t)gh_job_int(job, "window");
    s->garbage = (uint64_t)gh_job_int(job, "garbage");
    s->value = gh_type_small(heap, "weak_value", sizeof(struct weak_value), 0);
    s->ref = gh_type_small(heap, "weak_ref", sizeof(void *), 1);
    for (; s->nthreads < threads; s->nthreads++) {
        struct weak_thread *w = &s->threads[s->nthreads];
        *w = (struct weak_thread){0};
        gh_roots_add(heap, (void **)&w->table, 1);
        gh_roots_add(heap, (void **)&w->window, 1);
        void *table = gh_new_array(m, s->ref, s->keys);
        gh_store(m, &w->table, table);
        void *window = gh_new_array(m, s->ref, s->window);
        gh_store(m, &w->window, window);
    }
    return true;
}

static bool
weak_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct weak_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->nthreads, weak_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* Whether the weak pointers of a thread give exactly what `held` says, by key. No safepoint but
 * the poll, at which only roots are held. */
static bool
weak_compare(struct gh_mutator *m, const struct weak_state *s, const struct weak_thread *w,
             struct weak_value *const *held, struct gh_error *err)
{
    for (uint64_t key = 0; key < s->keys; key++) {
        struct weak_value *v = gh_weak_get(m, w->table[key]);
        if (v != held[key])
            return gh_error_set(err, GH_EXIT_FAILED,
                                "weak: key %" PRIu64 " gives %p, should give %p", key,
                                (void *)v, (void *)held[key]);
        /* there is one already, so nothing is allocated, and it is the same */
        if (v != NULL && (!weak_is_whole(v, key) || gh_weak_make(m, v) != w->table[key]))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "weak: the value of key %" PRIu64 " is damaged, or has another "
                                "weak pointer",
                                key);
        gh_poll(m);
    }
    return true;
}

/* The values in a thread's window, by key; returns the sum of the keys in it. */
static uint64_t
weak_held(const struct weak_state *s, const struct weak_thread *w, struct weak_value **held)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < s->window; i++)
        if (w->window[i] != NULL) {
            held[w->window[i]->key] = w->window[i];
            sum += w->window[i]->key + 1;
        }
    return sum;
}

/* With the windows, then without them. */
static bool
weak_verify_all(struct gh_mutator *m, const struct weak_state *s, uint64_t *sum,
                struct weak_value **held, struct gh_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        gh_gc(m);
        gh_gc(m);
        for (int t = 0; t < s->nthreads; t++) {
            struct weak_thread *w = &s->threads[t];
            for (uint64_t key = 0; key < s->keys; key++)
                held[key] = NULL;
            *sum += weak_held(s, w, held);
            if (!weak_compare(m, s, w, held, err))
                return false;
            gh_clear_refs(m, w->window, s->window);
        }
    }
    return true;
}

static bool
weak_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct weak_state *s = gh_job_state(job);
    uint64_t sum = 0, hits = 0, made = 0, wrong = 0;
    for (int t = 0; t < s->nthreads; t++) {
        hits += s->threads[t].hits;
        made += s->threads[t].made;
        wrong += s->threads[t].wrong;
    }
    if (wrong > 0 || hits + made != s->n * (uint64_t)s->nthreads)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "weak: %" PRIu64 " wrong values; %" PRIu64 " found, %" PRIu64
                            " made",
                            wrong, hits, made);
    struct weak_value **held = calloc(s->keys, sizeof(struct weak_value *));
    if (held == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "weak: no memory to check the result");
    bool ok = weak_verify_all(m, s, &sum, held, err);
    free(held);
    gh_checksum(job, sum);
    double all = (double)(hits + made);
    gh_emit(job, "ns_per_get", gh_timer_wall(job) * 1e9 / (double)s->n, "ns");
    gh_emit(job, "cpu_ns_per_get", gh_timer_cpu(job) * 1e9 / all, "ns");
    gh_emit(job, "found", 100 * (double)hits / all, "%");
    gh_emit(job, "values_made", (double)made, "values");
    return ok;
}

static void
weak_teardown(struct gh_job *job)
{
    struct weak_state *s = gh_job_state(job);
    if (s == NULL)
        return;
    for (int t = 0; t < s->nthreads; t++) {
        gh_roots_remove(gh_job_heap(job), (void **)&s->threads[t].table);
        gh_roots_remove(gh_job_heap(job), (void **)&s->threads[t].window);
    }
    free(s->threads);
    free(s);
}

static const struct gh_option weak_options[] = {
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "keys asked for, each thread",
     .value = "5M",
     .min = 1,
     .max = INT64_C(1) << 40},
    {.name = "keys",
     .kind = GH_OPT_INT,
     .help = "different keys, each thread",
     .value = "20k",
     .min = 1,
     .max = INT64_C(1) << 28},
    {.name = "window",
     .kind = GH_OPT_INT,
     .help = "how many of the last values each thread keeps alive",
     .value = "5k",
     .min = 1,
     .max = INT64_C(1) << 28},
    {.name = "garbage",
     .kind = GH_OPT_INT,
     .help = "bytes allocated and dropped with each key, so that cycles run",
     .value = "64",
     .min = 0,
     .max = 1 << 20},
    {.name = NULL},
};

const struct gh_workload workload_weak = {
    GH_WORKLOAD_HEADER,
    .name = "weak",
    .help = "a cache of weak pointers beside a window of strong ones",
    .about =
        "Each thread asks n times for one of --keys keys, through a table of weak pointers. A "
        "value of 64 bytes that was collected is made anew. The --window values asked for last "
        "are kept alive; --garbage bytes are dropped with each question.\n"
        "Reported: wall time of a question in its thread, its CPU time, how often a value was "
        "found, how many were made. How many depends on when cycles run.",
    .options = weak_options,
    .max_threads = 256,
    .setup = weak_setup,
    .run = weak_run,
    .verify = weak_verify,
    .teardown = weak_teardown,
};
