/* test_fatal.c - what must end the process, and what it says then: broken heaps, a stack
 * without end, a mutator that does not stop. Each runs in a child. */
#include "tests/base/death.h"
#include "tests/gc/testheap.h"

#include <unistd.h>

enum { NODE_BYTES = 48 };

static struct gh_mutator *
open_and_attach(const char *name, const struct gh_type **node)
{
    struct gh_config c = testheap_config(GH_GOGC_OFF);
    c.verify = true;
    struct gh_heap *h = testheap_open(&c);
    if (node != NULL)
        *node = gh_type_small(h, "node", NODE_BYTES, 1);
    return gh_attach(h, name);
}

static void
close_with_a_mutator(void *arg)
{
    (void)arg;
    struct gh_mutator *m = open_and_attach("straggler", NULL);
    struct gh_heap *h = m->heap;
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_TORTURE); /* a cycle may be under way */
    gh_heap_close(h);
}

static void
closing_names_a_mutator_that_is_left(void **state)
{
    (void)state;
    death_expect(close_with_a_mutator, NULL,
                 "gh_heap_close: 1 mutators are still attached, first \"straggler\"");
}

static void
store_bad_pointer(void *arg)
{
    const struct gh_type *node;
    struct gh_mutator *m = open_and_attach("test", &node);
    GH_FRAME(m, 1);
    void *p = gh_new(m, node);
    GH_SLOT(m, char, 0) = (char *)((uintptr_t)p | (GH_PAGE - 1)) + 64 * GH_PAGE;
    gh_gc(m);
}

static void
bad_pointer_is_fatal(void **state)
{
    death_expect(store_bad_pointer, NULL, "bad pointer");
}

static void
lose_all_marks(void *arg)
{
    const struct gh_type *node;
    struct gh_mutator *m = open_and_attach("test", &node);
    GH_FRAME(m, 1);
    void *p = gh_new(m, node);
    GH_SLOT(m, void, 0) = p;
    struct gh_heap *h = m->heap;
    world_stop(&h->sched, &mutator_of(m)->actor);
    gospace_finish_sweep(&h->space);
    heap_flush_mutators_stw(h);
    gospace_start_mark_stw(&h->space);
    verify_marks_stw(h); /* nothing has been marked */
}

static void
lost_mark_is_found_by_the_verifier(void **state)
{
    death_expect(lose_all_marks, NULL, "reachable but not marked");
}

static void
mark_too_much(void *arg)
{
    const struct gh_type *node;
    struct gh_mutator *m = open_and_attach("test", &node);
    void *p = gh_new(m, node);
    struct gh_heap *h = m->heap;
    struct gh_cycle c = {0};
    gh_roots_add(h, &p, 1);
    world_stop(&h->sched, &mutator_of(m)->actor);
    gospace_finish_sweep(&h->space);
    heap_flush_mutators_stw(h);
    gospace_start_mark_stw(&h->space);
    marker_begin_stw(&h->marker);
    marker_root(&h->marker.workers[0], &p);
    struct mark_result found;
    marker_finish_stw(&h->marker, &found);
    p = NULL; /* marked, but reachable from nowhere */
    c.objects_marked = found.objects;
    CHECK(verify_marks_stw(h) == c.objects_marked, "test: marked but not reachable");
}

static void
mark_of_garbage_is_found_by_the_count(void **state)
{
    death_expect(mark_too_much, NULL, "marked but not reachable");
}

static void
reach_a_free_slot(void *arg)
{
    const struct gh_type *node;
    struct gh_mutator *m = open_and_attach("test", &node);
    GH_FRAME(m, 2);
    char *p = gh_new(m, node);
    GH_SLOT(m, char, 0) = p;
    GH_SLOT(m, char, 1) = p + 10 * NODE_BYTES; /* nobody has allocated it */
    gh_gc(m);
}

static void
reference_to_a_free_slot_is_fatal(void **state)
{
    death_expect(reach_a_free_slot, NULL, "a free slot");
}

static void
endless(struct gh_mutator *m, volatile bool *stop)
{
    GH_FRAME(m, 16 << 20); /* 128 MiB: eight of them are too many */
    if (!*stop)
        endless(m, stop);
    GH_SLOT(m, void, 0) = NULL;
}

static void
overflow(void *arg)
{
    volatile bool stop = false;
    endless(open_and_attach("deep", NULL), &stop);
}

static void
stack_overflow_names_the_mutator(void **state)
{
    death_expect(overflow, NULL,
                 "stack overflow: the stack of mutator \"deep\" exceeds the "
                 "1000000000-byte limit");
}

static void *
deaf(void *heap)
{
    gh_attach(heap, "the deaf one");
    for (;;)
        sleep(1);
    return NULL;
}

static void
stop_the_deaf(void *arg)
{
    struct gh_mutator *m = open_and_attach("me", NULL);
    pthread_t t;
    pthread_create(&t, NULL, deaf, m->heap);
    usleep(200000);
    gh_gc(m);
}

static void
mutator_that_never_stops_is_named(void **state)
{
    death_expect(stop_the_deaf, NULL, "mutator \"the deaf one\" has not reached a safepoint");
}

static _Atomic(bool) asleep;

/* Sleeps when the phase begins, with nobody to scan its stack; then runs, scans it, and comes
 * to no safepoint more. Nothing is asked of it before, as the phase is not quiet. */
static void *
deaf_to_marking(void *heap)
{
    struct gh_heap *h = heap;
    struct mark_phase *p = &h->mark_phase;
    struct gh_mutator *m = gh_attach(h, "the deaf one");
    struct actor *self = &mutator_of(m)->actor;
    gh_blocked_enter(m);
    self->held = true;
    atomic_store(&asleep, true);
    while (!mark_phase_is_on(p))
        usleep(1000);
    lock_acquire(&h->sched.procs.lock);
    procs_wait_for_start_locked(&h->sched.procs);
    self->held = false;
    actor_enter_locked(&h->sched.procs, self);
    lock_release(&h->sched.procs.lock);
    atomic_fetch_add(&p->busy, 1);
    while (atomic_load(&p->stacks_left) > 0)
        gh_safepoint_slow(m);
    atomic_fetch_sub(&p->busy, 1);
    for (;;)
        sleep(1);
    return NULL;
}

static void
hold_up_the_marking(void *arg)
{
    struct gh_mutator *m = open_and_attach("me", NULL);
    pthread_t t;
    alarm(100); /* or a watchdog that sleeps would keep us waiting */
    pthread_create(&t, NULL, deaf_to_marking, m->heap);
    while (!atomic_load(&asleep))
        usleep(1000);
    gh_gc(m);
}

static void
mutator_that_holds_up_marking_is_named(void **state)
{
    death_expect(hold_up_the_marking, NULL,
                 "marking: mutator \"the deaf one\" has not reached a safepoint");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_names_a_mutator_that_is_left),
        cmocka_unit_test(bad_pointer_is_fatal),
        cmocka_unit_test(lost_mark_is_found_by_the_verifier),
        cmocka_unit_test(mark_of_garbage_is_found_by_the_count),
        cmocka_unit_test(reference_to_a_free_slot_is_fatal),
        cmocka_unit_test(stack_overflow_names_the_mutator),
        cmocka_unit_test(mutator_that_never_stops_is_named),
        cmocka_unit_test(mutator_that_holds_up_marking_is_named),
    };
    return cmocka_run_group_tests_name("fatal", tests, NULL, NULL);
}
