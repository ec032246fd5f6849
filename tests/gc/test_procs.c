/* test_procs.c - who gets a processor, and when (gc/sched/procs.h). Actors without a heap: the
 * main thread plays those that run; those that have to wait get a thread each. */
#include "gc/sched/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { PROCS = 2, MIXED = 12, ROUNDS = GH_TORTURE ? 300 : 3000 };

struct player {
    struct procs *p;
    struct actor a;
    uintptr_t guard;
    pthread_t thread;
    int64_t asked_ns;   /* when it wanted a processor */
    _Atomic(int) place; /* the how manieth it ran */
    _Atomic(bool) may_leave;
};

static struct sched world;
static struct procs *const p = &world.procs;
static _Atomic(int) places;
static int processors;

static void
open_world(int nprocs)
{
    world = (struct sched){0};
    procs_init(p, nprocs);
    processors = nprocs;
    atomic_store(&places, 0);
}

static void
close_world(void)
{
    assert_null(p->actors);
    assert_null(p->first);
    assert_int_equal(p->nfree, processors);
    assert_int_equal(p->running, 0);
    procs_finish(p);
}

static void
add(struct player *x, enum actor_kind kind, const char *name)
{
    *x = (struct player){.p = p};
    snprintf(x->a.name, sizeof x->a.name, "%s", name);
    lock_acquire(&p->lock);
    actor_add_locked(p, &x->a, kind, &x->guard);
    lock_release(&p->lock);
}

static void
removed(struct player *x)
{
    lock_acquire(&p->lock);
    actor_remove_locked(p, &x->a);
    lock_release(&p->lock);
}

static void
enter(struct player *x)
{
    lock_acquire(&p->lock);
    actor_enter_locked(p, &x->a);
    lock_release(&p->lock);
}

static void
leave(struct player *x)
{
    lock_acquire(&p->lock);
    actor_leave_locked(p, &x->a, ACTOR_BLOCKED);
    lock_release(&p->lock);
}

static bool
is_wanted(const struct player *x)
{
    return actor_is_wanted(&x->a);
}

static void *
wait_and_run(void *arg)
{
    struct player *x = arg;
    x->asked_ns = os_now_ns();
    enter(x);
    x->place = atomic_fetch_add(&places, 1) + 1;
    while (!atomic_load(&x->may_leave))
        sched_yield();
    leave(x);
    return NULL;
}

static int
waiting_locked(void)
{
    int n = 0;
    for (const struct actor *a = p->first; a != NULL; a = a->queued)
        n++;
    return n;
}

/* Start a thread that wants a processor; return with the lock held, as soon as it is queued and
 * the `n`th that waits. */
static void
queue_locked(struct player *x, int n)
{
    assert_int_equal(pthread_create(&x->thread, NULL, wait_and_run, x), 0);
    for (;;) {
        lock_acquire(&p->lock);
        if (waiting_locked() == n && actor_state(&x->a) == ACTOR_WAITING)
            return;
        lock_release(&p->lock);
        sched_yield();
    }
}

static void
queue(struct player *x, int n)
{
    queue_locked(x, n);
    lock_release(&p->lock);
}

static void
join(struct player *x)
{
    atomic_store(&x->may_leave, true);
    pthread_join(x->thread, NULL);
}

/* --- the promise --- */

static _Atomic(int) inside, too_many;
static _Atomic(bool) done;

static void
be_inside(void)
{
    if (atomic_fetch_add(&inside, 1) >= PROCS)
        atomic_fetch_add(&too_many, 1);
    for (volatile int i = 0; i < 200; i++)
        ;
    atomic_fetch_sub(&inside, 1);
}

static void
mixed_safepoint(struct player *x)
{
    if (!is_wanted(x))
        return;
    lock_acquire(&p->lock);
    actor_leave_locked(p, &x->a, ACTOR_WAITING);
    actor_enter_locked(p, &x->a);
    lock_release(&p->lock);
}

static void *
mixed_main(void *arg)
{
    struct player *x = arg;
    for (int i = 0; i < ROUNDS; i++) {
        lock_acquire(&p->lock);
        bool in = true;
        if (x->a.kind == ACTOR_IDLE)
            in = actor_try_enter_locked(p, &x->a);
        else
            actor_enter_locked(p, &x->a);
        lock_release(&p->lock);
        for (int k = 0; in && k < 3; k++) {
            be_inside();
            if (x->a.kind != ACTOR_IDLE)
                mixed_safepoint(x);
        }
        if (in)
            leave(x);
    }
    return NULL;
}

