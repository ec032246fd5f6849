/* pagealloc.c - the page allocator's bitmaps: taking, giving back, caching, claiming
 * (pagealloc.h). Go's counterpart: mpagealloc.go, mpagecache.go, and the index of
 * mgcscavenge.go. Locks: PAGES, held by the caller. */
#include "alloc/pages/pagealloc.h"

#include "alloc/base/check.h"

#include <string.h>

/* The part of a stretch of pages that lies in one chunk. */
struct piece {
    size_t chunk;
    unsigned first, n;
};

/* Cut the next piece off [*at, end). False at the end. */
static bool
piece_next(uintptr_t *at, uintptr_t end, struct piece *out)
{
    if (*at >= end)
        return false;
    uintptr_t stop = align_down(*at, CHUNK_BYTES) + CHUNK_BYTES;
    if (stop > end)
        stop = end;
    out->chunk = *at >> CHUNK_SHIFT;
    out->first = (unsigned)(*at % CHUNK_BYTES) / GH_PAGE;
    out->n = (unsigned)((stop - *at) / GH_PAGE);
    *at = stop;
    return true;
}

static size_t
chunk_of(uintptr_t addr)
{
    return addr >> CHUNK_SHIFT;
}

bool
pagealloc_open(struct pagealloc *pa, struct os_account *a, struct persistent *per,
               struct gh_error *err)
{
    *pa = (struct pagealloc){.account = a, .persistent = per, .generation = 1};
    CHECK(GH_PAGE % os_page_bytes() == 0, "pagealloc_open: pages of the OS are %zu bytes",
          os_page_bytes());
    if (!summary_open(&pa->summaries, a, per, err))
        return false;
    pa->blocks = persistent_alloc(per, CHUNK_BLOCKS * sizeof(pa->blocks[0]), 8, OS_GC);
    if (pa->blocks == NULL) {
        summary_close(&pa->summaries);
        return gh_error_set(err, GH_EXIT_FAILED, "pages_open: out of memory");
    }
    return true;
}

void
pagealloc_close(struct pagealloc *pa)
{
    for (size_t i = 0; i < CHUNK_BLOCKS; i++) {
        if (pa->blocks[i] != NULL)
            os_free(pa->account, pa->blocks[i], sizeof(struct chunk_block), OS_GC);
    }
    summary_close(&pa->summaries);
    *pa = (struct pagealloc){0};
}

/* --- growing --- */

static bool
pagealloc_room_for_range(struct pagealloc *pa)
{
    if (pa->nranges < pa->ranges_cap)
        return true;
    size_t cap = pa->ranges_cap == 0 ? 16 : 2 * pa->ranges_cap;
    struct addr_range *r = persistent_alloc(pa->persistent, cap * sizeof(*r), 8, OS_GC);
    if (r == NULL)
        return false;
    if (pa->nranges > 0)
        memcpy(r, pa->ranges, pa->nranges * sizeof(*r));
    pa->ranges = r;
    pa->ranges_cap = cap;
    return true;
}

bool
pagealloc_prepare(struct pagealloc *pa, uintptr_t base, size_t bytes)
{
    ASSERT((base | bytes) % CHUNK_BYTES == 0 && bytes > 0, "pagealloc_prepare: %#zx + %zu",
           base, bytes);
    if (!pagealloc_room_for_range(pa))
        return false;
    size_t last = chunk_of(base + bytes - 1) >> CHUNK_BLOCK_BITS;
    for (size_t i = chunk_of(base) >> CHUNK_BLOCK_BITS; i <= last; i++) {
        if (pa->blocks[i] != NULL)
            continue;
        /* the leaves of the whole block, so that a block's existence is enough to read them */
        if (!summary_map(&pa->summaries, i << (CHUNK_SHIFT + CHUNK_BLOCK_BITS),
                         (size_t)CHUNK_BLOCK << CHUNK_SHIFT))
            return false;
        void *block =
            os_alloc(pa->account, sizeof(struct chunk_block), OS_GC, "goheap: page alloc");
        if (block == NULL)
            return false;
        os_advise(block, sizeof(struct chunk_block), OS_NOHUGEPAGE); /* touched sparsely */
        pa->blocks[i] = block;
    }
    return true;
}

