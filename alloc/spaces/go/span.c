/* span.c - what a span of objects looks like, and what lies at an address in it.
 *
 * Place: between the pages, which are only memory, and runs and sweeping, which take the
 * fields set here as given. Go: mspan.init, mheap.initSpan, findObject.
 * Contexts: span_init_* by the thread that just got the pages, before they are published;
 * lookups by anybody who holds an address inside a live span.
 *
 * Note [own bits]. A span of few slots keeps its bits in its record, where whoever sweeps,
 * allocates or marks is anyway, and nothing has to be allocated for a sweep. Without inline
 * marks that is one word for marks and one for what was alive, which change places at a sweep
 * (up to 64 slots); with inline marks, which are copied, both are for what was alive (up to
 * 128). Nobody reads the old bits of a span while it is swept: marking is over, allocation
 * bits are read by the owner or in a stopped world, and the claim makes the sweeper the owner.
 * So unlike those of gcbits.h these need not outlive their cycle. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/internal.h"

#include <string.h>

/* Bytes of a span that hold slots. */
static uint32_t
usable_bytes(unsigned class_, unsigned span_class)
{
    uint32_t bytes = sizeclass_pages[class_] * (uint32_t)GH_PAGE;
    if (span_has_inline_marks(sizeclass_bytes[class_]))
        bytes -= GH_PAGE - INLINE_SCANS_OFF;
    if (span_has_bitmap(sizeclass_bytes[class_], span_class))
        bytes -= SPAN_BITMAP_BYTES;
    return bytes;
}

uint32_t
span_slots(unsigned span_class)
{
    unsigned class_ = span_class >> 1;
    return (uint32_t)((uint64_t)usable_bytes(class_, span_class) * sizeclass_magic[class_] >>
                      32);
}

void
span_clear_inline(const struct mspan *s)
{
    uint64_t *words = (uint64_t *)(s->base + INLINE_SCANS_OFF);
    size_t n = (GH_PAGE - INLINE_SCANS_OFF) / sizeof(words[0]);
    memset(words, 0, (n - 1) * sizeof(words[0]));
    /* the class is the last byte of the page */
    words[n - 1] = (uint64_t)s->span_class << 56;
}

/* The page's metadata, and the byte of the arena that says so; pages_free clears that again. */
static void
start_inline_marks(const struct gospace *g, const struct mspan *s)
{
    span_clear_inline(s);
    struct arena *a = pages_arena_of(g->pages, s->base);
    /* relaxed: whoever has an address in the span was told it after this */
    atomic_store_explicit(&a->inline_class[(s->base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA],
                          s->span_class, memory_order_relaxed);
}

bool
span_init_small(struct gospace *g, struct mspan *s, unsigned span_class)
{
    unsigned class_ = span_class >> 1;
    CHECK(class_ > 0 && class_ < GH_CLASSES && s->npages == sizeclass_pages[class_],
          "span_init_small: span %#zx of %u pages for span class %u", s->base, s->npages,
          span_class);
    s->span_class = (uint8_t)span_class;
    s->elemsize = sizeclass_bytes[class_];
    s->div_magic = sizeclass_magic[class_];
    s->inline_marks = span_has_inline_marks(s->elemsize);
    s->nelems = span_slots(span_class);
    s->limit = s->base + s->nelems * s->elemsize;
    s->large_type = NULL;
    s->next = NULL;
    s->freeindex = 0;
    s->alloc_count = 0;
    /* never written: the first sweep replaces them */
    s->alloc_bits = (uint64_t *)gcbits_zero;
    s->mark_bits = NULL;
    if (s->inline_marks)
        start_inline_marks(g, s);
    else
        s->mark_bits = span_has_own_bits(s) ? s->own_bits : gcbits_alloc(&g->bits, s->nelems);
    if (!s->inline_marks && s->mark_bits == NULL)
        return false; /* before the sweepgen is set: sweep.c, Note [sweep claim] */
    /* relaxed: published with the span */
    atomic_store_explicit(&s->sweepgen, gospace_sweepgen(g), memory_order_relaxed);
    return true;
}

void
span_init_large(struct gospace *g, struct mspan *s, const struct gh_type *type)
{
    bool noscan = type == NULL || type->ptr_bytes == 0;
    s->span_class = noscan;
    s->inline_marks = false;
    s->nelems = 1;
    s->div_magic = 0;
    s->elemsize = (size_t)s->npages * GH_PAGE;
    s->limit = s->base + s->elemsize;
    s->large_type = noscan ? NULL : type;
    s->next = NULL;
    s->freeindex = 1;
    s->alloc_count = 1;
    s->alloc_bits = (uint64_t *)gcbits_zero;
    s->mark_bits = s->own_bits;
    /* relaxed: published with the span */
    atomic_store_explicit(&s->sweepgen, gospace_sweepgen(g), memory_order_relaxed);
}

bool
gospace_find_object(const struct gospace *g, uintptr_t addr, struct object_ref *out)
{
    struct mspan *s = pages_span_of(g->pages, addr);
    if (s == NULL)
        return false;
    /* acquire: pairs with the release in pages_publish; the fields read below come with it */
    if (atomic_load_explicit(&s->state, memory_order_acquire) != MSPAN_IN_USE)
        return false;
    if (addr < s->base || addr >= s->limit)
        return false;
    out->span = s;
    out->index = mspan_index_of(s, addr);
    out->base = s->base + out->index * s->elemsize;
    return true;
}

bool
gospace_is_free(const struct mspan *s, uint32_t index)
{
    if (index < s->freeindex)
        return false;
    return (s->alloc_bits[index / 64] >> index % 64 & 1) == 0;
}
