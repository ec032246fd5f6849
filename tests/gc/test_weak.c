/* test_weak.c - weak pointers: strong again while the object lives, NULL from its death on. */
#include "specials_fixture.h"
#include "tests/base/death.h"
#include "tests/base/seed.h"

static struct thing *
get(struct fixture *f, int root)
{
    return gh_weak_get(f->m, f->roots[root]);
}

/* roots[to] = the weak pointer for `obj` */
static void
make(struct fixture *f, int to, void *obj)
{
    struct gh_weak *w = gh_weak_make(f->m, obj);
    gh_store(f->m, &f->roots[to], w);
}

static void
it_gives_the_object_while_that_lives_and_null_for_good_afterwards(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int kind = 0; kind < THING_KINDS; kind++) {
        struct thing *x = thing_new(f.m, f.thing[kind], 9);
        gh_store(f.m, &f.roots[0], x);
        make(&f, 1, f.roots[0]);
        for (int i = 0; i < 3; i++) {
            assert_ptr_equal(get(&f, 1), f.roots[0]);
            gh_gc(f.m);
        }
        assert_true(thing_is_whole(get(&f, 1), thing_bytes[kind]));
        gh_store(f.m, &f.roots[0], NULL);
        assert_non_null(get(&f, 1)); /* nobody knows yet that it is dead */
        gh_gc(f.m);
        assert_null(get(&f, 1));
        gh_gc(f.m);
        assert_null(get(&f, 1));
        assert_int_equal(heap_objects(&f), 1); /* the weak pointer itself */
    }
    fixture_close(&f);
}

static void
weak_pointers_are_equal_exactly_if_their_addresses_were(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[1], 1);
    gh_store(f.m, &f.roots[0], x);
    make(&f, 1, f.roots[0]);
    make(&f, 2, &((struct thing *)f.roots[0])->id);
    make(&f, 3, f.roots[0]);
    assert_ptr_equal(f.roots[1], f.roots[3]);
    assert_ptr_not_equal(f.roots[1], f.roots[2]);
    assert_ptr_equal(get(&f, 2), &((struct thing *)f.roots[0])->id);
    gh_store(f.m, &f.roots[0], NULL);
    gh_gc(f.m);
    assert_null(get(&f, 1));
    assert_null(get(&f, 2));
    assert_ptr_equal(f.roots[1], f.roots[3]);
    assert_null(gh_weak_make(f.m, NULL));
    assert_null(gh_weak_get(f.m, NULL));
    fixture_close(&f);
}

static void
it_is_kept_by_its_object_and_is_the_same_when_asked_for_again(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_store(f.m, &f.roots[0], x);
    uintptr_t first = (uintptr_t)gh_weak_make(f.m, f.roots[0]);
    for (int i = 0; i < 2; i++)
        gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 2);
    for (int i = 0; i < 100; i++)
        gh_new_bytes(f.m, 16); /* would take its place */
    assert_int_equal((uintptr_t)gh_weak_make(f.m, f.roots[0]), first);
    gh_store(f.m, &f.roots[0], NULL);
    gh_gc(f.m);
    gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
zero_size_objects_are_immortal(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    void *zero = gh_new_bytes(f.m, 0);
    make(&f, 1, zero);
    gh_gc(f.m);
    assert_ptr_equal(gh_weak_make(f.m, zero), f.roots[1]);
    assert_ptr_equal(get(&f, 1), zero);
    fixture_close(&f);
}

static void
tiny_objects_have_weak_pointers_of_their_own_which_die_with_the_block(void **state)
{
    struct fixture f;
    char *tiny[2];
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int i = 0; i < 2; i++)
        tiny[i] = gh_new_tiny(f.m, 4);
    gh_store(f.m, &f.roots[0], tiny[0]);
    make(&f, 1, tiny[0]);
    make(&f, 2, tiny[1]);
    gh_gc(f.m);
    assert_ptr_equal(get(&f, 1), tiny[0]);
    assert_ptr_equal(get(&f, 2), tiny[1]); /* the block is one object */
    gh_store(f.m, &f.roots[0], NULL);
    gh_gc(f.m);
    assert_null(get(&f, 1));
    assert_null(get(&f, 2));
    fixture_close(&f);
}

