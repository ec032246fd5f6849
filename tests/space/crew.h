/* crew.h - objects whose contents are known, and a crew of mutators that allocate and check
 * them, round by round, while the test does something else to the space. */
#ifndef GH_TESTS_SPACE_CREW_H
#define GH_TESTS_SPACE_CREW_H

#include "fixture.h"

#include <pthread.h>

struct object {
    uintptr_t p;
    size_t bytes;    /* of the slot */
    unsigned class_; /* 0 = large */
    uint64_t tag;    /* in every word of the object */
};

static inline void
object_fill(const struct object *o)
{
    for (size_t i = 0; i < o->bytes / 8; i++)
        ((uint64_t *)o->p)[i] = o->tag;
}

static inline bool
object_is_intact(const struct object *o)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < o->bytes / 8; i++)
        differ |= ((const uint64_t *)o->p)[i] ^ o->tag;
    return differ == 0;
}

enum { CREW = 3, CREW_OBJECTS = 6000 };

struct crew {
    struct fixture *f;
    unsigned rounds;
    pthread_barrier_t start, stop;
    _Atomic(unsigned) working; /* in this round */
    struct worker {
        struct crew *crew;
        void (*round)(struct worker *w); /* checks what it has, and allocates */
        pthread_t thread;
        unsigned cache;
        uint64_t rng;
        size_t n, broken;
        struct object objects[CREW_OBJECTS];
    } workers[CREW];
};

static inline void *
crew_work(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < w->crew->rounds; i++) {
        pthread_barrier_wait(&w->crew->start);
        w->round(w);
        atomic_fetch_sub(&w->crew->working, 1);
        pthread_barrier_wait(&w->crew->stop);
    }
    return NULL;
}

static inline struct crew *
crew_start(struct fixture *f, unsigned rounds, void (*round)(struct worker *w))
{
    struct crew *crew = calloc(1, sizeof(*crew));
    uint64_t seed = seed_of_run();
    crew->f = f;
    crew->rounds = rounds;
    pthread_barrier_init(&crew->start, NULL, CREW + 1);
    pthread_barrier_init(&crew->stop, NULL, CREW + 1);
    for (unsigned i = 0; i < CREW; i++) {
        struct worker *w = &crew->workers[i];
        *w = (struct worker){.crew = crew, .round = round, .cache = i, .rng = seed + i};
        assert_int_equal(pthread_create(&w->thread, NULL, crew_work, w), 0);
    }
    return crew;
}

static inline void
crew_begin_round(struct crew *crew)
{
    atomic_store(&crew->working, CREW);
    pthread_barrier_wait(&crew->start);
}

static inline void
crew_end_round(struct crew *crew)
{
    pthread_barrier_wait(&crew->stop);
}

/* Between rounds, so in a stopped world: collect. One object in `one_in` survives. */
static inline void
crew_collect(struct crew *crew, unsigned one_in)
{
    struct fixture *f = crew->f;
    gospace_finish_sweep(&f->space);
    flush_all(f);
    gospace_verify_stw(&f->space);
    gospace_start_mark_stw(&f->space);
    for (unsigned i = 0; i < CREW; i++) {
        struct worker *w = &crew->workers[i];
        size_t kept = 0;
        for (size_t j = 0; j < w->n; j++)
            if (test_random(&w->rng) % one_in == 0) {
                w->objects[kept++] = w->objects[j];
                mark_object(f, w->objects[j].p);
            }
        w->n = kept;
    }
    gospace_start_sweep_stw(&f->space);
}

/* After the last round. */
static inline void
crew_finish(struct crew *crew)
{
    for (unsigned i = 0; i < CREW; i++) {
        pthread_join(crew->workers[i].thread, NULL);
        assert_int_equal(crew->workers[i].broken, 0);
    }
    gospace_finish_sweep(&crew->f->space);
    gospace_verify_stw(&crew->f->space);
    pthread_barrier_destroy(&crew->start);
    pthread_barrier_destroy(&crew->stop);
    free(crew);
}

#endif
