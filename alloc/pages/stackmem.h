/* stackmem.h - memory of goroutine stacks: powers of two from 2 KiB (Go: stack.go).
 *
 * 2-16 KiB come from the mutator's cache, then from a global pool of 32 KiB spans, one pool an
 * order; larger ones are spans of their own, kept by log2 of their pages while a cycle runs.
 * Contents are not zeroed. Not a safepoint. */
#ifndef GH_ALLOC_PAGES_STACKMEM_H
#define GH_ALLOC_PAGES_STACKMEM_H

#include "alloc/pages/pages.h"

/* `bytes`: a power of two >= GH_STACK_MIN. `local` may be NULL. NULL if the OS refuses. */
void *stackmem_alloc(struct pages *p, struct pages_local *local, size_t bytes);
void stackmem_free(struct pages *p, struct pages_local *local, void *stack, size_t bytes);
/* Return a mutator's cached stacks to the pools. */
void stackmem_flush(struct pages *p, struct pages_local *local);
/* End of a cycle: give empty stack spans and unused large stacks back to the page allocator. */
void stackmem_release_unused(struct pages *p);

#endif
