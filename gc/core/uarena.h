/* uarena.h - user arenas: what one heap's collector must know of them. The arenas are in
 * uarena.c, their chunks in alloc/pages/uchunk.h, the public face in gc/api/uarena.h. */
#ifndef GH_GC_CORE_UARENA_H
#define GH_GC_CORE_UARENA_H

#include "alloc/pages/uchunk.h"
#include "gc/api/uarena.h"

enum {
    UARENA_MAX_OBJECT = UCHUNK_BYTES / 4, /* larger ones go to the ordinary heap */
    /* Whether a chunk with room left goes on to the next arena. Not in debug builds, to find
     * every use after free (Go: with a sanitizer). */
    UARENA_SHARE = !GH_DEBUG,
};

struct uarenas {
    /* immutable */
    struct gh_heap *heap;

    struct lock lock; /* UARENAS */
    /* guarded by lock */
    struct fixalloc handles;
    struct uchunk *partial; /* of freed arenas, with room left; through link */
    struct uchunk *pending; /* freed while somebody marked: to fault later; through link */
    uint64_t made, freed, shared;

    /* atomic, relaxed: statistics */
    _Atomic(uint64_t) chunks_made, chunks_faulted;

    /* The list of heaps for the signal handler: uarena_fault.c */
    _Atomic(struct uarenas *) next_watched;
    _Atomic(bool) watched;
};

void uarenas_init(struct uarenas *u, struct gh_heap *heap);
/* The chunks go with the pages. */
void uarenas_finish(struct uarenas *u);

/* Call visit(ctx, slot) for the root slot of each chunk in use: the world stopped, or running
 * with barriers on. Takes no lock. */
uint64_t uarenas_scan(struct uarenas *u, void (*visit)(void *ctx, void **slot), void *ctx);
/* Let chunks fault that were freed while somebody marked. Safepoint; nothing to do while
 * marking. A collector may call it after a cycle, so that it does not wait for the next arena.
 */
void uarenas_fault_pending(struct uarenas *u, struct gh_mutator *m);

/* --- uarena_fault.c --- */

/* A heap has its first arena: from now on a fault in a freed chunk is explained. */
void uarena_watch(struct uarenas *u);
void uarena_unwatch(struct uarenas *u);

#endif
