/* run.c - finding, preparing and accounting for runs.
 *
 * Every allocation is paid for here: once a span of fresh memory when all goes well, once an
 * object or two when the heap is fragmented. So the search goes by words of bits, nothing
 * divides, and the counters are the owner's alone. Go: mspan.nextFreeIndex,
 * heapSetTypeNoHeader, but a run at a time instead of an object at a time.
 *
 * Contexts: the mutator that caches the span; the collector for a stopped mutator. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/internal.h"
#include "alloc/spaces/go/markbits.h"

#include <string.h>

/* --- pointer bitmaps --- */

/* relaxed: a marker may read the word for the sake of other slots, whose bits do not change */
GH_INLINE void
store_word(uint64_t *w, uint64_t bits)
{
    __atomic_store_n(w, bits, __ATOMIC_RELAXED);
}

/* Store n <= 64 bits at bit `at` of a bitmap. */
GH_INLINE void
put_bits(uint64_t *map, unsigned at, unsigned n, uint64_t bits)
{
    unsigned shift = at % 64;
    uint64_t low = bits_low(n);
    uint64_t *w = &map[at / 64];
    store_word(&w[0], (w[0] & ~(low << shift)) | bits << shift);
    if (shift + n > 64)
        store_word(&w[1], (w[1] & ~(low >> (64 - shift))) | bits >> (64 - shift));
}

void
gospace_write_bits(uintptr_t p, size_t slot_bytes, uint64_t mask)
{
    uintptr_t page = align_down(p, GH_PAGE);
    put_bits(mspan_bitmap(page, slot_bytes != GH_WORD), (unsigned)((p - page) / GH_WORD),
             (unsigned)(slot_bytes / GH_WORD), mask);
}

/* A mask of `period` bits repeated without end, seen through windows of 64 bits. */
struct pattern {
    uint64_t lo, hi; /* its first 128 bits */
    unsigned period; /* 1..63 */
    unsigned step;   /* 64 mod period: how far a window further on moves the phase */
};

/* `period` is not 2^n, so step > 0. */
static struct pattern
pattern_of(uint64_t mask, unsigned period, uint32_t magic)
{
    struct pattern p = {.lo = mask, .period = period};
    for (unsigned width = period; width < 64; width *= 2)
        p.lo |= p.lo << width;
    /* 64 words are 512 bytes: how many slots fit is a matter of the slot's magic */
    p.step = 64 - (unsigned)(UINT64_C(512) * magic >> 32) * period;
    p.hi = p.lo >> p.step;
    p.hi |= p.hi << (64 - p.step);
    return p;
}

/* The 64 bits from bit `phase` < period on. */
GH_INLINE uint64_t
pattern_window(const struct pattern *p, unsigned phase)
{
    return p->lo >> phase | p->hi << 1 << (63 - phase);
}

/* The phase of the next window. */
GH_INLINE unsigned
next_phase(const struct pattern *p, unsigned phase)
{
    phase += p->step;
    return phase >= p->period ? phase - p->period : phase;
}

/* Store the bits that `keep` does not spare. */
GH_INLINE void
merge_word(uint64_t *w, uint64_t bits, uint64_t keep)
{
    store_word(w, (*w & keep) | (bits & ~keep));
}

/* One bit every 2^i, up to 64: times a mask of 2^i bits, that mask again and again. */
static const uint64_t every_bit[] = {
    UINT64_MAX,
    UINT64_C(0x5555555555555555),
    UINT64_C(0x1111111111111111),
    UINT64_C(0x0101010101010101),
    UINT64_C(0x0001000100010001),
    UINT64_C(0x0000000100000001),
    1,
};

/* Fill bits [first, end) with a pattern that has `phase` at the beginning of the first word. */
GH_INLINE void
fill_words(uint64_t *map, unsigned first, unsigned end, struct pattern p, unsigned phase)
{
    unsigned w = first / 64, last = (end - 1) / 64;
    uint64_t keep_low = bits_low(first % 64), keep_high = ~bits_low(end - last * 64);
    if (w == last) {
        merge_word(&map[w], pattern_window(&p, phase), keep_low | keep_high);
        return;
    }
    merge_word(&map[w], pattern_window(&p, phase), keep_low);
    for (w++; w < last; w++) {
        phase = next_phase(&p, phase);
        store_word(&map[w], pattern_window(&p, phase));
    }
    merge_word(&map[w], pattern_window(&p, next_phase(&p, phase)), keep_high);
}

