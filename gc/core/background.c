/* background.c - see background.h. */
#include "gc/core/background.h"

#include "gc/core/heap.h"

static const int64_t SECOND_NS = INT64_C(1000) * 1000 * 1000;

enum { SWEEP_BATCH = 10 }; /* spans between looks at what else is up (Go: sweepBatchSize) */

void
background_init(struct background *b)
{
    *b = (struct background){.force_period_ns = 120 * SECOND_NS}; /* Go: forcegcperiod */
    lock_init(&b->lock, LOCK_RANK_WORKERS);
    cond_init(&b->wake);
    scavenge_pacer_init(&b->pacer);
}

static bool
background_closing(struct background *b)
{
    lock_acquire(&b->lock);
    bool closing = b->closing;
    lock_release(&b->lock);
    return closing;
}

/* Sweep everything there is, in batches; give way to a closing heap. */
static void
background_sweep(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    int64_t begin = os_thread_cpu_ns();
    bool more = true;
    while (more && !background_closing(b))
        for (int i = 0; i < SWEEP_BATCH && more; i++)
            more = gospace_sweep_one(&heap->space) != SIZE_MAX;
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&b->sweep_cpu_ns, (uint64_t)(os_thread_cpu_ns() - begin),
                              memory_order_relaxed);
}

/* When a collection is due for want of another: a period after the last one, or after the last
 * attempt, which comes to nothing while GOGC is off. */
static int64_t
background_time_of_force(struct gh_heap *heap, int64_t attempted_at)
{
    /* relaxed: a look from outside; the collector looks again with the world stopped */
    int64_t last = atomic_load_explicit(&heap->totals.last_gc_at, memory_order_relaxed);
    int64_t since = heap->opened_at_ns + last;
    return (since > attempted_at ? since : attempted_at) + heap->background.force_period_ns;
}

static void *
background_sweeper(void *arg)
{
    struct gh_heap *heap = arg;
    struct background *b = &heap->background;
    uint64_t seen = 0;
    int64_t attempted_at = 0;
    lock_acquire(&b->lock);
    while (!b->closing) {
        int64_t due = background_time_of_force(heap, attempted_at);
        if (b->sweep_round != seen) {
            seen = b->sweep_round;
            lock_release(&b->lock);
            background_sweep(heap);
            lock_acquire(&b->lock);
        } else if (!cond_wait_until(&b->wake, &b->lock, due) &&
                   os_now_ns() >= background_time_of_force(heap, attempted_at)) {
            lock_release(&b->lock);
            attempted_at = os_now_ns();
            heap->collector->collect(heap, NULL, GC_TRIGGER_TIME);
            lock_acquire(&b->lock);
        }
    }
    lock_release(&b->lock);
    return NULL;
}

static void *
background_scavenger(void *arg)
{
    struct gh_heap *heap = arg;
    struct background *b = &heap->background;
    uint64_t seen = 0;
    lock_acquire(&b->lock);
    while (!b->closing) {
        if (b->scavenge_round == seen) {
            cond_wait(&b->wake, &b->lock);
            continue;
        }
        uint64_t round = b->scavenge_round;
        lock_release(&b->lock);
        int64_t begin = os_now_ns();
        size_t released = pages_scavenge(&heap->pages, SCAVENGE_QUANTUM, true);
        int64_t worked = os_now_ns() - begin;
        /* relaxed: statistics */
        atomic_fetch_add_explicit(&b->scavenge_cpu_ns, (uint64_t)worked, memory_order_relaxed);
        int64_t asleep = os_now_ns();
        int64_t until = asleep + scavenge_pacer_sleep_ns(&b->pacer, worked, released);
        lock_acquire(&b->lock);
        if (released == 0)
            seen = round; /* the goal is met until the next collection moves it */
        while (!b->closing && os_now_ns() < until)
            cond_wait_until(&b->wake, &b->lock, until);
        if (until > asleep)
            scavenge_pacer_slept(&b->pacer, os_now_ns() - asleep);
    }
    lock_release(&b->lock);
    return NULL;
}

void
background_start(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    lock_acquire(&b->lock);
    if (!b->started && heap->config.background) {
        b->started = true;
        b->has_sweeper = pthread_create(&b->sweeper, NULL, background_sweeper, heap) == 0;
        b->has_scavenger = pthread_create(&b->scavenger, NULL, background_scavenger, heap) == 0;
    }
    lock_release(&b->lock);
}

void
background_close(struct background *b)
{
    lock_acquire(&b->lock);
    b->closing = true;
    cond_broadcast(&b->wake);
    lock_release(&b->lock);
    if (b->has_sweeper)
        pthread_join(b->sweeper, NULL);
    if (b->has_scavenger)
        pthread_join(b->scavenger, NULL);
    cond_finish(&b->wake);
    lock_finish(&b->lock);
}

void
background_kick(struct background *b)
{
    lock_acquire(&b->lock);
    b->sweep_round++;
    b->scavenge_round++;
    cond_broadcast(&b->wake);
    lock_release(&b->lock);
}
