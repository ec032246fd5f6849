/* uchunk.c - address space of user arenas, see uchunk.h. Go: allocUserArenaChunk,
 * setUserArenaChunkToFault.
 *
 * An arena (64 MiB) is reserved at hints of its own, cut into uchunks and never used for
 * anything else. A uchunk in use counts as mapped and as used by objects; one that faults
 * counts as neither, and is only address space until it is used again.
 *
 * Locks: PAGES for lists and counters; system calls are made without it. Does not write into
 * memory to have it backed, as Go does in hope of huge pages: they are asked for instead.
 */
#include "alloc/pages/uchunk.h"

#include "alloc/pages/pages_internal.h"

#include <string.h>

_Static_assert(GH_ARENA % UCHUNK_BYTES == 0, "an arena is cut into whole uchunks");

/* --- making --- */

static struct uchunk *
uchunk_make(struct pages *p, uintptr_t base)
{
    struct uchunk *c = persistent_alloc(p->persistent, sizeof *c, GH_CACHELINE, OS_GC);
    if (c != NULL)
        c->base = base;
    return c;
}

/* Another arena's worth of ready uchunks. Those for which there is no metadata are left out. */
static bool
uchunks_grow_locked(struct pages *p)
{
    uintptr_t base = arenas_make_for_uchunks_locked(p);
    if (base == 0)
        return false;
    for (uintptr_t at = base + GH_ARENA; at > base;) {
        at -= UCHUNK_BYTES;
        struct uchunk *c = uchunk_make(p, at);
        if (c == NULL)
            break;
        c->link = p->ready_uchunks;
        p->ready_uchunks = c;
        c->next = atomic_load_explicit(&p->uchunks, memory_order_relaxed);
        /* release: pairs with the acquire in pages_uchunks */
        atomic_store_explicit(&p->uchunks, c, memory_order_release);
    }
    return p->ready_uchunks != NULL;
}

/* A ready uchunk and a span record for it. */
static struct uchunk *
uchunk_take(struct pages *p)
{
    struct uchunk *c = NULL;
    lock_acquire(&p->lock);
    if (p->ready_uchunks != NULL || uchunks_grow_locked(p)) {
        struct mspan *s = spans_get_record_locked(p);
        if (s != NULL) {
            c = p->ready_uchunks;
            p->ready_uchunks = c->link;
            c->link = NULL;
            c->span = s;
        }
    }
    lock_release(&p->lock);
    return c;
}

static void
uchunk_give_back(struct pages *p, struct uchunk *c)
{
    lock_acquire(&p->lock);
    spans_put_record_locked(p, c->span);
    c->span = NULL;
    c->link = p->ready_uchunks;
    p->ready_uchunks = c;
    lock_release(&p->lock);
}

/* A uchunk becomes mapped and used, or ceases to be. Both at once for readers of statistics. */
static void
uchunk_book_locked(struct pages *p, uint64_t bytes)
{
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&p->mapped, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->used[SPAN_OBJECTS], bytes, memory_order_relaxed);
}

static void
uchunk_free_bits(struct pages *p, struct uchunk *c)
{
    os_free(p->account, c->bits, UCHUNK_BIT_BYTES, OS_GC);
    c->bits = NULL;
}

/* Memory for the uchunk and for its bits. Pages that were never touched since the OS took them
 * back are zero; where it once refused to take memory back (pages locked by the user) nothing
 * is known.
 */
static bool
uchunk_map(struct pages *p, struct uchunk *c)
{
    c->bits = os_alloc(p->account, UCHUNK_BIT_BYTES, OS_GC, "goheap: user arena bits");
    if (c->bits == NULL)
        return false;
    if (!os_map(p->account, (void *)c->base, UCHUNK_BYTES, OS_HEAP, "goheap: user arena")) {
        uchunk_free_bits(p, c);
        return false;
    }
    os_used(p->account, (void *)c->base, UCHUNK_BYTES);
    if (!p->account->no_huge_pages)
        os_advise((void *)c->base, UCHUNK_BYTES, OS_HUGEPAGE); /* most will be used soon */
    lock_acquire(&p->lock);
    uint64_t excess = scavenge_excess_locked(p, UCHUNK_BYTES);
    uchunk_book_locked(p, UCHUNK_BYTES);
    lock_release(&p->lock);
    scavenge_assist(p, excess, UCHUNK_BYTES);
    /* relaxed: it counts up, and what concerns this memory was counted long ago */
    if (atomic_load_explicit(&p->account->madvise_failed, memory_order_relaxed) > 0)
        memset((void *)c->base, 0, UCHUNK_BYTES);
    return true;
}

struct uchunk *
pages_uchunk_alloc(struct pages *p)
{
    struct uchunk *c = uchunk_take(p);
    if (c == NULL)
        return NULL;
    if (!uchunk_map(p, c)) {
        uchunk_give_back(p, c);
        return NULL;
    }
    /* relaxed: nobody else has the uchunk */
    atomic_store_explicit(&c->front, c->base, memory_order_relaxed);
    c->back = c->base + UCHUNK_BYTES;
    spans_describe(p, c->span, c->base, UCHUNK_PAGES);
    c->span->needzero = false;
    c->span->uchunk = c;
    /* release: pairs with the acquire in uchunk_is_live */
    atomic_store_explicit(&c->state, UCHUNK_LIVE, memory_order_release);
    return c;
}

/* --- unmaking --- */

bool
pages_uchunk_fault(struct pages *p, struct uchunk *c)
{
    ASSERT(uchunk_is_live(c), "pages_uchunk_fault: uchunk %#zx is not live", c->base);
    /* first the state, so that a thread which faults finds the reason. release: pairs with the
     * acquire in uchunk_is_live; what the message says is written before */
    atomic_store_explicit(&c->state, UCHUNK_FAULTED, memory_order_release);
    if (!os_fault(p->account, (void *)c->base, UCHUNK_BYTES, OS_HEAP)) {
        /* relaxed: as it was */
        atomic_store_explicit(&c->state, UCHUNK_LIVE, memory_order_relaxed);
        return false;
    }
    lock_acquire(&p->lock);
    uchunk_book_locked(p, -(uint64_t)UCHUNK_BYTES);
    lock_release(&p->lock);
    uchunk_free_bits(p, c);
    return true;
}

void
pages_uchunk_retire(struct pages *p, struct uchunk *c)
{
    /* acquire: pairs with the release in pages_uchunk_fault */
    unsigned state = atomic_load_explicit(&c->state, memory_order_acquire);
    CHECK(state == UCHUNK_FAULTED && c->root == NULL,
          "pages_uchunk_retire: uchunk %#zx of a user arena is not marked, but in state %u",
          c->base, state);
    spans_forget_objects(p, c->span);
    /* relaxed: whoever takes it gets it under PAGES */
    atomic_store_explicit(&c->state, UCHUNK_READY, memory_order_relaxed);
    uchunk_give_back(p, c);
}

void
uchunks_close(struct pages *p)
{
    for (struct uchunk *c = pages_uchunks(p); c != NULL; c = c->next)
        if (c->bits != NULL)
            uchunk_free_bits(p, c);
}

size_t
uchunks_live_bytes(const struct pages *p, uintptr_t base)
{
    size_t bytes = 0;
    for (const struct uchunk *c = pages_uchunks(p); c != NULL; c = c->next)
        if (c->base - base < GH_ARENA && uchunk_is_live(c))
            bytes += UCHUNK_BYTES;
    return bytes;
}
