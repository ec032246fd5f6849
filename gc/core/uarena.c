/* uarena.c - user arenas: bump allocation in chunks, and the end of all of them at once (Go:
 * arena.go).
 *
 * An arena has an active chunk and a list of full ones. Values with references are taken from
 * the bottom of a chunk, others from its top, so that scanning ends where references do. Freed,
 * the full chunks fault; the active one goes on to the next arena if UARENA_SHARE. A chunk is
 * one span, and one object to the collector: any pointer into it marks it, and it is scanned as
 * a whole.
 *
 * Note [uchunks and marking]. Marking may run while an arena is used. What it must not miss:
 *   - The chunk itself. `root` of a uchunk holds its base while it is in use: a chunk
 *     that is handed out during marking is born black, as any large object; and a scan of the
 *     roots that comes later finds it. The list of uchunks only grows.
 *   - References in it. The scan reads `front` (acquire), then bits below it, then the words.
 *     The bits of an object are set before `front` grows over it (release), so that all that
 *     lies below the `front` it has read has its bits. Objects bumped later are not scanned in
 *     this cycle, and need not be: a chunk once scanned is black, what lies above `front` is
 *     zero at that time (a chunk is zero when it is mapped, and nothing is handed out twice
 *     before it faults), and everything stored there since comes by gh_store: black
 *     allocation (barrier.h).
 *   - A word of bits that is changed while it is read: `front` need not be a multiple of 64
 *     words. Both sides use atomic accesses; the bits read beyond `front` are masked.
 *   - A chunk that faults while it is read. Chunks fault only while nobody marks: `barrier`
 *     of a running mutator says whether somebody does, and it changes in a stopped world only,
 *     which cannot happen before his next safepoint. Freed during marking, a chunk waits in
 *     `pending`, `root` included.
 *   - When it faults, `root` is cleared, and nothing keeps the chunk marked but pointers into
 *     it. A marker that finds it so does not read it (uchunk_scan_end). The sweep of the first
 *     cycle in which nobody marks it makes the addresses ready for use again.
 *
 * Locks: UARENAS for lists and handles, never held across a safepoint. Contexts: owner mutator.
 * Does not: count bytes to be scanned for the pacer, or free an arena whose handle is lost
 * (Go's handles are objects with a finalizer; ours are not in the heap). */
#include "gc/core/uarena.h"

#include "alloc/base/bits.h"
#include "gc/core/malloc.h"

#include <string.h>

struct gh_uarena {
    void *free_link; /* overwritten when the handle is free */
    /* immutable */
    struct gh_heap *heap;
    uint64_t number;
    /* the arena's user */
    struct uchunk *active, *full; /* full: through link */
    bool defunct; /* freed: a mistake that is found if the handle is not in use */
};

static void
uarena_check(const struct gh_uarena *ua, const char *who)
{
    CHECK(!ua->defunct && ua->active != NULL, "%s: user arena %llu was freed before", who,
          (unsigned long long)ua->number);
}

/* --- chunks --- */

/* A new chunk counts as a large object: collect if it takes the heap past its trigger. */
static struct uchunk *
uarena_new_chunk(struct gh_mutator *m)
{
    struct gh_heap *heap = m->heap;
    struct mutator *self = mutator_of(m);
    malloc_prepare(self, UCHUNK_BYTES, 0);
    struct refill took = {0};
    struct uchunk *c = gospace_alloc_chunk(&heap->space, &self->cache, &took);
    if (c == NULL) {
        malloc_last_resort(self);
        c = gospace_alloc_chunk(&heap->space, &self->cache, &took);
        CHECK(c != NULL, "out of memory: cannot allocate %d-byte chunk of a user arena",
              (int)UCHUNK_BYTES);
    }
    malloc_book(self, &took);
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&heap->uarenas.chunks_made, 1, memory_order_relaxed);
    gh_store(m, &c->root, (void *)c->base);
    return c;
}

static struct uchunk *
uarena_take_partial(struct uarenas *u)
{
    lock_acquire(&u->lock);
    struct uchunk *c = u->partial;
    if (c != NULL) {
        u->partial = c->link;
        c->link = NULL;
        u->shared++;
    }
    lock_release(&u->lock);
    return c;
}

