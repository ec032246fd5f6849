/* test_cycle.c - a cycle of the concurrent collector from its beginning to its report.
 *
 * The collector is compiled once more into this test, with a world_stop that counts, and that
 * can let something happen just before the stop. */
#include "tests/gc/stage.h"
#include "tests/gc/testheap.h"

static int64_t watched_stop(struct sched *s, struct actor *self);
static void watched_launch(struct mark_phase *p);
#define world_stop        watched_stop
#define mark_phase_launch watched_launch
#define collector_go      collector_watched
#include "gc/collectors/go.c"
#undef world_stop
#undef mark_phase_launch

#include <stdio.h>

enum { THREADS = 4, ROUNDS = GH_TORTURE ? 5 : 30, LONG_LIST = 4000, MUCH = 10000 };

static struct {
    _Atomic(int) stops, launches;
    void (*before_stop)(struct stage *s); /* called once, then forgotten */
    struct stage *stage;
    struct node *x, *y;
} watch;

static int64_t
watched_stop(struct sched *s, struct actor *self)
{
    void (*before)(struct stage *) = watch.before_stop;
    atomic_fetch_add(&watch.stops, 1);
    watch.before_stop = NULL;
    if (before != NULL)
        before(watch.stage);
    return world_stop(s, self);
}

static void
watched_launch(struct mark_phase *p)
{
    atomic_fetch_add(&watch.launches, 1);
    mark_phase_launch(p);
}

static void
watch_heap(struct gh_heap *h)
{
    memset(&watch, 0, sizeof watch);
    h->collector = &collector_watched;
    h->mark_phase.terminate = collector_watched.terminate;
}

static void
open_watched(struct stage *s)
{
    stage_open(s);
    watch_heap(s->heap);
    watch.stage = s;
}

/* --- stops --- */

static void
cycle_stops_the_world_twice(void **state)
{
    struct stage s;
    open_watched(&s);
    for (unsigned i = 0; i < 3; i++) {
        struct node *x = stage_node(&s);
        GH_SLOT(s.a, struct node, 0) = x;
        stage_begin(&s);
        assert_int_equal(watch.stops, 2 * i + 1);
        stage_end(&s);
        assert_int_equal(watch.stops, 2 * i + 2);
        const struct gh_cycle *c = &s.cycles[i];
        assert_int_equal(c->restarts, 0);
        assert_int_equal(c->pause_ns, c->sweep_term_ns + c->mark_term_ns);
        assert_int_equal(c->stop_wait_ns, c->stop_waits_ns[0] + c->stop_waits_ns[1]);
        assert_true(c->stop_waits_ns[0] <= c->sweep_term_ns);
        assert_true(c->stop_waits_ns[1] <= c->mark_term_ns);
    }
    stage_close(&s);
}

/* `b` answers the ragged barrier with a full buffer, asleep: that costs no stop. */
static void
ragged_barrier_publishes_what_sleepers_have_buffered(void **state)
{
    struct stage s;
    open_watched(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.b, struct node, 0) = y;
    stage_begin(&s);
    stage_drain(&s);
    gh_store(s.b, &x->next, y);
    GH_SLOT(s.b, struct node, 0) = NULL;
    stage_end(&s);
    assert_int_equal(watch.stops, 2);
    assert_int_equal(s.cycles[0].restarts, 0);
    assert_int_equal(stage_objects(&s), 2);
    stage_close(&s);
}

/* `a` has answered, and stores once more before the world stands still, as one does whose stack
 * is still to be scanned: what it stores nobody else knows. */
static void
store_late(struct stage *s)
{
    assert_int_equal(atomic_load(&s->heap->mark_phase.finishing),
                     FINISH_DECIDING); /* nobody else decides */
    s->a->barrier = GH_BARRIER_FULL;
    gh_store(s->a, &watch.x->next, watch.y);
}

