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

/* Put swept spans of one class into their sets. */
static void
put_many(struct gospace *g, struct mspan *const *spans, unsigned n)
{
    struct mspan *with_room[SPANSET_MANY], *full[SPANSET_MANY];
    unsigned nroom = 0, nfull = 0;
    for (unsigned i = 0; i < n; i++) {
        if (spans[i]->alloc_count < spans[i]->nelems)
            with_room[nroom++] = spans[i];
        else
            full[nfull++] = spans[i];
    }
    struct mcentral *central = &g->central[spans[0]->span_class];
    uint32_t h = gospace_sweepgen(g);
    if (nroom > 0)
        spanset_push_many(mcentral_partial_swept(central, h), &g->set_pool, with_room, nroom);
    if (nfull > 0)
        spanset_push_many(mcentral_full_swept(central, h), &g->set_pool, full, nfull);
}

/* Owner of a span: it is swept. */
static void
set_gen(struct mspan *s, uint32_t gen)
{
    /* release: pairs with the acquire in is_swept (sweep.c); for who takes it out of a set the
     * push does it. mspan.h, Note [sweepgen] */
    atomic_store_explicit(&s->sweepgen, gen, memory_order_release);
}

/* A span of the caller's that he has cached: have it swept, with the sweepgen of one that is.
 * False: it held nothing, and is in the batch to be freed. */
static bool
uncache(struct gospace *g, struct mcache *c, struct mspan *s, struct sweep_batch *batch)
{
    uint32_t h = gospace_sweepgen(g);
    /* relaxed: the caching mutator is the only writer */
    uint32_t was = atomic_load_explicit(&s->sweepgen, memory_order_relaxed);
    CHECK(was == h + 3 || was == h + 1, "mcentral_uncache_spans: span %#zx: sweepgen %u at %u",
          s->base, was, h);
    if (was == h + 1) {
        /* A collection began to sweep while the span was cached: it is in no set, so its owner
         * sweeps it. relaxed: the span is ours until it is pushed. */
        atomic_store_explicit(&s->sweepgen, h - 1, memory_order_relaxed);
        if (!sweep_span(g, c, s, false, batch)) {
            batch->spans[batch->n++] = s;
            return false;
        }
    }
    set_gen(s, h);
    return true;
}

void
mcentral_uncache_spans(struct gospace *g, struct mcache *c, struct mspan *const *spans,
                       unsigned n)
{
    _Static_assert((int)SPANSET_MANY <= (int)SWEEP_BATCH, "they may all be dead");
    struct mspan *kept[SPANSET_MANY];
    struct sweep_batch batch;
    unsigned nkept = 0;
    sweep_batch_init(&batch);
    for (unsigned i = 0; i < n; i++)
        if (uncache(g, c, spans[i], &batch))
            kept[nkept++] = spans[i];
    sweep_flush(g, &batch);
    if (nkept > 0)
        put_many(g, kept, nkept);
}

/* A search for spans with room among unswept ones. */
struct search {
    struct mspan **out;
    unsigned most;   /* how many to find at most */
    unsigned budget; /* how many may still be swept */
    struct sweep_batch batch;
};

/* Sweep spans of `set`, some at a time, until one or some have room: these are cached. Returns
 * how many. */
static unsigned
sweep_for_room(struct gospace *g, struct mcache *c, struct spanset *set, struct search *x)
{
    uint32_t h = gospace_sweepgen(g);
    unsigned found = 0;
    while (found == 0 && x->budget > 0) {
        struct mspan *full[SPANSET_MANY];
        unsigned nfull = 0;
        unsigned n = sweep_pop(g, set, x->out, x->most < x->budget ? x->most : x->budget);
        if (n == 0)
            break;
        x->budget -= n;
        for (unsigned i = 0; i < n; i++) {
            struct mspan *s = x->out[i];
            sweep_span(g, c, s, true, &x->batch);
            bool room = s->alloc_count < s->nelems;
            set_gen(s, room ? h + 3 : h);
            if (room)
                x->out[found++] = s;
            else
                full[nfull++] = s;
        }
        if (nfull > 0)
            put_many(g, full, nfull);
    }
    return found;
}

static unsigned
cache_by_sweeping(struct gospace *g, struct mcache *c, unsigned span_class, struct mspan **out,
                  unsigned most)
{
    if (!sweep_begin(g))
        return 0;
    struct mcentral *central = &g->central[span_class];
    uint32_t h = gospace_sweepgen(g);
    struct search x;
    x.out = out;
    x.most = most;
    x.budget = SWEEP_BUDGET;
    sweep_batch_init(&x.batch);
    unsigned n = sweep_for_room(g, c, mcentral_partial_unswept(central, h), &x);
    if (n == 0)
        n = sweep_for_room(g, c, mcentral_full_unswept(central, h), &x);
    sweep_flush(g, &x.batch);
    sweep_end(g);
    return n;
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
    set_gen(s, gospace_sweepgen(g) + 3);
    pages_publish(g->pages, s);
    return s;
}

unsigned
mcentral_cache_spans(struct gospace *g, struct mcache *c, unsigned span_class,
                     struct mspan **out, unsigned most)
{
    struct mcentral *central = &g->central[span_class];
    uint32_t h = gospace_sweepgen(g);
    mcentral_note_use(central);
    unsigned n = spanset_pop_many(mcentral_partial_swept(central, h), &g->set_pool, out, most);
    for (unsigned i = 0; i < n; i++)
        set_gen(out[i], h + 3);
    if (n == 0)
        n = cache_by_sweeping(g, c, span_class, out, most);
    if (n == 0 && (out[0] = grow(g, c, span_class)) != NULL)
        n = 1;
    return n;
}
