/* finalizers.c - workload `finalizers`: what it costs to have every object finalized. Chains of
 * objects are made and dropped; each object has a finalizer, which checks that the object and
 * its payload are whole, and counts it. Some resurrect themselves and stay to the end.
 *
 * Finalizers run on one thread, so what they count needs no lock; the main thread reads it
 * after gh_finalizers_wait. Verified: every object was finalized exactly once, never before the
 * one that leads to it, and the resurrected ones are as they were made. */
#include "workloads/builtin/builtin.h"

#include "gc/api/specials.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { FIN_CHUNK = 1 << 10, FIN_PAYLOAD = 3 };

struct fin_object {
    struct fin_object *next; /* made before it */
    uint64_t *payload;       /* FIN_PAYLOAD words, each the inverse of the number */
    uint64_t number;         /* of all objects of all threads */
};

struct fin_thread {
    /* atomic, relaxed: the thread's own; a finalizer only asks about objects older than its own
     * death, and 0 would do */
    _Atomic(uint64_t) made;
} GH_ALIGNED(128);

struct fin_state {
    const struct gh_type *object;
    uint64_t n;          /* objects a thread */
    uint64_t chain, one; /* objects in a chain; one in `one` resurrects itself, 0 = none */
    int threads;
    struct fin_thread *thread; /* [threads] */
    uint64_t rounds;
    void **saved; /* [nsaved] registered roots: resurrected objects, by number / one */
    uint64_t nsaved;
    /* the thread that runs finalizers; others while it has nothing to do */
    uint8_t *runs; /* [n * threads] */
    uint64_t finalized, sum, early, damaged;
};

static bool
fin_is_whole(const struct fin_object *o)
{
    for (int i = 0; i < FIN_PAYLOAD; i++)
        if (o->payload[i] != ~o->number)
            return false;
    return true;
}

static uint64_t
fin_made_by(const struct fin_state *s, uint64_t t)
{
    return atomic_load_explicit(&s->thread[t].made, memory_order_relaxed);
}

static void
fin_finalize(struct gh_mutator *m, void *obj, void *ctx)
{
    struct fin_state *s = ctx;
    struct fin_object *o = obj;
    uint64_t number = o->number, all = s->n * (uint64_t)s->threads;
    if (number >= all || !fin_is_whole(o)) {
        s->damaged++;
        return;
    }
    /* the next one that its thread made leads here, if it is of the same chain */
    uint64_t i = number % s->n, t = number / s->n;
    if ((i + 1) % s->chain != 0 && i + 1 < fin_made_by(s, t) && s->runs[number + 1] == 0)
        s->early++;
    if (s->runs[number] < UINT8_MAX)
        s->runs[number]++;
    s->finalized++;
    s->sum += number;
    if (s->one > 0 && number % s->one == 0) {
        gh_store(m, &o->next, NULL); /* or the chain would have to wait for the end */
        gh_store(m, &s->saved[number / s->one], o);
    }
}

/* Objects i .. end-1 of a thread; slot 0 holds the head of the chain. */
static void
fin_make(struct gh_mutator *m, struct fin_state *s, int t, uint64_t i, uint64_t end)
{
    for (; i < end; i++) {
        if (i % s->chain == 0)
            GH_SLOT(m, struct fin_object, 0) = NULL;
        uint64_t number = (uint64_t)t * s->n + i;
        struct fin_object *o = gh_new(m, s->object);
        o->number = number;
        gh_store(m, &o->next, GH_SLOT(m, struct fin_object, 0));
        GH_SLOT(m, struct fin_object, 0) = o;
        uint64_t *payload = gh_new_bytes(m, FIN_PAYLOAD * sizeof *payload);
        for (int k = 0; k < FIN_PAYLOAD; k++)
            payload[k] = ~number;
        o = GH_SLOT(m, struct fin_object, 0);
        gh_store(m, &o->payload, payload);
        atomic_store_explicit(&s->thread[t].made, i + 1, memory_order_relaxed);
        gh_set_finalizer(m, o, fin_finalize, s);
    }
}

static void
fin_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    struct fin_state *s = arg;
    GH_FRAME(m, 1);
    for (uint64_t i = 0; i < s->n && !gh_interrupted(job);) {
        uint64_t end = s->n - i < FIN_CHUNK ? s->n : i + FIN_CHUNK;
        fin_make(m, s, t, i, end);
        i = end;
        if (t == 0)
            gh_progress(job, i, s->n);
    }
}

static uint64_t
fin_made(const struct fin_state *s)
{
    uint64_t made = 0;
    for (int t = 0; t < s->threads; t++)
        made += fin_made_by(s, (uint64_t)t);
    return made;
}