/* A white list of `length` nodes that nobody knows but the test, and a black node. */
static void
prepare_late_store(struct stage *s, int length)
{
    watch.x = stage_node(s);
    GH_SLOT(s->a, struct node, 0) = watch.x;
    for (int i = 0; i < length; i++) {
        struct node *n = stage_node(s);
        gh_store(s->a, &n->next, GH_SLOT(s->a, struct node, 1));
        GH_SLOT(s->a, struct node, 1) = n;
    }
    watch.y = GH_SLOT(s->a, struct node, 1);
    GH_SLOT(s->a, struct node, 1) = NULL;
    stage_begin(s);
    stage_drain(s);
    watch.before_stop = store_late;
}

static void
late_store_is_found_in_the_stop(void **state)
{
    struct stage s;
    open_watched(&s);
    prepare_late_store(&s, 3);
    stage_end(&s);
    assert_int_equal(watch.stops, 2); /* it was little */
    assert_int_equal(s.cycles[0].restarts, 1);
    assert_int_equal(stage_objects(&s), 4);
    stage_close(&s);
}

static void
much_late_work_sends_the_cycle_back_to_marking(void **state)
{
    struct stage s;
    open_watched(&s);
    prepare_late_store(&s, LONG_LIST);
    stage_end(&s);
    assert_int_equal(watch.stops, 3);
    assert_int_equal(s.cycles[0].restarts, 1);
    assert_int_equal(s.ncycles, 1);
    assert_int_equal(stage_objects(&s), LONG_LIST + 1);
    stage_close(&s);
}

/* --- the end of marking --- */

static void
try_to_end(struct stage *s)
{
    mark_phase_finish_if_quiet(&s->heap->mark_phase, &mutator_of(s->a)->actor);
    gh_safepoint_slow(s->a);
}

static void
phase_waits_for_stacks_drainers_and_roots(void **state)
{
    struct stage s;
    static void *root[1];
    open_watched(&s);
    struct mark_phase *p = &s.heap->mark_phase;
    stage_begin(&s);
    stage_drain(&s);
    atomic_fetch_sub(&p->busy, 1); /* the stage's: now only the stack of b is missing */
    try_to_end(&s);
    assert_int_equal(atomic_load(&p->finishing), 0);
    mark_phase_begin_drain(p, &p->stopped_worker); /* somebody drains */
    gh_blocked_enter(s.b);                         /* serves the scan */
    assert_int_equal(atomic_load(&p->stacks_left), 0);
    try_to_end(&s);
    assert_int_equal(atomic_load(&p->finishing), 0);
    gh_roots_add(s.heap, root, 1);
    mark_phase_end_drain(p, &p->stopped_worker);
    try_to_end(&s);
    assert_int_equal(atomic_load(&p->finishing), 0);
    assert_int_equal(watch.stops, 1);
    atomic_fetch_add(&p->busy, 1);
    stage_finish(&s);
    gh_blocked_exit(s.b);
    assert_int_equal(watch.stops, 2);
    gh_roots_remove(s.heap, root);
    stage_close(&s);
}

/* One that runs has not answered: no stop until it has. */
static void
ragged_barrier_waits_for_everybody(void **state)
{
    struct stage s;
    open_watched(&s);
    struct mark_phase *p = &s.heap->mark_phase;
    stage_begin(&s);
    stage_drain(&s);
    gh_blocked_enter(s.b);
    stage_run(&s, s.b);
    assert_int_equal(atomic_load(&p->stacks_left), 0);
    atomic_fetch_sub(&p->busy, 1);
    try_to_end(&s);
    assert_int_equal(atomic_load(&p->finishing), FINISH_ASKED);
    assert_int_equal(atomic_load(&p->acks_left), 1);
    assert_int_equal(watch.stops, 1);
    atomic_fetch_add(&p->busy, 1);
    stage_end(&s);
    assert_int_equal(watch.stops, 2);
    stage_close(&s);
}

static void
sleeping_mutators_are_scanned_by_others(void **state)
{
    struct stage s;
    open_watched(&s);
    struct node *y = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = y;
    gh_blocked_enter(s.b);
    s.heap->collector->collect(s.heap, mutator_of(s.a), GC_TRIGGER_TORTURE);
    assert_int_equal(atomic_load(&s.heap->mark_phase.stacks_left), 0);
    atomic_fetch_add(&s.heap->mark_phase.busy, 1);
    stage_finish(&s);
    gh_blocked_exit(s.b);
    assert_int_equal(s.cycles[0].objects_marked, 1);
    stage_close(&s);
}

