/* test_uarena.c - user arenas: where objects lie, what they keep alive and who keeps them, what
 * happens to those who come too late, and when addresses are used again. */
#include "gc/api/specials.h"
#include "gc/api/uarena.h"
#include "tests/base/death.h"
#include "tests/base/seed.h"
#include "tests/gc/testheap.h"

enum { THREADS = 3, ROUNDS = GH_TORTURE ? 6 : 30, WIDE_WORDS = 200, WIDE_REFS = 130 };

struct node {
    struct node *next;
    uint64_t number;
    struct node *other;
};

/* the one that is being tested */
static const char *collector;

struct fixture {
    struct gh_heap *heap;
    struct gh_mutator *m;
    const struct gh_type *node, *ref, *wide;
};

static const uint64_t wide_mask[] = {UINT64_MAX, 0x8000000000000001, 2};
static const uint64_t one_mask[] = {1};

static void
open_fixture(struct fixture *f, int gogc)
{
    struct gh_config c = testheap_config(gogc);
    c.verify = true;
    c.collector = collector;
    f->heap = testheap_open(&c);
    f->m = gh_attach(f->heap, "test");
    f->node = gh_type_small(f->heap, "node", sizeof(struct node),
                            GH_PTR(struct node, next) | GH_PTR(struct node, other));
    f->ref = gh_type_small(f->heap, "ref", sizeof(void *), 1);
    f->wide =
        gh_type_new(f->heap, "wide", WIDE_WORDS * GH_WORD, WIDE_REFS * GH_WORD, wide_mask);
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

static struct gh_uarena_stats
stats(struct fixture *f)
{
    struct gh_uarena_stats s;
    gh_uarena_read_stats(f->heap, &s);
    return s;
}

/* Use up the active chunk, so that it faults when the arena is freed, whatever the build. */
static void
fill_chunk(struct fixture *f, struct gh_uarena *ua)
{
    const struct gh_type *block = gh_type_new(f->heap, "block", UARENA_MAX_OBJECT, 0, NULL);
    for (uint64_t n = stats(f).chunks_made; stats(f).chunks_made == n;)
        gh_uarena_new_object(f->m, ua, block);
}

static void
references_lie_at_the_bottom_and_bytes_at_the_top(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    const struct gh_type *byte = gh_type_new(f.heap, "byte", 1, 0, NULL);
    const struct gh_type *half = gh_type_new(f.heap, "half", 4, 0, NULL);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    char *a = gh_uarena_new_object(f.m, ua, f.node), *b = gh_uarena_new_object(f.m, ua, f.ref);
    char *c = gh_uarena_new_array(f.m, ua, f.node, 3),
         *d = gh_uarena_new_object(f.m, ua, f.ref);
    assert_int_equal((uintptr_t)a % UCHUNK_BYTES, 0);
    assert_ptr_equal(b, a + sizeof(struct node));
    assert_ptr_equal(c, b + sizeof(void *));
    assert_ptr_equal(d, c + 3 * sizeof(struct node));
    char *top = a + UCHUNK_BYTES;
    assert_ptr_equal(gh_uarena_new_object(f.m, ua, byte), top - 1);
    assert_ptr_equal(gh_uarena_new_object(f.m, ua, half), top - 8);
    assert_ptr_equal(gh_uarena_new_array(f.m, ua, byte, 3), top - 11);
    assert_ptr_equal(gh_uarena_new_array(f.m, ua, half, 2), top - 24);
    assert_ptr_equal(gh_uarena_new_array(f.m, ua, f.node, 0), gh_new_bytes(f.m, 0));
    memset(top - 24, 0xff, 24); /* would be bad pointers */
    gh_gc(f.m);
    gh_uarena_free(f.m, ua);
    close_fixture(&f);
}

/* Chains through several chunks, alternately in the arena and in the heap. */
static void
arenas_and_heap_keep_each_other_alive(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    uint64_t nodes = 3 * UCHUNK_BYTES / sizeof(struct node) / 4;
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_frame_push(f.m, 1);
    for (uint64_t i = 1; i <= nodes; i++) {
        struct node *n =
            i % 8 != 0 ? gh_uarena_new_object(f.m, ua, f.node) : gh_new(f.m, f.node);
        assert_true(n->next == NULL && n->other == NULL && n->number == 0);
        n->number = i;
        gh_store(f.m, &n->next, GH_SLOT(f.m, struct node, 0));
        GH_SLOT(f.m, struct node, 0) = n;
        if (i % (nodes / 3) == 0)
            gh_gc(f.m);
    }
    uint64_t heap_objects = nodes / 8;
    struct gh_uarena_stats s = stats(&f);
    gh_gc(f.m);
    assert_int_equal(objects(&f), heap_objects + s.live);
    const struct node *n = GH_SLOT(f.m, struct node, 0);
    for (uint64_t i = nodes; i > 0; i--, n = n->next)
        assert_int_equal(n->number, i);
    assert_null(n);
    /* a frame no longer leads there, but the arena does */
    GH_SLOT(f.m, struct node, 0) = NULL;
    gh_gc(f.m);
    assert_in_range(objects(&f), heap_objects - 8 + s.live, heap_objects + s.live);
    fill_chunk(&f, ua);
    gh_uarena_free(f.m, ua);
    gh_gc(f.m);
    assert_int_equal(objects(&f), stats(&f).live);
    gh_frame_pop(f.m, 1);
    close_fixture(&f);
}

/* The third word of the mask, and values that straddle words of the chunk's bits. */
static void
every_reference_of_a_wide_value_counts(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_frame_push(f.m, 1);
    gh_uarena_new_object(f.m, ua, f.node); /* three words: nothing is aligned from here on */
    size_t refs = 0, values = 5;
    void *array = gh_uarena_new_array(f.m, ua, f.wide, values);
    GH_SLOT(f.m, void, 0) = array;
    for (size_t v = 0; v < values; v++)
        for (size_t w = 0; w < WIDE_WORDS; w++) {
            bool ref = w < WIDE_REFS && (wide_mask[w / 64] >> w % 64 & 1);
            struct node *n = gh_new(f.m, f.node);
            n->number = w;
            void **slot = GH_SLOT(f.m, void *, 0) + v * WIDE_WORDS + w;
            if (ref)
                gh_store(f.m, slot, n);
            else
                *(uintptr_t *)(void *)slot = UINTPTR_MAX - 7; /* must not be read */
            refs += ref;
        }
    gh_gc(f.m);
    assert_int_equal(objects(&f), refs + 1);
    void **copy = gh_uarena_clone_array(f.m, GH_SLOT(f.m, void, 0), f.wide, values);
    GH_SLOT(f.m, void, 0) = copy;
    assert_int_equal(((struct node *)copy[WIDE_WORDS + 63])->number, 63);
    fill_chunk(&f, ua);
    gh_uarena_free(f.m, ua);
    gh_gc(f.m);
    gh_gc(f.m);
    assert_int_equal(objects(&f), refs + 1 + stats(&f).live);
    for (size_t w = 0; w < values * WIDE_WORDS; w++) {
        const struct node *n = GH_SLOT(f.m, struct node *, 0)[w];
        assert_true((uintptr_t)n == UINTPTR_MAX - 7 || n->number == w % WIDE_WORDS);
    }
    gh_frame_pop(f.m, 1);
    close_fixture(&f);
}

static void
big_values_come_from_the_heap(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    const struct gh_type *big = gh_type_new(f.heap, "big", UARENA_MAX_OBJECT + 8, 8, one_mask);
    const struct gh_type *fits = gh_type_new(f.heap, "fits", UARENA_MAX_OBJECT, 8, one_mask);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_frame_push(f.m, 2);
    void *p = gh_uarena_new_object(f.m, ua, big);
    GH_SLOT(f.m, void, 0) = p;
    assert_null(pages_span_of(&f.heap->pages, (uintptr_t)p)->uchunk);
    assert_ptr_equal(gh_uarena_clone(f.m, p, big), p);
    p = gh_uarena_new_array(f.m, ua, f.ref, UARENA_MAX_OBJECT / 8 + 1);
    GH_SLOT(f.m, void, 1) = p;
    assert_null(pages_span_of(&f.heap->pages, (uintptr_t)p)->uchunk);
    p = gh_uarena_new_object(f.m, ua, fits);
    assert_non_null(pages_span_of(&f.heap->pages, (uintptr_t)p)->uchunk);
    gh_uarena_free(f.m, ua);
    gh_gc(f.m);
    memset(GH_SLOT(f.m, void, 1), 0, UARENA_MAX_OBJECT + 8); /* not freed with the arena */
    gh_gc(f.m);
    assert_int_equal(objects(&f), 2 + stats(&f).live);
    gh_frame_pop(f.m, 2);
    close_fixture(&f);
}

static void
chunks_are_known_to_the_memory_limit(void **state)
{
    struct fixture f;
    open_fixture(&f, 100);
    gh_set_memory_limit(f.m, UINT64_C(1) << 30);
    const struct pacer *p = &f.heap->pacer;
    assert_true(atomic_load(&p->heap_alloc) < UCHUNK_BYTES);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    assert_true(atomic_load(&p->heap_alloc) >= UCHUNK_BYTES);
    gh_uarena_free(f.m, ua);
    close_fixture(&f);
}

static void
addresses_rest_until_nothing_points_there(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_frame_push(f.m, 2);
    char *p = gh_uarena_new_object(f.m, ua, f.node);
    struct node *n = gh_new(f.m, f.node);
    GH_SLOT(f.m, struct node, 0) = n;
    gh_store(f.m, &n->other, p + 12345); /* from the heap, interior */
    fill_chunk(&f, ua);
    gh_uarena_free(f.m, ua);
    uint64_t live = stats(&f).live, freed = stats(&f).quarantined;
    assert_int_equal(freed, UARENA_SHARE ? 1 : 2);
    assert_int_equal(stats(&f).ready, GH_ARENA / UCHUNK_BYTES - 2);
    for (int i = 0; i < 3; i++) {
        gh_gc(f.m);
        gh_gc(f.m);
        assert_int_equal(stats(&f).quarantined, 1);
        assert_int_equal(objects(&f), 1 + live);
    }
    struct gh_memstats s;
    gh_read_memstats(f.heap, f.m, &s);
    assert_true(s.heap_inuse < (live + 1) * UCHUNK_BYTES); /* it costs no memory */
    gh_store(f.m, &GH_SLOT(f.m, struct node, 0)->other, NULL);
    gh_gc(f.m);
    assert_int_equal(stats(&f).quarantined, 0);
    assert_int_equal(stats(&f).ready + live, GH_ARENA / UCHUNK_BYTES);
    /* and back: until all have been used, one of them must be ours */
    ua = gh_uarena_new(f.m);
    bool again = false;
    for (size_t i = 0; i < GH_ARENA / UCHUNK_BYTES; i++) {
        struct node *q = gh_uarena_new_object(f.m, ua, f.node);
        assert_true(q->next == NULL && q->number == 0);
        again |= (char *)q == p;
        fill_chunk(&f, ua);
    }
    assert_true(again);
    gh_uarena_free(f.m, ua);
    gh_frame_pop(f.m, 2);
    close_fixture(&f);
}

static void
partly_used_chunks_go_on_to_the_next_arena(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct node *last = NULL;
    for (int i = 0; i < 100; i++) {
        struct gh_uarena *ua = gh_uarena_new(f.m);
        struct node *n = gh_uarena_new_object(f.m, ua, f.node);
        assert_true(n->number == 0);
        if (UARENA_SHARE && last != NULL)
            assert_ptr_equal(n, last + 1);
        n->number = 1;
        last = n;
        gh_uarena_free(f.m, ua);
    }
    struct gh_uarena_stats s = stats(&f);
    assert_int_equal(s.arenas_made, 100);
    assert_int_equal(s.arenas_freed, 100);
    assert_int_equal(s.chunks_made, UARENA_SHARE ? 1 : 100);
    assert_int_equal(s.chunks_shared, UARENA_SHARE ? 99 : 0);
    assert_int_equal(s.chunks_faulted, UARENA_SHARE ? 0 : 100);
    close_fixture(&f);
}

static void
chunks_freed_while_marking_fault_later(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    struct node *n = gh_uarena_new_object(f.m, ua, f.node);
    fill_chunk(&f, ua);
    f.m->barrier = true; /* as if a collection were marking */
    gh_uarena_free(f.m, ua);
    uint64_t pending = stats(&f).pending;
    assert_int_equal(pending, UARENA_SHARE ? 1 : 2);
    n->number = 7; /* a marker may read it as well */
    uarenas_fault_pending(&f.heap->uarenas, f.m);
    assert_int_equal(stats(&f).pending, pending);
    f.m->barrier = false;
    gh_gc(f.m); /* which still finds them in use, and lets them fault at its end */
    assert_int_equal(stats(&f).pending, 0);
    assert_int_equal(stats(&f).quarantined, pending);
    gh_gc(f.m);
    assert_int_equal(stats(&f).quarantined, 0);
    close_fixture(&f);
}

static void
new_chunks_and_copies_are_shaded(void **state)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    struct node *n = gh_uarena_new_object(f.m, ua, f.node);
    struct node *in_heap = gh_new(f.m, f.node);
    gh_store(f.m, &n->other, in_heap);
    f.m->barrier = true;
    gh_uarena_clone(f.m, n, f.node);
    assert_true(testheap_shaded(f.m, in_heap));
    fill_chunk(&f, ua);
    const struct uchunk *newest =
        pages_span_of(&f.heap->pages, (uintptr_t)gh_uarena_new_object(f.m, ua, f.node))->uchunk;
    assert_true(testheap_shaded(f.m, (void *)newest->base));
    f.m->barrier = false;
    gh_uarena_free(f.m, ua);
    close_fixture(&f);
}

