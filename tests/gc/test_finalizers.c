/* test_finalizers.c - finalizers: once, in order, on whole objects, and resurrection. */
#include "specials_fixture.h"
#include "tests/base/death.h"
#include "tests/base/seed.h"

#include <pthread.h>

/* What the function below has seen. */
struct log {
    struct fixture *f;
    int runs;
    uint64_t ids[64]; /* in order */
    bool keep;        /* store the object into roots[0] */
    bool again;       /* and set its finalizer anew */
    bool whole;       /* every object was */
    size_t bytes;
};

static void
log_finalizer(struct gh_mutator *m, void *obj, void *ctx)
{
    struct log *l = ctx;
    struct thing *x = obj;
    l->whole &= thing_is_whole(x, l->bytes) &&
                (x->next == NULL || thing_is_whole(x->next, sizeof(struct thing)));
    l->ids[l->runs++ % 64] = x->id;
    if (l->keep)
        gh_store(m, &l->f->roots[0], x);
    if (l->again)
        gh_set_finalizer(m, x, log_finalizer, l);
}

static struct log
log_of(struct fixture *f)
{
    return (struct log){.f = f, .whole = true, .bytes = sizeof(struct thing)};
}

static void
a_finalizer_runs_once_on_the_whole_object_in_every_layout(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int kind = 0; kind < THING_KINDS; kind++) {
        struct log l = log_of(&f);
        l.bytes = thing_bytes[kind];
        struct thing *x = thing_new(f.m, f.thing[kind], 7);
        gh_store(f.m, &f.roots[1], x);
        struct thing *y = thing_new(f.m, f.thing[0], 8);
        gh_store(f.m, &((struct thing *)f.roots[1])->next, y);
        gh_set_finalizer(f.m, f.roots[1], log_finalizer, &l);
        collect_and_run(f.m);
        assert_int_equal(l.runs, 0); /* it lives */
        gh_store(f.m, &f.roots[1], NULL);
        collect_and_run(f.m);
        assert_int_equal(l.runs, 1);
        assert_true(l.whole);
        assert_int_equal(l.ids[0], 7);
        assert_int_equal(heap_objects(&f), 2); /* resurrected for its finalizer */
        collect_and_run(f.m);
        assert_int_equal(l.runs, 1);
        assert_int_equal(heap_objects(&f), 0);
    }
    struct gh_finalizer_stats s;
    gh_read_finalizer_stats(f.heap, &s);
    assert_int_equal(s.finalizers_queued, THING_KINDS);
    assert_int_equal(s.finalizers_run, THING_KINDS);
    fixture_close(&f);
}

static void
count_call(struct gh_mutator *m, void *obj, void *ctx)
{
    *(int *)ctx += 1;
}

static void
objects_without_references_may_have_finalizers(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    const struct gh_type *word = gh_type_small(f.heap, "word", 8, 1);
    gh_set_finalizer(f.m, gh_new_bytes(f.m, 24), count_call, &runs);
    gh_set_finalizer(f.m, gh_new_bytes(f.m, 3000), count_call, &runs);
    gh_set_finalizer(f.m, gh_new_bytes(f.m, 100000), count_call, &runs);
    gh_set_finalizer(f.m, gh_new(f.m, word), count_call, &runs);
    gh_set_finalizer(f.m, gh_new_array(f.m, word, 1000), count_call, &runs);
    gh_set_finalizer(f.m, gh_new_array(f.m, word, 10), count_call, &runs);
    collect_and_run(f.m);
    assert_int_equal(runs, 6);
    assert_int_equal(heap_objects(&f), 6);
    collect_and_run(f.m);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
a_resurrected_object_lives_and_may_be_given_a_finalizer_again(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct log l = log_of(&f);
    l.keep = l.again = true;
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 5), log_finalizer, &l);
    for (int i = 1; i <= 3; i++) {
        gh_store(f.m, &f.roots[0], NULL);
        collect_and_run(f.m);
        assert_int_equal(l.runs, i);
        collect_and_run(f.m);
        assert_int_equal(l.runs, i);
        assert_int_equal(((struct thing *)f.roots[0])->id, 5);
    }
    l.again = false;
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(l.runs, 4);
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(l.runs, 4);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
a_chain_is_finalized_from_its_head_one_link_a_cycle(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct log l = log_of(&f);
    for (uint64_t id = 3; id >= 1; id--) {
        struct thing *x = thing_new(f.m, f.thing[0], id);
        gh_store(f.m, &x->next, f.roots[1]);
        gh_store(f.m, &f.roots[1], x);
        gh_set_finalizer(f.m, x, log_finalizer, &l);
    }
    gh_store(f.m, &f.roots[1], NULL);
    for (int cycle = 1; cycle <= 3; cycle++) {
        collect_and_run(f.m);
        assert_int_equal(l.runs, cycle);
        assert_int_equal(l.ids[cycle - 1], cycle);
    }
    fixture_close(&f);
}

