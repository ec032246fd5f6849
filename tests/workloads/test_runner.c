/* test_runner.c - a job from setup to teardown, with workloads that misbehave. */
#include "workloads/runner.h"

#include "workloads/procstat.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* What the workload under test does and what became of it. */
static struct {
    bool setup_fails, run_fails, verify_fails, silent;
    bool times, interrupts, spins;
    int threads;
    int setups, runs, verifies, teardowns;
    _Atomic int members, inside, most_inside;
} plan;

static struct gh_error err;
static struct job_result result;

static bool
outcome(bool fails, const char *text, struct gh_error *e)
{
    if (!fails)
        return true;
    return plan.silent ? false : gh_error_set(e, GH_EXIT_FAILED, "%s", text);
}

static bool
work_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *e)
{
    plan.setups++;
    gh_job_set_state(job, &plan);
    assert_non_null(m);
    return outcome(plan.setup_fails, "no setup", e);
}

static void
pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

/* Use up CPU time of this thread. */
static void
spin_ms(long ms)
{
    struct timespec t;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    while (t.tv_sec == 0 && t.tv_nsec < ms * 1000000);
}

static void
member(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    assert_ptr_equal(arg, &plan);
    assert_true(t >= 0 && t < gh_job_threads(job));
    plan.members += 1 << (4 * t);
    int inside = ++plan.inside;
    if (plan.spins)
        spin_ms(20);
    for (int i = 0; i < 50 && plan.most_inside < plan.threads; i++) {
        gh_poll(m);
        gh_new_bytes(m, 100);
        if (inside > plan.most_inside)
            plan.most_inside = inside;
        pause_ms(1);
        inside = plan.inside;
    }
    plan.inside--;
}

static bool
work_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *e)
{
    plan.runs++;
    assert_ptr_equal(gh_job_state(job), &plan);
    assert_int_equal(gh_job_int(job, "depth"), 7);
    if (plan.times) {
        pause_ms(30);
        gh_timer_begin(job);
        pause_ms(5);
        gh_timer_end(job);
    }
    if (!gh_parallel(job, m, gh_job_threads(job), member, &plan, e))
        return false;
    if (plan.interrupts)
        job_interrupt();
    assert_int_equal(gh_interrupted(job), plan.interrupts);
    gh_emit(job, "answer", 42, "count");
    return outcome(plan.run_fails, "no run", e);
}

static bool
work_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *e)
{
    (void)m;
    plan.verifies++;
    gh_checksum(job, 17);
    return outcome(plan.verify_fails, "wrong", e);
}

static void
work_teardown(struct gh_job *job)
{
    plan.teardowns++;
    assert_ptr_equal(gh_job_state(job), &plan);
}

static const struct gh_option options[] = {
    {.name = "depth", .kind = GH_OPT_INT, .help = "h", .value = "7", .min = 0, .max = 9},
    {.name = NULL},
};
static const struct gh_workload work = {
    GH_WORKLOAD_HEADER, .name = "work",        .help = "h",
    .options = options, .max_threads = 4,      .setup = work_setup,
    .run = work_run,    .verify = work_verify, .teardown = work_teardown};

static bool
go(void)
{
    struct gh_config config;
    struct options values;
    gh_config_init(&config);
    config.verify = true;
    config.procs = plan.spins ? plan.threads : config.procs; /* on one core */
    struct gh_heap *heap = gh_heap_open(&config, &err);
    assert_non_null(heap);
    assert_true(options_parse(&work, NULL, 0, &values, &err));
    const struct job_plan job = {.workload = &work,
                                 .options = &values,
                                 .heap = heap,
                                 .threads = plan.threads,
                                 .verify_heap = true};
    err.text[0] = '\0';
    bool ok = workload_run(&job, &result, &err);
    gh_heap_close(heap);
    job_interrupt_clear();
    return ok;
}

static int
reset(void **state)
{
    memset(&plan, 0, sizeof plan);
    plan.threads = 1;
    return 0;
}

static void
a_good_job_passes_all_phases(void **state)
{
    assert_true(go());
    assert_int_equal(plan.setups + plan.runs + plan.verifies + plan.teardowns, 4);
    assert_true(result.verified && result.has_checksum && !result.interrupted);
    assert_int_equal(result.checksum, 17);
    assert_int_equal(result.metric_count, 1);
    assert_string_equal(result.metrics[0].name, "answer");
    assert_true(result.memstats.mallocs > 0);
    assert_true(result.timed.mallocs > 0);
    assert_true(result.rss_peak_bytes > 1 << 20);
    assert_true(result.rss_end_bytes > 1 << 20);
    /* the kernel counts pages core by core and does not always add them up */
    assert_true(result.rss_end_bytes <= result.rss_peak_bytes + (4 << 20));
}