static void *
mixed_stops(void *arg)
{
    struct player *x = arg;
    while (!atomic_load(&done)) {
        if (x != NULL)
            enter(x);
        world_stop(&world, x != NULL ? &x->a : NULL);
        for (int i = 0; i < 50; i++)
            if (atomic_load(&inside) != 0 || atomic_load(&p->running) != 0)
                atomic_fetch_add(&too_many, 1);
        world_start(&world, x != NULL ? &x->a : NULL);
        if (x != NULL)
            leave(x);
        usleep(100);
    }
    return NULL;
}

static void
no_more_run_than_there_are_processors(void **state)
{
    static const enum actor_kind kinds[] = {ACTOR_MUTATOR, ACTOR_MUTATOR, ACTOR_IDLE,
                                            ACTOR_DEDICATED};
    static struct player x[MIXED], stopper;
    pthread_t foreign;
    open_world(PROCS);
    atomic_store(&too_many, 0);
    atomic_store(&done, false);
    add(&stopper, ACTOR_MUTATOR, "stopper");
    for (int i = 0; i < MIXED; i++)
        add(&x[i], kinds[i % 4], "mixed");
    for (int i = 0; i < MIXED; i++)
        pthread_create(&x[i].thread, NULL, mixed_main, &x[i]);
    pthread_create(&stopper.thread, NULL, mixed_stops, &stopper);
    pthread_create(&foreign, NULL, mixed_stops, NULL);
    for (int i = 0; i < MIXED; i++)
        pthread_join(x[i].thread, NULL);
    atomic_store(&done, true);
    pthread_join(stopper.thread, NULL);
    pthread_join(foreign, NULL);
    assert_int_equal(atomic_load(&too_many), 0);
    for (int i = 0; i < MIXED; i++)
        removed(&x[i]);
    removed(&stopper);
    close_world();
}

/* --- the queue --- */

static void
who_waits_is_served_in_order(void **state)
{
    enum { WAITERS = 5 };
    static struct player first, x[WAITERS];
    open_world(1);
    add(&first, ACTOR_MUTATOR, "first");
    enter(&first);
    for (int i = 0; i < WAITERS; i++) {
        add(&x[i], ACTOR_MUTATOR, "waiter");
        atomic_store(&x[i].may_leave, true);
        queue(&x[i], i + 1);
    }
    leave(&first);
    for (int i = 0; i < WAITERS; i++) {
        join(&x[i]);
        assert_int_equal(x[i].place, i + 1);
        removed(&x[i]);
    }
    removed(&first);
    close_world();
}

static void
dedicated_worker_goes_to_the_front_and_preempts_at_once(void **state)
{
    static struct player first, mutator, worker;
    open_world(1);
    add(&first, ACTOR_MUTATOR, "first");
    add(&mutator, ACTOR_MUTATOR, "mutator");
    add(&worker, ACTOR_DEDICATED, "worker");
    enter(&first);
    queue(&mutator, 1);
    /* no waiting for a slice: nobody could look before */
    queue_locked(&worker, 2);
    assert_true(is_wanted(&first));
    lock_release(&p->lock);
    atomic_store(&worker.may_leave, true);
    atomic_store(&mutator.may_leave, true);
    leave(&first);
    join(&worker);
    join(&mutator);
    assert_int_equal(worker.place, 1);
    assert_int_equal(mutator.place, 2);
    removed(&first);
    removed(&mutator);
    removed(&worker);
    close_world();
}

static void
held_actor_is_passed_over_and_keeps_its_place(void **state)
{
    static struct player first, held, x, last;
    open_world(1);
    add(&first, ACTOR_MUTATOR, "first");
    add(&held, ACTOR_MUTATOR, "held");
    add(&x, ACTOR_MUTATOR, "x");
    add(&last, ACTOR_MUTATOR, "last");
    enter(&first);
    queue_locked(&held, 1);
    held.a.held = true;
    lock_release(&p->lock);
    queue(&x, 2);
    leave(&first);
    while (atomic_load(&x.place) == 0)
        sched_yield();
    assert_int_equal(x.place, 1); /* and x, which was the last, is off the queue's end */
    queue_locked(&last, 2);
    held.a.held = false;
    lock_release(&p->lock);
    join(&x);
    join(&held);
    join(&last);
    assert_int_equal(held.place, 2);
    assert_int_equal(last.place, 3);
    struct player *all[] = {&first, &held, &x, &last};
    for (int i = 0; i < 4; i++)
        removed(all[i]);
    close_world();
}

/* `first`, who runs, is stopped, and later runs again. */
static void *
safepoint(void *arg)
{
    struct player *first = arg;
    lock_acquire(&p->lock);
    actor_leave_locked(p, &first->a, ACTOR_WAITING);
    actor_enter_locked(p, &first->a);
    lock_release(&p->lock);
    first->place = atomic_fetch_add(&places, 1) + 1;
    leave(first);
    return NULL;
}

