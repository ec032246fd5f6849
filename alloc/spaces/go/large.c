/* large.c - objects with a span of their own (Go: mcache.allocLarge).
 *
 * Exact pages, class 0. The span goes to the full swept set of its class at once and never
 * leaves the sets but to be swept: nobody caches it. Contexts: owner of the cache.
 *
 * Clearing a GiB takes 20 ms and more, in which nobody can stop the world if it is done here.
 * Objects without references may hold anything while nobody but their maker knows of them:
 * they are published as they are, and the caller clears them, with safepoints in between. Those
 * with references are cleared here, before a marker can look at them. (Go does the same.)
 *
 * Note [cold memory]. The memory of a large object is cleared by streaming stores (clear.h) if
 * it is likely to be in no cache anyway, and too large to be kept in one that is near. A heap
 * uses its free memory in turn, so what it reuses has not been touched while about as much as
 * all its objects was: LARGE_COLD_HEAP says from where on that is out of cache. Measured with
 * 32 MiB of L3 and 1 MiB of L2, 256 MiB in use, blocks of 1 MiB, in GB/s without and with: 20
 * and 37 for clearing, 19 and 42 if each page is touched afterwards, 16 and 14 if all of it is
 * written once, as the program's stores then find nothing in L3. Blocks of 512 KiB would lose a
 * fifth in the last case, and heaps that fit into L3 half. */
#include "alloc/base/clear.h"
#include "alloc/spaces/go/internal.h"
#include "alloc/spaces/go/markbits.h"

enum {
    LARGE_STREAM = 1 << 20,     /* bytes of an object */
    LARGE_COLD_HEAP = 64 << 20, /* bytes of all objects */
};

static bool
large_is_cold(const struct gospace *g, size_t bytes)
{
    /* relaxed: a sum */
    return bytes >= LARGE_STREAM &&
           atomic_load_explicit(&g->object_bytes, memory_order_relaxed) >= LARGE_COLD_HEAP;
}

void
large_publish(struct gospace *g, struct mcache *c, struct mspan *s, struct refill *out)
{
    if (c->black) {
        s->mark_bits[0] = 1; /* not published yet: nobody else can see it */
        black_count(c, s->span_class, 1, s->elemsize);
        markbits_note_page(pages_arena_of(g->pages, s->base), s->base);
    }
    mcentral_note_use(&g->central[s->span_class]);
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
    span_init_large(g, s, type);
    bool noscan = s->span_class & 1, cold = large_is_cold(g, s->elemsize);
    if (s->needzero && !noscan)
        clear_memory((void *)s->base, s->elemsize, cold);
    large_publish(g, c, s, out);
    out->scan_bytes = noscan ? 0 : s->elemsize;
    out->clear_bytes = s->needzero && noscan ? s->elemsize : 0;
    out->clear_streaming = cold;
    return (void *)s->base;
}
