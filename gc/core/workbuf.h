/* workbuf.h - buffers of grey objects, and the lock-free stacks they travel on (Go:
 * mgcwork.go).
 *
 * A stack's head packs the address of the top buffer and a tag that changes with every push, so
 * that a compare-and-swap cannot succeed on a head that was popped and pushed again meanwhile
 * (ABA). Buffers live in 32 KiB spans and are unmapped only when nobody marks, so reading
 * `next` of a buffer that somebody else has just popped is harmless. */
#ifndef GH_GC_CORE_WORKBUF_H
#define GH_GC_CORE_WORKBUF_H

#include "alloc/pages/pages.h"

enum {
    WORKBUF_BYTES = GH_TORTURE ? 64 : 2048,
    WORKBUF_OBJECTS = (WORKBUF_BYTES - 16) / 8, /* 254 */
    WORKBUF_SPAN_PAGES = 4,
    WORKBUF_SPANS_KEPT = 8,
    WORKBUF_ADDR_SHIFT = GH_TORTURE ? 6 : 11, /* buffers are aligned to their size */
    WORKBUF_TAG_BITS = 64 - GH_ADDR_BITS + WORKBUF_ADDR_SHIFT,
};

struct workbuf {
    _Atomic(uint64_t) next; /* packed, see above; relaxed: the head's order covers it */
    size_t n;               /* owner: how many of obj are filled */
    uintptr_t obj[WORKBUF_OBJECTS];
};

struct workbuf_stack {
    GH_ALIGNED(GH_CACHELINE) _Atomic(uint64_t) head; /* address part 0 = empty */
};

struct workbuf_pool {
    struct pages *pages;
    struct workbuf_stack full, empty;
    struct lock lock;    /* WORKBUF */
    struct mspan *spans; /* guarded by lock; list by next */
    uint32_t nspans;
    _Atomic(uint32_t) held; /* buffers neither full nor empty: conservation check */
};

/* With a first span of buffers, so that a small heap can be collected when the OS gives nothing
 * more. False if it does not even give that. */
bool workbuf_pool_init(struct workbuf_pool *p, struct pages *pages);
void workbuf_pool_finish(struct workbuf_pool *p);
/* After a cycle: check that every buffer is back and empty, keep a few spans, free the rest.
 * Only when nobody marks. */
void workbuf_pool_trim(struct workbuf_pool *p);

/* An empty buffer; throws when the OS refuses memory. */
struct workbuf *workbuf_get_empty(struct workbuf_pool *p);
void workbuf_put_empty(struct workbuf_pool *p, struct workbuf *b);
void workbuf_put_full(struct workbuf_pool *p, struct workbuf *b);
/* NULL if there is none at this moment. */
struct workbuf *workbuf_try_full(struct workbuf_pool *p);

GH_INLINE bool
workbuf_any_full(const struct workbuf_pool *p)
{
    /* relaxed: a hint; taking one synchronizes */
    return atomic_load_explicit(&p->full.head, memory_order_relaxed) >> WORKBUF_TAG_BITS != 0;
}

#endif
