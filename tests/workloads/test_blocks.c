/* test_blocks.c - blocks are what their numbers say, and one that is not is found out. */
#include "workloads/builtin/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gh_heap *heap;
static struct gh_mutator *m;
static struct block_types types;
static struct block *head; /* a registered root */

static int
open_heap(void **state)
{
    struct gh_config c;
    struct gh_error err;
    gh_config_init(&c);
    c.verify = true;
    heap = gh_heap_open(&c, &err);
    m = heap != NULL ? gh_attach(heap, "test") : NULL;
    if (m == NULL)
        return -1;
    block_types_init(&types, heap);
    head = NULL;
    gh_roots_add(heap, (void **)&head, 1);
    return 0;
}

static int
close_heap(void **state)
{
    gh_roots_remove(heap, (void **)&head);
    gh_detach(m);
    gh_heap_close(heap);
    return 0;
}

static void
a_list_survives_collections_unharmed(void **state)
{
    enum { N = 300 };
    uint64_t garbage = N, n = 0;
    for (uint64_t id = 0; id < N; id++)
        block_push(m, &types, &head, id);
    block_garbage(m, &types, &garbage, 1 << 20);
    assert_true(garbage > N);
    gh_gc(m);
    for (const struct block *b = head; b != NULL; b = b->next)
        assert_true(block_right(b, N - ++n));
    assert_int_equal(n, N);
}

/* What is live after a collection is what block_bytes says, plus what size classes round up. */
static void
bytes_are_those_of_the_heap(void **state)
{
    struct gh_memstats before, after;
    uint64_t bytes = 0;
    gh_gc(m);
    gh_read_memstats(heap, m, &before);
    for (uint64_t id = 0; id < 500; id++) {
        block_push(m, &types, &head, id);
        bytes += block_bytes(id);
    }
    gh_gc(m);
    gh_read_memstats(heap, m, &after);
    uint64_t live = after.heap_alloc - before.heap_alloc;
    assert_true(live >= bytes && live - bytes < bytes / 4);
}

static void
a_harmed_block_is_found_out(void **state)
{
    uint64_t id = 0, with_leaves = 0;
    for (; with_leaves == 0; id++) {
        block_push(m, &types, &head, id);
        with_leaves = head->leaves != NULL ? id + 1 : 0;
    }
    id = with_leaves - 1;
    assert_true(block_right(head, id));
    assert_false(block_right(head, id + 1));
    assert_false(block_right(NULL, id));
    head->words[1] ^= 1;
    assert_false(block_right(head, id));
    head->words[1] ^= 1;
    head->leaves[0]->index ^= 1;
    assert_false(block_right(head, id));
    head->leaves[0]->index ^= 1;
    assert_true(block_right(head, id));
    gh_store(m, &head->leaves, NULL);
    assert_false(block_right(head, id));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_list_survives_collections_unharmed, open_heap,
                                        close_heap),
        cmocka_unit_test_setup_teardown(bytes_are_those_of_the_heap, open_heap, close_heap),
        cmocka_unit_test_setup_teardown(a_harmed_block_is_found_out, open_heap, close_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
