/* test_os.c - states of address space, and that the accounts say what the kernel says. */
#include "alloc/base/os.h"
#include "tests/base/death.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { MB = 1 << 20 };

static void
assert_books(struct os_account *a, size_t reserved, size_t prepared, size_t ready, size_t sys)
{
    assert_int_equal(atomic_load(&a->reserved), reserved);
    assert_int_equal(atomic_load(&a->prepared), prepared);
    assert_int_equal(atomic_load(&a->ready), ready);
    assert_int_equal(atomic_load(&a->sys[OS_HEAP]), sys);
    assert_int_equal(os_sys_total(a), sys);
}

static unsigned char in_core[4 * MB / 4096];

/* Pages of [p, p + bytes) that the kernel holds in memory. */
static size_t
resident(void *p, size_t bytes)
{
    size_t n = 0, pages = bytes / os_page_bytes();
    assert_true(pages <= sizeof(in_core));
    assert_int_equal(mincore(p, bytes, in_core), 0);
    for (size_t i = 0; i < pages; i++)
        n += in_core[i] & 1;
    return n;
}

static void
touch(void *p)
{
    *(volatile char *)p = 1;
}

/* Under a sanitizer a fault is reported and exits; otherwise it is a signal. */
static void
assert_faults(void *p)
{
    struct death d;
    death_run(&d, touch, p);
    assert_false(WIFEXITED(d.status) &&
                 (WEXITSTATUS(d.status) == 0 || WEXITSTATUS(d.status) == 99));
}

