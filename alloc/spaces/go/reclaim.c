/* reclaim.c - the page reclaimer: whole spans for those who need fresh pages.
 *
 * Sweeping through the sets frees slots; that it now and then frees a whole span is luck. Who
 * needs pages, and many in a row, would rather have spans in which nothing is alive, and there
 * are two bitmaps in each arena's record that tell them: a span starts at this page, and it
 * holds a marked object. This file walks them once per sweep, 512 pages at a time, claims and
 * sweeps what is in use and unmarked, and so frees as many pages as are about to be taken,
 * before the heap grows for them. What it frees beyond that is credit for the next; so is what
 * others free by sweeping. Go: mheap.reclaim.
 *
 * The bitmaps are hints. Spans made since the sweep began look unmarked, but are swept already
 * and cannot be claimed; ones made while marking ran look unmarked as well, and are found alive
 * by the sweep; a stale bit leads to a record that cannot be claimed (sweep.c, Note [sweep
 * claim]). Reading the record of a span that is being made is safe because its address is
 * entered into the arena with release order, and read here with acquire.
 *
 * Locks: none. Contexts: owner of a cache, as he is about to take pages. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/internal.h"

enum { RECLAIM_CHUNK = 512 }; /* pages walked at once: about 100 us if all must be swept */

void
reclaim_start_stw(struct gospace *g)
{
    /* Arenas made from now on hold nothing unswept. */
    g->reclaim_arenas = g->pages->all_arenas;
    g->reclaim_end = (uint64_t)g->pages->narenas * GH_PAGES_PER_ARENA;
    /* relaxed: the world is stopped */
    atomic_store_explicit(&g->reclaim_next, 0, memory_order_relaxed);
    atomic_store_explicit(&g->reclaim_credit, 0, memory_order_relaxed);
}

void
reclaim_add_credit(struct gospace *g, size_t npages)
{
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&g->reclaim_credit, npages, memory_order_relaxed);
}

/* Take up to `npages` of the credit. */
static size_t
take_credit(struct gospace *g, size_t npages)
{
    /* relaxed, both: a sum */
    uint64_t credit = atomic_load_explicit(&g->reclaim_credit, memory_order_relaxed);
    while (credit > 0) {
        size_t take = credit < npages ? credit : npages;
        if (atomic_compare_exchange_weak_explicit(&g->reclaim_credit, &credit, credit - take,
                                                  memory_order_relaxed, memory_order_relaxed))
            return take;
    }
    return 0;
}

/* Sweep the span `s` that a page was said to belong to, if it needs it. Returns how many pages
 * that frees. */
static size_t
reclaim_span(struct gospace *g, struct mcache *c, struct mspan *s, struct sweep_batch *batch)
{
    if (s == NULL || !sweep_try_claim(s, gospace_sweepgen(g)))
        return 0;
    return sweep_settle(g, c, s, batch);
}

/* Pages of a bitmap word at which a span starts that holds no mark. */
static uint64_t
unmarked_spans(const struct arena *a, size_t word)
{
    /* relaxed: hints */
    return atomic_load_explicit(&a->page_in_use[word], memory_order_relaxed) &
           ~atomic_load_explicit(&a->page_marks[word], memory_order_relaxed);
}

/* Walk RECLAIM_CHUNK pages from page `at` of all arenas. Returns how many were freed, or
 * SIZE_MAX if nothing is left to sweep. */
static size_t
reclaim_chunk(struct gospace *g, struct mcache *c, uint64_t at)
{
    struct arena *a = g->reclaim_arenas[at / GH_PAGES_PER_ARENA];
    size_t first = at % GH_PAGES_PER_ARENA, freed = 0;
    struct sweep_batch batch;
    if (!sweep_begin(g))
        return SIZE_MAX;
    sweep_batch_init(&batch);
    for (size_t w = first / 64; w < (first + RECLAIM_CHUNK) / 64; w++)
        for (uint64_t bits = unmarked_spans(a, w); bits != 0; bits &= bits - 1) {
            /* acquire: pairs with the release in arenas_set_spans */
            struct mspan *s =
                atomic_load_explicit(&a->spans[w * 64 + bits_ctz(bits)], memory_order_acquire);
            freed += reclaim_span(g, c, s, &batch);
        }
    sweep_flush(g, &batch);
    sweep_end(g);
    return freed;
}

void
reclaim_pages(struct gospace *g, struct mcache *c, size_t npages)
{
    _Static_assert(GH_PAGES_PER_ARENA % RECLAIM_CHUNK == 0, "a chunk lies in one arena");
    if (gospace_sweep_done(g))
        return;
    /* relaxed: hands out disjoint chunks; the look saves the locked add once all is walked */
    while (npages > 0 &&
           atomic_load_explicit(&g->reclaim_next, memory_order_relaxed) < g->reclaim_end) {
        size_t credit = take_credit(g, npages);
        npages -= credit;
        if (credit > 0)
            continue;
        uint64_t at =
            atomic_fetch_add_explicit(&g->reclaim_next, RECLAIM_CHUNK, memory_order_relaxed);
        if (at >= g->reclaim_end)
            return;
        size_t freed = reclaim_chunk(g, c, at);
        if (freed == SIZE_MAX)
            return;
        if (freed > npages)
            reclaim_add_credit(g, freed - npages);
        npages -= freed < npages ? freed : npages;
    }
}