/* Fill bits [first, end) of a span's bitmap with the mask of each of its slots. Slots, and with
 * them the pattern, are in phase with bit 0. */
static void
fill_bits(const struct mspan *s, unsigned first, unsigned end, uint64_t mask)
{
    uint64_t *map = mspan_bitmap(s->base, s->inline_marks);
    unsigned period = (unsigned)(s->elemsize / GH_WORD);
    if (is_pow2(period)) { /* the same in every word: the compiler drops the phases */
        struct pattern p = {.lo = mask * every_bit[bits_ctz(period)], .period = 1};
        fill_words(map, first, end, p, 0);
        return;
    }
    unsigned w = first / 64;
    unsigned phase = w * 64 - mspan_index_of(s, s->base + w * 512) * period;
    fill_words(map, first, end, pattern_of(mask, period, s->div_magic), phase);
}

/* --- clearing --- */

/* Clear a run. Most are a few slots, for which a call to memset would cost more than the work;
 * pieces that overlap do lengths from 16 to 256 in stores of fixed size. */
GH_INLINE void
clear(uintptr_t start, size_t bytes)
{
    char *p = (char *)start, *end = p + bytes;
    if (bytes > 256) {
        memset(p, 0, bytes);
    } else if (bytes > 128) {
        memset(p, 0, 64); /* as four of 64: for one of 128 gcc takes the slow `rep stos` */
        memset(p + 64, 0, 64);
        memset(end - 128, 0, 64);
        memset(end - 64, 0, 64);
    } else if (bytes > 64) {
        memset(p, 0, 64);
        memset(end - 64, 0, 64);
    } else if (bytes > 32) {
        memset(p, 0, 32);
        memset(end - 32, 0, 32);
    } else if (bytes >= 16) {
        memset(p, 0, 16);
        memset(end - 16, 0, 16);
    } else {
        memset(p, 0, 8);
    }
}

/* --- the next piece --- */

/* Raise the run's limit, and clear what that lets the mutator have. The piece is small, so that
 * the stores of clearing are still under way when those of the objects begin. */
GH_INLINE void
clear_ahead(const struct mspan *s, struct gh_run *r)
{
    uintptr_t from = r->limit;
    r->limit = r->end;
    if (!s->needzero)
        return;
    size_t piece = s->elemsize;
    size_t ahead = piece < GH_RUN_LARGE ? GH_RUN_CLEAR_BYTES : GH_RUN_CLEAR_LARGE_BYTES;
    if (piece <= ahead / 2)
        piece *= (size_t)((uint64_t)ahead * s->div_magic >> 32);
    if (r->end - from > piece)
        r->limit = from + piece;
    clear(from, r->limit - from);
    /* and have the lines of the piece after it fetched for writing meanwhile */
    uintptr_t soon = r->end - r->limit > piece ? r->limit + piece : r->end;
    for (uintptr_t a = r->limit; a < soon; a += GH_CACHELINE)
        __builtin_prefetch((void *)a, 1);
}

void
black_count(struct mcache *c, unsigned span_class, uint64_t objects, uint64_t bytes)
{
    c->black_counts.objects += objects;
    c->black_counts.bytes += bytes;
    if ((span_class & 1) == 0)
        c->black_counts.scan_bytes += bytes;
}

GH_INLINE void
end_run(struct mcache *c, struct mspan *s, const struct gh_run *r)
{
    uint32_t at = mspan_index_of(s, r->next);
    ASSERT(at >= s->freeindex && at <= s->nelems,
           "run_end: run of span %#zx ends at slot %u, began at %u of %u", s->base, at,
           s->freeindex, s->nelems);
    uint32_t n = at - s->freeindex;
    s->freeindex = at;
    s->alloc_count += n;
    count_own(&c->counts.small_allocs[s->span_class >> 1], n);
    if (c->black)
        black_count(c, s->span_class, n, n * s->elemsize);
}

