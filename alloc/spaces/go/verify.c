/* verify.c - checks every span, bit and counter of the space against each other.
 *
 * Three walks. The sets: every entry belongs where it is, and none is met twice; entries of
 * unswept sets whose span was swept or freed since mean nothing and are passed over. The spans:
 * each is well-formed, its bits agree with its counters, the arena records with it, and the
 * sets hold it. The counts: what was allocated and not freed is what the spans hold. The first
 * contradiction throws. A span met in a set is noted in its `next`, which is NULL in spans of
 * objects that no cache has, so that nothing is allocated.
 *
 * Contexts: world stopped, caches flushed, no sweeper between claim and done (sweeping may be
 * unfinished). Takes PAGES for the list of spans. Does not read objects. */
#include "alloc/base/bits.h"
#include "alloc/pages/uchunk.h"
#include "alloc/spaces/go/internal.h"

struct tour {
    struct gospace *g;
    uint32_t sweepgen;
    size_t in_sets, spans;
    uint64_t small[GH_CLASSES]; /* allocated slots */
    uint64_t large, large_bytes;
    /* the set being walked */
    unsigned span_class;
    bool partial, swept;
};

/* --- the sets --- */

/* An entry of an unswept set whose span was not swept through it: swept meanwhile, or freed,
 * and then perhaps made anew. */
static void
check_left_behind(const struct tour *t, const struct mspan *s, uint32_t gen)
{
    bool objects = atomic_load_explicit(&s->state, memory_order_relaxed) == MSPAN_IN_USE;
    VERIFY(gen == t->sweepgen || (gen == t->sweepgen - 1 && !objects),
           "gospace_verify_stw: span %#zx, state %u, in %s set of unswept spans has sweepgen "
           "%u at %u",
           s->base, atomic_load_explicit(&s->state, memory_order_relaxed),
           t->partial ? "partial" : "full", gen, t->sweepgen);
}

static void
meet_in_set(void *ctx, struct mspan *s)
{
    struct tour *t = ctx;
    const char *kind = t->partial ? "partial" : "full";
    /* relaxed, here and below: nobody else is at work */
    uint32_t gen = atomic_load_explicit(&s->sweepgen, memory_order_relaxed);
    if (!t->swept && gen != t->sweepgen - 2) {
        check_left_behind(t, s, gen);
        return;
    }
    VERIFY(atomic_load_explicit(&s->state, memory_order_relaxed) == MSPAN_IN_USE,
           "gospace_verify_stw: span %#zx in a %s set of class %u is not in use", s->base, kind,
           t->span_class);
    VERIFY(s->span_class == t->span_class,
           "gospace_verify_stw: span %#zx of class %u in a set of class %u", s->base,
           s->span_class, t->span_class);
    VERIFY(!t->swept || gen == t->sweepgen,
           "gospace_verify_stw: span %#zx in %s set of swept spans has sweepgen %u at %u",
           s->base, kind, gen, t->sweepgen);
    VERIFY(t->partial == (s->alloc_count < s->nelems),
           "gospace_verify_stw: span %#zx in a %s set: %u of %u slots allocated", s->base, kind,
           s->alloc_count, s->nelems);
    VERIFY(s->next == NULL, "gospace_verify_stw: span %#zx is in two sets", s->base);
    s->next = s;
    t->in_sets++;
}

static void
walk_sets(struct tour *t)
{
    for (unsigned i = 0; i < 4 * GH_SPAN_CLASSES; i++) {
        t->span_class = i / 4;
        t->partial = i % 2;
        t->swept = i / 2 % 2;
        struct mcentral *c = &t->g->central[t->span_class];
        uint32_t gen = t->swept ? t->sweepgen : t->sweepgen - 2;
        spanset_each_stw(t->partial ? mcentral_partial_swept(c, gen)
                                    : mcentral_full_swept(c, gen),
                         meet_in_set, t);
    }
}

/* --- one span --- */

static void
check_shape(const struct mspan *s)
{
    unsigned class_ = s->span_class >> 1;
    bool ok = class_ < GH_CLASSES && s->limit == s->base + s->nelems * s->elemsize;
    if (ok && class_ == 0)
        ok = s->nelems == 1 && s->div_magic == 0 &&
             s->elemsize == (size_t)s->npages * GH_PAGE && !s->inline_marks &&
             (s->large_type == NULL) == (s->span_class == 1);
    else if (ok)
        ok = s->npages == sizeclass_pages[class_] && s->elemsize == sizeclass_bytes[class_] &&
             s->div_magic == sizeclass_magic[class_] &&
             s->nelems == span_slots(s->span_class) &&
             s->inline_marks == span_has_inline_marks(s->elemsize) && s->large_type == NULL;
    VERIFY(ok,
           "gospace_verify_stw: span %#zx is not of its class %u: %u pages, %u slots of %zu "
           "bytes, "
           "magic %u, limit %#zx, inline marks %d",
           s->base, s->span_class, s->npages, s->nelems, s->elemsize, s->div_magic, s->limit,
           s->inline_marks);
}

