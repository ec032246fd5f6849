/* mspan.h - a run of pages with one purpose: objects of one size class, or manual memory.
 *
 * Place: pages makes and unmakes spans; a space gives them meaning. Go: mspan (mheap.go).
 *
 * Note [sweepgen]. h = the space's sweepgen, which grows by 2 at every collection:
 *     s == h-2  needs sweeping       s == h+1  cached before the cycle began, needs sweeping
 *     s == h-1  being swept          s == h+3  swept, then cached by a mutator
 *     s == h    swept, ready to use
 * Whoever moves s from h-2 to h-1 by compare-and-swap owns the span until he sets h, or frees
 * it and leaves h-1 behind. No record has h-2 but that of a live span that needs sweeping
 * (alloc/spaces/go/sweep.c, Note [sweep claim]), so the record may have been found anywhere.
 *
 * Note [inline marks]. Spans of 16..512-byte classes (always one page) keep the mark bits
 * of the running cycle in their own last 128 bytes, so that marking needs no span record:
 *     page + 8064  scans[63]   objects already claimed for scanning in this cycle
 *     page + 8127  owner       1 while the page is queued for scanning, else 0
 *     page + 8128  marks[63]   one cache line with ...
 *     page + 8191  span class  (also in the arena's inline_class, which marking reads)
 * Spans with references keep 128 bytes of pointer bitmap just below (page + 7936): bit i =
 * word i of the page holds a reference. The 8-byte class has no inline marks; with references
 * its bitmap takes the last 128 bytes of the page.                                     */
#ifndef GH_ALLOC_PAGES_MSPAN_H
#define GH_ALLOC_PAGES_MSPAN_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"
#include "alloc/base/type.h"

#include <stdatomic.h>

enum mspan_state {
    MSPAN_DEAD,
    MSPAN_IN_USE, /* objects */
    MSPAN_MANUAL, /* stacks, work buffers */
};

enum {
    INLINE_SCANS_OFF = GH_PAGE - 128,
    INLINE_OWNER_OFF = GH_PAGE - 65,
    INLINE_MARKS_OFF = GH_PAGE - 64,
    INLINE_CLASS_OFF = GH_PAGE - 1,
    INLINE_MARK_BYTES = 63,
    SPAN_BITMAP_BYTES = GH_PAGE / GH_WORD / 8, /* 128 */
};

struct special;
struct uchunk; /* alloc/pages/uchunk.h */

enum { MSPAN_OWN_BITS = 2 }; /* words */

/* Two cache lines: the first is what a span is, the second what happens to it. */
struct mspan {
    /* immutable while in use; set by pages */
    GH_ALIGNED(2 * GH_CACHELINE) uintptr_t base;
    uint32_t npages;
    bool needzero;          /* the memory may hold old data; large: held some at first */
    _Atomic(uint8_t) state; /* enum mspan_state; stored last (release), so that a reader who
                               found the span by address sees the fields below */

    /* immutable while in use; set by the space */
    uint8_t span_class;    /* class << 1 | noscan */
    bool inline_marks;     /* Note [inline marks] */
    struct uchunk *uchunk; /* the span is a chunk of a user arena; NULL for all others */
    uint32_t nelems;
    uint32_t div_magic; /* ceil(2^32 / elemsize): index = offset * magic >> 32; 0 if large */
    /* atomic; see Note [sweepgen] */
    _Atomic(uint32_t) sweepgen;
    /* PAGES lock: index in pages->all_spans */
    uint32_t all_index;
    size_t elemsize;                  /* bytes of a slot; large: npages * GH_PAGE */
    uintptr_t limit;                  /* base + nelems * elemsize */
    const struct gh_type *large_type; /* large objects with references; atomic not needed: set
                                         before the object is published */

    union {
        struct {                /* owner: the mutator that caches the span, or who sweeps it */
            uint32_t freeindex; /* slots below are allocated or not free in alloc_bits */
            uint32_t alloc_count; /* slots handed out and accounted */
            uint64_t *alloc_bits; /* slot i was alive at the last sweep */
            uint64_t *mark_bits;  /* marks of this cycle (spans without inline marks), atomic
                                     while marking; swapped into alloc_bits by the sweep */
            /* where these two lie if there is room: alloc/spaces/go/span.c, Note [own bits] */
            uint64_t own_bits[MSPAN_OWN_BITS];
        };
        struct {                   /* owner: the stack pool */
            void *manual_free;     /* free pieces of this span */
            uint32_t manual_inuse; /* how many pieces are handed out */
            uint8_t stack_order;
        };
    };

    /* guarded by whoever set the space's specials_sweep (gc/core/specials.h); the owner of an
     * unswept span. NULL exactly if the page_specials bit of the arena is clear. */
    struct special *specials;
    /* guarded by the owner of the list it is on (stack pools, work buffers, caches of spans) */
    struct mspan *next, *prev;
};
_Static_assert(sizeof(struct mspan) == 2 * GH_CACHELINE, "two lines, in an array as well");

/* The bitmap of references of the page at `page`: Note [inline marks]. */
GH_INLINE uint64_t *
mspan_bitmap(uintptr_t page, bool inline_marks)
{
    return (uint64_t *)(page + (inline_marks ? INLINE_SCANS_OFF : GH_PAGE) - SPAN_BITMAP_BYTES);
}

#endif