/* --- with finalizers --- */

struct seen {
    struct fixture *f;
    int runs;
    void *got;     /* from the weak pointer in roots[1] */
    bool new_one;  /* a weak pointer made in the finalizer is another, and works */
    bool child_ok; /* roots[2], weak to what the object leads to, still works */
};

static void
look_around(struct gh_mutator *m, void *obj, void *ctx)
{
    struct seen *s = ctx;
    struct thing *x = obj;
    s->runs++;
    s->got = gh_weak_get(m, s->f->roots[1]);
    if (s->f->roots[2] != NULL)
        s->child_ok = gh_weak_get(m, s->f->roots[2]) == x->next;
    struct gh_weak *w = gh_weak_make(m, obj);
    x = GH_SLOT(m, struct thing, 0);
    s->new_one = (void *)w != s->f->roots[1] && gh_weak_get(m, w) == x;
    gh_store(m, &s->f->roots[1], w);
    gh_store(m, &s->f->roots[0], x); /* resurrected */
}

static void
it_is_cleared_before_the_finalizer_sees_the_object(void **state)
{
    struct fixture f;
    struct seen s = {.f = &f, .got = &s};
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_store(f.m, &f.roots[0], x);
    struct thing *y = thing_new(f.m, f.thing[0], 2);
    gh_store(f.m, &((struct thing *)f.roots[0])->next, y);
    make(&f, 1, f.roots[0]);
    make(&f, 2, ((struct thing *)f.roots[0])->next);
    gh_set_finalizer(f.m, f.roots[0], look_around, &s);
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(s.runs, 1);
    assert_null(s.got);
    assert_true(s.new_one);
    assert_true(s.child_ok); /* what the finalizer can reach was never dead */
    gh_gc(f.m);
    assert_ptr_equal(get(&f, 1), f.roots[0]); /* resurrected, and the new one still knows it */
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(s.runs, 1);
    assert_null(get(&f, 1));
    assert_null(get(&f, 2));
    fixture_close(&f);
}

/* --- sweeping on demand --- */

static void
it_is_null_as_soon_as_marking_is_over_swept_or_not(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, false);
    enum { N = 200 };
    const struct gh_type *ref = gh_type_small(f.heap, "ref", 8, 1);
    void *p = gh_new_array(f.m, ref, N), *q;
    gh_store(f.m, &f.roots[0], p);
    p = gh_new_array(f.m, ref, N);
    gh_store(f.m, &f.roots[1], p);
    void **strong, **weak;
    for (int i = 0; i < N; i++) { /* objects of several spans; every other one lives */
        q = thing_new(f.m, f.thing[i % THING_KINDS], (uint64_t)i);
        strong = f.roots[0];
        gh_store(f.m, &strong[i], q);
        q = gh_weak_make(f.m, q);
        weak = f.roots[1];
        gh_store(f.m, &weak[i], q);
    }
    for (int i = 0; i < N; i += 2) {
        strong = f.roots[0];
        gh_store(f.m, &strong[i], NULL);
    }
    collect_unswept(&f);
    assert_false(gospace_sweep_done(&f.heap->space));
    for (int i = 0; i < N; i++) {
        strong = f.roots[0];
        weak = f.roots[1];
        assert_ptr_equal(gh_weak_get(f.m, weak[i]), strong[i]);
    }
    gh_gc(f.m);
    fixture_close(&f);
}

/* --- several threads --- */

enum { THREADS = 3, KEYS = 64, STEPS = GH_TORTURE ? 3000 : 60000 };

/* Weak pointers that all threads share; each keeps some of the objects alive for a while. */
struct cache {
    struct fixture f;
    void *weak[KEYS]; /* registered; entries change under `lock` */
    struct lock lock;
    bool wrong;
    uint64_t seed, hits;
};

static struct thing *
cache_get(struct cache *c, struct gh_mutator *m, uint64_t key)
{
    lock_acquire(&c->lock);
    struct gh_weak *w = c->weak[key];
    lock_release(&c->lock);
    return gh_weak_get(m, w); /* `w` is alive: no safepoint since it was read */
}

