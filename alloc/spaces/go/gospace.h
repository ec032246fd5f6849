/* gospace.h - Go's object space: mcache, mcentral, sweeping, over the page heap.
 *
 * Hands out runs and owns the objects' mark and allocation bits. Decides nothing: when to
 * collect, to poll or to sample is the business of the slow path in gc/. Refilling *returns*
 * what it took; the caller feeds the pacer.
 *
 * Contexts: "owner" = the thread of the mutator whose mcache is passed, running; "_stw" = the
 * world is stopped. Nothing here is a safepoint. NULL / false = the OS refused memory. */
#ifndef GH_ALLOC_SPACES_GO_GOSPACE_H
#define GH_ALLOC_SPACES_GO_GOSPACE_H

#include "alloc/base/run.h"
#include "alloc/pages/pages.h"
#include "alloc/spaces/go/gcbits.h"
#include "alloc/spaces/go/mcentral.h"
#include "alloc/spaces/go/sizeclass.h"

/* Counts of objects, ever. A mutator's have one writer; everybody may read. */
struct alloc_counts {
    /* atomic, relaxed, single writer: statistics; exact once the writer is stopped */
    _Atomic(uint64_t) small_allocs[GH_CLASSES]; /* [0] unused */
    _Atomic(uint64_t) small_frees[GH_CLASSES];
    _Atomic(uint64_t) large_allocs, large_alloc_bytes;
    _Atomic(uint64_t) large_frees, large_free_bytes;
};

/* Objects that were born black, and their bytes. */
struct black_counts {
    uint64_t objects, bytes, scan_bytes; /* scan_bytes: of objects with references */
};

enum { STOCK_FIRST = GH_TORTURE ? SPANSET_MANY : 1 }; /* spans; mcache.c, Note [stock] */

/* What one mutator caches (Go: mcache). Owner: its mutator; the collector when stopped.
 *
 * Note [run and freeindex]. While run k is out, the span's freeindex is the slot the run began
 * at; it and alloc_count move on together, when the run ends (run.c). So a slot of a run in
 * progress still counts as free, and with flushed caches: slot i is allocated exactly if
 * i < freeindex or its bit in alloc_bits is set.
 *
 * Note [black allocation]. While a cycle marks, runs are born black as a whole: when one is
 * handed out, the mark of each of its slots is set (atomically: markers work on the same
 * bitmaps), and in spans with inline marks the claim for scanning too, so that no marker ever
 * looks into a slot that may hold garbage still. A new object needs no scan, because whatever
 * is stored into it is marked or protected by other paths (docs/design/barrier.md). What is
 * left of a run when it ends is made white again, or a free slot would count as alive. Runs
 * that are out when marking begins are cut: what has been handed out stays white, the rest is
 * taken anew (gospace_blacken_stw). So the colour of a run is that of its cache (`black`),
 * which changes in a stopped world. */
struct mcache {
    struct gh_run *runs;                  /* [GH_SPAN_CLASSES]: the mutator's public part */
    struct mspan *alloc[GH_SPAN_CLASSES]; /* span of each run; NULL if none */
    uint32_t counted[GH_SPAN_CLASSES];    /* its alloc_count when it was cached */
    /* mcache.c, Note [stock]: spans that wait to be allocated from, and to be given back */
    struct mspan *ready[GH_SPAN_CLASSES], *done[GH_SPAN_CLASSES]; /* through next */
    uint8_t ndone[GH_SPAN_CLASSES];
    uint8_t want[GH_SPAN_CLASSES]; /* how many to take next, if so many may wait; 0: none were
                                      taken since a flush */
    size_t object_bytes;           /* handed out, and not in the space's sum yet */
    bool black;                    /* see above; world-stopped only */
    struct black_counts black_counts;
    struct pages_local local;
    struct alloc_counts counts;
    struct mcache *next; /* list in gospace; guarded by its lock */
};

struct gospace {
    /* immutable after open */
    struct pages *pages;
    bool clobber_free; /* fill what a sweep frees with 0xdeadbeef; set before first use */

    /* immutable once there are mutators; NULL = objects have no specials. Called for a claimed
     * span that has some, before its marks are counted: may mark objects, which then live on
     * (markbits_set_claimed), and must unlink the specials of all that stay unmarked. Any
     * thread that may sweep; not a safepoint. */
    void (*specials_sweep)(void *ctx, struct mspan *s);
    void *specials_ctx;

    struct mcentral central[GH_SPAN_CLASSES];
    struct gcbits_arenas bits;
    struct spanset_pool set_pool;

    /* collecting thread only: nothing was marked since page_marks were cleared */
    bool prepared;