static void
pagealloc_add_range(struct pagealloc *pa, uintptr_t base, uintptr_t limit)
{
    size_t i = 0;
    while (i < pa->nranges && pa->ranges[i].limit < base)
        i++;
    struct addr_range *r = &pa->ranges[i];
    if (i < pa->nranges && r->limit == base) {
        r->limit = limit;
        if (i + 1 < pa->nranges && r[1].base == limit) {
            r->limit = r[1].limit;
            pa->nranges--;
            memmove(r + 1, r + 2, (pa->nranges - i - 1) * sizeof(*r));
        }
    } else if (i < pa->nranges && r->base == limit) {
        r->base = base;
    } else {
        memmove(r + 1, r, (pa->nranges - i) * sizeof(*r));
        *r = (struct addr_range){base, limit};
        pa->nranges++;
    }
    pa->end = pa->ranges[pa->nranges - 1].limit;
}

static void
pagealloc_update(struct pagealloc *pa, size_t first, size_t last)
{
    bool changed = false;
    for (size_t ci = first; ci <= last; ci++) {
        struct pagebits_summary b = pagebits_summarize(pagealloc_chunk(pa, ci)->alloc);
        uint64_t s = summary_pack(b.start, b.max, b.end);
        changed = changed || s != pa->summaries.level[SUMMARY_LEAF][ci];
        pa->summaries.level[SUMMARY_LEAF][ci] = s;
    }
    if (changed)
        summary_propagate(&pa->summaries, first, last);
}

void
pagealloc_add(struct pagealloc *pa, uintptr_t base, size_t bytes)
{
    size_t first = chunk_of(base), last = chunk_of(base + bytes - 1);
    /* the alloc bits are zero as they come from the OS */
    for (size_t ci = first; ci <= last; ci++)
        memset(pagealloc_chunk(pa, ci)->scavenged, 0xff, CHUNK_PAGES / 8);
    if (pa->end == 0 || base < pa->search)
        pa->search = base;
    pagealloc_add_range(pa, base, base + bytes);
    pagealloc_update(pa, first, last);
}

/* --- taking and giving back --- */

static void
pagealloc_count(struct pagealloc *pa, size_t ci, int pages)
{
    struct chunk_density *d = pagealloc_density(pa, ci);
    if (d->generation != pa->generation) {
        d->last_inuse = d->inuse;
        d->generation = pa->generation;
    }
    d->inuse = (uint16_t)(d->inuse + pages);
    ASSERT(d->inuse <= CHUNK_PAGES, "pagealloc_count: chunk %#zx has %u pages in use", ci,
           d->inuse);
}

/* The lowest run of free pages; 0 if there is none. Moves the search hint over full memory. */
static uintptr_t
pagealloc_find(struct pagealloc *pa, size_t npages)
{
    if (pa->search >= pa->end)
        return 0;
    /* Most often the chunk of the hint has what is wanted: no need to start at the root. Its
     * block may be missing, as the hint may stand between two parts of the heap. */
    size_t ci = chunk_of(pa->search);
    if (pa->blocks[ci >> CHUNK_BLOCK_BITS] == NULL ||
        summary_max(pa->summaries.level[SUMMARY_LEAF][ci]) < npages) {
        struct summary_search r = summary_find(&pa->summaries, npages, pa->search, pa->end);
        pa->search = r.free;
        if (r.chunk == SIZE_MAX)
            return r.found;
        ci = r.chunk;
    }
    const uint64_t *alloc = pagealloc_chunk(pa, ci)->alloc;
    unsigned from = 0;
    if (ci == chunk_of(pa->search)) {
        from = (unsigned)(pa->search % CHUNK_BYTES) / GH_PAGE;
        from = pagebits_find_clear(alloc, 1, from);
        pa->search = (ci << CHUNK_SHIFT) + (uintptr_t)from * GH_PAGE;
    }
    unsigned i = pagebits_find_clear(alloc, (unsigned)npages, from);
    CHECK(i < CHUNK_PAGES,
          "pagealloc_find: chunk %#zx lacks the %zu pages its summary promises", ci, npages);
    return (ci << CHUNK_SHIFT) + (uintptr_t)i * GH_PAGE;
}