/* The active chunk is full: another one. */
GH_NOINLINE static void
uarena_refill_slow(struct gh_mutator *m, struct gh_uarena *ua)
{
    uarenas_fault_pending(&m->heap->uarenas, m);
    if (ua->active != NULL) {
        ua->active->link = ua->full;
        ua->full = ua->active;
        ua->active = NULL;
    }
    struct uchunk *c = uarena_take_partial(&m->heap->uarenas);
    if (c == NULL)
        c = uarena_new_chunk(m);
    /* relaxed: for the message */
    atomic_store_explicit(&c->arena_number, ua->number, memory_order_relaxed);
    ua->active = c;
}

/* False if it must be tried again later. */
static bool
uchunk_free(struct gh_mutator *m, struct uchunk *c)
{
    struct gh_heap *heap = m->heap;
    if (m->barrier)
        return false;
    /* relaxed: statistics, and for the message */
    atomic_store_explicit(&c->freed_after,
                          atomic_load_explicit(&heap->totals.num_gc, memory_order_relaxed),
                          memory_order_relaxed);
    if (!gospace_free_chunk(&heap->space, &mutator_of(m)->cache, c))
        return false;
    pacer_sub_live(&heap->pacer, UCHUNK_BYTES);
    atomic_fetch_add_explicit(&heap->uarenas.chunks_faulted, 1, memory_order_relaxed);
    gh_store(m, &c->root, NULL);
    return true;
}

/* Free the chunks of a list; those that cannot be freed now come back as a list. Safepoint. */
static struct uchunk *
uchunks_free(struct gh_mutator *m, struct uchunk *list)
{
    struct uchunk *rest = NULL;
    for (struct uchunk *c = list, *next; c != NULL; c = next) {
        next = c->link;
        c->link = NULL; /* a freed chunk is the sweeper's from here on */
        gh_poll(m);     /* taking back 8 MiB takes a while; `root` keeps the rest */
        if (!uchunk_free(m, c)) {
            c->link = rest;
            rest = c;
        }
    }
    return rest;
}

static struct uchunk *
uchunks_join(struct uchunk *a, struct uchunk *b)
{
    if (a == NULL)
        return b;
    struct uchunk *last = a;
    while (last->link != NULL)
        last = last->link;
    last->link = b;
    return a;
}

static void
uarenas_add_pending(struct uarenas *u, struct uchunk *list)
{
    if (list == NULL)
        return;
    lock_acquire(&u->lock);
    u->pending = uchunks_join(list, u->pending);
    lock_release(&u->lock);
}

void
uarenas_fault_pending(struct uarenas *u, struct gh_mutator *m)
{
    if (m->barrier)
        return;
    lock_acquire(&u->lock);
    struct uchunk *list = u->pending;
    u->pending = NULL;
    lock_release(&u->lock);
    uarenas_add_pending(u, uchunks_free(m, list));
}

/* --- arenas --- */

struct gh_uarena *
gh_uarena_new(struct gh_mutator *m)
{
    struct uarenas *u = &m->heap->uarenas;
    uarena_watch(u);
    lock_acquire(&u->lock);
    struct gh_uarena *ua = fixalloc_get(&u->handles);
    CHECK(ua != NULL, "out of memory: no %zu bytes for a user arena", sizeof *ua);
    ua->heap = m->heap;
    ua->number = ++u->made;
    ua->defunct = false;
    lock_release(&u->lock);
    uarena_refill_slow(m, ua);
    return ua;
}

void
gh_uarena_free(struct gh_mutator *m, struct gh_uarena *ua)
{
    uarena_check(ua, "gh_uarena_free");
    struct uarenas *u = &m->heap->uarenas;
    struct uchunk *full = ua->full, *last = ua->active;
    if (!UARENA_SHARE) {
        last->link = full;
        full = last;
        last = NULL;
    }
    ua->active = ua->full = NULL;
    ua->defunct = true;
    lock_acquire(&u->lock);
    if (last != NULL) {
        last->link = u->partial;
        u->partial = last;
    }
    u->freed++;
    fixalloc_put(&u->handles, ua);
    lock_release(&u->lock);
    uarenas_add_pending(u, uchunks_free(m, full));
    uarenas_fault_pending(u, m);
}

