/* pool.h - objects that are kept for their next use instead of being made anew (Go: sync.Pool).
 *
 * What is put may be got again by any mutator, or be dropped at any time. Each mutator has a
 * place of its own for one object and a queue for more, from which others steal. A collection
 * that begins makes what lies in a pool its victims, and drops the victims of the one before:
 * so an object that nobody wants is freed by the second collection after it was put. */
#ifndef GH_GC_API_POOL_H
#define GH_GC_API_POOL_H

#include "gc/api/mutator.h"

GH_EXTERN_C_BEGIN

struct gh_pool;

/* Where the objects came from that gh_pool_get has returned: gets = the sum of the others.
 * Exact when nobody uses the pool. */
struct gh_pool_stats {
    uint64_t gets, puts;
    uint64_t own;     /* from the caller's own place or queue */
    uint64_t stolen;  /* from another mutator's queue, or what detached ones have left */
    uint64_t victims; /* put before the last collection began */
    uint64_t makes;   /* there was none: from `make`, or NULL if there is no `make` */
};

/* A pool named `name` (copied, for messages). `make` is called by gh_pool_get for want of an
 * object, on the caller's thread, holding nothing; it may be a safepoint. It may be NULL.
 * Throws if there is no memory. */
GH_API struct gh_pool *gh_pool_new(struct gh_heap *heap, const char *name,
                                   void *(*make)(struct gh_mutator *m, void *ctx), void *ctx);
/* Nobody may use the pool any more. What is in it is forgotten. A pool that is not freed goes
 * with the heap. */
GH_API void gh_pool_free(struct gh_pool *pool);

/* An object, no longer in the pool. Safepoint if it must be made. NULL only if `make` is NULL,
 * or gave NULL. */
GH_API void *gh_pool_get(struct gh_mutator *m, struct gh_pool *pool);
/* `obj` may be returned to whoever asks; NULL is ignored. Not a safepoint. */
GH_API void gh_pool_put(struct gh_mutator *m, struct gh_pool *pool, void *obj);

GH_API void gh_pool_read_stats(struct gh_pool *pool, struct gh_pool_stats *out);

GH_EXTERN_C_END
#endif
