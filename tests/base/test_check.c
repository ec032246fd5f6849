/* test_check.c - what gh_throw prints and how the process ends. Each throw happens in a child.
 */
#include "alloc/base/check.h"
#include "tests/base/death.h"

#include <pthread.h>
#include <stdlib.h>

static void
throw_with_facts(void *arg)
{
    gh_throw("test_throw: span %d of %s", 7, (const char *)arg);
}

static void
throw_is_one_line_and_status_1(void **state)
{
    struct death d;
    death_run(&d, throw_with_facts, "x");
    assert_true(WIFEXITED(d.status));
    assert_int_equal(WEXITSTATUS(d.status), 1);
    assert_string_equal(d.text, "fatal error: test_throw: span 7 of x\n");
}

static void
throw_aborts_when_asked_to_crash(void **state)
{
    struct death d;
    setenv("GOTRACEBACK", "crash", 1);
    death_run(&d, throw_with_facts, "x");
    unsetenv("GOTRACEBACK");
    assert_true(WIFSIGNALED(d.status));
    assert_int_equal(WTERMSIG(d.status), SIGABRT);
    assert_string_equal(d.text, "fatal error: test_throw: span 7 of x\n");
}

static void
throw_long(void *arg)
{
    gh_throw("%5000d", 1);
}

static void
throw_cuts_what_does_not_fit(void **state)
{
    struct death d;
    death_run(&d, throw_long, NULL);
    assert_int_equal(WEXITSTATUS(d.status), 1);
    size_t n = strlen(d.text);
    assert_in_range(n, 1000, 2048);
    assert_int_equal(d.text[n - 1], '\n');
}

static void *
throw_from_thread(void *barrier)
{
    pthread_barrier_wait(barrier);
    gh_throw("test_throw: all at once");
}

static void
throw_from_many_threads(void *arg)
{
    enum { THREADS = 8 };
    pthread_barrier_t barrier;
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, throw_from_thread, &barrier);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void
throw_from_many_threads_prints_one_message(void **state)
{
    const int rounds = GH_TSAN ? 2 : 20; /* TSan waits a second at each exit */
    for (int round = 0; round < rounds; round++) {
        struct death d;
        death_run(&d, throw_from_many_threads, NULL);
        assert_int_equal(WEXITSTATUS(d.status), 1);
        assert_string_equal(d.text, "fatal error: test_throw: all at once\n");
    }
}

static void
check_passes_what_holds(void *arg)
{
    CHECK(arg != NULL, "test_check: null");
    ASSERT(arg != NULL, "test_check: null");
    _exit(0);
}

static void
assert_a_null(void *arg)
{
    ASSERT(arg != NULL, "test_check: null");
    _exit(0);
}

static void
check_always_and_assert_in_debug_builds(void **state)
{
    struct death d;
    death_run(&d, check_passes_what_holds, "x");
    assert_int_equal(WEXITSTATUS(d.status), 0);
    death_run(&d, check_passes_what_holds, NULL);
    assert_int_equal(WEXITSTATUS(d.status), 1);
    assert_string_equal(d.text, "fatal error: test_check: null\n");
    death_run(&d, assert_a_null, NULL);
    assert_int_equal(WEXITSTATUS(d.status), GH_DEBUG ? 1 : 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throw_is_one_line_and_status_1),
        cmocka_unit_test(throw_aborts_when_asked_to_crash),
        cmocka_unit_test(throw_cuts_what_does_not_fit),
        cmocka_unit_test(throw_from_many_threads_prints_one_message),
        cmocka_unit_test(check_always_and_assert_in_debug_builds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
