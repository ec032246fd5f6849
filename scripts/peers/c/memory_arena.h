/* memory_arena.h - memory.h by bumping a pointer: each thread has a region of its own, and
 * drops all it has made there at once. The bound of what can be had when lifetimes are known:
 * nothing is cleared, nothing is looked for, and the same memory is used again while it is in
 * the cache. */
#ifndef GH_PEERS_C_MEMORY_ARENA_H
#define GH_PEERS_C_MEMORY_ARENA_H

#include "scripts/peers/c/peer.h"

enum { MEMORY_FREES = false, ARENA_ALIGN = 8 };

struct arena {
    char *next, *end;
    char *kept; /* where memory_reset goes back to */
};

extern _Thread_local struct arena arena;

/* A region for a thread that has none. */
void arena_open(size_t bytes);

static inline void *
memory_new(size_t bytes)
{
    bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (__builtin_expect((size_t)(arena.end - arena.next) < bytes, 0))
        arena_open(bytes);
    void *p = arena.next;
    arena.next += bytes;
    return p;
}

static inline void *
memory_new_plain(size_t bytes)
{
    return memory_new(bytes);
}

static inline void
memory_free(void *p)
{
    (void)p;
}

static inline void
memory_reset(void)
{
    arena.next = arena.kept;
}

static inline void
memory_keep(void)
{
    arena.kept = arena.next;
}

#endif
