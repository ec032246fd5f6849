/* mcache.c - a mutator's cache of spans: joining, refilling, flushing, leaving; and the counts.
 *
 * Place: between runs (run.c), which live within one cached span, and mcentral, where spans
 * come from and go back to. Go: mcache.go. What Go charges to the pacer here is returned to the
 * caller instead.
 *
 * Note [stock]. What a refill would pay for one span (entering the sweep, moving the words of
 * the sets, adding to the sums) it pays once for several: they are taken out of the sets
 * together and wait in `ready`; those that are used up wait in `done` to go back together. Both
 * are the mutator's, as the span it allocates from: their sweepgen says "cached", so that
 * nobody else sweeps, trims or hands them out. Nobody starts a sweep without flushing first;
 * if one began while they are here, they would be swept by who gives them back, and to allocate
 * from them before would be a mistake (stock_take asserts that nobody does). In a stopped world
 * that has flushed, there are none.
 *   - heapLive. A span is charged when it leaves `ready`, not before; so what is here counts
 *     as what is in the swept sets does.
 *   - Sums. `object_bytes` of a cache is added to the space's when it stocks up, and at a
 *     flush; the space's is behind by what the mutator allocates in between.
 *   - Marking. A span in `ready` has no marks, and its free slots are born black or white when
 *     a run is taken of it, as those of any span.
 *   - How many. A class begins with one span after a flush, and each time takes twice as many
 *     as before, up to SPANSET_MANY, or as have so many pages. So no more wait for a mutator
 *     than it has used up since, and one that allocates little of many classes holds nothing.
 *     (Torture begins with the most: there nearly every refill follows a flush.)
 * Contexts: the owner, or anybody in a stopped world. The list of caches: lock SWEEP. */
#include "alloc/spaces/go/internal.h"

#include <string.h>

enum { COUNTERS = sizeof(struct alloc_counts) / sizeof(_Atomic(uint64_t)) };

static void
add_counts(struct alloc_counts *to, const struct alloc_counts *from)
{
    _Atomic(uint64_t) *t = (_Atomic(uint64_t) *)to;
    const _Atomic(uint64_t) *f = (const _Atomic(uint64_t) *)from;
    /* relaxed: statistics */
    for (unsigned i = 0; i < COUNTERS; i++)
        count_own(&t[i], atomic_load_explicit(&f[i], memory_order_relaxed));
}

static void
black_add(struct black_counts *to, const struct black_counts *from)
{
    to->objects += from->objects;
    to->bytes += from->bytes;
    to->scan_bytes += from->scan_bytes;
}

void
gospace_attach(struct gospace *g, struct mcache *c, struct gh_run *runs)
{
    memset(c, 0, sizeof(*c));
    memset(runs, 0, GH_SPAN_CLASSES * sizeof(runs[0]));
    c->runs = runs;
    pages_local_init(&c->local);
    lock_acquire(&g->lock);
    c->next = g->caches;
    g->caches = c;
    lock_release(&g->lock);
}

void
gospace_detach(struct gospace *g, struct mcache *c)
{
    gospace_flush(g, c);
    pages_local_flush(g->pages, &c->local);
    lock_acquire(&g->lock);
    struct mcache **link = &g->caches;
    while (*link != c) {
        CHECK(*link != NULL, "gospace_detach: cache %p is not attached", (void *)c);
        link = &(*link)->next;
    }
    *link = c->next;
    add_counts(&g->retired, &c->counts);
    black_add(&g->retired_black, &c->black_counts);
    lock_release(&g->lock);
}

/* Bytes of a span that no object has. */
static size_t
unused_of(const struct mspan *s)
{
    return s->npages * (size_t)GH_PAGE - s->alloc_count * s->elemsize;
}

/* End the run of a cached span, and book the objects handed out since it was cached. Returns
 * the bytes of them that are to be scanned. */
