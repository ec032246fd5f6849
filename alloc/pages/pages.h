/* pages.h - address space, arenas and spans: the lower half of Go's mheap.
 *
 * Hands out spans of whole pages by address-ordered first fit, finds the span of an address,
 * grows the heap arena by arena, gives memory back to the OS. Knows nothing of objects.
 *
 * Locks: PAGES guards the page allocator, arenas and span records. pages_span_of takes none.
 * Contexts: none of these is a safepoint. The collector may call them with the world stopped.
 *
 * Note [span map]. spans[] of an arena holds a span for exactly the pages that are in one: the
 * entries are written when it is made and cleared when it is given back. So a stale address
 * finds NULL, or a span made since; and as span records are never unmapped before the heap
 * closes, following what was found is always safe. Only a live object's address gives a span
 * whose fields may be relied on; for others look at the state first.
 *
 * Note [statistics]. What is in use is counted in two places: shared counters, and for pages
 * taken from a page cache, a counter in the mutator's pages_local that only he writes, so that
 * the hot path touches no shared counter. The shared counters get them at the next refill or
 * flush. A reader takes PAGES, which keeps the list of locals still, and adds all up: exact
 * when the world is stopped (nothing need be flushed for it), within a page cache a mutator
 * otherwise.
 *
 * Sources: Go's mheap.go, mpagealloc.go, mpagecache.go, mgcscavenge.go as
 * described in Go's design documents 35112 (page allocator) and 30333 (scavenger). */
#ifndef GH_ALLOC_PAGES_PAGES_H
#define GH_ALLOC_PAGES_PAGES_H

#include "alloc/base/check.h"
#include "alloc/base/error.h"
#include "alloc/base/fixalloc.h"
#include "alloc/base/lock.h"
#include "alloc/base/os.h"
#include "alloc/base/persistent.h"
#include "alloc/pages/mspan.h"
#include "alloc/pages/pagealloc.h"

enum {
    ARENA_MAP_ENTRIES = 1 << (GH_ADDR_BITS - GH_ARENA_SHIFT),
    SPAN_CACHE = 128, /* span records a mutator keeps; refilled by half */
};

/* What is known of one arena; off-heap, one each, never freed before the heap closes. */
struct arena {
    /* atomic: written under PAGES when a span is made, read by anybody who holds an address
     * inside a live span (the object's publication orders the read) */
    _Atomic(struct mspan *) spans[GH_PAGES_PER_ARENA];
    /* atomic: span class of pages with inline marks, 0 otherwise; same rule as spans */
    _Atomic(uint8_t) inline_class[GH_PAGES_PER_ARENA];
    /* atomic bitmaps, one bit a page; the bit of a span is that of its first page */
    _Atomic(uint64_t) page_in_use[GH_PAGES_PER_ARENA / 64];   /* an IN_USE span starts here */
    _Atomic(uint64_t) page_marks[GH_PAGES_PER_ARENA / 64];    /* it holds a marked object */
    _Atomic(uint64_t) page_specials[GH_PAGES_PER_ARENA / 64]; /* it has special records */
    /* atomic, relaxed (arenas_take_fresh says why): no byte at or above this offset was ever
     * handed out, so it is zero; below, only scavenged memory may be known to be */
    _Atomic(uintptr_t) zeroed_base;
};

enum span_use { SPAN_OBJECTS, SPAN_STACK, SPAN_WORK, SPAN_USES };

/* Stack memory a mutator keeps, by order 0..3 = 2, 4, 8, 16 KiB (Go: mcache.stackcache). */
enum { STACK_ORDERS = 4, STACK_CACHE_BYTES = 32 * 1024 };
struct stack_cache {
    struct {
        void *list;
        size_t bytes;
    } order[STACK_ORDERS];
};

/* The lock-free part of pages that one mutator holds. */
struct pages_local {
    /* owner mutator; the collector while it is stopped */
    struct page_cache pages;
    bool small;              /* the span being made is for small objects; a hint */
    const uintptr_t *wanted; /* the owner is asked for when it is UINTPTR_MAX; may be NULL */
    struct stack_cache stacks;
    uint32_t nspans;
    struct mspan *spans[SPAN_CACHE];
    /* atomic, relaxed, written by the owner only: bytes taken from `pages`, by use, not in the
     * shared counters yet; Note [statistics] */
    _Atomic(uint64_t) taken[SPAN_USES];
    /* PAGES lock: the list of locals that hold anything but stacks */
    struct pages *listed; /* NULL if not on the list */
    struct pages_local *next, *prev;
};

