/* test_world.c - stopping the world: pollers, blockers, attachers, several stoppers at once. */
#include "gc/api/heap.h"
#include "gc/sched/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

enum { THREADS = 6, ROUNDS = GH_TORTURE ? 20 : 200 };

static struct gh_heap *
open_heap(void)
{
    struct gh_config c;
    struct gh_error err;
    gh_config_init(&c);
    c.procs = 2;
    struct gh_heap *h = gh_heap_open(&c, &err);
    assert_non_null(h);
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
    struct gh_heap *h = open_heap();
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
    struct gh_heap *h = open_heap();
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_inside_a_stopped_world),
        cmocka_unit_test(several_stoppers_take_turns),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
