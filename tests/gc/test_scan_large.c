/* test_scan_large.c - large objects are scanned piece by piece, and only where somebody has
 * touched them: tables of references, checked by the verifier's trace and by the kernel's. */
#include "tests/gc/testheap.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
    TABLE = 1 << 20,                       /* bytes */
    REFS = TABLE / (int)sizeof(void *),    /* slots */
    PIECE = MARKER_PIECE / sizeof(void *), /* slots */
};

struct large {
    struct gh_heap *heap;
    struct gh_mutator *m;
    const struct gh_type *ref, *leaf;
};

static void
large_open(struct large *x, bool verify)
{
    struct gh_config c = testheap_config(-1);
    c.verify = verify;
    x->heap = testheap_open(&c);
    x->ref = gh_type_small(x->heap, "ref", sizeof(void *), 1);
    x->leaf = gh_type_small(x->heap, "leaf", 2 * sizeof(uint64_t), 0);
    x->m = gh_attach(x->heap, "main");
    gh_frame_push(x->m, 1);
    void *table = gh_new_array(x->m, x->ref, REFS);
    GH_SLOT(x->m, void *, 0) = table;
}

static void
large_close(struct large *x)
{
    gh_frame_pop(x->m, 1);
    gh_detach(x->m);
    gh_heap_close(x->heap);
}

static void
large_put(struct large *x, size_t slot)
{
    uint64_t *leaf = gh_new(x->m, x->leaf);
    leaf[0] = leaf[1] = slot;
    gh_store(x->m, &GH_SLOT(x->m, void *, 0)[slot], leaf);
}

static void
large_expect(const struct large *x, size_t slot)
{
    const uint64_t *leaf = GH_SLOT(x->m, void *, 0)[slot];
    assert_non_null(leaf);
    assert_int_equal(leaf[0], slot);
    assert_int_equal(leaf[1], slot);
}

/* Collect, and write over what is free then. */
static void
large_collect(struct large *x, unsigned cycles)
{
    for (unsigned i = 0; i < cycles; i++) {
        gh_gc(x->m);
        for (unsigned k = 0; k < 2000; k++) {
            uint64_t *leaf = gh_new(x->m, x->leaf);
            leaf[0] = leaf[1] = UINT64_MAX;
        }
    }
}

/* References in the first and last word of every piece, in one of three. */
static void
every_piece_is_scanned_to_its_end(void **state)
{
    (void)state;
    struct large x;
    large_open(&x, true);
    for (size_t at = 0; at < REFS; at += 3 * PIECE) {
        large_put(&x, at);
        if (at + PIECE <= REFS)
            large_put(&x, at + PIECE - 1);
    }
    large_put(&x, REFS - 1);
    large_collect(&x, 3);
    for (size_t at = 0; at < REFS; at += 3 * PIECE) {
        large_expect(&x, at);
        if (at + PIECE <= REFS)
            large_expect(&x, at + PIECE - 1);
    }
    large_expect(&x, REFS - 1);
    large_close(&x);
}

/* How many pages of the table the kernel has anything for. */
static size_t
large_pages_touched(const struct large *x)
{
    uintptr_t table = (uintptr_t)GH_SLOT(x->m, void *, 0);
    size_t page = os_page_bytes(), n = 0;
    for (uintptr_t p = align_down(table, page); p < table + TABLE; p += page)
        n += os_touched(p, 1);
    return n;
}

static void
untouched_pages_are_left_alone(void **state)
{
    (void)state;
    struct large x;
    large_open(&x, false);
    size_t before = large_pages_touched(&x);
    if (before > 2) { /* the kernel does not tell, or has huge pages */
        large_close(&x);
        skip();
    }
    large_put(&x, REFS / 2);
    size_t touched = large_pages_touched(&x);
    large_collect(&x, 3);
    large_expect(&x, REFS / 2);
    assert_int_equal(large_pages_touched(&x), touched);
    large_close(&x);
}

/* A child must not be told of its parent's pages. */
static void
forked_child_scans_its_own_pages(void **state)
{
    (void)state;
    struct large x;
    large_open(&x, false);
    large_put(&x, 0);
    large_collect(&x, 1); /* the parent has asked the kernel */
    large_close(&x);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        large_open(&x, true);
        for (size_t at = 0; at < REFS; at += PIECE)
            large_put(&x, at);
        large_collect(&x, 2);
        for (size_t at = 0; at < REFS; at += PIECE)
            large_expect(&x, at);
        large_close(&x);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_scanned_to_its_end),
        cmocka_unit_test(untouched_pages_are_left_alone),
        cmocka_unit_test(forked_child_scans_its_own_pages),
    };
    return cmocka_run_group_tests_name("scan_large", tests, NULL, NULL);
}
