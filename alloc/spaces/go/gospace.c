/* gospace.c - opening and closing the space, and the two ends of a cycle.
 *
 * The cycle, seen from here: start_mark (old bits forgotten) - marking - start_sweep (every
 * span moves to the unswept sets) - sweeping, on demand and in the background - finish_sweep -
 * and again. Contexts: the `_stw` functions by the collecting thread in a stopped world. */
#include "alloc/spaces/go/internal.h"

#include <string.h>

/* What 4 MiB of heap comes to, as at the least trigger, and as much again: sweeping it takes
 * some 100 us. */
enum { SWEEP_MUCH_PAGES = 1024 };

bool
gospace_open(struct gospace *g, struct pages *p, struct gh_error *err)
{
    (void)err; /* nothing here can be refused: memory is taken on first use */
    memset(g, 0, sizeof(*g));
    g->pages = p;
    gcbits_init(&g->bits, p->account);
    spanset_pool_init(&g->set_pool, p->persistent);
    lock_init(&g->lock, LOCK_RANK_SWEEP);
    atomic_init(&g->sweepgen, 2);
    atomic_init(&g->sweepers, SWEEP_DRAINED);
    atomic_init(&g->sweep_due, UINT64_MAX);
    return true;
}

void
gospace_close(struct gospace *g)
{
    CHECK(g->caches == NULL, "gospace_close: a mutator is still attached");
    lock_finish(&g->lock);
    spanset_pool_finish(&g->set_pool);
    gcbits_finish(&g->bits);
}

/* A sweep may still be under way, and its page reclaimer reading: then spans that are alive
 * look dead to it, and it sweeps more than it need. */
void
gospace_prepare_mark(struct gospace *g)
{
    struct pages *p = g->pages;
    lock_acquire(&p->lock);
    struct arena **arenas = p->all_arenas;
    uint32_t n = p->narenas; /* newer ones have no marks */
    lock_release(&p->lock);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t w = 0; w < GH_PAGES_PER_ARENA / 64; w++)
            /* relaxed: markers start after the collector has synchronized with them */
            atomic_store_explicit(&arenas[i]->page_marks[w], 0, memory_order_relaxed);
    uint32_t h = gospace_sweepgen(g);
    for (unsigned sc = 0; sc < GH_SPAN_CLASSES; sc++) {
        if (!mcentral_is_used(&g->central[sc]))
            continue;
        spanset_reset_drained(mcentral_partial_unswept(&g->central[sc], h), &g->set_pool);
        spanset_reset_drained(mcentral_full_unswept(&g->central[sc], h), &g->set_pool);
    }
    g->prepared = true;
}

void
gospace_start_mark_stw(struct gospace *g)
{
    CHECK(gospace_sweep_done(g), "gospace_start_mark_stw: sweeping is not finished");
    gcbits_next_epoch_stw(&g->bits);
    if (!g->prepared)
        gospace_prepare_mark(g);
    g->prepared = false;
}

void
gospace_prepare_sweep(struct gospace *g)
{
    uint32_t caches = 0;
    lock_acquire(&g->lock);
    for (struct mcache *c = g->caches; c != NULL; c = c->next)
        caches++;
    lock_release(&g->lock);
    uint32_t h = gospace_sweepgen(g);
    for (unsigned sc = 0; sc < GH_SPAN_CLASSES && caches > 0; sc++) {
        struct mcentral *central = &g->central[sc];
        if (!mcentral_is_used(central))
            continue;
        /* a cache has less than SPANSET_MANY ready, which have room, and done with, which are
         * full; and one that it allocates from */
        uint32_t n = caches * SPANSET_MANY;
        spanset_make_room(mcentral_partial_swept(central, h), &g->set_pool, n);
        spanset_make_room(mcentral_full_swept(central, h), &g->set_pool, n);
    }
}

bool
gospace_has_much_to_sweep(const struct gospace *g)
{
    /* relaxed: set with the world stopped */
    return atomic_load_explicit(&g->pages_to_sweep, memory_order_relaxed) > SWEEP_MUCH_PAGES;
}

void
gospace_start_sweep_stw(struct gospace *g)
{
    CHECK(gospace_sweep_done(g), "gospace_start_sweep_stw: the last sweep is not finished");
    struct pages_stats st;
    pages_read_stats(g->pages, &st);
    /* relaxed, all of it: starting the world orders it before any sweeping */
    atomic_store_explicit(&g->pages_to_sweep, st.inuse / GH_PAGE, memory_order_relaxed);
    atomic_store_explicit(&g->pages_swept, 0, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_pages_per_byte, 0, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_due, UINT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_cursor, 0, memory_order_relaxed);
    reclaim_start_stw(g);
    atomic_store_explicit(&g->sweepgen, gospace_sweepgen(g) + 2, memory_order_relaxed);
    atomic_store_explicit(&g->sweepers, 0, memory_order_release);
}