static void
a_cycle_of_finalizers_and_a_ctx_that_leads_back_never_run(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *a = thing_new(f.m, f.thing[0], 1);
    gh_store(f.m, &f.roots[0], a);
    struct thing *b = thing_new(f.m, f.thing[0], 2);
    gh_store(f.m, &b->next, f.roots[0]);
    gh_store(f.m, &((struct thing *)f.roots[0])->next, b);
    gh_set_finalizer(f.m, b, count_call, &runs);
    gh_set_finalizer(f.m, f.roots[0], count_call, &runs);
    /* c's ctx is d, which leads to c */
    struct thing *c = thing_new(f.m, f.thing[0], 3);
    gh_store(f.m, &f.roots[0], c);
    struct thing *d = thing_new(f.m, f.thing[0], 4);
    gh_store(f.m, &d->next, f.roots[0]);
    gh_set_finalizer(f.m, f.roots[0], count_call, d);
    gh_store(f.m, &f.roots[0], NULL);
    for (int i = 0; i < 3; i++)
        collect_and_run(f.m);
    assert_int_equal(runs, 0);
    assert_int_equal(heap_objects(&f), 4);
    fixture_close(&f);
}

static void
a_finalizer_that_was_taken_away_does_not_run(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_set_finalizer(f.m, x, NULL, NULL); /* there is none: fine */
    gh_set_finalizer(f.m, x, count_call, &runs);
    gh_set_finalizer(f.m, x, NULL, NULL);
    collect_and_run(f.m);
    assert_int_equal(runs, 0);
    assert_int_equal(heap_objects(&f), 0);
    gh_set_finalizer(f.m, gh_new_bytes(f.m, 0), count_call, &runs); /* immortal */
    collect_and_run(f.m);
    assert_int_equal(runs, 0);
    fixture_close(&f);
}

struct seen {
    void *at[3];
    int n;
};

static void
note_address(struct gh_mutator *m, void *obj, void *ctx)
{
    struct seen *s = ctx;
    s->at[s->n++] = obj;
}

static void
tiny_objects_are_finalized_together_when_their_block_is_dead(void **state)
{
    struct fixture f;
    struct seen s = {.n = 0};
    char *tiny[3];
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int i = 0; i < 3; i++) {
        tiny[i] = gh_new_tiny(f.m, 4);
        gh_set_finalizer(f.m, tiny[i], note_address, &s);
    }
    assert_ptr_equal(tiny[1], tiny[0] + 4);
    gh_store(f.m, &f.roots[0], tiny[1]);
    collect_and_run(f.m);
    assert_int_equal(s.n, 0);
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(s.n, 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(s.at[i], tiny[i]);
    fixture_close(&f);
}