static bool
fin_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    if (!gh_job_needs_collections(job, err))
        return false;
    struct fin_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "finalizers: no memory");
    s->threads = gh_job_threads(job);
    s->n = (uint64_t)gh_job_int(job, "n");
    s->chain = (uint64_t)gh_job_int(job, "chain");
    s->one = (uint64_t)gh_job_int(job, "resurrect");
    uint64_t all = s->n * (uint64_t)s->threads;
    uint64_t saved = s->one == 0 ? 1 : (all + s->one - 1) / s->one;
    s->thread = aligned_alloc(128, (size_t)s->threads * sizeof *s->thread);
    for (int t = 0; s->thread != NULL && t < s->threads; t++)
        atomic_init(&s->thread[t].made, 0);
    s->runs = calloc(all, 1);
    s->saved = calloc(saved, sizeof *s->saved);
    if (s->thread == NULL || s->runs == NULL || s->saved == NULL)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "finalizers: no memory for %" PRIu64 " objects", all);
    s->nsaved = saved;
    gh_roots_add(heap, s->saved, s->nsaved);
    s->object =
        gh_type_small(heap, "fin_object", sizeof(struct fin_object),
                      GH_PTR(struct fin_object, next) | GH_PTR(struct fin_object, payload));
    return true;
}

/* Everything has been dropped: collect until all is finalized, one link of every chain a time.
 * Also after an interruption, for finalizers use what teardown frees. */
static bool
fin_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct fin_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->threads, fin_thread, s, err);
    do {
        gh_gc(m);
        gh_finalizers_wait(m);
        s->rounds++;
    } while (s->finalized + s->damaged < fin_made(s) && s->rounds < s->chain + 1);
    gh_timer_end(job);
    return ok;
}

/* Resurrected: exactly those that should have, as they were made. */
static bool
fin_verify_saved(const struct fin_state *s, struct gh_error *err)
{
    for (uint64_t i = 0; s->one > 0 && i < s->nsaved; i++) {
        const struct fin_object *o = s->saved[i];
        if (o == NULL || o->number != i * s->one || !fin_is_whole(o))
            return gh_error_set(err, GH_EXIT_FAILED,
                                "finalizers: resurrected object %" PRIu64 " is %s", i * s->one,
                                o == NULL ? "not there" : "damaged");
    }
    return true;
}

static bool
fin_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    const struct fin_state *s = gh_job_state(job);
    uint64_t all = s->n * (uint64_t)s->threads;
    gh_gc(m); /* nothing more may run */
    gh_finalizers_wait(m);
    gh_checksum(job, s->sum);
    if (s->damaged > 0 || s->early > 0)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "finalizers: %" PRIu64 " objects were damaged, %" PRIu64
                            " finalized before the one that leads to them",
                            s->damaged, s->early);
    for (uint64_t i = 0; i < all; i++)
        if (s->runs[i] != 1)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "finalizers: object %" PRIu64 " was finalized %u times", i,
                                s->runs[i]);
    if (!fin_verify_saved(s, err))
        return false;
    gh_emit(job, "ns_per_object", gh_timer_wall(job) * 1e9 / (double)all, "ns");
    gh_emit(job, "cpu_ns_per_object", gh_timer_cpu(job) * 1e9 / (double)all, "ns");
    gh_emit(job, "last_collections", (double)s->rounds, "collections");
    return true;
}

static void
fin_teardown(struct gh_job *job)
{
    struct fin_state *s = gh_job_state(job);
    if (s == NULL)
        return;
    if (s->nsaved > 0)
        gh_roots_remove(gh_job_heap(job), s->saved);
    if (s->thread != NULL && s->finalized + s->damaged < fin_made(s))
        return; /* the run has failed, and a finalizer may yet come and look */
    free(s->thread);
    free(s->runs);
    free(s->saved);
    free(s);
}

static const struct gh_option fin_options[] = {
    {.name = "n",
     .kind = GH_OPT_INT,
     .help = "objects a thread",
     .value = "500k",
     .min = 1,
     .max = INT64_C(1) << 32},
    {.name = "chain",
     .kind = GH_OPT_INT,
     .help = "objects in a chain; one of each is finalized in a cycle",
     .value = "3",
     .min = 1,
     .max = 1000},
    {.name = "resurrect",
     .kind = GH_OPT_INT,
     .help = "one object in so many resurrects itself; 0 = none",
     .value = "16",
     .min = 0,
     .max = INT64_C(1) << 32},
    {.name = NULL},
};

const struct gh_workload workload_finalizers = {
    GH_WORKLOAD_HEADER,
    .name = "finalizers",
    .help = "objects with finalizers, in chains, some of which resurrect themselves",
    .about =
        "Each thread makes n objects of 24 bytes with a payload, sets a finalizer on each, and "
        "links them to chains, which it drops. A finalizer checks its object and counts it; "
        "one in --resurrect stores it for good. At the end, collections until everything is "
        "finalized, which takes as many as a chain is long.\n"
        "Reported: wall and CPU time of all that per object, and how many collections the end "
        "took. Verified: each object was finalized exactly once, after the one that leads to "
        "it, and what was resurrected is whole.",
    .options = fin_options,
    .max_threads = 256,
    .setup = fin_setup,
    .run = fin_run,
    .verify = fin_verify,
    .teardown = fin_teardown,
};
