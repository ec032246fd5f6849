/* stage.h - concurrent marking by hand: a heap whose cycles no thread marks, with two mutators
 * that one test thread plays. So every interleaving is a sequence of statements.
 *
 * stage_begin runs the collector's own stop 1. After it `a` has scanned its stack; `b` runs and
 * has not reached a safepoint yet, so that its stack is still to be scanned. Nothing is marked
 * but by stage_drain, and nothing ends but by stage_end. Objects do not move, so the tests keep
 * raw pointers to them, on purpose. */
#ifndef GH_TESTS_GC_STAGE_H
#define GH_TESTS_GC_STAGE_H

#include "alloc/base/bits.h"
#include "alloc/spaces/go/markbits.h"
#include "gc/core/assist.h"
#include "gc/core/barrier.h"
#include "gc/core/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

enum { STAGE_SLOTS = 8 };

struct node {
    struct node *next, *other;
    uint64_t id;
};

struct stage {
    struct gh_heap *heap;
    struct gh_mutator *a, *b;
    const struct gh_type *node;
    struct gh_cycle cycles[16]; /* as reported, in order */
    unsigned ncycles;
};

static void
stage_note_cycle(void *ctx, const struct gh_cycle *c)
{
    struct stage *s = ctx;
    if (s->ncycles < 16)
        s->cycles[s->ncycles++] = *c;
}

static inline void
stage_open_with(struct stage *s, const struct gh_config *given)
{
    struct gh_config c = *given;
    struct gh_error err;
    c.gogc = GH_GOGC_OFF;
    c.background = false;
    *s = (struct stage){.heap = gh_heap_open(&c, &err)};
    assert_non_null(s->heap);
    s->heap->mark_phase.nthreads_max = 0; /* as on a machine that refuses us threads */
    gh_observe(s->heap, &(struct gh_observer){.ctx = s, .cycle = stage_note_cycle});
    s->node = gh_type_small(s->heap, "node", sizeof(struct node),
                            GH_PTR(struct node, next) | GH_PTR(struct node, other));
    s->a = gh_attach(s->heap, "a");
    s->b = gh_attach(s->heap, "b");
    gh_frame_push(s->a, STAGE_SLOTS);
    gh_frame_push(s->b, STAGE_SLOTS);
}

static inline void
stage_open(struct stage *s)
{
    struct gh_config c;
    gh_config_init(&c);
    c.procs = 4;
    c.verify = true;
    stage_open_with(s, &c);
}

static inline void
stage_leave(struct gh_mutator *m)
{
    gh_frame_pop(m, STAGE_SLOTS);
    gh_detach(m);
}

static inline struct node *
stage_node(struct stage *s)
{
    return gh_new(s->a, s->node);
}

/* The world as `m` sees it between two safepoints: running, whatever is wanted of it. */
static inline void
stage_run(struct stage *s, struct gh_mutator *m)
{
    struct procs *p = &s->heap->sched.procs;
    lock_acquire(&p->lock);
    mutator_of(m)->actor.held = false;
    actor_enter_locked(p, &mutator_of(m)->actor);
    lock_release(&p->lock);
}

static inline void
stage_begin(struct stage *s)
{
    gh_blocked_enter(s->b);
    mutator_of(s->b)->actor.held = true; /* nobody scans its stack meanwhile */
    s->heap->collector->collect(s->heap, mutator_of(s->a), GC_TRIGGER_TORTURE);
    assert_true(mark_phase_is_on(&s->heap->mark_phase));
    stage_run(s, s->b);
    assert_int_equal(atomic_load(&s->heap->mark_phase.stacks_left), 1);
    atomic_fetch_add(&s->heap->mark_phase.busy, 1); /* so that no safepoint ends the phase */
}

/* Mark all that is grey and published. */
static inline void
stage_drain(struct stage *s)
{
    struct mark_phase *p = &s->heap->mark_phase;
    p->stopped_worker.scan_limit = UINT64_MAX;
    mark_phase_begin_drain(p, &p->stopped_worker);
    while (mark_phase_drain(p, &p->stopped_worker))
        continue;
    mark_phase_end_drain(p, &p->stopped_worker);
}

/* Grey what the barrier of `m` has buffered. */
static inline void
stage_flush(struct gh_mutator *m)
{
    barrier_flush(mutator_mark(mutator_of(m)));
    marker_publish(&mutator_mark(mutator_of(m))->work);
}

/* With `b` asleep: mark until the cycle is over. */
static inline void
stage_finish(struct stage *s)
{
    struct mark_phase *p = &s->heap->mark_phase;
    atomic_fetch_sub(&p->busy, 1);
    while (mark_phase_is_on(p)) {
        stage_drain(s);
        mark_phase_finish_if_quiet(p, &mutator_of(s->a)->actor);
        gh_safepoint_slow(s->a);
    }
}

static inline void
stage_end(struct stage *s)
{
    gh_blocked_enter(s->b);
    stage_finish(s);
    gh_blocked_exit(s->b);
}

static inline void
stage_close(struct stage *s)
{
    stage_leave(s->a);
    stage_leave(s->b);
    gh_heap_close(s->heap);
}

static inline bool
stage_is_marked(const struct stage *s, const void *obj)
{
    struct object_ref o;
    assert_true(gospace_find_object(&s->heap->space, (uintptr_t)obj, &o));
    return markbits_is_set(o.span, o.index);
}

/* Objects alive after the cycle, by the sweep's count. */
static inline uint64_t
stage_objects(struct stage *s)
{
    struct gh_memstats st;
    gh_blocked_enter(s->b);
    gh_read_memstats(s->heap, s->a, &st);
    gh_blocked_exit(s->b);
    return st.heap_objects;
}

#endif
