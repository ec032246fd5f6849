/* mcache.c - a mutator's cache of spans: joining, refilling, flushing, leaving; and the counts.
 *
 * Place: between runs (run.c), which live within one cached span, and mcentral, where spans
 * come from and go back to. Go: mcache.go. What Go charges to the pacer here is returned to the
 * caller instead.
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
mcache_book_run(struct gospace *g, struct mcache *c, unsigned span_class)
{
    struct mspan *s = c->alloc[span_class];
    run_end(c, s, &c->runs[span_class]);
    size_t handed_out = (s->alloc_count - c->counted[span_class]) * s->elemsize;
    object_bytes_add(g, (int64_t)handed_out);
    return (span_class & 1) == 0 ? handed_out : 0;
}

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
        out->scan_bytes = mcache_book_run(g, c, span_class);
        c->alloc[span_class] = NULL;
        mcentral_uncache_span(g, c, s);
    }
    *r = (struct gh_run){0};
    s = mcentral_cache_span(g, c, span_class);
    if (s == NULL)
        return false;
    c->counted[span_class] = s->alloc_count;
    /* release: pairs with the acquire in gospace_try_sweep. Only the owner changes it until the
     * span is uncached; mspan.h, Note [sweepgen] */
    atomic_store_explicit(&s->sweepgen, gospace_sweepgen(g) + 3, memory_order_release);
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
        if (s == NULL)
            continue;
        if (c->black)
            run_whiten(s, &c->runs[sc]);
        f.scan_bytes += mcache_book_run(g, c, sc);
        c->runs[sc] = (struct gh_run){0};
        c->alloc[sc] = NULL;
        f.unused_bytes += unused_of(s);
        mcentral_uncache_span(g, c, s);
    }
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
        CHECK(c->alloc[sc] == NULL, "gospace_whiten_stw: span %#zx is still cached",
              c->alloc[sc]->base);
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