/* --- those who come too late --- */

static struct node *
freed_node(struct fixture *f)
{
    open_fixture(f, GH_GOGC_OFF);
    gh_uarena_new(f->m);
    struct gh_uarena *ua = gh_uarena_new(f->m);
    struct node *n = gh_uarena_new_object(f->m, ua, f->node);
    fill_chunk(f, ua);
    gh_gc(f->m);
    gh_uarena_free(f->m, ua);
    return n;
}

static void
read_freed(void *collect)
{
    struct fixture f;
    volatile struct node *n = freed_node(&f);
    if (collect != NULL)
        gh_gc(f.m); /* out of quarantine: explained all the same */
    (void)n->number;
}

static void
write_freed(void *arg)
{
    struct fixture f;
    struct node *n = freed_node(&f);
    gh_store(f.m, &n->next, NULL);
}

static void
free_twice(void *arg)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_uarena_free(f.m, ua);
    gh_uarena_free(f.m, ua);
}

static void
nothing(struct gh_mutator *m, void *obj, void *ctx)
{
}

static void
finalize(void *arg)
{
    struct fixture f;
    open_fixture(&f, GH_GOGC_OFF);
    struct gh_uarena *ua = gh_uarena_new(f.m);
    gh_set_finalizer(f.m, gh_uarena_new_object(f.m, ua, f.node), nothing, NULL);
}

