/* scan_dense.c - the references in a page of which much is to be scanned.
 *
 * Object by object costs two loops within each other, with a branch that is guessed wrong at
 * the end of most objects. Here the bits of the objects are first spread, so that there is one
 * for each word of the page; AND the page's bitmap leaves the words to read, and one loop reads
 * them. What is found is written down for the caller, who marks.
 *
 * Where objects lead to others of the same page, all its words are read in one go, and told
 * apart: those that lead to a slot of this page, with its number, and those that lead
 * elsewhere. What can be reached is then a walk over a table of small numbers: Note [follow].
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
#include <string.h>

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

/* --- following within the page --- */

/* Note [follow]. The words of the whole page are read before it is known which objects are
 * alive. For an object that turns out to be that is as good as reading it when its turn comes:
 * scanning has to find what its original slots hold, those that nobody has stored to since the
 * cycle began, and these hold the same at any time (docs/design/barrier.md, *What has to
 * hold*). What was read of a slot that was free is rubbish, and must not be used. It would be
 * if the slot was handed out after its words were read, and a reference to it stored into an
 * object whose words were read after that. Such a slot was marked before anybody could store a
 * reference to it (black allocation), so that marks read after all words show it:
 * dense_look_again. A slot that was handed out before the marking began, or before its page's
 * marks were read, held what it should when its words were read. */
GH_INLINE void
dense_look_again(struct dense_follow *f)
{
    /* the words were read before: x86 keeps loads in order, and the compiler is told to */
    __atomic_signal_fence(__ATOMIC_ACQUIRE);
    for (unsigned k = 0; k < DENSE_OBJECT_WORDS; k++)
        /* relaxed: see above */
        f->known[k] |= __atomic_load_n(&f->marks[k], __ATOMIC_RELAXED);
    f->known[DENSE_OBJECT_WORDS - 1] &= bits_low(56); /* above is the class */
}

/* Where the words of a page lead. */
struct dense_map {
    uint16_t to[DENSE_REFS_MAX];      /* a slot of this page, if the word's bit is in `in` */
    uint64_t in[DENSE_BIT_WORDS + 1]; /* the last is 0 */
    uint64_t out[DENSE_BIT_WORDS];    /* those that lead elsewhere */
};

enum { DENSE_SLOTS = DENSE_OBJECT_WORDS * 64 };

/* Slots as they are reached. A byte for each, so that reaching one is a store without a branch.
 */
struct dense_walk {
    uint8_t known[DENSE_SLOTS]; /* 0 or 1 */
    uint16_t queue[DENSE_SLOTS + 1];
    unsigned n;
};

/* The words of the slot at word `first` that lead into the page, as bits. They are loaded from
 * the byte in which they begin: that does for up to 57 words, and for 60 and 64, whose slots
 * begin at multiples of 4 and 8. */
GH_INLINE uint64_t
dense_inward(const struct dense_map *map, unsigned first, unsigned words)
{
    uint64_t bits;
    memcpy(&bits, (const char *)map->in + first / 8, sizeof bits);
    return bits >> first % 8 & bits_low(words);
}

/* Breadth first, so that branches go the same way for many slots in turn. */
GH_INLINE void
dense_walk(struct dense_walk *w, const struct dense_map *map, unsigned words, uintptr_t ahead)
{
    for (unsigned i = 0; i < w->n; i++) {
        /* into the second level: what is walked fills the first */
        __builtin_prefetch((const char *)ahead + i * GH_CACHELINE % GH_PAGE, 0, 1);
        unsigned first = w->queue[i] * words;
        for (uint64_t in = dense_inward(map, first, words); in != 0; in &= in - 1) {
            unsigned slot = map->to[first + (unsigned)__builtin_ctzll(in)];
            w->queue[w->n] = (uint16_t)slot;
            w->n += 1u - w->known[slot];
            w->known[slot] = 1;
        }
    }
}

DENSE_AVX512 static void
dense_map_avx512(struct dense_map *map, const struct dense_page *d, uint32_t magic)
{
    __m512i page = _mm512_set1_epi64((long long)d->page), factor = _mm512_set1_epi64(magic);
    __m512i end = _mm512_set1_epi64(INLINE_SCANS_OFF);
    uint8_t *in = (uint8_t *)map->in, *out = (uint8_t *)map->out;
    memset(&map->in[DENSE_BIT_WORDS - 1], 0, 2 * sizeof map->in[0]);
    memset(&map->out[DENSE_BIT_WORDS - 1], 0, sizeof map->out[0]);
    for (unsigned line = 0; line < DENSE_REFS_MAX / 8; line++) {
        /* relaxed: as in dense_bitmap */
        __mmask8 refs = __atomic_load_n((const uint8_t *)d->bitmap + line, __ATOMIC_RELAXED);
        __m512i v = _mm512_load_epi64((const char *)d->page + line * GH_CACHELINE);
        __m512i off = _mm512_sub_epi64(v, page);
        __m512i slot = _mm512_srli_epi64(_mm512_mul_epu32(off, factor), 32);
        __mmask8 inside = _mm512_mask_cmplt_epu64_mask(refs, off, end);
        __mmask8 some = _mm512_mask_test_epi64_mask(refs, v, v);
        _mm_storeu_si128((__m128i *)&map->to[line * 8], _mm512_cvtepi64_epi16(slot));
        in[line] = inside;
        out[line] = some & (uint8_t)~inside;
    }
}

DENSE_AVX512 static unsigned
dense_follow_avx512(struct dense_page *d, struct dense_follow *f, uintptr_t refs[DENSE_REFS])
{
    struct dense_map map;
    struct dense_walk w;
    w.n = 0;
    dense_map_avx512(&map, d, f->magic);
    dense_look_again(f);
    for (unsigned k = 0; k < DENSE_OBJECT_WORDS; k++) {
        for (uint64_t o = d->objects[k]; o != 0; o &= o - 1)
            w.queue[w.n++] = (uint16_t)(k * 64 + (unsigned)__builtin_ctzll(o));
        _mm512_storeu_si512(&w.known[k * 64], _mm512_maskz_set1_epi8(f->known[k], 1));
    }
    dense_walk(&w, &map, d->words, f->ahead);
    for (unsigned k = 0; k < DENSE_OBJECT_WORDS; k++) {
        __m512i known = _mm512_loadu_si512(&w.known[k * 64]);
        uint64_t now = _mm512_test_epi8_mask(known, known);
        d->objects[k] |= now & ~f->known[k];
        f->known[k] = now;
    }
    struct dense_page outward = *d;
    outward.bitmap = map.out;
    return dense_avx512(&outward, refs);
}

/* --- picking --- */

static bool
dense_runs_anywhere(void)
{
    return true;
}

const struct dense_kernel dense_kernels[DENSE_KERNELS] = {
    {"avx512", dense_runs_avx512, dense_avx512, dense_follow_avx512},
    {"bmi2", dense_runs_bmi2, dense_bmi2, NULL},
    {"by object", dense_runs_anywhere, NULL, NULL},
};

const struct dense_kernel *
dense_pick(void)
{
    const struct dense_kernel *k = dense_kernels;
    while (!k->runs_here())
        k++;
    return k;
}
