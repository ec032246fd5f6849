/* test_roots.c - threads that are no mutators, and so do not stop with the world, add roots and
 * make types while others collect and read statistics. */
#include "gc/api/heap.h"
#include "gc/core/roots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

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

/* --- Note [roots while marking], without a heap --- */

enum { PIECES = 3, SLOTS = PIECES * ROOTS_PIECE };

struct scan {
    struct roots roots;
    void **slots;
    _Atomic(int) visited[SLOTS];
    _Atomic(bool) inside, go_on, removed;
};

static void
publish_nothing(void *ctx)
{
    (void)ctx;
}

static void
scan_open(struct scan **out)
{
    struct scan *s = *out = calloc(1, sizeof *s);
    s->slots = calloc(SLOTS, sizeof *s->slots);
    roots_init(&s->roots);
}

static void
scan_close(struct scan *s)
{
    roots_finish(&s->roots);
    free(s->slots);
    free(s);
}

static void
visit(void *ctx, void **slot)
{
    struct scan *s = ctx;
    atomic_fetch_add(&s->visited[slot - s->slots], 1);
}

static void
visit_and_wait(void *ctx, void **slot)
{
    struct scan *s = ctx;
    visit(ctx, slot);
    atomic_store(&s->inside, true);
    while (!atomic_load(&s->go_on))
        sched_yield();
}

static void *
scan_main(void *arg)
{
    struct scan *s = arg;
    roots_scan_piece(&s->roots, visit_and_wait, s);
    return NULL;
}

static void *
remove_main(void *arg)
{
    struct scan *s = arg;
    roots_remove(&s->roots, s->slots);
    atomic_store(&s->removed, true);
    return NULL;
}

static bool
none_is_left(const void *roots)
{
    return !roots_any_left(roots);
}

static void
pieces_cover_every_slot_once(void **state)
{
    (void)state;
    struct scan *s;
    scan_open(&s);
    roots_add(&s->roots, s->slots, ROOTS_PIECE + 1);
    roots_add(&s->roots, s->slots + ROOTS_PIECE + 1, SLOTS - ROOTS_PIECE - 1);
    for (int cycle = 1; cycle <= 2; cycle++) {
        assert_int_equal(roots_start_stw(&s->roots), SLOTS * sizeof(void *));
        assert_true(roots_any_left(&s->roots));
        assert_false(roots_try_end_stw(&s->roots, none_is_left, &s->roots));
        while (roots_scan_piece(&s->roots, visit, s) > 0)
            continue;
        for (int i = 0; i < SLOTS; i++)
            assert_int_equal(atomic_load(&s->visited[i]), cycle);
        assert_false(roots_any_left(&s->roots));
        assert_true(roots_try_end_stw(&s->roots, none_is_left, &s->roots));
    }
    scan_close(s);
}

/* A piece is being scanned: it counts as left, its range does not go, and what is left of the
 * range is visited by who removes it. */
static void
range_goes_when_its_pieces_are_scanned(void **state)
{
    (void)state;
    struct scan *s;
    pthread_t scanner, remover;
    scan_open(&s);
    s->roots.late_visit = visit;
    s->roots.late_publish = publish_nothing;
    s->roots.late_ctx = s;
    roots_add(&s->roots, s->slots, SLOTS);
    roots_start_stw(&s->roots);
    pthread_create(&scanner, NULL, scan_main, s);
    while (!atomic_load(&s->inside))
        sched_yield();
    assert_int_equal(roots_scan_piece(&s->roots, visit, s), ROOTS_PIECE);
    pthread_create(&remover, NULL, remove_main, s);
    usleep(20000); /* too short a time lets a bug pass, and nothing fail */
    assert_false(atomic_load(&s->removed));
    assert_true(roots_any_left(&s->roots));
    atomic_store(&s->go_on, true);
    pthread_join(scanner, NULL);
    pthread_join(remover, NULL);
    for (int i = 0; i < SLOTS; i++)
        assert_int_equal(atomic_load(&s->visited[i]), 1);
    assert_false(roots_any_left(&s->roots));
    assert_int_equal(s->roots.nranges, 0);
    scan_close(s);
}

/* A piece of the short range is done while one of the long range, which begins at the same
 * slot, is being scanned. */
static void
overlapping_ranges_are_told_apart(void **state)
{
    (void)state;
    struct scan *s;
    pthread_t scanner;
    scan_open(&s);
    roots_add(&s->roots, s->slots, SLOTS);
    roots_add(&s->roots, s->slots, 2);
    roots_start_stw(&s->roots);
    assert_int_equal(roots_scan_piece(&s->roots, visit, s), ROOTS_PIECE);
    pthread_create(&scanner, NULL, scan_main, s); /* the second piece */
    while (!atomic_load(&s->inside))
        sched_yield();
    while (roots_scan_piece(&s->roots, visit, s) > 0)
        continue;
    assert_int_equal(s->roots.ranges[0].scanning, 1);
    assert_int_equal(s->roots.ranges[1].scanning, 0);
    atomic_store(&s->go_on, true);
    pthread_join(scanner, NULL);
    assert_int_equal(s->roots.ranges[0].scanning, 0);
    assert_false(roots_any_left(&s->roots));
    scan_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_cover_every_slot_once),
        cmocka_unit_test(range_goes_when_its_pieces_are_scanned),
        cmocka_unit_test(overlapping_ranges_are_told_apart),
        cmocka_unit_test(roots_and_types_come_while_the_world_stands),
    };
    return cmocka_run_group_tests_name("roots", tests, NULL, NULL);
}
