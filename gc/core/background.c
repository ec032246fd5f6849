/* background.c - see background.h. */
#include "gc/core/background.h"

#include "gc/core/heap.h"

#include <sched.h>

static const int64_t SECOND_NS = INT64_C(1000) * 1000 * 1000;

static const int64_t NO_PROCESSOR_NS = INT64_C(5) * 1000 * 1000;
/* How long the sweeper keeps a processor. It may be on the core of a mutator that has just
 * become runnable, and can only ask for its processor once the kernel lets it. */
static const int64_t TURN_NS = INT64_C(100) * 1000;
/* How long the sweeper leaves to mutators what little there is to sweep. */
static const int64_t DOZE_NS = INT64_C(1) * 1000 * 1000;

enum {
    SWEEP_PAGES = 32, /* between looks at what else is up (Go: sweepBatchSize, 10 spans) */
    IDLE_REST = 20,   /* times the duration of a collection of an idle heap */
    IDLE_SLEEP = 9,   /* times the duration of releasing memory in it: a tenth of a CPU */
    IDLE_QUANTUM = 1 << 20, /* bytes it releases at once */
};

void
background_init(struct background *b)
{
    *b = (struct background){
        .force_period_ns = 120 * SECOND_NS, /* Go: forcegcperiod */
        .idle_period_ns = SECOND_NS,
        .idle = {.due = INT64_MAX},
        .sweeper_actor = {.name = "background sweeper"},
    };
    lock_init(&b->lock, LOCK_RANK_WORKERS);
    cond_init(&b->wake);
    cond_init(&b->scavenge_wake);
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

static bool
background_enter(struct gh_heap *heap)
{
    struct procs *p = &heap->sched.procs;
    lock_acquire(&p->lock);
    bool entered = actor_try_enter_locked(p, &heap->background.sweeper_actor);
    lock_release(&p->lock);
    return entered;
}

static void
background_leave(struct gh_heap *heap)
{
    struct procs *p = &heap->sched.procs;
    lock_acquire(&p->lock);
    actor_leave_locked(p, &heap->background.sweeper_actor, ACTOR_BLOCKED);
    lock_release(&p->lock);
}

/* All processors are taken: there may be one in a while. */
static void
background_wait_for_processor(struct background *b)
{
    lock_acquire(&b->lock);
    if (!b->closing)
        cond_wait_until(&b->wake, &b->lock, os_now_ns() + NO_PROCESSOR_NS);
    lock_release(&b->lock);
}

/* Sweep everything there is, in batches; give way to mutators, to a stop, to a closing heap. */
static void
background_sweep(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    bool more = true;
    while (more && !background_closing(b)) {
        if (!background_enter(heap)) {
            background_wait_for_processor(b);
            more = !gospace_sweep_done(&heap->space);
            continue;
        }
        int64_t until = os_now_ns() + TURN_NS;
        while (more && !actor_is_wanted(&b->sweeper_actor) && os_now_ns() < until)
            more = gospace_sweep(&heap->space, SWEEP_PAGES) != SIZE_MAX;
        if (!more)
            heap_watch_sweep(heap);
        background_leave(heap);
        sched_yield();
    }
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

/* A cycle is swept: let the scavenger know, who tells of it and looks for work again. */
static void
background_tell_scavenger(struct background *b)
{
    lock_acquire(&b->lock);
    b->scavenge_round++;
    b->sweeps_done++;
    cond_signal(&b->scavenge_wake);
    lock_release(&b->lock);
}

/* --- idle heaps: Note [idle release] --- */

static void
idle_arm(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    if (!heap->config.idle_release)
        return;
    b->idle.live = pacer_live(&heap->pacer);
    b->idle.due = os_now_ns() + b->idle_period_ns;
    b->idle.trimming = false;
}

static void
background_collect(struct gh_heap *heap)
{
    heap->collector->collect(heap, NULL, GC_TRIGGER_TIME);
    /* relaxed: compared with itself, later */
    heap->background.idle.own_cycle =
        atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed);
}

/* Nothing is unswept and nobody allocates: let the scavenger go as low as it can. */
static void
idle_release(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    b->idle.collected = false;
    b->idle.live = pacer_live(&heap->pacer);
    b->idle.due = os_now_ns();
    b->idle.trimming = true;
    b->idle.walk = (struct trim){0};
    if (!pages_set_idle_goal(&heap->pages))
        return;
    lock_acquire(&b->lock);
    b->idle_scavenging = true;
    b->scavenge_round++;
    cond_signal(&b->scavenge_wake);
    lock_release(&b->lock);
}

/* Give back a little of what is free between objects, and rest nine times as long. */
static void
idle_trim(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    int64_t begin = os_now_ns();
    if (pacer_live(&heap->pacer) != b->idle.live) { /* no longer idle */
        b->idle.trimming = false;
        b->idle.due = INT64_MAX;
        return;
    }
    if (!background_enter(heap)) { /* others compute, and do not allocate: there is time */
        b->idle.due = begin + b->idle_period_ns;
        return;
    }
    bool more = true;
    while (more && !actor_is_wanted(&b->sweeper_actor) && os_now_ns() < begin + TURN_NS)
        more = gospace_trim(&heap->space, &b->idle.walk);
    background_leave(heap);
    int64_t worked = os_now_ns() - begin;
    b->idle.trimming = more;
    b->idle.due = more ? begin + (1 + IDLE_SLEEP) * worked : INT64_MAX;
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&b->scavenge_cpu_ns, (uint64_t)worked, memory_order_relaxed);
}