/* All mutators sleep; what they flush is black already. Who finds the phase quiet then is the
 * only one to know. */
static void
who_started_the_ragged_barrier_looks_again(void **state)
{
    struct stage s;
    struct actor worker;
    uintptr_t guard;
    open_watched(&s);
    struct mark_phase *p = &s.heap->mark_phase;
    struct node *x = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    stage_begin(&s);
    stage_drain(&s);
    gh_store(s.b, &x->next, x);
    gh_blocked_enter(s.a);
    gh_blocked_enter(s.b);
    atomic_fetch_sub(&p->busy, 1);
    go_borrow_processor(s.heap, &worker, &guard);
    mark_phase_finish_if_quiet(p, &worker);
    assert_false(mark_phase_is_on(p));
    go_return_processor(s.heap, &worker);
    gh_blocked_exit(s.a);
    gh_blocked_exit(s.b);
    stage_close(&s);
}

/* --- roots that come and go --- */

/* Only the root knows `y`; `a`, whose stack is black, takes it and removes the root. */
static void
removed_root_leaves_what_it_held(void **state)
{
    struct stage s;
    static void *root[40];
    open_watched(&s);
    struct node *y = stage_node(&s);
    root[33] = y;
    gh_roots_add(s.heap, root, 40);
    stage_begin(&s);
    GH_SLOT(s.a, struct node, 0) = root[33];
    gh_roots_remove(s.heap, root);
    stage_end(&s);
    assert_int_equal(s.cycles[0].objects_marked, 1);
    assert_int_equal(stage_objects(&s), 1);
    root[33] = NULL;
    stage_close(&s);
}

/* Filled without a barrier, because the heap did not know it, from a stack that was not
 * scanned. */
static void
added_root_is_scanned(void **state)
{
    struct stage s;
    static void *root[40];
    open_watched(&s);
    struct node *y = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = y;
    stage_begin(&s);
    stage_drain(&s);
    root[33] = y;
    GH_SLOT(s.b, struct node, 0) = NULL;
    gh_roots_add(s.heap, root, 40);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 1);
    gh_roots_remove(s.heap, root);
    gh_roots_add(s.heap, root + 1, 1); /* between cycles there is nothing to scan */
    assert_false(s.heap->roots.marking || roots_any_left(&s.heap->roots));
    gh_roots_remove(s.heap, root + 1);
    stage_begin(&s);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 0);
    stage_close(&s);
}

static void
root_is_scanned_in_every_cycle(void **state)
{
    struct stage s;
    static void *root[40];
    open_watched(&s);
    gh_roots_add(s.heap, root, 40);
    root[33] = stage_node(&s);
    for (unsigned i = 0; i < 3; i++) {
        stage_begin(&s);
        stage_drain(&s);
        assert_true(stage_is_marked(&s, root[33]));
        stage_end(&s);
        assert_int_equal(s.cycles[i].globals_scan, sizeof root);
    }
    gh_roots_remove(s.heap, root);
    stage_close(&s);
}

/* A thread that does not stop with the world adds roots between the ragged barrier and the end:
 * they are scanned in the stop. */
static void *late_root[3];
static void
add_root_late(struct stage *s)
{
    late_root[1] = watch.y;
    gh_roots_add(s->heap, late_root, 3);
}

static void
root_added_just_before_the_stop_is_scanned(void **state)
{
    struct stage s;
    open_watched(&s);
    prepare_late_store(&s, 1);
    watch.before_stop = add_root_late;
    stage_end(&s);
    assert_int_equal(s.cycles[0].restarts, 1);
    assert_int_equal(stage_objects(&s), 2);
    gh_roots_remove(s.heap, late_root);
    stage_close(&s);
}

/* --- with threads --- */

struct run {
    struct gh_heap *heap;
    const struct gh_type *node;
    pthread_mutex_t lock;
    uint32_t last;
    int64_t last_end; /* of the last cycle reported */
    _Atomic(int64_t) newest_start;
    bool in_order;
    uint64_t forced, restarts;
};

