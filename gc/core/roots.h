/* roots.h - global roots and types: what a heap is told about the program around it. */
#ifndef GH_GC_CORE_ROOTS_H
#define GH_GC_CORE_ROOTS_H

#include "alloc/base/lock.h"
#include "alloc/base/persistent.h"

struct root_range {
    void **slots;
    size_t n;
};

struct roots {
    struct lock lock; /* ROOTS */
    /* guarded by lock, in a stopped world too: whoever changes it need not be a mutator */
    struct root_range *ranges;
    size_t nranges, cap;
};

void roots_init(struct roots *r);
void roots_finish(struct roots *r);
void roots_add(struct roots *r, void **slots, size_t n);
bool roots_remove(struct roots *r, void **slots);
/* Call visit(ctx, slot) for each slot. Returns their bytes. */
uint64_t roots_scan_stw(struct roots *r, void (*visit)(void *ctx, void **slot), void *ctx);

#endif