static void
memory_passes_through_its_states(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    char *p = os_reserve(&a, NULL, 4 * MB);
    assert_non_null(p);
    assert_books(&a, 4 * MB, 0, 0, 0);
    assert_faults(p);

    assert_true(os_map(&a, p, MB, OS_HEAP, "goheap: test"));
    assert_books(&a, 3 * MB, MB, 0, MB);
    assert_faults(p + MB);

    os_used(&a, p, MB);
    assert_books(&a, 3 * MB, 0, MB, MB);
    memset(p, 0xff, MB);
    assert_int_equal(resident(p, MB), MB / os_page_bytes());

    assert_true(os_unused(&a, p, MB / 2));
    assert_books(&a, 3 * MB, MB / 2, MB / 2, MB);
    assert_int_equal(resident(p, MB), MB / 2 / os_page_bytes());
    os_used(&a, p, MB / 2);
    assert_int_equal(p[0], 0);
    assert_int_equal((unsigned char)p[MB / 2], 0xff);

    assert_true(os_fault(&a, p, MB / 2, OS_HEAP));
    assert_books(&a, 3 * MB + MB / 2, 0, MB / 2, MB / 2);
    assert_faults(p);

    os_release(&a, p, 4 * MB, 0, MB / 2, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
    assert_int_equal(mincore(p, 4 * MB, in_core), -1); /* not mapped */
}

static void
sparse_memory_stays_booked_as_reserved(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    char *p = os_reserve(&a, NULL, 4 * MB);
    assert_true(os_map_sparse(&a, p, 4 * MB, "goheap: test"));
    p[3 * MB] = 1;
    assert_int_equal(p[0], 0);
    assert_true(resident(p + 3 * MB, MB) >= 1);
    assert_books(&a, 4 * MB, 0, 0, 0);
    os_release(&a, p, 4 * MB, 0, 0, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
}

static void
alloc_is_zeroed_and_freed(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    char *p = os_alloc(&a, 64 * 1024, OS_GC, "goheap: test");
    for (int i = 0; i < 64 * 1024; i++)
        assert_int_equal(p[i], 0);
    p[5] = 1;
    assert_int_equal(atomic_load(&a.sys[OS_GC]), 64 * 1024);
    assert_int_equal(atomic_load(&a.ready), 64 * 1024);
    os_rebook(&a, 4096, OS_GC, OS_HEAP);
    assert_int_equal(atomic_load(&a.sys[OS_HEAP]), 4096);
    assert_int_equal(os_sys_total(&a), 64 * 1024);
    os_rebook(&a, 4096, OS_HEAP, OS_GC);
    os_free(&a, p, 64 * 1024, OS_GC);
    assert_books(&a, 0, 0, 0, 0);
}

static void
reserve_takes_the_hint_unless_it_is_taken(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    void *hint = (void *)(uintptr_t)GH_ARENA_HINT;
    char *p = os_reserve(&a, hint, GH_ARENA);
    assert_ptr_equal(p, hint);
    char *q = os_reserve(&a, hint, GH_ARENA);
    assert_non_null(q);
    assert_true(q >= p + GH_ARENA || q + GH_ARENA <= p);
    assert_books(&a, (size_t)2 * GH_ARENA, 0, 0, 0);
    os_release(&a, p, GH_ARENA, 0, 0, OS_HEAP);
    os_release(&a, q, GH_ARENA, 0, 0, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
}

static void
reserve_aligned_is_aligned(void **state)
{
    struct os_account a;
    void *p[8];
    os_account_init(&a, false);
    for (int i = 0; i < 8; i++) {
        /* an odd size, so that what the kernel offers next is not aligned by luck */
        p[i] = os_reserve_aligned(&a, NULL, 4 * MB + 4096, 4 * MB);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % (4 * MB), 0);
    }
    assert_books(&a, 8 * (4 * MB + 4096), 0, 0, 0);
    for (int i = 0; i < 8; i++)
        os_release(&a, p[i], 4 * MB + 4096, 0, 0, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
}

static void
refusals_come_back_and_are_not_booked(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    assert_null(os_reserve(&a, NULL, (size_t)1 << 60));
    assert_null(os_reserve_aligned(&a, NULL, (size_t)1 << 60, 4 * MB));
    assert_null(os_alloc(&a, (size_t)1 << 60, OS_HEAP, NULL));
    assert_books(&a, 0, 0, 0, 0);

    char *p = os_reserve(&a, NULL, MB);
    assert_int_equal(munmap(p, MB), 0); /* behind its back: mprotect must fail now */
    assert_false(os_map(&a, p, MB, OS_HEAP, NULL));
    assert_books(&a, MB, 0, 0, 0);
}

static void
unused_that_fails_is_counted_and_not_booked(void **state)
{
    struct os_account a;
    os_account_init(&a, false);
    char *p = os_alloc(&a, MB, OS_HEAP, NULL);
    memset(p, 0xff, MB);
    assert_int_equal(munmap(p + MB - 4096, 4096), 0); /* behind its back: madvise must fail */
    assert_false(os_unused(&a, p, MB));
    assert_int_equal(atomic_load(&a.madvise_failed), 1);
    assert_books(&a, 0, 0, MB, MB);
    assert_true(os_unused(&a, p, MB / 2));
    assert_books(&a, 0, MB / 2, MB / 2, MB);
    os_release(&a, p, MB, MB / 2, MB / 2, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
}

static void
unused_by_madv_free_keeps_the_pages_for_now(void **state)
{
    struct os_account a;
    os_account_init(&a, true);
    char *p = os_alloc(&a, MB, OS_HEAP, NULL);
    memset(p, 0xff, MB);
    assert_true(os_unused(&a, p, MB));
    assert_books(&a, 0, MB, 0, MB);
    os_used(&a, p, MB);
    p[0] = 1; /* ours again: must stay */
    assert_int_equal(p[0], 1);
    os_free(&a, p, MB, OS_HEAP);
    assert_books(&a, 0, 0, 0, 0);
}

/* Memory of a file refuses MADV_FREE with EINVAL, as old kernels do. */
static void
unused_falls_back_where_madv_free_is_refused(void **state)
{
    struct os_account a;
    os_account_init(&a, true);
    char *p = os_alloc(&a, MB, OS_HEAP, NULL);
    int fd = memfd_create("test", 0);
    assert_int_equal(ftruncate(fd, MB), 0);
    void *q = mmap(p, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
    assert_ptr_equal(q, p);
    p[0] = 1;
    assert_true(os_unused(&a, p, MB));
    assert_int_equal(p[0], 0);
    assert_int_equal(atomic_load(&a.madvise_failed), 0);
    assert_books(&a, 0, MB, 0, MB);
    os_release(&a, p, MB, MB, 0, OS_HEAP);
    close(fd);
}

static void
pages_are_touched_by_writes(void **state)
{
    enum { PAGES = 64 };
    struct os_account a;
    os_account_init(&a, false);
    size_t page = os_page_bytes();
    char *p = os_alloc(&a, PAGES * page, OS_HEAP, NULL);
    if (access("/proc/self/pagemap", R_OK) != 0) {
        assert_true(os_touched((uintptr_t)p, PAGES) == UINT64_MAX);
        os_free(&a, p, PAGES * page, OS_HEAP);
        skip();
    }
    assert_true(os_touched((uintptr_t)p, PAGES) == 0);
    p[0] = p[5 * page + 17] = p[63 * page] = 1;
    assert_true(os_touched((uintptr_t)p, PAGES) == (UINT64_C(1) << 63 | 1u << 5 | 1));
    assert_true(os_touched((uintptr_t)p + 5 * page, 2) == 1);
    assert_true(os_unused(&a, p, 6 * page));
    assert_true(os_touched((uintptr_t)p, PAGES) == UINT64_C(1) << 63);
    os_release(&a, p, PAGES * page, 6 * page, (PAGES - 6) * page, OS_HEAP);
}

static void
clocks_advance(void **state)
{
    int64_t wall = os_now_ns(), thread = os_thread_cpu_ns(), process = os_process_cpu_ns();
    volatile unsigned x = 0;
    while (os_thread_cpu_ns() - thread < 2000000)
        x++;
    assert_true(os_now_ns() - wall >= 1000000);
    assert_true(os_process_cpu_ns() - process >= 1000000);
}

/* Pages in the order 0 2 4 ..., and one stretch of several; what lies between stays. */
static void
stretches_are_discarded_and_stay_ready(void **state)
{
    (void)state;
    enum { STRETCHES = OS_STRETCHES };
    for (int lazy = 0; lazy < 2; lazy++) {
        struct os_account a;
        os_account_init(&a, lazy);
        size_t page = os_page_bytes(), bytes = 4 * MB;
        char *p = os_alloc(&a, bytes, OS_HEAP, "goheap: test");
        os_advise(p, bytes, OS_NOHUGEPAGE);
        memset(p, 7, bytes);
        struct os_stretch s[STRETCHES];
        for (size_t i = 0; i < STRETCHES; i++)
            s[i] = (struct os_stretch){p + 2 * i * page, page};
        s[STRETCHES - 1].bytes = 5 * page;
        assert_int_equal(os_discard(&a, s, 0), 0);
        assert_int_equal(os_discard(&a, s, STRETCHES), UINT64_MAX);
        assert_books(&a, 0, 0, bytes, bytes);
        assert_int_equal(atomic_load(&a.madvise_failed), 0);
        if (!lazy)
            assert_int_equal(resident(p, bytes), bytes / page - STRETCHES - 4);
        for (size_t i = 0; i < STRETCHES; i++) {
            assert_true(p[2 * i * page] == 0 || lazy);
            assert_int_equal(p[(2 * i + 1) * page], i + 1 < STRETCHES || lazy ? 7 : 0);
            p[2 * i * page] = 1;
        }
        assert_int_equal(p[2 * STRETCHES * page + 3 * page], 7);
        os_free(&a, p, bytes, OS_HEAP);
    }
}

/* What cannot be given back is not counted, and the rest is all the same. */
static void
stretch_that_is_locked_is_passed_over(void **state)
{
    (void)state;
    struct os_account a;
    os_account_init(&a, false);
    size_t page = os_page_bytes();
    char *p = os_alloc(&a, 8 * page, OS_HEAP, "goheap: test");
    memset(p, 7, 8 * page);
    if (syscall(SYS_mlock, p + 2 * page, page) != 0) /* sanitizers make mlock do nothing */
        skip();
    struct os_stretch s[3] = {{p, page}, {p + 2 * page, page}, {p + 4 * page, 2 * page}};
    assert_int_equal(os_discard(&a, s, 3), 5);
    assert_int_equal(atomic_load(&a.madvise_failed), 1);
    assert_int_equal(p[0], 0);
    assert_int_equal(p[2 * page], 7);
    assert_int_equal(p[5 * page], 0);
    assert_int_equal(os_unused_stretches(&a, s, 3), 5);
    assert_int_equal(atomic_load(&a.madvise_failed), 2);
    assert_books(&a, 0, 3 * page, 5 * page, 8 * page);
    os_used(&a, p, page);
    os_used(&a, p + 4 * page, 2 * page);
    os_free(&a, p, 8 * page, OS_HEAP);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_are_discarded_and_stay_ready),
        cmocka_unit_test(stretch_that_is_locked_is_passed_over),
        cmocka_unit_test(memory_passes_through_its_states),
        cmocka_unit_test(sparse_memory_stays_booked_as_reserved),
        cmocka_unit_test(alloc_is_zeroed_and_freed),
        cmocka_unit_test(reserve_takes_the_hint_unless_it_is_taken),
        cmocka_unit_test(reserve_aligned_is_aligned),
        cmocka_unit_test(refusals_come_back_and_are_not_booked),
        cmocka_unit_test(unused_that_fails_is_counted_and_not_booked),
        cmocka_unit_test(unused_by_madv_free_keeps_the_pages_for_now),
        cmocka_unit_test(unused_falls_back_where_madv_free_is_refused),
        cmocka_unit_test(pages_are_touched_by_writes),
        cmocka_unit_test(clocks_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
