/* malloc.h - taking memory from the space, around the space's own part: what comes before, what
 * comes when the OS refuses, what comes afterwards. For objects (malloc.c) and chunks of user
 * arenas (uarena.c).
 *
 * Contexts: owner mutator, running. malloc_prepare and malloc_last_resort are safepoints. */
#ifndef GH_GC_CORE_MALLOC_H
#define GH_GC_CORE_MALLOC_H

#include "gc/core/assist.h"
#include "gc/core/heap.h"

/* `bytes` are about to be taken in spans of their own: collect if it is time, pay for them
 * while a cycle marks, and sweep what is due for them, but for `caller_sweeps_pages` that the
 * space will sweep itself. */
void malloc_prepare(struct mutator *m, size_t bytes, size_t caller_sweeps_pages);
/* The OS refuses: collect, and sweep all of it, so that dead spans become pages. */
void malloc_last_resort(struct mutator *m);

/* What was taken counts towards the next collection, and has to be paid for in this one. */
GH_INLINE void
malloc_book(struct mutator *m, const struct refill *took)
{
    struct gh_heap *heap = m->pub.heap;
    pacer_update(&heap->pacer, (int64_t)took->live_bytes, (int64_t)took->scan_bytes);
    assist_charge(m, took->live_bytes);
    heap_watch_sweep(heap);
    if (GH_UNLIKELY(heap->pacer.memory_limit != GH_MEMORY_LIMIT_OFF)) {
        heap_refresh_memory(heap);
        heap_update_limiter(heap);
    }
}

#endif
