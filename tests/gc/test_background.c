/* test_background.c - what happens beside the mutators: the collection that is due for want of
 * another, sweeping, memory on its way back to the OS. Waits are bounded, never timed. */
#include "gc/core/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

static struct gh_heap *
open_heap(int gogc)
{
    struct gh_config c;
    struct gh_error err;
    gh_config_init(&c);
    c.gogc = gogc;
    c.procs = 2;
    struct gh_heap *h = gh_heap_open(&c, &err);
    assert_non_null(h);
    h->background.force_period_ns = 20 * 1000 * 1000;
    return h;
}

/* Let `ms` pass as a mutator that blocks. */
static void
nap(struct gh_mutator *m, int ms)
{
    gh_blocked_enter(m);
    usleep((useconds_t)ms * 1000);
    gh_blocked_exit(m);
}

static void
idle_heap_is_collected_once_a_period(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(100);
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s = {0};
    gh_gc(m);
    for (int i = 0; i < 1000 && s.num_gc < 4; i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.num_gc >= 4);
    assert_int_equal(s.num_forced_gc, 1);
    gh_detach(m);
    gh_heap_close(h);
}

static void
gogc_off_switches_the_periodic_collection_off(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s;
    gh_gc(m);
    nap(m, 200);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.num_gc, 1);
    gh_detach(m);
    gh_heap_close(h);
}

static void
sweeping_is_done_while_nobody_allocates(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    for (int i = 0; i < 50000; i++)
        gh_new_bytes(m, 64);
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_FORCED); /* without gh_gc's sweep */
    for (int i = 0; i < 1000 && !gospace_sweep_done(&h->space); i++)
        nap(m, 10);
    assert_true(gospace_sweep_done(&h->space));
    gh_detach(m);
    gh_heap_close(h);
}

static void
memory_above_the_goal_goes_back_by_itself(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    void *root = NULL;
    gh_roots_add(h, &root, 1);
    for (int i = 0; i < 64; i++)
        gh_new_bytes(m, 1 << 20);
    gh_set_gogc(m, 100);
    gh_gc(m);
    gh_gc(m); /* the second knows a goal to compare with */
    struct gh_memstats s = {0};
    for (int i = 0; i < 2000 && s.heap_released < (4 << 20); i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.heap_released >= (4 << 20));
    assert_true(s.heap_released <= s.heap_idle);
    gh_free_os_memory(m);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.heap_released, s.heap_idle);
    gh_roots_remove(h, &root);
    gh_detach(m);
    gh_heap_close(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_heap_is_collected_once_a_period),
        cmocka_unit_test(gogc_off_switches_the_periodic_collection_off),
        cmocka_unit_test(sweeping_is_done_while_nobody_allocates),
        cmocka_unit_test(memory_above_the_goal_goes_back_by_itself),
    };
    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
