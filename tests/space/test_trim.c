/* test_trim.c - memory between survivors goes back, and nothing else does. */
#include "crew.h"

#include "alloc/base/bits.h"

enum { TAKEN = 40000, ROUNDS = 5 };

static struct object
take(struct fixture *f, unsigned cache, uint64_t *rng)
{
    unsigned sc = 2 + (unsigned)(test_random(rng) % (GH_SPAN_CLASSES - 2));
    struct object o = {.bytes = sizeclass_bytes[sc >> 1], .tag = test_random(rng) | 1};
    uint64_t mask = span_has_bitmap(o.bytes, sc) ? 1 : 0;
    o.p = take_slot(f, cache, sc, mask);
    return o;
}

static size_t
trim_all(struct fixture *f)
{
    struct trim walk = {0};
    while (gospace_trim(&f->space, &walk))
        continue;
    return walk.bytes;
}

struct heap {
    struct fixture *f;
    uint64_t rng;
    size_t n;
    struct object objects[TAKEN * ROUNDS];
    uintptr_t live[TAKEN * ROUNDS];
};

static void
grow(struct heap *h)
{
    for (unsigned i = 0; i < TAKEN; i++) {
        struct object o = take(h->f, (unsigned)(test_random(&h->rng) % CACHES), &h->rng);
        assert_true(all_zero(o.p, o.bytes));
        object_fill(&o);
        h->objects[h->n++] = o;
    }
}

/* One object of `one_in` survives; all is swept. */
static void
cull(struct heap *h, unsigned one_in)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->n; i++)
        if (test_random(&h->rng) % one_in == 0)
            h->objects[kept++] = h->objects[i];
    h->n = kept;
    for (size_t i = 0; i < kept; i++)
        h->live[i] = h->objects[i].p;
    cycle_keeping(h->f, h->live, kept);
    gospace_finish_sweep(&h->f->space);
}

static bool
any_slot_reaches(const struct mspan *s, uintptr_t from, uintptr_t to)
{
    for (uint32_t i = 0; i < s->nelems; i++) {
        uintptr_t slot = s->base + i * s->elemsize;
        if (slot < to && slot + s->elemsize > from && !gospace_is_free(s, i))
            return true;
    }
    return false;
}

/* Slot by slot: what should be given back of a span, in a heap where nothing is cached. Where
 * the kernel tells which pages it holds, it must hold none of it. */
static size_t
check_span(const struct mspan *s)
{
    size_t page = os_page_bytes(), found = 0;
    bool has_metadata = s->inline_marks || span_has_bitmap(s->elemsize, s->span_class);
    uintptr_t end = s->base + s->npages * (uintptr_t)GH_PAGE - (has_metadata ? page : 0);
    for (uintptr_t a = s->base; a < end; a += page) {
        if (any_slot_reaches(s, a, a + page))
            continue;
        assert_true(all_zero(a, 8));
        found += page;
    }
    return found;
}

/* Whether os_touched knows. */
static bool
kernel_tells(struct fixture *f)
{
    size_t page = os_page_bytes();
    void *fresh = os_alloc(&f->account, page, OS_OTHER, NULL);
    bool tells = os_touched((uintptr_t)fresh, 1) == 0;
    os_free(&f->account, fresh, page, OS_OTHER);
    return tells;
}

/* To be called right after trimming: nobody has touched anything since. */
static size_t
check_spans(const struct heap *h)
{
    const struct pages *p = &h->f->pages;
    size_t found = 0;
    bool told = kernel_tells(h->f);
    for (uint32_t i = 0; i < p->nall; i++) {
        const struct mspan *s = p->all_spans[i];
        if (atomic_load(&s->state) != MSPAN_IN_USE || s->span_class < 2 ||
            s->alloc_count == s->nelems)
            continue;
        unsigned n = (unsigned)(s->npages * GH_PAGE / os_page_bytes());
        uint64_t there = os_touched(s->base, n);
        for (unsigned k = 0; k < n && told; k++) {
            uintptr_t a = s->base + k * os_page_bytes();
            bool metadata = k == n - 1 && s->elemsize <= GH_HEADER_MIN;
            if ((there >> k & 1) && !metadata)
                assert_true(any_slot_reaches(s, a, a + os_page_bytes()));
        }
        found += check_span(s);
    }
    return found;
}

