/* mutator.h - what a workload thread holds, and the inline paths: allocate, push a frame,
 * store, poll.
 *
 * The contract, in four sentences (docs/design/mutator.md gives the reasons):
 *   1. A heap reference that must survive a safepoint lives in a frame slot, in a registered
 *      root, or in an object. A raw pointer in a C local is dead after anything that can be a
 *      safepoint: an allocation, a poll, a frame push, or a call that does one of these.
 *   2. References are stored into objects and roots with gh_store; frame slots are plain.
 *   3. A loop that neither allocates nor pushes frames polls.
 *   4. A thread that blocks brackets the wait with gh_blocked_enter and gh_blocked_exit, and
 *      touches no heap memory between them.
 *
 * Everything here is called by the thread that attached the mutator, and by no other. */
#ifndef GH_GC_API_MUTATOR_H
#define GH_GC_API_MUTATOR_H

#include "alloc/base/check.h"
#include "alloc/base/compiler.h"
#include "alloc/base/config.h"
#include "alloc/base/run.h"
#include "alloc/base/type.h"

#include <string.h>

GH_EXTERN_C_BEGIN

struct gh_heap;

/* What a store has to do for the collector. */
enum gh_barrier {
    GH_BARRIER_OFF,
    GH_BARRIER_FULL,    /* shade the old value and the new one */
    GH_BARRIER_DELETION /* only the old one: the mutator's stack has been scanned */
};

/* The public part of a mutator: only what the inline paths touch. */
struct gh_mutator {
    /* owner mutator */
    void **fp; /* slot 0 of the innermost frame; fp[-1] = its number of slots */
    /* written by anyone: lowest legal fp, or UINTPTR_MAX when a safepoint is wanted */
    uintptr_t stack_guard;
    /* enum gh_barrier. Written in a stopped world, and by who scans the stack; read by owner */
    uint8_t barrier;
    /* owner mutator: the tiny block being filled, 0 if none */
    uint32_t tiny_offset;
    uintptr_t tiny;
    uint64_t tiny_allocs;
    uintptr_t fresh;      /* the youngest run that was born black in this cycle, */
    size_t fresh_bytes;   /* or 0 bytes; so at stop 1 */
    struct gh_heap *heap; /* immutable */
    struct gh_run runs[GH_SPAN_CLASSES];
};

/* Register the calling thread as a mutator named `name` (for diagnostics; copied). Safepoint:
 * waits while the world is stopped. NULL if the OS refuses memory. */
GH_API struct gh_mutator *gh_attach(struct gh_heap *heap, const char *name);
/* Unregister. The stack must be empty of frames. */
GH_API void gh_detach(struct gh_mutator *m);

/* --- safepoints --- */

GH_API GH_NOINLINE void gh_safepoint_slow(struct gh_mutator *m);

/* Loop back-edges. Two instructions and a never-taken branch. */
GH_INLINE void
gh_poll(struct gh_mutator *m)
{
    /* relaxed: only asks whether somebody wants us; the slow path synchronizes */
    uintptr_t guard = __atomic_load_n(&m->stack_guard, __ATOMIC_RELAXED);
    if (GH_UNLIKELY((uintptr_t)m->fp < guard))
        gh_safepoint_slow(m);
}

/* Leaving and re-entering the world of mutators, around anything that can block. */
GH_API void gh_blocked_enter(struct gh_mutator *m);
GH_API void gh_blocked_exit(struct gh_mutator *m);

/* --- frames on the managed stack --- */

GH_API GH_NOINLINE void gh_frame_push_slow(struct gh_mutator *m, size_t slots);

/* Push a frame of `slots` slots, all NULL. Safepoint, and the stack may move. A slot holds a
 * reference to an object (interior is fine), NULL, or the address of a slot of the same stack.
 */
GH_INLINE void
gh_frame_push(struct gh_mutator *m, size_t slots)
{
    void **fp = m->fp - (slots + 1);
    /* relaxed: see gh_poll */
    uintptr_t guard = __atomic_load_n(&m->stack_guard, __ATOMIC_RELAXED);
    if (GH_UNLIKELY((uintptr_t)fp < guard)) {
        gh_frame_push_slow(m, slots);
        return;
    }
    fp[-1] = (void *)slots;
    for (size_t i = 0; i < slots; i++)
        fp[i] = NULL;
    m->fp = fp;
}

GH_INLINE void
gh_frame_pop(struct gh_mutator *m, size_t slots)
{
    ASSERT(m->fp[-1] == (void *)slots, "gh_frame_pop: frame has %zu slots, popped as %zu",
           (size_t)m->fp[-1], slots);
    m->fp += slots + 1;
}

/* `GH_FRAME(m, 3);` pushes a frame that is popped at the end of the C scope, whichever way it
 * is left. Slots are GH_SLOT(m, type, i), for reading and writing. */
