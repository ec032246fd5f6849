/* test_limiter.c - the bucket that limits the collector's share, on a clock of our own. */
#include "gc/core/limiter.h"
#include "tests/base/death.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PROCS = 4 };
static const int64_t MS = 1000000, SECOND = 1000000000;

/* A clock that the tests wind. */
struct bench {
    struct limiter l;
    int64_t now;
};

static void
begin(struct bench *b)
{
    b->now = 12345;
    limiter_init(&b->l, b->now, PROCS);
}

static void
pass(struct bench *b, int64_t ns)
{
    b->now += ns;
    limiter_update(&b->l, b->now);
}

/* Marking goes on or off, in no time. */
static void
marking(struct bench *b, bool on)
{
    limiter_start_gc(&b->l, on, b->now);
    limiter_finish_gc(&b->l, b->now);
}

/* Mutators assist so much that collecting takes `share` of all time, the background included.
 */
static void
pass_collecting(struct bench *b, int64_t ns, double share)
{
    limiter_add_assist_ns(&b->l, (int64_t)((share - 0.25) * (double)ns * PROCS));
    pass(b, ns);
}

static void
mutators_fill_nothing(void **state)
{
    struct bench b;
    begin(&b);
    assert_int_equal(b.l.capacity_ns, PROCS * SECOND);
    pass(&b, 10 * MS);
    pass(&b, 3600 * SECOND);
    assert_int_equal(b.l.fill_ns, 0);
    assert_false(limiter_is_on(&b.l));
    assert_int_equal(limiter_last_enabled_cycle(&b.l), 0);
}

static void
updates_are_wanted_every_ten_ms(void **state)
{
    struct bench b;
    begin(&b);
    assert_false(limiter_needs_update(&b.l, b.now + 10 * MS));
    assert_true(limiter_needs_update(&b.l, b.now + 10 * MS + 1));
    pass(&b, 11 * MS);
    assert_false(limiter_needs_update(&b.l, b.now));
}

static void
stopped_world_fills_for_all_processors(void **state)
{
    struct bench b;
    begin(&b);
    limiter_start_gc(&b.l, true, b.now += 50 * MS);
    limiter_update(&b.l, b.now + MS); /* in between: nothing happens */
    limiter_finish_gc(&b.l, b.now += 2 * MS);
    assert_int_equal(b.l.fill_ns, 2 * MS * PROCS);
}

static void
background_marking_is_a_quarter(void **state)
{
    struct bench b;
    begin(&b);
    limiter_start_gc(&b.l, true, b.now);
    limiter_finish_gc(&b.l, b.now += 10 * MS);
    /* 1/4 fills, 3/4 drain */
    pass(&b, 4 * MS);
    assert_int_equal(b.l.fill_ns, (10 - 2) * MS * PROCS);
    /* without marking all of it drains */
    marking(&b, false);
    pass(&b, 3 * MS);
    assert_int_equal(b.l.fill_ns, 5 * MS * PROCS);
}

static void
half_moves_nothing(void **state)
{
    struct bench b;
    begin(&b);
    marking(&b, true);
    pass_collecting(&b, 10 * MS, 1);
    assert_int_equal(b.l.fill_ns, 10 * MS * PROCS);
    pass_collecting(&b, 100 * MS, 0.5);
    assert_int_equal(b.l.fill_ns, 10 * MS * PROCS);
}

static void
full_bucket_limits_until_it_drains(void **state)
{
    struct bench b;
    begin(&b);
    atomic_store(&b.l.num_gc, 41);
    marking(&b, true);
    pass_collecting(&b, SECOND - MS, 1);
    assert_false(limiter_is_on(&b.l));
    pass_collecting(&b, MS, 1); /* to the brim */
    assert_true(limiter_is_on(&b.l));
    assert_int_equal(b.l.fill_ns, b.l.capacity_ns);
    assert_int_equal(limiter_last_enabled_cycle(&b.l), 42);
    pass_collecting(&b, SECOND, 0.5);
    assert_true(limiter_is_on(&b.l));
    pass_collecting(&b, 10 * MS, 1);
    assert_int_equal(b.l.fill_ns, b.l.capacity_ns); /* what does not fit is gone */
    pass(&b, 100 * MS);                             /* no assists: half of the time drains */
    assert_false(limiter_is_on(&b.l));
    assert_int_equal(b.l.fill_ns, (SECOND - 50 * MS) * PROCS);
    assert_int_equal(limiter_last_enabled_cycle(&b.l), 42);
}

