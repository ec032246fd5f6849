/* specials.c - the lists of records, and what a sweep does with them; see specials.h.
 *
 * Place: below finalizers.c, weak.c and pin.c, which say what a record means; the space calls
 * specials_sweep through the hook in struct gospace. Go: addspecial and removespecial
 * (mheap.go), the first part of sweep (mgcsweep.go). Locks: one SPECIALS lock a shard. */
#include "gc/core/specials.h"

#include "alloc/spaces/go/markbits.h"
#include "gc/core/heap.h"

/* --- lists --- */

struct special **
specials_find_locked(struct mspan *s, uintptr_t at, enum special_kind kind)
{
    struct special **link = &s->specials;
    while (*link != NULL && ((*link)->at < at || ((*link)->at == at && (*link)->kind < kind)))
        link = &(*link)->next;
    return link;
}

struct special *
specials_at(struct special *const *link, uintptr_t at, enum special_kind kind)
{
    struct special *r = *link;
    return r != NULL && r->at == at && r->kind == kind ? r : NULL;
}

struct special *
specials_add_locked(struct specials *sp, struct mspan *s, struct special **link,
                    const struct special *what, const char *who)
{
    struct specials_shard *shard = specials_shard_of(sp, s);
    ASSERT(lock_is_held(&shard->lock), "specials_add_locked: lock not held");
    struct special *r = fixalloc_get(&shard->records);
    CHECK(r != NULL, "%s: out of memory for a record", who);
    *r = *what;
    r->shard = (uint8_t)(shard - sp->shards);
    r->next = *link;
    *link = r;
    pages_note_specials(&sp->heap->pages, s);
    return r;
}

struct special *
specials_unlink_locked(struct specials *sp, struct mspan *s, struct special **link)
{
    ASSERT(lock_is_held(&specials_shard_of(sp, s)->lock),
           "specials_unlink_locked: lock not held");
    struct special *r = *link;
    *link = r->next;
    if (s->specials == NULL)
        pages_note_specials(&sp->heap->pages, s);
    return r;
}

void
specials_free_locked(struct specials *sp, struct special *r)
{
    fixalloc_put(&sp->shards[r->shard].records, r);
}

void
specials_free(struct specials *sp, struct special *r)
{
    struct specials_shard *shard = &sp->shards[r->shard];
    lock_acquire(&shard->lock);
    specials_free_locked(sp, r);
    lock_release(&shard->lock);
}

bool
specials_locate(struct gh_mutator *m, const void *p, const char *who, struct object_ref *out)
{
    struct gospace *space = &m->heap->space;
    CHECK(p != NULL, "%s: the object is NULL", who);
    if (gospace_find_object(space, (uintptr_t)p, out)) {
        CHECK(out->span->uchunk == NULL, "%s: %p is in a user arena", who, p);
        gospace_ensure_swept(space, out->span);
        return true;
    }
    /* asking for 0 bytes is no allocation: it only tells the one address of such objects */
    CHECK(p == gh_new_bytes(m, 0), "%s: %p is not in an allocated object", who, p);
    return false;
}

/* --- holds --- */

void
specials_hold(struct specials *sp, struct special_hold *h, void *ref)
{
    *h = (struct special_hold){.ref = ref};
    lock_acquire(&sp->hold_lock);
    h->next = sp->holds;
    if (h->next != NULL)
        h->next->prev = h;
    sp->holds = h;
    lock_release(&sp->hold_lock);
}

void
specials_release(struct specials *sp, struct special_hold *h)
{
    lock_acquire(&sp->hold_lock);
    if (h->prev != NULL)
        h->prev->next = h->next;
    else
        sp->holds = h->next;
    if (h->next != NULL)
        h->next->prev = h->prev;
    lock_release(&sp->hold_lock);
}

/* --- sweeping --- */

static bool
sweep_has_finalizer(const struct special *r, uintptr_t end)
{
    for (; r != NULL && r->at < end; r = r->next)
        if (r->kind == SPECIAL_FINALIZER)
            return true;
    return false;
}

/* The object of this record is dead: what becomes of the record? */
static void
sweep_record(struct specials *sp, struct special *r)
{
    switch ((enum special_kind)r->kind) {
    case SPECIAL_WEAK:
        weak_clear(r->weak);
        specials_free_locked(sp, r);
        return;
    case SPECIAL_FINALIZER:
    case SPECIAL_CLEANUP:
        finalizers_queue(&sp->finalizers, r);
        return;
    case SPECIAL_PIN:
        break;
    }
    gh_throw("specials_sweep: object %p is pinned %lu times and was not marked", (void *)r->at,
             r->pins);
}

/* The unmarked object whose slot ends at `end`, and whose first record *link leads to. If it is
 * revived, its weak pointers go with its finalizer (the finalizer may run at once, but whoever
 * asks a weak pointer waits for the sweep of the whole span), and the rest waits for the real
 * death. Returns the link to the next object's records. */
static struct special **
sweep_object(struct specials *sp, struct mspan *s, struct special **link, uintptr_t end)
{
    bool revived = sweep_has_finalizer(*link, end);
    if (revived)
        markbits_set_claimed(s, mspan_index_of(s, end - 1));
    while (*link != NULL && (*link)->at < end) {
        unsigned kind = (*link)->kind;
        if (revived && kind != SPECIAL_FINALIZER && kind != SPECIAL_WEAK)
            link = &(*link)->next;
        else
            sweep_record(sp, specials_unlink_locked(sp, s, link));
    }
    return link;
}

/* The space's hook: `s` is claimed, its marks are complete. Records of marked objects stay. */
static void
specials_sweep(void *ctx, struct mspan *s)
{
    struct specials *sp = ctx;
    struct specials_shard *shard = specials_shard_of(sp, s);
    lock_acquire(&shard->lock);
    for (struct special **link = &s->specials; *link != NULL;) {
        uint32_t index = mspan_index_of(s, (*link)->at);
        uintptr_t end = s->base + (index + 1) * s->elemsize;
        if (!markbits_is_set(s, index)) {
            link = sweep_object(sp, s, link, end);
            continue;
        }
        while (*link != NULL && (*link)->at < end)
            link = &(*link)->next;
    }
    lock_release(&shard->lock);
}

/* --- beginning and end --- */

void
specials_open(struct specials *sp, struct gh_heap *heap)
{
    sp->heap = heap;
    for (unsigned i = 0; i < SPECIALS_SHARDS; i++) {
        lock_init(&sp->shards[i].lock, LOCK_RANK_SPECIALS);
        fixalloc_init(&sp->shards[i].records, &heap->account, sizeof(struct special), OS_OTHER);
    }
    lock_init(&sp->hold_lock, LOCK_RANK_SPECIALS);
    finalizers_init(&sp->finalizers);
    heap->space.specials_ctx = sp;
    heap->space.specials_sweep = specials_sweep;
}

void
specials_stop(struct specials *sp)
{
    finalizers_stop(&sp->finalizers);
}

void
specials_close(struct specials *sp)
{
    pins_check_closed(sp);
    finalizers_finish(&sp->finalizers);
    lock_finish(&sp->hold_lock);
    for (unsigned i = 0; i < SPECIALS_SHARDS; i++) {
        fixalloc_finish(&sp->shards[i].records);
        lock_finish(&sp->shards[i].lock);
    }
}
