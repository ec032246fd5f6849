/* test_page_queue.c - the queue of grey pages: first in, first out, half of it to thieves, and
 * every page to exactly one. */
#include "gc/core/page_queue.h"

#include "alloc/base/os.h"
#include "tests/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { THIEVES = 6, PAGES = GH_TSAN ? 100000 : 2000000 };

static void
pages_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    static struct page_queue q;
    memset(&q, 0, sizeof q);
    uintptr_t in = 0, out = 0;
    for (int round = 0; round < 5 * PAGE_QUEUE; round++) {
        while (page_queue_push(&q, in + 1))
            in++;
        assert_int_equal(page_queue_count(&q), PAGE_QUEUE);
        for (int i = 0; i < 1 + round % PAGE_QUEUE; i++)
            assert_int_equal(page_queue_pop(&q), ++out);
        assert_int_equal(page_queue_count(&q), in - out);
    }
    while (out < in)
        assert_int_equal(page_queue_pop(&q), ++out);
    assert_int_equal(page_queue_pop(&q), 0);
    assert_int_equal(page_queue_count(&q), 0);
}

static void
a_thief_takes_the_older_half(void **state)
{
    (void)state;
    static struct page_queue from, to;
    memset(&from, 0, sizeof from);
    memset(&to, 0, sizeof to);
    assert_false(page_queue_any(&from));
    assert_false(page_queue_steal(&from, &to));
    for (uintptr_t i = 1; i <= PAGE_QUEUE; i++)
        assert_true(page_queue_push(&from, i));
    assert_true(page_queue_any(&from));
    assert_true(page_queue_steal(&from, &to));
    assert_int_equal(page_queue_count(&to), PAGE_QUEUE / 2);
    for (uintptr_t i = 1; i <= PAGE_QUEUE / 2; i++)
        assert_int_equal(page_queue_pop(&to), i);
    for (uintptr_t i = PAGE_QUEUE / 2 + 1; i <= PAGE_QUEUE; i++)
        assert_int_equal(page_queue_pop(&from), i);
    assert_true(page_queue_push(&from, 1));
    assert_true(page_queue_steal(&from, &to));
    assert_int_equal(page_queue_pop(&to), 1);
}

/* --- many at once --- */

static struct page_queue queues[1 + THIEVES];
static _Atomic(unsigned char) taken[PAGES + 1];
static _Atomic(bool) all_pushed;

static void
take(uintptr_t page)
{
    assert_in_range(page, 1, PAGES);
    atomic_fetch_add_explicit(&taken[page], 1, memory_order_relaxed);
}

static uint64_t
next(uint64_t *s)
{
    return *s = *s * UINT64_C(6364136223846793005) + 1442695040888963407;
}

/* Steal from anybody, other thieves too; put some of it back into the own queue. */
static void *
thief_main(void *arg)
{
    struct page_queue *own = arg;
    uint64_t r = (uint64_t)(own - queues);
    for (int failed = 0; failed < 1000; failed++) {
        struct page_queue *victim = &queues[(next(&r) >> 40) % (1 + THIEVES)];
        if (victim == own || !page_queue_steal(victim, own)) {
            if (!atomic_load(&all_pushed))
                failed = 0;
            if ((next(&r) >> 40) % 32 == 0)
                sched_yield();
            continue;
        }
        failed = 0;
        uintptr_t page;
        while ((page = page_queue_pop(own)) != 0)
            if ((next(&r) >> 40) % 4 > 0 || !page_queue_push(own, page))
                take(page);
    }
    return NULL;
}

static void
every_page_goes_to_exactly_one(void **state)
{
    (void)state;
    uint64_t r = seed_of_run();
    pthread_t t[THIEVES];
    atomic_store(&all_pushed, false);
    for (int i = 0; i < THIEVES; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thief_main, &queues[1 + i]), 0);
    for (uintptr_t page = 1; page <= PAGES; page++) {
        bool full = !page_queue_push(&queues[0], page);
        uintptr_t old;
        if (full && (next(&r) >> 40) % 8 == 0)
            sched_yield();
        if ((full || (next(&r) >> 40) % 2 == 0) && (old = page_queue_pop(&queues[0])) != 0)
            take(old);
        page -= full; /* once more */
    }
    for (uintptr_t old; (old = page_queue_pop(&queues[0])) != 0;)
        take(old);
    atomic_store(&all_pushed, true);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(t[i], NULL);
    for (size_t page = 1; page <= PAGES; page++)
        assert_int_equal(atomic_load(&taken[page]), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_thief_takes_the_older_half),
        cmocka_unit_test(every_page_goes_to_exactly_one),
    };
    return cmocka_run_group_tests_name("page_queue", tests, NULL, NULL);
}