/* The timer has run out. */
static void
idle_check(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    int64_t now = os_now_ns();
    if (b->idle.trimming) {
        idle_trim(heap);
        return;
    }
    if (pacer_live(&heap->pacer) != b->idle.live) {
        idle_arm(heap);
        return;
    }
    /* relaxed: a look from outside */
    uint32_t cycle = atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed);
    if (cycle != b->idle.own_cycle) {
        if (now < b->idle.rest_until) {
            b->idle.due = b->idle.rest_until;
            return;
        }
        background_collect(heap);
        b->idle.due = INT64_MAX;
        b->idle.rest_until = os_now_ns() + IDLE_REST * (os_now_ns() - now);
        b->idle.collected = b->idle.own_cycle != cycle;
    }
    if (!b->idle.collected) /* else when that is swept */
        idle_release(heap);
}

/* --- the sweeper --- */

/* If there is little to sweep, mutators need it all, and soon: they sweep it at less cost than
 * that of waking somebody, and of two who move the same cache lines about. What is left after a
 * while is left by mutators that have stopped allocating. */
static void
background_doze_locked(struct background *b)
{
    int64_t until = os_now_ns() + DOZE_NS;
    b->dozing = true;
    while (!b->closing && !b->much_to_sweep && os_now_ns() < until)
        cond_wait_until(&b->wake, &b->lock, until);
    b->dozing = b->much_to_sweep = false;
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
        int64_t force = background_time_of_force(heap, attempted_at);
        bool sweep = b->sweep_round != seen;
        if (sweep)
            background_doze_locked(b);
        seen = b->sweep_round;
        if (!sweep &&
            cond_wait_until(&b->wake, &b->lock, force < b->idle.due ? force : b->idle.due))
            continue;
        lock_release(&b->lock);
        if (sweep) {
            background_sweep(heap);
            background_tell_scavenger(b);
            if (b->idle.collected)
                idle_release(heap);
            else
                idle_arm(heap);
        } else if (os_now_ns() >= background_time_of_force(heap, attempted_at)) {
            attempted_at = os_now_ns();
            background_collect(heap);
        } else if (os_now_ns() >= b->idle.due) {
            idle_check(heap);
        }
        lock_acquire(&b->lock);
    }
    lock_release(&b->lock);
    return NULL;
}

/* --- the scavenger --- */

static void
background_report(const struct gh_heap *heap, struct gh_scavenging *s,
                  const struct pages_stats *st)
{
    uint64_t retained = st->inuse + st->free - st->released;
    s->released = st->released;
    s->utilization_percent = retained > 0 ? st->inuse * 100 / retained : 0;
    for (int i = 0; i < heap->nobservers; i++)
        if (heap->observers[i].scavenge != NULL)
            heap->observers[i].scavenge(heap->observers[i].ctx, s);
}

void
background_report_forced(struct gh_heap *heap, size_t bytes)
{
    struct gh_scavenging s = {.eager_bytes = bytes, .forced = true};
    struct pages_stats st;
    pages_read_stats(&heap->pages, &st);
    background_report(heap, &s, &st);
}

/* A cycle is swept: what has been released since the one before? (Go: printScavTrace) */
static void
background_report_cycle(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    struct pages_stats st;
    pages_read_stats(&heap->pages, &st);
    /* relaxed: statistics */
    uint64_t background =
        atomic_load_explicit(&heap->pages.scavenged_background, memory_order_relaxed);
    uint64_t eager = atomic_load_explicit(&heap->pages.scavenged_eager, memory_order_relaxed);
    struct gh_scavenging s = {.background_bytes = background - b->reported_background,
                              .eager_bytes = eager - b->reported_eager};
    b->reported_background = background;
    b->reported_eager = eager;
    background_report(heap, &s, &st);
}

