/* test_frames.c - managed stacks: growth by copying, slot addresses, shrinking. */
#include "tests/gc/testheap.h"
static struct gh_heap *
open_heap(void)
{
    struct gh_config c = testheap_config(100);
    c.verify = true;
    struct gh_heap *h = testheap_open(&c);
    return h;
}

/* Each level keeps its number in a pointer-free object and checks it on the way back. */
static void
recurse(struct gh_mutator *m, uint64_t level, uint64_t deepest)
{
    GH_FRAME(m, 3);
    uint64_t *box = gh_new_bytes(m, 16);
    box[0] = level;
    GH_SLOT(m, uint64_t, 0) = box;
    if (level < deepest)
        recurse(m, level + 1, deepest);
    assert_int_equal(GH_SLOT(m, uint64_t, 0)[0], level);
    assert_null(GH_SLOT(m, uint64_t, 1));
}

static void
stack_grows_by_copying_and_keeps_slots(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    struct mutator *in = mutator_of(m);
    assert_int_equal(in->stack_hi - in->stack_lo, GH_STACK_MIN);
    recurse(m, 0, 2000);
    assert_true(in->stack_hi - in->stack_lo >= 2000 * 32);
    assert_true(in->stack_copies >= 5);
    gh_detach(m);
    gh_heap_close(h);
}

static void
stack_shrinks_at_collections(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    struct mutator *in = mutator_of(m);
    recurse(m, 0, 2000);
    size_t size = in->stack_hi - in->stack_lo;
    gh_gc(m);
    assert_int_equal(in->stack_hi - in->stack_lo, size / 2);
    for (int i = 0; i < 20; i++)
        gh_gc(m);
    assert_int_equal(in->stack_hi - in->stack_lo, GH_STACK_MIN);
    recurse(m, 0, 100);
    gh_detach(m);
    gh_heap_close(h);
}

/* A callee writes through the address of its caller's slot after the stack has moved. */
static void
fill_through(struct gh_mutator *m, int depth)
{
    GH_FRAME(m, 1);
    GH_SLOT(m, void, 0) = GH_OUTER_SLOT(m, void, 1, 0);
    if (depth > 0) {
        fill_through(m, depth - 1);
        return;
    }
    void *box = gh_new_bytes(m, 16);
    *(uint64_t *)box = 4711;
    *(void **)GH_SLOT(m, void, 0) = box;
}

static void
slot_addresses_follow_a_move(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap();
    struct gh_mutator *m = gh_attach(h, "test");
    {
        GH_FRAME(m, 2);
        GH_SLOT(m, void, 0) = &GH_SLOT(m, void, 1);
        fill_through(m, 300);
        gh_gc(m);
        assert_true(mutator_of(m)->stack_copies > 0);
        assert_int_equal(*GH_SLOT(m, uint64_t, 1), 4711);
        assert_ptr_equal(GH_SLOT(m, void, 0), &GH_SLOT(m, void, 1));
    }
    gh_detach(m);
    gh_heap_close(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_grows_by_copying_and_keeps_slots),
        cmocka_unit_test(stack_shrinks_at_collections),
        cmocka_unit_test(slot_addresses_follow_a_move),
    };
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
