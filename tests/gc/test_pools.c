/* test_pools.c - object pools: who gets what, how long it stays, and that nothing is handed out
 * twice or lost while many mutators put, get, steal, come, go and collect. */
#include "gc/api/pool.h"
#include "tests/base/seed.h"
#include "tests/gc/testheap.h"

enum { MANY = 1000, THREADS = 4, STEPS = GH_TORTURE ? 300 : 5000, HOLD = 12 };

struct item {
    struct item *next;
    uint64_t number;
    _Atomic(uint64_t) holders;
};

/* the one that is being tested */
static const char *collector;

struct fixture {
    struct gh_heap *heap;
    struct gh_mutator *m;
    const struct gh_type *type;
    struct gh_pool *pool;
    _Atomic(uint64_t) made, got;
};

static void *
make_item(struct gh_mutator *m, void *ctx)
{
    struct fixture *f = ctx;
    struct item *it = gh_new(m, f->type);
    it->number = atomic_fetch_add(&f->made, 1) + 1;
    return it;
}

static void
open_fixture(struct fixture *f, int gogc)
{
    struct gh_config c = testheap_config(gogc);
    c.verify = true;
    c.collector = collector;
    f->heap = testheap_open(&c);
    f->m = gh_attach(f->heap, "test");
    f->type = gh_type_small(f->heap, "item", sizeof(struct item), GH_PTR(struct item, next));
    f->pool = gh_pool_new(f->heap, "items", make_item, f);
    atomic_store(&f->made, 0);
    atomic_store(&f->got, 0);
}

static void
close_fixture(struct fixture *f)
{
    gh_detach(f->m);
    gh_heap_close(f->heap);
}

static uint64_t
objects(struct fixture *f)
{
    struct gh_memstats s;
    gh_read_memstats(f->heap, f->m, &s);
    return s.heap_objects;
}

static void
what_was_put_comes_back_youngest_first(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct item *a = gh_pool_get(f.m, f.pool), *b = gh_pool_get(f.m, f.pool);
    struct item *c = gh_pool_get(f.m, f.pool);
    assert_int_equal(atomic_load(&f.made), 3);
    gh_pool_put(f.m, f.pool, a);
    gh_pool_put(f.m, f.pool, b);
    gh_pool_put(f.m, f.pool, NULL);
    gh_pool_put(f.m, f.pool, c);
    assert_ptr_equal(gh_pool_get(f.m, f.pool), a); /* has the private place */
    assert_ptr_equal(gh_pool_get(f.m, f.pool), c);
    assert_ptr_equal(gh_pool_get(f.m, f.pool), b);
    assert_int_equal(atomic_load(&f.made), 3);
    struct gh_pool_stats s;
    gh_pool_read_stats(f.pool, &s);
    assert_int_equal(s.puts, 3);
    assert_int_equal(s.gets, 6);
    assert_int_equal(s.own, 3);
    assert_int_equal(s.makes, 3);
    close_fixture(&f);
}

static void
unused_objects_are_freed_by_the_second_collection(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    for (int used = 0; used < 2; used++) {
        struct item *a = gh_pool_get(f.m, f.pool);
        GH_FRAME(f.m, 1);
        GH_SLOT(f.m, struct item, 0) = a;
        gh_pool_put(f.m, f.pool, gh_pool_get(f.m, f.pool));
        gh_pool_put(f.m, f.pool, GH_SLOT(f.m, struct item, 0));
        GH_SLOT(f.m, struct item, 0) = NULL;
        gh_gc(f.m);
        assert_int_equal(objects(&f), 2);
        if (used) { /* victims come back, and are young again */
            for (int i = 0; i < 2; i++) {
                a = gh_pool_get(f.m, f.pool);
                GH_SLOT(f.m, struct item, 0) = a;
                a = gh_pool_get(f.m, f.pool);
                gh_pool_put(f.m, f.pool, GH_SLOT(f.m, struct item, 0));
                gh_pool_put(f.m, f.pool, a);
                GH_SLOT(f.m, struct item, 0) = NULL;
                gh_gc(f.m);
                assert_int_equal(objects(&f), 2);
            }
        }
        gh_gc(f.m);
        assert_int_equal(objects(&f), 0);
        assert_int_equal(atomic_load(&f.made), 2 * (used + 1));
    }
    struct gh_pool_stats s;
    gh_pool_read_stats(f.pool, &s);
    assert_int_equal(s.victims, 4);
    close_fixture(&f);
}

