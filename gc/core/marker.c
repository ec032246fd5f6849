/* marker.c - the marking crew: waking, joining, ending a round. Scanning is in scan.c. */
#include "gc/core/marker.h"

#include "gc/core/marker_crew.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t MARKER_CLOSED = UINT32_C(1) << 31;

bool
marker_open(struct marker *k, struct pages *pages, struct gospace *space, int procs)
{
    *k = (struct marker){.pages = pages, .space = space, .nworkers = (unsigned)procs};
    k->victims_max =
        2 * k->nworkers; /* the crew, and as many threads of the concurrent phase */
    k->dense = dense_pick();
    k->workers = aligned_alloc(GH_CACHELINE, k->nworkers * sizeof *k->workers);
    k->victims = calloc(k->victims_max, sizeof(struct mark_worker *));
    if (k->workers == NULL || k->victims == NULL)
        goto fail_memory;
    memset(k->workers, 0, k->nworkers * sizeof *k->workers);
    for (unsigned i = 0; i < k->nworkers; i++) {
        marker_init_worker(k, &k->workers[i]);
        k->workers[i].stealable = true;
    }
    if (!workbuf_pool_init(&k->bufs, pages))
        goto fail_pool;
    lock_init(&k->lock, LOCK_RANK_WORKERS);
    cond_init(&k->wake);
    /* relaxed: nobody else is there yet */
    atomic_store_explicit(&k->joined, MARKER_CLOSED, memory_order_relaxed);
    return true;

fail_pool:
    workbuf_pool_finish(&k->bufs);
fail_memory:
    free(k->victims);
    free(k->workers);
    return false;
}

void
marker_close(struct marker *k)
{
    lock_acquire(&k->lock);
    k->closing = true;
    cond_broadcast(&k->wake);
    lock_release(&k->lock);
    for (unsigned i = 1; i <= k->nthreads; i++)
        pthread_join(k->workers[i].thread, NULL);
    cond_finish(&k->wake);
    lock_finish(&k->lock);
    workbuf_pool_finish(&k->bufs);
    free(k->victims);
    free(k->workers);
}

void
marker_init_worker(struct marker *k, struct mark_worker *w)
{
    *w = (struct mark_worker){.marker = k, .pages = k->pages, .shared = true};
    w->scan_limit = UINT64_MAX;
}

void
marker_add_victim(struct marker *k, struct mark_worker *w)
{
    /* relaxed: one caller at a time */
    unsigned n = atomic_load_explicit(&k->nvictims, memory_order_relaxed);
    CHECK(n < k->victims_max && w->stealable, "marker_add_victim: %u of %u", n, k->victims_max);
    k->victims[n] = w;
    /* release: pairs with the acquire in marker_victims */
    atomic_store_explicit(&k->nvictims, n + 1, memory_order_release);
}

bool
marker_any_work(const struct marker *k)
{
    if (workbuf_any_full(&k->bufs))
        return true;
    unsigned n = marker_victims(k);
    for (unsigned i = 0; i < n; i++)
        if (page_queue_any(&k->victims[i]->page_queue))
            return true;
    return false;
}

void
worker_ready(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    if (w->wb != NULL)
        return;
    w->by_object = w->marker->by_object;
    w->took_part = true;
    w->wb = workbuf_get_empty(p);
    w->spare = workbuf_get_empty(p);
}

void
worker_finish(struct mark_worker *w)
{
    if (w->wb == NULL)
        return;
    unsigned pages = page_queue_count(&w->page_queue);
    CHECK(pages == 0, "worker_finish: %u pages are still queued", pages);
    workbuf_put_empty(&w->marker->bufs, w->wb);
    workbuf_put_empty(&w->marker->bufs, w->spare);
    w->wb = w->spare = NULL;
}

/* Be a spell idle without hurting the neighbours. */
static void
worker_relax(unsigned *spins)
{
    if (++*spins % 64 == 0)
        sched_yield();
    else
        __builtin_ia32_pause();
}

/* False when there is none and nobody is left who could make any. */
static bool
worker_wait_for_work(struct marker *k, unsigned *spins)
{
    bool any = true;
    atomic_fetch_add_explicit(&k->hungry, 1, memory_order_relaxed);
    while (any && !marker_any_work(k)) {
        /* acquire: pairs with the release of the last worker to leave */
        any = atomic_load_explicit(&k->busy, memory_order_acquire) > 0;
        worker_relax(spins);
    }
    atomic_fetch_sub_explicit(&k->hungry, 1, memory_order_relaxed);
    return any;
}

/* Work until nobody has any; see Note [marking crew]. The caller is counted in busy. */
static void
worker_run(struct mark_worker *w)
{
    struct marker *k = w->marker;
    unsigned spins = 0;
    for (;;) {
        marker_drain(w);
        /* release: what this worker marked comes before; pairs with the acquire below */
        atomic_fetch_sub_explicit(&k->busy, 1, memory_order_acq_rel);
        if (!worker_wait_for_work(k, &spins))
            return;
        atomic_fetch_add_explicit(&k->busy, 1, memory_order_acq_rel);
    }
}

