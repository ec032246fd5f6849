/* test_stress.c - several mutators and a scavenger on one heap at once. Each span is filled
 * with its owner's mark and checked before it is freed: pages handed out twice show, and so
 * does memory released under somebody's feet. Meant for the thread sanitizer too. */
#include "tests/pages/fixture.h"

#include <pthread.h>

enum { THREADS = 4, LIVE = 64 };

struct worker {
    struct fixture *f;
    struct pages_local local;
    struct rng r;
    unsigned char mark;
    pthread_t thread;
    size_t spans;
};

struct shared {
    struct fixture *f;
    _Atomic(bool) stop;
};

static void
mark_span(const struct mspan *s, unsigned char mark)
{
    /* first and last word of each page: enough to see a page in two hands */
    for (size_t i = 0; i < s->npages; i++) {
        memset((void *)(s->base + i * GH_PAGE), mark, 8);
        memset((void *)(s->base + (i + 1) * GH_PAGE - 8), mark, 8);
    }
}

static bool
has_mark(const struct mspan *s, unsigned char mark)
{
    for (size_t i = 0; i < s->npages; i++) {
        const unsigned char *page = (const void *)(s->base + i * GH_PAGE);
        if (page[0] != mark || page[GH_PAGE - 1] != mark)
            return false;
    }
    return true;
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct pages *p = &w->f->pages;
    struct mspan *live[LIVE] = {NULL};
    for (size_t k = 0; k < steps(40000); k++) {
        size_t i = rng_below(&w->r, LIVE);
        if (live[i] != NULL) {
            CHECK(pages_span_of(p, live[i]->base) == live[i],
                  "work: the span map has lost a span");
            CHECK(has_mark(live[i], w->mark), "work: somebody wrote to a span of mine");
            pages_free(p, live[i], SPAN_OBJECTS);
            live[i] = NULL;
            continue;
        }
        size_t n = rng_below(&w->r, 30) ? 1 + rng_below(&w->r, 4) : 1 + rng_below(&w->r, 600);
        live[i] = pages_alloc(p, &w->local, n, SPAN_OBJECTS);
        CHECK(live[i] != NULL, "work: out of memory");
        CHECK(live[i]->needzero || has_mark(live[i], 0), "work: memory is not zero");
        mark_span(live[i], w->mark);
        pages_publish(p, live[i]);
        w->spans++;
        void *stack = stackmem_alloc(p, &w->local, (size_t)GH_STACK_MIN << rng_below(&w->r, 5));
        memset(stack, w->mark, GH_STACK_MIN);
        struct mspan *s = pages_span_of(p, (uintptr_t)stack);
        stackmem_free(p, &w->local, stack, s->elemsize);
        if (rng_below(&w->r, 500) == 0)
            pages_local_flush(p, &w->local);
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (live[i] != NULL)
            pages_free(p, live[i], SPAN_OBJECTS);
    }
    pages_local_flush(p, &w->local);
    return NULL;
}

static void *
scavenge(void *arg)
{
    struct shared *s = arg;
    struct pages_stats st;
    while (!atomic_load(&s->stop)) {
        pages_scavenge(&s->f->pages, SCAVENGE_QUANTUM, false);
        pages_read_stats(&s->f->pages, &st);
        pages_set_retain_goal(&s->f->pages, 1, 2);
        usleep(200);
    }
    return NULL;
}

static void
mutators_and_scavenger_keep_out_of_each_others_way(void **state)
{
    struct fixture *f = *state;
    struct worker *w = calloc(THREADS, sizeof(*w));
    struct shared shared = {.f = f};
    struct rng r = rng_seeded();
    pthread_t scavenger;
    assert_int_equal(pthread_create(&scavenger, NULL, scavenge, &shared), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.f = f, .r = {rng_next(&r)}, .mark = (unsigned char)(i + 1)};
        pages_local_init(&w[i].local);
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(w[i].thread, NULL);
    atomic_store(&shared.stop, true);
    pthread_join(scavenger, NULL);

    assert_null(f->pages.locals);
    stackmem_release_unused(&f->pages);
    assert_int_equal(pages_verify_stw(&f->pages), 0);
    struct pages_stats st = stats_of(f);
    assert_int_equal(st.free, st.mapped);
    pages_scavenge_all(&f->pages);
    assert_int_equal(stats_of(f).released, st.mapped);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(w[i].spans > 0);
    free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAGES_TEST(mutators_and_scavenger_keep_out_of_each_others_way),
    };
    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
