/* sweep_pace.c - proportional sweeping: who allocates pays with pages swept.
 *
 * So that the sweep is over when the next collection is due, and nobody then has to finish it
 * in a stopped world. The pacer's side only sets a number, pages per byte; what follows from it
 * is done here. Go: deductSweepCredit in mgcsweep.go, gcPaceSweeper in mgcpacer.go.
 *
 * Note [sweep pace]. Let P pages be left to sweep when the pace is set, at B bytes of live
 * heap, and let the next collection begin at T. The distance D is T - B less a margin, a
 * sixteenth of that and at most a MiB. With the rate r = P / D, the debt at heapLive L is
 * r * (L - B) pages, less those swept since by anybody. Whoever is about to take a span of n
 * bytes sweeps until the debt at L + n is paid. So all is swept the margin before T.
 *
 * Whoever pays, pays SWEEP_CALL_PAGES at once, in advance: debts of a page or less, which they
 * would be if each refill paid for itself, would mean to enter the sweep, add to its sums and
 * take PAGES for a span that is freed, for each of them. Spans are claimed some at a time
 * whatever their size, so with larger ones it can be more pages, but never more spans than
 * that; and the time that sweeping takes goes by spans.
 *
 * Go pays any debt at once. Here one call sweeps no more than twice the share of its own bytes,
 * 2 * r * n pages, and those. That keeps the promise: the debt grows by the shares of those who
 * take memory, each of whom sweeps at least his own share as long as there is debt; an old debt
 * (left by a mutator that took memory faster than this one, or by a pace that was tightened) is
 * paid off by the other half within as many bytes as it was made in. And it keeps the cost of a
 * call in proportion to what is asked for: there is no unlucky mutator who pays for all.
 *
 * For the same reason D is never taken as less than SWEEP_LEAST (Go: one page). The pacer sets
 * a trigger closer than that to the live heap only under a memory limit, and without concurrent
 * marking; a little above it the margin is less than a sixteenth, or nothing. If all is not
 * swept at T, the next collection sweeps the rest before it begins.
 *
 * Note [sweep due]. `sweep_due` is a heapLive up to which no debt can be: with s pages swept
 * since the pace was set, B + s / r. Pages are not unswept while a pace holds, so what was true
 * once stays true, whoever stores an older value over a newer one; and a pace is set in a
 * stopped world only, in which nobody is about to store. A refill compares with it, and pays
 * when it is passed; what others, or refills for themselves, have swept since is found out
 * then. An older value that is stored when the pace has ended is put right by who passes it.
 *
 * Locks: none. Contexts: setting the pace in a stopped world; paying by the owner of a cache.
 */
#include "alloc/spaces/go/internal.h"

enum {
    SWEEP_MARGIN = 1024 * 1024, /* bytes before the trigger at which all shall be swept */
    SWEEP_MARGIN_SHARE = 16,    /* ... but no more than this part of the way there */
    SWEEP_LEAST = 1024 * 1024,  /* bytes in which all is to be swept, at least */
    SWEEP_CALL_PAGES = 16,      /* pages that are swept at once */
};

/* heapLive up to which nothing is owed, with the pages that are swept now. */
static uint64_t
pace_due(double rate, uint64_t basis, uint64_t swept_since)
{
    double bytes = (double)(int64_t)swept_since / rate;
    uint64_t room = UINT64_MAX - basis;
    return bytes < (double)room ? basis + (uint64_t)bytes : UINT64_MAX;
}

void
gospace_pace_sweep_stw(struct gospace *g, uint64_t live, uint64_t trigger)
{
    /* relaxed: a stopped world orders them all, but see below */
    uint64_t all = atomic_load_explicit(&g->pages_to_sweep, memory_order_relaxed);
    uint64_t swept = atomic_load_explicit(&g->pages_swept, memory_order_relaxed);
    double rate = 0;
    if (!gospace_sweep_done(g) && swept < all) {
        uint64_t distance = trigger > live ? trigger - live : 0;
        uint64_t margin = distance / SWEEP_MARGIN_SHARE;
        distance -= margin < SWEEP_MARGIN ? margin : SWEEP_MARGIN;
        if (distance < SWEEP_LEAST)
            distance = SWEEP_LEAST;
        rate = (double)(all - swept) / (double)distance;
    }
    atomic_store_explicit(&g->sweep_live_basis, live, memory_order_relaxed);
    atomic_store_explicit(&g->pages_swept_basis, swept, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_pages_per_byte, rate, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_due, rate == 0 ? UINT64_MAX : live, memory_order_relaxed);
}

/* Nothing is left to sweep. relaxed: no pace can be set before our next safepoint. */
static void
pace_end(struct gospace *g)
{
    atomic_store_explicit(&g->sweep_pages_per_byte, 0, memory_order_relaxed);
    atomic_store_explicit(&g->sweep_due, UINT64_MAX, memory_order_relaxed);
}

void
gospace_pay_sweep_debt_slow(struct gospace *g, struct mcache *c, size_t span_bytes,
                            size_t caller_sweeps_pages, uint64_t live)
{
    /* relaxed, all: the numbers of a pace are set with the world stopped; the count of pages is
     * a sum to which everybody adds */
    double rate = atomic_load_explicit(&g->sweep_pages_per_byte, memory_order_relaxed);
    uint64_t basis = atomic_load_explicit(&g->sweep_live_basis, memory_order_relaxed);
    uint64_t from = atomic_load_explicit(&g->pages_swept_basis, memory_order_relaxed);
    double may = 2 * rate * (double)(int64_t)span_bytes;
    if (rate == 0) {
        pace_end(g);
        return;
    }
    for (;;) {
        uint64_t swept = atomic_load_explicit(&g->pages_swept, memory_order_relaxed) - from;
        /* relaxed: true whenever it was computed; Note [sweep due] */
        atomic_store_explicit(&g->sweep_due, pace_due(rate, basis, swept),
                              memory_order_relaxed);
        double grown = live + span_bytes > basis ? (double)(live + span_bytes - basis) : 0;
        double debt = rate * grown - (double)(int64_t)(swept + caller_sweeps_pages);
        if (debt <= 0 || may <= 0)
            return;
        /* others pay meanwhile, so look again after a few */
        size_t n = sweep_some(g, c, SWEEP_CALL_PAGES);
        if (n == SIZE_MAX) {
            pace_end(g);
            return;
        }
        may -= (double)n;
    }
}