static void
check_arena(const struct gospace *g, const struct mspan *s)
{
    unsigned want = s->inline_marks ? s->span_class : 0u;
    for (uint32_t i = 0; i < s->npages; i++) {
        uintptr_t addr = s->base + (uintptr_t)i * GH_PAGE;
        VERIFY(pages_span_of(g->pages, addr) == s,
               "gospace_verify_stw: page %u of span %#zx is recorded as another span's", i,
               s->base);
        size_t page = (addr >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
        struct arena *a = pages_arena_of(g->pages, addr);
        unsigned found = atomic_load_explicit(&a->inline_class[page], memory_order_relaxed);
        VERIFY(found == want, "gospace_verify_stw: page %#zx: inline class %u, should be %u",
               addr, found, want);
        uint64_t bits =
            atomic_load_explicit(&a->page_in_use[page / 64], memory_order_relaxed) >> page % 64;
        VERIFY((bits & 1) == (i == 0),
               "gospace_verify_stw: page %u of span %#zx: in-use bit %d", i, s->base,
               (int)(bits & 1));
    }
    if (s->inline_marks) {
        unsigned found = *(const uint8_t *)(s->base + INLINE_CLASS_OFF);
        VERIFY(found == want, "gospace_verify_stw: span %#zx of class %u says class %u inline",
               s->base, s->span_class, found);
    }
}

/* The marks of 64 slots. */
static uint64_t
marks_of(const struct mspan *s, uint32_t word)
{
    if (!s->inline_marks)
        return s->mark_bits[word];
    uint64_t bits = ((const uint64_t *)(s->base + INLINE_MARKS_OFF))[word];
    return word == INLINE_MARK_BYTES / 8 ? bits & bits_low(56) : bits; /* not the class */
}

static void
check_bits(const struct mspan *s)
{
    uint32_t allocated = 0;
    for (uint32_t w = 0; w < (s->nelems + 63) / 64; w++) {
        uint64_t inside = bits_low(s->nelems - w * 64 < 64 ? s->nelems - w * 64 : 64);
        uint64_t handed_out = 0;
        if (s->freeindex > w * 64)
            handed_out = bits_low(s->freeindex - w * 64 < 64 ? s->freeindex - w * 64 : 64);
        uint64_t marks = marks_of(s, w);
        VERIFY((s->alloc_bits[w] & ~inside) == 0 && (marks & ~inside) == 0,
               "gospace_verify_stw: span %#zx of %u slots has bits beyond its end: allocated "
               "%#zx, marked %#zx in word %u",
               s->base, s->nelems, s->alloc_bits[w], marks, w);
        uint64_t taken = s->alloc_bits[w] | handed_out;
        VERIFY((marks & ~taken) == 0,
               "gospace_verify_stw: span %#zx: slot %u is marked and free (freeindex %u)",
               s->base, w * 64 + bits_ctz(marks & ~taken), s->freeindex);
        allocated += bits_popcount(taken);
    }
    VERIFY(
        allocated == s->alloc_count && s->freeindex <= s->nelems,
        "gospace_verify_stw: span %#zx of class %u: %u slots are allocated, alloc_count is %u "
        "(freeindex %u of %u)",
        s->base, s->span_class, allocated, s->alloc_count, s->freeindex, s->nelems);
}

/* Address to slot and back, at the ends and in the middle. */
static void
check_lookup(const struct gospace *g, const struct mspan *s)
{
    const uint32_t probes[] = {0, s->nelems / 2, s->nelems - 1};
    for (unsigned i = 0; i < 3; i++) {
        struct object_ref o;
        uintptr_t base = s->base + probes[i] * s->elemsize;
        bool found = gospace_find_object(g, base + s->elemsize - 1, &o);
        VERIFY(found && o.span == s && o.index == probes[i] && o.base == base,
               "gospace_verify_stw: slot %u of span %#zx is not found by address", probes[i],
               s->base);
    }
}

static void
visit_span(struct tour *t, struct mspan *s)
{
    if (atomic_load_explicit(&s->state, memory_order_relaxed) != MSPAN_IN_USE)
        return;
    VERIFY(s->next == s,
           "gospace_verify_stw: span %#zx of class %u (sweepgen %u at %u) is in no set",
           s->base, s->span_class, atomic_load_explicit(&s->sweepgen, memory_order_relaxed),
           t->sweepgen);
    s->next = NULL;
    check_shape(s);
    check_arena(t->g, s);
    check_bits(s);
    check_lookup(t->g, s);
    t->spans++;
    if (s->uchunk != NULL && !uchunk_is_live(s->uchunk))
        return; /* in quarantine: counted as freed already */
    if (s->span_class >> 1 == 0) {
        t->large += s->alloc_count;
        t->large_bytes += s->elemsize;
    } else {
        t->small[s->span_class >> 1] += s->alloc_count;
    }
}

/* --- the counts --- */

static void
check_counts(const struct tour *t)
{
    struct alloc_counts sum;
    gospace_sum_counts(t->g, &sum);
    for (unsigned c = 1; c < GH_CLASSES; c++)
        VERIFY(sum.small_allocs[c] - sum.small_frees[c] == t->small[c],
               "gospace_verify_stw: class %u: %lu allocations, %lu frees, but %lu objects", c,
               sum.small_allocs[c], sum.small_frees[c], t->small[c]);
    VERIFY(sum.large_allocs - sum.large_frees == t->large &&
               sum.large_alloc_bytes - sum.large_free_bytes == t->large_bytes,
           "gospace_verify_stw: large objects: %lu allocations, %lu frees, but %lu objects of "
           "%lu bytes",
           sum.large_allocs, sum.large_frees, t->large, t->large_bytes);
}

size_t
gospace_verify_stw(struct gospace *g)
{
    struct tour t = {.g = g, .sweepgen = gospace_sweepgen(g)};
    walk_sets(&t);
    struct pages *p = g->pages;
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < p->nall; i++)
        visit_span(&t, p->all_spans[i]);
    lock_release(&p->lock);
    VERIFY(t.in_sets == t.spans, "gospace_verify_stw: %zu spans in the sets, %zu in the heap",
           t.in_sets, t.spans);
    check_counts(&t);
    return t.spans;
}
