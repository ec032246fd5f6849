/* markbits.h - setting and asking for mark bits: the marker's side of the space.
 *
 * Marking touches as little as it can. For most objects that is one byte of the arena record
 * and one byte of the page itself: the class says how to find the slot (a multiplication), the
 * mark is a bit in the page's last cache line. The span record is read for the others only.
 *
 *     unsigned sc = markbits_inline_class(arena, addr);
 *     if (sc != 0)  the bit i = markbits_inline_index(addr, sc) of the page's marks, in
 *                   markbits_inline_byte(addr, i)
 *     else          s = pages_span_of(p, addr), bit mspan_index_of(s, addr) of s->mark_bits
 *     markbits_note_page(arena, first page of the span), if it may be the span's first mark
 *
 * How inline marks are set is the marker's business, who has more to order by them (gc/core,
 * Note [page ownership]). Accesses here are relaxed: a bit carries no data. That an object is
 * scanned once follows from the read-modify-write itself; its contents are ordered by the
 * stopped world, or by whatever hands it from marker to marker; and the sweep reads the bits
 * after the world was stopped.
 *
 * Contexts: while marking, any marker. Addresses must lie in a slot of a live span. */
#ifndef GH_ALLOC_SPACES_GO_MARKBITS_H
#define GH_ALLOC_SPACES_GO_MARKBITS_H

#include "alloc/spaces/go/gospace.h"

/* Set a bit; true if the caller did it, false if it was set before. Reading first spares the
 * cache line a write for the many objects that several references lead to. */
GH_INLINE bool
markbits_set_bit64(uint64_t *word, unsigned bit)
{
    uint64_t m = UINT64_C(1) << bit;
    if (__atomic_load_n(word, __ATOMIC_RELAXED) & m)
        return false;
    return (__atomic_fetch_or(word, m, __ATOMIC_RELAXED) & m) == 0;
}

/* The span class of the page of `addr` if it keeps its marks inline, else 0. */
GH_INLINE unsigned
markbits_inline_class(struct arena *a, uintptr_t addr)
{
    return atomic_load_explicit(&a->inline_class[(addr >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA],
                                memory_order_relaxed);
}

/* The slot of `addr` in a page of that class. */
GH_INLINE uint32_t
markbits_inline_index(uintptr_t addr, unsigned span_class)
{
    return (uint32_t)((addr % GH_PAGE) * (uint64_t)sizeclass_magic[span_class >> 1] >> 32);
}

GH_INLINE uint8_t *
markbits_inline_byte(uintptr_t addr, uint32_t index)
{
    return (uint8_t *)(addr - addr % GH_PAGE + INLINE_MARKS_OFF + index / 8);
}

/* Whether slot `index` is marked, in either kind of span. */
GH_INLINE bool
markbits_is_set(const struct mspan *s, uint32_t index)
{
    if (s->inline_marks)
        return __atomic_load_n(markbits_inline_byte(s->base, index), __ATOMIC_RELAXED) >>
                   index % 8 &
               1;
    return __atomic_load_n(&s->mark_bits[index / 64], __ATOMIC_RELAXED) >> index % 64 & 1;
}

/* The owner of a span that is being swept: mark slot `index`, so that it lives on. */
GH_INLINE void
markbits_set_claimed(const struct mspan *s, uint32_t index)
{
    if (s->inline_marks)
        *markbits_inline_byte(s->base, index) |= (uint8_t)(1u << index % 8);
    else
        s->mark_bits[index / 64] |= UINT64_C(1) << index % 64;
}

/* Note that the span that starts at the page of `base` holds a marked object. */
GH_INLINE void
markbits_note_page(struct arena *a, uintptr_t base)
{
    size_t page = (base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    uint64_t m = UINT64_C(1) << page % 64;
    if ((atomic_load_explicit(&a->page_marks[page / 64], memory_order_relaxed) & m) == 0)
        atomic_fetch_or_explicit(&a->page_marks[page / 64], m, memory_order_relaxed);
}

#endif
