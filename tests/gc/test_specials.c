/* test_specials.c - cleanups and pins, the lists that all specials hang in, and their check. */
#include "specials_fixture.h"
#include "tests/base/death.h"

/* --- helpers --- */

static bool
page_bit(struct fixture *f, const void *obj)
{
    struct object_ref o;
    assert_true(gospace_find_object(&f->heap->space, (uintptr_t)obj, &o));
    size_t page = (o.span->base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    struct arena *a = pages_arena_of(&f->heap->pages, o.span->base);
    return atomic_load(&a->page_specials[page / 64]) >> page % 64 & 1;
}

/* Check all lists; returns the records in them. */
static size_t
walk(struct fixture *f)
{
    world_stop(&f->heap->sched, &mutator_of(f->m)->actor);
    gospace_finish_sweep(&f->heap->space);
    heap_flush_mutators_stw(f->heap);
    size_t n = specials_verify_stw(f->heap);
    world_start(&f->heap->sched, &mutator_of(f->m)->actor);
    return n;
}

static void
count_cleanup(struct gh_mutator *m, void *ctx)
{
    *(int *)ctx += 1;
}

static void
count_finalizer(struct gh_mutator *m, void *obj, void *ctx)
{
    *(int *)ctx += 1;
}

static struct gh_finalizer_stats
stats_of(struct fixture *f)
{
    struct gh_finalizer_stats s;
    gh_read_finalizer_stats(f->heap, &s);
    return s;
}

/* --- cleanups --- */

static void
all_cleanups_of_an_object_run_once_after_it_is_freed(void **state)
{
    struct fixture f;
    enum { N = 1000 };
    int runs[N] = {0};
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int kind = 0; kind < THING_KINDS; kind++) {
        memset(runs, 0, sizeof runs);
        struct thing *x = thing_new(f.m, f.thing[kind], 3);
        gh_store(f.m, &f.roots[0], x);
        for (int i = 0; i < N; i++) /* at the start, and inside */
            gh_add_cleanup(f.m, (char *)f.roots[0] + i % thing_bytes[kind], count_cleanup,
                           &runs[i]);
        collect_and_run(f.m);
        assert_int_equal(runs[0], 0);
        gh_store(f.m, &f.roots[0], NULL);
        gh_gc(f.m);
        assert_int_equal(heap_objects(&f), 0); /* no resurrection */
        gh_finalizers_wait(f.m);
        for (int i = 0; i < N; i++)
            assert_int_equal(runs[i], 1);
    }
    assert_int_equal(stats_of(&f).cleanups_run, N * THING_KINDS);
    fixture_close(&f);
}

static void
a_stopped_cleanup_does_not_run_and_can_be_stopped_once(void **state)
{
    struct fixture f;
    int runs[3] = {0};
    struct gh_cleanup c[3];
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 3);
    gh_store(f.m, &f.roots[0], x);
    for (int i = 0; i < 3; i++)
        c[i] = gh_add_cleanup(f.m, f.roots[0], count_cleanup, &runs[i]);
    assert_true(gh_cleanup_stop(f.m, c[1]));
    assert_false(gh_cleanup_stop(f.m, c[1]));
    gh_store(f.m, &f.roots[0], NULL);
    collect_and_run(f.m);
    assert_int_equal(runs[0], 1);
    assert_int_equal(runs[1], 0);
    assert_int_equal(runs[2], 1);
    assert_false(gh_cleanup_stop(f.m, c[0])); /* its span is gone */
    for (int i = 0; i < 1000; i++)
        thing_new(f.m, f.thing[0], 4);
    assert_false(gh_cleanup_stop(f.m, c[0])); /* another object is there */
    struct gh_cleanup never =
        gh_add_cleanup(f.m, gh_new_bytes(f.m, 0), count_cleanup, &runs[0]);
    assert_int_equal(never.id, 0);
    assert_false(gh_cleanup_stop(f.m, never));
    fixture_close(&f);
}

