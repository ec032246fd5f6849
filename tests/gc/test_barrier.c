/* test_barrier.c - the hybrid barrier, one interleaving at a time (gc/core/barrier.h). */
#include "tests/gc/stage.h"

#include <stdlib.h>

enum { MANY = 3 * BARRIER_SLOTS + 1 };

/* --- the two halves --- */

/* Only the heap knows `y`; `a`, whose stack is black, takes it there and cuts the heap's edge.
 */
static void
overwritten_reference_is_kept_for_a_scanned_stack(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = x; /* unscanned: x stays white */
    gh_store(s.a, &x->next, y);
    stage_begin(&s);
    stage_drain(&s);
    assert_false(stage_is_marked(&s, x));
    GH_SLOT(s.a, struct node, 0) = x->next;
    gh_store(s.a, &x->next, NULL);
    stage_flush(s.a);
    assert_true(stage_is_marked(&s, y));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 2);
    stage_close(&s);
}

/* Only the unscanned stack of `b` knows `y`; it moves to an object that is black already. */
static void
reference_that_moves_from_an_unscanned_stack_is_kept(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.b, struct node, 0) = y;
    stage_begin(&s);
    stage_drain(&s);
    assert_true(stage_is_marked(&s, x));
    assert_false(stage_is_marked(&s, y));
    gh_store(s.b, &x->next, y);
    GH_SLOT(s.b, struct node, 0) = NULL;
    stage_flush(s.b);
    assert_true(stage_is_marked(&s, y));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 2);
    stage_close(&s);
}

/* The same with a root slot that has been scanned. */
static void
reference_that_moves_to_a_scanned_root_is_kept(void **state)
{
    struct stage s;
    static void *root[3];
    stage_open(&s);
    gh_roots_add(s.heap, root, 3);
    struct node *y = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = y;
    stage_begin(&s);
    stage_drain(&s);
    gh_store(s.b, &root[1], y);
    GH_SLOT(s.b, struct node, 0) = NULL;
    stage_end(&s);
    assert_true(stage_objects(&s) == 1);
    gh_roots_remove(s.heap, root);
    stage_close(&s);
}

static void
each_store_shades_what_it_overwrites_and_what_it_stores(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *old = stage_node(&s);
    struct node *first = stage_node(&s), *second = stage_node(&s);
    gh_store(s.a, &x->next, old);
    GH_SLOT(s.b, struct node, 0) = x;
    stage_begin(&s);
    gh_store(s.a, &x->next, first);
    assert_ptr_equal(x->next, first);
    gh_store(s.b, &x->next, second);
    assert_ptr_equal(x->next, second);
    stage_flush(s.b);
    assert_true(stage_is_marked(&s, first));
    assert_true(stage_is_marked(&s, second));
    assert_false(stage_is_marked(&s, old));
    stage_flush(s.a);
    assert_true(stage_is_marked(&s, old));
    stage_end(&s);
    stage_close(&s);
}

static unsigned
buffered(struct gh_mutator *m)
{
    return mutator_mark(mutator_of(m))->nbuffered;
}

/* `a` has a black stack, `b` a grey one. */
static void
only_a_grey_stack_shades_what_it_stores(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.a, struct node, 1) = y;
    stage_begin(&s);
    gh_store(s.a, &x->next, y);
    assert_int_equal(buffered(s.a), 0);
    gh_store(s.a, &x->next, NULL);
    assert_int_equal(buffered(s.a), 1);
    gh_store(s.b, &x->next, y);
    assert_int_equal(buffered(s.b), 1);
    gh_store(s.b, &x->next, y);
    assert_int_equal(buffered(s.b), 3);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 2);
    stage_close(&s);
}

static void
stores_into_the_youngest_run_are_only_stores(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.a, struct node, 1) = y;
    stage_begin(&s);
    struct node *fresh = stage_node(&s);
    GH_SLOT(s.a, struct node, 2) = fresh;
    gh_store(s.a, &fresh->next, x);
    gh_store(s.a, &fresh->next, y);
    assert_ptr_equal(fresh->next, y);
    assert_int_equal(buffered(s.a), 0);
    gh_store(s.b, &fresh->other, x); /* of another mutator's: not for b, whose stack is grey */
    assert_int_equal(buffered(s.b), 1);
    gh_store(s.a, &x->next, y); /* older than the cycle */
    gh_store(s.a, &x->next, NULL);
    assert_int_equal(buffered(s.a), 1);
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 3);
    stage_close(&s);
}

