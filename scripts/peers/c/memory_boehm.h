/* memory_boehm.h - memory.h by the Boehm collector. It looks for references on stacks, in
 * registers, in global data and in what memory_new and memory_table return; in the last two
 * only for those to the beginning of an object. gc.h puts its own pthread_create in the place
 * of the system's, so whoever starts threads includes this. */
#ifndef GH_PEERS_C_MEMORY_BOEHM_H
#define GH_PEERS_C_MEMORY_BOEHM_H

#include "scripts/peers/c/peer.h"

#include <gc.h>
#include <string.h>

enum { MEMORY_FREES = false };

static inline void *
memory_new(size_t bytes)
{
    return must(GC_MALLOC(bytes));
}

static inline void *
memory_new_plain(size_t bytes)
{
    return must(GC_MALLOC_ATOMIC(bytes));
}

static inline void *
memory_new_zeroed(size_t bytes)
{
    return memset(memory_new_plain(bytes), 0, bytes);
}

static inline void *
memory_table(size_t n)
{
    return memory_new(n * sizeof(void *));
}

static inline void
memory_free(void *p)
{
    (void)p;
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
    GC_gcollect();
}

static inline void
memory_pause(void)
{
    GC_disable();
}

static inline void
memory_resume(void)
{
    GC_enable();
}

/* A block is unmapped once collections have found it free for a while: by the third at the
 * latest, if all of them are asked to unmap. */
static inline void
memory_release(void)
{
    for (int i = 0; i < 3; i++)
        GC_gcollect_and_unmap();
}

#endif