static void
cache_put(struct cache *c, struct gh_mutator *m, uint64_t key, struct gh_weak *w)
{
    lock_acquire(&c->lock);
    gh_store(m, &c->weak[key], w);
    lock_release(&c->lock);
}

struct cache_thread {
    struct cache *c;
    uint64_t seed;
};

static void *
cache_main(void *arg)
{
    struct cache_thread *a = arg;
    struct cache *c = a->c;
    struct gh_mutator *m = gh_attach(c->f.heap, "cache");
    gh_frame_push(m, 8);
    for (int i = 0; i < STEPS; i++) {
        uint64_t r = seed_next(&a->seed), key = r % KEYS;
        struct thing *x = cache_get(c, m, key);
        if (x != NULL) {
            __atomic_fetch_add(&c->hits, 1, __ATOMIC_RELAXED);
        } else {
            x = thing_new(m, c->f.thing[key % 2], key);
            GH_SLOT(m, struct thing, 0) = x;
            struct gh_weak *w = gh_weak_make(m, x);
            cache_put(c, m, key, w);
            x = GH_SLOT(m, struct thing, 0);
        }
        GH_SLOT(m, struct thing, r >> 8 & 7) = x;
        gh_new_bytes(m, 16 + (r >> 16) % 500);
        x = GH_SLOT(m, struct thing, r >> 8 & 7);
        if (x->id != key || !thing_is_whole(x, thing_bytes[key % 2]))
            c->wrong = true;
        if ((r >> 24) % 256 == 0)
            gh_gc(m);
    }
    gh_frame_pop(m, 8);
    gh_detach(m);
    return NULL;
}

static void
run_cache(int gogc, bool background)
{
    struct cache *c = calloc(1, sizeof *c);
    struct cache_thread args[THREADS];
    c->seed = seed_of_run();
    fixture_open(&c->f, gogc, background);
    c->f.heap->config.verify = false; /* so that spans are swept while the mutators run */
    lock_init(&c->lock, LOCK_RANK_LEAF);
    gh_roots_add(c->f.heap, c->weak, KEYS);
    for (int t = 0; t < THREADS; t++)
        args[t] = (struct cache_thread){c, c->seed + (uint64_t)t};
    testheap_crowd(c->f.m, cache_main, args, THREADS, sizeof args[0]);
    c->f.heap->config.verify = true;
    assert_false(c->wrong);
    assert_true(c->hits > 0);
    gh_gc(c->f.m);
    for (int i = 0; i < KEYS; i++)
        assert_null(gh_weak_get(c->f.m, c->weak[i]));
    gh_roots_remove(c->f.heap, c->weak);
    gh_gc(c->f.m);
    assert_int_equal(heap_objects(&c->f), 0);
    lock_finish(&c->lock);
    fixture_close(&c->f);
    free(c);
}

static void
a_shared_cache_never_gives_a_dead_or_another_object(void **state)
{
    run_cache(100, true);
}

static void
nor_without_a_background_sweeper(void **state)
{
    run_cache(5, false);
}

static void
weak_to_nothing(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_weak_make(f.m, &f);
}

static void
a_weak_pointer_to_something_else_is_refused(void **state)
{
    death_expect(weak_to_nothing, NULL, "gh_weak_make: ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_the_object_while_that_lives_and_null_for_good_afterwards),
        cmocka_unit_test(weak_pointers_are_equal_exactly_if_their_addresses_were),
        cmocka_unit_test(it_is_kept_by_its_object_and_is_the_same_when_asked_for_again),
        cmocka_unit_test(zero_size_objects_are_immortal),
        cmocka_unit_test(tiny_objects_have_weak_pointers_of_their_own_which_die_with_the_block),
        cmocka_unit_test(it_is_cleared_before_the_finalizer_sees_the_object),
        cmocka_unit_test(it_is_null_as_soon_as_marking_is_over_swept_or_not),
        cmocka_unit_test(a_shared_cache_never_gives_a_dead_or_another_object),
        cmocka_unit_test(nor_without_a_background_sweeper),
        cmocka_unit_test(a_weak_pointer_to_something_else_is_refused),
    };
    FIXTURE_RUN("weak", tests);
}
