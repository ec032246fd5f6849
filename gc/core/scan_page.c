/* scan_page.c - scanning a page of small objects: all those at once that were marked while the
 * page waited in its queue, and those of the same page that they lead to. Go 1.26: scanSpan;
 * following references within the page at once is our addition.
 *
 * Marks, scans and pointer bitmap are all in the page itself.
 *
 * Programs allocate what belongs together one after the other, so most references of a small
 * object stay in its page. Those cost no lookup, no queue and no locked instruction: they are
 * collected as bits, scanned, and published as marked and scanned when there are no more. Until
 * then nobody else knows of them, and this worker does not leave the page before they are done,
 * so the page need not be queued for their sake (Note [page ownership] is about other pages).
 * Somebody else may mark one of them meanwhile, and then counts it, queues the page, and scans
 * it as well: once too often, which does no harm. */
#include "gc/core/mark_ref.h"

#include <string.h>

enum {
    MARK_WORDS = 8, /* 64-bit words of marks; the last byte is not one of marks */
    /* larger slots are too few for the whole page to be worth reading, and so are fewer than a
     * sixteenth of them to scan */
    PAGE_FOLLOW_WORDS = 16,
    PAGE_FOLLOW_PART = 16,
};

struct page_scan {
    struct mark_worker *w;
    uintptr_t page;
    uint64_t *marks, *scans;
    const uint64_t *bitmap;
    unsigned span_class, words; /* of a slot */
    uint32_t magic;
    unsigned todo;    /* bit k: pending[k] is not 0 */
    unsigned scanned; /* objects */
    struct gh_scan_stats *stats;
    uint64_t pending[MARK_WORDS]; /* to be scanned */
    uint64_t known[MARK_WORDS];   /* were marked when we looked, or are ours */
    uint64_t ours[MARK_WORDS];    /* to be marked */
};

/* --- words --- */

GH_INLINE void
page_ref(struct page_scan *p, uintptr_t ref)
{
    uintptr_t off = ref - p->page;
    if (off >= INLINE_SCANS_OFF) {
        enqueue(p->w, ref);
        return;
    }
    uint32_t i = (uint32_t)(off * p->magic >> 32);
    uint64_t bit = UINT64_C(1) << i % 64;
    unsigned k = i / 64;
    if (p->known[k] & bit)
        return;
    __builtin_prefetch((const void *)align_down(ref, GH_WORD));
    p->known[k] |= bit;
    p->pending[k] |= bit;
    p->todo |= 1u << k;
}

GH_INLINE void
page_word(struct page_scan *p, uintptr_t addr)
{
    /* acquire: as in scan_word */
    uintptr_t ref = __atomic_load_n((const uintptr_t *)addr, __ATOMIC_ACQUIRE);
    if (ref != 0)
        page_ref(p, ref);
}

/* relaxed: a mutator may be changing the bits of other slots of the word */
GH_INLINE uint64_t
page_bits(const struct page_scan *p, unsigned word)
{
    return __atomic_load_n(&p->bitmap[word], __ATOMIC_RELAXED);
}

/* Words base + 8 i for each bit i. */
GH_INLINE void
page_words(struct page_scan *p, uintptr_t base, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1)
        page_word(p, base + (uintptr_t)__builtin_ctzll(bits) * GH_WORD);
}

/* Slots of two words, 64 k + i for each bit i: a short loop without one inside. */
GH_INLINE void
page_pairs(struct page_scan *p, unsigned k, uint64_t objects)
{
    for (; objects != 0; objects &= objects - 1) {
        unsigned i = (unsigned)__builtin_ctzll(objects);
        uint64_t bits = page_bits(p, 2 * k + i / 32) >> i % 32 * 2;
        uintptr_t obj = p->page + (k * 64 + i) * 2 * GH_WORD;
        if (bits & 1)
            page_word(p, obj);
        if (bits & 2)
            page_word(p, obj + GH_WORD);
    }
}

/* One object at word `first` of the page. */
GH_INLINE void
page_object(struct page_scan *p, unsigned first)
{
    unsigned shift = first % 64;
    uint64_t bits = page_bits(p, first / 64) >> shift;
    if (shift + p->words > 64)
        bits |= page_bits(p, first / 64 + 1) << (64 - shift);
    page_words(p, p->page + first * GH_WORD, bits & bits_low(p->words));
}

