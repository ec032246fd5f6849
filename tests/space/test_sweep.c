/* test_sweep.c - whole cycles against a shadow of what must be alive. */
#include "crew.h"

#include "alloc/base/bits.h"

enum { OBJECTS_MAX = 60000, ROUND_OBJECTS = 12000, CYCLES = 12 };

struct shadow {
    struct fixture *f;
    uint64_t rng;
    size_t n;
    struct object objects[OBJECTS_MAX];
    uintptr_t live[OBJECTS_MAX];
};

static struct object
allocate(struct shadow *sh)
{
    uint64_t r = test_random(&sh->rng);
    unsigned cache = (unsigned)(r % CACHES);
    struct object o = {.tag = r | 1};
    if (r >> 8 & 127) {
        unsigned sc = 2 + (unsigned)(r >> 16 & 0xffff) % (GH_SPAN_CLASSES - 2);
        o.class_ = sc >> 1;
        o.bytes = sizeclass_bytes[o.class_];
        uint64_t mask = sc & 1 ? 0 : test_random(&sh->rng);
        mask = span_has_bitmap(o.bytes, sc) ? mask & bits_low((unsigned)o.bytes / 8) : 0;
        o.p = take_slot(sh->f, cache, sc, mask);
    } else {
        struct refill took;
        size_t bytes = 32769 + (r >> 16) % 100000;
        o.bytes = align_up(bytes, GH_PAGE);
        o.p = take_cleared(sh->f, cache, bytes, &took);
        assert_int_equal(took.live_bytes, o.bytes);
    }
    assert_true(all_zero(o.p, o.bytes));
    object_fill(&o);
    return o;
}

static void
check_all_intact(const struct shadow *sh)
{
    for (size_t i = 0; i < sh->n; i++)
        assert_true(object_is_intact(&sh->objects[i]));
}

static void
check_counts(const struct shadow *sh)
{
    uint64_t n[GH_CLASSES] = {0}, large_bytes = 0;
    for (size_t i = 0; i < sh->n; i++) {
        n[sh->objects[i].class_]++;
        large_bytes += sh->objects[i].class_ == 0 ? sh->objects[i].bytes : 0;
    }
    struct alloc_counts c;
    gospace_sum_counts(&sh->f->space, &c);
    for (unsigned k = 1; k < GH_CLASSES; k++)
        assert_int_equal(c.small_allocs[k] - c.small_frees[k], n[k]);
    assert_int_equal(c.large_allocs - c.large_frees, n[0]);
    assert_int_equal(c.large_alloc_bytes - c.large_free_bytes, large_bytes);
}

/* Drop a random share of the objects, and mark the others. */
static void
cull_and_mark(struct shadow *sh)
{
    unsigned keep_of_16 = (unsigned)(test_random(&sh->rng) % 16);
    size_t kept = 0;
    for (size_t i = 0; i < sh->n; i++)
        if (test_random(&sh->rng) % 16 < keep_of_16)
            sh->objects[kept++] = sh->objects[i];
    sh->n = kept;
    for (size_t i = 0; i < kept; i++)
        sh->live[i] = sh->objects[i].p + sh->objects[i].bytes / 2 / 8 * 8; /* interior */
    cycle_keeping(sh->f, sh->live, kept);
}

static void
one_cycle(struct shadow *sh)
{
    for (unsigned i = 0; i < ROUND_OBJECTS && sh->n < OBJECTS_MAX; i++) {
        /* the background sweeper works in between */
        if (i % 16 == 0)
            gospace_sweep(&sh->f->space, 1);
        sh->objects[sh->n++] = allocate(sh);
    }
    check_all_intact(sh);
    flush_all(sh->f);
    gospace_verify_stw(&sh->f->space); /* maybe half swept */
    cull_and_mark(sh);
    gospace_verify_stw(&sh->f->space); /* nothing swept */
    if (test_random(&sh->rng) % 2 == 0) {
        gospace_finish_sweep(&sh->f->space);
        assert_true(gospace_sweep_done(&sh->f->space));
        gospace_verify_stw(&sh->f->space);
        check_counts(sh);
    }
    check_all_intact(sh);
}

static void
survivors_are_intact_and_the_rest_is_reused(void **state)
{
    struct shadow *sh = calloc(1, sizeof(*sh));
    sh->f = *state;
    sh->rng = seed_of_run();
    for (unsigned i = 0; i < CYCLES; i++)
        one_cycle(sh);
    free(sh);
}

