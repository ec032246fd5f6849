/* pools.h - object pools: what one heap's collector must know of them. The pools themselves are
 * in pools.c, their public face in gc/api/pool.h. */
#ifndef GH_GC_CORE_POOLS_H
#define GH_GC_CORE_POOLS_H

#include "alloc/base/lock.h"
#include "gc/api/pool.h"
#include "gc/sched/mutator.h"

struct pool_local;

/* A mutator's way to its part of pool number i: entry i, if the id is still that pool's. */
struct pool_entry {
    uint64_t id;
    struct pool_local *local;
};

struct pools {
    struct lock lock; /* POOLS */
    /* guarded by lock, in a stopped world too */
    struct gh_pool **pools; /* by number; NULL = free */
    uint32_t npools, cap;
    uint64_t ids; /* pools ever made; ids begin with 1 */
};

void pools_init(struct pools *p);
void pools_finish(struct pools *p);

/* _stw, as a cycle begins, before anything is marked: victims are dropped, the rest become
 * victims. Go: poolCleanup. */
void pools_clean_stw(struct pools *p);
/* _stw: whether there are pools. */
bool pools_any_stw(struct pools *p);
/* Call visit(ctx, slot) for each slot that may hold an object: the world stopped, or running
 * with barriers on. `visit` may take locks of ranks above POOLLOCALS. Returns the bytes of the
 * slots.
 */
uint64_t pools_scan(struct pools *p, void (*visit)(void *ctx, void **slot), void *ctx);
/* Owner, about to detach: what he has in pools goes to those who stay. */
void pools_detach(struct pools *p, struct mutator *m);

#endif