static void
page_objects(struct page_scan *p, unsigned k, uint64_t objects)
{
    if (p->words == 2) {
        page_pairs(p, k, objects);
        return;
    }
    for (; objects != 0; objects &= objects - 1)
        page_object(p, (k * 64 + (unsigned)__builtin_ctzll(objects)) * p->words);
}

/* --- claims --- */

/* Of the marked objects of word k, those that nobody has claimed for scanning: ours now. */
GH_INLINE uint64_t
page_claim(struct page_scan *p, unsigned k, uint64_t marked)
{
    uint64_t fresh = marked & ~__atomic_load_n(&p->scans[k], __ATOMIC_RELAXED);
    if (fresh == 0)
        return 0;
    if (p->w->shared)
        /* relaxed: who scans an object does not matter, only that it is one */
        return fresh & ~__atomic_fetch_or(&p->scans[k], fresh, __ATOMIC_RELAXED);
    p->scans[k] |= fresh;
    return fresh;
}

/* What is marked so far. After page_release; see Note [page ownership] for the order. */
GH_INLINE void
page_look(struct page_scan *p)
{
    for (unsigned k = 0; k < MARK_WORDS; k++)
        p->known[k] = __atomic_load_n(&p->marks[k], __ATOMIC_SEQ_CST);
    p->known[MARK_WORDS - 1] &= bits_low(56); /* above is the class */
}

/* Mark, as scanned, what is ours. Who sets a mark counts it. (Not all that is known: the marks
 * of a black run's unused slots may have been cleared since.) */
GH_INLINE void
page_publish(struct page_scan *p, unsigned k)
{
    /* relaxed, all: who marks or scans an object does not matter, only that somebody does */
    uint64_t bits = p->ours[k] & ~__atomic_load_n(&p->marks[k], __ATOMIC_RELAXED);
    if (bits == 0)
        return;
    if (p->w->shared) {
        __atomic_fetch_or(&p->scans[k], bits, __ATOMIC_RELAXED);
        bits &= ~__atomic_fetch_or(&p->marks[k], bits, __ATOMIC_RELAXED);
    } else {
        p->scans[k] |= bits;
        p->marks[k] |= bits;
    }
    p->w->marked[p->span_class] += bits_popcount(bits);
}

GH_INLINE unsigned
page_slots(const struct page_scan *p)
{
    return (INLINE_SCANS_OFF - SPAN_BITMAP_BYTES) / (p->words * GH_WORD);
}

/* Go's measure: an eighth of the slots at once is dense. */
GH_INLINE bool
page_is_dense(const struct page_scan *p, unsigned objects)
{
    return objects >= page_slots(p) / 8;
}

/* The page was queued for one object and no other has been marked since. */
static void
page_scan_one(struct page_scan *p, unsigned slot)
{
    uint64_t object = page_claim(p, slot / 64, UINT64_C(1) << slot % 64);
    if (object == 0)
        return;
    p->stats->single_objects++;
    p->scanned++;
    page_objects(p, slot / 64, object);
}

/* The page whose turn is likely to be next, by marker_drain's order, or this one. */
GH_INLINE uintptr_t
page_ahead(const struct page_scan *p)
{
    const struct mark_worker *w = p->w;
    uintptr_t entry = w->wb->n > 0 ? w->wb->obj[w->wb->n - 1] : page_queue_peek(&w->page_queue);
    return entry & GREY_PAGE ? align_down(entry & bits_low(GREY_SLOT_SHIFT), GH_PAGE) : p->page;
}

/* Not inlined: sparse scans need no such frame. */
GH_NOINLINE static void
page_scan_dense(struct page_scan *p, const struct dense_page *d)
{
    uintptr_t refs[DENSE_REFS];
    unsigned n = p->w->marker->dense->find(d, refs);
    uintptr_t ahead = page_ahead(p); /* it is likely to be like this one */
    for (unsigned i = 0; i < GH_PAGE; i += GH_CACHELINE)
        __builtin_prefetch((const void *)(ahead + i), 0, 1);
    for (unsigned i = 0; i < n; i++)
        page_ref(p, refs[i]);
}

