/* pagealloc.h - which pages of the heap are free, and which of those the OS holds memory for.
 *
 * A page is 8 KiB. Each chunk of 512 pages has two bitmaps; the summaries above (summary.h)
 * find the lowest run of free pages without reading them. Go's counterpart: pageAlloc in
 * mpagealloc.go, pageCache in mpagecache.go, scavengeIndex in mgcscavenge.go.
 *
 * Invariants, while PAGES is not held:
 *   - scavenged is a subset of free; a page that was never handed out is scavenged
 *   - no page below `search` is free
 *   - a leaf is the summary of its chunk's alloc bits, any other entry the merge of its
 *     children
 *   - a chunk block exists for every chunk of the heap, and the leaves of its chunks are mapped
 *
 * Locks: PAGES, held by every caller, guards all of it, page_cache excepted (one owner).
 * Does not: grow (arenas.c), know spans (spans.c), talk to the OS about heap memory. */
#ifndef GH_ALLOC_PAGES_PAGEALLOC_H
#define GH_ALLOC_PAGES_PAGEALLOC_H

#include "alloc/pages/summary.h"

enum {
    /* chunks are found by two levels of 13 bits */
    CHUNK_BLOCK_BITS = 13,
    CHUNK_BLOCK = 1 << CHUNK_BLOCK_BITS,
    CHUNK_BLOCKS = 1 << (GH_ADDR_BITS - CHUNK_SHIFT - CHUNK_BLOCK_BITS),

    /* a chunk with so many pages in use is not worth breaking up for the scavenger (Go: 96.875
       %) */
    CHUNK_DENSE_PAGES = 496,

    PAGE_CACHE_PAGES = 64,
};

struct chunk_bits {
    uint64_t alloc[CHUNK_WORDS];     /* page is in a span, a page cache or being scavenged */
    uint64_t scavenged[CHUNK_WORDS]; /* page is free and not backed by memory */
} GH_ALIGNED(GH_CACHELINE);

/* How full a chunk is, and was when the generation began: what the density rule looks at. */
struct chunk_density {
    uint32_t generation; /* in which the two below were brought up to date */
    uint16_t inuse, last_inuse;
};

struct chunk_block {
    struct chunk_bits bits[CHUNK_BLOCK];
    struct chunk_density density[CHUNK_BLOCK];
};

struct addr_range {
    uintptr_t base, limit;
};

/* 64 pages, aligned, taken by a mutator at once (Go: pageCache). Owner: one mutator. */
struct page_cache {
    uintptr_t base;
    uint64_t free;      /* bit i: page i is free and ours */
    uint64_t scavenged; /* bit i: and not backed by memory; subset of free */
    uint64_t zero;      /* bit i: it was backed for this cache, and nobody has written to it */
};

struct pagealloc {
    /* immutable after open */
    struct os_account *account;
    struct persistent *persistent;
    struct chunk_block **blocks; /* [CHUNK_BLOCKS] */

    /* guarded by PAGES */
    struct summaries summaries;
    struct addr_range *ranges; /* the heap, in whole chunks; sorted, adjoining ones joined */
    size_t nranges, ranges_cap;
    uintptr_t search;    /* no page below it is free */
    uintptr_t end;       /* end of the highest range; 0 = no heap yet */
    uint32_t generation; /* of the density rule: collections */
    /* [force]: chunk index from which upwards there is nothing to scavenge */
    size_t scavenge_limit[2];
};

bool pagealloc_open(struct pagealloc *pa, struct os_account *a, struct persistent *per,
                    struct gh_error *err);
void pagealloc_close(struct pagealloc *pa);

/* Growing by whole chunks, in two steps: prepare may fail and changes nothing that can be
 * seen; add cannot fail. All the pages added are free and scavenged. */
bool pagealloc_prepare(struct pagealloc *pa, uintptr_t base, size_t bytes);
void pagealloc_add(struct pagealloc *pa, uintptr_t base, size_t bytes);

/* Take the lowest `npages` free pages in a row; 0 if there are none. `scavenged` receives how
 * many of them are not backed by memory. */
uintptr_t pagealloc_alloc(struct pagealloc *pa, size_t npages, size_t *scavenged);
void pagealloc_free(struct pagealloc *pa, uintptr_t base, size_t npages);

/* Take what is free of the 64 aligned pages around the lowest free one. Empty if none is. */
void pagealloc_fill_cache(struct pagealloc *pa, struct page_cache *c);
void pagealloc_drain_cache(struct pagealloc *pa, struct page_cache *c);

/* Take up to `most` free pages that are backed by memory, the highest there are, out of
 * circulation. Chunks that are dense are left alone unless `force`. Returns how many. */
size_t pagealloc_claim(struct pagealloc *pa, size_t most, bool force, uintptr_t *base);
/* Bring them back, released to the OS or (the OS refused) as they were. */
void pagealloc_unclaim(struct pagealloc *pa, uintptr_t base, size_t npages, bool released);
/* A collection has ended: what "last generation" means to the density rule moves on. */
void pagealloc_next_generation(struct pagealloc *pa);

GH_INLINE struct chunk_bits *
pagealloc_chunk(const struct pagealloc *pa, size_t ci)
{
    return &pa->blocks[ci >> CHUNK_BLOCK_BITS]->bits[ci % CHUNK_BLOCK];
}

GH_INLINE struct chunk_density *
pagealloc_density(const struct pagealloc *pa, size_t ci)
{
    return &pa->blocks[ci >> CHUNK_BLOCK_BITS]->density[ci % CHUNK_BLOCK];
}

/* Take `npages` (1..63) pages in a row; 0 if the cache has none such. `scavenged` receives how
 * many of them are not backed by memory, `zero` whether all are backed and zero. Lock-free: the
 * hot path of span allocation. */
GH_INLINE uintptr_t
page_cache_take(struct page_cache *c, unsigned npages, size_t *scavenged, bool *zero)
{
    uint64_t at = npages == 1 ? c->free : pagebits_runs(c->free, npages);
    if (at == 0)
        return 0;
    unsigned i = bits_ctz(at);
    uint64_t mask = bits_low(npages) << i;
    *scavenged = bits_popcount(c->scavenged & mask);
    *zero = (c->zero & mask) == mask;
    c->free &= ~mask;
    c->scavenged &= ~mask;
    return c->base + (uintptr_t)i * GH_PAGE;
}

#endif