GH_INLINE size_t
mcache_book_run(struct mcache *c, unsigned span_class)
{
    struct mspan *s = c->alloc[span_class];
    run_end(c, s, &c->runs[span_class]);
    size_t handed_out = (s->alloc_count - c->counted[span_class]) * s->elemsize;
    c->object_bytes += handed_out;
    return (span_class & 1) == 0 ? handed_out : 0;
}

/* --- the stock --- */

static void
settle_object_bytes(struct gospace *g, struct mcache *c)
{
    if (c->object_bytes > 0)
        object_bytes_add(g, (int64_t)c->object_bytes);
    c->object_bytes = 0;
}

/* Give back the spans of a list, the last first: in the order in which they were used. Of those
 * that were not, fewer than SPANSET_MANY of a class at a flush, this turns the order round. */
static void
stock_return(struct gospace *g, struct mcache *c, struct mspan **list)
{
    struct mspan *spans[SPANSET_MANY];
    unsigned first = SPANSET_MANY;
    for (struct mspan *s = *list, *next; s != NULL; s = next) {
        next = s->next;
        s->next = NULL;
        ASSERT(first > 0, "stock_return: more than %d spans", SPANSET_MANY);
        spans[--first] = s;
    }
    if (first < SPANSET_MANY)
        mcentral_uncache_spans(g, c, &spans[first], SPANSET_MANY - first);
    *list = NULL;
}

/* A span that is used up: it goes back with others. */
GH_INLINE void
stock_add_done(struct gospace *g, struct mcache *c, unsigned span_class, struct mspan *s)
{
    s->next = c->done[span_class];
    c->done[span_class] = s;
    if (++c->ndone[span_class] < SPANSET_MANY)
        return;
    stock_return(g, c, &c->done[span_class]);
    c->ndone[span_class] = 0;
}

/* Have spans ready. False if the OS refuses. */
static GH_NOINLINE bool
stock_up(struct gospace *g, struct mcache *c, unsigned span_class)
{
    struct mspan *spans[SPANSET_MANY];
    unsigned pages = sizeclass_pages[span_class >> 1];
    unsigned most = pages < SPANSET_MANY ? SPANSET_MANY / pages : 1;
    unsigned want = c->want[span_class] > 0 ? c->want[span_class] : (unsigned)STOCK_FIRST;
    want = want < most ? want : most;
    settle_object_bytes(g, c);
    unsigned n = mcentral_cache_spans(g, c, span_class, spans, want);
    c->want[span_class] = (uint8_t)(want * 2);
    for (unsigned i = n; i-- > 0;) {
        ASSERT(spans[i]->next == NULL, "stock_up: span %#zx is on a list", spans[i]->base);
        spans[i]->next = c->ready[span_class];
        c->ready[span_class] = spans[i];
    }
    return n > 0;
}

/* Fetch what is written first in a span with pointer bits: these, and the beginning. The
 * hardware sees to the rest, and to spans without, where this was no gain. */
GH_INLINE void
prefetch_start(const struct mspan *s)
{
    if (!span_has_bitmap(s->elemsize, s->span_class))
        return;
    const char *bits = (const char *)mspan_bitmap(s->base, s->inline_marks);
    __builtin_prefetch(bits, 1);
    __builtin_prefetch(bits + GH_CACHELINE, 1);
    __builtin_prefetch((void *)s->base, 1);
    __builtin_prefetch((void *)(s->base + GH_CACHELINE), 1);
}

/* The next span to allocate from. NULL if the OS refuses. */
GH_INLINE struct mspan *
stock_take(struct gospace *g, struct mcache *c, unsigned span_class)
{
    if (c->ready[span_class] == NULL && !stock_up(g, c, span_class))
        return NULL;
    struct mspan *s = c->ready[span_class];
    ASSERT(atomic_load_explicit(&s->sweepgen, memory_order_relaxed) == gospace_sweepgen(g) + 3,
           "stock_take: span %#zx is not cached", s->base);
    c->ready[span_class] = s->next;
    s->next = NULL;
    if (c->ready[span_class] != NULL)
        prefetch_start(c->ready[span_class]);
    return s;
}

