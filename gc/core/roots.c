/* roots.c - the table of registered root ranges. Go's counterpart are the data and BSS segments
 * with their pointer masks; here every slot of a range is a reference. */
#include "gc/core/roots.h"

#include "alloc/base/check.h"

#include <stdlib.h>

void
roots_init(struct roots *r)
{
    *r = (struct roots){0};
    lock_init(&r->lock, LOCK_RANK_ROOTS);
}

void
roots_finish(struct roots *r)
{
    free(r->ranges);
    lock_finish(&r->lock);
}

void
roots_add(struct roots *r, void **slots, size_t n)
{
    lock_acquire(&r->lock);
    if (r->nranges == r->cap) {
        size_t cap = r->cap == 0 ? 16 : r->cap * 2;
        struct root_range *ranges = realloc(r->ranges, cap * sizeof *ranges);
        CHECK(ranges != NULL, "out of memory: cannot register %zu root ranges", cap);
        r->ranges = ranges;
        r->cap = cap;
    }
    r->ranges[r->nranges++] = (struct root_range){slots, n};
    lock_release(&r->lock);
}

bool
roots_remove(struct roots *r, void **slots)
{
    bool found = false;
    lock_acquire(&r->lock);
    for (size_t i = 0; i < r->nranges && !found; i++) {
        if (r->ranges[i].slots == slots) {
            r->ranges[i] = r->ranges[--r->nranges];
            found = true;
        }
    }
    lock_release(&r->lock);
    return found;
}

uint64_t
roots_scan_stw(struct roots *r, void (*visit)(void *ctx, void **slot), void *ctx)
{
    uint64_t bytes = 0;
    lock_acquire(&r->lock);
    for (size_t i = 0; i < r->nranges; i++) {
        for (size_t j = 0; j < r->ranges[i].n; j++)
            visit(ctx, &r->ranges[i].slots[j]);
        bytes += r->ranges[i].n * sizeof(void *);
    }
    lock_release(&r->lock);
    return bytes;
}
