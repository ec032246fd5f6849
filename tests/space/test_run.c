/* test_run.c - runs against a model that looks at one slot at a time. */
#include "fixture.h"

#include "alloc/base/bits.h"

enum { DIRT = 0xd1 };

static struct mspan *
new_span(struct fixture *f, unsigned span_class)
{
    struct mspan *s =
        pages_alloc(&f->pages, NULL, sizeclass_pages[span_class >> 1], SPAN_OBJECTS);
    assert_non_null(s);
    assert_true(span_init_small(&f->space, s, span_class));
    return s;
}

static bool
model_free(const struct mspan *s, uint32_t from, uint32_t i)
{
    return i >= from && !(s->alloc_bits[i / 64] >> i % 64 & 1);
}

/* What the next run must be, slot by slot. */
static void
model_next(const struct mspan *s, uint32_t from, uint32_t *first, uint32_t *end)
{
    uint32_t i = from, n = 0;
    while (i < s->nelems && !model_free(s, from, i))
        i++;
    *first = i;
    while (i < s->nelems && model_free(s, from, i)) {
        if (n == GH_RUN_MAX_OBJECTS)
            break;
        n++;
        i++;
    }
    *end = i;
}

static bool
bitmap_bit(const struct mspan *s, uint32_t slot, unsigned word)
{
    size_t at = (slot * s->elemsize) / 8 + word;
    return mspan_bitmap(s->base, s->inline_marks)[at / 64] >> at % 64 & 1;
}

static uint64_t
bitmap_of_slot(const struct mspan *s, uint32_t slot)
{
    uint64_t bits = 0;
    for (unsigned w = 0; w < s->elemsize / 8; w++)
        bits |= (uint64_t)bitmap_bit(s, slot, w) << w;
    return bits;
}

/* Fill the span with dirt, below its metadata, and the bitmap with noise. */
static void
soil(struct mspan *s, uint64_t *rng, uint64_t *expect_bits)
{
    memset((void *)s->base, DIRT, s->nelems * s->elemsize);
    s->needzero = true;
    if (!span_has_bitmap(s->elemsize, s->span_class))
        return;
    uint64_t *map = mspan_bitmap(s->base, s->inline_marks);
    for (unsigned w = 0; w < SPAN_BITMAP_BYTES / 8; w++)
        map[w] = test_random(rng);
    for (uint32_t i = 0; i < s->nelems; i++)
        expect_bits[i] = bitmap_of_slot(s, i);
}

static void
random_alloc_bits(struct mspan *s, uint64_t *bits, uint64_t *rng)
{
    unsigned density = (unsigned)(test_random(rng) % 5);
    memset(bits, 0, 16 * sizeof(bits[0]));
    for (uint32_t i = 0; i < s->nelems; i++) {
        uint64_t r = test_random(rng);
        bool taken = density == 0   ? false
                     : density == 1 ? r % 16 == 0
                     : density == 2 ? r % 2 == 0
                     : density == 3 ? i % 2 == 0
                                    : r % 16 != 0;
        bits[i / 64] |= (uint64_t)taken << i % 64;
    }
    s->alloc_bits = bits;
    s->freeindex = (uint32_t)(test_random(rng) % (s->nelems + 1));
    s->alloc_count = 0;
    for (uint32_t i = 0; i < s->nelems; i++)
        s->alloc_count += !model_free(s, s->freeindex, i);
}

/* The run's memory is cleared piece by piece, all of it and nothing else; and soiled again. */
static void
check_run_memory(struct fixture *f, const struct mspan *s, uint32_t first, uint32_t end)
{
    struct gh_run *r = &f->caches[0].runs[s->span_class];
    uintptr_t start = s->base + first * s->elemsize, cleared = start;
    f->caches[0].alloc[s->span_class] = (struct mspan *)s;
    for (;;) {
        assert_true(r->limit > cleared && r->limit <= r->end);
        assert_int_equal((r->limit - s->base) % s->elemsize, 0);
        assert_true(all_zero(cleared, r->limit - cleared));
        cleared = r->limit;
        if (r->limit == r->end)
            break;
        assert_int_equal(*(uint8_t *)r->limit, DIRT);
        assert_true(gospace_next_run(&f->space, &f->caches[0], s->span_class, 0));
    }
    f->caches[0].alloc[s->span_class] = NULL;
    if (first > 0)
        assert_int_equal(*(uint8_t *)(s->base + first * s->elemsize - 1), DIRT);
    if (end < s->nelems)
        assert_int_equal(*(uint8_t *)(s->base + end * s->elemsize), DIRT);
    memset((void *)start, DIRT, r->end - start);
}

