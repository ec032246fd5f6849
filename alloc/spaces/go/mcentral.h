/* mcentral.h - all spans of one span class that no mutator caches (Go: mcentral).
 *
 * Four sets: spans with free slots (partial) and without (full), swept and not yet swept. Which
 * of a pair is the swept one follows from the sweepgen, so that the start of a sweep moves
 * every span from swept to unswept by adding 2 to one number. Large objects are in `full` of
 * classes 0 and 1.
 *
 * A span is in exactly one set, or cached, or with the thread that sweeps it; besides, a span
 * that was not found through the sets leaves an entry in an unswept one, which means nothing
 * any more (sweep.c, Note [sweep claim]) and is gone when the sweep is done. */
#ifndef GH_ALLOC_SPACES_GO_MCENTRAL_H
#define GH_ALLOC_SPACES_GO_MCENTRAL_H

#include "alloc/spaces/go/spanset.h"

struct gospace;
struct mcache;

struct mcentral {
    struct spanset partial[2], full[2];
    /* atomic, relaxed: whether a span was ever about to get into a set. Never goes away, and
     * who looks for spans that were there when the world was stopped sees what was stored
     * before. */
    _Atomic(bool) used;
};

GH_INLINE bool
mcentral_is_used(const struct mcentral *c)
{
    return atomic_load_explicit(&c->used, memory_order_relaxed);
}

GH_INLINE void
mcentral_note_use(struct mcentral *c)
{
    if (GH_UNLIKELY(!mcentral_is_used(c)))
        atomic_store_explicit(&c->used, true, memory_order_relaxed);
}

GH_INLINE struct spanset *
mcentral_partial_swept(struct mcentral *c, uint32_t sweepgen)
{
    return &c->partial[sweepgen / 2 % 2];
}

GH_INLINE struct spanset *
mcentral_partial_unswept(struct mcentral *c, uint32_t sweepgen)
{
    return &c->partial[1 - sweepgen / 2 % 2];
}

GH_INLINE struct spanset *
mcentral_full_swept(struct mcentral *c, uint32_t sweepgen)
{
    return &c->full[sweepgen / 2 % 2];
}

GH_INLINE struct spanset *
mcentral_full_unswept(struct mcentral *c, uint32_t sweepgen)
{
    return &c->full[1 - sweepgen / 2 % 2];
}

/* Owner of `c`: up to 0 < `most` <= SPANSET_MANY spans of `span_class` (small) with at least
 * one free slot each, swept, in no set, and cached now. More than one only if that makes them
 * cheaper: fresh pages are taken for one at a time. Returns how many; 0 if the OS refuses. */
unsigned mcentral_cache_spans(struct gospace *g, struct mcache *c, unsigned span_class,
                              struct mspan **out, unsigned most);
/* Owner of `c`, or _stw: take back 0 < n <= SPANSET_MANY spans of one class that it cached,
 * sweeping them if a collection has passed since. */
void mcentral_uncache_spans(struct gospace *g, struct mcache *c, struct mspan *const *spans,
                            unsigned n);
/* Put a swept span (sweepgen is the space's) that nobody else can reach into its set. */
void mcentral_put_swept(struct gospace *g, struct mspan *s);

#endif
