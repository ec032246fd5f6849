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
    /* guarded by lock; read without it while the world is stopped (whoever changes it is a
     * running mutator) */
    struct root_range *ranges;
    size_t nranges, cap;
};

void roots_init(struct roots *r);
void roots_finish(struct roots *r);
void roots_add(struct roots *r, void **slots, size_t n);
bool roots_remove(struct roots *r, void **slots);
/* Bytes of all ranges. */
uint64_t roots_bytes_stw(const struct roots *r);

#endif
