/* test_collect.c - collections against a shadow: random graphs of all layouts, several
 * mutators, every object checked against a model outside the heap; plus what must be counted
 * exactly.
 *
 * A node of kind k is an array of references followed, where there is room, by words that
 * all hold its id; the references come first so that one type describes every size. */
#include "alloc/base/bits.h"
#include "tests/base/seed.h"
#include "tests/gc/testheap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES = 300,
    STEPS = GH_TORTURE ? 300 : 6000,
    THREADS = 3,
    KINDS = 7,
};

/* bytes and leading references of each kind */
static const struct {
    size_t bytes, refs;
} kinds[KINDS] = {{16, 1}, {48, 2}, {112, 5}, {512, 10}, {520, 3}, {4096, 20}, {40000, 40}};

struct fixture {
    struct gh_heap *heap;
    const struct gh_type *types[KINDS];
};

struct shadow {
    uint64_t id;
    int kind;
    int edge[40]; /* -1 = NULL, else an index into the table */
    uint64_t edge_id[40];
};

static void
open_fixture(struct fixture *f, int gogc)
{
    struct gh_config c = testheap_config(gogc);
    c.verify = true;
    f->heap = testheap_open(&c);
    static uint64_t masks[KINDS];
    for (int k = 0; k < KINDS; k++) {
        masks[k] = bits_low((unsigned)kinds[k].refs);
        f->types[k] =
            gh_type_new(f->heap, "node", kinds[k].bytes, kinds[k].refs * 8, &masks[k]);
    }
}

static void
check_node(const struct shadow *s, void **node)
{
    const uint64_t *words = (const uint64_t *)(const void *)node;
    size_t n = kinds[s->kind].bytes / 8, refs = kinds[s->kind].refs;
    assert_int_equal(words[refs], s->id);
    assert_int_equal(words[n - 1], s->id);
    for (size_t i = 0; i < refs; i++) {
        if (s->edge[i] < 0) {
            assert_null(node[i]);
            continue;
        }
        const uint64_t *child = node[i];
        bool found = false;
        for (int k = 0; k < KINDS && !found; k++)
            found = child[kinds[k].refs] == s->edge_id[i];
        assert_true(found);
    }
}

/* One mutator's life: replace, link, unlink, drop and check nodes of its own table. */
static void
live(struct fixture *f, struct gh_mutator *m, uint64_t seed)
{
    struct shadow *shadow = calloc(NODES, sizeof *shadow);
    const struct gh_type *table_type = gh_type_small(f->heap, "ref", 8, 1);
    GH_FRAME(m, 2);
    void *table = gh_new_array(m, table_type, NODES);
    GH_SLOT(m, void, 0) = table;
    uint64_t id = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t r = seed_next(&seed);
        int at = (int)(r % NODES);
        void **slots = GH_SLOT(m, void *, 0);
        if (slots[at] != NULL)
            check_node(&shadow[at], slots[at]);
        if (r >> 20 & 1) { /* replace */
            int kind = (int)(seed_next(&seed) % KINDS);
            void **node = gh_new(m, f->types[kind]);
            size_t n = kinds[kind].bytes / 8;
            for (size_t i = 0; i < n; i++)
                assert_null(node[i]);
            shadow[at].id = ++id;
            shadow[at].kind = kind;
            for (size_t i = kinds[kind].refs; i < n; i++)
                ((uint64_t *)(void *)node)[i] = id;
            for (size_t i = 0; i < kinds[kind].refs; i++)
                shadow[at].edge[i] = -1;
            gh_store(m, &GH_SLOT(m, void *, 0)[at], node);
        } else if (r >> 21 & 1 && slots[at] != NULL) { /* link */
            int to = (int)(seed_next(&seed) % NODES);
            size_t i = seed_next(&seed) % kinds[shadow[at].kind].refs;
            if (slots[to] != NULL) {
                gh_store(m, &((void **)slots[at])[i], slots[to]);
                shadow[at].edge[i] = to;
                shadow[at].edge_id[i] = shadow[to].id;
            }
        } else if (r >> 22 & 3) { /* drop */
            gh_store(m, &slots[at], NULL);
        } else { /* garbage beside it: tiny, bytes */
            uint64_t *p = gh_new_bytes(m, seed_next(&seed) % 3000);
            (void)p;
            gh_poll(m);
        }
        if (step % (STEPS / 8) == 0)
            gh_gc(m);
    }
    for (int i = 0; i < NODES; i++)
        if (GH_SLOT(m, void *, 0)[i] != NULL)
            check_node(&shadow[i], GH_SLOT(m, void *, 0)[i]);
    free(shadow);
}

struct thread_arg {
    struct fixture *f;
    uint64_t seed;
};

static void *
thread_main(void *arg)
{
    struct thread_arg *a = arg;
    struct gh_mutator *m = gh_attach(a->f->heap, "stress");
    live(a->f, m, a->seed);
    gh_detach(m);
    return NULL;
}

