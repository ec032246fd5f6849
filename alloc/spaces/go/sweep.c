/* sweep.c - turns the marks of a finished cycle into free slots (Go: mgcsweep.go).
 *
 * Sweeping a span touches its record and its 128 bytes of inline metadata, never an object.
 * Spans are swept by mutators in need of one (mcentral.c) or of pages (reclaim.c), in
 * proportion to what they allocate (sweep_pace.c), in the background (gospace_sweep), and
 * for the sake of one object (gospace_ensure_swept).
 *
 * Note [sweep claim]. Whoever moves a span's sweepgen from h-2 to h-1 by compare-and-swap
 * sweeps it; nothing else gives that right. The unswept sets only tell where to look: a span
 * that was found elsewhere leaves its entry behind, and whoever pops such an entry fails to
 * claim and goes on. By then the span may have any history: being swept (h-1), swept (h),
 * cached (h+3), freed, or freed and made anew with other pages. None of these has h-2, because
 *   - a span is given h when it is made, and no sweepgen is set to an even number below h;
 *   - a span freed by the sweep keeps h-1 in its record, which is odd, so that no later h makes
 *     it h-2; a span given back before it was published keeps what its record had before;
 *   - a record that was never a span of objects has 0, which is h-2 only before the first
 *     collection, when nobody sweeps.
 * So h-2 says: in use, published, not cached, and untouched since the world was stopped at the
 * start of this sweep; entering (sweep_begin) has ordered its fields. Records are never
 * unmapped, so looking at the sweepgen of any record is safe.
 *
 * Note [sweep accounting]. The next cycle may begin only when every span is swept. `sweepers`
 * counts threads that may claim spans or hold claimed ones; bit 31 (drained) says that the
 * unswept sets are empty. Every unclaimed span is in them, and claimed ones are counted by
 * their sweepers. During a sweep nobody adds to an unswept set, so a set once found empty stays
 * empty, and so does the prefix of sets that `sweep_cursor` has passed: when it has passed all
 * of them, drained is set by a thread that is counted itself. Entering (sweep_begin) fails once
 * drained is set, by compare-and-swap on the same word. So drained and a count of 0 together
 * mean: nothing left, nobody at work; and they never go away until the next sweep is started in
 * a stopped world. Leaving is a release and asking is an acquire: who sees the sweep done sees
 * what it did. A span that was cached across the start of a sweep is in no set; whoever flushes
 * the caches before the next sweep (gospace_whiten_stw checks it) has it swept. */
#include "alloc/base/bits.h"
#include "alloc/base/retry.h"
#include "alloc/pages/uchunk.h"
#include "alloc/spaces/go/internal.h"

#include <sched.h>
#include <string.h>

enum { MARK_WORDS_INLINE = 8, SETS = 2 * GH_SPAN_CLASSES };

/* --- one span --- */

static void
read_inline_marks(const struct mspan *s, uint64_t out[MARK_WORDS_INLINE])
{
    memcpy(out, (const void *)(s->base + INLINE_MARKS_OFF), MARK_WORDS_INLINE * 8);
    uint64_t class_ = out[MARK_WORDS_INLINE - 1] >> 56;
    out[MARK_WORDS_INLINE - 1] &= bits_low(56);
    CHECK(class_ == s->span_class, "sweep_span: span %#zx of class %u says class %u inline",
          s->base, s->span_class, (unsigned)class_);
}

static GH_COLD void
throw_zombie(const struct mspan *s, uint32_t index)
{
    gh_throw(
        "sweep_span: marked free object %#zx: slot %u of span %#zx, class %u, %u slots of %zu "
        "bytes, freeindex %u, %u allocated",
        s->base + index * s->elemsize, index, s->base, s->span_class, s->nelems, s->elemsize,
        s->freeindex, s->alloc_count);
}

/* Count the marks, and see that only allocated slots have them. */
static uint32_t
count_marks(const struct mspan *s, const uint64_t *marks)
{
    uint32_t live = 0, words = (s->nelems + 63) / 64, free_word = s->freeindex / 64;
    for (uint32_t w = 0; w < words; w++) {
        live += bits_popcount(marks[w]);
        if (w < free_word)
            continue;
        uint64_t below = w == free_word ? bits_low(s->freeindex % 64) : 0;
        uint64_t zombies = marks[w] & ~s->alloc_bits[w] & ~below;
        if (GH_UNLIKELY(zombies != 0) && w * 64 + bits_ctz(zombies) < s->nelems)
            throw_zombie(s, w * 64 + bits_ctz(zombies));
    }
    uint64_t beyond = marks[words - 1] & ~bits_low((s->nelems - 1) % 64 + 1);
    CHECK(beyond == 0,
          "sweep_span: span %#zx of %u slots has a mark beyond its end, at slot %u", s->base,
          s->nelems, (words - 1) * 64 + bits_ctz(beyond));
    CHECK(live <= s->alloc_count,
          "sweep_span: sweep increased allocation count: span %#zx, class %u, %u marked, %u "
          "allocated",
          s->base, s->span_class, live, s->alloc_count);
    return live;
}

