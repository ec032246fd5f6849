/* mark_ref.h - from a reference to a mark bit: the innermost step of marking, inline.
 *
 * A reference found is first put into a small queue while the cache line of its mark bit is
 * fetched; by the time it comes out at the other end, the line is there (Cher, Hosking and
 * Vitek, "Software prefetching for mark-sweep garbage collection", 2004).
 *
 * What turns grey depends on where it lies. An object of a span with inline marks makes its
 * whole page grey: the page joins a first-in-first-out queue, once, and while it waits more of
 * its objects get marked, so that they are scanned together (Go 1.26: span marking, "Green
 * Tea"). Any other object goes onto the worker's buffer, last in, first out.
 *
 * Note [page ownership]. The byte `owner` of a page says whether it is queued, and how many of
 * its objects have been marked since it was taken last: none, one, or several. Who marks an
 * object sets the mark first and then moves the byte one up; who moved it from 0 queues the
 * page, and writes the object's slot into the entry. Who takes the page off a queue sets the
 * byte to 0 first and looks at the marks then. Both steps are sequentially consistent (on x86,
 * locked instructions), so that a mark is either seen by the one who takes the page now, or its
 * setter finds the byte 0 and queues the page again. No increment is lost: the move is a
 * compare-and-swap, and whoever loses it against a take finds 0 and queues the page.
 *
 * So a 1 found when the page is taken means that nobody but the one who queued it has moved the
 * byte since the take before. All earlier marks were there to be seen by that take, or a yet
 * earlier one; a later mark belongs to who queues the page next. What is left is the slot in
 * the entry. Two workers may scan one page at the same time: each object that was marked from
 * elsewhere is claimed by the atomic OR of its bit in `scans`. What a worker finds within the
 * page he is scanning is not subject to any of this: scan_page.c. */
#ifndef GH_GC_CORE_MARK_REF_H
#define GH_GC_CORE_MARK_REF_H

#include "alloc/base/bits.h"
#include "alloc/spaces/go/markbits.h"
#include "gc/core/marker.h"

/* Entries of queues and buffers are addresses with something in the bits that are free:
 *   reference queue   span class above the 48 bits of the address
 *   pages, buffers    a page is GREY_PAGE | class << 1 | page address, and above that the slot
 *                     that made it grey; else an object's base */
enum { GREY_PAGE = 1, REF_CLASS_SHIFT = GH_ADDR_BITS, GREY_SLOT_SHIFT = GH_ADDR_BITS };

enum page_owner { PAGE_UNOWNED, PAGE_ONE, PAGE_MANY };

GH_NOINLINE void worker_swap_full(struct mark_worker *w);
GH_NOINLINE void worker_spill_pages(struct mark_worker *w);
GH_NOINLINE void mark_in_span(struct mark_worker *w, uintptr_t ref);
/* A reference to no object: fatal, unless such are to be ignored. */
GH_COLD void mark_bad_pointer(const struct mark_worker *w, uintptr_t ref,
                              const struct mspan *s);

GH_INLINE void
worker_push(struct mark_worker *w, uintptr_t entry)
{
    if (GH_UNLIKELY(w->wb->n == WORKBUF_OBJECTS))
        worker_swap_full(w);
    w->wb->obj[w->wb->n++] = entry;
}

GH_INLINE void
worker_push_page(struct mark_worker *w, uintptr_t entry)
{
    while (GH_UNLIKELY(!page_queue_push(&w->page_queue, entry)))
        worker_spill_pages(w);
}

/* --- page ownership --- */