    /* world-stopped only for writing; atomic because sweepers read it. With its neighbours on a
     * line that is only read while the program runs, but for the end of a pace. */
    GH_ALIGNED(2 * GH_CACHELINE) _Atomic(uint32_t) sweepgen; /* mspan.h, Note [sweepgen] */
    _Atomic(uint64_t) pages_to_sweep; /* IN_USE pages at the start of the sweep */
    /* the arenas there were when the sweep started */
    struct arena **reclaim_arenas;
    uint64_t reclaim_end; /* their pages */
    /* set in a stopped world, cleared when there is nothing left: sweep_pace.c, Note [sweep
     * pace] */
    _Atomic(double) sweep_pages_per_byte; /* 0: nothing left to sweep */
    _Atomic(uint64_t) sweep_live_basis;   /* heapLive, and pages_swept, when it was set */
    _Atomic(uint64_t) pages_swept_basis;
    /* Note [sweep due] there: read by every refill, and stored by who pays, too */
    GH_ALIGNED(2 * GH_CACHELINE) _Atomic(uint64_t) sweep_due;

    /* atomic: sweeping of the present generation. Lines that all who refill write to. */
    GH_ALIGNED(2 * GH_CACHELINE)
    _Atomic(uint32_t) sweepers;     /* how many are between claim and done; bit 31 = drained */
    _Atomic(uint32_t) sweep_cursor; /* unswept sets below it are empty; sweep.c */
    GH_ALIGNED(2 * GH_CACHELINE) _Atomic(uint64_t) pages_swept; /* of pages_to_sweep, so far */
    /* bytes of objects, allocated and not swept; what mutators have handed out since they
     * stocked up is missing (Go: totalAlloc - totalFree of gcController) */
    _Atomic(int64_t) object_bytes;
    _Atomic(uint64_t) reclaim_next;   /* page up to which the arenas have been walked */
    _Atomic(uint64_t) reclaim_credit; /* pages freed and not asked for yet */
    /* bytes that trimming has given back since the start, whatever was touched again since */
    _Atomic(uint64_t) trimmed;

    /* guarded by lock (SWEEP) */
    GH_ALIGNED(2 * GH_CACHELINE) struct lock lock;
    struct mcache *caches;
    struct alloc_counts retired; /* of detached mutators */
    struct black_counts retired_black;

    /* atomic, added to by several: sweeping outside any mutator */
    struct alloc_counts background;
};

/* What a refill took, for the caller's accounts. */
struct refill {
    size_t
        live_bytes; /* add to heapLive: what of a newly cached span is not in use, in bytes */
    size_t scan_bytes; /* add to heapScan: objects with references allocated since the last */
    /* of a large object, from its first byte on, the caller has to clear so much, in which
     * manner, before anybody is told of it (large.c); 0 unless it is without references */
    size_t clear_bytes;
    bool clear_streaming;
};

bool gospace_open(struct gospace *g, struct pages *p, struct gh_error *err);
void gospace_close(struct gospace *g);

void gospace_attach(struct gospace *g, struct mcache *c, struct gh_run *runs);
/* Owner: flushes, merges counts, leaves the list. */
void gospace_detach(struct gospace *g, struct mcache *c);

/* Derive the fields of a type below its banner from those above; throws on a bad description
 * (size 0, reference bits beyond ptr_bytes, ptr_bytes > size). */
void gospace_derive_type(struct gh_type *t);

/* Owner: the run of `span_class` (small) is used up: account it, and find the next run in the
 * same span. True if runs[span_class] now has at least one slot. Cheap; does not touch
 * heapLive. `mask` is what the pointer bitmap of the new run is filled with (0 for noscan and
 * header classes); the run remembers it. */
bool gospace_next_run(struct gospace *g, struct mcache *c, unsigned span_class, uint64_t mask);
/* Owner: the span is used up as well: put it back, cache another one (partial swept, partial
 * unswept, full unswept, fresh pages) and set up its first run. */
bool gospace_refill(struct gospace *g, struct mcache *c, unsigned span_class, uint64_t mask,
                    struct refill *out);
/* Owner: a large object of `bytes`; `type` is kept for marking (NULL = no references). Zeroed,
 * but for what `out` leaves to the caller. */
void *gospace_alloc_large(struct gospace *g, struct mcache *c, size_t bytes,
                          const struct gh_type *type, struct refill *out);
/* Owner: a chunk for a user arena, zero, counted as one large object; and the end of it: its
 * memory faults at once (false, and nothing changed, if the OS refuses), its addresses are used
 * again when a sweep finds that nothing points into it. Not while marking. */
struct uchunk *gospace_alloc_chunk(struct gospace *g, struct mcache *c, struct refill *out);
bool gospace_free_chunk(struct gospace *g, struct mcache *c, struct uchunk *u);
/* Owner: write the pointer bits of the slot at `p` (BITS layout, elemsize = slot_bytes). */
void gospace_write_bits(uintptr_t p, size_t slot_bytes, uint64_t mask);

/* What a flush has to tell the accounts: what refills have reported as live and no object has
 * got, which the next refill will report again; and what refills have not told yet, objects
 * with references handed out of the spans that were cached. */
struct flushed {
    size_t unused_bytes; /* take from heapLive */
    size_t scan_bytes;   /* add to heapScan */
};

/* Owner or _stw: give back what is left of every run and every span that waits in the cache.
 * Afterwards all runs are empty, and alloc_count, freeindex and the counts are exact. */
struct flushed gospace_flush(struct gospace *g, struct mcache *c);