/* --- objects --- */

/* Set the bits of one value of up to 64 words at word `at`: those of `mask`. */
GH_INLINE void
uchunk_or_bits(struct uchunk *c, size_t at, uint64_t mask)
{
    /* relaxed, a load and a store: one writer; ordered by `front` */
    uint64_t *word = &c->bits[at / 64];
    unsigned shift = at % 64;
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) | mask << shift,
                     __ATOMIC_RELAXED);
    uint64_t above = shift == 0 ? 0 : mask >> (64 - shift);
    if (above != 0)
        __atomic_store_n(word + 1, __atomic_load_n(word + 1, __ATOMIC_RELAXED) | above,
                         __ATOMIC_RELAXED);
}

/* Describe the value of type `t` at `p`. Its bits are clear: nothing lay there before. */
GH_INLINE void
uchunk_describe(struct uchunk *c, uintptr_t p, const struct gh_type *t)
{
    size_t at = (p - c->base) / GH_WORD, n = t->ptr_bytes / GH_WORD;
    for (size_t k = 0; k < n; k += 64) {
        uint64_t mask = t->ptr_mask[k / 64];
        if (n - k < 64)
            mask &= bits_low((unsigned)(n - k));
        uchunk_or_bits(c, at + k, mask);
    }
}

/* `n` values with references from the bottom. 0 if they do not fit. */
GH_INLINE uintptr_t
uchunk_take_front(struct uchunk *c, const struct gh_type *t, size_t n)
{
    /* relaxed: the only writer */
    uintptr_t p = atomic_load_explicit(&c->front, memory_order_relaxed);
    size_t bytes = n * t->size;
    if (GH_UNLIKELY(bytes > c->back - p))
        return 0;
    for (size_t i = 0; i < n; i++)
        uchunk_describe(c, p + i * t->size, t);
    /* release: pairs with the acquire in uchunk_scan_end; Note [uchunks and marking] */
    atomic_store_explicit(&c->front, p + bytes, memory_order_release);
    return p;
}

/* `bytes` without references from the top, aligned as Go's tiny objects are. 0 if they do not
 * fit. `front` stays a multiple of a word, so the unaligned rest of a word cannot meet it. */
GH_INLINE uintptr_t
uchunk_take_back(struct uchunk *c, size_t bytes)
{
    uintptr_t align = (bytes & 7) == 0   ? 8u
                      : (bytes & 3) == 0 ? 4u
                      : (bytes & 1) == 0 ? 2u
                                         : 1u;
    /* relaxed: the only writer */
    uintptr_t front = atomic_load_explicit(&c->front, memory_order_relaxed);
    if (GH_UNLIKELY(bytes > c->back - front))
        return 0;
    uintptr_t p = align_down(c->back - bytes, align);
    if (GH_UNLIKELY(p < front))
        return 0;
    c->back = p;
    return p;
}

GH_INLINE uintptr_t
uchunk_take(struct uchunk *c, const struct gh_type *t, size_t n)
{
    return t->ptr_bytes > 0 ? uchunk_take_front(c, t, n) : uchunk_take_back(c, n * t->size);
}

/* `n` values, together no larger than UARENA_MAX_OBJECT. */
GH_INLINE void *
uarena_take(struct gh_mutator *m, struct gh_uarena *ua, const struct gh_type *t, size_t n)
{
    for (;;) {
        uintptr_t p = uchunk_take(ua->active, t, n);
        if (GH_LIKELY(p != 0))
            return (void *)p;
        uarena_refill_slow(m, ua);
    }
}

void *
gh_uarena_new_array(struct gh_mutator *m, struct gh_uarena *ua, const struct gh_type *t,
                    size_t n)
{
    size_t bytes;
    uarena_check(ua, "gh_uarena_new_array");
    bool overflow = __builtin_mul_overflow(n, t->size, &bytes);
    if (GH_UNLIKELY(overflow || bytes > UARENA_MAX_OBJECT))
        return gh_new_array(m, t, n);
    if (GH_UNLIKELY(n == 0))
        return gh_new_bytes(m, 0);
    return uarena_take(m, ua, t, n);
}

