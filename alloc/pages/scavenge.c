/* scavenge.c - giving free memory back to the OS, address space kept.
 *
 * Pages are claimed under the lock, some runs at a time, released without it (the system call
 * is the long part), and brought back as scavenged. The highest free memory goes first, since
 * first fit keeps the low end in use. Reasons: in the background above one of two goals, for
 * the heap and for all memory under a limit; by an allocation that makes the heap grow, so that
 * new memory replaces old fragments instead of adding to them; by one that would go beyond the
 * memory limit; on demand. How much the background does is for scavenge_pacer.h. Go's
 * counterpart: mgcscavenge.go.
 *
 * Locks: PAGES. Does not: spare huge pages beyond the density rule. */
#include "alloc/pages/pages_internal.h"
#include "alloc/pages/scavenge_pacer.h"

uint64_t
scavenge_retained_locked(const struct pages *p)
{
    /* relaxed: statistics; a background thread may see `released` and the rest of different
     * moments, which costs a quantum too much or too few */
    uint64_t mapped = atomic_load_explicit(&p->mapped, memory_order_relaxed);
    uint64_t released = atomic_load_explicit(&p->released, memory_order_relaxed);
    return mapped - released - spans_used_locked(p, SPAN_STACK) -
           spans_used_locked(p, SPAN_WORK);
}

uint64_t
pages_retained(struct pages *p)
{
    lock_acquire(&p->lock);
    uint64_t bytes = scavenge_retained_locked(p);
    lock_release(&p->lock);
    return bytes;
}

static void
scavenge_remove_claim_locked(struct pages *p, const struct scavenge_claim *claim)
{
    struct scavenge_claim **link = &p->claims;
    while (*link != claim)
        link = &(*link)->next;
    *link = claim->next;
}

/* Runs that are claimed, released and brought back together. */
struct scavenge_batch {
    unsigned n;
    struct scavenge_claim claims[OS_STRETCHES];
    struct os_stretch stretches[OS_STRETCHES];
};

/* Claim runs of at most `most` pages together. */
static void
scavenge_claim_locked(struct pages *p, struct scavenge_batch *b, size_t most, bool force)
{
    for (b->n = 0; b->n < OS_STRETCHES && most > 0; b->n++) {
        struct scavenge_claim *c = &b->claims[b->n];
        c->npages = pagealloc_claim(&p->alloc, most, force, &c->base);
        if (c->npages == 0)
            break;
        most -= c->npages;
        c->next = p->claims;
        p->claims = c;
        b->stretches[b->n] = (struct os_stretch){(void *)c->base, c->npages * GH_PAGE};
    }
}

/* The runs of `taken` have been released. Returns their bytes. */
static size_t
scavenge_unclaim_locked(struct pages *p, const struct scavenge_batch *b, uint64_t taken)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < b->n; i++) {
        const struct scavenge_claim *c = &b->claims[i];
        bool done = taken >> i & 1;
        scavenge_remove_claim_locked(p, c);
        pagealloc_unclaim(&p->alloc, c->base, c->npages, done);
        bytes += done ? c->npages * GH_PAGE : 0;
    }
    /* relaxed: statistics; under the lock, so that they agree with the bitmaps for the eyes of
     * pages_verify_stw */
    atomic_fetch_add_explicit(&p->released, bytes, memory_order_relaxed);
    return bytes;
}

/* Release runs of at most `most` pages together. False if there are none; *bytes grows by what
 * the OS has taken, which is nothing if it refused. */
static bool
scavenge_step(struct pages *p, size_t most, bool force, size_t *bytes)
{
    struct scavenge_batch b;
    lock_acquire(&p->lock);
    scavenge_claim_locked(p, &b, most, force);
    lock_release(&p->lock);
    if (b.n == 0)
        return false;
    uint64_t taken = os_unused_stretches(p->account, b.stretches, b.n);
    lock_acquire(&p->lock);
    *bytes += scavenge_unclaim_locked(p, &b, taken);
    lock_release(&p->lock);
    return true;
}

static bool
scavenge_above_goal(struct pages *p)
{
    /* relaxed: goals, set once a cycle; statistics */
    uint64_t goal = atomic_load_explicit(&p->scavenge_goal, memory_order_relaxed);
    if (atomic_load_explicit(&p->account->ready, memory_order_relaxed) >
        atomic_load_explicit(&p->scavenge_limit_goal, memory_order_relaxed))
        return true;
    return goal != UINT64_MAX && pages_retained(p) > goal;
}

