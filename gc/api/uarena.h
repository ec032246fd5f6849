/* uarena.h - user arenas: objects that are allocated one by one and freed all at once, without
 * waiting for a collection (Go: the experiment `arena`).
 *
 * An arena hands out objects from chunks of 8 MiB. Objects in it are referred to like any
 * others, from frames, roots and objects inside and outside; references are stored with
 * gh_store. As long as the arena is not freed, all that is in it is alive, and so is what it
 * refers to. When it is freed its chunks fault: whoever still reads or writes an object ends
 * the process, with "accessed data from freed user arena". The addresses are used again once a
 * collection has found no pointer to them.
 *
 * One exception, as in Go: the chunk that is not full yet when its arena is freed goes on to
 * the next arena, and does not fault before that one is freed (debug builds let it fault at
 * once). Until it faults, what it holds stays as it was and keeps alive what it refers to.
 *
 * While a collection marks, freed chunks stay readable; they fault with the next use of any
 * arena after it. An arena is used by one mutator at a time. */
#ifndef GH_GC_API_UARENA_H
#define GH_GC_API_UARENA_H

#include "gc/api/mutator.h"

GH_EXTERN_C_BEGIN

struct gh_uarena;

/* A new arena, with its first chunk. Safepoint. Never NULL: running out of memory is fatal. */
GH_API struct gh_uarena *gh_uarena_new(struct gh_mutator *m);
/* Free all that is in it, and the arena. Safepoint. An arena that is not freed goes with
 * the heap. */
GH_API void gh_uarena_free(struct gh_mutator *m, struct gh_uarena *ua);

/* A zeroed object of type `t`. What is larger than a quarter of a chunk comes from the ordinary
 * heap, and lives as long as it is referred to. Safepoint. */
GH_API void *gh_uarena_new_object(struct gh_mutator *m, struct gh_uarena *ua,
                                  const struct gh_type *t);
/* `n` values of type `t`, contiguous, zeroed: the backing of a slice. Safepoint. */
GH_API void *gh_uarena_new_array(struct gh_mutator *m, struct gh_uarena *ua,
                                 const struct gh_type *t, size_t n);

/* A copy of the object in the ordinary heap: only of the object itself, not of what it refers
 * to. What lies in no arena comes back as it is. `obj` must not be freed meanwhile. Safepoint.
 */
GH_API void *gh_uarena_clone(struct gh_mutator *m, const void *obj, const struct gh_type *t);
/* The same of `n` values in a row. */
GH_API void *gh_uarena_clone_array(struct gh_mutator *m, const void *obj,
                                   const struct gh_type *t, size_t n);

/* What became of the chunks of a heap. */
struct gh_uarena_stats {
    uint64_t arenas_made, arenas_freed;
    uint64_t chunks_made; /* handed out, new or used again after a quarantine */
    uint64_t
        chunks_shared; /* of these, taken over, partly used, by a further arena, as often */
    uint64_t chunks_faulted; /* freed */
    uint64_t live;           /* now: readable */
    uint64_t pending;        /* of these: to fault once marking is over */
    uint64_t quarantined;    /* now: freed, may be pointed to */
    uint64_t ready;          /* now: address space without pointers to it */
};

/* Any thread; exact when nobody uses arenas and nobody sweeps. */
GH_API void gh_uarena_read_stats(struct gh_heap *heap, struct gh_uarena_stats *out);

GH_EXTERN_C_END
#endif
