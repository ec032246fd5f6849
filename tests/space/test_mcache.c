/* test_mcache.c - the stock of a cache: spans taken, swept and given back several at a time. */
#include "crew.h"

#include "alloc/base/bits.h"

enum { CLASS = 20 << 1 | 1, SPANS = 60 }; /* 320 bytes, 25 slots, no references */

/* Use up `n` whole spans; remember the first slot of each. */
static void
use_up(struct fixture *f, unsigned cache, unsigned span_class, uintptr_t *firsts, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < span_slots(span_class); j++) {
            uintptr_t p = take_slot(f, cache, span_class, 0);
            if (j == 0 && firsts != NULL)
                firsts[i] = p;
        }
}

static unsigned
length(const struct mspan *list)
{
    unsigned n = 0;
    for (; list != NULL; list = list->next)
        n++;
    return n;
}

static void
spans_are_taken_several_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct mcache *c = &f->caches[0];
    use_up(f, 0, CLASS, NULL, SPANS);
    cycle_keeping(f, NULL, 0);
    uint32_t h = f->space.sweepgen;
    unsigned swept = 0, most = STOCK_FIRST;
    for (unsigned used = 0; used < SPANS / 2; used++) {
        bool ready = c->ready[CLASS] != NULL;
        use_up(f, 0, CLASS, NULL, 1);
        unsigned more = (unsigned)f->space.pages_swept - swept;
        /* fewer where a block of the set ends */
        assert_true(ready ? more == 0 : GH_TORTURE ? more > 0 && more <= most : more == most);
        most = !ready && most < SPANSET_MANY ? most * 2 : most;
        swept += more;
        /* no more than it has had since the flush */
        assert_true(GH_TORTURE || length(c->ready[CLASS]) <= used + 1);
        assert_int_equal(length(c->ready[CLASS]), swept - (used + 1));
        assert_true(length(c->done[CLASS]) < SPANSET_MANY);
        for (struct mspan *s = c->ready[CLASS]; s != NULL; s = s->next)
            assert_int_equal(s->sweepgen, h + 3);
    }
    assert_int_equal(most, SPANSET_MANY);
}

/* What is charged is the span that is allocated from, not those that wait. */
static void
spans_that_wait_are_not_charged(void **state)
{
    struct fixture *f = *state;
    struct refill took;
    use_up(f, 0, CLASS, NULL, SPANS);
    cycle_keeping(f, NULL, 0);
    use_up(f, 0, CLASS, NULL, GH_TORTURE ? SPANSET_MANY : 1 + 2);
    assert_null(f->caches[0].ready[CLASS]);
    assert_false(gospace_next_run(&f->space, &f->caches[0], CLASS, 0));
    assert_true(gospace_refill(&f->space, &f->caches[0], CLASS, 0, &took));
    assert_int_equal(took.live_bytes, GH_PAGE);
    assert_int_equal(length(f->caches[0].ready[CLASS]), GH_TORTURE ? SPANSET_MANY - 1 : 3);
    struct flushed fl = gospace_flush(&f->space, &f->caches[0]);
    assert_int_equal(fl.unused_bytes, GH_PAGE);
}