/* One pass through a span: every run is the model's; dirt and foreign bits stay as they are. */
static void
walk_span(struct fixture *f, struct mspan *s, uint64_t *rng)
{
    static uint64_t bits[16], expect[1024];
    struct mcache *c = &f->caches[0];
    struct gh_run *r = &c->runs[s->span_class];
    bool has_bits = span_has_bitmap(s->elemsize, s->span_class);
    random_alloc_bits(s, bits, rng);
    soil(s, rng, expect);
    uint32_t from = s->freeindex, first, end, count = s->alloc_count;
    for (;;) {
        uint64_t mask = has_bits ? test_random(rng) & bits_low((unsigned)s->elemsize / 8) : 0;
        model_next(s, from, &first, &end);
        bool found = run_take(s, r, mask);
        assert_int_equal(found, first < s->nelems);
        if (!found)
            break;
        assert_int_equal(r->next, s->base + first * s->elemsize);
        assert_int_equal(r->end, s->base + end * s->elemsize);
        assert_int_equal(r->mask, mask);
        check_run_memory(f, s, first, end);
        for (uint32_t i = first; has_bits && i < end; i++)
            expect[i] = mask;
        /* use it up, or a part of it */
        uint32_t used = end - first;
        if (test_random(rng) % 4 == 0)
            used = (uint32_t)(test_random(rng) % (used + 1));
        r->next += used * s->elemsize;
        run_end(c, s, r);
        count += used;
        assert_int_equal(s->freeindex, first + used);
        assert_int_equal(s->alloc_count, count);
        from = s->freeindex;
    }
    assert_true(r->next == r->limit);
    assert_int_equal(s->alloc_count, s->nelems);
    for (uint32_t i = 0; has_bits && i < s->nelems; i++)
        assert_int_equal(bitmap_of_slot(s, i), expect[i]);
}

static void
runs_are_those_of_the_model_in_every_class(void **state)
{
    struct fixture *f = *state;
    uint64_t rng = seed_of_run();
    for (unsigned sc = 2; sc < GH_SPAN_CLASSES; sc++) {
        struct mspan *s = new_span(f, sc);
        for (unsigned round = 0; round < 10; round++)
            walk_span(f, s, &rng);
        f->caches[0].runs[sc] = (struct gh_run){0};
        pages_free(&f->pages, s, SPAN_OBJECTS);
    }
}

static void
lowered_limit_loses_no_slot(void **state)
{
    struct fixture *f = *state;
    struct mcache *c = &f->caches[0];
    struct refill took;
    unsigned sc = 2 << 1;
    assert_true(gospace_refill(&f->space, c, sc, 1, &took));
    struct gh_run *r = &c->runs[sc];
    uintptr_t start = r->next, end = r->end;
    r->next += 16;
    r->limit = r->next; /* a sample is due */
    assert_true(gospace_next_run(&f->space, c, sc, 1));
    assert_int_equal(r->next, start + 16);
    assert_true(r->limit > r->next && r->end == end);
    r->next += 16;
    gospace_flush(&f->space, c);
    struct alloc_counts counts;
    gospace_sum_counts(&f->space, &counts);
    assert_int_equal(atomic_load(&counts.small_allocs[2]), 2);
}

static void
bits_of_mixed_types_lie_side_by_side(void **state)
{
    struct fixture *f = *state;
    uint64_t rng = seed_of_run();
    for (unsigned class_ = 1; sizeclass_bytes[class_] <= GH_HEADER_MIN; class_++) {
        static uint64_t masks[1024];
        size_t bytes = sizeclass_bytes[class_];
        uint32_t n = span_slots(class_ << 1);
        uintptr_t first = 0;
        for (uint32_t i = 0; i < n; i++) {
            masks[i] = test_random(&rng) & bits_low((unsigned)bytes / 8);
            uintptr_t p = take_slot(f, 0, class_ << 1, masks[i]);
            first = i == 0 ? p : first;
            assert_int_equal(p, first + i * bytes);
        }
        struct mspan *s = pages_span_of(&f->pages, first);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(bitmap_of_slot(s, i), masks[i]);
    }
}

static void
fresh_memory_is_not_cleared_again(void **state)
{
    struct fixture *f = *state;
    struct mspan *s = new_span(f, 10 << 1 | 1);
    struct gh_run *r = &f->caches[0].runs[s->span_class];
    *(uint64_t *)s->base = 7; /* would be a lie about needzero; shows that nobody looked */
    s->needzero = false;
    assert_true(run_take(s, r, 0));
    assert_int_equal(*(uint64_t *)s->base, 7);
    *r = (struct gh_run){0};
    pages_free(&f->pages, s, SPAN_OBJECTS);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_are_those_of_the_model_in_every_class),
        TEST(lowered_limit_loses_no_slot),
        TEST(bits_of_mixed_types_lie_side_by_side),
        TEST(fresh_memory_is_not_cleared_again),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
