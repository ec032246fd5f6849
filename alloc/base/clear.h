/* clear.h - zeroing much memory.
 *
 * An ordinary store brings the line it writes to into the cache first. For memory that is not
 * in any cache that doubles the traffic, and throws out as much that was of use; stores around
 * the caches ("streaming", non-temporal) do neither. But who uses the memory next then finds
 * nothing of it in a cache. Which is better is for the caller to know (alloc/spaces/go/large.c,
 * Note [cold memory]).
 *
 * Contexts: any thread, no locks, not a safepoint. */
#ifndef GH_ALLOC_BASE_CLEAR_H
#define GH_ALLOC_BASE_CLEAR_H

#include <stdbool.h>
#include <stddef.h>

/* Clear `bytes` at `p`, both multiples of 64. On return other threads may be told of it as
 * after ordinary stores. */
void clear_memory(void *p, size_t bytes, bool streaming);

#endif
