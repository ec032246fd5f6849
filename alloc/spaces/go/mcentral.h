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
    _Atomic(bool) used; /* atomic, relaxed: whether a span was ever cached; a hint */
};

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

/* Owner of `c`: a span of `span_class` (small) with at least one free slot, in no set, swept,
 * for the mutator to cache. Its sweepgen is left for the caller to set. NULL if the OS refuses.
 */
struct mspan *mcentral_cache_span(struct gospace *g, struct mcache *c, unsigned span_class);
/* Owner of `c`: take back a span it cached, sweeping it if a collection has passed since. */
void mcentral_uncache_span(struct gospace *g, struct mcache *c, struct mspan *s);
/* Put a swept span (sweepgen is the space's) that nobody else can reach into its set. */
void mcentral_put_swept(struct gospace *g, struct mspan *s);

#endif
