/* testheap.h - what most tests of the heap begin with: a heap that is open, a crowd of threads,
 * a look into a mutator's barrier buffer. */
#ifndef GH_TESTS_GC_TESTHEAP_H
#define GH_TESTS_GC_TESTHEAP_H

#include "gc/core/barrier.h"
#include "gc/core/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

enum { TESTHEAP_THREADS_MAX = 8 };

/* Two processors, whatever the machine has. */
static inline struct gh_config
testheap_config(int gogc)
{
    struct gh_config c;
    gh_config_init(&c);
    c.gogc = gogc;
    c.procs = 2;
    return c;
}

static inline struct gh_heap *
testheap_open(const struct gh_config *c)
{
    struct gh_error err;
    struct gh_heap *h = gh_heap_open(c, &err);
    assert_non_null(h);
    return h;
}

/* Run fn(&args[i]) on a thread for each of the `n` elements of `bytes`, `m` being blocked until
 * all have returned. */
static inline void
testheap_crowd(struct gh_mutator *m, void *(*fn)(void *), void *args, int n, size_t bytes)
{
    pthread_t t[TESTHEAP_THREADS_MAX];
    assert_true(n <= TESTHEAP_THREADS_MAX);
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&t[i], NULL, fn, (char *)args + (size_t)i * bytes), 0);
    gh_blocked_enter(m);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    gh_blocked_exit(m);
}

/* Whether the mutator has shaded `p` since the last call: for one whose barrier was switched on
 * by hand, as if a collection were marking. */
static inline bool
testheap_shaded(struct gh_mutator *m, const void *p)
{
    struct mutator_mark *mm = mutator_mark(mutator_of(m));
    bool found = false;
    for (unsigned i = 0; i < mm->nbuffered; i++)
        found |= mm->buffer[i] == (uintptr_t)p;
    mm->nbuffered = 0;
    return found;
}

#endif
