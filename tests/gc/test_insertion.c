/* test_insertion.c - the half of the barrier that shades what is stored: a mutator that runs
 * with a stack that is still to be scanned hides a white object behind a black one.
 *
 * docs/design/barrier.md, "How long a stack waits": such a mutator has waited for the stop in
 * which marking begins in order to stop the world itself. Whether the black object is black by
 * then is a matter of time, so the case is tried again and again; what is lost is found by
 * gccheckmark, which ends the process. */
#include "gc/api/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { HIDDEN_ENOUGH = GH_TORTURE ? 5 : 40, CYCLES_MAX = 3000 };
static const int64_t MARKING_NS = INT64_C(200) * 1000; /* to make the black object black */

struct node {
    struct node *next;
    uint64_t id;
};

struct hiding {
    struct gh_heap *heap;
    const struct gh_type *type;
    void *root; /* the node behind which others are hidden */
    /* atomic, relaxed: hints */
    _Atomic(int) hidden;
    _Atomic(bool) done;
};

static void
wait_for_markers(void)
{
    struct timespec t = {.tv_nsec = MARKING_NS};
    nanosleep(&t, NULL);
}

/* A node that only slot 0 knows, white. If marking has begun when our own stop of the world is
 * over, our stack has not been scanned: hide the node, and drop it from the stack. */
static void
hide_one(struct hiding *h, struct gh_mutator *m)
{
    struct gh_memstats stats;
    struct node *fresh = gh_new(m, h->type);
    GH_SLOT(m, struct node, 0) = fresh;
    bool white = !m->barrier_on;
    gh_read_memstats(h->heap, m, &stats);
    if (!white || !m->barrier_on)
        return;
    wait_for_markers();
    struct node *black = h->root;
    gh_store(m, &black->next, GH_SLOT(m, struct node, 0));
    GH_SLOT(m, struct node, 0) = NULL;
    atomic_fetch_add_explicit(&h->hidden, 1, memory_order_relaxed);
}

static void *
hider(void *arg)
{
    struct hiding *h = arg;
    struct gh_mutator *m = gh_attach(h->heap, "hider");
    {
        GH_FRAME(m, 1);
        while (!atomic_load_explicit(&h->done, memory_order_relaxed)) {
            hide_one(h, m);
            gh_poll(m);
        }
    }
    gh_detach(m);
    return NULL;
}

static void
what_an_unscanned_stack_hides_behind_a_black_object_is_marked(void **state)
{
    (void)state;
    struct hiding h = {0};
    struct gh_config c;
    struct gh_error err;
    gh_config_init(&c);
    c.procs = 3; /* two mutators, and one to mark */
    c.debug.gccheckmark = true;
    h.heap = gh_heap_open(&c, &err);
    assert_non_null(h.heap);
    h.type = gh_type_small(h.heap, "node", sizeof(struct node), GH_PTR(struct node, next));
    gh_roots_add(h.heap, &h.root, 1);
    struct gh_mutator *m = gh_attach(h.heap, "main");
    gh_store(m, &h.root, gh_new(m, h.type));

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hider, &h), 0);
    int cycles = 0;
    while (atomic_load_explicit(&h.hidden, memory_order_relaxed) < HIDDEN_ENOUGH &&
           cycles++ < CYCLES_MAX)
        gh_gc(m);
    atomic_store_explicit(&h.done, true, memory_order_relaxed);
    gh_blocked_enter(m);
    pthread_join(thread, NULL);
    gh_blocked_exit(m);
    gh_gc(m);

    print_message("%d hidden in %d cycles\n", h.hidden, cycles);
    gh_detach(m);
    gh_roots_remove(h.heap, &h.root);
    gh_heap_close(h.heap);
    if (h.hidden == 0)
        skip();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_unscanned_stack_hides_behind_a_black_object_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
