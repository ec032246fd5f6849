/* mcentral.c - where mutators get spans with free slots, and where they leave them.
 *
 * The order of preference keeps the heap small: a partial span that is swept costs nothing; one
 * that is not costs a sweep; a full one may turn out to have room after its sweep; only then
 * are fresh pages taken. Sweeping for one span is bounded by a budget, because a heap of full
 * spans would otherwise be swept to the end for a single allocation. Giving up after 16 spans
 * costs at most 6 % of space, one fresh span for 16 that are full. (Go: mcentral.cacheSpan,
 * after 100; then this search is what p99.9 of `goheap run win1k` shows.)
 *
 * Contexts: the owner of the cache that is passed. Locks: SPANSET, PAGES, GCBITS, inside. */
#include "alloc/spaces/go/internal.h"

enum { SWEEP_BUDGET = 16 };

void
mcentral_put_swept(struct gospace *g, struct mspan *s)
{
    struct mcentral *central = &g->central[s->span_class];
    uint32_t h = gospace_sweepgen(g);
    spanset_push(s->alloc_count < s->nelems ? mcentral_partial_swept(central, h)
                                            : mcentral_full_swept(central, h),
                 &g->set_pool, s);
}

void
mcentral_uncache_span(struct gospace *g, struct mcache *c, struct mspan *s)
{
    uint32_t h = gospace_sweepgen(g);
    /* relaxed: the caching mutator is the only writer */
    uint32_t was = atomic_load_explicit(&s->sweepgen, memory_order_relaxed);
    CHECK(was == h + 3 || was == h + 1, "mcentral_uncache_span: span %#zx: sweepgen %u at %u",
          s->base, was, h);
    if (was == h + 1) {
        /* A collection began to sweep while the span was cached: it is in no set, so its owner
         * sweeps it. relaxed: the span is ours until it is pushed. */
        atomic_store_explicit(&s->sweepgen, h - 1, memory_order_relaxed);
        if (!sweep_span(g, c, s, false)) {
            pages_free(g->pages, s, SPAN_OBJECTS);
            return;
        }
    }
    sweep_put(g, s);
}

/* Sweep spans of `set` until one has room. `budget` is used up by one a span. */
static struct mspan *
sweep_for_room(struct gospace *g, struct mcache *c, struct spanset *set, unsigned *budget)
{
    for (; *budget > 0; --*budget) {
        struct mspan *s = sweep_pop(g, set);
        if (s == NULL)
            return NULL;
        sweep_span(g, c, s, true);
        if (s->alloc_count < s->nelems)
            return s;
        sweep_put(g, s);
    }
    return NULL;
}

static struct mspan *
cache_by_sweeping(struct gospace *g, struct mcache *c, unsigned span_class)
{
    if (!sweep_begin(g))
        return NULL;
    struct mcentral *central = &g->central[span_class];
    uint32_t h = gospace_sweepgen(g);
    unsigned budget = SWEEP_BUDGET;
    struct mspan *s = sweep_for_room(g, c, mcentral_partial_unswept(central, h), &budget);
    if (s == NULL)
        s = sweep_for_room(g, c, mcentral_full_unswept(central, h), &budget);
    sweep_end(g);
    return s;
}

static struct mspan *
grow(struct gospace *g, struct mcache *c, unsigned span_class)
{
    size_t npages = sizeclass_pages[span_class >> 1];
    c->local.small = sizeclass_bytes[span_class >> 1] <= GH_HEADER_MIN;
    reclaim_pages(g, c, npages);
    struct mspan *s = pages_alloc(g->pages, &c->local, npages, SPAN_OBJECTS);
    if (s == NULL)
        return NULL;
    if (!span_init_small(g, s, span_class)) {
        pages_free(g->pages, s, SPAN_OBJECTS);
        return NULL;
    }
    pages_publish(g->pages, s);
    return s;
}

struct mspan *
mcentral_cache_span(struct gospace *g, struct mcache *c, unsigned span_class)
{
    struct mcentral *central = &g->central[span_class];
    if (GH_UNLIKELY(!atomic_load_explicit(&central->used, memory_order_relaxed)))
        atomic_store_explicit(&central->used, true, memory_order_relaxed);
    struct mspan *s =
        spanset_pop(mcentral_partial_swept(central, gospace_sweepgen(g)), &g->set_pool);
    if (s == NULL)
        s = cache_by_sweeping(g, c, span_class);
    if (s == NULL)
        s = grow(g, c, span_class);
    return s;
}
