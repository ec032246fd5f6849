/* test_world.c - stopping the world: pollers, blockers, attachers, several stoppers at once. */
#include "tests/gc/testheap.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, ROUNDS = GH_TORTURE ? 20 : 200 };

static struct gh_heap *
open_heap(int gogc)
{
    struct gh_config c = testheap_config(gogc);
    struct gh_heap *h = testheap_open(&c);
    return h;
}

static _Atomic(int) inside; /* mutators between two safepoints */
static _Atomic(bool) done;

static void *
poller(void *heap)
{
    struct gh_mutator *m = gh_attach(heap, "poller");
    while (!atomic_load(&done)) {
        atomic_fetch_add(&inside, 1);
        for (volatile int i = 0; i < 100; i++)
            ;
        atomic_fetch_sub(&inside, 1);
        gh_poll(m);
    }
    gh_detach(m);
    return NULL;
}

static void *
blocker(void *heap)
{
    struct timespec nap = {.tv_nsec = 100000};
    struct gh_mutator *m = gh_attach(heap, "blocker");
    while (!atomic_load(&done)) {
        gh_blocked_enter(m);
        nanosleep(&nap, NULL);
        gh_blocked_exit(m);
        atomic_fetch_add(&inside, 1);
        atomic_fetch_sub(&inside, 1);
    }
    gh_detach(m);
    return NULL;
}

static void *
attacher(void *heap)
{
    while (!atomic_load(&done)) {
        struct gh_mutator *m = gh_attach(heap, "attacher");
        atomic_fetch_add(&inside, 1);
        atomic_fetch_sub(&inside, 1);
        gh_new_bytes(m, 40);
        gh_detach(m);
    }
    return NULL;
}

static void
nobody_is_inside_a_stopped_world(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(100);
    struct mutator *self = mutator_of(gh_attach(h, "self"));
    struct sched *s = self->sched;
    void *(*const kinds[])(void *) = {poller, blocker, attacher};
    pthread_t t[THREADS];
    atomic_store(&done, false);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, kinds[i % 3], h);
    for (int i = 0; i < ROUNDS; i++) {
        world_stop(s, &self->actor);
        assert_int_equal(atomic_load(&inside), 0);
        for (volatile int k = 0; k < 1000; k++)
            ;
        assert_int_equal(atomic_load(&inside), 0);
        assert_int_equal(s->procs.running, 0);
        world_start(s, &self->actor);
    }
    atomic_store(&done, true);
    gh_blocked_enter(&self->pub);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    gh_blocked_exit(&self->pub);
    gh_detach(&self->pub);
    gh_heap_close(h);
}

static void *
stopper(void *heap)
{
    struct gh_mutator *m = gh_attach(heap, "stopper");
    for (int i = 0; i < ROUNDS; i++) {
        struct gh_memstats stats;
        gh_read_memstats(heap, m, &stats);
        gh_new_bytes(m, 100);
        if (i % 16 == 0)
            gh_gc(m);
    }
    gh_detach(m);
    return NULL;
}

static void
several_stoppers_take_turns(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(100);
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, stopper, h);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    struct gh_memstats stats;
    struct gh_error err;
    gh_read_memstats(h, NULL, &stats);
    assert_true(gh_memstats_check(&stats, &err));
    assert_true(stats.num_gc >= ROUNDS / 16); /* who asks at the same time may share */
    gh_heap_close(h);
}

/* --- requests: world.h, Note [requests] --- */

enum { REQUEST_TEST = 1 << 8, REQUEST_OTHER = 1 << 9 };

static _Atomic(unsigned) served[2], wrong;

/* In place of the heap's, which must not collect then: count, and look at who serves whom. */
static void
count_served(void *ctx, struct mutator *m, uint32_t requests, bool owner)
{
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    enum actor_state state = actor_state(&m->actor);
    bool fine = owner ? state == ACTOR_RUNNING && !m->actor.held
                      : state != ACTOR_RUNNING && m->actor.held;
    lock_release(&p->lock);
    if (!fine)
        atomic_fetch_add(&wrong, 1);
    for (volatile int i = 0; i < 300; i++)
        ; /* so that it meets with something */
    if (requests & REQUEST_TEST)
        atomic_fetch_add(&served[0], 1);
    if (requests & REQUEST_OTHER)
        atomic_fetch_add(&served[1], 1);
}