/* Who runs first after a stop, of `first`, who ran, and one who has waited for longer. */
static void
stop_while_one_waits(bool yield_wanted, int place)
{
    static struct player first, x;
    open_world(1);
    add(&first, ACTOR_MUTATOR, "first");
    add(&x, ACTOR_MUTATOR, "x");
    atomic_store(&x.may_leave, true);
    enter(&first);
    queue_locked(&x, 1);
    first.a.yield_wanted = yield_wanted;
    atomic_store(&p->stop_wanted, true);
    lock_release(&p->lock);
    assert_int_equal(pthread_create(&first.thread, NULL, safepoint, &first), 0);
    for (int waiting = 0; waiting < 2;) {
        lock_acquire(&p->lock);
        waiting = waiting_locked();
        lock_release(&p->lock);
        sched_yield();
    }
    world_start(&world, NULL);
    pthread_join(first.thread, NULL);
    join(&x);
    assert_int_equal(first.place, place);
    removed(&first);
    removed(&x);
    close_world();
}

static void
who_is_stopped_keeps_his_place(void **state)
{
    stop_while_one_waits(false, 1);
}

static void
who_has_to_give_way_does_so_in_a_stop_too(void **state)
{
    stop_while_one_waits(true, 2);
}

/* --- giving way --- */

static void
idle_worker_gives_way_at_once(void **state)
{
    static struct player mutator, idle, wants;
    open_world(2);
    add(&mutator, ACTOR_MUTATOR, "mutator");
    add(&idle, ACTOR_IDLE, "idle");
    add(&wants, ACTOR_MUTATOR, "wants");
    enter(&mutator);
    lock_acquire(&p->lock);
    assert_true(actor_try_enter_locked(p, &idle.a));
    lock_release(&p->lock);
    queue_locked(&wants, 1);
    assert_true(is_wanted(&idle)); /* nobody could look before it was asked */
    lock_release(&p->lock);
    leave(&idle);
    join(&wants);
    leave(&mutator);
    removed(&mutator);
    removed(&idle);
    removed(&wants);
    close_world();
}

/* A mutator waits for a slice, then takes the processor of the one that has run longest. */
static void
waiting_mutator_preempts_after_its_slice(void **state)
{
    static struct player old, young, wants;
    open_world(2);
    add(&young, ACTOR_MUTATOR, "young"); /* which comes later in the list */
    add(&old, ACTOR_MUTATOR, "old");
    enter(&old);
    while (os_now_ns() <= old.a.since_ns)
        ;
    enter(&young);
    add(&wants, ACTOR_MUTATOR, "wants");
    queue(&wants, 1);
    while (!is_wanted(&old)) {
        /* it may be asked a slice later, when we look too late */
        assert_true(!is_wanted(&young) || is_wanted(&old));
        sched_yield();
    }
    assert_true(os_now_ns() - wants.asked_ns >= PROCS_SLICE_NS);
    leave(&old);
    join(&wants);
    leave(&young);
    enter(&old); /* what was wanted of it is forgotten with its next turn */
    assert_false(is_wanted(&old));
    leave(&old);
    removed(&old);
    removed(&young);
    removed(&wants);
    close_world();
}

static void
idle_worker_takes_what_nobody_wants_only(void **state)
{
    static struct player mutator, idle, wants;
    open_world(1);
    add(&mutator, ACTOR_MUTATOR, "mutator");
    add(&idle, ACTOR_IDLE, "idle");
    add(&wants, ACTOR_MUTATOR, "wants");
    enter(&mutator);
    lock_acquire(&p->lock);
    assert_false(actor_try_enter_locked(p, &idle.a)); /* none is free */
    lock_release(&p->lock);
    queue_locked(&wants, 1);
    wants.a.held = true;
    actor_leave_locked(p, &mutator.a, ACTOR_BLOCKED);
    assert_int_equal(p->nfree, 1);
    assert_false(actor_try_enter_locked(p, &idle.a)); /* somebody waits */
    wants.a.held = false;
    procs_dispatch_locked(p);
    lock_release(&p->lock);
    join(&wants);
    world_stop(&world, NULL);
    lock_acquire(&p->lock);
    assert_false(actor_try_enter_locked(p, &idle.a)); /* the world is stopped */
    lock_release(&p->lock);
    world_start(&world, NULL);
    lock_acquire(&p->lock);
    idle.a.held = true;
    assert_false(actor_try_enter_locked(p, &idle.a));
    idle.a.held = false;
    assert_true(actor_try_enter_locked(p, &idle.a));
    lock_release(&p->lock);
    leave(&idle);
    removed(&mutator);
    removed(&idle);
    removed(&wants);
    close_world();
}

