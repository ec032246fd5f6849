/* summary.c - keeping and searching the radix tree of summaries (summary.h).
 *
 * Go's counterpart: the summary half of mpagealloc.go and mpagealloc_64bit.go; the algorithm is
 * that of Go's design document 35112. Locks: PAGES, held by the caller. Knows no bitmaps:
 * leaves are written by pagealloc.c. */
#include "alloc/pages/summary.h"

#include "alloc/base/check.h"

bool
summary_open(struct summaries *t, struct os_account *a, struct persistent *per,
             struct gh_error *err)
{
    *t = (struct summaries){.account = a, .os_page = os_page_bytes()};
    for (unsigned l = 0; l < SUMMARY_LEVELS; l++)
        t->bytes += align_up(sizeof(uint64_t) << (GH_ADDR_BITS - summary_shift(l)), t->os_page);

    t->base = os_reserve(a, NULL, t->bytes);
    if (t->base == NULL)
        return gh_error_set(
            err, GH_EXIT_FAILED,
            "pages_open: cannot reserve %zu bytes of address space for the page "
            "summaries (address space only, no memory): raise ulimit -v",
            t->bytes);
    size_t words = (t->bytes / t->os_page + 63) / 64;
    t->is_mapped = persistent_alloc(per, words * sizeof(uint64_t), 8, OS_GC);
    if (t->is_mapped == NULL) {
        summary_close(t);
        return gh_error_set(err, GH_EXIT_FAILED, "pages_open: out of memory");
    }
    char *at = t->base;
    for (unsigned l = 0; l < SUMMARY_LEVELS; l++) {
        t->level[l] = (void *)at;
        at += align_up(sizeof(uint64_t) << (GH_ADDR_BITS - summary_shift(l)), t->os_page);
    }
    return true;
}

void
summary_close(struct summaries *t)
{
    if (t->base != NULL)
        os_release(t->account, t->base, t->bytes, 0, t->mapped_bytes, OS_GC);
    *t = (struct summaries){0};
}

/* Map the OS pages of entries [first, last] of one level, as far as they are not. */
static bool
summary_map_entries(struct summaries *t, unsigned level, size_t first, size_t last)
{
    size_t from = (size_t)((char *)(t->level[level] + first) - t->base) / t->os_page;
    size_t to = (size_t)((char *)(t->level[level] + last) - t->base) / t->os_page;
    for (size_t i = from; i <= to; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        if (t->is_mapped[i / 64] & bit)
            continue;
        char *page = t->base + i * t->os_page;
        if (!os_map(t->account, page, t->os_page, OS_GC, "goheap: page summary"))
            return false;
        os_used(t->account, page, t->os_page);
        t->is_mapped[i / 64] |= bit;
        t->mapped_bytes += t->os_page;
    }
    return true;
}

bool
summary_map(struct summaries *t, uintptr_t base, size_t bytes)
{
    for (unsigned l = 0; l < SUMMARY_LEVELS; l++) {
        size_t block = summary_block(l);
        size_t first = align_down(base >> summary_shift(l), block);
        size_t last = align_down((base + bytes - 1) >> summary_shift(l), block) + block - 1;
        if (!summary_map_entries(t, l, first, last))
            return false;
    }
    return true;
}

uint64_t
summary_merge(const uint64_t *children, size_t child_pages)
{
    size_t start = 0, max = 0, run = 0;
    for (size_t i = 0; i < (size_t)1 << SUMMARY_FANOUT_BITS; i++) {
        uint64_t s = children[i];
        if (start == i * child_pages)
            start += summary_start(s);
        if (run + summary_start(s) > max)
            max = run + summary_start(s);
        if (summary_max(s) > max)
            max = summary_max(s);
        run = summary_end(s) == child_pages ? run + child_pages : summary_end(s);
    }
    return summary_pack(start, max, run);
}

void
summary_propagate(struct summaries *t, size_t first, size_t last)
{
    bool changed = true;
    for (unsigned l = SUMMARY_LEAF; l-- > 0 && changed;) {
        first >>= SUMMARY_FANOUT_BITS;
        last >>= SUMMARY_FANOUT_BITS;
        changed = false;
        for (size_t i = first; i <= last; i++) {
            uint64_t s =
                summary_merge(&t->level[l + 1][i << SUMMARY_FANOUT_BITS], summary_pages(l + 1));
            if (s != t->level[l][i]) {
                t->level[l][i] = s;
                changed = true;
            }
        }
    }
}

/* What looking through one block of siblings gave. */
struct summary_scan {
    uintptr_t found;      /* address of a run made of adjoining ends; else 0 */
    size_t entry;         /* the first entry with room within; SIZE_MAX if none */
    size_t first_nonfull; /* the first entry with any free page; SIZE_MAX if none */
};

/* Look through entries [i, end) of a level for the first `npages` free pages in a row. A run
 * over the edge into an entry lies below any run inside that entry, so it is looked at first.
 */
static struct summary_scan
summary_scan_block(const struct summaries *t, unsigned level, size_t i, size_t end,
                   size_t npages)
{
    struct summary_scan r = {.entry = SIZE_MAX, .first_nonfull = SIZE_MAX};
    const uint64_t *entries = t->level[level];
    const size_t full = summary_pages(level);
    size_t run = 0; /* free pages just below entry i */

    for (; i < end; i++) {
        uint64_t s = entries[i];
        if (s != 0 && r.first_nonfull == SIZE_MAX)
            r.first_nonfull = i;
        if (run + summary_start(s) >= npages) {
            r.found = (i << summary_shift(level)) - run * GH_PAGE;
            return r;
        }
        if (summary_max(s) >= npages) {
            r.entry = i;
            return r;
        }
        run = summary_end(s) == full ? run + full : summary_end(s);
    }
    return r;
}

struct summary_search
summary_find(const struct summaries *t, size_t npages, uintptr_t from, uintptr_t end)
{
    struct summary_search r = {.chunk = SIZE_MAX, .free = end};
    size_t parent = 0;
    bool lowest = true; /* everything between `from` and the current block is full */

    for (unsigned l = 0; l < SUMMARY_LEVELS; l++) {
        const unsigned shift = summary_shift(l);
        size_t i = l == 0 ? 0 : parent << SUMMARY_FANOUT_BITS, stop = i + summary_block(l);
        if (i < from >> shift)
            i = from >> shift;
        if (stop > ((end - 1) >> shift) + 1)
            stop = ((end - 1) >> shift) + 1;
        struct summary_scan b = summary_scan_block(t, l, i, stop, npages);
        if (lowest && b.first_nonfull != SIZE_MAX)
            r.free = b.first_nonfull << shift > from ? b.first_nonfull << shift : from;
        if (b.found != 0) {
            r.found = b.found;
            return r;
        }
        if (b.entry == SIZE_MAX) {
            CHECK(l == 0,
                  "summary_find: level %u promises %zu pages in entry %#zx, there are none",
                  l - 1, npages, parent);
            return r;
        }
        lowest = lowest && b.first_nonfull == b.entry;
        parent = b.entry;
    }
    r.chunk = parent;
    return r;
}