static void
use_after_free_is_explained(void **state)
{
    death_expect(read_freed, NULL,
                 "fatal error: fault: accessed data from freed user arena 0x");
    death_expect(read_freed, NULL, "(arena 2 freed after 1 collections;");
    death_expect(read_freed, "", "fatal error: fault: accessed data from freed user arena 0x");
    death_expect(write_freed, NULL,
                 "fatal error: fault: accessed data from freed user arena 0x");
    death_expect(finalize, NULL, "is in a user arena");
    death_expect(free_twice, NULL, "gh_uarena_free: user arena 1 was freed before");
}

static void
fault_elsewhere(void *arg)
{
    struct fixture f;
    freed_node(&f);
    *(volatile int *)arg = 1; /* a page that is not there */
}

static void
handled_elsewhere(int sig)
{
    _exit(42);
}

static void
fault_with_a_handler(void *arg)
{
    signal(SIGSEGV, handled_elsewhere);
    fault_elsewhere(arg);
}

static void
other_faults_are_passed_on(void **state)
{
    struct death d;
    death_run(&d, fault_elsewhere, (void *)4096);
    assert_true(WIFSIGNALED(d.status));
    assert_int_equal(WTERMSIG(d.status), SIGSEGV);
    death_run(&d, fault_with_a_handler, (void *)4096);
    assert_true(WIFEXITED(d.status));
    assert_int_equal(WEXITSTATUS(d.status), 42);
}