static void
everything_dead_gives_all_pages_back(void **state)
{
    struct fixture *f = *state;
    struct shadow *sh = calloc(1, sizeof(*sh));
    sh->f = f;
    sh->rng = seed_of_run();
    for (unsigned i = 0; i < ROUND_OBJECTS; i++)
        allocate(sh);
    cycle_keeping(f, NULL, 0);
    gospace_finish_sweep(&f->space);
    assert_int_equal(gospace_verify_stw(&f->space), 0);
    assert_int_equal(f->space.pages_swept, f->space.pages_to_sweep);
    struct pages_stats st;
    pages_read_stats(&f->pages, &st);
    assert_int_equal(st.inuse, 0);
    check_counts(sh);
    free(sh);
}

static void
unused_rest_of_a_run_is_free_again(void **state)
{
    struct fixture *f = *state;
    unsigned sc = 2 << 1 | 1;
    uintptr_t p = take_slot(f, 0, sc, 0);
    gospace_flush(&f->space, &f->caches[0]);
    struct object_ref o;
    assert_true(gospace_find_object(&f->space, p + 15, &o));
    assert_int_equal(o.base, p);
    assert_false(gospace_is_free(o.span, o.index));
    assert_true(gospace_is_free(o.span, o.index + 1));
    assert_int_equal(o.span->alloc_count, 1);
    assert_int_equal(f->caches[0].counts.small_allocs[2], 1);
    assert_int_equal(f->runs[0][sc].next, f->runs[0][sc].limit);
}

static void
addresses_outside_objects_are_not_found(void **state)
{
    struct fixture *f = *state;
    struct object_ref o;
    uintptr_t p = take_slot(f, 0, 2 << 1, 1);
    assert_false(gospace_find_object(&f->space, 0, &o));
    assert_false(gospace_find_object(&f->space, (uintptr_t)&o, &o));
    assert_false(gospace_find_object(&f->space, UINTPTR_MAX, &o));
    /* the span's own metadata */
    assert_false(gospace_find_object(&f->space, p - p % GH_PAGE + INLINE_MARKS_OFF, &o));
    assert_true(gospace_find_object(&f->space, p, &o));
}

static void
span_swept_for_an_object_is_skipped_by_poppers(void **state)
{
    struct fixture *f = *state;
    enum { N = 3 };
    uintptr_t live[N];
    struct object_ref o[N];
    for (unsigned i = 0; i < N; i++) {
        live[i] = take_slot(f, i, 4 << 1, 1);
        assert_true(gospace_find_object(&f->space, live[i], &o[i]));
    }
    cycle_keeping(f, live, N);
    uint32_t h = f->space.sweepgen;
    for (unsigned i = 1; i < N; i++) {
        assert_int_equal(o[i].span->sweepgen, h - 2);
        gospace_ensure_swept(&f->space, o[i].span);
        gospace_ensure_swept(&f->space, o[i].span);
        assert_int_equal(o[i].span->sweepgen, h);
        assert_int_equal(f->space.pages_swept, i);
    }
    assert_int_equal(gospace_verify_stw(&f->space), N);
    /* it is cached, and its old entry still stands in the unswept set */
    take_slot(f, 0, 4 << 1, 1);
    assert_int_equal(o[1].span->sweepgen, h + 3);
    gospace_ensure_swept(&f->space, o[1].span);
    assert_int_equal(gospace_sweep(&f->space, 1), 1);
    assert_int_equal(o[0].span->sweepgen, h);
    assert_int_equal(gospace_sweep(&f->space, 1), SIZE_MAX);
    assert_true(gospace_sweep_done(&f->space));
    assert_int_equal(f->space.pages_swept, N);
    flush_all(f);
    assert_int_equal(gospace_verify_stw(&f->space), N);
}

