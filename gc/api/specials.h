/* specials.h - what can be attached to an object: finalizers, cleanups, weak pointers, pins.
 *
 * Go's counterparts: runtime.SetFinalizer, runtime.AddCleanup, package weak, runtime.Pinner.
 * docs/design/specials.md has the rules in one place; in short, when an object dies,
 *   1. its weak pointers become NULL;
 *   2. if it has a finalizer, the finalizer is queued and the object lives on (with all it
 *      leads to) until a later cycle finds it dead again; its cleanups wait for that;
 *   3. otherwise its cleanups are queued and the object is freed.
 * Finalizers and cleanups run one after the other on one thread, which is a mutator of its own
 * ("finalizers") and is started by the first of them. gh_heap_close waits for the one that is
 * running; what is still queued then does not run, as in Go when a program ends.
 *
 * Arguments named `obj` are references: raw pointers that are alive at the call. The address of
 * zero-size objects is immortal: finalizers and cleanups on it are accepted and never run, a
 * weak pointer to it never becomes NULL, pins do nothing. Any other pointer that is not into an
 * allocated object, and NULL where it is not allowed, throws. Contexts: all by a running
 * mutator; a finalizer or cleanup may call everything here but gh_finalizers_wait. */
#ifndef GH_GC_API_SPECIALS_H
#define GH_GC_API_SPECIALS_H

#include "gc/api/mutator.h"

GH_EXTERN_C_BEGIN

/* --- finalizers --- */

/* Called on the runner's mutator. `obj` is in slot 0 of the innermost frame, `ctx` in slot 1 if
 * it is a reference into the heap: a function that pushes a frame of n slots reaches them with
 * GH_OUTER_SLOT(m, T, n, 0). Storing `obj` anywhere resurrects it. The frames it pushes must be
 * popped when it returns. */
typedef void gh_finalizer_fn(struct gh_mutator *m, void *obj, void *ctx);

/* Run fn(m, obj, ctx) once, after `obj` has become unreachable; fn NULL takes the finalizer
 * away. `obj` must be the start of its object (what gh_new and its relatives returned); within
 * a block of tiny objects it may be any byte of it, and all finalizers of a block run when the
 * whole block is dead. `ctx` is NULL, a pointer to anything outside the heap, or a reference,
 * which is kept alive until fn has run; if it leads to `obj`, fn never runs (if it points right
 * into it, that throws, tiny blocks apart). An object has one
 * finalizer; setting a second one throws, but fn itself may set it anew. If A leads to B and
 * both have finalizers, A's runs first, and B's when a later cycle has freed A; in a cycle none
 * runs. Not a safepoint. */
GH_API void gh_set_finalizer(struct gh_mutator *m, void *obj, gh_finalizer_fn *fn, void *ctx);

/* --- cleanups --- */

typedef void gh_cleanup_fn(struct gh_mutator *m, void *ctx);

/* A cleanup that was added; plain data, which may be kept anywhere and copied. id 0: one that
 * will never run, on an immortal object. */
struct gh_cleanup {
    uintptr_t at; /* the address it was added for; keeps nothing alive */
    uint64_t id;
};

/* Run fn(m, ctx) once, after the object that `obj` points into has been freed. `obj` may be
 * interior, and an object may have many. `ctx` as for gh_set_finalizer, and throws if it points
 * into the same object (tiny blocks apart). No order is promised. Unlike Go since 1.25,
 * cleanups do not run in parallel. Not a safepoint. */
GH_API struct gh_cleanup gh_add_cleanup(struct gh_mutator *m, void *obj, gh_cleanup_fn *fn,
                                        void *ctx);
/* Take it away. True if it will not run; false if it has been queued already (or has run, or
 * was stopped before). Only while the caller holds a reference to the object can he be sure of
 * true. Not a safepoint. */
GH_API bool gh_cleanup_stop(struct gh_mutator *m, struct gh_cleanup c);

/* --- weak pointers --- */

/* A small object of the heap that knows an address without keeping its object alive. References
 * to it are ordinary ones: in slots, in roots, in objects by gh_store. */
struct gh_weak;

/* The weak pointer for `obj`, which may be interior. The same address of the same object gives
 * the same weak pointer as long as the object lives, so they compare equal exactly if the
 * pointers they were made of were equal, and still after its death; different addresses in one
 * object give different ones. One that is made after a resurrection is a new one. NULL for
 * NULL. Safepoint (the first one for an address is allocated); `obj` is kept alive meanwhile.
 */
GH_API struct gh_weak *gh_weak_make(struct gh_mutator *m, void *obj);
/* The pointer it was made of, or NULL if the object was found dead: from the end of the marking
 * that did not reach it, before its finalizer is queued, and for good. NULL for NULL. Not a
 * safepoint. */
GH_API void *gh_weak_get(struct gh_mutator *m, struct gh_weak *w);

/* --- pins --- */

/* Keep the object that `obj` points into alive and where it is, as a root does, until it has
 * been unpinned as often as it was pinned. For references that are kept where the collector
 * does not look. Not a safepoint. */
GH_API void gh_pin(struct gh_mutator *m, void *obj);
/* Throws if the object is not pinned. Not a safepoint. Closing a heap with an object pinned
 * throws too: whoever forgot it may still be using the memory. */
GH_API void gh_unpin(struct gh_mutator *m, void *obj);
/* How often it is pinned at this moment. */
GH_API uint64_t gh_pin_count(struct gh_mutator *m, void *obj);

/* --- the queue --- */

struct gh_finalizer_stats {
    uint64_t finalizers_queued, finalizers_run; /* run: returned */
    uint64_t cleanups_queued, cleanups_run;
};

/* Wait until nothing is queued and nothing is running. Together with gh_gc before it: all that
 * was unreachable at the call of gh_gc has been seen to. Safepoint. Throws when called by a
 * finalizer or cleanup. */
GH_API void gh_finalizers_wait(struct gh_mutator *m);
/* /gc/finalizers and /gc/cleanups of runtime/metrics. Any thread. */
GH_API void gh_read_finalizer_stats(struct gh_heap *heap, struct gh_finalizer_stats *out);

GH_EXTERN_C_END
#endif