/* --- stress --- */

struct thread_arg {
    struct fixture *f;
    uint64_t seed;
};

/* A list of nodes in slot 0, each with a node of the heap, among values without references. */
static uint64_t
build(struct fixture *f, struct gh_mutator *m, struct gh_uarena *ua, uint64_t *seed)
{
    uint64_t n = 1 + seed_next(seed) % (UCHUNK_BYTES / 64);
    const struct gh_type *byte = gh_type_new(f->heap, "byte", 1, 0, NULL);
    for (uint64_t i = 1; i <= n; i++) {
        struct node *it = gh_uarena_new_object(m, ua, f->node);
        it->number = i;
        gh_store(m, &it->next, GH_SLOT(m, struct node, 0));
        GH_SLOT(m, struct node, 0) = it;
        struct node *outside = gh_new(m, f->node);
        outside->number = i;
        it = GH_SLOT(m, struct node, 0);
        gh_store(m, &outside->other, it);
        gh_store(m, &it->other, outside);
        size_t bytes = seed_next(seed) % 40;
        char *p = gh_uarena_new_array(m, ua, byte, bytes);
        memset(p, 0xee, bytes);
    }
    return n;
}

static void *
thread_main(void *arg)
{
    struct thread_arg *a = arg;
    struct gh_mutator *m = gh_attach(a->f->heap, "stress");
    {
        GH_FRAME(m, 3);
        for (int round = 0; round < ROUNDS; round++) {
            struct gh_uarena *ua = gh_uarena_new(m);
            uint64_t n = build(a->f, m, ua, &a->seed);
            if (seed_next(&a->seed) % 4 == 0)
                gh_gc(m);
            const struct node *it = GH_SLOT(m, struct node, 0);
            for (uint64_t i = n; i > 0; i--, it = it->next)
                assert_true(it->number == i && it->other->number == i &&
                            it->other->other == it);
            /* the survivor refers into the arena: never followed again, but legal */
            struct node *copy = gh_uarena_clone(m, GH_SLOT(m, void, 0), a->f->node);
            assert_true(copy->number == n && copy->other->number == n);
            GH_SLOT(m, struct node, 1 + round % 2) = copy;
            GH_SLOT(m, struct node, 0) = NULL;
            gh_uarena_free(m, ua);
            assert_true(copy->number == n);
        }
    }
    gh_detach(m);
    return NULL;
}

