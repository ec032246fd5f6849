/* memory_malloc.h - memory.h by malloc and free, whosever they are: the allocator is what the
 * program is linked with, or what LD_PRELOAD puts in front. */
#ifndef GH_PEERS_C_MEMORY_MALLOC_H
#define GH_PEERS_C_MEMORY_MALLOC_H

#include "scripts/peers/c/peer.h"

#include <stdlib.h>

enum { MEMORY_FREES = true };

static inline void *
memory_new(size_t bytes)
{
    return must(malloc(bytes));
}

static inline void *
memory_new_plain(size_t bytes)
{
    return must(malloc(bytes));
}

static inline void *
memory_new_zeroed(size_t bytes)
{
    return must(calloc(1, bytes));
}

static inline void *
memory_table(size_t n)
{
    return must(calloc(n, sizeof(void *)));
}

static inline void
memory_free(void *p)
{
    free(p);
}

static inline void
memory_reset(void)
{
}

static inline void
memory_keep(void)
{
}

static inline void
memory_collect(void)
{
}

static inline void
memory_pause(void)
{
}

static inline void
memory_resume(void)
{
}

void memory_release(void); /* malloc.c: each allocator has a call of its own */

#endif