static void
use_everything(struct gh_mutator *m, void *obj, void *ctx)
{
    struct fixture *f = *(struct fixture **)((struct thing *)ctx + 1);
    GH_FRAME(m, 1);
    struct thing *y = thing_new(m, f->thing[0], 77);
    GH_SLOT(m, struct thing, 0) = y;
    gh_gc(m);
    struct thing *x = GH_OUTER_SLOT(m, struct thing, 1, 0);
    struct thing *c = GH_OUTER_SLOT(m, struct thing, 1, 1);
    if (x->id == 5 && c->id == 6 && GH_SLOT(m, struct thing, 0)->id == 77)
        f->roots[7] = f; /* not of the heap: a flag that marking ignores */
}

static void
a_finalizer_may_allocate_and_collect_and_its_arguments_live_meanwhile(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    const struct gh_type *wide = gh_type_small(f.heap, "wide", 24, 1);
    struct thing *ctx = gh_new(f.m, wide);
    ctx->id = 6;
    *(struct fixture **)(ctx + 1) = &f;
    gh_store(f.m, &f.roots[0], ctx);
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 5), use_everything, f.roots[0]);
    gh_store(f.m, &f.roots[0], NULL); /* only the record keeps it now */
    collect_and_run(f.m);
    assert_ptr_equal(f.roots[7], &f);
    collect_and_run(f.m);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
count_cleanup(struct gh_mutator *m, void *ctx)
{
    *(uint8_t *)ctx += 1;
}

static void
block_until_told(struct gh_mutator *m, void *obj, void *ctx)
{
    gh_blocked_enter(m);
    while (__atomic_load_n((int *)ctx, __ATOMIC_ACQUIRE) == 0)
        usleep(1000);
    gh_blocked_exit(m);
}

static void *
tell_soon(void *arg)
{
    usleep(20000);
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void
what_waits_in_the_queue_is_kept_whole(void **state)
{
    struct fixture f;
    struct log l;
    int go = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    l = log_of(&f);
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 1), block_until_told, &go);
    gh_gc(f.m);
    struct thing *x = thing_new(f.m, f.thing[0], 2);
    gh_store(f.m, &f.roots[0], x);
    struct thing *y = thing_new(f.m, f.thing[0], 3);
    gh_store(f.m, &((struct thing *)f.roots[0])->next, y);
    gh_set_finalizer(f.m, f.roots[0], log_finalizer, &l);
    gh_store(f.m, &f.roots[0], NULL);
    for (int i = 0; i < 3; i++) {
        gh_gc(f.m);
        for (int k = 0; k < 1000; k++)
            thing_new(f.m, f.thing[0], 4); /* takes every free place */
    }
    assert_int_equal(l.runs, 0);
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    gh_finalizers_wait(f.m);
    assert_int_equal(l.runs, 1);
    assert_int_equal(l.ids[0], 2);
    assert_true(l.whole);
    fixture_close(&f);
}

static void
what_is_queued_or_set_when_the_heap_closes_does_not_run(void **state)
{
    struct fixture f;
    int go = 0, runs = 0;
    pthread_t teller;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 1), block_until_told, &go);
    gh_gc(f.m);
    for (int i = 0; i < 100; i++)
        gh_set_finalizer(f.m, thing_new(f.m, f.thing[i % THING_KINDS], 2), count_call, &runs);
    gh_gc(f.m); /* these wait in the queue behind the first */
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 3), count_call, &runs);
    gh_add_cleanup(f.m, thing_new(f.m, f.thing[0], 3), count_cleanup, &runs);
    assert_non_null(gh_weak_make(f.m, thing_new(f.m, f.thing[0], 3)));
    pthread_create(&teller, NULL, tell_soon, &go);
    gh_roots_remove(f.heap, f.roots);
    gh_detach(f.m);
    gh_heap_close(f.heap); /* waits for the one that is running */
    pthread_join(teller, NULL);
    assert_int_equal(go, 1);
    assert_int_equal(runs, 0);
}