/* What was born black in one cycle is white in the next. */
static void
youngest_run_of_the_cycle_before_is_like_any_other(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = y;
    stage_begin(&s);
    struct node *was_fresh = stage_node(&s);
    GH_SLOT(s.b, struct node, 0) = was_fresh;
    gh_store(s.a, &was_fresh->next, y);
    stage_end(&s);
    GH_SLOT(s.a, struct node, 0) = NULL;
    stage_begin(&s);
    stage_drain(&s);
    assert_false(stage_is_marked(&s, was_fresh));
    GH_SLOT(s.a, struct node, 0) = was_fresh->next;
    gh_store(s.a, &was_fresh->next, NULL);
    assert_int_equal(buffered(s.a), 1);
    stage_flush(s.a);
    assert_true(stage_is_marked(&s, y));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 2);
    stage_close(&s);
}

/* --- the buffer --- */

static void
full_buffer_is_emptied_and_nothing_is_lost(void **state)
{
    struct stage s;
    static struct node *made[MANY];
    stage_open(&s);
    struct node *x = stage_node(&s);
    for (int i = 0; i < MANY; i++)
        made[i] = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    stage_begin(&s);
    stage_drain(&s);
    const struct mutator_mark *mm = mutator_mark(mutator_of(s.b));
    unsigned most = 0;
    for (int i = 0; i < MANY; i++) {
        gh_store(s.b, &x->next, made[i]);
        assert_true(mm->nbuffered <= BARRIER_SLOTS);
        most = mm->nbuffered > most ? mm->nbuffered : most;
    }
    assert_true(most >= BARRIER_SLOTS - 2); /* else the limit was not put to the test */
    stage_flush(s.b);
    for (int i = 0; i < MANY; i++)
        assert_true(stage_is_marked(&s, made[i]));
    stage_end(&s);
    stage_close(&s);
}

static void
values_that_are_no_objects_are_ignored(void **state)
{
    struct stage s;
    static uint64_t outside[4];
    stage_open(&s);
    struct node *x = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    stage_begin(&s);
    void *values[] = {NULL, &outside[1], gh_new_bytes(s.a, 0), (void *)s.node, NULL};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        gh_store(s.b, &x->next, values[i]);
        assert_ptr_equal(x->next, values[i]);
        barrier_shade(mutator_of(s.b), (uintptr_t)values[i]);
    }
    stage_end(&s);
    assert_int_equal(s.cycles[0].objects_marked, 1);
    stage_close(&s);
}

static void
interior_references_shade_their_object(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    char *large = gh_new_bytes(s.a, 100000);
    GH_SLOT(s.a, struct node, 0) = x;
    stage_begin(&s);
    gh_store(s.b, &x->next, (char *)y + sizeof *y - 1);
    gh_store(s.b, &x->other, large + 99999);
    stage_flush(s.b);
    assert_true(stage_is_marked(&s, y));
    assert_true(stage_is_marked(&s, large));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 3);
    stage_close(&s);
}

static void
shading_greys_what_it_is_given(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *y = stage_node(&s);
    barrier_shade(mutator_of(s.a), (uintptr_t)y); /* no cycle */
    assert_int_equal(mutator_mark(mutator_of(s.a))->nbuffered, 0);
    stage_begin(&s);
    barrier_shade(mutator_of(s.a), (uintptr_t)y);
    stage_flush(s.a);
    assert_true(stage_is_marked(&s, y));
    s.heap->config.verify = s.heap->cycles.verify = s.heap->cycles.checkmark = false;
    stage_end(&s);
    stage_close(&s);
}

/* --- when it is on --- */