/* Who has not been served is RUNNING, and will do it. */
static bool
only_the_running_are_left(struct sched *s)
{
    bool fine = true;
    lock_acquire(&s->procs.lock);
    for (struct mutator *m = world_first(s); m != NULL; m = world_next(m))
        fine &= m->actor.requests == 0 || actor_state(&m->actor) == ACTOR_RUNNING;
    lock_release(&s->procs.lock);
    return fine;
}

static unsigned
post(struct sched *s, struct mutator *self, uint32_t requests, bool stopped)
{
    if (stopped)
        world_stop(s, &self->actor);
    lock_acquire(&s->procs.lock);
    unsigned n = world_post_locked(s, requests);
    lock_release(&s->procs.lock);
    if (stopped)
        world_start(s, &self->actor);
    return n;
}

static void
requests_are_served_once_by_everybody(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct mutator *self = mutator_of(gh_attach(h, "self"));
    struct sched *s = self->sched;
    void *(*const kinds[])(void *) = {poller, blocker, attacher};
    pthread_t t[THREADS];
    s->client.serve = count_served;
    atomic_store(&done, false);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, kinds[i % 3], h);
    unsigned asked[2] = {0, 0};
    for (int i = 0; i < 4 * ROUNDS; i++) {
        asked[0] += post(s, self, REQUEST_TEST, i % 4 == 0);
        if (i % 3 == 0)
            asked[1] += post(s, self, REQUEST_OTHER, i % 2);
        world_serve_idle(s);
        assert_true(only_the_running_are_left(s));
        while (atomic_load(&served[0]) < asked[0] || atomic_load(&served[1]) < asked[1])
            mutator_safepoint_slow(self);
        assert_int_equal(atomic_load(&served[0]), asked[0]);
        assert_int_equal(atomic_load(&served[1]), asked[1]);
    }
    atomic_store(&done, true);
    gh_blocked_enter(&self->pub);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    gh_blocked_exit(&self->pub);
    gh_detach(&self->pub);
    assert_int_equal(atomic_load(&served[0]), asked[0]);
    assert_int_equal(atomic_load(&served[1]), asked[1]);
    assert_int_equal(atomic_load(&wrong), 0);
    gh_heap_close(h);
}

/* Each way to leave RUNNING, and one to stay, by hand. */
static void
leaving_and_detaching_serve_what_is_left(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct mutator *m = mutator_of(gh_attach(h, "test"));
    struct mutator *x = mutator_of(gh_attach(h, "x"));
    struct sched *s = m->sched;
    s->client.serve = count_served;
    atomic_store(&served[0], 0);
    atomic_store(&wrong, 0);
    assert_int_equal(post(s, m, REQUEST_TEST, false), 2);
    assert_true(actor_is_wanted(&x->actor));
    world_serve_idle(s); /* both run: nobody's business */
    assert_int_equal(atomic_load(&served[0]), 0);
    gh_poll(&m->pub);
    assert_int_equal(atomic_load(&served[0]), 1);
    gh_blocked_enter(&x->pub);
    assert_int_equal(atomic_load(&served[0]), 2);
    post(s, m, REQUEST_TEST, false);
    world_serve_idle(s);
    assert_int_equal(atomic_load(&served[0]), 3); /* x sleeps */
    assert_false(x->actor.held);
    gh_blocked_exit(&x->pub);
    assert_int_equal(atomic_load(&served[0]), 3);
    gh_poll(&m->pub);
    post(s, m, REQUEST_TEST, false);
    gh_detach(&x->pub);
    assert_int_equal(atomic_load(&served[0]), 5);
    x = mutator_of(gh_attach(h, "x"));
    gh_poll(&x->pub); /* nothing was asked of one that was not there */
    assert_int_equal(atomic_load(&served[0]), 5);
    gh_blocked_enter(&x->pub);
    post(s, m, REQUEST_TEST, false);
    gh_blocked_exit(&x->pub); /* nobody served it in its sleep */
    assert_int_equal(atomic_load(&served[0]), 6);
    gh_detach(&x->pub);
    gh_detach(&m->pub);
    assert_int_equal(atomic_load(&served[0]), 7);
    assert_int_equal(atomic_load(&wrong), 0);
    gh_heap_close(h);
}

