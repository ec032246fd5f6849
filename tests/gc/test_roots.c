/* test_roots.c - threads that are no mutators, and so do not stop with the world, add roots and
 * make types while others collect and read statistics. */
#include "gc/api/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

enum { RANGES = 200, ROUNDS = GH_TORTURE ? 20 : 200 };

static _Atomic(bool) done;

static void *
change_roots(void *heap)
{
    static void *slots[RANGES][4];
    while (!atomic_load(&done)) {
        for (int i = 0; i < RANGES; i++)
            gh_roots_add(heap, slots[i], 4);
        for (int i = 0; i < RANGES; i++)
            gh_roots_remove(heap, slots[i]);
    }
    return NULL;
}

static void *
make_types(void *heap)
{
    for (int i = 0; i < 200000 && !atomic_load(&done); i++)
        gh_type_small(heap, "pair", 16, 1);
    return NULL;
}

static void
roots_and_types_come_while_the_world_stands(void **state)
{
    (void)state;
    struct gh_config c;
    struct gh_error err;
    gh_config_init(&c);
    c.verify = true;
    struct gh_heap *h = gh_heap_open(&c, &err);
    assert_non_null(h);
    struct gh_mutator *m = gh_attach(h, "test");
    pthread_t t[2];
    assert_int_equal(pthread_create(&t[0], NULL, change_roots, h), 0);
    assert_int_equal(pthread_create(&t[1], NULL, make_types, h), 0);
    for (int i = 0; i < ROUNDS; i++) {
        gh_new_bytes(m, 100);
        gh_gc(m);
        for (int k = 0; k < 100; k++) {
            struct gh_memstats s;
            gh_read_memstats(h, m, &s);
            if (!gh_memstats_check(&s, &err))
                fail_msg("%s", err.text);
        }
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    gh_detach(m);
    gh_heap_close(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_and_types_come_while_the_world_stands),
    };
    return cmocka_run_group_tests_name("roots", tests, NULL, NULL);
}