/* A span freed out of turn, and its record made the record of another span. */
static void
entry_of_a_span_made_anew_means_nothing(void **state)
{
    struct fixture *f = *state;
    struct object_ref o;
    struct refill took;
    uintptr_t p = take_slot(f, 0, 4 << 1, 1);
    assert_true(gospace_find_object(&f->space, p, &o));
    cycle_keeping(f, NULL, 0);
    uint32_t h = f->space.sweepgen;
    assert_true(sweep_begin(&f->space));
    assert_false(sweep_try_claim(o.span, h + 2));
    assert_true(sweep_try_claim(o.span, h));
    assert_false(sweep_try_claim(o.span, h));
    struct sweep_batch batch = {0};
    assert_int_equal(sweep_settle(&f->space, &f->caches[0], o.span, &batch), 1);
    assert_false(sweep_try_claim(o.span, h)); /* neither before it is freed nor after */
    sweep_flush(&f->space, &batch);
    assert_false(sweep_try_claim(o.span, h));
    sweep_end(&f->space);
    assert_int_equal(gospace_verify_stw(&f->space), 0);

    /* spare records are reused last in, first out, but a cache is emptied first */
    pages_local_flush(&f->pages, &f->caches[1].local);
    void *large = gospace_alloc_large(&f->space, &f->caches[1], 40 * GH_PAGE, NULL, &took);
    assert_non_null(large);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
    assert_int_equal(gospace_sweep(&f->space, 1), SIZE_MAX);
    assert_int_equal(gospace_verify_stw(&f->space), 1);
    assert_true(gospace_find_object(&f->space, (uintptr_t)large, &o));
    assert_int_equal(o.span->sweepgen, h);
}

/* Whoever adds up free memory and objects sees no byte twice. */
static void
full_batch_tells_of_the_bytes_it_frees(void **state)
{
    enum { BYTES = 8192 };
    struct fixture *f = *state;
    unsigned sc = sizeclass_of(BYTES) << 1 | 1;
    struct mspan *spans[SWEEP_BATCH];
    struct pages_stats st;
    for (unsigned i = 0; i < SWEEP_BATCH; i++)
        spans[i] = pages_span_of(&f->pages, take_slot(f, 0, sc, 0));
    cycle_keeping(f, NULL, 0);
    struct sweep_batch batch = {0};
    assert_true(sweep_begin(&f->space));
    for (unsigned i = 0; i < SWEEP_BATCH; i++) {
        pages_read_stats(&f->pages, &st);
        assert_int_equal(st.inuse, SWEEP_BATCH * BYTES);
        assert_int_equal(f->space.object_bytes, SWEEP_BATCH * BYTES);
        assert_true(sweep_try_claim(spans[i], f->space.sweepgen));
        assert_int_equal(sweep_settle(&f->space, &f->caches[0], spans[i], &batch), 1);
    }
    pages_read_stats(&f->pages, &st);
    assert_int_equal(st.inuse, 0);
    assert_int_equal(f->space.object_bytes, 0);
    sweep_flush(&f->space, &batch);
    sweep_end(&f->space);
    gospace_finish_sweep(&f->space);
    assert_int_equal(f->space.pages_swept, SWEEP_BATCH);
}

/* --- one takes spans out of the set, the other finds the same records elsewhere --- */

enum { RACE_SPANS = 1024, RACE_ROUNDS = 100, RACE_CLASS_BYTES = 8192 };

struct race {
    struct fixture *f;
    struct mspan *spans[RACE_SPANS];
    pthread_barrier_t start, stop;
    _Atomic(unsigned) claims[RACE_SPANS];
};

static void *
claim_records(void *arg)
{
    struct race *r = arg;
    uint32_t h = gospace_sweepgen(&r->f->space);
    for (unsigned round = 0; round < RACE_ROUNDS; round++) {
        pthread_barrier_wait(&r->start);
        for (unsigned i = 0; i < RACE_SPANS; i++)
            if (sweep_try_claim(r->spans[i], h))
                atomic_fetch_add(&r->claims[i], 1);
        pthread_barrier_wait(&r->stop);
    }
    return NULL;
}

static void
claim_entries(struct race *r, struct spanset *unswept)
{
    struct mspan *some[SPANSET_MANY];
    unsigned n, at = 0;
    while ((n = sweep_pop(&r->f->space, unswept, some, SPANSET_MANY)) > 0)
        for (unsigned i = 0; i < n; i++) {
            while (r->spans[at] != some[i])
                at++; /* they come out in order */
            atomic_fetch_add(&r->claims[at], 1);
        }
}

