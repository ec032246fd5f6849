/* internal.h - what the files of this space share among themselves and with nobody else. */
#ifndef GH_ALLOC_SPACES_GO_INTERNAL_H
#define GH_ALLOC_SPACES_GO_INTERNAL_H

#include "alloc/base/bits.h"
#include "alloc/spaces/go/gospace.h"

/* --- span.c: what spans of a class look like --- */

/* Whether spans of a size class keep their marks inline: mspan.h, Note [inline marks]. */
GH_INLINE bool
span_has_inline_marks(size_t slot_bytes)
{
    return slot_bytes >= GH_TINY_SIZE && slot_bytes <= GH_HEADER_MIN;
}

/* Whether spans of a class keep a bitmap of their references. */
GH_INLINE bool
span_has_bitmap(size_t slot_bytes, unsigned span_class)
{
    return slot_bytes <= GH_HEADER_MIN && (span_class & 1) == 0;
}

/* Whether a span's bits lie in its record: span.c, Note [own bits]. */
GH_INLINE bool
span_has_own_bits(const struct mspan *s)
{
    return s->nelems <= (s->inline_marks ? 64u * MSPAN_OWN_BITS : 64u);
}

/* Slots in a span of a small class. */
uint32_t span_slots(unsigned span_class);
/* Fill in the space's fields of a new span of a small class. False if the OS refuses. */
bool span_init_small(struct gospace *g, struct mspan *s, unsigned span_class);
/* The same for one large object; `type` NULL = no references. */
void span_init_large(struct gospace *g, struct mspan *s, const struct gh_type *type);
/* Clear marks, scans and owner of a span with inline marks. */
void span_clear_inline(const struct mspan *s);

/* --- large.c --- */

/* The only object of a new span becomes visible to all, and counts: as live in `out`. */
void large_publish(struct gospace *g, struct mcache *c, struct mspan *s, struct refill *out);

/* --- run.c --- */

/* End the run of a cached span: account for what was handed out of it. */
void run_end(struct mcache *c, struct mspan *s, const struct gh_run *r);
/* Take the next run of a span whose run has ended. False, and an empty run, if there is none.
 */
bool run_take(struct mspan *s, struct gh_run *r, uint64_t mask);
/* Set the marks of what is left of a run of a black cache, and clear them: gospace.h, Note
 * [black allocation]. */
void run_blacken(const struct gospace *g, const struct mspan *s, const struct gh_run *r);
void run_whiten(const struct mspan *s, const struct gh_run *r);
/* The first slot >= i whose allocation bit is `taken`; nelems if there is none. i < nelems. */
GH_INLINE uint32_t
run_find_slot(const struct mspan *s, uint32_t i, bool taken)
{
    uint64_t flip = taken ? 0 : UINT64_MAX;
    uint32_t w = i / 64;
    uint64_t bits = (s->alloc_bits[w] ^ flip) & ~bits_low(i % 64);
    while (bits == 0) {
        w++;
        if (w * 64 >= s->nelems)
            return s->nelems;
        bits = s->alloc_bits[w] ^ flip;
    }
    uint32_t found = w * 64 + bits_ctz(bits);
    return found < s->nelems ? found : s->nelems;
}
/* Count objects born black. */
void black_count(struct mcache *c, unsigned span_class, uint64_t objects, uint64_t bytes);

/* --- sweep.c --- */

/* Of gospace.sweepers: the unswept sets are empty. Note [sweep accounting]. */
#define SWEEP_DRAINED UINT32_C(0x80000000)

enum { SWEEP_BATCH = 32 }; /* spans freed at once */

/* Between them a thread may claim spans to sweep. False: there are none left. */
bool sweep_begin(struct gospace *g);
void sweep_end(struct gospace *g);
/* Make an unswept span the caller's to sweep, wherever he found its record; between sweep_begin
 * and sweep_end. `h` is the space's sweepgen. False: it is swept, or somebody else is at it, or
 * the record is none of a live span. Note [sweep claim]. */
bool sweep_try_claim(struct mspan *s, uint32_t h);
/* Take spans out of an unswept set until some can be claimed, at most `most` <= SPANSET_MANY.
 * Returns how many; 0 when the set is empty. What sweeping them reads is being fetched. */
unsigned sweep_pop(struct gospace *g, struct spanset *unswept, struct mspan **out,
                   unsigned most);
/* What a thread has found by sweeping and not told yet: spans that hold nothing, to be freed
 * together, because taking the PAGES lock for each costs as much as sweeping it; and what adds
 * to sums that all write. Begins with zero counts. Lives between sweep_begin and sweep_end of
 * one thread, so that the sweep is not done while any is left in it; or, for spans that were
 * cached across the start of the sweep, in one call of mcentral_uncache_spans. Until it is
 * flushed the spans stay claimed, and nobody else touches them. */
struct sweep_batch {
    unsigned n;
    uint64_t pages; /* swept */
    int64_t bytes;  /* of objects that were found dead */
    struct mspan *spans[SWEEP_BATCH];
};
/* An empty one, without writing to all of it. */
GH_INLINE void
sweep_batch_init(struct sweep_batch *b)
{
    b->n = 0;
    b->pages = 0;
    b->bytes = 0;
}

/* Sweep a claimed span. False: it held nothing, and has become the caller's to free (never with
 * `keep`). Otherwise it is in no set and still claimed. `c` is the caller's own, or NULL.
 * Counts in `batch`, but adds no span to it. */
bool sweep_span(struct gospace *g, struct mcache *c, struct mspan *s, bool keep,
                struct sweep_batch *batch);
/* A claimed span has been swept and not found empty: let others have it. */
void sweep_put(struct gospace *g, struct mspan *s);
/* Sweep a claimed span, and let others have it or its pages. Returns the pages freed, now or at
 * the next flush, or 0. */
size_t sweep_settle(struct gospace *g, struct mcache *c, struct mspan *s,
                    struct sweep_batch *batch);
void sweep_flush(struct gospace *g, struct sweep_batch *batch);
/* Claim and sweep spans, any, until `npages` pages are swept. Returns how many were, or
 * SIZE_MAX when there was none left to claim. `c` as above. */
size_t sweep_some(struct gospace *g, struct mcache *c, size_t npages);

/* --- reclaim.c --- */

/* The caller is about to take `npages` fresh pages: free as many first, if the sweep is not
 * done, from spans that hold nothing. `c` is his own. */
void reclaim_pages(struct gospace *g, struct mcache *c, size_t npages);
/* Pages were freed by sweeping: they need not be reclaimed. */
void reclaim_add_credit(struct gospace *g, size_t npages);
/* A sweep starts: begin at the first page. */
void reclaim_start_stw(struct gospace *g);

/* --- counters --- */

GH_INLINE uint32_t
gospace_sweepgen(const struct gospace *g)
{
    /* relaxed: changes only in a stopped world */
    return atomic_load_explicit(&g->sweepgen, memory_order_relaxed);
}

GH_INLINE void
object_bytes_add(struct gospace *g, int64_t bytes)
{
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&g->object_bytes, bytes, memory_order_relaxed);
}

/* Add to a counter that only the caller writes: a load and a store, no locked instruction. */
GH_INLINE void
count_own(_Atomic(uint64_t) *counter, uint64_t n)
{
    /* relaxed: statistics, single writer */
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

#endif
