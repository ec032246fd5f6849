/* test_stats.c - what is told about a heap: heapLive across flushes, pauses of collections that
 * had to queue, scannable bytes, copies of stacks; and that running out of memory means a sweep
 * first. */
#include "tests/gc/testheap.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, STOPPERS = 4, ROUNDS = GH_TORTURE ? 10 : 100 };

static struct gh_heap *
open_heap(void)
{
    struct gh_config c = testheap_config(GH_GOGC_OFF);
    c.background = false;
    struct gh_heap *h = testheap_open(&c);
    return h;
}

static void
reading_statistics_does_not_raise_heap_live(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s;
    for (int i = 0; i < 1000; i++) {
        gh_new_bytes(m, 64);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.heap_live >= s.heap_alloc);
    assert_true(s.heap_live <= s.heap_inuse);
    gh_detach(m);
    gh_heap_close(h);
}

static void
mutators_that_leave_do_not_raise_heap_live(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    for (int i = 0; i < 1000; i++) {
        struct gh_mutator *m = gh_attach(h, "test");
        gh_new_bytes(m, 64);
        gh_detach(m);
    }
    struct gh_memstats s;
    gh_read_memstats(h, NULL, &s);
    assert_true(s.heap_live >= s.heap_alloc);
    assert_true(s.heap_live <= s.heap_inuse);
    gh_heap_close(h);
}

static void *
collect_often(void *heap)
{
    struct gh_mutator *m = gh_attach(heap, "stopper");
    for (int i = 0; i < ROUNDS; i++)
        gh_gc(m);
    gh_detach(m);
    return NULL;
}

static void
pauses_of_several_stoppers_do_not_overlap(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    pthread_t t[STOPPERS];
    int64_t begin = os_now_ns();
    for (int i = 0; i < STOPPERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, collect_often, h), 0);
    for (int i = 0; i < STOPPERS; i++)
        pthread_join(t[i], NULL);
    int64_t took = os_now_ns() - begin;
    struct gh_memstats s;
    gh_read_memstats(h, NULL, &s);
    /* who asks at the same time may share a cycle */
    assert_in_range(s.num_gc, ROUNDS, STOPPERS * ROUNDS);
    assert_true(s.pause_total_ns <= (uint64_t)took);
    gh_heap_close(h);
}

static void *
verify_often(void *heap)
{
    struct gh_mutator *m = gh_attach(heap, "verifier");
    gh_frame_push(m, 1);
    void *p = gh_new_bytes(m, 64);
    GH_SLOT(m, void, 0) = p;
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = gh_verify(m);
        if (n == 0 || n > STOPPERS)
            gh_throw("verify_often: %zu objects", n);
    }
    gh_frame_pop(m, 1);
    gh_detach(m);
    return NULL;
}

/* A check on demand must not switch the checks of all collections on, whoever else asks. */
static void
verifying_at_once_leaves_the_config_alone(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    pthread_t t[STOPPERS];
    for (int i = 0; i < STOPPERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, verify_often, h), 0);
    for (int i = 0; i < STOPPERS; i++)
        pthread_join(t[i], NULL);
    assert_false(h->config.verify);
    gh_heap_close(h);
}

static void
scannable_bytes_are_those_of_objects_with_references(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    const struct gh_type *ref = gh_type_small(h, "ref", 8, 1);
    gh_frame_push(m, 4);
    void *p = gh_new_array(m, ref, 5);
    GH_SLOT(m, void, 0) = p;
    p = gh_new_array(m, ref, 10000);
    GH_SLOT(m, void, 1) = p;
    p = gh_new_bytes(m, 100);
    GH_SLOT(m, void, 2) = p;
    p = gh_new_bytes(m, 100000);
    GH_SLOT(m, void, 3) = p;
    gh_gc(m);
    struct gh_memstats s;
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.heap_scan, 48 + 10 * GH_PAGE);
    assert_int_equal(s.heap_marked, 48 + 10 * GH_PAGE + 112 + 13 * GH_PAGE);
    gh_frame_pop(m, 4);
    gh_detach(m);
    gh_heap_close(h);
}

static void
a_shrink_is_not_counted_as_growth(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s;
    gh_frame_push(m, 10000);
    gh_frame_pop(m, 10000);
    gh_gc(m);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.stack_copies, 1);
    assert_int_equal(s.stack_shrinks, 1);
    gh_detach(m);
    gh_heap_close(h);
}

/* Garbage of four times the address space that is left, and GOGC off. */
static void
allocate_beyond_the_limit(void)
{
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu", &pages) != 1)
        _exit(2);
    fclose(f);
    struct rlimit l;
    getrlimit(RLIMIT_AS, &l);
    l.rlim_cur = (rlim_t)pages * os_page_bytes() + 256 * (rlim_t)MIB;
    if (setrlimit(RLIMIT_AS, &l) != 0)
        _exit(2);
    for (int i = 0; i < 1024; i++)
        gh_new_bytes(m, MIB);
    gh_detach(m);
    gh_heap_close(h);
}

/* What the pacer expects to scan: a flush takes nothing away from it, nor does a mutator that
 * leaves. */
static void
flushes_do_not_lose_scannable_bytes(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_memstats s;
    for (uint64_t round = 0; round < 3; round++) {
        struct gh_mutator *m = gh_attach(h, "m");
        const struct gh_type *pair = gh_type_small(h, "pair", 16, 1);
        for (int i = 0; i < 10; i++)
            gh_new(m, pair);
        gh_read_memstats(h, m, &s);
        assert_int_equal(atomic_load(&h->pacer.heap_scan), (2 * round + 1) * 160);
        for (int i = 0; i < 10; i++)
            gh_new(m, pair);
        gh_detach(m);
        assert_int_equal(atomic_load(&h->pacer.heap_scan), (2 * round + 2) * 160);
    }
    gh_heap_close(h);
}

static void
garbage_goes_before_memory_runs_out(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        allocate_beyond_the_limit();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_statistics_does_not_raise_heap_live),
        cmocka_unit_test(mutators_that_leave_do_not_raise_heap_live),
        cmocka_unit_test(pauses_of_several_stoppers_do_not_overlap),
        cmocka_unit_test(verifying_at_once_leaves_the_config_alone),
        cmocka_unit_test(scannable_bytes_are_those_of_objects_with_references),
        cmocka_unit_test(a_shrink_is_not_counted_as_growth),
        cmocka_unit_test(flushes_do_not_lose_scannable_bytes),
        cmocka_unit_test(garbage_goes_before_memory_runs_out),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