static void
barrier_is_on_exactly_while_a_cycle_marks(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.a, struct node, 1) = y;
    for (int round = 0; round < 3; round++) {
        assert_false(s.a->barrier || s.b->barrier);
        gh_store(s.a, &x->next, y);
        gh_store(s.b, &x->next, y);
        assert_int_equal(mutator_mark(mutator_of(s.a))->nbuffered, 0);
        assert_int_equal(mutator_mark(mutator_of(s.b))->nbuffered, 0);
        struct gh_mutator *before = gh_attach(s.heap, "attached before");
        assert_false(before->barrier);
        gh_detach(before);
        stage_begin(&s);
        assert_true(s.a->barrier && s.b->barrier);
        struct gh_mutator *late = gh_attach(s.heap, "attached while it marks");
        assert_true(late->barrier);
        gh_store(late, &x->next, NULL);
        assert_int_equal(mutator_mark(mutator_of(late))->nbuffered, 1);
        gh_detach(late);
        gh_store(s.a, &x->next, y);
        stage_end(&s);
    }
    assert_int_equal(s.ncycles, 3);
    stage_close(&s);
}

/* What a mutator has buffered is grey, and stays so when it goes. */
static void
detaching_mutator_leaves_its_buffer_behind(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s), *z = stage_node(&s);
    struct node *white = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    GH_SLOT(s.b, struct node, 0) = white; /* whose stack is not scanned */
    gh_store(s.a, &white->next, y);
    gh_store(s.a, &y->next, z);
    stage_begin(&s);
    stage_drain(&s);
    struct gh_mutator *late = gh_attach(s.heap, "late");
    for (int i = 0; i < BARRIER_SLOTS - 1; i++)
        gh_store(late, &x->other, x);
    gh_store(late, &white->next, NULL);
    assert_false(stage_is_marked(&s, y));
    gh_detach(late);
    assert_true(stage_is_marked(&s, y));
    stage_end(&s);
    assert_int_equal(stage_objects(&s), 4); /* the cycle could not know better */
    assert_int_equal(s.cycles[0].objects_marked, 4);
    stage_close(&s);
}

/* --- many slots at once --- */

static void
fill_with_nodes(struct stage *s, struct node **refs, struct node **made, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        made[i] = stage_node(s);
        gh_store(s->a, &refs[i], made[i]);
    }
}

static void
bulk_copy_shades_what_it_takes_and_what_it_buries(void **state)
{
    struct stage s;
    static struct node *taken[MANY], *buried[MANY];
    stage_open(&s);
    struct node **to = gh_new_array(s.a, gh_type_small(s.heap, "ref", 8, 1), MANY);
    GH_SLOT(s.b, struct node *, 0) = to;
    struct node **from = gh_new_array(s.a, gh_type_small(s.heap, "ref", 8, 1), MANY);
    GH_SLOT(s.b, struct node *, 1) = from;
    fill_with_nodes(&s, to, buried, MANY);
    fill_with_nodes(&s, from, taken, MANY);
    gh_store(s.a, &from[3], NULL);
    stage_begin(&s);
    stage_drain(&s);
    gh_copy_refs(s.a, to, from, MANY);
    stage_flush(s.a);
    for (int i = 0; i < MANY; i++) {
        assert_true(stage_is_marked(&s, buried[i]));
        assert_int_equal(stage_is_marked(&s, taken[i]), i != 3);
        assert_ptr_equal(to[i], i == 3 ? NULL : taken[i]);
    }
    stage_end(&s);
    stage_close(&s);
}

static void
bulk_clear_shades_what_it_buries(void **state)
{
    struct stage s;
    static struct node *buried[MANY];
    stage_open(&s);
    struct node **at = gh_new_array(s.a, gh_type_small(s.heap, "ref", 8, 1), MANY + 1);
    GH_SLOT(s.b, struct node *, 0) = at;
    fill_with_nodes(&s, at, buried, MANY);
    struct node *beyond = stage_node(&s);
    gh_store(s.a, &at[MANY], beyond);
    stage_begin(&s);
    stage_drain(&s);
    gh_clear_refs(s.a, at, MANY);
    stage_flush(s.a);
    for (int i = 0; i < MANY; i++) {
        assert_true(stage_is_marked(&s, buried[i]));
        assert_null(at[i]);
    }
    assert_false(stage_is_marked(&s, beyond));
    assert_ptr_equal(at[MANY], beyond);
    stage_end(&s);
    stage_close(&s);
}

