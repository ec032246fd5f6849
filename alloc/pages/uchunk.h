/* uchunk.h - chunks of user arenas: stretches of address space that are used for nothing else,
 * handed out whole, and made to fault when they are freed (Go: the mheap half of arena.go).
 *
 * Place: pages keeps the address space and the books; the space makes a chunk a span
 * (alloc/spaces/go/chunk.c); what is in it is decided in gc/core/uarena.c, which owns the bump.
 * "Chunk" alone is 4 MiB of the page allocator; these are called uchunks.
 *
 * Note [uchunk states].
 *
 *     READY    no span, Reserved, on the ready list; nobody has a pointer into it
 *     LIVE     a span, Ready; belongs to an arena, or waits for one that takes it over
 *     FAULTED  freed: a span still, so that pointers into it can be found, but Reserved:
 *              touching it faults. The first sweep that finds it unmarked makes it READY.
 *
 * LIVE -> FAULTED while nobody marks, by a running mutator, so that a marker sees one state
 * during a whole cycle and scans LIVE ones only. A uchunk is marked as long as it is LIVE,
 * since `root` refers to it; so what a sweep finds unmarked is FAULTED.
 *
 * A uchunk record lives as long as the heap: a signal handler may look at it. The bits come and
 * go with the memory that they describe. */
#ifndef GH_ALLOC_PAGES_UCHUNK_H
#define GH_ALLOC_PAGES_UCHUNK_H

#include "alloc/pages/pages.h"

enum {
    UCHUNK_BYTES = GH_TORTURE ? 256 * 1024 : 8 << 20, /* Go: userArenaChunkBytes */
    UCHUNK_PAGES = UCHUNK_BYTES / GH_PAGE,
    UCHUNK_BIT_BYTES = UCHUNK_BYTES / GH_WORD / 8,
};

enum uchunk_state { UCHUNK_READY, UCHUNK_LIVE, UCHUNK_FAULTED };

struct uchunk {
    /* immutable */
    uintptr_t base;
    struct uchunk *next; /* all of a heap, newest first */

    /* Bit i = word i holds a reference, for words below `front`; NULL unless LIVE. Atomic,
     * relaxed, one writer, the arena's user; gc/core/uarena.c, Note [uchunks and marking], has
     * the order. */
    uint64_t *bits;
    /* atomic: what lies below may hold references; grows by release, read by acquire */
    _Atomic(uintptr_t) front;
    /* atomic: Note [uchunk states]. To LIVE after the memory is mapped, to FAULTED before it is
     * not; acquire by whoever acts on it */
    _Atomic(uint8_t) state;
    /* atomic, relaxed: for the message about a use after free */
    _Atomic(uint64_t) arena_number, freed_after; /* the arena's; collections before the free */

    /* the arena's user */
    uintptr_t back;     /* what lies above holds no references */
    struct mspan *span; /* NULL if READY */
    /* The collector's root: base while LIVE. Written with the barrier, by the arena's user. */
    void *root;

    /* whoever holds the uchunk: the arena, a list of gc/core/uarena.c, or the ready list */
    struct uchunk *link;
};

/* A LIVE uchunk, zero, with a span of state DEAD for the space to fill in and publish. NULL if
 * the OS refuses. */
struct uchunk *pages_uchunk_alloc(struct pages *p);
/* LIVE -> FAULTED. False, and nothing changed, if the OS refuses. */
bool pages_uchunk_fault(struct pages *p, struct uchunk *c);
/* FAULTED -> READY: nothing points into it. The caller owns the span, which is no more. */
void pages_uchunk_retire(struct pages *p, struct uchunk *c);

GH_INLINE bool
uchunk_is_live(const struct uchunk *c)
{
    /* acquire: pairs with the release in pages_uchunk_fault */
    return atomic_load_explicit(&c->state, memory_order_acquire) == UCHUNK_LIVE;
}

/* Where scanning ends: nothing above may hold references, and nothing at all if it faults. */
GH_INLINE uintptr_t
uchunk_scan_end(const struct uchunk *c)
{
    if (!uchunk_is_live(c))
        return c->base;
    /* acquire: pairs with the release in uarena.c: the bits below come with it */
    return atomic_load_explicit(&c->front, memory_order_acquire);
}

/* The first of all uchunks. Any thread, any time; signal handlers too. */
GH_INLINE struct uchunk *
pages_uchunks(const struct pages *p)
{
    /* acquire: pairs with the release in uchunk.c, where the list grows */
    return atomic_load_explicit(&p->uchunks, memory_order_acquire);
}

#endif
