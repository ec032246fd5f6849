/* test_lock.c - mutual exclusion, ranks (in debug builds), conditions with deadlines. */
#include "alloc/base/lock.h"
#include "alloc/base/os.h"
#include "alloc/base/retry.h"
#include "tests/base/death.h"

static void *
add_many(void *arg)
{
    struct {
        struct lock lock;
        long sum;
    } *shared = arg;
    for (int i = 0; i < 20000; i++) {
        lock_acquire(&shared->lock);
        shared->sum++;
        lock_release(&shared->lock);
    }
    return NULL;
}

static void
lock_excludes(void **state)
{
    enum { THREADS = 4 };
    struct {
        struct lock lock;
        long sum;
    } shared = {.sum = 0};
    pthread_t threads[THREADS];

    lock_init(&shared.lock, LOCK_RANK_LEAF);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.sum, 20000 * THREADS);
    lock_finish(&shared.lock);
}

static void
locks_are_released_in_any_order(void **state)
{
    struct lock outer, inner;
    lock_init(&outer, LOCK_RANK_WORLD);
    lock_init(&inner, LOCK_RANK_PAGES);
    lock_acquire(&outer);
    lock_acquire(&inner);
    lock_release(&outer);
    assert_true(lock_is_held(&inner));
    lock_release(&inner);
    lock_acquire(&outer);
    lock_acquire(&inner);
    lock_release(&inner);
    lock_release(&outer);
    lock_finish(&inner);
    lock_finish(&outer);
}

static void
take_in_falling_rank(void *arg)
{
    struct lock pages, world;
    lock_init(&pages, LOCK_RANK_PAGES);
    lock_init(&world, LOCK_RANK_WORLD);
    lock_acquire(&pages);
    lock_acquire(&world);
}

static void
take_two_of_a_rank(void *arg)
{
    struct lock a, b;
    lock_init(&a, LOCK_RANK_STACKPOOL);
    lock_init(&b, LOCK_RANK_STACKPOOL);
    lock_acquire(&a);
    lock_acquire(&b);
}

static void
release_what_is_not_held(void *arg)
{
    struct lock l;
    lock_init(&l, LOCK_RANK_LEAF);
    lock_release(&l);
}

static void
debug_builds_catch_a_falling_rank(void **state)
{
    struct death d;
    if (!GH_DEBUG)
        skip();
    death_run(&d, take_in_falling_rank, NULL);
    assert_int_equal(WEXITSTATUS(d.status), 1);
    assert_string_equal(d.text, "fatal error: lock_acquire: WORLD taken while holding PAGES\n");
    death_run(&d, take_two_of_a_rank, NULL);
    assert_string_equal(d.text,
                        "fatal error: lock_acquire: STACKPOOL taken while holding STACKPOOL\n");
    death_run(&d, release_what_is_not_held, NULL);
    assert_string_equal(d.text, "fatal error: lock_release: LEAF is not held by this thread\n");
}

static void
cond_wait_until_times_out(void **state)
{
    struct lock l;
    struct cond c;
    lock_init(&l, LOCK_RANK_LEAF);
    cond_init(&c);
    lock_acquire(&l);
    int64_t start = os_now_ns(), deadline = start + 20 * 1000 * 1000;
    while (cond_wait_until(&c, &l, deadline))
        continue; /* woken for no reason */
    assert_true(os_now_ns() >= deadline);
    assert_true(lock_is_held(&l));
    assert_false(cond_wait_until(&c, &l, start)); /* past: at once */
    assert_false(cond_wait_until(&c, &l, -1));
    lock_release(&l);
    cond_finish(&c);
    lock_finish(&l);
}

struct ball {
    struct lock lock;
    struct cond moved;
    int side; /* guarded by lock: whose turn */
    int hits;
};

enum { BALL_HITS = 1000 };

static void *
play(void *arg)
{
    struct ball *b = arg;
    lock_acquire(&b->lock);
    while (b->hits < BALL_HITS) {
        if (b->side == 0) {
            cond_wait(&b->moved, &b->lock);
            continue;
        }
        b->side = 0;
        b->hits++;
        cond_signal(&b->moved);
    }
    cond_broadcast(&b->moved);
    lock_release(&b->lock);
    return NULL;
}

static void
cond_signal_wakes_the_other_side(void **state)
{
    struct ball b = {.side = 0};
    pthread_t t;
    lock_init(&b.lock, LOCK_RANK_LEAF);
    cond_init(&b.moved);
    pthread_create(&t, NULL, play, &b);
    lock_acquire(&b.lock);
    while (b.hits < BALL_HITS) {
        if (b.side == 1) {
            assert_true(cond_wait_until(&b.moved, &b.lock, os_now_ns() + INT64_C(60000000000)));
            continue;
        }
        b.side = 1;
        cond_signal(&b.moved);
    }
    lock_release(&b.lock);
    pthread_join(t, NULL);
    assert_int_equal(b.hits, BALL_HITS);
    cond_finish(&b.moved);
    lock_finish(&b.lock);
}

