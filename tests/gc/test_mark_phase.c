/* test_mark_phase.c - how a mark phase ends when those who take part come in an awkward order:
 * answers given on behalf of sleepers, roots that go while the world stands, no worker threads.
 *
 * A cycle that never ends shows as a test that does not return: so what may hang runs on a
 * thread of its own, and is given LONG_NS. */
#include "gc/core/mark_threads.h"
#include "tests/gc/testheap.h"

#include <time.h>

static const int64_t LONG_NS = INT64_C(20) * 1000 * 1000 * 1000;

static struct gh_heap *
open_heap(int procs)
{
    struct gh_config c = testheap_config(100);
    c.procs = procs;
    c.verify = true;
    struct gh_heap *h = testheap_open(&c);
    return h;
}

static void
nap(void)
{
    struct timespec t = {.tv_nsec = 100000};
    nanosleep(&t, NULL);
}

/* Wait for *flag, but not for ever. */
static void
wait_for(_Atomic(bool) *flag, const char *what)
{
    int64_t until = os_now_ns() + LONG_NS;
    while (!atomic_load(flag) && os_now_ns() < until)
        nap();
    if (!atomic_load(flag))
        fail_msg("%s has not come to an end", what);
}

/* --- a sleeper is held while the ragged barrier begins --- */

static struct sched_client real;

/* As the real one, but slow to let go of a sleeper whose stack it has scanned: until somebody
 * has found the phase quiet and asked everybody, or there is none who could. */
static void
slow_serve(void *ctx, struct mutator *m, uint32_t requests, bool owner)
{
    struct gh_heap *h = ctx;
    real.serve(ctx, m, requests, owner);
    int64_t until = os_now_ns() + INT64_C(200) * 1000 * 1000;
    while (!owner && (requests & REQUEST_SCAN) && os_now_ns() < until &&
           atomic_load(&h->mark_phase.acks_left) == 0)
        nap();
    if (!owner && (requests & REQUEST_SCAN))
        nap(); /* and has looked for sleepers to ask */
}

static _Atomic(bool) collected;

static void *
collect(void *arg)
{
    struct gh_heap *h = arg;
    h->collector->collect(h, NULL, GC_TRIGGER_TIME);
    atomic_store(&collected, true);
    return NULL;
}

static void
an_answer_given_for_a_sleeper_ends_the_phase(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(2);
    pthread_t t;
    struct gh_mutator *m = gh_attach(h, "sleeper");
    real = h->sched.client;
    h->sched.client.serve = slow_serve;
    gh_blocked_enter(m);
    for (int i = 0; i < 3; i++) {
        atomic_store(&collected, false);
        assert_int_equal(pthread_create(&t, NULL, collect, h), 0);
        wait_for(&collected, "a collection of a sleeping heap");
        pthread_join(t, NULL);
    }
    gh_blocked_exit(m);
    gh_detach(m);
    gh_heap_close(h);
}

/* --- roots go while the world stands --- */

enum { ROOTS = 64, SLEEPERS = 200, ROUNDS = GH_TORTURE ? 50 : 400 };

static _Atomic(bool) done;
static void *kept[ROOTS];
static void *also[ROOTS];

static void *
come_and_go(void *heap)
{
    while (!atomic_load(&done)) {
        gh_roots_add(heap, also, ROOTS);
        gh_roots_remove(heap, also);
    }
    return NULL;
}

/* By a thread that does not stop with the world, so that some go while a collection looks for
 * the last time whether it has marked everything; the more mutators, the longer it looks. */
static void
roots_may_go_at_any_time(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(2);
    struct gh_mutator *sleepers[SLEEPERS], *m = gh_attach(h, "main");
    const struct gh_type *pair = gh_type_small(h, "pair", 16, 1);
    pthread_t t;
    gh_roots_add(h, kept, ROOTS);
    for (int i = 0; i < ROOTS; i++) {
        gh_store(m, &kept[i], gh_new(m, pair));
        gh_store(m, &also[i], kept[i]);
    }
    gh_blocked_enter(m);
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = gh_attach(h, "sleeper");
        gh_blocked_enter(sleepers[i]);
    }
    gh_blocked_exit(m);
    atomic_store(&done, false);
    assert_int_equal(pthread_create(&t, NULL, come_and_go, h), 0);
    for (int i = 0; i < ROUNDS; i++)
        gh_gc(m);
    atomic_store(&done, true);
    pthread_join(t, NULL);
    gh_roots_remove(h, kept);
    gh_blocked_enter(m);
    for (int i = 0; i < SLEEPERS; i++) {
        gh_blocked_exit(sleepers[i]);
        gh_detach(sleepers[i]);
    }
    gh_blocked_exit(m);
    gh_detach(m);
    gh_heap_close(h);
}

