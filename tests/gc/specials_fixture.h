/* specials_fixture.h - a verified heap with one mutator, for the tests of what is attached to
 * objects; and objects that know what they should contain. */
#ifndef GH_TESTS_GC_SPECIALS_FIXTURE_H
#define GH_TESTS_GC_SPECIALS_FIXTURE_H

#include "tests/gc/testheap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One reference, then words that hold `id`. */
struct thing {
    struct thing *next;
    uint64_t id;
};

/* bytes of a thing in each layout: bits in the page, header, large */
enum { THING_KINDS = 4 };
static const size_t thing_bytes[THING_KINDS] = {sizeof(struct thing), 512, 2000, 100000};

struct fixture {
    struct gh_heap *heap;
    struct gh_mutator *m;
    const struct gh_type *thing[THING_KINDS];
    void *roots[8]; /* registered */
};

static const char *fixture_collector = "go";

static inline void
fixture_open(struct fixture *f, int gogc, bool background)
{
    struct gh_config c = testheap_config(gogc);
    c.verify = true;
    c.collector = fixture_collector;
    c.background = background;
    memset(f, 0, sizeof *f);
    f->heap = testheap_open(&c);
    for (int i = 0; i < THING_KINDS; i++) {
        static const uint64_t mask[1] = {1};
        f->thing[i] = gh_type_new(f->heap, "thing", thing_bytes[i], 8, mask);
    }
    f->m = gh_attach(f->heap, "test");
    gh_roots_add(f->heap, f->roots, sizeof f->roots / sizeof f->roots[0]);
}

static inline void
fixture_close(struct fixture *f)
{
    gh_roots_remove(f->heap, f->roots);
    gh_detach(f->m);
    gh_heap_close(f->heap);
}

static inline struct thing *
thing_new(struct gh_mutator *m, const struct gh_type *t, uint64_t id)
{
    struct thing *x = gh_new(m, t);
    for (uint64_t *w = &x->id; w < (uint64_t *)(void *)((char *)x + t->size); w++)
        *w = id;
    return x;
}

static inline bool
thing_is_whole(const struct thing *x, size_t bytes)
{
    for (const uint64_t *w = &x->id;
         w < (const uint64_t *)(const void *)((const char *)x + bytes); w++)
        if (*w != x->id)
            return false;
    return true;
}

/* Collect, and let everything run that is due. */
static inline void
collect_and_run(struct gh_mutator *m)
{
    gh_gc(m);
    gh_finalizers_wait(m);
}

/* Mark, but leave the sweep to be done. Only without background threads. */
static inline void
collect_unswept(struct fixture *f)
{
    f->heap->config.verify = false;
    f->heap->collector->collect(f->heap, mutator_of(f->m), GC_TRIGGER_FORCED);
    f->heap->config.verify = true;
}

static inline uint64_t
heap_objects(struct fixture *f)
{
    struct gh_memstats s;
    gh_read_memstats(f->heap, f->m, &s);
    return s.heap_objects;
}

/* The tests, once with each collector. */
#define FIXTURE_RUN(name, tests)                                                            \
    do {                                                                                    \
        int failed = cmocka_run_group_tests_name(name ", collector go", tests, NULL, NULL); \
        fixture_collector = "stw";                                                          \
        return failed +                                                                     \
               cmocka_run_group_tests_name(name ", collector stw", tests, NULL, NULL);      \
    } while (0)

#endif