/* For debugging: whoever still reads a dead object shall notice. Only what was handed out is
 * written to, so that whoever gets it next knows by needzero that he must clear it; of a large
 * object by its pages, which are backed. */
static GH_COLD void
clobber_dead(const struct mspan *s, const uint64_t *marks)
{
    for (uint32_t i = 0; i < s->nelems; i++) {
        bool live = marks[i / 64] >> i % 64 & 1;
        if (live || gospace_is_free(s, i))
            continue;
        uint64_t *slot = (uint64_t *)(s->base + i * s->elemsize);
        for (size_t w = 0; w < s->elemsize / GH_WORD; w++)
            slot[w] = UINT64_C(0xdeadbeefdeadbeef);
    }
}

/* Marks become allocation bits, and there are no marks again. */
static void
renew_bits(struct gospace *g, struct mspan *s, const uint64_t *marks, uint32_t live)
{
    bool own = span_has_own_bits(s);
    uint64_t *alive = (uint64_t *)gcbits_zero;
    if (s->inline_marks) {
        if (live > 0) {
            alive = own ? s->own_bits : gcbits_alloc(&g->bits, s->nelems);
            CHECK(alive != NULL, "sweep_span: out of memory for allocation bits");
            memcpy(alive, marks, (s->nelems + 63) / 64 * 8);
        }
        span_clear_inline(s);
    } else if (!own || live > 0) { /* else the marks are zero as they are */
        alive = s->mark_bits;
        s->mark_bits =
            own ? &s->own_bits[alive == s->own_bits] : gcbits_alloc(&g->bits, s->nelems);
        CHECK(s->mark_bits != NULL, "sweep_span: out of memory for mark bits");
        if (own)
            s->mark_bits[0] = 0;
    }
    s->alloc_bits = alive;
}