static void
long_queues_keep_everything(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    gh_frame_push(f.m, MANY);
    for (int i = 0; i < MANY; i++) {
        void *p = gh_pool_get(f.m, f.pool);
        GH_SLOT(f.m, void, i) = p;
    }
    for (int i = 0; i < MANY; i++)
        gh_pool_put(f.m, f.pool, GH_SLOT(f.m, void, i));
    gh_frame_pop(f.m, MANY);
    gh_gc(f.m);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < MANY; i++)
        sum += ((struct item *)gh_pool_get(f.m, f.pool))->number;
    assert_int_equal(sum, MANY * (MANY + 1) / 2);
    assert_int_equal(atomic_load(&f.made), MANY);
    close_fixture(&f);
}

static void
others_steal_queues_but_not_private_objects(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_mutator *other = gh_attach(f.heap, "other");
    struct item *it[3];
    for (int i = 0; i < 3; i++)
        it[i] = gh_pool_get(f.m, f.pool);
    for (int i = 0; i < 3; i++)
        gh_pool_put(f.m, f.pool, it[i]);
    assert_ptr_equal(gh_pool_get(other, f.pool), it[1]); /* the oldest of the queue */
    assert_ptr_equal(gh_pool_get(other, f.pool), it[2]);
    struct item *fourth = gh_pool_get(other, f.pool);
    assert_int_equal(fourth->number, 4);
    assert_ptr_equal(gh_pool_get(f.m, f.pool), it[0]);
    struct gh_pool_stats s;
    gh_pool_read_stats(f.pool, &s);
    assert_int_equal(s.stolen, 2);
    gh_detach(other);
    close_fixture(&f);
}

static void
detached_mutators_leave_their_objects(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    for (int round = 0; round < 3; round++) {
        struct gh_mutator *other = gh_attach(f.heap, "other");
        struct item *it[2];
        for (int i = 0; i < 2; i++)
            it[i] = gh_pool_get(other, f.pool);
        for (int i = 0; i < 2; i++)
            gh_pool_put(other, f.pool, it[i]);
        if (round == 2) { /* victims stay victims */
            gh_blocked_enter(other);
            gh_gc(f.m);
            gh_blocked_exit(other);
        }
        gh_detach(other);
        assert_int_equal(atomic_load(&f.made), 2);
    }
    gh_gc(f.m);
    assert_int_equal(objects(&f), 0);
    close_fixture(&f);
}

static void
freed_pools_make_room_and_are_not_confused(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    gh_pool_put(f.m, f.pool, gh_pool_get(f.m, f.pool));
    for (int i = 0; i < 40; i++) {
        struct gh_pool *p = gh_pool_new(f.heap, "passing", NULL, NULL);
        assert_null(gh_pool_get(f.m, p)); /* not what its predecessor held */
        gh_pool_put(f.m, p, gh_new(f.m, f.type));
        gh_pool_put(f.m, p, gh_new(f.m, f.type));
        gh_pool_free(p);
    }
    assert_int_equal(f.heap->pools.npools, 2);
    gh_gc(f.m);
    assert_int_equal(objects(&f), 1);
    close_fixture(&f);
}

/* --- the barrier: as if a collection were marking --- */