static void
a_span_is_claimed_once_however_it_was_found(void **state)
{
    struct fixture *f = *state;
    struct race *r = calloc(1, sizeof(*r));
    unsigned sc = sizeclass_of(RACE_CLASS_BYTES) << 1 | 1;
    static uintptr_t live[RACE_SPANS];
    pthread_t t;
    r->f = f;
    for (unsigned i = 0; i < RACE_SPANS; i++) {
        live[i] = take_slot(f, 0, sc, 0);
        r->spans[i] = pages_span_of(&f->pages, live[i]);
    }
    cycle_keeping(f, live, RACE_SPANS);
    uint32_t h = f->space.sweepgen;
    struct spanset *unswept = mcentral_full_unswept(&f->space.central[sc], h);
    while (spanset_pop(unswept, &f->space.set_pool) != NULL)
        continue;
    pthread_barrier_init(&r->start, NULL, 2);
    pthread_barrier_init(&r->stop, NULL, 2);
    assert_int_equal(pthread_create(&t, NULL, claim_records, r), 0);
    for (unsigned round = 0; round < RACE_ROUNDS; round++) {
        for (unsigned i = 0; i < RACE_SPANS; i++) {
            atomic_store(&r->spans[i]->sweepgen, h - 2);
            spanset_push(unswept, &f->space.set_pool, r->spans[i]);
        }
        pthread_barrier_wait(&r->start);
        claim_entries(r, unswept);
        pthread_barrier_wait(&r->stop);
        for (unsigned i = 0; i < RACE_SPANS; i++)
            assert_int_equal(atomic_load(&r->claims[i]), round + 1);
    }
    pthread_join(t, NULL);
    for (unsigned i = 0; i < RACE_SPANS; i++) { /* as they were */
        atomic_store(&r->spans[i]->sweepgen, h - 2);
        spanset_push(unswept, &f->space.set_pool, r->spans[i]);
    }
    gospace_finish_sweep(&f->space);
    flush_all(f);
    assert_int_equal(gospace_verify_stw(&f->space), RACE_SPANS);
    free(r);
}

/* --- mutators while the background sweeps --- */

static void
check_and_allocate(struct worker *w)
{
    size_t broken = 0;
    struct gospace *g = &w->crew->f->space;
    for (size_t i = 0; i < w->n; i++) {
        struct object_ref o;
        if (i % 64 == 0 && gospace_find_object(g, w->objects[i].p, &o)) {
            gospace_ensure_swept(g, o.span);
            uint32_t gen = atomic_load(&o.span->sweepgen);
            broken += gen != gospace_sweepgen(g) && gen != gospace_sweepgen(g) + 3;
        }
        broken += !object_is_intact(&w->objects[i]);
    }
    while (w->n < CREW_OBJECTS) {
        unsigned sc = 2 + (unsigned)(test_random(&w->rng) % 60);
        struct object o = {.class_ = sc >> 1, .bytes = sizeclass_bytes[sc >> 1]};
        o.tag = test_random(&w->rng);
        struct refill took;
        if (w->n % 64 == 0) {
            o.class_ = 0;
            o.bytes = (5 + test_random(&w->rng) % 40) * GH_PAGE;
            o.p = take_cleared(w->crew->f, w->cache, o.bytes, &took);
        } else {
            o.p = take_slot(w->crew->f, w->cache, sc, sc & 1 ? 0 : 1);
        }
        broken += !all_zero(o.p, o.bytes);
        object_fill(&o);
        w->objects[w->n++] = o;
    }
    w->broken += broken;
}

static void
mutators_allocate_while_the_background_sweeps(void **state)
{
    enum { ROUNDS = 6 };
    struct fixture *f = *state;
    struct crew *crew = crew_start(f, ROUNDS, check_and_allocate);
    for (unsigned round = 0; round < ROUNDS; round++) {
        crew_begin_round(crew);
        while (gospace_sweep(&f->space, 1) != SIZE_MAX)
            continue;
        crew_end_round(crew);
        crew_collect(crew, 2);
    }
    crew_finish(crew);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(survivors_are_intact_and_the_rest_is_reused),
        TEST(everything_dead_gives_all_pages_back),
        TEST(unused_rest_of_a_run_is_free_again),
        TEST(addresses_outside_objects_are_not_found),
        TEST(span_swept_for_an_object_is_skipped_by_poppers),
        TEST(entry_of_a_span_made_anew_means_nothing),
        TEST(full_batch_tells_of_the_bytes_it_frees),
        TEST(a_span_is_claimed_once_however_it_was_found),
        TEST(mutators_allocate_while_the_background_sweeps),
    };
    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