static void
the_timed_section_is_what_the_workload_says(void **state)
{
    assert_true(go());
    assert_true(result.wall_s > 0);
    plan.times = true;
    assert_true(go());
    assert_true(result.wall_s >= 0.005 && result.wall_s < 0.030);
    assert_int_equal(result.timed.mallocs, 0);
}

static void
teardown_follows_a_failed_setup(void **state)
{
    plan.setup_fails = true;
    assert_false(go());
    assert_string_equal(err.text, "no setup");
    assert_int_equal(plan.runs, 0);
    assert_int_equal(plan.teardowns, 1);
}

static void
teardown_follows_a_failed_run(void **state)
{
    plan.run_fails = true;
    assert_false(go());
    assert_string_equal(err.text, "no run");
    assert_int_equal(plan.verifies, 0);
    assert_int_equal(plan.teardowns, 1);
}

static void
a_failure_without_words_gets_some(void **state)
{
    plan.verify_fails = plan.silent = true;
    assert_false(go());
    assert_string_equal(err.text, "work: verify failed and gave no reason");
    assert_int_equal(err.status, GH_EXIT_FAILED);
    assert_false(result.verified);
}

static void
an_interrupted_job_is_not_verified(void **state)
{
    plan.interrupts = true;
    assert_true(go());
    assert_true(result.interrupted);
    assert_int_equal(plan.verifies, 0);
    assert_int_equal(plan.teardowns, 1);
    assert_int_equal(result.metric_count, 1);
}

static void
parallel_runs_every_member_once_and_together(void **state)
{
    plan.threads = 4;
    assert_true(go());
    assert_int_equal(plan.members, 0x1111);
    assert_int_equal(plan.most_inside, 4);
}

/* Four threads that want one core: of members that are gone when the timer ends, too. */
static void
time_in_line_for_a_core_is_counted(void **state)
{
    uint64_t ns;
    if (!procstat_runq_wait(&ns))
        skip();
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    plan.threads = 4;
    plan.spins = true;
    bool ok = go();
    sched_setaffinity(0, sizeof all, &all);
    assert_true(ok);
    assert_true(result.timed.runq_wait_known);
    /* three of them stand in line while the fourth works: far more than starting them takes */
    assert_true(result.timed.runq_wait_ns > 10 * 1000000);
}

static void
parallel_runs_none_if_one_cannot_start(void **state)
{
    pthread_attr_t attr, saved;
    pthread_getattr_default_np(&saved);
    pthread_attr_init(&attr);
    /* stacks of which the address space has room for three at most */
    pthread_attr_setstacksize(&attr, (size_t)1 << 45);
    pthread_setattr_default_np(&attr);
    plan.threads = 4;
    bool ok = go();
    pthread_setattr_default_np(&saved);
    assert_false(ok);
    assert_int_equal(plan.members, 0);
    assert_non_null(strstr(err.text, "cannot start thread"));
    assert_int_equal(err.status, GH_EXIT_FAILED);
    assert_int_equal(plan.teardowns, 1);
}

static void
threads_are_checked_against_the_workload(void **state)
{
    plan.threads = 5;
    assert_false(go());
    assert_string_equal(err.text, "--threads: 5 is out of range (work takes 1 to 4)");
    assert_int_equal(err.status, GH_EXIT_USAGE);
    assert_int_equal(plan.setups, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_job_passes_all_phases, reset),
        cmocka_unit_test_setup(the_timed_section_is_what_the_workload_says, reset),
        cmocka_unit_test_setup(teardown_follows_a_failed_setup, reset),
        cmocka_unit_test_setup(teardown_follows_a_failed_run, reset),
        cmocka_unit_test_setup(a_failure_without_words_gets_some, reset),
        cmocka_unit_test_setup(an_interrupted_job_is_not_verified, reset),
        cmocka_unit_test_setup(parallel_runs_every_member_once_and_together, reset),
        cmocka_unit_test_setup(time_in_line_for_a_core_is_counted, reset),
        cmocka_unit_test_setup(parallel_runs_none_if_one_cannot_start, reset),
        cmocka_unit_test_setup(threads_are_checked_against_the_workload, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