/* Everything marked and not yet scanned. */
static void
page_scan_many(struct page_scan *p)
{
    struct dense_page d = {.page = p->page, .words = p->words, .bitmap = p->bitmap};
    unsigned n = 0;
    for (unsigned k = 0; k < MARK_WORDS; k++) {
        d.objects[k] = page_claim(p, k, p->known[k]);
        n += bits_popcount(d.objects[k]);
    }
    if (n == 0)
        return;
    p->scanned += n;
    bool dense = page_is_dense(p, n);
    *(dense ? &p->stats->dense_spans : &p->stats->sparse_spans) += 1;
    *(dense ? &p->stats->dense_objects : &p->stats->sparse_objects) += n;
    if (dense && p->w->marker->dense->find != NULL) {
        page_scan_dense(p, &d);
        return;
    }
    for (unsigned k = 0; k < MARK_WORDS; k++)
        page_objects(p, k, d.objects[k]);
}

/* Of the page so much is alive that reading all of it pays. */
static bool
page_is_worth_reading(const struct page_scan *p)
{
    if (p->words > PAGE_FOLLOW_WORDS || p->w->marker->dense->follow == NULL)
        return false;
    unsigned n = p->scanned;
    for (unsigned words = p->todo; words != 0; words &= words - 1)
        n += bits_popcount(p->pending[bits_ctz(words)]);
    return n >= page_slots(p) / PAGE_FOLLOW_PART;
}

/* What is pending and all that it leads to in this page, at once. */
GH_NOINLINE static void
page_follow_dense(struct page_scan *p)
{
    struct dense_page d = {.page = p->page, .words = p->words, .bitmap = p->bitmap};
    struct dense_follow f = {.magic = p->magic, .marks = p->marks, .ahead = page_ahead(p)};
    uintptr_t refs[DENSE_REFS];
    memcpy(d.objects, p->pending, sizeof p->pending);
    memcpy(f.known, p->known, sizeof p->known);
    unsigned n = p->w->marker->dense->follow(&d, &f, refs);
    memcpy(p->known, f.known, sizeof p->known);
    memset(p->pending, 0, sizeof p->pending);
    p->todo = 0;
    for (unsigned k = 0; k < MARK_WORDS; k++) {
        p->ours[k] |= d.objects[k];
        p->scanned += bits_popcount(d.objects[k]);
    }
    /* they are read a second time, and a mutator may have changed one: it may lead here now */
    for (unsigned i = 0; i < n; i++)
        page_ref(p, refs[i]);
}

/* What the objects scanned so far lead to in this page, and so on. Go would queue the page for
 * them, and find several at once: they count as scanned in it sparsely. */
static void
page_follow(struct page_scan *p)
{
    unsigned before = p->scanned;
    while (p->todo != 0) {
        if (page_is_worth_reading(p)) {
            page_follow_dense(p);
            continue;
        }
        unsigned words = p->todo;
        p->todo = 0;
        for (; words != 0; words &= words - 1) {
            unsigned k = bits_ctz(words);
            uint64_t objects = p->pending[k];
            p->pending[k] = 0;
            p->ours[k] |= objects;
            p->scanned += bits_popcount(objects);
            page_objects(p, k, objects);
        }
    }
    if (p->scanned == before)
        return;
    for (unsigned k = 0; k < MARK_WORDS; k++)
        page_publish(p, k);
    p->stats->sparse_spans++;
    p->stats->sparse_objects += p->scanned - before;
}

void
scan_page(struct mark_worker *w, uintptr_t entry)
{
    unsigned slot = (unsigned)(entry >> GREY_SLOT_SHIFT);
    uintptr_t page = align_down(entry & bits_low(GREY_SLOT_SHIFT), GH_PAGE);
    unsigned span_class = (unsigned)(entry % GH_PAGE) >> 1;
    struct page_scan p = {
        .w = w,
        .page = page,
        .marks = (uint64_t *)(page + INLINE_MARKS_OFF),
        .scans = (uint64_t *)(page + INLINE_SCANS_OFF),
        .bitmap = mspan_bitmap(page, true),
        .span_class = span_class,
        .words = sizeclass_bytes[span_class >> 1] / GH_WORD,
        .magic = sizeclass_magic[span_class >> 1],
        .stats = &w->scan[span_class >> 1],
    };
    uint8_t owner = page_release(w, page);
    page_look(&p);
    if (owner == PAGE_ONE)
        page_scan_one(&p, slot);
    else
        page_scan_many(&p);
    page_follow(&p);
    w->scan_work += p.scanned * p.words * GH_WORD;
}
