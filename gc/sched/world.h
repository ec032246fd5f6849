/* world.h - who runs, and how everybody is made to stand still. Go: stopTheWorldWithSema.
 *
 * Note [stopping the world]. All states change under the WORLD lock, so the argument is short.
 *   - `running` counts the mutators in state RUNNING. A mutator touches the heap only in that
 *     state, and enters it only under the lock with stop_wanted false.
 *   - A stopper sets stop_wanted under the lock, then waits until running == 0. From there on,
 *     until he clears it, nobody can become RUNNING: the world is stopped.
 *   - The lock orders every heap access of a mutator before its stop with every access of the
 *     stopper, and back again: collector code needs no atomics against mutators.
 *   - Stoppers exclude each other by stop_wanted. One who waits for his turn counts as
 *     stopped, so two that want to stop at once cannot wait for each other.
 * Mutators notice through stack_guard (gh_poll, gh_frame_push) and in allocation slow paths;
 * there are no signals. One that does not notice for 10 s is reported by name, fatally.     */
#ifndef GH_GC_SCHED_WORLD_H
#define GH_GC_SCHED_WORLD_H

#include "gc/sched/mutator.h"

struct sched {
    /* immutable after sched_open */
    struct gospace *space;
    struct pages *pages;
    struct gh_heap *heap;
    bool shrink_stacks;

    struct lock lock; /* WORLD */
    struct cond everybody_stopped, world_started;
    /* guarded by lock */
    struct mutator *mutators;
    unsigned nmutators, running;
    struct fixalloc records;
    uint64_t copies_retired, shrinks_retired; /* of detached mutators */

    /* written under lock; atomic: mutators look without it, relaxed, as a hint only */
    _Atomic(bool) stop_wanted;
};

void sched_open(struct sched *s, struct gh_heap *heap, struct gospace *space,
                struct pages *pages);
void sched_close(struct sched *s);

/* Stop every mutator; `self` is the caller's own, or NULL if his thread has none. Returns with
 * the world stopped and the caller its only actor. Returns how long it took, in ns, without the
 * wait for others who had stopped it before. */
int64_t world_stop(struct sched *s, struct mutator *self);
/* Let it run again. `self` as before. */
void world_start(struct sched *s, struct mutator *self);
/* Whether a stop is wanted: a hint, for polls in slow paths. */
bool world_stop_wanted(const struct sched *s);

/* See gh_attach, gh_detach; tiny-allocator statistics are the business of the caller. */
struct mutator *mutator_attach(struct sched *s, const char *name);
void mutator_detach(struct mutator *m);

/* Stop here if a stop is wanted. Owner. */
void mutator_safepoint(struct mutator *m);

/* --- frames.c --- */

/* First stack of a new mutator: GH_STACK_MIN bytes. False if the OS refuses. */
bool stack_init(struct mutator *m);
void stack_finish(struct mutator *m);
/* The guard in force when nobody wants anything of the mutator. */
uintptr_t stack_own_guard(const struct mutator *m);
/* Owner: halve the stack if the last scan asked for it. */
void stack_shrink_if_wanted(struct mutator *m);
/* _stw: call visit(ctx, slot) for each slot that may hold a heap reference, and decide whether
 * the stack should shrink. Returns the bytes in use. */
size_t stack_scan_stw(struct mutator *m, void (*visit)(void *ctx, void **slot), void *ctx);

#endif