static void
run_note_cycle(void *ctx, const struct gh_cycle *c)
{
    struct run *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->in_order &= c->number == r->last + 1 && c->start_at >= r->last_end;
    r->in_order &= atomic_load(&r->heap->cycles.state) != CYCLE_NONE; /* none may begin yet */
    r->last = c->number;
    r->last_end = c->start_at + c->sweep_term_ns + c->mark_ns + c->mark_term_ns;
    r->forced += c->forced;
    r->restarts += c->restarts;
    atomic_store(&r->newest_start, c->start_at);
    pthread_mutex_unlock(&r->lock);
}

static void
run_open(struct run *r, int procs, int gogc, const char *marker)
{
    struct gh_config c = testheap_config(gogc);
    c.procs = procs;
    c.marker = marker;
    c.verify = true;
    c.idle_release = false;
    *r = (struct run){.heap = testheap_open(&c), .in_order = true};
    pthread_mutex_init(&r->lock, NULL);
    watch_heap(r->heap);
    r->node = gh_type_small(r->heap, "node", sizeof(struct node),
                            GH_PTR(struct node, next) | GH_PTR(struct node, other));
    gh_observe(r->heap, &(struct gh_observer){.ctx = r, .cycle = run_note_cycle});
}

static void *
ask_for_cycles(void *arg)
{
    struct run *r = arg;
    struct gh_mutator *m = gh_attach(r->heap, "asker");
    intptr_t bad = 0;
    gh_frame_push(m, 1);
    for (int i = 0; i < ROUNDS; i++) {
        struct node *n = gh_new(m, r->node);
        n->id = (uint64_t)i;
        gh_store(m, &n->next, GH_SLOT(m, void, 0));
        GH_SLOT(m, struct node, 0) = n;
        int64_t before = gh_heap_now(r->heap);
        gh_gc(m);
        bad += atomic_load(&r->newest_start) < before;
        uint64_t want = (uint64_t)i;
        for (n = GH_SLOT(m, struct node, 0); n != NULL; n = n->next)
            bad += n->id != want--;
    }
    gh_frame_pop(m, 1);
    gh_detach(m);
    return (void *)bad;
}

static void
run_askers(int procs, const char *marker)
{
    struct run r;
    pthread_t t[THREADS];
    run_open(&r, procs, 100, marker);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask_for_cycles, &r), 0);
    for (int i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_true(r.in_order);
    /* in torture a cycle that a refill asked for may be the one somebody waits for */
    assert_true((GH_TORTURE ? r.last : r.forced) >= ROUNDS && r.forced <= THREADS * ROUNDS);
    gh_heap_close(r.heap);
}

static void
whole_cycles_for_all_who_ask_with_1_processor(void **state)
{
    run_askers(1, "spans");
}

static void
whole_cycles_for_all_who_ask_with_3_processors(void **state)
{
    run_askers(3, "objects");
}

static void
whole_cycles_for_all_who_ask_with_16_processors(void **state)
{
    run_askers(16, "spans");
}

static void
forced_cycles_of_a_single_mutator_take_two_stops_each(void **state)
{
    struct run r;
    run_open(&r, 2, GH_GOGC_OFF, NULL);
    ask_for_cycles(&r);
    assert_int_equal(r.last, ROUNDS);
    assert_int_equal(r.forced, ROUNDS);
    assert_int_equal(r.restarts, 0);
    assert_int_equal(watch.stops, 2 * ROUNDS);
    gh_heap_close(r.heap);
}

/* Of the first nothing is known. */
static void
only_a_cycle_with_much_to_mark_is_launched(void **state)
{
    struct run r;
    run_open(&r, 2, GH_GOGC_OFF, NULL);
    int64_t patience_ns = r.heap->mark_phase.patience_ns;
    r.heap->mark_phase.patience_ns = INT64_MAX / 2; /* whatever the machine does meanwhile */
    ask_for_cycles(&r);
    assert_int_equal(watch.launches, 1);
    r.heap->mark_phase.patience_ns = patience_ns;

    struct gh_mutator *m = gh_attach(r.heap, "much");
    gh_frame_push(m, 1);
    for (int i = 0; i < MUCH; i++) {
        struct node *n = gh_new(m, r.node);
        gh_store(m, &n->next, GH_SLOT(m, void, 0));
        GH_SLOT(m, struct node, 0) = n;
    }
    gh_gc(m); /* like the last, for all it knows */
    int before = watch.launches;
    gh_gc(m);
    assert_int_equal(watch.launches, before + 1);
    gh_frame_pop(m, 1);
    gh_detach(m);
    gh_heap_close(r.heap);
}