static void
what_waits_is_nobody_elses(void **state)
{
    struct fixture *f = *state;
    uintptr_t firsts[SPANS], live[SPANS], mine[SPANSET_MANY];
    use_up(f, 0, CLASS, firsts, SPANS);
    for (unsigned i = 0; i < SPANS; i++)
        live[i] = firsts[i];
    cycle_keeping(f, live, SPANS);
    uint32_t h = f->space.sweepgen;
    /* a survivor each, and the last of these spans is one of a batch of four, or of eight */
    for (unsigned i = 0; i < 3 * (span_slots(CLASS) - 1) + 1; i++)
        take_slot(f, 0, CLASS, 0);
    unsigned n = 0;
    for (struct mspan *s = f->caches[0].ready[CLASS]; s != NULL; s = s->next)
        mine[n++] = s->base;
    assert_int_equal(n, GH_TORTURE ? SPANSET_MANY - 4 : 3);
    for (unsigned i = 0; i < n; i++) {
        struct object_ref o;
        assert_true(gospace_find_object(&f->space, mine[i], &o));
        gospace_ensure_swept(&f->space, o.span); /* it is: nothing happens */
        assert_int_equal(o.span->sweepgen, h + 3);
    }
    gospace_finish_sweep(&f->space);
    struct trim walk = {0};
    while (gospace_trim(&f->space, &walk))
        continue;
    assert_int_equal(f->space.pages_swept, SPANS);
    /* another takes all the others, and then fresh pages */
    for (unsigned i = 0; i < SPANS * span_slots(CLASS); i++) {
        uintptr_t p = align_down(take_slot(f, 1, CLASS, 0), GH_PAGE);
        for (unsigned j = 0; j < n; j++)
            assert_int_not_equal(p, mine[j]);
    }
    for (unsigned i = 0; i < n; i++) {
        struct mspan *s = pages_span_of(&f->pages, mine[i]);
        assert_int_equal(s->sweepgen, h + 3);
        assert_int_equal(s->alloc_count, 1);
    }
    flush_all(f);
    gospace_verify_stw(&f->space);
}

static void
flush_gives_all_back_and_tells_all(void **state)
{
    struct fixture *f = *state;
    struct mcache *c = &f->caches[0];
    size_t bytes = sizeclass_bytes[CLASS >> 1], n = span_slots(CLASS);
    use_up(f, 0, CLASS, NULL, SPANS);
    cycle_keeping(f, NULL, 0);
    assert_int_equal(f->space.object_bytes, SPANS * n * bytes); /* not swept yet */
    use_up(f, 0, CLASS, NULL, 9);
    take_slot(f, 0, CLASS, 0);
    assert_non_null(c->ready[CLASS]);
    assert_non_null(c->done[CLASS]);
    flush_all(f);
    assert_null(c->ready[CLASS]);
    assert_null(c->done[CLASS]);
    assert_int_equal(c->ndone[CLASS], 0);
    gospace_verify_stw(&f->space);
    gospace_finish_sweep(&f->space);
    assert_int_equal(f->space.object_bytes, (9 * n + 1) * bytes);
    uint32_t h = f->space.sweepgen;
    assert_int_equal(spanset_count(mcentral_full_swept(&f->space.central[CLASS], h)), 9);
    /* and begins anew */
    gospace_flush(&f->space, c);
    uint32_t left = spanset_count(mcentral_partial_swept(&f->space.central[CLASS], h));
    take_slot(f, 0, CLASS, 0);
    assert_int_equal(spanset_count(mcentral_partial_swept(&f->space.central[CLASS], h)),
                     left - 1 - length(c->ready[CLASS]));
    assert_true(length(c->ready[CLASS]) < STOCK_FIRST);
}

static void
of_large_spans_few_wait(void **state)
{
    struct fixture *f = *state;
    unsigned sc = (GH_CLASSES - 1) << 1 | 1; /* 32 KiB */
    use_up(f, 0, sc, NULL, SPANS);
    cycle_keeping(f, NULL, 0);
    for (unsigned i = 0; i < SPANS / 2; i++) {
        use_up(f, 0, sc, NULL, 1);
        assert_true(length(f->caches[0].ready[sc]) < 2);
    }
}

/* A sweep that began without a flush. */
static void
stock_across_a_cycle_is_swept_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    struct mcache *c = &f->caches[0];
    uintptr_t firsts[4];
    use_up(f, 0, CLASS, NULL, SPANS);
    cycle_keeping(f, NULL, 0);
    use_up(f, 0, CLASS, firsts, 4);
    assert_int_equal(length(c->done[CLASS]), 3);
    assert_int_equal(length(c->ready[CLASS]), GH_TORTURE ? SPANSET_MANY - 4 : 3);
    gospace_finish_sweep(&f->space);
    mark_object(f, firsts[1]);
    gospace_start_sweep_stw(&f->space);
    gospace_finish_sweep(&f->space);
    flush_all(f);
    struct mspan *s = pages_span_of(&f->pages, firsts[1]);
    assert_int_equal(s->sweepgen, f->space.sweepgen);
    assert_int_equal(s->alloc_count, 1);
    assert_null(pages_span_of(&f->pages, firsts[0])); /* held nothing */
    assert_int_equal(gospace_verify_stw(&f->space), 1);
}

