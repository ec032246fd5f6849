/* test_black.c - what is allocated while a cycle marks (gospace.h, Note [black allocation]). */
#include "tests/gc/stage.h"

#include "gc/core/mark_ref.h"

enum { KINDS = 7, LARGE_REFS = 8192 };

struct kinds {
    const struct gh_type *ref, *node, *header;
};

static void
kinds_make(struct kinds *k, struct stage *s)
{
    static const uint64_t mask[1] = {1};
    k->ref = gh_type_small(s->heap, "ref", 8, 1);
    k->node = s->node;
    k->header = gh_type_new(s->heap, "header", 1000, 8, mask);
}

/* One object of each layout: in pages with inline marks and without, small and large, with
 * references and without. */
static void *
kinds_new(const struct kinds *k, struct gh_mutator *m, int kind)
{
    switch (kind) {
    case 0:
        return gh_new(m, k->node);
    case 1:
        return gh_new(m, k->ref);
    case 2:
        return gh_new(m, k->header);
    case 3:
        return gh_new_array(m, k->ref, LARGE_REFS);
    case 4:
        return gh_new_bytes(m, 48);
    case 5:
        return gh_new_bytes(m, 2000);
    default:
        return gh_new_bytes(m, 100000);
    }
}

static struct object_ref
object_at(const struct stage *s, const void *p)
{
    struct object_ref o;
    assert_true(gospace_find_object(&s->heap->space, (uintptr_t)p, &o));
    return o;
}

/* The reclaimer takes a span whose first page is not noted for one without marks. */
static bool
is_noted(const struct stage *s, const struct object_ref *o)
{
    const struct arena *a = pages_arena_of(&s->heap->pages, o->span->base);
    size_t page = (o->span->base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    return atomic_load(&a->page_marks[page / 64]) >> page % 64 & 1;
}

static bool
is_claimed_for_scanning(const struct object_ref *o)
{
    const uint64_t *scans = (const uint64_t *)(o->span->base + INLINE_SCANS_OFF);
    return scans[o->index / 64] >> o->index % 64 & 1;
}

static void
objects_are_born_black_while_a_cycle_marks(void **state)
{
    struct stage s;
    struct kinds k;
    stage_open(&s);
    kinds_make(&k, &s);
    stage_begin(&s);
    for (int round = 0; round < 3; round++)
        for (int kind = 0; kind < KINDS; kind++) {
            void *p = kinds_new(&k, s.a, kind);
            struct object_ref o = object_at(&s, p);
            assert_true(markbits_is_set(o.span, o.index));
            assert_true(is_noted(&s, &o));
            if (o.span->inline_marks)
                assert_true(is_claimed_for_scanning(&o));
        }
    stage_end(&s);
    assert_int_equal(s.cycles[0].objects_marked, 3 * KINDS);
    assert_int_equal(stage_objects(&s), 3 * KINDS);
    stage_close(&s);
}

/* What had been handed out of a run before marking began is white, what follows is black. */
static void
runs_are_cut_where_marking_begins(void **state)
{
    struct stage s;
    struct kinds k;
    static void *old[5][KINDS], *young[5][KINDS];
    stage_open(&s);
    kinds_make(&k, &s);
    for (int i = 0; i < 5; i++)
        for (int kind = 0; kind < KINDS; kind++)
            old[i][kind] = kinds_new(&k, s.a, kind);
    stage_begin(&s);
    for (int i = 0; i < 5; i++)
        for (int kind = 0; kind < KINDS; kind++)
            young[i][kind] = kinds_new(&k, s.a, kind);
    for (int i = 0; i < 5; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            assert_false(stage_is_marked(&s, old[i][kind]));
            assert_true(stage_is_marked(&s, young[i][kind]));
        }
    stage_end(&s);
    assert_int_equal(s.cycles[0].objects_marked, 5 * KINDS);
    assert_int_equal(stage_objects(&s), 5 * KINDS);
    stage_begin(&s);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 0); /* black for one cycle, not for ever */
    stage_close(&s);
}

/* Slots that nobody has got. */
static void
expect_free_slots_white(const struct mspan *s)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < s->nelems; i++)
        if (gospace_is_free(s, i)) {
            assert_false(markbits_is_set(s, i));
            n++;
        }
    assert_true(n > 0); /* else nothing was tested */
}

static void
what_is_left_of_a_flushed_run_is_white(void **state)
{
    struct stage s;
    struct kinds k;
    void *p[KINDS], *q[KINDS];
    static const int small[] = {0, 1, 2, 4, 5};
    stage_open(&s);
    kinds_make(&k, &s);
    stage_begin(&s);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        p[i] = kinds_new(&k, s.a, small[i]);
    stage_objects(&s); /* flushes everybody, in the middle of the phase */
    assert_true(mark_phase_is_on(&s.heap->mark_phase));
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        assert_true(stage_is_marked(&s, p[i]));
        expect_free_slots_white(object_at(&s, p[i]).span);
    }
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        q[i] = kinds_new(&k, s.a, small[i]);
        assert_true(stage_is_marked(&s, q[i])); /* and the next run is black again */
    }
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 2 * sizeof small / sizeof *small);
    stage_close(&s);
}