/* --- no worker threads --- */

struct node {
    struct node *next;
};

/* A list that takes more than the last look to mark. */
static void
make_list(struct gh_mutator *m, const struct gh_type *pair)
{
    for (int i = 0; i < (GH_TORTURE ? 2000 : 20000); i++) {
        struct node *n = gh_new(m, pair);
        gh_store(m, &n->next, GH_SLOT(m, struct node, 0));
        GH_SLOT(m, struct node, 0) = n;
    }
}

static void
collect_list(struct gh_mutator *m)
{
    GH_FRAME(m, 1);
    make_list(m, gh_type_small(m->heap, "pair", 16, 1));
    for (int i = 0; i < 3; i++)
        gh_gc(m);
}

static void *
list_and_leave(void *heap)
{
    struct gh_mutator *m = gh_attach(heap, "list");
    collect_list(m);
    gh_detach(m);
    atomic_store(&collected, true);
    return NULL;
}

/* As on a machine that refuses more threads. */
static void
mutators_mark_where_no_thread_can_be_made(void **state)
{
    (void)state;
    for (int procs = 1; procs <= 3; procs += 2) {
        struct gh_heap *h = open_heap(procs);
        struct gh_mutator *m = gh_attach(h, "sleeper");
        pthread_t t[2];
        h->mark_phase.nthreads_max = 0;
        gh_blocked_enter(m);
        for (int i = 0; i < 2; i++) {
            atomic_store(&collected, false);
            assert_int_equal(pthread_create(&t[i], NULL, list_and_leave, h), 0);
        }
        wait_for(&collected, "a collection without worker threads");
        for (int i = 0; i < 2; i++)
            pthread_join(t[i], NULL);
        atomic_store(&collected, false);
        assert_int_equal(pthread_create(&t[0], NULL, collect, h), 0);
        wait_for(&collected, "a collection without worker threads by no mutator");
        pthread_join(t[0], NULL);
        gh_blocked_exit(m);
        gh_detach(m);
        gh_heap_close(h);
    }
}

/* --- the heap closes --- */

/* While a cycle is under way, which walks the list of actors as it ends. */
static void
a_heap_closes_while_it_marks(void **state)
{
    (void)state;
    for (int i = 0; i < (GH_TORTURE ? 5 : 20); i++) {
        struct gh_heap *h = open_heap(2);
        struct gh_mutator *m = gh_attach(h, "main");
        kept[0] = NULL; /* it may be of another heap */
        gh_roots_add(h, kept, 1);
        {
            GH_FRAME(m, 1);
            make_list(m, gh_type_small(h, "pair", 16, 1));
            gh_store(m, &kept[0], GH_SLOT(m, void, 0));
        }
        h->collector->collect(h, mutator_of(m), GC_TRIGGER_TORTURE);
        gh_detach(m);
        gh_heap_close(h);
    }
}

/* --- two cycles are launched at once, as the first was over before it was launched --- */

enum { LAUNCHERS = 4, HEAPS = GH_TORTURE ? 10 : 50 };

static pthread_barrier_t together;

static void *
launch(void *arg)
{
    pthread_barrier_wait(&together);
    mark_threads_start(arg);
    return NULL;
}

static void
each_thread_is_started_once(void **state)
{
    pthread_t t[LAUNCHERS];
    assert_int_equal(pthread_barrier_init(&together, NULL, LAUNCHERS), 0);
    for (int i = 0; i < HEAPS; i++) {
        struct gh_heap *h = open_heap(4);
        struct procs *p = &h->sched.procs;
        for (int k = 0; k < LAUNCHERS; k++)
            assert_int_equal(pthread_create(&t[k], NULL, launch, &h->mark_phase), 0);
        for (int k = 0; k < LAUNCHERS; k++)
            pthread_join(t[k], NULL);
        unsigned actors = 0;
        lock_acquire(&p->lock);
        for (const struct actor *a = p->actors; a != NULL && actors <= 4; a = a->next)
            actors++;
        lock_release(&p->lock);
        assert_int_equal(actors, 4);
        assert_int_equal(h->mark_phase.nthreads, 4);
        gh_heap_close(h);
    }
    pthread_barrier_destroy(&together);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_given_for_a_sleeper_ends_the_phase),
        cmocka_unit_test(roots_may_go_at_any_time),
        cmocka_unit_test(mutators_mark_where_no_thread_can_be_made),
        cmocka_unit_test(a_heap_closes_while_it_marks),
        cmocka_unit_test(each_thread_is_started_once),
    };
    return cmocka_run_group_tests_name("mark_phase", tests, NULL, NULL);
}