/* Note [own bits]: up to 64 slots, with inline marks up to 128. */
static void
few_bits_lie_in_the_record(void **state)
{
    struct fixture *f = *state;
    static const unsigned bytes[] = {64, 128, 320, 1024, 4096, 32768};
    uint64_t rng = seed_of_run();
    for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        unsigned sc = sizeclass_of(bytes[i]) << 1 | 1, slots = span_slots(sc);
        uintptr_t objects[128], live[128];
        size_t n = 0;
        for (unsigned j = 0; j < slots; j++)
            objects[j] = take_slot(f, 0, sc, 0);
        struct mspan *s = f->caches[0].alloc[sc];
        for (unsigned cycle = 0; cycle < 4; cycle++) {
            n = 0;
            uint64_t want[2] = {0};
            for (unsigned j = 0; j < slots; j++)
                if (test_random(&rng) % 2 == 0 && !gospace_is_free(s, j)) {
                    want[j / 64] |= UINT64_C(1) << j % 64;
                    live[n++] = objects[j];
                }
            cycle_keeping(f, live, n);
            gospace_finish_sweep(&f->space);
            if (n == 0)
                break;
            assert_int_equal(s->alloc_count, n);
            assert_memory_equal(s->alloc_bits, want, (slots + 63) / 64 * 8);
            assert_true(s->alloc_bits >= s->own_bits &&
                        s->alloc_bits < s->own_bits + MSPAN_OWN_BITS);
            for (unsigned j = 0; j < slots; j++)
                assert_false(markbits_is_set(s, j));
            gospace_verify_stw(&f->space);
        }
        cycle_keeping(f, NULL, 0);
        gospace_finish_sweep(&f->space);
    }
    assert_null(f->space.bits.next); /* nothing was ever taken */
    assert_null(f->space.bits.current);
}

/* --- mutators with stocks, others that sweep for an object, a sweeper, a trimmer --- */

static void
check_and_use_up(struct worker *w)
{
    static const unsigned bytes[] = {288, 640, 1152};
    struct gospace *g = &w->crew->f->space;
    size_t broken = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct object_ref o;
        if (i % 8 == 0 && gospace_find_object(g, w->objects[i].p, &o))
            gospace_ensure_swept(g, o.span);
        broken += !object_is_intact(&w->objects[i]);
    }
    while (w->n < CREW_OBJECTS) {
        unsigned class_ = sizeclass_of(bytes[test_random(&w->rng) % 3]);
        struct object o = {.class_ = class_, .bytes = sizeclass_bytes[class_]};
        o.tag = test_random(&w->rng) | 1;
        o.p = take_slot(w->crew->f, w->cache, class_ << 1 | 1, 0);
        broken += !all_zero(o.p, o.bytes);
        object_fill(&o);
        w->objects[w->n++] = o;
    }
    w->broken += broken;
}

static void
stocks_are_the_mutators_own_while_all_sweep(void **state)
{
    enum { ROUNDS = 12 };
    struct fixture *f = *state;
    struct crew *crew = crew_start(f, ROUNDS, check_and_use_up);
    for (unsigned round = 0; round < ROUNDS; round++) {
        crew_begin_round(crew);
        struct trim walk = {0};
        while (atomic_load(&crew->working) > 0) {
            gospace_sweep(&f->space, 3);
            if (!gospace_trim(&f->space, &walk))
                walk = (struct trim){0};
        }
        crew_end_round(crew);
        crew_collect(crew, 1 + round % 4 * 4);
    }
    crew_finish(crew);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spans_are_taken_several_at_a_time),
        TEST(spans_that_wait_are_not_charged),
        TEST(what_waits_is_nobody_elses),
        TEST(flush_gives_all_back_and_tells_all),
        TEST(of_large_spans_few_wait),
        TEST(stock_across_a_cycle_is_swept_when_it_comes_back),
        TEST(few_bits_lie_in_the_record),
        TEST(stocks_are_the_mutators_own_while_all_sweep),
    };
    return cmocka_run_group_tests_name("mcache", tests, NULL, NULL);
}