/* Memory of the heap, in bytes. All together = heap_sys + stacks_sys (see pages_stats). */
struct pages_stats {
    uint64_t inuse;       /* spans of objects: HeapInuse */
    uint64_t stacks;      /* spans of stacks: StackInuse */
    uint64_t gc_work;     /* spans of work buffers: to be added to gc_sys for GCSys */
    uint64_t free;        /* pages in no span, backed by memory or not */
    uint64_t released;    /* of `free`: not backed by memory (HeapReleased) */
    uint64_t mapped;      /* inuse + stacks + gc_work + free */
    uint64_t mspan_inuse; /* span records that are or may soon be spans */
};

struct arena_hint {
    uintptr_t addr;
    bool down;
    struct arena_hint *next;
};

/* Pages that a scavenger holds while it talks to the OS, without the lock. */
struct scavenge_claim {
    uintptr_t base;
    size_t npages;
    struct scavenge_claim *next;
};

struct pages {
    /* immutable after pages_open */
    struct os_account *account;
    struct persistent *persistent;
    /* [ARENA_MAP_ENTRIES]; all readable, backed by memory where it was written */
    _Atomic(struct arena *) *arena_map;

    /* guarded by lock */
    struct lock lock;
    struct pagealloc alloc; /* pagealloc.h: bitmaps and summaries */
    struct fixalloc span_records;
    /* Every span record ever made, at its all_index for good; those of state DEAD are spare or
     * about to be published. Only grows: the first n entries of an array seen once with n
     * records stay what they are (a grown array leaves the old one in place). */
    struct mspan **all_spans;
    uint32_t nall, all_cap;
    struct mspan *spare_spans; /* dead records, through next */
    uint32_t nspare;
    struct pages_local *locals;
    struct scavenge_claim *claims;
    struct arena_hint *hints;
    struct arena_hint *uchunk_hints; /* where arenas that are cut into uchunks are looked for */
    struct uchunk *ready_uchunks;    /* not in use, through link */
    uintptr_t current_start, current_end; /* the unused rest of the newest arena */
    struct arena **all_arenas;            /* in order of creation */
    uintptr_t *arena_base;                /* their addresses */
    uint32_t narenas, arenas_cap;

    /* STACKPOOL and STACKLARGE locks */
    struct {
        struct lock lock;
        struct mspan *spans; /* with at least one free piece */
    } stack_pool[STACK_ORDERS];
    struct lock stack_large_lock;
    /* free, by log2 pages; emptied at a collection */
    struct mspan *stack_large[64 - GH_PAGE_SHIFT];
    _Atomic(bool) gc_running; /* stack spans are given back only when no cycle runs */

    /* atomic: every uchunk ever made, through next; grows under lock, read by anybody. The
     * release of its growth pairs with the acquire in pages_uchunks. */
    _Atomic(struct uchunk *) uchunks;

    /* atomic, relaxed: statistics; Note [statistics] */
    _Atomic(uint64_t) used[SPAN_USES]; /* bytes in spans, without what locals have taken */
    _Atomic(uint64_t) mapped;          /* bytes of the heap in all */
    _Atomic(uint64_t) released;        /* bytes of free pages not backed by memory */
    /* bytes since the start: by the background, by allocations */
    _Atomic(uint64_t) scavenged_background, scavenged_eager;
    /* time that allocations have spent on it, since the limiter took it away last */
    _Atomic(uint64_t) scavenge_assist_ns;

    /* atomic, relaxed: goals and switches, acted upon approximately */
    /* scavenging, in the background and when the heap grows, wants pages_retained below it;
     * UINT64_MAX = no goal */
    _Atomic(uint64_t) scavenge_goal;
    /* the background wants all memory held (account->ready) below it; UINT64_MAX = no goal */
    _Atomic(uint64_t) scavenge_limit_goal;
    _Atomic(uint64_t) memory_limit; /* allocations scavenge to keep account->ready below it */
    _Atomic(bool) limiter_on; /* ... unless set: collecting costs too much time as it is */
};

bool pages_open(struct pages *p, struct os_account *a, struct persistent *per,
                struct gh_error *err);
