/* side_roots.c - see side_roots.h. Go has no counterpart: its pools and arenas are objects.
 *
 * Locks: those of the pieces, POOLS and POOLLOCALS. */
#include "gc/core/side_roots.h"

#include "gc/core/heap.h"

enum { SIDE_POOLS, SIDE_UARENAS, SIDE_PIECES };

_Static_assert(SIDE_PIECES == 2, "room in struct side_roots");

static uint64_t
side_scan(struct side_roots *r, unsigned piece, void (*visit)(void *ctx, void **slot),
          void *ctx)
{
    return piece == SIDE_POOLS ? pools_scan(&r->heap->pools, visit, ctx)
                               : uarenas_scan(&r->heap->uarenas, visit, ctx);
}

void
side_roots_init(struct side_roots *r, struct gh_heap *heap)
{
    *r = (struct side_roots){.heap = heap};
}

uint64_t
side_roots_visit(struct side_roots *r, void (*visit)(void *ctx, void **slot), void *ctx)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < SIDE_PIECES; i++)
        bytes += side_scan(r, i, visit, ctx);
    return bytes;
}

void
side_roots_start_stw(struct side_roots *r)
{
    /* what comes while the cycle marks is shaded by who brings it */
    r->npieces = 0;
    if (pools_any_stw(&r->heap->pools))
        r->pieces[r->npieces++] = SIDE_POOLS;
    if (pages_uchunks(&r->heap->pages) != NULL)
        r->pieces[r->npieces++] = SIDE_UARENAS;
    /* relaxed: starting the world orders both before any marking */
    atomic_store_explicit(&r->claimed, 0, memory_order_relaxed);
    atomic_store_explicit(&r->left, r->npieces, memory_order_relaxed);
}

bool
side_roots_mark_piece(struct side_roots *r, struct mark_worker *w)
{
    /* relaxed: hands out numbers */
    unsigned i = atomic_fetch_add_explicit(&r->claimed, 1, memory_order_relaxed);
    if (i >= r->npieces)
        return false;
    bool silent = w->silent;
    w->silent = true; /* the scan of pools holds locks */
    side_scan(r, r->pieces[i], marker_root, w);
    w->silent = silent;
    /* seq_cst: see side_roots_any_left */
    atomic_fetch_sub_explicit(&r->left, 1, memory_order_seq_cst);
    return true;
}
