/* test_procstat.c - what the kernel says of this process. */
#include "workloads/procstat.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
resident_memory_grows_by_what_is_touched(void **state)
{
    enum { BYTES = 64 << 20 };
    uint64_t before = procstat_bytes("VmRSS");
    assert_true(before > 0);
    char *p = malloc(BYTES);
    assert_non_null(p);
    memset(p, 1, BYTES);
    __asm__ volatile("" : : "r"(p) : "memory");
    uint64_t after = procstat_bytes("VmRSS");
    free(p);
    assert_true(after >= before + BYTES / 2);
    assert_true(procstat_bytes("VmHWM") >= after - BYTES / 8);
    assert_int_equal(procstat_bytes("VmRS"), 0);
    assert_int_equal(procstat_bytes("NoSuchLine"), 0);
}

static void *
sleeper(void *arg)
{
    usleep(50000);
    return arg;
}

static void
time_in_line_is_known_where_the_kernel_tells(void **state)
{
    uint64_t own = 0, all = 0;
    bool told = access("/proc/thread-self/schedstat", R_OK) == 0;
    assert_int_equal(procstat_thread_runq_wait(&own), told);
    assert_int_equal(procstat_runq_wait(&all), told);
    if (!told)
        skip();
    assert_true(all >= own);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, sleeper, NULL), 0);
    assert_true(procstat_runq_wait(&all)); /* of two threads */
    pthread_join(thread, NULL);
    assert_true(all >= own);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resident_memory_grows_by_what_is_touched),
        cmocka_unit_test(time_in_line_is_known_where_the_kernel_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
