/* large.c - objects with a span of their own (Go: mcache.allocLarge).
 *
 * Exact pages, class 0. The span goes to the full swept set of its class at once and never
 * leaves the sets but to be swept: nobody caches it. Contexts: owner of the cache. */
#include "alloc/spaces/go/internal.h"
#include "alloc/spaces/go/markbits.h"

#include <string.h>

void
large_publish(struct gospace *g, struct mcache *c, struct mspan *s, struct refill *out)
{
    if (c->black) {
        s->mark_bits[0] = 1; /* not published yet: nobody else can see it */
        black_count(c, s->span_class, 1, s->elemsize);
        markbits_note_page(pages_arena_of(g->pages, s->base), s->base);
    }
    pages_publish(g->pages, s);
    mcentral_put_swept(g, s);
    count_own(&c->counts.large_allocs, 1);
    count_own(&c->counts.large_alloc_bytes, s->elemsize);
    object_bytes_add(g, (int64_t)s->elemsize);
    out->live_bytes = s->elemsize;
}

void *
gospace_alloc_large(struct gospace *g, struct mcache *c, size_t bytes,
                    const struct gh_type *type, struct refill *out)
{
    *out = (struct refill){0};
    size_t npages = bytes / GH_PAGE + (bytes % GH_PAGE != 0);
    if (npages == 0 || npages > UINT32_MAX)
        return NULL;
    reclaim_pages(g, c, npages);
    struct mspan *s = pages_alloc(g->pages, &c->local, npages, SPAN_OBJECTS);
    if (s == NULL)
        return NULL;
    if (!span_init_large(g, s, type)) {
        pages_free(g->pages, s, SPAN_OBJECTS);
        return NULL;
    }
    if (s->needzero)
        memset((void *)s->base, 0, s->elemsize);
    large_publish(g, c, s, out);
    out->scan_bytes = s->span_class & 1 ? 0 : s->elemsize;
    return (void *)s->base;
}
