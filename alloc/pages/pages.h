/* pages.h - address space, arenas and spans: the lower half of Go's mheap.
 *
 * Hands out spans of whole pages by address-ordered first fit, finds the span of an address,
 * grows the heap arena by arena, gives memory back to the OS. Knows nothing of objects.
 *
 * Locks: PAGES guards the page allocator, arenas and span records. pages_span_of takes none.
 * Contexts: none of these is a safepoint; none may be called with the world stopped unless
 * it says so (_stw). Sources: Go's mheap.go, mpagealloc.go, mpagecache.go, mgcscavenge.go as
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
    /* atomic: bytes from the arena's start that were ever handed out: above, memory is zero */
    _Atomic(uintptr_t) zeroed_base;
};

/* 64 pages, aligned, taken by a mutator at once (Go: pageCache). Owner: one mutator. */
struct page_cache {
    uintptr_t base;
    uint64_t free;      /* bit i: page i is free and ours */
    uint64_t scavenged; /* bit i: and not backed by memory */
};

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
    struct page_cache pages;
    struct mspan *spans[SPAN_CACHE];
    uint32_t nspans;
    struct stack_cache stacks;
};

/* Memory of the heap, in bytes. All together = heap_sys + stacks_sys (see pages_stats). */
struct pages_stats {
    uint64_t inuse;      /* spans of objects: HeapInuse */
    uint64_t stacks;     /* spans of stacks: StackInuse */
    uint64_t gc_work;    /* spans of work buffers: part of GCSys */
    uint64_t free;       /* pages in no span, backed by memory or not */
    uint64_t released;   /* of `free`: not backed by memory (HeapReleased) */
    uint64_t mapped;     /* inuse + stacks + gc_work + free */
    uint64_t mspan_inuse, mspan_sys, other_sys, gc_sys;
};

enum span_use { SPAN_OBJECTS, SPAN_STACK, SPAN_WORK };

struct arena_hint {
    uintptr_t addr;
    bool down;
    struct arena_hint *next;
};

struct scavenger_state; /* scavenge.h */

struct pages {
    /* immutable after pages_open */
    struct os_account *account;
    struct persistent *persistent;
    _Atomic(struct arena *) *arena_map; /* [ARENA_MAP_ENTRIES], reserved, mapped by the OS on touch */

    /* guarded by lock */
    struct lock lock;
    struct pagealloc alloc;       /* pagealloc.h: bitmaps and summaries */
    struct fixalloc span_records;
    struct mspan **all_spans;     /* every span ever made that is not dead; VERIFY walks it */
    uint32_t nall, all_cap;
    struct arena_hint *hints;
    uintptr_t current_start, current_end; /* the unused rest of the newest arena */
    struct arena **all_arenas;    /* in order of creation */
    uintptr_t *arena_base;        /* their addresses */
    uint32_t narenas, arenas_cap;

    /* STACKPOOL and STACKLARGE locks */
    struct {
        struct lock lock;
        struct mspan *spans; /* with at least one free piece */
    } stack_pool[STACK_ORDERS];
    struct lock stack_large_lock;
    struct mspan *stack_large[64 - GH_PAGE_SHIFT]; /* free, by log2 pages; emptied at a collection */
    _Atomic(bool) gc_running; /* stack spans are given back only when no cycle runs */

    /* atomic, relaxed: statistics; exact when nothing else runs */
    _Atomic(uint64_t) inuse, stacks, gc_work, free, released;
    _Atomic(uint64_t) scavenged_background, scavenged_eager; /* bytes since the start */
    /* atomic, relaxed: heap-growth scavenging keeps (free - released + used) below it; set at
     * each collection by the owner of the policy; UINT64_MAX = no goal */
    _Atomic(uint64_t) scavenge_goal;
};

bool pages_open(struct pages *p, struct os_account *a, struct persistent *per, struct gh_error *err);
/* Unmaps everything. No mutator may be left. */
void pages_close(struct pages *p);

/* Take `npages` > 0 pages. `local` is the caller's own (lock-free for < 16 pages), or NULL for
 * a thread without one. NULL if the OS refuses. The span's state is set by the caller's
 * pages_publish once the space has filled in its fields. `needzero` is set. */
struct mspan *pages_alloc(struct pages *p, struct pages_local *local, size_t npages, enum span_use use);
/* Make an OBJECTS span visible to marking, sweeping and address lookup. */
void pages_publish(struct pages *p, struct mspan *s);
/* Give a span back; the caller owns it and nobody can find an object in it. Any use. */
void pages_free(struct pages *p, struct mspan *s, enum span_use use);

void pages_local_init(struct pages_local *l);
/* Give back everything a mutator holds: on detach, and by the collector (_stw) for idle ones. */
void pages_local_flush(struct pages *p, struct pages_local *l);

/* Bytes of 1 GiB = how much? Everything that is free is returned to the OS (FreeOSMemory);
 * otherwise at most `bytes`, highest addresses first. Returns bytes released. */
size_t pages_scavenge(struct pages *p, size_t bytes, bool background);
size_t pages_scavenge_all(struct pages *p);

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

#endif