/* Against memmove, with and without a cycle. */
static void
check_copy(struct stage *s, void **refs, size_t to, size_t from, size_t n)
{
    enum { SLOTS = 40 };
    void *want[SLOTS];
    for (size_t i = 0; i < SLOTS; i++)
        gh_store(s->a, &refs[i], (char *)refs + i);
    memcpy(want, refs, sizeof want);
    memmove(want + to, want + from, n * sizeof *want);
    gh_copy_refs(s->a, refs + to, refs + from, n);
    assert_memory_equal(refs, want, sizeof want);
}

static void
overlapping_copies_are_moves_in_both_directions(void **state)
{
    struct stage s;
    stage_open(&s);
    void **refs = gh_new_array(s.a, gh_type_small(s.heap, "ref", 8, 1), 40);
    GH_SLOT(s.a, void *, 0) = refs;
    for (int marking = 0; marking < 2; marking++) {
        if (marking)
            stage_begin(&s);
        check_copy(&s, refs, 3, 0, 30);
        check_copy(&s, refs, 0, 3, 30);
        check_copy(&s, refs, 1, 0, 39);
        check_copy(&s, refs, 0, 1, 39);
        check_copy(&s, refs, 7, 7, 20);
        check_copy(&s, refs, 20, 0, 20);
        check_copy(&s, refs, 5, 9, 0);
    }
    stage_end(&s);
    stage_close(&s);
}

/* Two mutators that go on storing would else make each other ask again for ever. */
static void
what_is_marked_already_does_not_put_off_the_end(void **state)
{
    struct stage s;
    stage_open(&s);
    struct node *x = stage_node(&s), *y = stage_node(&s);
    GH_SLOT(s.a, struct node, 0) = x;
    stage_begin(&s);
    struct mark_phase *p = &s.heap->mark_phase;
    gh_store(s.b, &x->next, x);
    stage_flush(s.b);
    stage_drain(&s);
    atomic_fetch_add(&p->acks_left, 2);
    atomic_store(&p->flushed, false);
    gh_store(s.b, &x->next, x);
    mark_phase_serve(p, mutator_of(s.b), REQUEST_FLUSH, false);
    assert_false(atomic_load(&p->flushed));
    gh_store(s.b, &x->next, y);
    mark_phase_serve(p, mutator_of(s.b), REQUEST_FLUSH, false);
    assert_true(atomic_load(&p->flushed));
    stage_end(&s);
    stage_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overwritten_reference_is_kept_for_a_scanned_stack),
        cmocka_unit_test(reference_that_moves_from_an_unscanned_stack_is_kept),
        cmocka_unit_test(reference_that_moves_to_a_scanned_root_is_kept),
        cmocka_unit_test(only_a_grey_stack_shades_what_it_stores),
        cmocka_unit_test(stores_into_the_youngest_run_are_only_stores),
        cmocka_unit_test(youngest_run_of_the_cycle_before_is_like_any_other),
        cmocka_unit_test(each_store_shades_what_it_overwrites_and_what_it_stores),
        cmocka_unit_test(full_buffer_is_emptied_and_nothing_is_lost),
        cmocka_unit_test(values_that_are_no_objects_are_ignored),
        cmocka_unit_test(interior_references_shade_their_object),
        cmocka_unit_test(shading_greys_what_it_is_given),
        cmocka_unit_test(barrier_is_on_exactly_while_a_cycle_marks),
        cmocka_unit_test(detaching_mutator_leaves_its_buffer_behind),
        cmocka_unit_test(bulk_copy_shades_what_it_takes_and_what_it_buries),
        cmocka_unit_test(bulk_clear_shades_what_it_buries),
        cmocka_unit_test(what_is_marked_already_does_not_put_off_the_end),
        cmocka_unit_test(overlapping_copies_are_moves_in_both_directions),
    };
    return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