static void
arenas_come_and_go_on_all_threads(void **state)
{
    uint64_t seed = seed_of_run();
    struct fixture f;
    open_fixture(&f, 100);
    struct thread_arg args[THREADS];
    for (int i = 0; i < THREADS; i++)
        args[i] = (struct thread_arg){&f, seed + (uint64_t)i};
    testheap_crowd(f.m, thread_main, args, THREADS, sizeof args[0]);
    gh_gc(f.m);
    gh_gc(f.m);
    struct gh_uarena_stats st = stats(&f);
    assert_int_equal(st.arenas_freed, THREADS * ROUNDS);
    assert_int_equal(st.pending, 0);
    if (!UARENA_SHARE) /* else what lies in shared chunks may point to freed ones */
        assert_int_equal(st.quarantined, 0);
    assert_int_equal(st.live, st.chunks_made - st.chunks_faulted);
    close_fixture(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_lie_at_the_bottom_and_bytes_at_the_top),
        cmocka_unit_test(arenas_and_heap_keep_each_other_alive),
        cmocka_unit_test(every_reference_of_a_wide_value_counts),
        cmocka_unit_test(big_values_come_from_the_heap),
        cmocka_unit_test(chunks_are_known_to_the_memory_limit),
        cmocka_unit_test(addresses_rest_until_nothing_points_there),
        cmocka_unit_test(partly_used_chunks_go_on_to_the_next_arena),
        cmocka_unit_test(chunks_freed_while_marking_fault_later),
        cmocka_unit_test(new_chunks_and_copies_are_shaded),
        cmocka_unit_test(use_after_free_is_explained),
        cmocka_unit_test(other_faults_are_passed_on),
        cmocka_unit_test(arenas_come_and_go_on_all_threads),
    };
    int failed = 0;
    for (const char *const *name = gh_collectors(); *name != NULL; name++) {
        collector = *name;
        failed += cmocka_run_group_tests_name(collector, tests, NULL, NULL);
    }
    return failed;
}