/* --- the collector's side --- */

/* The collecting thread, before it stops the world for a cycle, everything swept: take some of
 * the work of gospace_start_mark_stw out of it. May be left out. */
void gospace_prepare_mark(struct gospace *g);
/* _stw, all spans swept: forget old marks, ready for marking. Spans may stay cached. */
void gospace_start_mark_stw(struct gospace *g);
/* Any thread, before it stops the world for gospace_start_sweep_stw: have the memory ready that
 * flushing the caches in the stop is going to take. May be left out. */
void gospace_prepare_sweep(struct gospace *g);
/* _stw, or owner of a new cache: from here on this cache allocates black, or white again; to
 * turn white it must be flushed. Note [black allocation]. */
void gospace_blacken_stw(struct mcache *c);
void gospace_whiten_stw(struct mcache *c);
/* _stw: take the counts of objects born black in this cycle. Flushed caches. */
void gospace_take_black_stw(struct gospace *g, struct black_counts *out);
/* _stw, marking is complete: sweepgen += 2; every span now needs sweeping. */
void gospace_start_sweep_stw(struct gospace *g);
/* Sweep spans that need it, from anywhere, until `npages` > 0 pages are swept. Returns how many
 * were, or SIZE_MAX when there was none left to claim. Thread without mcache. */
size_t gospace_sweep(struct gospace *g, size_t npages);
/* Sweep what is left and wait for sweepers still at work. Caller may be any one thread. */
void gospace_finish_sweep(struct gospace *g);
bool gospace_sweep_done(const struct gospace *g);
/* Whether this sweep is worth a thread of its own. */
bool gospace_has_much_to_sweep(const struct gospace *g);
/* _stw: the next collection will begin when heapLive, which is `live` now, reaches `trigger`:
 * set how many pages are to be swept for each byte. After gospace_start_sweep_stw, and whenever
 * the trigger changes. */
void gospace_pace_sweep_stw(struct gospace *g, uint64_t live, uint64_t trigger);
/* The rare part of what follows: sweep_due would be passed. */
void gospace_pay_sweep_debt_slow(struct gospace *g, struct mcache *c, size_t span_bytes,
                                 size_t caller_sweeps_pages, uint64_t live);
/* Owner, before he takes a span of `span_bytes` at heapLive = `live`: sweep what is due for it,
 * but for `caller_sweeps_pages` that he will sweep himself. */
GH_INLINE void
gospace_deduct_sweep_credit(struct gospace *g, struct mcache *c, size_t span_bytes,
                            size_t caller_sweeps_pages, uint64_t live)
{
    /* relaxed: sweep_pace.c, Note [sweep due] */
    if (GH_UNLIKELY(live + span_bytes >
                    atomic_load_explicit(&g->sweep_due, memory_order_relaxed)))
        gospace_pay_sweep_debt_slow(g, c, span_bytes, caller_sweeps_pages, live);
}
/* Return when `s` is swept, sweeping it here if nobody has begun. The caller is a running
 * mutator (so that no next sweep starts), holds an object in `s`, and caches were flushed when
 * this sweep was started. */
void gospace_ensure_swept(struct gospace *g, struct mspan *s);
/* The same without waiting, for any span record: false if it is being swept at this moment, or
 * is none of a live span; the caller looks again whether it is still the one he means. */
bool gospace_try_sweep(struct gospace *g, struct mspan *s);

/* A walk over all spans that have free slots and are nobody's, which gives back the OS pages
 * among these slots; begins zeroed. trim.c, Note [trimming]. */
struct trim {
    unsigned next_class; /* whose set comes after this one */
    uint32_t left;       /* spans of this one still to be looked at */
    size_t bytes;        /* given back so far */
};
/* RUNNING actor, no safepoint: a step of it, of 50 us or so, of some hundred if others have to
 * be told by the kernel one page at a time. False, and nothing was done: it is over. */
bool gospace_trim(struct gospace *g, struct trim *walk);

/* Sum of all counts; exact when the world is stopped and caches are flushed. */
void gospace_sum_counts(struct gospace *g, struct alloc_counts *out);

/* _stw, flushed: walk every span and check every bit and counter against each other (bits
 * beyond nelems zero, popcount = alloc_count, sweepgen legal, span in exactly one set, inline
 * class right, ...); throws at the first contradiction. Returns spans walked. */
size_t gospace_verify_stw(struct gospace *g);

/* Where an address lies in the heap: span, slot. Works for interior addresses. */
struct object_ref {
    struct mspan *span;
    uint32_t index;
    uintptr_t base; /* first byte of the slot, header included */
};
bool gospace_find_object(const struct gospace *g, uintptr_t addr, struct object_ref *out);
bool gospace_is_free(const struct mspan *s, uint32_t index);

/* Index of the slot in a span of objects; offset < npages * GH_PAGE. */
GH_INLINE uint32_t
mspan_index_of(const struct mspan *s, uintptr_t addr)
{
    /* div_magic = 0 for large spans gives 0 */
    return (uint32_t)(((uint64_t)(addr - s->base) * s->div_magic) >> 32);
}

#endif
