/* world.h - who runs, how everybody is made to stand still, and how every mutator is made to do
 * something for itself. Go: stopTheWorldWithSema, forEachP, casGToScan.
 *
 * Note [stopping the world]. All states change under the WORLD lock, so the argument is short.
 *   - `running` counts the actors in state RUNNING. Mutators touch the heap, and workers mark,
 *     only in that state, and nobody enters it while stop_wanted is set (procs.h).
 *   - A stopper sets stop_wanted under the lock, becomes STOPPER itself, and waits until
 *     running == 0. From there on, until it clears it, the world is stopped.
 *   - The lock orders every heap access of an actor before its stop with every access of the
 *     stopper, and back again: code for a stopped world needs no atomics against mutators.
 *   - Stoppers exclude each other by stop_wanted. One that waits for its turn counts as
 *     stopped, so two that want to stop at once cannot wait for each other.
 * Actors notice through their guard word (gh_poll, gh_frame_push), and in allocation slow
 * paths; there are no signals. One that does not notice for 10 s is reported by name, fatally.
 *
 * Note [requests]. What every mutator has to do once, at a safepoint of its own (scan the
 * stack, flush buffers), is posted as a bit in `requests`. A mutator that is RUNNING serves it
 * itself, at its next safepoint, also when it is about to block. One that was not
 * RUNNING when the bit was posted may sleep for long: anybody may serve it then, by making it
 * `held` under the lock, so that it cannot run before that is done (world_serve_idle). So after
 * world_post and one world_serve_idle every mutator has been served or is RUNNING, and each bit
 * is served once, because it is cleared under the lock by the one who serves it. What a server
 * does to a mutator is ordered with the mutator's own accesses by the lock.                  */
#ifndef GH_GC_SCHED_WORLD_H
#define GH_GC_SCHED_WORLD_H

#include "gc/sched/mutator.h"

enum {
    REQUEST_SCAN = 1,  /* scan your stack */
    REQUEST_FLUSH = 2, /* publish what you have greyed */
    REQUEST_SLICE = 4, /* lend your processor to the marking for a while */
};

/* What the sched does not know about mutators: set once, by the heap. */
struct sched_client {
    void *ctx;
    /* Owner, RUNNING, no safepoint: make and destroy m->client. False: out of memory. */
    bool (*attach)(void *ctx, struct mutator *m);
    void (*detach)(void *ctx, struct mutator *m);
    /* Serve requests. `owner`: by its own thread, at a safepoint (and may be one itself);
     * otherwise by another RUNNING actor while `m` is held. No locks are held. */
    void (*serve)(void *ctx, struct mutator *m, uint32_t requests, bool owner);
};

struct sched {
    struct procs procs;
    /* immutable after sched_open */
    struct gospace *space;
    struct pages *pages;
    struct gh_heap *heap;
    struct sched_client client;
    bool shrink_stacks;

    /* guarded by the WORLD lock */
    unsigned nmutators;
    struct fixalloc records;
    uint64_t copies_retired, shrinks_retired; /* of detached mutators */
};

void sched_open(struct sched *s, struct gh_heap *heap, struct gospace *space,
                struct pages *pages, int procs);
void sched_close(struct sched *s);

/* Stop every actor; `self` is the caller's own (RUNNING), or NULL if his thread has none.
 * Returns with the world stopped and the caller its only actor. Returns how long it took, in
 * ns, without the wait for others who had stopped it before. */
int64_t world_stop(struct sched *s, struct actor *self);
/* Let it run again. `self` as before. Not a safepoint: what has been posted meanwhile is served
 * at the next one. */
void world_start(struct sched *s, struct actor *self);

/* The mutators, for a stopped world or under the lock: those that are fully attached. */
struct mutator *world_first(struct sched *s);
struct mutator *world_next(struct mutator *m);

/* Ask every mutator for something; how many were asked. Under the lock or _stw. */
unsigned world_post_locked(struct sched *s, uint32_t requests);
/* RUNNING actor: serve those who do not run. */
void world_serve_idle(struct sched *s);

/* See gh_attach, gh_detach; tiny-allocator statistics are the business of the caller. */
struct mutator *mutator_attach(struct sched *s, const char *name);
void mutator_detach(struct mutator *m);

/* Owner: serve what is wanted: requests, stops, handing over the processor. */
void mutator_safepoint_slow(struct mutator *m);
GH_INLINE void
mutator_safepoint(struct mutator *m)
{
    if (GH_UNLIKELY(actor_is_wanted(&m->actor)))
        mutator_safepoint_slow(m);
}

/* Owner, RUNNING: answer requests, but keep the processor, whoever wants it or a stop. The
 * stack may move. */
void mutator_serve(struct mutator *m);

/* --- frames.c --- */

/* First stack of a new mutator: GH_STACK_MIN bytes. False if the OS refuses. */
bool stack_init(struct mutator *m);
void stack_finish(struct mutator *m);
/* Owner: halve the stack if the last scan asked for it. */
void stack_shrink_if_wanted(struct mutator *m);
/* Owner at a safepoint, server of a held mutator, or _stw: call visit(ctx, slot) for each slot
 * that may hold a heap reference, the newborn's too, and decide whether the stack should
 * shrink. Returns the bytes in use. */
size_t stack_scan(struct mutator *m, void (*visit)(void *ctx, void **slot), void *ctx);

#endif