/* --- counts --- */

static void
a_finished_lock_adds_to_its_rank(void **state)
{
    struct lock l;
    struct cond c;
    struct lock_counts before, after;
    lock_read_counts(LOCK_RANK_GCBITS, &before);
    lock_init(&l, LOCK_RANK_GCBITS);
    cond_init(&c);
    for (int i = 0; i < 5; i++) {
        lock_acquire(&l);
        lock_release(&l);
    }
    lock_acquire(&l);
    while (cond_wait_until(&c, &l, 0))
        continue; /* nobody signals */
    lock_release(&l);
    lock_read_counts(LOCK_RANK_GCBITS, &after);
    assert_int_equal(after.taken, before.taken); /* not before it is finished */
    lock_finish(&l);
    lock_read_counts(LOCK_RANK_GCBITS, &after);
    assert_int_equal(after.taken - before.taken, 5 + 1 + 1);
    assert_int_equal(after.contended, before.contended);
    assert_int_equal(after.slept, before.slept);
    assert_int_equal(after.wait_ns, before.wait_ns);
    cond_finish(&c);
}

static void
a_settled_lock_begins_anew(void **state)
{
    struct lock l;
    struct lock_counts before, after;
    lock_read_counts(LOCK_RANK_RECLAIM, &before);
    lock_init(&l, LOCK_RANK_RECLAIM);
    for (int i = 0; i < 3; i++) {
        lock_acquire(&l);
        lock_settle(&l);
        lock_release(&l);
        lock_read_counts(LOCK_RANK_RECLAIM, &after);
        assert_int_equal(after.taken - before.taken, i + 1);
    }
    lock_finish(&l);
    lock_read_counts(LOCK_RANK_RECLAIM, &after);
    assert_int_equal(after.taken - before.taken, 3);
}

static void *
take_once(void *arg)
{
    struct lock *l = arg;
    lock_acquire(l);
    lock_release(l);
    return NULL;
}

/* A lock is held for so long that who wants it goes to sleep. Should the thread come too late
 * for that, it is held for longer the next time. */
static void
who_finds_a_lock_taken_is_counted(void **state)
{
    struct lock_counts before, after;
    lock_read_counts(LOCK_RANK_ROOTS, &before);
    useconds_t rounds = 0;
    do {
        struct lock l;
        pthread_t t;
        rounds++;
        lock_init(&l, LOCK_RANK_ROOTS);
        lock_acquire(&l);
        assert_int_equal(pthread_create(&t, NULL, take_once, &l), 0);
        usleep(rounds * 1000);
        lock_release(&l);
        pthread_join(t, NULL);
        lock_finish(&l);
        lock_read_counts(LOCK_RANK_ROOTS, &after);
    } while (after.slept == before.slept && rounds < 200);
    uint64_t contended = after.contended - before.contended;
    assert_int_equal(after.taken - before.taken, 2 * rounds);
    assert_true(contended >= 1 && contended <= rounds);
    assert_int_equal(after.slept - before.slept, 1);
    assert_true(after.longest_ns > 0);
    assert_true(after.wait_ns - before.wait_ns >= after.longest_ns);
}

/* Ranks are names in the table, not places in it. */
static void
ranks_and_loops_have_names(void **state)
{
    assert_string_equal(lock_rank_name(LOCK_RANK_CYCLE), "CYCLE");
    assert_string_equal(lock_rank_name(LOCK_RANK_LEAF), "LEAF");
    assert_string_equal(retry_loop_name(RETRY_SPANSET_POP), "SPANSET_POP");
    uint64_t before = retry_count(RETRY_QUEUE_STEAL), other = retry_count(RETRY_QUEUE_CLAIM);
    retry_note(RETRY_QUEUE_STEAL);
    assert_int_equal(retry_count(RETRY_QUEUE_STEAL) - before, 1);
    assert_int_equal(retry_count(RETRY_QUEUE_CLAIM), other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_excludes),
        cmocka_unit_test(locks_are_released_in_any_order),
        cmocka_unit_test(debug_builds_catch_a_falling_rank),
        cmocka_unit_test(cond_wait_until_times_out),
        cmocka_unit_test(cond_signal_wakes_the_other_side),
        cmocka_unit_test(a_finished_lock_adds_to_its_rank),
        cmocka_unit_test(a_settled_lock_begins_anew),
        cmocka_unit_test(who_finds_a_lock_taken_is_counted),
        cmocka_unit_test(ranks_and_loops_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