static void
a_cleanup_of_a_dead_unswept_object_cannot_be_stopped(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, false);
    struct gh_cleanup c =
        gh_add_cleanup(f.m, thing_new(f.m, f.thing[0], 3), count_cleanup, &runs);
    collect_unswept(&f);
    assert_false(gh_cleanup_stop(f.m, c));
    gh_finalizers_wait(f.m);
    assert_int_equal(runs, 1);
    fixture_close(&f);
}

static void
a_cleanup_waits_for_the_death_after_the_finalizer(void **state)
{
    struct fixture f;
    int finalized = 0, cleaned = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 3);
    gh_add_cleanup(f.m, x, count_cleanup, &cleaned);
    gh_set_finalizer(f.m, x, count_finalizer, &finalized);
    gh_add_cleanup(f.m, &x->id, count_cleanup, &cleaned);
    collect_and_run(f.m);
    assert_int_equal(finalized, 1);
    assert_int_equal(cleaned, 0);
    collect_and_run(f.m);
    assert_int_equal(finalized, 1);
    assert_int_equal(cleaned, 2);
    fixture_close(&f);
}

static void
check_thing(struct gh_mutator *m, void *ctx)
{
    struct thing *x = ctx;
    if (thing_is_whole(x, sizeof *x) && GH_SLOT(m, void, 1) == x)
        x->id = 99;
}

static void
a_ctx_in_the_heap_lives_until_its_cleanup_has_run(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *c = thing_new(f.m, f.thing[0], 5);
    gh_store(f.m, &f.roots[0], c);
    gh_add_cleanup(f.m, thing_new(f.m, f.thing[0], 3), check_thing, f.roots[0]);
    struct gh_weak *w = gh_weak_make(f.m, f.roots[0]);
    gh_store(f.m, &f.roots[1], w);
    collect_and_run(f.m);
    assert_int_equal(((struct thing *)f.roots[0])->id, 99);
    /* again, with nobody else to keep it */
    gh_add_cleanup(f.m, thing_new(f.m, f.thing[0], 3), check_thing, f.roots[0]);
    gh_store(f.m, &f.roots[0], NULL);
    gh_gc(f.m); /* queued, or running: alive */
    gh_finalizers_wait(f.m);
    gh_gc(f.m);
    assert_null(gh_weak_get(f.m, f.roots[1]));
    fixture_close(&f);
}

/* --- pins --- */

static void
a_pinned_object_lives_until_it_is_unpinned_as_often(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    for (int kind = 0; kind < THING_KINDS; kind++) {
        struct thing *x = thing_new(f.m, f.thing[kind], 3);
        gh_pin(f.m, x);
        gh_pin(f.m, &x->id); /* inside: the same object */
        gh_pin(f.m, x);
        assert_int_equal(gh_pin_count(f.m, x), 3);
        for (int left = 2; left >= 0; left--) {
            gh_gc(f.m);
            assert_int_equal(heap_objects(&f), 1);
            assert_true(thing_is_whole(x, thing_bytes[kind]));
            gh_unpin(f.m, left % 2 == 0 ? (void *)x : &x->id);
            assert_int_equal(gh_pin_count(f.m, x), left);
        }
        gh_gc(f.m);
        assert_int_equal(heap_objects(&f), 0);
    }
    gh_pin(f.m, gh_new_bytes(f.m, 0)); /* nothing to pin */
    fixture_close(&f);
}

static void
what_a_pinned_object_leads_to_lives_too(void **state)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_pin(f.m, x);
    struct thing *y = thing_new(f.m, f.thing[0], 2);
    gh_store(f.m, &x->next, y);
    gh_gc(f.m);
    assert_int_equal(x->next->id, 2);
    gh_unpin(f.m, x);
    fixture_close(&f);
}

