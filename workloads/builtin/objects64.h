/* objects64.h - what `sweep` and `frag` share: a table of 64-byte objects, most of which are
 * dropped at random places. */
#ifndef GH_WORKLOADS_BUILTIN_OBJECTS64_H
#define GH_WORKLOADS_BUILTIN_OBJECTS64_H

#include "workloads/api/workload.h"

struct obj64 {
    struct obj64 *p;
    uint64_t w[7]; /* w[0] = its slot in the table */
};

struct objects64 {
    /* immutable after objects64_init */
    const struct gh_type *type; /* struct obj64 */
    const struct gh_type *ref;  /* one reference: what tables consist of */
    uint64_t n;
    /* a registered root: the table, n references */
    struct obj64 **table;
};

void objects64_init(struct objects64 *o, struct gh_heap *heap, uint64_t n);
void objects64_finish(struct objects64 *o, struct gh_heap *heap);

/* Put a new object into every empty slot; makes the table if there is none. Safepoint. Returns
 * how many objects were made, early if the user interrupts. */
uint64_t objects64_fill(struct objects64 *o, struct gh_job *job, struct gh_mutator *m);

/* Empty each slot, but for one in `one_in`, drawn with `seed`. Safepoint. Returns how many. */
uint64_t objects64_drop(struct objects64 *o, struct gh_mutator *m, uint64_t seed,
                        uint64_t one_in);

#endif