/* Objects, bytes, scannable bytes: what the cycle books is what the sweep finds marked. */
static void
counts_of_the_black_are_exact(void **state)
{
    struct stage s;
    struct kinds k;
    struct gh_memstats st;
    stage_open(&s);
    kinds_make(&k, &s);
    for (int round = 0; round < 3; round++) {
        uint64_t objects = 0, scannable = 0;
        stage_begin(&s);
        for (int i = 0; i < 500; i++) {
            struct gh_mutator *late = i % 50 == 7 ? gh_attach(s.heap, "late") : NULL;
            int kind = i % 29 == 0 ? i % KINDS : (i * 7) % 3;
            void *p = kinds_new(&k, late != NULL ? late : s.a, kind);
            struct object_ref o = object_at(&s, p);
            objects++;
            scannable += o.span->span_class & 1 ? 0 : o.span->elemsize;
            if (late != NULL)
                gh_detach(late);
            if (i % 100 == 50)
                stage_objects(&s);
        }
        stage_end(&s);
        const struct gh_cycle *c = &s.cycles[round];
        gh_blocked_enter(s.b);
        gh_read_memstats(s.heap, s.a, &st);
        gh_blocked_exit(s.b);
        assert_int_equal(c->objects_marked, objects);
        assert_int_equal(c->objects_marked, st.heap_objects);
        assert_int_equal(c->heap_marked, st.heap_alloc);
        assert_int_equal(c->heap_scan, scannable);
    }
    stage_close(&s);
}

/* A white block must not be filled with new objects. */
static void
tiny_blocks_begin_anew(void **state)
{
    struct stage s;
    stage_open(&s);
    gh_new_tiny(s.a, 1);
    gh_new_tiny(s.b, 1);
    assert_true(s.a->tiny != 0 && s.b->tiny != 0);
    stage_begin(&s);
    assert_true(s.a->tiny == 0 && s.b->tiny == 0);
    char *first = gh_new_tiny(s.a, 1), *second = gh_new_tiny(s.a, 2);
    assert_true(stage_is_marked(&s, first) && stage_is_marked(&s, second));
    assert_ptr_equal(object_at(&s, first).base, object_at(&s, second).base);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 1);
    assert_true(s.a->tiny == 0 || stage_is_marked(&s, (void *)s.a->tiny));
    stage_close(&s);
}

/* The page of `x` is scanned, while the run that it lies in front of holds garbage. */
static void
markers_do_not_look_into_runs(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = x;
    stage_begin(&s);
    const struct gh_run *r = &s.a->runs[s.node->span_class];
    do
        stage_node(&s);
    while (r->next == r->end);
    struct node *garbage = (struct node *)(r->end - sizeof *garbage);
    assert_int_equal((uintptr_t)garbage / GH_PAGE, (uintptr_t)x / GH_PAGE);
    struct node was = *garbage;
    garbage->next = (struct node *)(void *)((char *)x + 1000 * GH_PAGE);
    gh_blocked_enter(s.b); /* grey x */
    world_serve_idle(&s.heap->sched);
    stage_drain(&s);
    assert_true(stage_is_marked(&s, x));
    *garbage = was;
    stage_finish(&s);
    gh_blocked_exit(s.b);
    stage_close(&s);
}

static void
attached_while_marking_is_black_and_white_afterwards(void **state)
{
    struct stage s;
    stage_open(&s);
    stage_begin(&s);
    struct gh_mutator *late = gh_attach(s.heap, "late");
    void *p = gh_new(late, s.node);
    assert_true(stage_is_marked(&s, p));
    gh_blocked_enter(late);
    stage_end(&s);
    gh_blocked_exit(late);
    assert_false(mutator_of(late)->cache.black || mutator_of(s.a)->cache.black);
    p = gh_new(late, s.node);
    gh_detach(late);
    stage_begin(&s);
    assert_false(stage_is_marked(&s, p));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 0);
    stage_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_born_black_while_a_cycle_marks),
        cmocka_unit_test(runs_are_cut_where_marking_begins),
        cmocka_unit_test(what_is_left_of_a_flushed_run_is_white),
        cmocka_unit_test(counts_of_the_black_are_exact),
        cmocka_unit_test(tiny_blocks_begin_anew),
        cmocka_unit_test(markers_do_not_look_into_runs),
        cmocka_unit_test(attached_while_marking_is_black_and_white_afterwards),
    };
    return cmocka_run_group_tests_name("black", tests, NULL, NULL);
}
