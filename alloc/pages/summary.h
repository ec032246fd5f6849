/* summary.h - the radix tree over the chunks: who has how many free pages in a row.
 *
 * Five levels; an entry of the lowest describes a chunk (4 MiB), of the next above eight of
 * those (32 MiB), then 256 MiB, 2 GiB, and 16 GiB at the root level. Each level is one array,
 * indexed by the address bits above the level's shift, and the eight children of an entry fill
 * one cache line. All levels together are some 600 MiB of addresses for 48 bits; they are
 * reserved at once and mapped where the heap is. Go's counterpart: pallocSum and the summary
 * levels in mpagealloc.go, mpagealloc_64bit.go.
 *
 * Note [summary entry]. Free pages at the low end (start), the longest run (max), free pages at
 * the high end (end), in 21 bits each. A root entry that is free altogether has 2^21 pages,
 * which does not fit; it is then so in all three fields, and bit 63 alone says it. An entry of
 * 0 is memory that is all in use, or not ours: what was never mapped by the heap reads as 0
 * wherever a search may look, since whole blocks of siblings are mapped at once.
 *
 * Locks: PAGES guards all of it. */
#ifndef GH_ALLOC_PAGES_SUMMARY_H
#define GH_ALLOC_PAGES_SUMMARY_H

#include "alloc/base/error.h"
#include "alloc/base/os.h"
#include "alloc/base/persistent.h"
#include "alloc/pages/pagebits.h"

enum {
    CHUNK_SHIFT = 22,
    CHUNK_BYTES = 1 << CHUNK_SHIFT,

    SUMMARY_LEVELS = 5,
    SUMMARY_FANOUT_BITS = 3, /* children of an entry, everywhere below the root level */
    SUMMARY_LEAF = SUMMARY_LEVELS - 1,
    SUMMARY_ROOT_BITS =
        GH_ADDR_BITS - CHUNK_SHIFT - (SUMMARY_LEVELS - 1) * SUMMARY_FANOUT_BITS, /* 14 */

    SUMMARY_FIELD_BITS = 21,
};

struct summaries {
    /* immutable after open */
    struct os_account *account;
    uint64_t *level[SUMMARY_LEVELS]; /* root first */
    char *base;                      /* the reservation that holds them all */
    size_t bytes;
    size_t os_page;
    /* guarded by PAGES */
    uint64_t *is_mapped; /* one bit an OS page of the reservation */
    size_t mapped_bytes;
};

/* Address bits below the index of an entry of `level`. */
GH_INLINE unsigned
summary_shift(unsigned level)
{
    return CHUNK_SHIFT + (SUMMARY_LEAF - level) * SUMMARY_FANOUT_BITS;
}

/* Entries to look at below one entry of the level above; the root level is one block. */
GH_INLINE size_t
summary_block(unsigned level)
{
    return (size_t)1 << (level == 0 ? SUMMARY_ROOT_BITS : SUMMARY_FANOUT_BITS);
}

GH_INLINE size_t
summary_pages(unsigned level)
{
    return (size_t)1 << (summary_shift(level) - GH_PAGE_SHIFT);
}

GH_INLINE uint64_t
summary_pack(size_t start, size_t max, size_t end)
{
    if (max >> SUMMARY_FIELD_BITS)
        return UINT64_C(1) << 63;
    return start | max << SUMMARY_FIELD_BITS | end << (2 * SUMMARY_FIELD_BITS);
}

GH_INLINE size_t
summary_field(uint64_t s, unsigned shift)
{
    if (GH_UNLIKELY(s >> 63))
        return (size_t)1 << SUMMARY_FIELD_BITS;
    return (s >> shift) & bits_low(SUMMARY_FIELD_BITS);
}

GH_INLINE size_t
summary_start(uint64_t s)
{
    return summary_field(s, 0);
}

GH_INLINE size_t
summary_max(uint64_t s)
{
    return summary_field(s, SUMMARY_FIELD_BITS);
}

GH_INLINE size_t
summary_end(uint64_t s)
{
    return summary_field(s, 2 * SUMMARY_FIELD_BITS);
}

bool summary_open(struct summaries *t, struct os_account *a, struct persistent *per,
                  struct gh_error *err);
void summary_close(struct summaries *t);

/* Make the entries for addresses [base, base + bytes), and those a search may look at on the
 * way there, accessible. False if the OS refuses; what was mapped by then stays. */
bool summary_map(struct summaries *t, uintptr_t base, size_t bytes);

/* The entry of a parent of eight children, each of `child_pages` pages. */
uint64_t summary_merge(const uint64_t *children, size_t child_pages);

/* The leaves [first, last] have been rewritten: recompute what is above. */
void summary_propagate(struct summaries *t, size_t first, size_t last);

/* First fit over the tree, from address `from` upwards, below `end`. */
struct summary_search {
    uintptr_t found; /* address of the run, if it spans entries; else 0 */
    size_t chunk;    /* index of the chunk that holds the run; SIZE_MAX if none */
    uintptr_t free;  /* no page in [from, free) is free */
};
struct summary_search summary_find(const struct summaries *t, size_t npages, uintptr_t from,
                                   uintptr_t end);

#endif
