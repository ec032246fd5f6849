/* spanset.h - a set of spans that many threads put into and take out of at once (Go: spanSet).
 *
 * First in, first out, so that the address order in which spans were swept survives. Push and
 * pop take no lock but once a block. Entries lie in blocks of 512, found through a spine that
 * grows by doubling; blocks come back to a pool when their last entry is taken.
 *
 * Invariants:  head <= tail;  entry i lies in block i / 512 of the spine;  blocks [head / 512,
 *              nblocks) exist;  a set that is empty can be reset to head = tail = 0.
 * Contexts: any thread, except _stw. Running out of metadata memory is fatal: a span that
 * cannot be recorded would be lost. */
#ifndef GH_ALLOC_SPACES_GO_SPANSET_H
#define GH_ALLOC_SPACES_GO_SPANSET_H

#include "alloc/base/compiler.h"
#include "alloc/base/lock.h"
#include "alloc/base/persistent.h"
#include "alloc/pages/mspan.h"

enum {
    SPANSET_BLOCK = GH_TORTURE ? 8 : 512, /* entries */
    SPANSET_SPINE = GH_TORTURE ? 2 : 256, /* blocks at first */
    SPANSET_MANY = 8,                     /* spans put in or taken out at once */
};

struct spanset_block {
    struct spanset_block *link; /* in the pool; guarded by its lock */
    _Atomic(uint32_t) popped;   /* atomic: entries that are done with */
    GH_ALIGNED(GH_CACHELINE) _Atomic(struct mspan *) spans[SPANSET_BLOCK];
};

/* Shared by all sets of a space. */
struct spanset_pool {
    struct persistent *persistent; /* immutable */
    struct lock lock;              /* SPANSET: the pool, and growing any set */
    struct spanset_block *free;    /* guarded by lock */
};

struct spanset {
    /* atomic; spanset.c, Note [spanset order] */
    _Atomic(uint64_t) index; /* head << 32 | tail */
    _Atomic(uint32_t) nblocks;
    _Atomic(_Atomic(struct spanset_block *) *) spine;
    uint32_t spine_cap;     /* guarded by the pool's lock */
} GH_ALIGNED(GH_CACHELINE); /* who pushes into one set does not disturb who pops another */

void spanset_pool_init(struct spanset_pool *pool, struct persistent *persistent);
void spanset_pool_finish(struct spanset_pool *pool);

/* A zeroed spanset is empty and ready. Its memory belongs to the persistent allocator. */
void spanset_push(struct spanset *set, struct spanset_pool *pool, struct mspan *s);
/* The same for 0 < n <= SPANSET_MANY spans, which come out in this order. */
void spanset_push_many(struct spanset *set, struct spanset_pool *pool,
                       struct mspan *const *spans, unsigned n);
/* Have the memory for `n` more pushes ready, so that they are quick; fatal, like a push, if
 * there is none. A hint, if others push. */
void spanset_make_room(struct spanset *set, struct spanset_pool *pool, uint32_t n);
/* A span, now the caller's alone; NULL if there is none, or none whose push is far enough. */
struct mspan *spanset_pop(struct spanset *set, struct spanset_pool *pool);
/* The same for some, at most 0 < most <= SPANSET_MANY. Returns how many; their records are
 * being fetched. */
unsigned spanset_pop_many(struct spanset *set, struct spanset_pool *pool, struct mspan **out,
                          unsigned most);

/* Forget the past of an empty set. Nobody else uses it. */
void spanset_reset_drained(struct spanset *set, struct spanset_pool *pool);
/* Call fn for every span in the set. Nobody else uses it. */
void spanset_each_stw(struct spanset *set, void (*fn)(void *ctx, struct mspan *s), void *ctx);
/* How many spans are in the set; exact only when nobody else uses it. */
uint32_t spanset_count(const struct spanset *set);

#endif