static pthread_t waker;

static void *
wake_main(void *m)
{
    gh_blocked_exit(m);
    return NULL;
}

/* While `m` is held, it wants to run again, and there is a processor. */
static void
serve_one_that_wakes(void *ctx, struct mutator *m, uint32_t requests, bool owner)
{
    (void)ctx, (void)requests;
    if (owner)
        return;
    pthread_create(&waker, NULL, wake_main, &m->pub);
    while (actor_state(&m->actor) != ACTOR_WAITING)
        sched_yield();
    assert_true(procs_any_free(&m->sched->procs));
}

static void
who_wakes_while_held_runs_when_let_go(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct mutator *m = mutator_of(gh_attach(h, "test"));
    struct mutator *x = mutator_of(gh_attach(h, "x"));
    m->sched->client.serve = serve_one_that_wakes;
    gh_blocked_enter(&x->pub);
    post(m->sched, m, REQUEST_TEST, false);
    world_serve_idle(m->sched);
    assert_int_equal(actor_state(&x->actor), ACTOR_RUNNING);
    pthread_join(waker, NULL);
    gh_detach(&x->pub);
    gh_detach(&m->pub);
    gh_heap_close(h);
}

/* --- stops by many --- */

static void *
attach_main(void *heap)
{
    gh_detach(gh_attach(heap, "late"));
    return NULL;
}

static void
nobody_attaches_in_a_stopped_world(void **state)
{
    (void)state;
    pthread_t t;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct mutator *m = mutator_of(gh_attach(h, "test"));
    world_stop(m->sched, &m->actor);
    pthread_create(&t, NULL, attach_main, h);
    usleep(20000); /* too short a time lets a bug pass, and nothing fail */
    assert_int_equal(m->sched->nmutators, 1);
    assert_ptr_equal(m->sched->procs.actors, &m->actor);
    world_start(m->sched, &m->actor);
    gh_blocked_enter(&m->pub);
    pthread_join(t, NULL);
    gh_blocked_exit(&m->pub);
    gh_detach(&m->pub);
    gh_heap_close(h);
}

static _Atomic(int) stoppers;
static struct gh_heap *stopped_heap;

static void *
stop_repeatedly(void *name)
{
    struct mutator *m = name != NULL ? mutator_of(gh_attach(stopped_heap, name)) : NULL;
    struct sched *s = &stopped_heap->sched;
    intptr_t bad = 0;
    for (int i = 0; i < ROUNDS; i++) {
        world_stop(s, m != NULL ? &m->actor : NULL);
        bad += atomic_fetch_add(&stoppers, 1) != 0 || atomic_load(&inside) != 0;
        for (volatile int k = 0; k < 200; k++)
            ;
        bad += atomic_fetch_sub(&stoppers, 1) != 1 || atomic_load(&inside) != 0;
        world_start(s, m != NULL ? &m->actor : NULL);
        if (m != NULL)
            gh_poll(&m->pub);
    }
    if (m != NULL)
        gh_detach(&m->pub);
    return (void *)bad;
}

static void
stops_exclude_each_other(void **state)
{
    (void)state;
    enum { STOPPERS = 5 };
    static char names[] = "abcde";
    pthread_t t[STOPPERS], p;
    stopped_heap = open_heap(GH_GOGC_OFF);
    atomic_store(&done, false);
    pthread_create(&p, NULL, poller, stopped_heap);
    for (int i = 0; i < STOPPERS; i++)
        pthread_create(&t[i], NULL, stop_repeatedly, i % 2 ? NULL : &names[i]);
    for (int i = 0; i < STOPPERS; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    atomic_store(&done, true);
    pthread_join(p, NULL);
    gh_heap_close(stopped_heap);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_inside_a_stopped_world),
        cmocka_unit_test(several_stoppers_take_turns),
        cmocka_unit_test(requests_are_served_once_by_everybody),
        cmocka_unit_test(leaving_and_detaching_serve_what_is_left),
        cmocka_unit_test(who_wakes_while_held_runs_when_let_go),
        cmocka_unit_test(nobody_attaches_in_a_stopped_world),
        cmocka_unit_test(stops_exclude_each_other),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
