/* scan_page.c - scanning a page of small objects: all those at once that were marked while the
 * page waited in its queue. Go 1.26: scanSpan, in its portable form.
 *
 * Marks, scans and pointer bitmap are all in the page itself. Objects of two words, the most
 * numerous, are not looked at one by one: their mark bits are spread to words, ANDed with the
 * pointer bitmap, and what remains is exactly the words to read. */
#include "gc/core/mark_ref.h"

enum { MARK_WORDS = 8 }; /* 64-bit words of marks; the last byte is not one of marks */

/* Bits of the low half moved apart: bit i to bit 2 i. */
GH_INLINE uint64_t
spread2(uint64_t x)
{
    x &= UINT64_C(0xffffffff);
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x << 2) & UINT64_C(0x3333333333333333);
    return (x | x << 1) & UINT64_C(0x5555555555555555);
}

/* Scan words base + 8 i for each bit i. */
GH_INLINE void
scan_words(struct mark_worker *w, uintptr_t base, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1)
        scan_word(w, base + (uintptr_t)__builtin_ctzll(bits) * GH_WORD);
}

/* 64 slots of 16 bytes from slot 64 k on: words 128 k to 128 k + 127. */
GH_INLINE void
scan_pairs(struct mark_worker *w, uintptr_t page, const uint64_t *bitmap, unsigned k,
           uint64_t objects)
{
    uint64_t lo = spread2(objects), hi = spread2(objects >> 32);
    scan_words(w, page + k * 1024, (lo | lo << 1) & bitmap[2 * k]);
    scan_words(w, page + k * 1024 + 512, (hi | hi << 1) & bitmap[2 * k + 1]);
}

/* One object of `words` words at word `first` of the page. */
GH_INLINE void
scan_one(struct mark_worker *w, uintptr_t page, const uint64_t *bitmap, unsigned first,
         unsigned words)
{
    unsigned shift = first % 64;
    uint64_t bits = bitmap[first / 64] >> shift;
    if (shift + words > 64)
        bits |= bitmap[first / 64 + 1] << (64 - shift);
    scan_words(w, page + first * GH_WORD, bits & bits_low(words));
}

/* Claim the objects of mark word k that nobody has scanned. */
GH_INLINE uint64_t
page_claim(struct mark_worker *w, uintptr_t page, unsigned k)
{
    uint64_t *scans = (uint64_t *)(page + INLINE_SCANS_OFF) + k;
    const uint64_t *marks = (const uint64_t *)(page + INLINE_MARKS_OFF) + k;
    /* seq_cst: after page_release; see Note [page ownership]. The last byte is the class. */
    uint64_t marked = __atomic_load_n(marks, __ATOMIC_SEQ_CST);
    if (k == MARK_WORDS - 1)
        marked &= bits_low(56);
    uint64_t fresh = marked & ~__atomic_load_n(scans, __ATOMIC_RELAXED);
    if (fresh == 0)
        return 0;
    if (w->shared)
        return fresh & ~__atomic_fetch_or(scans, fresh, __ATOMIC_RELAXED);
    *scans |= fresh;
    return fresh;
}

void
scan_page(struct mark_worker *w, uintptr_t entry)
{
    uintptr_t page = align_down(entry, GH_PAGE);
    unsigned words = sizeclass_bytes[(entry % GH_PAGE) >> 2] / GH_WORD;
    const uint64_t *bitmap = (const uint64_t *)(page + INLINE_SCANS_OFF - SPAN_BITMAP_BYTES);
    page_release(w, page);
    for (unsigned k = 0; k < MARK_WORDS; k++) {
        uint64_t objects = page_claim(w, page, k);
        if (words == 2) {
            if (objects != 0)
                scan_pairs(w, page, bitmap, k, objects);
            continue;
        }
        for (; objects != 0; objects &= objects - 1) {
            unsigned i = k * 64 + (unsigned)__builtin_ctzll(objects);
            scan_one(w, page, bitmap, i * words, words);
        }
    }
}
