/* chunk.c - a chunk of a user arena as a span: one large object, as far as marking bits,
 * sweeping and statistics go (Go: allocUserArenaChunk, freeUserArenaChunk).
 *
 * The span is of class 0 and stays so after the free: markers look at the state of its uchunk
 * before they read it (alloc/pages/uchunk.h, Note [uchunk states]). It counts as allocated when
 * it is handed out, and as freed when it is made to fault, not when it leaves the quarantine.
 *
 * Contexts: owner of the cache. The sweep retires what is unmarked (sweep.c). */
#include "alloc/pages/uchunk.h"
#include "alloc/spaces/go/internal.h"

/* What the record of a large object must name. Never read: a chunk has bits of its own. */
static const uint64_t chunk_mask = 1;
static const struct gh_type chunk_type = {
    .size = GH_WORD, .ptr_bytes = GH_WORD, .ptr_mask = &chunk_mask, .name = "user arena chunk"};

struct uchunk *
gospace_alloc_chunk(struct gospace *g, struct mcache *c, struct refill *out)
{
    *out = (struct refill){0};
    struct uchunk *u = pages_uchunk_alloc(g->pages);
    if (u == NULL)
        return NULL;
    struct mspan *s = u->span;
    span_init_large(g, s, &chunk_type);
    large_publish(g, c, s, out); /* what is to be scanned of it comes object by object */
    return u;
}

bool
gospace_free_chunk(struct gospace *g, struct mcache *c, struct uchunk *u)
{
    if (!pages_uchunk_fault(g->pages, u))
        return false;
    count_own(&c->counts.large_frees, 1);
    count_own(&c->counts.large_free_bytes, UCHUNK_BYTES);
    object_bytes_add(g, -(int64_t)UCHUNK_BYTES);
    return true;
}