static void
a_span_that_is_not_swept_yet_is_swept_for_a_finalizer(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, false);
    struct thing *x = thing_new(f.m, f.thing[0], 1), *y = thing_new(f.m, f.thing[0], 2);
    gh_store(f.m, &f.roots[0], y);
    gh_set_finalizer(f.m, x, count_call, &runs);
    collect_unswept(&f);
    struct gh_finalizer_stats s;
    gh_read_finalizer_stats(f.heap, &s);
    assert_int_equal(s.finalizers_queued, 0);
    gh_set_finalizer(f.m, f.roots[0], count_call, &runs);
    gh_read_finalizer_stats(f.heap, &s);
    assert_int_equal(s.finalizers_queued, 1);
    gh_finalizers_wait(f.m);
    assert_int_equal(runs, 1);
    fixture_close(&f);
}

/* --- several threads --- */

enum { STRESS_THREADS = 3, STRESS_OBJECTS = GH_TORTURE ? 400 : 8000 };

struct stress {
    struct fixture f;
    uint64_t seed;
    uint8_t runs[STRESS_THREADS][STRESS_OBJECTS];
    uint8_t cleanups[STRESS_THREADS][STRESS_OBJECTS];
    bool wrong;
};

static void
stress_finalizer(struct gh_mutator *m, void *obj, void *ctx)
{
    struct stress *s = ctx;
    struct thing *x = obj;
    uint64_t t = x->id >> 32, i = x->id & UINT32_MAX;
    if (t >= STRESS_THREADS || i >= STRESS_OBJECTS || ++s->runs[t][i] != 1 ||
        x->next->id != ~x->id)
        s->wrong = true;
}

struct stress_thread {
    struct stress *s;
    uint64_t t;
};

static void *
stress_main(void *arg)
{
    struct stress_thread *a = arg;
    struct stress *s = a->s;
    uint64_t seed = s->seed + a->t;
    struct gh_mutator *m = gh_attach(s->f.heap, "stress");
    gh_frame_push(m, 2);
    for (uint64_t i = 0; i < STRESS_OBJECTS; i++) {
        uint64_t id = a->t << 32 | i, r = seed_next(&seed);
        struct thing *x = thing_new(m, s->f.thing[r % 64 == 0 ? 2 : 0], id);
        GH_SLOT(m, struct thing, 0) = x;
        struct thing *y = thing_new(m, s->f.thing[r >> 8 & 1], ~id);
        gh_store(m, &GH_SLOT(m, struct thing, 0)->next, y);
        gh_set_finalizer(m, GH_SLOT(m, void, 0), stress_finalizer, s);
        struct gh_cleanup c =
            gh_add_cleanup(m, GH_SLOT(m, void, 0), count_cleanup, &s->cleanups[a->t][i]);
        struct gh_weak *w = gh_weak_make(m, GH_SLOT(m, void, 0));
        GH_SLOT(m, struct gh_weak, 1) = w;
        gh_poll(m);
        if (gh_weak_get(m, GH_SLOT(m, struct gh_weak, 1)) != GH_SLOT(m, void, 0))
            s->wrong = true;
        if (r >> 16 & 1 && !gh_cleanup_stop(m, c))
            s->wrong = true;
        if (r >> 16 & 1)
            s->cleanups[a->t][i] = 1; /* as if it had run */
        if ((r >> 20) % 512 == 0)
            gh_gc(m);
    }
    gh_frame_pop(m, 2);
    gh_detach(m);
    return NULL;
}

