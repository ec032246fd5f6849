/* scan_dense.c - the references in a page of which much is to be scanned at once.
 *
 * Object by object costs two loops within each other, with a branch that is guessed wrong at
 * the end of most objects. Here the bits of the objects are first spread, so that there is one
 * for each word of the page; AND the page's bitmap leaves the words to read, and one loop reads
 * them. What is found is written down for the caller, who marks.
 *
 * There is a kernel for each kind of processor worth one, picked when the marker is opened.
 * Where none runs, the caller goes object by object: without PDEP, spreading costs more than it
 * saves (docs/design/marking.md). Go 1.26: internal/runtime/gc/scan, which spreads bits by
 * matrices of GF(2) in AVX-512; here it is a scatter and a subtraction, without tables.
 *
 * Mutators store into the page meanwhile. The bitmap is read word by word as everywhere (its
 * other bits may change). The slots: on x86 every aligned 8 bytes are read as a whole, by
 * vector loads too, which lie within a cache line here; and loads are not reordered with loads,
 * so that each is an acquire, as scan_word asks. ThreadSanitizer does not know this: it gets
 * no kernel. Locks: none. Contexts: any marker. */
#include "gc/core/scan_dense.h"

#include "alloc/base/bits.h"

#include <immintrin.h>

#define DENSE_BMI2   __attribute__((target("bmi2,popcnt")))
#define DENSE_AVX512 __attribute__((target("bmi2,popcnt,avx512f,avx512vl,avx512bw,avx512dq")))

/* relaxed: a mutator may be changing the bits of other slots of the word */
GH_INLINE uint64_t
dense_bitmap(const struct dense_page *d, unsigned k)
{
    return __atomic_load_n(&d->bitmap[k], __ATOMIC_RELAXED);
}

/* Word by word: references of word group k whose bits are set. Returns the new count. */
GH_INLINE unsigned
dense_read(const struct dense_page *d, unsigned k, uint64_t bits, uintptr_t *refs, unsigned n)
{
    const uintptr_t *words = (const uintptr_t *)d->page + k * 64;
    for (; bits != 0; bits &= bits - 1) {
        /* acquire: as in scan_word */
        refs[n] = __atomic_load_n(&words[__builtin_ctzll(bits)], __ATOMIC_ACQUIRE);
        n += refs[n] != 0;
    }
    return n;
}

/* --- spreading by PDEP --- */

/* Where the spreading stands. */
struct dense_spread {
    uint64_t starts0; /* bits 0, words, 2 words ... */
    unsigned offset;  /* of the first slot that starts in the next group; under 64 */
    unsigned slot;    /* its number */
    uint64_t carry;   /* of a slot that began in the group before */
};

GH_INLINE struct dense_spread
dense_spread_begin(const struct dense_page *d)
{
    struct dense_spread s = {.starts0 = 1};
    for (unsigned shift = d->words; shift < 64; shift *= 2)
        s.starts0 |= s.starts0 << shift;
    return s;
}

/* The next group of 64 words: a bit for each word of the objects to scan. With the first word
 * of each of them as a bit, S, all their words are S << words minus S: slots do not overlap. */
DENSE_BMI2 GH_INLINE uint64_t
dense_spread_next(struct dense_spread *s, const struct dense_page *d)
{
    uint64_t starts = s->starts0 << s->offset;
    const uint64_t *o = &d->objects[s->slot / 64];
    uint64_t objects = o[0] >> s->slot % 64 | o[1] << 1 << (63 - s->slot % 64);
    uint64_t first = _pdep_u64(objects, starts);
    unsigned __int128 all = ((unsigned __int128)first << d->words) - first;
    uint64_t bits = (uint64_t)all | s->carry;
    s->carry = (uint64_t)(all >> 64);
    s->slot += (unsigned)__builtin_popcountll(starts);
    s->offset = s->slot * d->words % 64;
    return bits;
}

static bool
dense_runs_bmi2(void)
{
    /* where PDEP is a microprogram that takes a step for each bit, it does not pay */
    return __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
           !__builtin_cpu_is("znver1") && !__builtin_cpu_is("znver2") && !GH_TSAN;
}

DENSE_BMI2 static unsigned
dense_bmi2(const struct dense_page *d, uintptr_t refs[DENSE_REFS])
{
    struct dense_spread s = dense_spread_begin(d);
    unsigned n = 0;
    for (unsigned k = 0; k < DENSE_BIT_WORDS; k++)
        n = dense_read(d, k, dense_spread_next(&s, d) & dense_bitmap(d, k), refs, n);
    return n;
}

/* --- eight words at once --- */

static bool
dense_runs_avx512(void)
{
    return dense_runs_bmi2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq");
}

DENSE_AVX512 static unsigned
dense_avx512(const struct dense_page *d, uintptr_t refs[DENSE_REFS])
{
    struct dense_spread s = dense_spread_begin(d);
    const char *line = (const char *)d->page;
    unsigned n = 0;
    for (unsigned k = 0; k < DENSE_BIT_WORDS; k++) {
        uint64_t bits = dense_spread_next(&s, d) & dense_bitmap(d, k);
        for (unsigned i = 0; bits != 0; i++, bits >>= 8) {
            __m512i v = _mm512_maskz_load_epi64((__mmask8)bits, line + (k * 8 + i) * 64);
            __mmask8 found = _mm512_test_epi64_mask(v, v);
            _mm512_storeu_si512(&refs[n], _mm512_maskz_compress_epi64(found, v));
            n += (unsigned)__builtin_popcount(found);
        }
    }
    return n;
}

/* --- picking --- */

static bool
dense_runs_anywhere(void)
{
    return true;
}

const struct dense_kernel dense_kernels[DENSE_KERNELS] = {
    {"avx512", dense_runs_avx512, dense_avx512},
    {"bmi2", dense_runs_bmi2, dense_bmi2},
    {"by object", dense_runs_anywhere, NULL},
};

const struct dense_kernel *
dense_pick(void)
{
    const struct dense_kernel *k = dense_kernels;
    while (!k->runs_here())
        k++;
    return k;
}