/* --- refilling and flushing --- */

bool
gospace_refill(struct gospace *g, struct mcache *c, unsigned span_class, uint64_t mask,
               struct refill *out)
{
    CHECK(span_class >= 2 && span_class < GH_SPAN_CLASSES, "gospace_refill: span class %u",
          span_class);
    struct gh_run *r = &c->runs[span_class];
    struct mspan *s = c->alloc[span_class];
    *out = (struct refill){0};
    if (s != NULL) {
        out->scan_bytes = mcache_book_run(c, span_class);
        c->alloc[span_class] = NULL;
        stock_add_done(g, c, span_class, s);
    }
    *r = (struct gh_run){0};
    s = stock_take(g, c, span_class);
    if (s == NULL)
        return false;
    c->counted[span_class] = s->alloc_count;
    c->alloc[span_class] = s;
    out->live_bytes = unused_of(s);
    bool found = run_take(s, r, mask);
    CHECK(found, "gospace_refill: span %#zx has no free slot, but %u of %u are allocated",
          s->base, s->alloc_count, s->nelems);
    if (c->black)
        run_blacken(g, s, r);
    return true;
}

struct flushed
gospace_flush(struct gospace *g, struct mcache *c)
{
    struct flushed f = {0};
    for (unsigned sc = 0; sc < GH_SPAN_CLASSES; sc++) {
        struct mspan *s = c->alloc[sc];
        if (c->want[sc] == 0)
            continue; /* never stocked up */
        c->want[sc] = c->ndone[sc] = 0;
        stock_return(g, c, &c->done[sc]);
        stock_return(g, c, &c->ready[sc]);
        if (s == NULL)
            continue;
        if (c->black)
            run_whiten(s, &c->runs[sc]);
        f.scan_bytes += mcache_book_run(c, sc);
        c->runs[sc] = (struct gh_run){0};
        c->alloc[sc] = NULL;
        f.unused_bytes += unused_of(s);
        mcentral_uncache_spans(g, c, &s, 1);
    }
    settle_object_bytes(g, c);
    return f;
}

void
gospace_blacken_stw(struct mcache *c)
{
    CHECK(!c->black, "gospace_blacken_stw: the cache is black already");
    for (unsigned sc = 0; sc < GH_SPAN_CLASSES; sc++) {
        if (c->alloc[sc] == NULL)
            continue;
        struct gh_run *r = &c->runs[sc];
        run_end(c, c->alloc[sc], r); /* what is handed out so far: white */
        r->limit = r->end = r->next; /* and the rest is taken anew, black, when it is needed */
    }
    c->black = true;
}

void
gospace_whiten_stw(struct mcache *c)
{
    for (unsigned sc = 0; sc < GH_SPAN_CLASSES; sc++)
        CHECK(c->alloc[sc] == NULL && c->ready[sc] == NULL && c->done[sc] == NULL,
              "gospace_whiten_stw: spans of class %u are still cached", sc);
    c->black = false;
}

void
gospace_take_black_stw(struct gospace *g, struct black_counts *out)
{
    *out = (struct black_counts){0};
    lock_acquire(&g->lock);
    black_add(out, &g->retired_black);
    g->retired_black = (struct black_counts){0};
    for (struct mcache *c = g->caches; c != NULL; c = c->next) {
        black_add(out, &c->black_counts);
        c->black_counts = (struct black_counts){0};
    }
    lock_release(&g->lock);
}

void
gospace_sum_counts(struct gospace *g, struct alloc_counts *out)
{
    memset(out, 0, sizeof(*out));
    add_counts(out, &g->background);
    lock_acquire(&g->lock);
    add_counts(out, &g->retired);
    for (const struct mcache *c = g->caches; c != NULL; c = c->next)
        add_counts(out, &c->counts);
    lock_release(&g->lock);
}