/* Release a little, and sleep as the pacer says, or in an idle heap IDLE_SLEEP times as long as
 * that took. Returns what was released. */
static size_t
background_scavenge(struct gh_heap *heap, bool idle)
{
    struct background *b = &heap->background;
    int64_t begin = os_now_ns();
    size_t most = idle ? IDLE_QUANTUM : SCAVENGE_QUANTUM;
    size_t released = pages_scavenge(&heap->pages, most, true);
    int64_t asleep = os_now_ns(), worked = asleep - begin;
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&b->scavenge_cpu_ns, (uint64_t)worked, memory_order_relaxed);
    int64_t sleep =
        idle ? IDLE_SLEEP * worked : scavenge_pacer_sleep_ns(&b->pacer, worked, released);
    int64_t until = asleep + sleep;
    lock_acquire(&b->lock);
    while (!b->closing && os_now_ns() < until)
        cond_wait_until(&b->scavenge_wake, &b->lock, until);
    lock_release(&b->lock);
    if (!idle && sleep > 0)
        scavenge_pacer_slept(&b->pacer, os_now_ns() - asleep);
    return released;
}

static void *
background_scavenger(void *arg)
{
    struct gh_heap *heap = arg;
    struct background *b = &heap->background;
    uint64_t seen = 0, reported = 0;
    lock_acquire(&b->lock);
    while (!b->closing) {
        uint64_t round = b->scavenge_round, swept = b->sweeps_done;
        bool idle = b->idle_scavenging;
        if (round == seen) {
            cond_wait(&b->scavenge_wake, &b->lock);
            continue;
        }
        lock_release(&b->lock);
        if (swept != reported)
            background_report_cycle(heap);
        reported = swept;
        if (background_scavenge(heap, idle) == 0)
            seen = round; /* nothing to do until a cycle is swept, or a goal moved */
        lock_acquire(&b->lock);
    }
    lock_release(&b->lock);
    return NULL;
}

void
background_start(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    struct procs *p = &heap->sched.procs;
    lock_acquire(&b->lock);
    if (!b->started && heap->config.background) {
        b->started = true;
        lock_release(&b->lock);
        lock_acquire(&p->lock);
        actor_add_locked(p, &b->sweeper_actor, ACTOR_IDLE, &b->sweeper_poke);
        lock_release(&p->lock);
        lock_acquire(&b->lock);
        b->pacer.procs = heap->config.procs;
        b->has_sweeper = pthread_create(&b->sweeper, NULL, background_sweeper, heap) == 0;
        b->has_scavenger = pthread_create(&b->scavenger, NULL, background_scavenger, heap) == 0;
    }
    lock_release(&b->lock);
}

void
background_stop(struct gh_heap *heap)
{
    struct background *b = &heap->background;
    lock_acquire(&b->lock);
    b->closing = true;
    cond_signal(&b->wake);
    cond_signal(&b->scavenge_wake);
    lock_release(&b->lock);
    if (b->has_sweeper)
        pthread_join(b->sweeper, NULL);
    if (b->has_scavenger)
        pthread_join(b->scavenger, NULL);
    if (!b->started)
        return;
    lock_acquire(&heap->sched.procs.lock);
    procs_wait_for_start_locked(&heap->sched.procs); /* a cycle may be about to end */
    actor_remove_locked(&heap->sched.procs, &b->sweeper_actor);
    lock_release(&heap->sched.procs.lock);
}

void
background_close(struct background *b)
{
    cond_finish(&b->scavenge_wake);
    cond_finish(&b->wake);
    lock_finish(&b->lock);
}

void
background_kick(struct background *b, bool much)
{
    lock_acquire(&b->lock);
    b->sweep_round++;
    b->much_to_sweep |= much;
    b->idle_scavenging = false;
    if (!b->has_sweeper) {
        b->scavenge_round++;
        cond_signal(&b->scavenge_wake);
    } else if (!b->dozing || much) {
        cond_signal(&b->wake);
    }
    lock_release(&b->lock);
}

void
background_kick_scavenger(struct background *b)
{
    lock_acquire(&b->lock);
    b->scavenge_round++;
    cond_signal(&b->scavenge_wake);
    lock_release(&b->lock);
}