static void
last_assists_of_a_cycle_count(void **state)
{
    struct bench b;
    begin(&b);
    marking(&b, true);
    limiter_add_assist_ns(&b.l, 3 * MS);
    limiter_start_gc(&b.l, false, b.now += 4 * MS);
    /* 16 of CPU: 4 by the background, 3 by assists, 9 by mutators */
    assert_int_equal(b.l.fill_ns, 0);
    limiter_finish_gc(&b.l, b.now += MS);
    assert_int_equal(b.l.fill_ns, MS * PROCS);
}

static void
idle_time_is_neither(void **state)
{
    struct bench b;
    begin(&b);
    marking(&b, true);
    /* 40 of CPU, 30 idle: 10 are the background's, none the mutators' */
    limiter_add_idle_ns(&b.l, 30 * MS);
    pass(&b, 10 * MS);
    assert_int_equal(b.l.fill_ns, 10 * MS);
}

static void
clock_that_goes_back_is_ignored(void **state)
{
    struct bench b;
    begin(&b);
    marking(&b, true);
    pass_collecting(&b, 10 * MS, 1);
    limiter_update(&b.l, b.now - 5 * MS);
    assert_int_equal(b.l.fill_ns, 10 * MS * PROCS);
    assert_int_equal(b.l.last_update_ns, b.now);
}

static void
ages_saturate(void **state)
{
    struct bench b;
    begin(&b);
    limiter_init(&b.l, b.now, 1024);
    marking(&b, true);
    limiter_add_assist_ns(&b.l, INT64_MAX);
    limiter_update(&b.l, INT64_MAX);
    assert_true(b.l.fill_ns <= b.l.capacity_ns);
}

static void
same_state_twice(void *arg)
{
    struct bench b;
    begin(&b);
    limiter_start_gc(&b.l, false, b.now);
}

static void
finish_alone(void *arg)
{
    struct bench b;
    begin(&b);
    limiter_finish_gc(&b.l, b.now);
}

static void
misuse_is_fatal(void **state)
{
    death_expect(same_state_twice, NULL, "marking is off already");
    death_expect(finish_alone, NULL, "without limiter_start_gc");
}

/* --- many threads --- */

static void *
crowd_member(void *arg)
{
    struct bench *b = arg;
    for (int i = 0; i < 20000; i++) {
        limiter_add_assist_ns(&b->l, 1);
        limiter_update(&b->l, b->now + i);
    }
    return NULL;
}

/* Whatever meets whatever: all assist time ends up in the bucket, none twice. With no mutator
 * time (zero processors) the bucket shows the sum. */
static void
no_time_is_lost_or_booked_twice(void **state)
{
    enum { THREADS = 4 };
    struct bench b;
    pthread_t threads[THREADS];
    begin(&b);
    b.l.procs = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &b), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t end = b.now + 30000;
    limiter_update(&b.l, end);
    /* a nanosecond of assists fills one, and is missing from what drains */
    assert_int_equal(b.l.fill_ns, 2 * THREADS * 20000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutators_fill_nothing),
        cmocka_unit_test(updates_are_wanted_every_ten_ms),
        cmocka_unit_test(stopped_world_fills_for_all_processors),
        cmocka_unit_test(background_marking_is_a_quarter),
        cmocka_unit_test(half_moves_nothing),
        cmocka_unit_test(full_bucket_limits_until_it_drains),
        cmocka_unit_test(last_assists_of_a_cycle_count),
        cmocka_unit_test(idle_time_is_neither),
        cmocka_unit_test(clock_that_goes_back_is_ignored),
        cmocka_unit_test(ages_saturate),
        cmocka_unit_test(misuse_is_fatal),
        cmocka_unit_test(no_time_is_lost_or_booked_twice),
    };
    return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