/* One crew member's part of a round. */
static void
crew_round(struct mark_worker *w)
{
    struct marker *k = w->marker;
    uint32_t n = atomic_load_explicit(&k->joined, memory_order_relaxed);
    do {
        if (n & MARKER_CLOSED)
            return;
        /* acquire: pairs with the release when the round was opened */
    } while (!atomic_compare_exchange_weak_explicit(&k->joined, &n, n + 1, memory_order_acq_rel,
                                                    memory_order_relaxed));
    int64_t begin = os_thread_cpu_ns();
    w->shared = true;
    worker_ready(w);
    atomic_fetch_add_explicit(&k->busy, 1, memory_order_acq_rel);
    worker_run(w);
    worker_finish(w);
    /* A member that overslept the last round may join this one twice: the counts add up. */
    w->busy_ns += os_thread_cpu_ns() - begin;
    /* release: pairs with the acquire in marker_finish_stw, which reads our counts */
    atomic_fetch_add_explicit(&k->left, 1, memory_order_release);
}

static void *
crew_main(void *arg)
{
    struct mark_worker *w = arg;
    struct marker *k = w->marker;
    uint64_t seen = 0;
    lock_acquire(&k->lock);
    for (;;) {
        while (k->round == seen && !k->closing)
            cond_wait(&k->wake, &k->lock);
        if (k->closing)
            break;
        seen = k->round;
        lock_release(&k->lock);
        crew_round(w);
        lock_acquire(&k->lock);
    }
    lock_release(&k->lock);
    return NULL;
}

/* Threads are made on first need. One that cannot be made is done without. */
static void
crew_start_threads_locked(struct marker *k)
{
    if (k->nthreads == 0)
        marker_add_victim(k, &k->workers[0]);
    while (k->nthreads + 1 < k->nworkers) {
        struct mark_worker *w = &k->workers[k->nthreads + 1];
        if (pthread_create(&w->thread, NULL, crew_main, w) != 0)
            return;
        marker_add_victim(k, w);
        k->nthreads++;
    }
}

void
marker_wake_crew(struct marker *k)
{
    struct mark_worker *w = &k->workers[0];
    if (w->shared || k->nworkers == 1)
        return;
    w->shared = true;
    lock_acquire(&k->lock);
    crew_start_threads_locked(k);
    k->round++;
    /* release: opens the round; pairs with the acquire in crew_round. Plain marks of worker 0
     * happen before anything the crew does. */
    atomic_store_explicit(&k->left, 0, memory_order_relaxed);
    atomic_store_explicit(&k->joined, 0, memory_order_release);
    cond_broadcast(&k->wake);
    lock_release(&k->lock);
}

void
marker_begin_stw(struct marker *k)
{
    /* relaxed: the crew is parked, or on its way to finding the round closed */
    atomic_store_explicit(&k->busy, 1, memory_order_relaxed);
    k->workers[0].busy_ns = -os_thread_cpu_ns();
    k->workers[0].shared = false;
    worker_ready(&k->workers[0]);
}

void
marker_root(void *worker0, void **slot)
{
    /* acquire: see scan_word */
    marker_enqueue(worker0, __atomic_load_n((uintptr_t *)slot, __ATOMIC_ACQUIRE));
}

void
marker_add_up(struct mark_worker *w, struct mark_result *out)
{
    if (!w->took_part) /* its counts are kilobytes, and the world may be waiting */
        return;
    w->took_part = false;
    for (unsigned c = 0; c < GH_SPAN_CLASSES; c++) {
        uint64_t bytes = w->marked[c] * sizeclass_bytes[c >> 1];
        out->objects += w->marked[c];
        out->bytes += bytes;
        if ((c & 1) == 0)
            out->scan_bytes += bytes;
        w->marked[c] = 0;
    }
    out->bytes += w->large_bytes[0] + w->large_bytes[1];
    out->scan_bytes += w->large_bytes[0];
    out->cpu_ns += w->busy_ns;
    for (unsigned c = 0; c < GH_CLASSES; c++) {
        out->scan[c].single_objects += w->scan[c].single_objects;
        out->scan[c].sparse_objects += w->scan[c].sparse_objects;
        out->scan[c].dense_objects += w->scan[c].dense_objects;
        out->scan[c].sparse_spans += w->scan[c].sparse_spans;
        out->scan[c].dense_spans += w->scan[c].dense_spans;
        w->scan[c] = (struct gh_scan_stats){0};
    }
    w->large_bytes[0] = w->large_bytes[1] = 0;
    w->busy_ns = 0;
    w->scan_work = 0;
}

void
marker_finish_stw(struct marker *k, struct mark_result *out)
{
    struct mark_worker *w = &k->workers[0];
    worker_run(w);
    worker_finish(w);
    /* acq_rel: whoever joined did so before; nobody can from here on */
    uint32_t joined = atomic_fetch_or_explicit(&k->joined, MARKER_CLOSED, memory_order_acq_rel);
    joined &= ~MARKER_CLOSED;
    unsigned spins = 0;
    if (!w->shared)
        joined = 0;
    else /* acquire: pairs with the release in crew_round */
        while (atomic_load_explicit(&k->left, memory_order_acquire) < joined)
            worker_relax(&spins);
    w->busy_ns += os_thread_cpu_ns();

    *out = (struct mark_result){0};
    for (unsigned i = 0; i < k->nworkers; i++)
        marker_add_up(&k->workers[i], out);
    workbuf_pool_trim(&k->bufs);
}