/* Add to a count that is the mutator's own, or common. */
static void
tally(_Atomic(uint64_t) *count, uint64_t n, bool own)
{
    if (own)
        count_own(count, n);
    else
        /* relaxed: statistics */
        atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

static void
count_freed(struct gospace *g, struct mcache *c, const struct mspan *s, uint32_t freed,
            struct sweep_batch *batch)
{
    bool own = c != NULL;
    struct alloc_counts *to = own ? &c->counts : &g->background;
    unsigned class_ = s->span_class >> 1;
    if (freed == 0)
        return;
    batch->bytes += (int64_t)(freed * s->elemsize);
    if (class_ > 0) {
        tally(&to->small_frees[class_], freed, own);
        return;
    }
    tally(&to->large_frees, 1, own);
    tally(&to->large_free_bytes, s->elemsize, own);
}

/* The general case of sweep_span. */
static bool
sweep_marked(struct gospace *g, struct mcache *c, struct mspan *s, bool keep,
             struct sweep_batch *batch)
{
    uint64_t inline_marks[MARK_WORDS_INLINE];
    const uint64_t *marks = s->mark_bits;
    if (GH_UNLIKELY(s->specials != NULL))
        g->specials_sweep(g->specials_ctx, s);
    if (s->inline_marks) {
        read_inline_marks(s, inline_marks);
        marks = inline_marks;
    }
    uint32_t live = count_marks(s, marks);
    /* a chunk of a user arena was counted when it was freed */
    count_freed(g, c, s, s->uchunk != NULL ? 0 : s->alloc_count - live, batch);
    /* ... and if it is not in use, it is not among the pages to sweep either */
    if (s->uchunk == NULL || uchunk_is_live(s->uchunk))
        batch->pages += s->npages;
    if (GH_UNLIKELY(g->clobber_free) && s->uchunk == NULL)
        clobber_dead(s, marks);
    /* a large one's slot is not used again, and marking wants to know how it began */
    if (s->alloc_count > 0 && s->span_class >= 2)
        s->needzero = true;
    if (live == 0 && !keep)
        return false;
    renew_bits(g, s, marks, live);
    s->alloc_count = live;
    s->freeindex = 0;
    return true;
}

/* Whether there is nothing to see to but the marks, and no mark: most spans of a heap in which
 * all dies young. */
GH_INLINE bool
is_plainly_dead(const struct gospace *g, const struct mspan *s)
{
    /* a chunk of a user arena is of class 0 */
    bool plain = s->specials == NULL && s->span_class >= 2 &&
                 (s->inline_marks || span_has_own_bits(s)) && !g->clobber_free;
    if (GH_UNLIKELY(!plain))
        return false;
    if (!s->inline_marks)
        return s->mark_bits[0] == 0;
    const uint64_t *m = (const uint64_t *)(s->base + INLINE_MARKS_OFF);
    uint64_t any = m[0] | m[1] | m[2] | m[3] | m[4] | m[5] | m[6];
    return (any | (m[7] ^ (uint64_t)s->span_class << 56)) == 0;
}

bool
sweep_span(struct gospace *g, struct mcache *c, struct mspan *s, bool keep,
           struct sweep_batch *batch)
{
    if (!is_plainly_dead(g, s))
        return sweep_marked(g, c, s, keep, batch);
    uint32_t freed = s->alloc_count;
    count_freed(g, c, s, freed, batch);
    batch->pages += s->npages;
    if (freed > 0)
        s->needzero = true;
    if (!keep)
        return false;
    if (s->inline_marks)
        span_clear_inline(s);
    s->alloc_bits = (uint64_t *)gcbits_zero;
    s->alloc_count = 0;
    s->freeindex = 0;
    return true;
}

/* --- who sweeps when --- */

bool
sweep_begin(struct gospace *g)
{
    uint32_t n = atomic_load_explicit(&g->sweepers, memory_order_relaxed);
    /* acquire: pairs with the release in gospace_start_sweep_stw. The background sweeper is no
     * mutator: it may enter while the world still stands, so nothing else orders it. */
    while ((n & SWEEP_DRAINED) == 0) {
        if (atomic_compare_exchange_weak_explicit(&g->sweepers, &n, n + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
        retry_note(RETRY_SWEEP_BEGIN);
    }
    return false;
}

void
sweep_end(struct gospace *g)
{
    /* release: pairs with the acquire in gospace_sweep_done; Note [sweep accounting] */
    uint32_t n = atomic_fetch_sub_explicit(&g->sweepers, 1, memory_order_release);
    ASSERT((n & ~SWEEP_DRAINED) > 0, "sweep_end: nobody was sweeping (%#x)", n);
}

bool
gospace_sweep_done(const struct gospace *g)
{
    /* acquire: pairs with the release in sweep_end */
    return atomic_load_explicit(&g->sweepers, memory_order_acquire) == SWEEP_DRAINED;
}

bool
sweep_try_claim(struct mspan *s, uint32_t h)
{
    uint32_t was = h - 2;
    /* relaxed: entering the sweep has ordered everything; Note [sweep claim]. The look spares a
     * span that is not for us the locked write. */
    return atomic_load_explicit(&s->sweepgen, memory_order_relaxed) == was &&
           atomic_compare_exchange_strong_explicit(&s->sweepgen, &was, h - 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* Fetch what sweeping a span reads and writes besides its record. */
GH_INLINE void
prefetch_marks(const struct mspan *s)
{
    if (s->inline_marks) {
        __builtin_prefetch((void *)(s->base + INLINE_SCANS_OFF), 1);
        __builtin_prefetch((void *)(s->base + INLINE_MARKS_OFF), 1);
    }
}

/* Claim a span that was found in an unswept set. */
static bool
claim_popped(struct mspan *s, uint32_t h)
{
    if (GH_LIKELY(sweep_try_claim(s, h)))
        return true;
    /* relaxed: all values it may have from here on are fine */
    uint32_t gen = atomic_load_explicit(&s->sweepgen, memory_order_relaxed);
    CHECK(gen == h - 1 || gen == h || gen == h + 3,
          "sweep_pop: span %#zx in an unswept set has sweepgen %u at %u", s->base, gen, h);
    return false;
}

unsigned
sweep_pop(struct gospace *g, struct spanset *unswept, struct mspan **out, unsigned most)
{
    uint32_t h = gospace_sweepgen(g);
    unsigned found, claimed = 0;
    while (claimed == 0 && (found = spanset_pop_many(unswept, &g->set_pool, out, most)) > 0)
        for (unsigned i = 0; i < found; i++)
            if (claim_popped(out[i], h)) {
                prefetch_marks(out[i]);
                out[claimed++] = out[i];
            }
    return claimed;
}

void
sweep_put(struct gospace *g, struct mspan *s)
{
    /* release: pairs with the acquire in is_swept; for poppers the push does it */
    atomic_store_explicit(&s->sweepgen, gospace_sweepgen(g), memory_order_release);
    mcentral_put_swept(g, s);
}

/* Spans out of any unswept set, claimed, as sweep_pop; full ones first, as mutators look for
 * partial ones. */
static unsigned
next_unswept(struct gospace *g, struct mspan **out, unsigned most)
{
    uint32_t h = gospace_sweepgen(g);
    /* relaxed: a set is empty or not, whoever moves the cursor */
    uint32_t at = atomic_load_explicit(&g->sweep_cursor, memory_order_relaxed);
    while (at < SETS) {
        struct mcentral *central = &g->central[at / 2];
        if (mcentral_is_used(central)) {
            struct spanset *set = at % 2 == 0 ? mcentral_full_unswept(central, h)
                                              : mcentral_partial_unswept(central, h);
            unsigned n = sweep_pop(g, set, out, most);
            if (n > 0)
                return n;
        }
        /* On failure `at` is what another sweeper has moved it to, which is further. */
        if (atomic_compare_exchange_strong_explicit(&g->sweep_cursor, &at, at + 1,
                                                    memory_order_relaxed, memory_order_relaxed))
            at++;
    }
    return 0;
}

/* The sums come first: bytes that were free already and still counted as those of objects would
 * be counted twice by whoever adds up the memory there is (heap_refresh_memory). */
void
sweep_flush(struct gospace *g, struct sweep_batch *batch)
{
    if (batch->pages > 0)
        /* relaxed: a sum; whoever sees the sweep done sees all of it */
        atomic_fetch_add_explicit(&g->pages_swept, batch->pages, memory_order_relaxed);
    if (batch->bytes > 0)
        object_bytes_add(g, -batch->bytes);
    if (batch->n > 0)
        pages_free_objects(g->pages, batch->spans, batch->n);
    sweep_batch_init(batch);
}

size_t
sweep_settle(struct gospace *g, struct mcache *c, struct mspan *s, struct sweep_batch *batch)
{
    if (sweep_span(g, c, s, false, batch)) {
        sweep_put(g, s);
        return 0;
    }
    if (GH_UNLIKELY(s->uchunk != NULL)) { /* its pages are for user arenas only */
        pages_uchunk_retire(g->pages, s->uchunk);
        return 0;
    }
    size_t npages = s->npages;
    batch->spans[batch->n++] = s;
    if (batch->n == SWEEP_BATCH)
        sweep_flush(g, batch);
    return npages;
}

size_t
sweep_some(struct gospace *g, struct mcache *c, size_t npages)
{
    struct sweep_batch batch;
    struct mspan *spans[SPANSET_MANY];
    size_t swept = 0, freed = 0;
    if (!sweep_begin(g))
        return SIZE_MAX;
    sweep_batch_init(&batch);
    while (swept < npages) {
        size_t left = npages - swept;
        unsigned n = next_unswept(
            g, spans, left < SPANSET_MANY ? (unsigned)left : (unsigned)SPANSET_MANY);
        if (n == 0) {
            /* relaxed: our own sweep_end follows */
            atomic_fetch_or_explicit(&g->sweepers, SWEEP_DRAINED, memory_order_relaxed);
            break;
        }
        for (unsigned i = 0; i < n; i++) {
            swept += spans[i]->npages; /* before the span is another's */
            freed += sweep_settle(g, c, spans[i], &batch);
        }
    }
    sweep_flush(g, &batch);
    if (freed > 0)
        reclaim_add_credit(g, freed);
    sweep_end(g);
    return swept > 0 ? swept : SIZE_MAX;
}

size_t
gospace_sweep(struct gospace *g, size_t npages)
{
    return sweep_some(g, NULL, npages);
}

static bool
is_swept(const struct mspan *s, uint32_t h)
{
    /* acquire: pairs with the releases in sweep_put, and set_gen (mcentral.c) */
    uint32_t gen = atomic_load_explicit(&s->sweepgen, memory_order_acquire);
    return gen == h || gen == h + 3;
}

bool
gospace_try_sweep(struct gospace *g, struct mspan *s)
{
    uint32_t h = gospace_sweepgen(g);
    if (is_swept(s, h))
        return true;
    if (sweep_begin(g)) {
        struct sweep_batch batch;
        sweep_batch_init(&batch);
        if (sweep_try_claim(s, h))
            sweep_settle(g, NULL, s, &batch);
        sweep_flush(g, &batch);
        sweep_end(g);
    }
    return is_swept(s, h);
}

void
gospace_ensure_swept(struct gospace *g, struct mspan *s)
{
    uint32_t h = gospace_sweepgen(g);
    while (!gospace_try_sweep(g, s)) {
        /* relaxed: only to tell whether waiting makes sense; it may be done by now */
        uint32_t gen = atomic_load_explicit(&s->sweepgen, memory_order_relaxed);
        CHECK(gen == h - 1 || gen == h || gen == h + 3,
              "gospace_ensure_swept: span %#zx has sweepgen %u at %u: %s", s->base, gen, h,
              gen == h + 1 ? "cached across the start of the sweep" : "not a live span");
        sched_yield(); /* somebody else is at it: about 100 ns */
    }
}

void
gospace_finish_sweep(struct gospace *g)
{
    while (gospace_sweep(g, SWEEP_BATCH) != SIZE_MAX)
        continue;
    while (!gospace_sweep_done(g))
        sched_yield();
}