static void
pages_between_survivors_go_back_and_are_zero(void **state)
{
    static const unsigned one_in[ROUNDS] = {100, 10, 3, 1000, 50};
    struct heap *h = calloc(1, sizeof(*h));
    h->f = *state;
    h->rng = seed_of_run();
    for (unsigned round = 0; round < ROUNDS; round++) {
        grow(h);
        cull(h, one_in[round]);
        uint64_t ready = atomic_load(&h->f->account.ready);
        size_t bytes = trim_all(h->f);
        assert_true(bytes > 0);
        assert_int_equal(atomic_load(&h->f->account.ready), ready); /* not in the books */
        gospace_verify_stw(&h->f->space);
        for (size_t i = 0; i < h->n; i++)
            assert_true(object_is_intact(&h->objects[i]));
        assert_int_equal(check_spans(h), bytes);
        assert_int_equal(trim_all(h->f), bytes); /* the same once more */
    }
    free(h);
}

static void
nothing_goes_of_what_is_cached_or_unswept(void **state)
{
    struct fixture *f = *state;
    uintptr_t p[300];
    for (unsigned i = 0; i < 300; i++) {
        p[i] = take_slot(f, 0, 6 << 1, 1);
        *(uint64_t *)p[i] = i + 1;
    }
    assert_int_equal(trim_all(f), 0); /* the last span is cached, the others are full */
    cycle_keeping(f, (uintptr_t[]){p[0], p[80]}, 2);
    assert_int_equal(trim_all(f), 0); /* unswept */
    gospace_finish_sweep(&f->space);
    assert_int_equal(trim_all(f), 0); /* slot 0 is in the only page that could go */
    cycle_keeping(f, &p[80], 1);
    gospace_finish_sweep(&f->space);
    assert_int_equal(trim_all(f), os_page_bytes());
    assert_int_equal(*(uint64_t *)p[80], 81);
    uintptr_t q = take_slot(f, 1, 6 << 1, 1);
    assert_int_equal(q, p[0]);
    *(uint64_t *)q = 7;
    assert_int_equal(trim_all(f), 0); /* cached, though nearly all of it is free */
    assert_int_equal(*(uint64_t *)q, 7);
    flush_all(f);
    assert_int_equal(trim_all(f), 0); /* handed out since the sweep: no bit says so */
    assert_int_equal(*(uint64_t *)q, 7);
}

static void
what_was_clobbered_is_left(void **state)
{
    struct fixture *f = *state;
    f->space.clobber_free = true;
    uintptr_t p[120];
    for (unsigned i = 0; i < 120; i++)
        p[i] = take_slot(f, 0, 6 << 1, 1);
    cycle_keeping(f, &p[70], 1);
    gospace_finish_sweep(&f->space);
    assert_int_equal(trim_all(f), 0);
    assert_int_equal(*(uint64_t *)p[0], UINT64_C(0xdeadbeefdeadbeef));
}

/* --- mutators in the same spans, meanwhile --- */

static void
allocate_and_check(struct worker *w)
{
    while (w->n < CREW_OBJECTS) {
        struct object o = take(w->crew->f, w->cache, &w->rng);
        w->broken += !all_zero(o.p, o.bytes);
        object_fill(&o);
        w->objects[w->n++] = o;
    }
    for (size_t i = 0; i < w->n; i++)
        w->broken += !object_is_intact(&w->objects[i]);
}

static void
mutators_allocate_between_survivors_while_that_goes_back(void **state)
{
    enum { CREW_ROUNDS = 8 };
    struct fixture *f = *state;
    struct crew *crew = crew_start(f, CREW_ROUNDS, allocate_and_check);
    size_t trimmed = 0;
    for (unsigned round = 0; round < CREW_ROUNDS; round++) {
        if (round % 2 == 1) /* else it is swept by those who allocate */
            gospace_finish_sweep(&f->space);
        crew_begin_round(crew);
        while (atomic_load(&crew->working) > 0)
            trimmed += trim_all(f);
        crew_end_round(crew);
        crew_collect(crew, 5);
    }
    crew_finish(crew);
    assert_true(trimmed > 0);
    assert_int_equal(atomic_load(&f->space.trimmed), trimmed);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_between_survivors_go_back_and_are_zero),
        TEST(nothing_goes_of_what_is_cached_or_unswept),
        TEST(what_was_clobbered_is_left),
        TEST(mutators_allocate_between_survivors_while_that_goes_back),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