void
run_end(struct mcache *c, struct mspan *s, const struct gh_run *r)
{
    end_run(c, s, r);
}

/* The next run of the span: slots [*first, *end). */
GH_INLINE void
find_run(const struct mspan *s, uint32_t *first, uint32_t *end)
{
    *first = s->freeindex;
    *end = s->nelems;
    if (*first == s->nelems)
        return;
    if (s->alloc_bits != gcbits_zero) { /* a fresh span needs no search */
        *first = run_find_slot(s, *first, false);
        if (*first == s->nelems)
            return;
        *end = run_find_slot(s, *first, true);
    }
    if (*end - *first > GH_RUN_MAX_OBJECTS)
        *end = *first + GH_RUN_MAX_OBJECTS;
}

/* --- colour: gospace.h, Note [black allocation] --- */

/* relaxed, both: a bit carries no data; see markbits.h */
GH_INLINE void
colour_word(uint64_t *word, uint64_t bits, bool black)
{
    if (black)
        __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(word, ~bits, __ATOMIC_RELAXED);
}

/* Set or clear the marks of slots [first, end). */
static void
colour_slots(const struct mspan *s, uint32_t first, uint32_t end, bool black)
{
    uint64_t *marks = s->inline_marks ? (uint64_t *)(s->base + INLINE_MARKS_OFF) : s->mark_bits;
    uint64_t *scans = (uint64_t *)(s->base + INLINE_SCANS_OFF);
    for (uint32_t w = first / 64; w * 64 < end; w++) {
        uint32_t from = w * 64 > first ? 0 : first % 64;
        uint32_t to = end - w * 64 < 64 ? end - w * 64 : 64;
        uint64_t bits = bits_low(to) & ~bits_low(from);
        if (s->inline_marks && black)
            colour_word(&scans[w], bits, true);
        colour_word(&marks[w], bits, black);
    }
}

void
run_blacken(const struct gospace *g, const struct mspan *s, const struct gh_run *r)
{
    uint32_t first = mspan_index_of(s, r->next), end = mspan_index_of(s, r->end);
    if (first == end)
        return;
    colour_slots(s, first, end, true);
    markbits_note_page(pages_arena_of(g->pages, s->base), s->base);
}

void
run_whiten(const struct mspan *s, const struct gh_run *r)
{
    uint32_t first = mspan_index_of(s, r->next), end = mspan_index_of(s, r->end);
    if (first < end)
        colour_slots(s, first, end, false);
}

/* The pointer bits of slots [first, end). Not inlined: runs without are to have it easy. */
static GH_NOINLINE void
write_run_bits(const struct mspan *s, uint32_t first, uint32_t end, uint64_t mask)
{
    unsigned words = (unsigned)(s->elemsize / GH_WORD);
    if (end - first == 1)
        put_bits(mspan_bitmap(s->base, s->inline_marks), first * words, words, mask);
    else
        fill_bits(s, first * words, end * words, mask);
}

bool
run_take(struct mspan *s, struct gh_run *r, uint64_t mask)
{
    uint32_t first, end;
    find_run(s, &first, &end);
    s->freeindex = first;
    r->next = r->limit = s->base + first * s->elemsize;
    r->end = s->base + end * s->elemsize;
    r->mask = mask;
    if (first == end)
        return false;
    clear_ahead(s, r);
    if (span_has_bitmap(s->elemsize, s->span_class))
        write_run_bits(s, first, end, mask);
    return true;
}

bool
gospace_next_run(struct gospace *g, struct mcache *c, unsigned span_class, uint64_t mask)
{
    struct mspan *s = c->alloc[span_class];
    if (GH_UNLIKELY(s == NULL))
        return false;
    struct gh_run *r = &c->runs[span_class];
    if (r->limit < r->end) {
        clear_ahead(s, r);
        return true;
    }
    end_run(c, s, r);
    if (s->freeindex == s->nelems) { /* no run but the last ends here */
        r->next = r->limit = r->end = s->limit;
        return false;
    }
    bool found = run_take(s, r, mask);
    if (GH_UNLIKELY(c->black) && found)
        run_blacken(g, s, r);
    return found;
}