/* Without `verify` spans are swept while the mutators run. */
static void
run_stress(int gogc, bool verify)
{
    struct stress *s = calloc(1, sizeof *s);
    struct stress_thread args[STRESS_THREADS];
    s->seed = seed_of_run();
    fixture_open(&s->f, gogc, true);
    s->f.heap->config.verify = verify;
    for (uint64_t t = 0; t < STRESS_THREADS; t++)
        args[t] = (struct stress_thread){s, t};
    testheap_crowd(s->f.m, stress_main, args, STRESS_THREADS, sizeof args[0]);
    s->f.heap->config.verify = true;
    collect_and_run(s->f.m); /* finalizers */
    collect_and_run(s->f.m); /* cleanups */
    collect_and_run(s->f.m); /* the weak pointers themselves */
    assert_int_equal(heap_objects(&s->f), 0);
    assert_false(s->wrong);
    for (int t = 0; t < STRESS_THREADS; t++)
        for (int i = 0; i < STRESS_OBJECTS; i++) {
            assert_int_equal(s->runs[t][i], 1);
            assert_int_equal(s->cleanups[t][i], 1);
        }
    fixture_close(&s->f);
    free(s);
}

static void
every_dropped_object_is_finalized_exactly_once(void **state)
{
    run_stress(50, true);
}

static void
every_dropped_object_is_finalized_exactly_once_while_others_sweep(void **state)
{
    run_stress(5, false);
}

/* --- what is refused --- */

static void
set_twice(void *arg)
{
    struct fixture f;
    int runs;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_set_finalizer(f.m, x, count_call, &runs);
    gh_set_finalizer(f.m, x, count_call, &runs);
}

static void
set_inside(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, &thing_new(f.m, f.thing[0], 1)->id, count_call, NULL);
}

static void
set_on_null(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, NULL, count_call, NULL);
}

static void
set_outside(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, &f, count_call, NULL);
}

static void
set_with_itself(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_set_finalizer(f.m, x, count_call, &x->id);
}

static void
wait_for_itself(struct gh_mutator *m, void *obj, void *ctx)
{
    gh_finalizers_wait(m);
}

static void
wait_in_finalizer(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 1), wait_for_itself, NULL);
    collect_and_run(f.m);
}

static void
forget_frame(struct gh_mutator *m, void *obj, void *ctx)
{
    gh_frame_push(m, 1);
}

static void
forget_frame_in_finalizer(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_set_finalizer(f.m, thing_new(f.m, f.thing[0], 1), forget_frame, NULL);
    collect_and_run(f.m);
}

static void
misuse_is_refused_by_name(void **state)
{
    death_expect(set_twice, NULL, "has a finalizer already");
    death_expect(set_inside, NULL, "is not the start of its object");
    death_expect(set_on_null, NULL, "gh_set_finalizer: the object is NULL");
    death_expect(set_outside, NULL, "is not in an allocated object");
    death_expect(set_with_itself, NULL, "would never die");
    death_expect(wait_in_finalizer, NULL, "would wait for itself");
    death_expect(forget_frame_in_finalizer, NULL, "left a frame on the stack");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finalizer_runs_once_on_the_whole_object_in_every_layout),
        cmocka_unit_test(objects_without_references_may_have_finalizers),
        cmocka_unit_test(a_resurrected_object_lives_and_may_be_given_a_finalizer_again),
        cmocka_unit_test(a_chain_is_finalized_from_its_head_one_link_a_cycle),
        cmocka_unit_test(a_cycle_of_finalizers_and_a_ctx_that_leads_back_never_run),
        cmocka_unit_test(a_finalizer_that_was_taken_away_does_not_run),
        cmocka_unit_test(tiny_objects_are_finalized_together_when_their_block_is_dead),
        cmocka_unit_test(a_finalizer_may_allocate_and_collect_and_its_arguments_live_meanwhile),
        cmocka_unit_test(what_waits_in_the_queue_is_kept_whole),
        cmocka_unit_test(what_is_queued_or_set_when_the_heap_closes_does_not_run),
        cmocka_unit_test(a_span_that_is_not_swept_yet_is_swept_for_a_finalizer),
        cmocka_unit_test(every_dropped_object_is_finalized_exactly_once),
        cmocka_unit_test(every_dropped_object_is_finalized_exactly_once_while_others_sweep),
        cmocka_unit_test(misuse_is_refused_by_name),
    };
    FIXTURE_RUN("finalizers", tests);
}