static void
what_is_put_and_what_is_taken_is_shaded(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_mutator *other = gh_attach(f.heap, "other");
    void *it[4];
    for (int i = 0; i < 4; i++)
        it[i] = gh_pool_get(f.m, f.pool);
    f.m->barrier = other->barrier = true;
    for (int i = 0; i < 4; i++) { /* the private place, and the queue */
        gh_pool_put(f.m, f.pool, it[i]);
        assert_true(testheap_shaded(f.m, it[i]));
    }
    void *stolen = gh_pool_get(other, f.pool);
    assert_ptr_equal(stolen, it[1]);
    assert_true(testheap_shaded(other, stolen));
    for (int i = 0; i < 3; i++) {
        void *own = gh_pool_get(f.m, f.pool);
        assert_true(testheap_shaded(f.m, own));
    }
    gh_pool_put(f.m, f.pool, it[0]);
    testheap_shaded(f.m, it[0]);
    pools_clean_stw(&f.heap->pools); /* nobody else is at work */
    void *victim = gh_pool_get(f.m, f.pool);
    assert_ptr_equal(victim, it[0]);
    assert_true(testheap_shaded(f.m, victim));
    gh_pool_put(f.m, f.pool, victim);
    testheap_shaded(f.m, victim);
    pools_detach(&f.heap->pools, mutator_of(f.m));
    assert_true(testheap_shaded(f.m, victim));
    victim = gh_pool_get(other, f.pool);
    assert_true(testheap_shaded(other, victim));
    f.m->barrier = other->barrier = false;
    gh_detach(other);
    close_fixture(&f);
}

/* --- stress --- */

struct thread_arg {
    struct fixture *f;
    uint64_t seed;
};

/* Hold up to HOLD objects at a time; each must be held by nobody else, and be as it was left.
 */
static void
live(struct fixture *f, struct gh_mutator *m, uint64_t *seed, int steps)
{
    GH_FRAME(m, HOLD);
    for (int step = 0; step < steps; step++) {
        uint64_t r = seed_next(seed);
        int at = (int)(r % HOLD);
        struct item *it = GH_SLOT(m, struct item, at);
        if (it != NULL) {
            assert_int_equal(atomic_fetch_sub(&it->holders, 1), 1);
            GH_SLOT(m, struct item, at) = NULL;
            if (r >> 20 & 7)
                gh_pool_put(m, f->pool, it);
        } else {
            it = gh_pool_get(m, f->pool);
            atomic_fetch_add(&f->got, 1);
            GH_SLOT(m, struct item, at) = it;
            assert_int_equal(atomic_fetch_add(&it->holders, 1), 0);
            assert_true(it->number > 0 && it->number <= atomic_load(&f->made));
        }
        if ((r >> 30) % 512 == 0 || step % (STEPS / 5 + 1) == 0)
            gh_gc(m);
        gh_poll(m);
    }
    for (int i = 0; i < HOLD; i++)
        if (GH_SLOT(m, struct item, i) != NULL)
            atomic_fetch_sub(&GH_SLOT(m, struct item, i)->holders, 1);
}

static void *
thread_main(void *arg)
{
    struct thread_arg *a = arg;
    for (int life = 0; life < 3; life++) {
        struct gh_mutator *m = gh_attach(a->f->heap, "stress");
        live(a->f, m, &a->seed, STEPS / 3);
        gh_detach(m);
    }
    return NULL;
}

static void
nothing_is_handed_out_twice(void **state)
{
    uint64_t seed = seed_of_run();
    struct fixture f;
    open_fixture(&f, 100);
    struct thread_arg args[THREADS];
    for (int i = 0; i < THREADS; i++)
        args[i] = (struct thread_arg){&f, seed + (uint64_t)i};
    testheap_crowd(f.m, thread_main, args, THREADS, sizeof args[0]);
    struct gh_pool_stats stats;
    gh_pool_read_stats(f.pool, &stats);
    assert_int_equal(stats.makes, atomic_load(&f.made));
    assert_true(stats.makes < stats.gets);
    assert_int_equal(stats.gets, atomic_load(&f.got));
    gh_gc(f.m);
    gh_gc(f.m);
    assert_int_equal(objects(&f), 0);
    close_fixture(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_comes_back_youngest_first),
        cmocka_unit_test(unused_objects_are_freed_by_the_second_collection),
        cmocka_unit_test(long_queues_keep_everything),
        cmocka_unit_test(others_steal_queues_but_not_private_objects),
        cmocka_unit_test(detached_mutators_leave_their_objects),
        cmocka_unit_test(freed_pools_make_room_and_are_not_confused),
        cmocka_unit_test(what_is_put_and_what_is_taken_is_shaded),
        cmocka_unit_test(nothing_is_handed_out_twice),
    };
    int failed = 0;
    for (const char *const *name = gh_collectors(); *name != NULL; name++) {
        collector = *name;
        failed += cmocka_run_group_tests_name(collector, tests, NULL, NULL);
    }
    return failed;
}