static void
what_a_function_holds_over_a_safepoint_lives(void **state)
{
    struct fixture f;
    struct special_hold a, b;
    fixture_open(&f, GH_GOGC_OFF, true);
    specials_hold(&f.heap->specials, &a, thing_new(f.m, f.thing[0], 1));
    specials_hold(&f.heap->specials, &b, thing_new(f.m, f.thing[0], 2));
    gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 2);
    specials_release(&f.heap->specials, &a);
    gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 1);
    specials_release(&f.heap->specials, &b);
    gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
leak_a_pin(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_pin(f.m, x);
    gh_pin(f.m, x);
    fixture_close(&f);
}

static void
unpin_unpinned(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_pin(f.m, x);
    gh_unpin(f.m, x);
    gh_unpin(f.m, x);
}

static void
clean_up_with_itself(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_add_cleanup(f.m, x, count_cleanup, &x->id);
}

static void
clean_up_with_nothing(void *arg)
{
    struct fixture f;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_add_cleanup(f.m, thing_new(f.m, f.thing[0], 1), NULL, NULL);
}

/* --- lists --- */

static void
the_page_bit_is_set_exactly_while_there_are_records(void **state)
{
    struct fixture f;
    int runs = 0;
    fixture_open(&f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f.m, f.thing[0], 1);
    gh_store(f.m, &f.roots[0], x);
    assert_false(page_bit(&f, x));
    gh_set_finalizer(f.m, x, count_finalizer, &runs);
    assert_true(page_bit(&f, x));
    gh_pin(f.m, x);
    gh_set_finalizer(f.m, x, NULL, NULL);
    assert_true(page_bit(&f, x));
    gh_unpin(f.m, x);
    assert_false(page_bit(&f, x));
    struct gh_cleanup c = gh_add_cleanup(f.m, x, count_cleanup, &runs);
    assert_true(page_bit(&f, x));
    gh_cleanup_stop(f.m, c);
    assert_false(page_bit(&f, x));
    fixture_close(&f);
}

static void
the_walk_finds_every_record(void **state)
{
    struct fixture f;
    int runs = 0;
    enum { N = 500 };
    fixture_open(&f, GH_GOGC_OFF, true);
    const struct gh_type *ref = gh_type_small(f.heap, "ref", 8, 1);
    void *table = gh_new_array(f.m, ref, N);
    gh_store(f.m, &f.roots[0], table);
    for (int i = 0; i < N; i++) {
        struct thing *x = thing_new(f.m, f.thing[i % THING_KINDS], 1);
        gh_store(f.m, (void **)f.roots[0] + i, x);
        gh_add_cleanup(f.m, &x->id, count_cleanup, &runs);
        gh_set_finalizer(f.m, x, count_finalizer, &runs);
        gh_add_cleanup(f.m, x, count_cleanup, &runs);
        gh_pin(f.m, x);
        gh_weak_make(f.m, x);
    }
    assert_int_equal(walk(&f), 5 * N);
    gh_gc(f.m);
    for (int i = 0; i < N; i++)
        gh_unpin(f.m, ((void **)f.roots[0])[i]);
    gh_store(f.m, &f.roots[0], NULL);
    for (int i = 0; i < 2; i++)
        collect_and_run(f.m);
    assert_int_equal(runs, 3 * N);
    gh_gc(f.m);
    assert_int_equal(heap_objects(&f), 0);
    fixture_close(&f);
}

static void
records_are_booked_as_other_memory_and_given_back(void **state)
{
    struct fixture f;
    struct gh_memstats s;
    fixture_open(&f, GH_GOGC_OFF, true);
    gh_read_memstats(f.heap, f.m, &s);
    uint64_t before = s.other_sys;
    void *x = thing_new(f.m, f.thing[0], 1);
    gh_store(f.m, &f.roots[0], x);
    for (int i = 0; i < 10000; i++)
        gh_add_cleanup(f.m, x, count_cleanup, &before);
    gh_read_memstats(f.heap, f.m,
                     &s); /* some of a chunk of metadata may be booked elsewhere now */
    assert_true(s.other_sys >= before + 9000 * sizeof(struct special));
    fixture_close(&f); /* throws if a byte stays */
}

