/* pagebits.h - sets of pages of one chunk: 512 bits, in eight words.
 *
 * A chunk (4 MiB) is the unit in which the page allocator keeps its books. Here are the
 * operations on such sets that know nothing of addresses: ranges, counting, finding runs of
 * clear bits, summarising. Go's counterpart: mpallocbits.go. Pure; the owner's lock guards the
 * bits. */
#ifndef GH_ALLOC_PAGES_PAGEBITS_H
#define GH_ALLOC_PAGES_PAGEBITS_H

#include "alloc/base/bits.h"

enum {
    CHUNK_PAGES = 512,
    CHUNK_WORDS = CHUNK_PAGES / 64,
};

/* The bits of word `word` that lie in the range of `n` bits from bit `first`. */
GH_INLINE uint64_t
pagebits_mask(unsigned word, unsigned first, unsigned n)
{
    unsigned begin = word * 64, end = begin + 64;
    unsigned lo = first > begin ? first : begin;
    unsigned hi = first + n < end ? first + n : end;
    return lo < hi ? bits_low(hi - lo) << (lo - begin) : 0;
}

GH_INLINE void
pagebits_set(uint64_t *bits, unsigned first, unsigned n)
{
    for (unsigned w = first / 64; w * 64 < first + n; w++)
        bits[w] |= pagebits_mask(w, first, n);
}

GH_INLINE void
pagebits_clear(uint64_t *bits, unsigned first, unsigned n)
{
    for (unsigned w = first / 64; w * 64 < first + n; w++)
        bits[w] &= ~pagebits_mask(w, first, n);
}

/* How many of the `n` bits from `first` are set. */
GH_INLINE unsigned
pagebits_count(const uint64_t *bits, unsigned first, unsigned n)
{
    unsigned count = 0;
    for (unsigned w = first / 64; w * 64 < first + n; w++)
        count += bits_popcount(bits[w] & pagebits_mask(w, first, n));
    return count;
}

/* The bits at which `n` consecutive ones begin; 0 < n <= 64. */
GH_INLINE uint64_t
pagebits_runs(uint64_t ones, unsigned n)
{
    /* after each round a bit stands for `have` ones upwards from it */
    for (unsigned have = 1; have < n && ones != 0;) {
        unsigned step = have < n - have ? have : n - have;
        ones &= ones >> step;
        have += step;
    }
    return ones;
}

/* The lowest run of `n` clear bits (1..CHUNK_PAGES) at or above `from`; CHUNK_PAGES if none. */
unsigned pagebits_find_clear(const uint64_t *bits, unsigned n, unsigned from);

/* Clear bits: at the low end, the longest run, at the high end. */
struct pagebits_summary {
    unsigned start, max, end;
};
struct pagebits_summary pagebits_summarize(const uint64_t *bits);

/* The highest run of ones, cut to its highest `most` bits. Returns its length; 0 if no bit is
 * set. */
unsigned pagebits_highest_run(const uint64_t *ones, unsigned most, unsigned *first);

#endif