static void
run_stress(int gogc)
{
    struct fixture f;
    open_fixture(&f, gogc);
    uint64_t seed = seed_of_run();
    pthread_t t[THREADS];
    struct thread_arg args[THREADS];
    for (int i = 0; i < THREADS; i++) {
        args[i] = (struct thread_arg){&f, seed + (uint64_t)i};
        pthread_create(&t[i], NULL, thread_main, &args[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);

    /* nothing is reachable now: two collections must empty the heap */
    struct gh_mutator *m = gh_attach(f.heap, "last");
    gh_gc(m);
    gh_gc(m);
    struct gh_memstats s;
    gh_read_memstats(f.heap, m, &s);
    assert_int_equal(s.heap_objects, 0);
    assert_int_equal(s.heap_alloc, 0);
    assert_true(s.num_gc > 10);
    gh_detach(m);
    gh_heap_close(f.heap);
}

static void
random_graphs_survive_at_gogc_100(void **state)
{
    (void)state;
    run_stress(100);
}

static void
random_graphs_survive_at_gogc_10(void **state)
{
    (void)state;
    run_stress(10);
}

static void
roots_keep_and_removed_roots_do_not(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(f.heap, "test");
    static void *root[2];
    gh_roots_add(f.heap, root, 2);
    void *p = gh_new(m, f.types[1]);
    gh_store(m, &root[1], p);
    void *q = gh_new_bytes(m, 100000);
    gh_store(m, &root[0], (char *)q + 99999); /* interior, and the last byte */
    struct gh_memstats s;
    gh_gc(m);
    gh_read_memstats(f.heap, m, &s);
    assert_int_equal(s.heap_objects, 2);
    gh_roots_remove(f.heap, root);
    gh_gc(m);
    gh_read_memstats(f.heap, m, &s);
    assert_int_equal(s.heap_objects, 0);
    gh_detach(m);
    gh_heap_close(f.heap);
}

static void
gogc_off_never_collects_and_gc_counts_as_forced(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(f.heap, "test");
    for (int i = 0; i < 20000; i++)
        gh_new(m, f.types[2]);
    struct gh_memstats s;
    gh_read_memstats(f.heap, m, &s);
    assert_int_equal(s.num_gc, 0);
    assert_int_equal(s.mallocs, 20000);
    assert_int_equal(s.frees, 0);
    gh_gc(m);
    gh_read_memstats(f.heap, m, &s);
    assert_int_equal(s.num_gc, 1);
    assert_int_equal(s.num_forced_gc, 1);
    assert_int_equal(s.frees, 20000);
    assert_int_equal(gh_set_gogc(m, 50), GH_GOGC_OFF);
    assert_int_equal(gh_set_gogc(m, -7), 50);
    gh_detach(m);
    gh_heap_close(f.heap);
}

/* B is waiting in the reference queue while its page is scanned: A, in the same page, leads to
 * it as well, and A's other references push it out of the queue. It must be counted once. */
static void
object_reached_on_two_ways_is_counted_once(void **state)
{
    (void)state;
    enum { WORDS = 32 };
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(f.heap, "test");
    const struct gh_type *wide =
        gh_type_small(f.heap, "wide", WORDS * sizeof(void *), bits_low(WORDS));
    gh_frame_push(m, MARKER_QUEUE + 1);
    for (int i = 0; i < 2; i++) {
        void *p = gh_new(m, wide);
        GH_SLOT(m, void, i) = p;
    }
    void *leaf = gh_new_bytes(m, 100000);
    void **a = GH_SLOT(m, void *, 0), *b = GH_SLOT(m, void, 1);
    gh_store(m, &a[0], b);
    for (int i = 1; i < WORDS; i++)
        gh_store(m, &a[i], leaf);
    for (int i = 2; i <= MARKER_QUEUE; i++)
        GH_SLOT(m, void, i) = b;
    assert_int_equal(gh_verify(m), 3);
    gh_frame_pop(m, MARKER_QUEUE + 1);
    gh_detach(m);
    gh_heap_close(f.heap);
}

static void
two_heaps_live_side_by_side(void **state)
{
    (void)state;
    struct fixture a, b;
    open_fixture(&a, 100);
    open_fixture(&b, 100);
    struct gh_mutator *ma = gh_attach(a.heap, "a"), *mb = gh_attach(b.heap, "b");
    live(&a, ma, 1);
    live(&b, mb, 2);
    gh_detach(ma);
    gh_heap_close(a.heap);
    live(&b, mb, 3);
    gh_detach(mb);
    gh_heap_close(b.heap);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_survive_at_gogc_100),
        cmocka_unit_test(random_graphs_survive_at_gogc_10),
        cmocka_unit_test(roots_keep_and_removed_roots_do_not),
        cmocka_unit_test(gogc_off_never_collects_and_gc_counts_as_forced),
        cmocka_unit_test(object_reached_on_two_ways_is_counted_once),
        cmocka_unit_test(two_heaps_live_side_by_side),
    };
    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
