/* test_scan_page.c - how pages are scanned: for one object, sparsely, densely, as counted in
 * the cycle's record; and that objects within a page are followed. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/sizeclass.h"
#include "tests/gc/testheap.h"

#include <string.h>

enum {
    OBJECTS = 1000,
    BYTES = 64,
    SLOTS = (GH_PAGE - 256) / BYTES, /* of a page */
    DENSE = SLOTS / 8,
};

struct fixture {
    struct gh_heap *heap;
    struct gh_mutator *m;
    struct gh_scan_stats seen; /* in the last cycle, class of BYTES */
    uint64_t marked;
};

static void
see_cycle(void *ctx, const struct gh_cycle *c)
{
    struct fixture *f = ctx;
    f->seen = c->scan[sizeclass_of(BYTES)];
    f->marked = c->objects_marked;
}

static void
fixture_open(struct fixture *f)
{
    struct gh_config c = testheap_config(GH_GOGC_OFF);
    c.procs = 1;
    c.background = false;
    c.verify = true;
    memset(f, 0, sizeof *f);
    f->heap = testheap_open(&c);
    struct gh_observer o = {.ctx = f, .cycle = see_cycle};
    assert_true(gh_observe(f->heap, &o));
    f->m = gh_attach(f->heap, "test");
}

static void
fixture_close(struct fixture *f)
{
    gh_detach(f->m);
    gh_heap_close(f->heap);
}

/* A table with all objects of a full page, at its beginning, and nothing else. */
static void **
table_of_one_page(struct fixture *f)
{
    struct gh_mutator *m = f->m;
    GH_FRAME(m, 1);
    void *table = gh_new_array(m, gh_type_small(f->heap, "ref", 8, 1), OBJECTS);
    GH_SLOT(m, void, 0) = table;
    for (int i = 0; i < OBJECTS; i++) {
        void *o = gh_new(m, gh_type_small(f->heap, "node", BYTES, 1));
        gh_store(m, &GH_SLOT(m, void *, 0)[i], o);
    }
    void **slots = GH_SLOT(m, void *, 0);
    uintptr_t page = align_down((uintptr_t)slots[OBJECTS / 2], GH_PAGE);
    int n = 0;
    for (int i = 0; i < OBJECTS; i++) {
        void *o = slots[i];
        gh_store(m, &slots[i], NULL);
        if (align_down((uintptr_t)o, GH_PAGE) == page)
            gh_store(m, &slots[n++], o);
    }
    assert_int_equal(n, SLOTS);
    return slots;
}

/* Every 7th, modulo, so that neighbours do not come one after the other. */
static void
keep(struct fixture *f, void **slots, int n)
{
    for (int i = 0; i < SLOTS; i++)
        if (i * 7 % SLOTS >= n)
            gh_store(f->m, &slots[i], NULL);
}

static void
collect_with(struct fixture *f, int alive)
{
    GH_FRAME(f->m, 1);
    void **slots = table_of_one_page(f);
    GH_SLOT(f->m, void *, 0) = slots;
    keep(f, slots, alive);
    gh_gc(f->m);
}

static void
pages_are_scanned_by_how_much_is_grey_in_them(void **state)
{
    (void)state;
    static const struct {
        int alive;
        struct gh_scan_stats want;
    } cases[] = {
        {1, {.single_objects = 1}},
        {2, {.sparse_objects = 2, .sparse_spans = 1}},
        {DENSE - 1, {.sparse_objects = DENSE - 1, .sparse_spans = 1}},
        {DENSE, {.dense_objects = DENSE, .dense_spans = 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        fixture_open(&f);
        collect_with(&f, cases[i].alive);
        fixture_close(&f);
        assert_int_equal(f.marked, cases[i].alive + 1);
        assert_memory_equal(&f.seen, &cases[i].want, sizeof f.seen);
    }
}

/* The first leads to the second, and so on: one visit for itself, and one for the others. */
static void
a_chain_within_a_page_is_followed_at_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    {
        GH_FRAME(f.m, 1);
        void **slots = table_of_one_page(&f);
        GH_SLOT(f.m, void *, 0) = slots;
        for (int i = 0; i + 1 < SLOTS; i++)
            gh_store(f.m, (void **)slots[i * 7 % SLOTS], slots[(i + 1) * 7 % SLOTS]);
        keep(&f, slots, 1);
        gh_gc(f.m);
        struct gh_scan_stats want = {
            .single_objects = 1, .sparse_objects = SLOTS - 1, .sparse_spans = 1};
        assert_int_equal(f.marked, SLOTS + 1);
        assert_memory_equal(&f.seen, &want, sizeof want);
    }
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_scanned_by_how_much_is_grey_in_them),
        cmocka_unit_test(a_chain_within_a_page_is_followed_at_once),
    };
    return cmocka_run_group_tests_name("scan_page", tests, NULL, NULL);
}
