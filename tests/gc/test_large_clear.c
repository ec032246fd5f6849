/* test_large_clear.c - large objects in memory that was used before. */
#include "testheap.h"

#include <string.h>

enum { BYTES = 24 << 20, OBJECTS = 40, KEPT = 6 };

static bool
is_zero(const uint64_t *p, size_t bytes)
{
    uint64_t any = 0;
    for (size_t i = 0; i < bytes / sizeof *p; i++)
        any |= p[i];
    return any == 0;
}

struct collecting {
    struct gh_heap *heap;
    _Atomic(bool) *over;
    unsigned cycles;
};

static void *
collect_again_and_again(void *arg)
{
    struct collecting *c = arg;
    struct gh_mutator *m = gh_attach(c->heap, "collecting");
    while (!atomic_load(c->over)) {
        gh_gc(m);
        c->cycles++;
    }
    gh_detach(m);
    return NULL;
}

/* An object is no one's before gh_new_bytes returns, and clearing it has many safepoints. Had a
 * cycle in between freed it, its address would be in no span, or in one of somebody else's. */
static void
new_objects_survive_cycles_while_they_are_cleared(void **state)
{
    (void)state;
    struct gh_config c = testheap_config(GH_GOGC_OFF);
    for (int i = 0; gh_collectors()[i] != NULL; i++) {
        c.collector = gh_collectors()[i];
        struct gh_heap *h = testheap_open(&c);
        struct gh_mutator *m = gh_attach(h, "test");
        _Atomic(bool) over = false;
        struct collecting other = {.heap = h, .over = &over};
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, collect_again_and_again, &other), 0);
        gh_frame_push(m, 1);
        for (int n = 0; n < OBJECTS; n++) {
            uint64_t *p = gh_new_bytes(m, BYTES);
            struct object_ref o;
            assert_true(gospace_find_object(&h->space, (uintptr_t)p, &o));
            assert_int_equal(o.base, (uintptr_t)p);
            assert_int_equal(o.span->elemsize, BYTES);
            assert_null(mutator_of(m)->newborn);
            m->fp[0] = p;
            gh_poll(m);
            assert_true(is_zero(m->fp[0], BYTES));
            memset(m->fp[0], 0xff, BYTES);
            m->fp[0] = NULL;
        }
        atomic_store(&over, true);
        gh_blocked_enter(m);
        pthread_join(t, NULL);
        gh_blocked_exit(m);
        assert_true(other.cycles > 0);
        gh_frame_pop(m, 1);
        gh_detach(m);
        gh_heap_close(h);
    }
}

/* More than LARGE_COLD_HEAP in use, so that streaming stores do it; with and without
 * references, of sizes on both sides of each limit. */
static void
reused_memory_is_cleared_in_a_large_heap(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        40000,  256 << 10, (256 << 10) + 8192, (1 << 20) - 8192, 1 << 20, (1 << 20) + 8200,
        5 << 20};
    struct gh_config c = testheap_config(GH_GOGC_OFF);
    struct gh_heap *h = testheap_open(&c);
    struct gh_mutator *m = gh_attach(h, "test");
    const struct gh_type *ref = gh_type_small(h, "ref", 8, 1);
    gh_frame_push(m, KEPT + 1);
    for (int i = 0; i < KEPT; i++)
        m->fp[i] = gh_new_bytes(m, 16 << 20);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < 4 * sizeof sizes / sizeof sizes[0]; i++) {
            size_t bytes = sizes[i / 4];
            bool refs = i % 2;
            m->fp[KEPT] = refs ? gh_new_array(m, ref, bytes / 8) : gh_new_bytes(m, bytes);
            assert_true(is_zero(m->fp[KEPT], bytes));
            if (!refs)
                memset(m->fp[KEPT], 0xff, bytes);
        }
        gh_gc(m);
        assert_true(is_zero(m->fp[round], 16 << 20));
    }
    gh_verify(m);
    gh_frame_pop(m, KEPT + 1);
    gh_detach(m);
    gh_heap_close(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_objects_survive_cycles_while_they_are_cleared),
        cmocka_unit_test(reused_memory_is_cleared_in_a_large_heap),
    };
    return cmocka_run_group_tests_name("large_clear", tests, NULL, NULL);
}