/* --- stops --- */

static void
nobody_begins_to_run_in_a_stopped_world(void **state)
{
    static struct player x;
    open_world(2);
    add(&x, ACTOR_MUTATOR, "x");
    world_stop(&world, NULL);
    queue_locked(&x, 1);
    assert_int_equal(p->nfree, 2);
    procs_dispatch_locked(p);
    assert_int_equal(actor_state(&x.a), ACTOR_WAITING);
    lock_release(&p->lock);
    world_start(&world, NULL);
    join(&x);
    removed(&x);
    close_world();
}

static void
guard_is_raised_while_anything_is_wanted(void **state)
{
    static struct player x;
    open_world(2);
    add(&x, ACTOR_MUTATOR, "x");
    lock_acquire(&p->lock);
    x.a.own_guard = 4711;
    for (int what = 0; what < 8; what++) {
        x.a.requests = what & 1 ? REQUEST_FLUSH : 0;
        x.a.yield_wanted = what & 2;
        atomic_store(&p->stop_wanted, what & 4);
        actor_set_guard_locked(p, &x.a);
        assert_int_equal(is_wanted(&x), what != 0);
        assert_true(what != 0 || x.guard == 4711);
    }
    x.a.requests = 0;
    x.a.yield_wanted = false;
    atomic_store(&p->stop_wanted, false);
    lock_release(&p->lock);
    removed(&x);
    close_world();
}

static _Atomic(bool) gone;

static void *
remove_main(void *x)
{
    removed(x);
    atomic_store(&gone, true);
    return NULL;
}

static void
held_actor_is_not_removed(void **state)
{
    static struct player x;
    open_world(1);
    add(&x, ACTOR_MUTATOR, "x");
    x.a.held = true;
    atomic_store(&gone, false);
    pthread_create(&x.thread, NULL, remove_main, &x);
    usleep(20000); /* too short a time lets a bug pass, and nothing fail */
    assert_false(atomic_load(&gone));
    assert_ptr_equal(p->actors, &x.a);
    lock_acquire(&p->lock);
    x.a.held = false;
    cond_broadcast(&p->changed);
    lock_release(&p->lock);
    pthread_join(x.thread, NULL);
    close_world();
}

/* --- accounts --- */

static int64_t
take_idle(int64_t now_ns)
{
    lock_acquire(&p->lock);
    int64_t idle = procs_take_idle_ns_locked(p, now_ns);
    lock_release(&p->lock);
    return idle;
}

static void
idle_time_is_that_of_free_processors(void **state)
{
    static struct player x;
    open_world(3);
    add(&x, ACTOR_MUTATOR, "x");
    int64_t now = os_now_ns();
    assert_int_equal(take_idle(now), 0); /* from here on it is known */
    assert_int_equal(take_idle(now + 1000), 3000);
    assert_int_equal(take_idle(now + 1000), 0);
    while (os_now_ns() <= now + 1000)
        ;
    enter(&x);
    int64_t entered = x.a.since_ns;
    assert_int_equal(take_idle(entered + 500), 3 * (entered - now - 1000) + 2 * 500);
    while (os_now_ns() <= entered + 500)
        ;
    int64_t before = os_now_ns();
    leave(&x);
    int64_t after = os_now_ns(), idle = take_idle(after);
    assert_true(idle >= 2 * (after - entered - 500));
    assert_true(idle <= 2 * (after - entered - 500) + (after - before));
    removed(&x);
    close_world();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_run_than_there_are_processors),
        cmocka_unit_test(who_waits_is_served_in_order),
        cmocka_unit_test(dedicated_worker_goes_to_the_front_and_preempts_at_once),
        cmocka_unit_test(held_actor_is_passed_over_and_keeps_its_place),
        cmocka_unit_test(who_is_stopped_keeps_his_place),
        cmocka_unit_test(who_has_to_give_way_does_so_in_a_stop_too),
        cmocka_unit_test(idle_worker_gives_way_at_once),
        cmocka_unit_test(waiting_mutator_preempts_after_its_slice),
        cmocka_unit_test(idle_worker_takes_what_nobody_wants_only),
        cmocka_unit_test(nobody_begins_to_run_in_a_stopped_world),
        cmocka_unit_test(guard_is_raised_while_anything_is_wanted),
        cmocka_unit_test(held_actor_is_not_removed),
        cmocka_unit_test(idle_time_is_that_of_free_processors),
    };
    return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
