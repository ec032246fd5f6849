/* side_roots.h - roots that are neither registered ranges nor stacks nor specials: what lies in
 * pools, and the chunks of user arenas.
 *
 * A few pieces, handed out to those who mark, like the pieces of registered roots (roots.h).
 * What may be scanned beside the mutators, and why, is said in pools.c and uarena.c. */
#ifndef GH_GC_CORE_SIDE_ROOTS_H
#define GH_GC_CORE_SIDE_ROOTS_H

#include "gc/core/marker.h"

#include <stdatomic.h>

struct gh_heap;

struct side_roots {
    struct gh_heap *heap; /* immutable */
    /* world-stopped only for writing: the pieces of this cycle, those that are not empty */
    unsigned pieces[2], npieces;
    /* atomic: pieces handed out (relaxed), pieces not yet scanned (seq_cst: part of finding out
     * that no work is left; mark_phase.h) */
    _Atomic(unsigned) claimed, left;
};

void side_roots_init(struct side_roots *r, struct gh_heap *heap);
/* Call visit(ctx, slot) for each slot; the world is stopped. Returns their bytes. */
uint64_t side_roots_visit(struct side_roots *r, void (*visit)(void *ctx, void **slot),
                          void *ctx);
/* _stw: a cycle begins to mark: side_roots_mark_piece is for it. */
void side_roots_start_stw(struct side_roots *r);
/* Mark from the next piece. False if there is none left to claim. Any thread that drains. */
bool side_roots_mark_piece(struct side_roots *r, struct mark_worker *w);

GH_INLINE bool
side_roots_any_left(const struct side_roots *r)
{
    return atomic_load_explicit(&r->left, memory_order_seq_cst) > 0;
}

#endif