void *
gh_uarena_new_object(struct gh_mutator *m, struct gh_uarena *ua, const struct gh_type *t)
{
    uarena_check(ua, "gh_uarena_new_object");
    if (GH_UNLIKELY(t->size > UARENA_MAX_OBJECT))
        return gh_new(m, t);
    return uarena_take(m, ua, t, 1);
}

/* --- copies --- */

static bool
uarena_holds(const struct gh_heap *heap, const void *obj)
{
    const struct mspan *s = pages_span_of(&heap->pages, (uintptr_t)obj);
    return s != NULL && s->uchunk != NULL;
}

/* One value into fresh memory. */
static void
uarena_copy(struct gh_mutator *m, char *to, const char *from, const struct gh_type *t)
{
    for (size_t at = 0; at < t->ptr_bytes; at += GH_WORD) {
        size_t w = at / GH_WORD;
        if (t->ptr_mask[w / 64] >> (w % 64) & 1)
            gh_store(m, to + at, *(void *const *)(const void *)(from + at));
        else
            memcpy(to + at, from + at, GH_WORD);
    }
    memcpy(to + t->ptr_bytes, from + t->ptr_bytes, t->size - t->ptr_bytes);
}

void *
gh_uarena_clone(struct gh_mutator *m, const void *obj, const struct gh_type *t)
{
    if (obj == NULL || !uarena_holds(m->heap, obj))
        return (void *)(uintptr_t)obj;
    char *copy = gh_new(m, t);
    uarena_copy(m, copy, obj, t);
    return copy;
}

void *
gh_uarena_clone_array(struct gh_mutator *m, const void *obj, const struct gh_type *t, size_t n)
{
    if (obj == NULL || !uarena_holds(m->heap, obj))
        return (void *)(uintptr_t)obj;
    char *copy = gh_new_array(m, t, n);
    for (size_t i = 0; i < n; i++)
        uarena_copy(m, copy + i * t->size, (const char *)obj + i * t->size, t);
    return copy;
}

/* --- the collector's side --- */

void
uarenas_init(struct uarenas *u, struct gh_heap *heap)
{
    *u = (struct uarenas){.heap = heap};
    lock_init(&u->lock, LOCK_RANK_UARENAS);
    fixalloc_init(&u->handles, &heap->account, sizeof(struct gh_uarena), OS_OTHER);
}

void
uarenas_finish(struct uarenas *u)
{
    uarena_unwatch(u);
    fixalloc_finish(&u->handles);
    lock_finish(&u->lock);
}

uint64_t
uarenas_scan(struct uarenas *u, void (*visit)(void *ctx, void **slot), void *ctx)
{
    uint64_t bytes = 0;
    for (struct uchunk *c = pages_uchunks(&u->heap->pages); c != NULL; c = c->next) {
        visit(ctx, &c->root);
        bytes += sizeof c->root;
    }
    return bytes;
}

void
gh_uarena_read_stats(struct gh_heap *heap, struct gh_uarena_stats *out)
{
    struct uarenas *u = &heap->uarenas;
    *out = (struct gh_uarena_stats){0};
    lock_acquire(&u->lock);
    out->arenas_made = u->made;
    out->arenas_freed = u->freed;
    out->chunks_shared = u->shared;
    for (const struct uchunk *c = u->pending; c != NULL; c = c->link)
        out->pending++;
    lock_release(&u->lock);
    /* relaxed: statistics */
    out->chunks_made = atomic_load_explicit(&u->chunks_made, memory_order_relaxed);
    out->chunks_faulted = atomic_load_explicit(&u->chunks_faulted, memory_order_relaxed);
    for (const struct uchunk *c = pages_uchunks(&heap->pages); c != NULL; c = c->next) {
        unsigned state = atomic_load_explicit(&c->state, memory_order_relaxed);
        out->live += state == UCHUNK_LIVE;
        out->quarantined += state == UCHUNK_FAULTED;
        out->ready += state == UCHUNK_READY;
    }
}
