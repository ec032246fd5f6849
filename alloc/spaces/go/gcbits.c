/* gcbits.c - epoch arenas of mark and allocation bits; see gcbits.h.
 *
 * Note [gcbits bump]. `used` grows by fetch-and-add; whoever gets an offset that does not fit
 * goes to the lock, where the first to come puts a fresh chunk in front and the others find
 * it. `used` may run past the end, by at most one request a thread. A chunk is zeroed before it
 * is stored to `next` (release) and read from there (acquire), so whoever bumps it finds zeros.
 */
#include "alloc/spaces/go/gcbits.h"

#include "alloc/base/check.h"

#include <string.h>

struct gcbits_chunk {
    struct gcbits_chunk *link;
    /* atomic, relaxed: hands out disjoint pieces; what is in them is ordered by `next` */
    _Atomic(size_t) used;
    uint64_t bits[(GCBITS_CHUNK - 16) / 8];
};
_Static_assert(sizeof(struct gcbits_chunk) == GCBITS_CHUNK, "a chunk is what it says");

const uint64_t gcbits_zero[GH_PAGE / 8 / 64];

void
gcbits_init(struct gcbits_arenas *b, struct os_account *a)
{
    *b = (struct gcbits_arenas){.account = a};
    lock_init(&b->lock, LOCK_RANK_GCBITS);
}

static void
release_list(struct gcbits_arenas *b, struct gcbits_chunk *c)
{
    while (c != NULL) {
        struct gcbits_chunk *link = c->link;
        os_free(b->account, c, GCBITS_CHUNK, OS_GC);
        c = link;
    }
}

void
gcbits_finish(struct gcbits_arenas *b)
{
    /* relaxed: nobody else is left */
    release_list(b, atomic_load_explicit(&b->next, memory_order_relaxed));
    release_list(b, b->current);
    release_list(b, b->previous);
    release_list(b, b->free);
    lock_finish(&b->lock);
}

static uint64_t *
bump(struct gcbits_chunk *c, size_t words)
{
    /* relaxed: Note [gcbits bump] */
    size_t at = atomic_fetch_add_explicit(&c->used, words, memory_order_relaxed);
    size_t room = sizeof(c->bits) / sizeof(c->bits[0]);
    if (at + words > room)
        return NULL;
    /* a piece at a time: a whole chunk would keep one allocation waiting for microseconds */
    return memset(&c->bits[at], 0, words * sizeof(c->bits[0]));
}

static struct gcbits_chunk *
fresh_chunk_locked(struct gcbits_arenas *b)
{
    struct gcbits_chunk *c = b->free;
    if (c == NULL)
        return os_alloc(b->account, GCBITS_CHUNK, OS_GC, "gc bits");
    b->free = c->link;
    /* relaxed: published with the chunk */
    atomic_store_explicit(&c->used, 0, memory_order_relaxed);
    return c;
}

static GH_NOINLINE uint64_t *
alloc_slow(struct gcbits_arenas *b, size_t words)
{
    lock_acquire(&b->lock);
    /* relaxed: written under the lock only */
    struct gcbits_chunk *head = atomic_load_explicit(&b->next, memory_order_relaxed);
    uint64_t *bits = head == NULL ? NULL : bump(head, words);
    if (bits == NULL) {
        struct gcbits_chunk *c = fresh_chunk_locked(b);
        if (c != NULL) {
            c->link = head;
            if (head == NULL)
                b->next_end = c;
            bits = bump(c, words);
            /* release: pairs with the acquire in gcbits_alloc; Note [gcbits bump] */
            atomic_store_explicit(&b->next, c, memory_order_release);
        }
    }
    lock_release(&b->lock);
    return bits;
}

uint64_t *
gcbits_alloc(struct gcbits_arenas *b, uint32_t n)
{
    size_t words = (n + 63) / 64;
    /* acquire: pairs with the release in alloc_slow */
    struct gcbits_chunk *c = atomic_load_explicit(&b->next, memory_order_acquire);
    uint64_t *bits = c == NULL ? NULL : bump(c, words);
    return GH_LIKELY(bits != NULL) ? bits : alloc_slow(b, words);
}

void
gcbits_next_epoch_stw(struct gcbits_arenas *b)
{
    lock_acquire(&b->lock);
    if (b->previous != NULL) {
        b->previous_end->link = b->free;
        b->free = b->previous;
    }
    b->previous = b->current;
    b->previous_end = b->current_end;
    b->current_end = b->next_end;
    /* relaxed: under the lock, and nobody allocates */
    b->current = atomic_load_explicit(&b->next, memory_order_relaxed);
    atomic_store_explicit(&b->next, NULL, memory_order_relaxed);
    lock_release(&b->lock);
}