uintptr_t
pagealloc_alloc(struct pagealloc *pa, size_t npages, size_t *scavenged)
{
    *scavenged = 0;
    uintptr_t base = pagealloc_find(pa, npages);
    if (base == 0)
        return 0;
    uintptr_t at = base, end = base + npages * GH_PAGE;
    for (struct piece x; piece_next(&at, end, &x);) {
        struct chunk_bits *c = pagealloc_chunk(pa, x.chunk);
        CHECK(pagebits_count(c->alloc, x.first, x.n) == 0,
              "pagealloc_alloc: %zu pages at %#zx are not all free", npages, base);
        *scavenged += pagebits_count(c->scavenged, x.first, x.n);
        pagebits_clear(c->scavenged, x.first, x.n);
        pagebits_set(c->alloc, x.first, x.n);
        pagealloc_count(pa, x.chunk, (int)x.n);
    }
    pagealloc_update(pa, chunk_of(base), chunk_of(end - 1));
    if (pa->search == base)
        pa->search = end;
    return base;
}

/* Free pages that are backed by memory have appeared in chunk `ci`. */
static void
pagealloc_note_unscavenged(struct pagealloc *pa, size_t ci)
{
    for (int force = 0; force < 2; force++) {
        if (pa->scavenge_limit[force] <= ci)
            pa->scavenge_limit[force] = ci + 1;
    }
}

static void
pagealloc_lower_search(struct pagealloc *pa, uintptr_t base)
{
    if (base < pa->search)
        pa->search = base;
}

void
pagealloc_free(struct pagealloc *pa, uintptr_t base, size_t npages)
{
    uintptr_t at = base, end = base + npages * GH_PAGE;
    for (struct piece x; piece_next(&at, end, &x);) {
        struct chunk_bits *c = pagealloc_chunk(pa, x.chunk);
        CHECK(pagebits_count(c->alloc, x.first, x.n) == x.n,
              "pagealloc_free: %zu pages at %#zx are not all in use", npages, base);
        pagebits_clear(c->alloc, x.first, x.n);
        pagealloc_count(pa, x.chunk, -(int)x.n);
        pagealloc_note_unscavenged(pa, x.chunk);
    }
    pagealloc_update(pa, chunk_of(base), chunk_of(end - 1));
    pagealloc_lower_search(pa, base);
}

/* --- page caches --- */

void
pagealloc_fill_cache(struct pagealloc *pa, struct page_cache *c)
{
    *c = (struct page_cache){0};
    uintptr_t at = pagealloc_find(pa, 1);
    if (at == 0)
        return;
    size_t ci = chunk_of(at);
    unsigned word = (unsigned)(at % CHUNK_BYTES) / GH_PAGE / 64;
    struct chunk_bits *b = pagealloc_chunk(pa, ci);

    c->base = align_down(at, PAGE_CACHE_PAGES * GH_PAGE);
    c->free = ~b->alloc[word];
    c->scavenged = b->scavenged[word];
    b->alloc[word] = UINT64_MAX;
    b->scavenged[word] = 0;
    pagealloc_count(pa, ci, (int)bits_popcount(c->free));
    pagealloc_update(pa, ci, ci);
    pa->search = c->base + PAGE_CACHE_PAGES * GH_PAGE; /* `at` was the lowest free page */
}