struct gh_frame_scope {
    struct gh_mutator *m;
    size_t slots;
};
GH_INLINE void
gh_frame_scope_end(struct gh_frame_scope *s)
{
    gh_frame_pop(s->m, s->slots);
}
#define GH_FRAME(mutator, n)                                                                   \
    GH_UNUSED __attribute__((cleanup(gh_frame_scope_end))) struct gh_frame_scope gh_frame_ = { \
        (mutator), (n)};                                                                       \
    gh_frame_push((mutator), (n))
/* Never `GH_SLOT(m, T, 0) = f(m);`: C may compute the slot's address before the call, and the
 * stack may move in it. Take the result in a local first: `T *x = f(m); GH_SLOT(m, T, 0) = x;`
 */
#define GH_SLOT(mutator, type, i) (((type **)(void *)(mutator)->fp)[i])
/* Slot i of the frame below the innermost one, which has n slots: how a function that has
 * pushed its frame reaches an argument that its caller keeps in a slot. */
#define GH_OUTER_SLOT(mutator, type, n, i) (((type **)(void *)(mutator)->fp)[(n) + 1 + (i)])

/* --- allocation --- */

GH_API GH_NOINLINE void *gh_new_slow(struct gh_mutator *m, const struct gh_type *t);
GH_API GH_NOINLINE void *gh_new_dress(uintptr_t p, const struct gh_type *t);
GH_API GH_NOINLINE void *gh_new_tiny_slow(struct gh_mutator *m, size_t bytes);
GH_API void *gh_new_bytes_slow(struct gh_mutator *m, size_t bytes);

/* A zeroed object of type `t`. Safepoint. Never NULL: running out of memory is fatal.
 *
 * The fast path is at most 12 instructions (scripts/check-fast-path disassembles and counts).
 */
GH_INLINE void *
gh_new(struct gh_mutator *m, const struct gh_type *t)
{
    struct gh_run *r = (struct gh_run *)(void *)((char *)m + t->run_offset);
    uintptr_t p = r->next;
    uintptr_t end = p + t->slot_bytes;
    if (GH_UNLIKELY(end > r->limit))
        return gh_new_slow(m, t);
    r->next = end;
    if (GH_UNLIKELY(r->mask != t->run_mask))
        return gh_new_dress(p, t);
    return (void *)p;
}

/* A zeroed object of 1 to 15 bytes without references, packed with its neighbours into a
 * 16-byte block that is freed as a whole. Aligned as Go aligns it: by 8, 4, 2 if the size is a
 * multiple of that. Safepoint. */
GH_INLINE void *
gh_new_tiny(struct gh_mutator *m, size_t bytes)
{
    uint32_t off = m->tiny_offset;
    if ((bytes & 7) == 0)
        off = (off + 7) & ~7u;
    else if ((bytes & 3) == 0)
        off = (off + 3) & ~3u;
    else if ((bytes & 1) == 0)
        off = (off + 1) & ~1u;
    if (GH_UNLIKELY(off + bytes > GH_TINY_SIZE || m->tiny == 0))
        return gh_new_tiny_slow(m, bytes);
    m->tiny_offset = off + (uint32_t)bytes;
    m->tiny_allocs++;
    return (void *)(m->tiny + off);
}

/* Zeroed memory without references, any size; 0 bytes all share one address. Safepoint. */
GH_INLINE void *
gh_new_bytes(struct gh_mutator *m, size_t bytes)
{
    if (bytes - 1 < GH_TINY_SIZE - 1)
        return gh_new_tiny(m, bytes);
    return gh_new_bytes_slow(m, bytes);
}

/* `n` values of type `t`, contiguous, zeroed. Safepoint. The product must not overflow 2^47. */
GH_API void *gh_new_array(struct gh_mutator *m, const struct gh_type *t, size_t n);

/* --- references in memory --- */

GH_API GH_NOINLINE void gh_barrier_slow(struct gh_mutator *m, void **slot, void *value);

/* Store a reference into an object or a registered root. Not a safepoint. */
GH_INLINE void
gh_store(struct gh_mutator *m, void *slot, void *value)
{
    if (GH_UNLIKELY(m->barrier)) {
        gh_barrier_slow(m, (void **)slot, value);
        return;
    }
    /* A marker may read the slot at the same time: it sees the old or the new value, each of
     * which the barrier has accounted for. release: whoever finds the object through the slot
     * finds it, and its span, made; pairs with the acquire where markers read slots. */
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
}

/* Copy or clear `n` words of references, in objects or registered roots, with one barrier for
 * all: what typedmemmove and memclrHasPointers are to Go. The ranges may overlap. Not a
 * safepoint. */
GH_API void gh_copy_refs(struct gh_mutator *m, void *to, const void *from, size_t n);
GH_API void gh_clear_refs(struct gh_mutator *m, void *at, size_t n);

GH_EXTERN_C_END
#endif