/* Unmaps everything. No mutator may be left: all pages_locals must have been flushed. */
void pages_close(struct pages *p);

/* Take `npages` > 0 pages. `local` is the caller's own (lock-free for < 16 pages), or NULL for
 * a thread without one. NULL if the OS refuses. The span's state is set by the caller's
 * pages_publish once the space has filled in its fields; other uses are MANUAL at once.
 * `needzero` is set; the fields of the space are zero, but for sweepgen, which is left over. */
struct mspan *pages_alloc(struct pages *p, struct pages_local *local, size_t npages,
                          enum span_use use);
/* Make an OBJECTS span visible to marking, sweeping and address lookup. */
void pages_publish(struct pages *p, struct mspan *s);
/* Give a span back; the caller owns it and nobody can find an object in it. Any use, published
 * or not. Clears its page_in_use bit and inline class; page_specials must be clear. */
void pages_free(struct pages *p, struct mspan *s, enum span_use use);
/* The same for `n` > 0 spans of objects, under one acquisition of the lock; cheapest when those
 * that adjoin follow each other. */
void pages_free_objects(struct pages *p, struct mspan *const *spans, size_t n);

void pages_local_init(struct pages_local *l);
/* Give back everything a mutator holds: he does so on detach, the collector in a stopped world.
 */
void pages_local_flush(struct pages *p, struct pages_local *l);

/* Release up to `bytes` of free memory, highest addresses first, sparing dense chunks (Go's
 * density rule). `background` stops when both goals are met, so that 0 means there is nothing
 * to do before the next collection. Returns the bytes released. */
size_t pages_scavenge(struct pages *p, size_t bytes, bool background);
/* Release all free memory there is (FreeOSMemory). Cached pages are not free: flush first. */
size_t pages_scavenge_all(struct pages *p);
/* A collection has ended and set its next heap goal: derive both scavenging goals, and let the
 * density rule's generation begin. `last_goal` is that of the cycle before, 0 if there was
 * none.
 */
void pages_set_retain_goal(struct pages *p, uint64_t goal, uint64_t last_goal);
/* Nothing is being allocated, and all is swept: keep what spans of objects hold and a tenth,
 * until the next collection sets another goal. Begins a generation of the density rule, in
 * which no chunk was used. Returns whether there is anything to release. */
bool pages_set_idle_goal(struct pages *p);
/* Keep all memory together (account->ready) below `bytes`, as far as releasing free memory can:
 * in the background from 95 % on, and by allocations at the limit. A lower one begins a
 * generation of the density rule, so that nothing is spared for having been full before. */
void pages_set_memory_limit(struct pages *p, uint64_t bytes);
/* How much memory the heap keeps from the OS: objects and free pages, without released ones. */
uint64_t pages_retained(struct pages *p);

void pages_read_stats(struct pages *p, struct pages_stats *out);
/* Recompute summaries, counts and maps from scratch and compare; throws at a difference. The
 * world is stopped. Returns how many spans were walked. */
size_t pages_verify_stw(struct pages *p);

GH_INLINE struct arena *
pages_arena_of(const struct pages *p, uintptr_t addr)
{
    if (GH_UNLIKELY(addr >> GH_ADDR_BITS))
        return NULL;
    /* acquire: pairs with the release in arena creation, before any address of it is known */
    return atomic_load_explicit(&p->arena_map[addr >> GH_ARENA_SHIFT], memory_order_acquire);
}

/* The span that holds `addr`, live or being made, or NULL. */
GH_INLINE struct mspan *
pages_span_of(const struct pages *p, uintptr_t addr)
{
    struct arena *a = pages_arena_of(p, addr);
    if (GH_UNLIKELY(a == NULL))
        return NULL;
    /* relaxed: whoever holds a pointer into the span was told it after the span was made */
    return atomic_load_explicit(&a->spans[(addr >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA],
                                memory_order_relaxed);
}

/* The page_specials bit of a span follows its list of specials. The list's guard is held. */
GH_INLINE void
pages_note_specials(const struct pages *p, const struct mspan *s)
{
    size_t page = (s->base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    _Atomic(uint64_t) *word = &pages_arena_of(p, s->base)->page_specials[page / 64];
    uint64_t bit = UINT64_C(1) << page % 64;
    /* relaxed: a hint where to look; the list has a guard of its own */
    if (s->specials != NULL)
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
}

#endif