void
pagealloc_drain_cache(struct pagealloc *pa, struct page_cache *c)
{
    if (c->free == 0)
        return;
    size_t ci = chunk_of(c->base);
    unsigned word = (unsigned)(c->base % CHUNK_BYTES) / GH_PAGE / 64;
    struct chunk_bits *b = pagealloc_chunk(pa, ci);
    CHECK((c->free & ~b->alloc[word]) == 0,
          "pagealloc_drain_cache: pages of the cache at %#zx are free already", c->base);

    b->alloc[word] &= ~c->free;
    b->scavenged[word] |= c->scavenged;
    pagealloc_count(pa, ci, -(int)bits_popcount(c->free));
    if (c->free != c->scavenged)
        pagealloc_note_unscavenged(pa, ci);
    pagealloc_update(pa, ci, ci);
    pagealloc_lower_search(pa, c->base + (uintptr_t)bits_ctz(c->free) * GH_PAGE);
    *c = (struct page_cache){0};
}

/* --- for the scavenger --- */

static bool
pagealloc_is_dense(const struct pagealloc *pa, size_t ci)
{
    const struct chunk_density *d = pagealloc_density(pa, ci);
    return d->inuse >= CHUNK_DENSE_PAGES ||
           (d->generation == pa->generation && d->last_inuse >= CHUNK_DENSE_PAGES);
}

static size_t
pagealloc_claim_in_chunk(struct pagealloc *pa, size_t ci, size_t most, uintptr_t *base)
{
    struct chunk_bits *c = pagealloc_chunk(pa, ci);
    uint64_t backed[CHUNK_WORDS];
    unsigned first = 0;
    for (unsigned w = 0; w < CHUNK_WORDS; w++)
        backed[w] = ~c->alloc[w] & ~c->scavenged[w];
    unsigned n = pagebits_highest_run(
        backed, most < CHUNK_PAGES ? (unsigned)most : (unsigned)CHUNK_PAGES, &first);
    if (n == 0)
        return 0;
    /* Not counted as in use: the density rule shall not see the scavenger's own claims. */
    pagebits_set(c->alloc, first, n);
    pagealloc_update(pa, ci, ci);
    *base = (ci << CHUNK_SHIFT) + (uintptr_t)first * GH_PAGE;
    return n;
}

size_t
pagealloc_claim(struct pagealloc *pa, size_t most, bool force, uintptr_t *base)
{
    for (size_t r = pa->nranges; r-- > 0;) {
        size_t low = chunk_of(pa->ranges[r].base), ci = chunk_of(pa->ranges[r].limit);
        if (ci > pa->scavenge_limit[force])
            ci = pa->scavenge_limit[force];
        while (ci > low) {
            ci--;
            if (!force && pagealloc_is_dense(pa, ci))
                continue;
            size_t n = pagealloc_claim_in_chunk(pa, ci, most, base);
            if (n > 0) {
                pa->scavenge_limit[force] = ci + 1;
                return n;
            }
        }
    }
    pa->scavenge_limit[force] = 0;
    return 0;
}

void
pagealloc_unclaim(struct pagealloc *pa, uintptr_t base, size_t npages, bool released)
{
    size_t ci = chunk_of(base);
    unsigned first = (unsigned)(base % CHUNK_BYTES) / GH_PAGE;
    struct chunk_bits *c = pagealloc_chunk(pa, ci);
    CHECK(pagebits_count(c->alloc, first, (unsigned)npages) == npages,
          "pagealloc_unclaim: %zu pages at %#zx are not all claimed", npages, base);

    pagebits_clear(c->alloc, first, (unsigned)npages);
    if (released)
        pagebits_set(c->scavenged, first, (unsigned)npages);
    pagealloc_update(pa, ci, ci);
    pagealloc_lower_search(pa, base);
    /* Where the OS refuses once it will again: leave the chunk alone until pages are freed
     * there. */
    for (int force = 0; force < 2 && !released; force++) {
        if (pa->scavenge_limit[force] == ci + 1)
            pa->scavenge_limit[force] = ci;
    }
}

void
pagealloc_next_generation(struct pagealloc *pa)
{
    pa->generation++;
    pa->scavenge_limit[0] = chunk_of(pa->end); /* chunks that were dense may be no more */
}
