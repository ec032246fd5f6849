/* test_workbuf.c - the lock-free stacks of work buffers: nothing lost, nothing twice. */
#include "gc/core/workbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

enum { THREADS = 4, ITEMS = GH_TSAN ? 4000 : 40000 };

struct fixture {
    struct os_account account;
    struct persistent persistent;
    struct pages pages;
    struct workbuf_pool pool;
};

static struct fixture *
fixture_open(void)
{
    static struct fixture f;
    struct gh_error err;
    os_account_init(&f.account, false);
    persistent_init(&f.persistent, &f.account);
    assert_true(pages_open(&f.pages, &f.account, &f.persistent, &err));
    assert_true(workbuf_pool_init(&f.pool, &f.pages));
    return &f;
}

static void
fixture_close(struct fixture *f)
{
    workbuf_pool_finish(&f->pool);
    pages_close(&f->pages);
    persistent_finish(&f->persistent);
    assert_int_equal(os_sys_total(&f->account), 0);
}

static void
stack_is_last_in_first_out(void **state)
{
    (void)state;
    struct fixture *f = fixture_open();
    struct workbuf *a = workbuf_get_empty(&f->pool), *b = workbuf_get_empty(&f->pool);
    assert_ptr_not_equal(a, b);
    assert_null(workbuf_try_full(&f->pool));
    a->obj[a->n++] = 1;
    b->obj[b->n++] = 2;
    workbuf_put_full(&f->pool, a);
    workbuf_put_full(&f->pool, b);
    assert_true(workbuf_any_full(&f->pool));
    assert_ptr_equal(workbuf_try_full(&f->pool), b);
    assert_ptr_equal(workbuf_try_full(&f->pool), a);
    assert_false(workbuf_any_full(&f->pool));
    a->n = b->n = 0;
    workbuf_put_empty(&f->pool, a);
    workbuf_put_empty(&f->pool, b);
    workbuf_pool_trim(&f->pool);
    fixture_close(f);
}

static _Atomic(uint64_t) produced, consumed, left;

/* Make numbers, take whatever buffers come by, put some back: the sum must be kept. */
static void *
juggle(void *arg)
{
    struct workbuf_pool *p = arg;
    for (uint64_t i = 1; i <= ITEMS; i++) {
        struct workbuf *b = workbuf_get_empty(p);
        b->obj[b->n++] = i;
        atomic_fetch_add(&produced, i);
        workbuf_put_full(p, b);
        b = workbuf_try_full(p);
        if (b == NULL)
            continue;
        if (i % 3 == 0) {
            workbuf_put_full(p, b);
            continue;
        }
        while (b->n > 0)
            atomic_fetch_add(&consumed, b->obj[--b->n]);
        workbuf_put_empty(p, b);
    }
    return NULL;
}

static void
juggling_threads_lose_and_double_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_open();
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, juggle, &f->pool), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (struct workbuf *b; (b = workbuf_try_full(&f->pool)) != NULL;) {
        while (b->n > 0)
            atomic_fetch_add(&left, b->obj[--b->n]);
        workbuf_put_empty(&f->pool, b);
    }
    assert_int_equal(atomic_load(&produced), (uint64_t)THREADS * ITEMS * (ITEMS + 1) / 2);
    assert_int_equal(atomic_load(&produced), atomic_load(&consumed) + atomic_load(&left));
    workbuf_pool_trim(&f->pool);
    fixture_close(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_is_last_in_first_out),
        cmocka_unit_test(juggling_threads_lose_and_double_nothing),
    };
    return cmocka_run_group_tests_name("workbuf", tests, NULL, NULL);
}