/* Bytes, or ns. */
static void
scavenge_add(_Atomic(uint64_t) *counter, uint64_t n)
{
    /* relaxed: statistics */
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

size_t
pages_scavenge(struct pages *p, size_t bytes, bool background)
{
    size_t released = 0;
    while (released < bytes) {
        if (background && !scavenge_above_goal(p))
            break;
        size_t most = bytes - released;
        if (background && most > SCAVENGE_QUANTUM)
            most = SCAVENGE_QUANTUM;
        if (most < GH_PAGE || !scavenge_step(p, most / GH_PAGE, false, &released))
            break;
    }
    scavenge_add(background ? &p->scavenged_background : &p->scavenged_eager, released);
    return released;
}

size_t
pages_scavenge_all(struct pages *p)
{
    size_t released = 0;
    while (scavenge_step(p, CHUNK_PAGES, true, &released)) {
    }
    return released;
}

/* Bytes by which `fresh` more would exceed the memory limit; 0 while the limiter is on. */
static uint64_t
scavenge_over_limit(const struct pages *p, uint64_t fresh)
{
    /* relaxed: a limit, a switch and a sum */
    uint64_t limit = atomic_load_explicit(&p->memory_limit, memory_order_relaxed);
    uint64_t ready = atomic_load_explicit(&p->account->ready, memory_order_relaxed) + fresh;
    if (GH_LIKELY(ready <= limit) || atomic_load_explicit(&p->limiter_on, memory_order_relaxed))
        return 0;
    return ready - limit;
}

void
scavenge_assist(struct pages *p, uint64_t excess, uint64_t fresh)
{
    uint64_t over = scavenge_over_limit(p, fresh);
    uint64_t want = over > excess ? over : excess;
    if (GH_LIKELY(want == 0))
        return;
    int64_t begin = os_now_ns();
    size_t released = 0;
    while (released < want) {
        uint64_t most = (want - released + GH_PAGE - 1) / GH_PAGE;
        if (!scavenge_step(p, most < CHUNK_PAGES ? (size_t)most : (size_t)CHUNK_PAGES, over > 0,
                           &released))
            break;
        /* relaxed: a switch */
        if (atomic_load_explicit(&p->limiter_on, memory_order_relaxed))
            break;
    }
    scavenge_add(&p->scavenged_eager, released);
    scavenge_add(&p->scavenge_assist_ns, (uint64_t)(os_now_ns() - begin));
}

uint64_t
scavenge_excess_locked(const struct pages *p, uint64_t grown)
{
    /* relaxed: a goal, set once a cycle */
    uint64_t goal = atomic_load_explicit(&p->scavenge_goal, memory_order_relaxed);
    if (goal == UINT64_MAX)
        return 0;
    /* what grew is not backed by memory yet, but soon will be */
    uint64_t expected = scavenge_retained_locked(p) + grown;
    if (expected <= goal)
        return 0;
    return expected - goal < grown ? expected - goal : grown;
}

static void
scavenge_set_limit_goal(struct pages *p)
{
    /* relaxed, all: a limit, a sum, a goal */
    uint64_t limit = atomic_load_explicit(&p->memory_limit, memory_order_relaxed);
    uint64_t ready = atomic_load_explicit(&p->account->ready, memory_order_relaxed);
    atomic_store_explicit(&p->scavenge_limit_goal, scavenge_limit_goal(limit, ready),
                          memory_order_relaxed);
}

void
pages_set_retain_goal(struct pages *p, uint64_t goal, uint64_t last_goal)
{
    lock_acquire(&p->lock);
    uint64_t keep = scavenge_retain_goal(goal, last_goal, spans_used_locked(p, SPAN_OBJECTS));
    /* nothing to do in this cycle: do not bother growth with it either */
    if (scavenge_retained_locked(p) <= keep)
        keep = UINT64_MAX;
    pagealloc_next_generation(&p->alloc);
    lock_release(&p->lock);
    /* relaxed: a goal, not a promise */
    atomic_store_explicit(&p->scavenge_goal, keep, memory_order_relaxed);
    scavenge_set_limit_goal(p);
}

bool
pages_set_idle_goal(struct pages *p)
{
    lock_acquire(&p->lock);
    uint64_t inuse = spans_used_locked(p, SPAN_OBJECTS);
    uint64_t keep = inuse + inuse * SCAVENGE_RETAIN_EXTRA_PERCENT / 100;
    bool above = scavenge_retained_locked(p) > keep;
    pagealloc_next_generation(&p->alloc);
    lock_release(&p->lock);
    /* relaxed: a goal, not a promise */
    atomic_store_explicit(&p->scavenge_goal, above ? keep : UINT64_MAX, memory_order_relaxed);
    scavenge_set_limit_goal(p);
    return above;
}

void
pages_set_memory_limit(struct pages *p, uint64_t bytes)
{
    /* relaxed: a limit that is kept approximately; changed by one at a time */
    uint64_t old = atomic_exchange_explicit(&p->memory_limit, bytes, memory_order_relaxed);
    scavenge_set_limit_goal(p);
    if (bytes >= old)
        return;
    /* chunks that were full before may have to go now */
    lock_acquire(&p->lock);
    pagealloc_next_generation(&p->alloc);
    lock_release(&p->lock);
}