/* --- planted faults --- */

static struct object_ref
object_with_two_records(struct fixture *f)
{
    static int runs;
    struct object_ref o;
    fixture_open(f, GH_GOGC_OFF, true);
    struct thing *x = thing_new(f->m, f->thing[0], 1);
    gh_store(f->m, &f->roots[0], x);
    gh_add_cleanup(f->m, x, count_cleanup, &runs);
    gh_add_cleanup(f->m, &x->id, count_cleanup, &runs);
    gospace_find_object(&f->heap->space, (uintptr_t)x, &o);
    return o;
}

static void
lose_the_bit(void *arg)
{
    struct fixture f;
    struct object_ref o = object_with_two_records(&f);
    size_t page = (o.base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    atomic_store(&pages_arena_of(&f.heap->pages, o.base)->page_specials[page / 64], 0);
    walk(&f);
}

static void
unsort(void *arg)
{
    struct fixture f;
    struct object_ref o = object_with_two_records(&f);
    struct special *a = o.span->specials, *b = a->next;
    o.span->specials = b;
    b->next = a;
    a->next = NULL;
    walk(&f);
}

static void
leave_the_span(void *arg)
{
    struct fixture f;
    struct object_ref o = object_with_two_records(&f);
    o.span->specials->next->at = o.span->limit;
    walk(&f);
}

static void
lose_a_record(void *arg)
{
    struct fixture f;
    struct object_ref o = object_with_two_records(&f);
    o.span->specials = o.span->specials->next;
    walk(&f);
}

static void
skip_sweep(void *ctx, struct mspan *s)
{
}

static void
keep_a_record_of_the_dead(void *arg)
{
    struct fixture f;
    object_with_two_records(&f);
    f.roots[0] = NULL;
    f.heap->space.specials_sweep = skip_sweep;
    gh_gc(f.m);
}

static void
faults_are_found_by_the_walk(void **state)
{
    death_expect(lose_the_bit, NULL,
                 "specials_verify_stw: 1 spans have records, 0 bits are set");
    death_expect(unsort, NULL, "after the record of kind");
    death_expect(leave_the_span, NULL, "has a record for");
    death_expect(lose_a_record, NULL, "records are in lists and queue");
    death_expect(keep_a_record_of_the_dead, NULL, "still has special records");
}

static void
misuse_is_refused_by_name(void **state)
{
    death_expect(leak_a_pin, NULL, "gh_heap_close: 1 objects are still pinned");
    death_expect(unpin_unpinned, NULL, "gh_unpin: object ");
    death_expect(clean_up_with_itself, NULL, "would never die");
    death_expect(clean_up_with_nothing, NULL, "gh_add_cleanup: the function is NULL");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cleanups_of_an_object_run_once_after_it_is_freed),
        cmocka_unit_test(a_stopped_cleanup_does_not_run_and_can_be_stopped_once),
        cmocka_unit_test(a_cleanup_of_a_dead_unswept_object_cannot_be_stopped),
        cmocka_unit_test(a_cleanup_waits_for_the_death_after_the_finalizer),
        cmocka_unit_test(a_ctx_in_the_heap_lives_until_its_cleanup_has_run),
        cmocka_unit_test(a_pinned_object_lives_until_it_is_unpinned_as_often),
        cmocka_unit_test(what_a_pinned_object_leads_to_lives_too),
        cmocka_unit_test(what_a_function_holds_over_a_safepoint_lives),
        cmocka_unit_test(the_page_bit_is_set_exactly_while_there_are_records),
        cmocka_unit_test(the_walk_finds_every_record),
        cmocka_unit_test(records_are_booked_as_other_memory_and_given_back),
        cmocka_unit_test(faults_are_found_by_the_walk),
        cmocka_unit_test(misuse_is_refused_by_name),
    };
    FIXTURE_RUN("specials", tests);
}
