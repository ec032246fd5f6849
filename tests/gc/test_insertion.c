/* test_insertion.c - the half of the barrier that shades what is stored: a mutator that runs
 * with a stack that is still to be scanned hides a white object behind a black one.
 *
 * docs/design/barrier.md, "How long a stack waits": such a mutator has waited for the stop in
 * which marking begins in order to stop the world itself. Here one does: it waits, running, for
 * that stop to be wanted, and then asks for its own. Its stack is `b`'s; all the rest is played
 * by `a` (stage.h), hand over hand. What is lost is found by gccheckmark, which ends the
 * process. */
#include "tests/gc/stage.h"

#include <pthread.h>
#include <sched.h>

enum turn { TURN_STOP, TURN_MARK, TURN_HIDE };

struct hiding {
    struct stage s;
    struct node *black;
    _Atomic(int) turn; /* enum turn: whose, and for what */
};

static void
wait_for_turn(struct hiding *h, enum turn turn)
{
    while (atomic_load(&h->turn) != (int)turn)
        sched_yield();
}

/* On a thread of its own, as `b`; no safepoint but the stop. */
static void *
hider(void *arg)
{
    struct hiding *h = arg;
    struct gh_mutator *b = h->s.b;
    struct gh_memstats stats;
    while (!procs_stop_wanted(&h->s.heap->sched.procs))
        sched_yield();
    gh_read_memstats(h->s.heap, b, &stats);
    atomic_store(&h->turn, TURN_MARK);
    wait_for_turn(h, TURN_HIDE);
    gh_store(b, &h->black->next, GH_SLOT(b, struct node, 0));
    GH_SLOT(b, struct node, 0) = NULL;
    return NULL;
}

static void
what_an_unscanned_stack_hides_behind_a_black_object_is_marked(void **state)
{
    (void)state;
    struct hiding h = {.turn = TURN_STOP};
    struct stage *s = &h.s;
    struct gh_config c;
    pthread_t thread;
    gh_config_init(&c);
    c.procs = 4;
    c.debug.gccheckmark = true;
    stage_open_with(s, &c);
    struct node *white = stage_node(s);
    h.black = stage_node(s);
    GH_SLOT(s->a, struct node, 0) = h.black;
    GH_SLOT(s->b, struct node, 0) = white;

    assert_int_equal(pthread_create(&thread, NULL, hider, &h), 0);
    s->heap->collector->collect(s->heap, mutator_of(s->a), GC_TRIGGER_TORTURE);
    do
        gh_safepoint_slow(s->a); /* let it have its stop; and our stack is scanned */
    while (atomic_load(&h.turn) != TURN_MARK);
    assert_true(mark_phase_is_on(&s->heap->mark_phase));
    assert_true(s->b->barrier);
    assert_int_equal(atomic_load(&s->heap->mark_phase.stacks_left), 1);
    atomic_fetch_add(&s->heap->mark_phase.busy, 1); /* as stage_begin does */
    stage_drain(s);
    assert_true(stage_is_marked(s, h.black));
    assert_false(stage_is_marked(s, white));
    atomic_store(&h.turn, TURN_HIDE);
    pthread_join(thread, NULL);

    stage_end(s);
    assert_ptr_equal(h.black->next, white);
    assert_int_equal(stage_objects(s), 2);
    stage_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_unscanned_stack_hides_behind_a_black_object_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