/* An object of the page has been marked. True if the caller has to queue the page. */
GH_INLINE bool
page_acquire(struct mark_worker *w, uintptr_t page)
{
    uint8_t *owner = (uint8_t *)page + INLINE_OWNER_OFF;
    /* seq_cst, here and below: see Note [page ownership]; a plain load on x86 */
    uint8_t old = __atomic_load_n(owner, __ATOMIC_SEQ_CST);
    if (old == PAGE_MANY)
        return false;
    if (!w->shared) {
        *owner = old + 1;
        return old == PAGE_UNOWNED;
    }
    while (!__atomic_compare_exchange_n(owner, &old, old + 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
        if (old == PAGE_MANY)
            return false;
    return old == PAGE_UNOWNED;
}

/* The page has been taken off a queue. Returns PAGE_ONE or PAGE_MANY. */
GH_INLINE uint8_t
page_release(struct mark_worker *w, uintptr_t page)
{
    uint8_t *owner = (uint8_t *)page + INLINE_OWNER_OFF;
    if (w->shared)
        return __atomic_exchange_n(owner, PAGE_UNOWNED, __ATOMIC_SEQ_CST);
    uint8_t old = *owner;
    *owner = PAGE_UNOWNED;
    return old;
}

/* --- marking --- */

/* Set a mark; the byte's old value tells whether it was set before. Worker 0 alone marks
 * without atomic operations (marker.h, Note [marking crew]). seq_cst: see Note [page
 * ownership]. */
GH_INLINE uint8_t
mark_set8(struct mark_worker *w, uint8_t *byte, uint8_t bit)
{
    uint8_t old = __atomic_load_n(byte, __ATOMIC_RELAXED);
    if (old & bit)
        return old;
    if (w->shared)
        return __atomic_fetch_or(byte, bit, __ATOMIC_SEQ_CST);
    *byte = old | bit;
    return old;
}

GH_INLINE void
mark_inline(struct mark_worker *w, uintptr_t ref, unsigned span_class)
{
    uintptr_t page = align_down(ref, GH_PAGE);
    if (GH_UNLIKELY(ref - page >= INLINE_SCANS_OFF)) {
        mark_bad_pointer(w, ref, pages_span_of(w->pages, ref));
        return;
    }
    uint32_t i = markbits_inline_index(ref, span_class);
    uint8_t bit = (uint8_t)(1u << i % 8);
    uint8_t old = mark_set8(w, markbits_inline_byte(ref, i), bit);
    if (old & bit)
        return;
    if (old == 0) /* else somebody has noted the page already */
        markbits_note_page(pages_arena_of(w->pages, page), page);
    w->marked[span_class]++;
    if (span_class & 1)
        return;
    /* what scanning it will want, all at once: else it waits for one line after the other */
    __builtin_prefetch((const void *)align_down(ref, GH_WORD));
    __builtin_prefetch((const void *)(page + INLINE_SCANS_OFF), 1);
    __builtin_prefetch((const char *)mspan_bitmap(page, true) + (ref - page) / 64);
    if (GH_UNLIKELY(w->by_object)) {
        worker_push(w, page + i * sizeclass_bytes[span_class >> 1]);
        return;
    }
    if (page_acquire(w, page))
        worker_push_page(w,
                         (uintptr_t)i << GREY_SLOT_SHIFT | page | span_class << 1 | GREY_PAGE);
}

/* A reference found: on its way to being marked. Not NULL. */
GH_INLINE void
enqueue(struct mark_worker *w, uintptr_t ref)
{
    struct arena *a = pages_arena_of(w->pages, ref);
    if (GH_UNLIKELY(a == NULL))
        return; /* not of this heap: the zero-size address, a static object */
    uintptr_t class_ = markbits_inline_class(a, ref);
    if (GH_LIKELY(class_ != 0))
        __builtin_prefetch((const void *)(align_down(ref, GH_PAGE) + INLINE_MARKS_OFF), 1);
    else
        __builtin_prefetch(&a->spans[(ref >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA]);
    uintptr_t *slot = &w->queue[w->queued++ % MARKER_QUEUE];
    uintptr_t oldest = *slot;
    *slot = class_ << REF_CLASS_SHIFT | ref;
    if (GH_UNLIKELY(oldest == 0))
        return;
    ref = oldest & bits_low(REF_CLASS_SHIFT);
    unsigned span_class = (unsigned)(oldest >> REF_CLASS_SHIFT);
    if (GH_LIKELY(span_class != 0))
        mark_inline(w, ref, span_class);
    else
        mark_in_span(w, ref);
}

/* A mutator may be storing; the barrier has accounted for either value. acquire: pairs with
 * gh_store; a plain load on x86. */
GH_INLINE void
scan_word(struct mark_worker *w, uintptr_t addr)
{
    uintptr_t v = __atomic_load_n((const uintptr_t *)addr, __ATOMIC_ACQUIRE);
    if (v != 0)
        enqueue(w, v);
}

/* --- scan_page.c --- */

/* Scan what has turned grey in a page since it was taken last. `entry` as in a work buffer. */
void scan_page(struct mark_worker *w, uintptr_t entry);

#endif