static void
time_triggers_a_cycle_unless_gogc_is_off(void **state)
{
    for (int gogc = GH_GOGC_OFF; gogc <= 100; gogc += 101) {
        struct run r;
        run_open(&r, 2, gogc, NULL);
        r.heap->collector->collect(r.heap, NULL, GC_TRIGGER_TIME);
        assert_int_equal(r.last, gogc == 100);
        r.heap->collector->collect(r.heap, NULL, GC_TRIGGER_HEAP); /* not due */
        assert_int_equal(r.last, gogc == 100);
        assert_int_equal(r.forced, 0);
        assert_int_equal(atomic_load(&r.heap->cycles.state), CYCLE_NONE);
        gh_heap_close(r.heap);
    }
}

/* No thread marks: who asks for a cycle has to. */
static void
cycle_is_marked_by_who_asks_if_there_are_no_threads(void **state)
{
    struct run r;
    pthread_t t[THREADS];
    run_open(&r, 2, GH_GOGC_OFF, NULL);
    r.heap->mark_phase.nthreads_max = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask_for_cycles, &r), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_true(r.in_order && r.last >= ROUNDS);
    gh_heap_close(r.heap);
}

/* --- closing --- */

static void
heap_closes_during_a_cycle(void **state)
{
    for (int threads = 0; threads < 2; threads++) {
        struct run r;
        run_open(&r, 3, GH_GOGC_OFF, NULL);
        if (threads == 0)
            r.heap->mark_phase.nthreads_max = 0;
        struct gh_mutator *m = gh_attach(r.heap, "test");
        gh_frame_push(m, 1);
        for (int i = 0; i < LONG_LIST; i++) {
            struct node *n = gh_new(m, r.node);
            gh_store(m, &n->next, GH_SLOT(m, void, 0));
            GH_SLOT(m, struct node, 0) = n;
        }
        r.heap->collector->collect(r.heap, mutator_of(m), GC_TRIGGER_TORTURE);
        assert_int_equal(r.heap->cycles.started, 1);
        gh_frame_pop(m, 1);
        gh_detach(m);
        gh_heap_close(r.heap);
        assert_int_equal(r.last, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycle_stops_the_world_twice),
        cmocka_unit_test(ragged_barrier_publishes_what_sleepers_have_buffered),
        cmocka_unit_test(late_store_is_found_in_the_stop),
        cmocka_unit_test(much_late_work_sends_the_cycle_back_to_marking),
        cmocka_unit_test(phase_waits_for_stacks_drainers_and_roots),
        cmocka_unit_test(ragged_barrier_waits_for_everybody),
        cmocka_unit_test(sleeping_mutators_are_scanned_by_others),
        cmocka_unit_test(who_started_the_ragged_barrier_looks_again),
        cmocka_unit_test(removed_root_leaves_what_it_held),
        cmocka_unit_test(added_root_is_scanned),
        cmocka_unit_test(root_is_scanned_in_every_cycle),
        cmocka_unit_test(root_added_just_before_the_stop_is_scanned),
        cmocka_unit_test(whole_cycles_for_all_who_ask_with_1_processor),
        cmocka_unit_test(whole_cycles_for_all_who_ask_with_3_processors),
        cmocka_unit_test(whole_cycles_for_all_who_ask_with_16_processors),
        cmocka_unit_test(forced_cycles_of_a_single_mutator_take_two_stops_each),
        cmocka_unit_test(only_a_cycle_with_much_to_mark_is_launched),
        cmocka_unit_test(time_triggers_a_cycle_unless_gogc_is_off),
        cmocka_unit_test(heap_closes_during_a_cycle),
        cmocka_unit_test(cycle_is_marked_by_who_asks_if_there_are_no_threads),
    };
    return cmocka_run_group_tests_name("cycle", tests, NULL, NULL);
}
