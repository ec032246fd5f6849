/* test_debug_alloc.c - the debug switches of the allocator do what they say, and the heap works
 * under each of them. */
#include "tests/base/death.h"
#include "tests/gc/testheap.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const uint64_t DEADBEEF = UINT64_C(0xdeadbeefdeadbeef);

static struct gh_heap *
open_heap(struct gh_debug debug, struct gh_mutator **m)
{
    struct gh_config c = testheap_config(100);
    c.debug = debug;
    c.background = false; /* nobody else gives memory back, which would be read as zero */
    struct gh_heap *h = testheap_open(&c);
    *m = gh_attach(h, "test");
    return h;
}

static void
close_heap(struct gh_heap *h, struct gh_mutator *m)
{
    gh_detach(m);
    gh_heap_close(h);
}

/* --- clobberfree --- */

static const size_t sizes[] = {16, 24, 64, 512, 1024, 8192, 30000, 100000};
enum { SIZES = sizeof sizes / sizeof sizes[0], EACH = 50 };

static bool
all_words_are(const uint64_t *p, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes / 8; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* Every other object is kept through `table`; what is dead is clobbered, what is new is clear.
 */
static void
dead_objects_are_clobbered_and_new_ones_clear(void **state)
{
    (void)state;
    struct gh_mutator *m;
    struct gh_heap *h = open_heap((struct gh_debug){.clobberfree = true}, &m);
    const struct gh_type *ref = gh_type_small(h, "ref", 8, 1);
    static uint64_t *p[SIZES * EACH];
    void *root = NULL;
    gh_roots_add(h, &root, 1);
    root = gh_new_array(m, ref, SIZES * EACH);
    for (size_t i = 0; i < SIZES * EACH; i++) {
        p[i] = gh_new_bytes(m, sizes[i % SIZES]);
        memset(p[i], 7, sizes[i % SIZES]);
        gh_store(m, &((void **)root)[i], p[i]);
    }
    for (size_t i = 0; i < SIZES * EACH; i += SIZES * 2)
        gh_clear_refs(m, (void **)root + i, SIZES);
    gh_gc(m);
    for (size_t i = 0; i < SIZES * EACH; i++) {
        bool dead = i / SIZES % 2 == 0;
        assert_true(all_words_are(p[i], sizes[i % SIZES],
                                  dead ? DEADBEEF : UINT64_C(0x0707070707070707)));
    }
    for (size_t i = 0; i < SIZES * EACH; i++) {
        uint64_t *q = gh_new_bytes(m, sizes[i % SIZES]);
        assert_true(all_words_are(q, sizes[i % SIZES], 0));
    }
    gh_verify(m);
    gh_roots_remove(h, &root);
    close_heap(h, m);
}

/* --- harddecommit --- */

struct decommit {
    struct gh_mutator *m;
    volatile uint64_t *dead;
};

static void
touch(void *arg)
{
    struct decommit *d = arg;
    d->dead[0]++;
}

static void
released_memory_faults_until_it_is_used_again(void **state)
{
    (void)state;
    if (GH_TSAN)
        skip(); /* fork */
    for (int hard = 0; hard < 2; hard++) {
        struct decommit d;
        struct death death;
        struct gh_heap *h = open_heap((struct gh_debug){.harddecommit = hard}, &d.m);
        for (int i = 0; i < 8; i++)
            d.dead = memset(gh_new_bytes(d.m, 1 << 20), 1, 1 << 20);
        uint64_t *first = NULL;
        gh_free_os_memory(d.m);
        death_run(&death, touch, &d);
        if (hard) /* a sanitizer reports it, and exits */
            assert_true(WIFSIGNALED(death.status) || WEXITSTATUS(death.status) != 99);
        else
            assert_true(WIFEXITED(death.status) && WEXITSTATUS(death.status) == 99);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 4000; i++) {
                uint64_t *q = gh_new_bytes(d.m, 64 + (size_t)i % 7 * 1000);
                assert_int_equal(q[0], 0);
                q[0] = 1;
                first = first != NULL ? first : q;
            }
            gh_free_os_memory(d.m);
            gh_verify(d.m);
        }
        close_heap(h, d.m);
    }
}

/* --- sbrk --- */

static void
nothing_is_ever_collected(void **state)
{
    (void)state;
    enum { N = 30000 };
    struct gh_mutator *m;
    struct gh_heap *h = open_heap((struct gh_debug){.sbrk = true}, &m);
    static uint64_t *p[N];
    assert_int_equal(gh_gogc(h), GH_GOGC_OFF);
    for (uint64_t i = 0; i < N; i++) {
        p[i] = gh_new_bytes(m, 16 + i % 700);
        assert_int_equal(p[i][0], 0);
        p[i][0] = i;
        if (i % 1000 == 0)
            gh_gc(m);
    }
    gh_free_os_memory(m);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(p[i][0], i);
    struct gh_memstats s;
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.num_gc, 0);
    assert_int_equal(s.frees, 0);
    assert_int_equal(s.mallocs, N);
    close_heap(h, m);
}

/* --- disablethp --- */

/* The flags of the mapping that holds `addr`, as the kernel shows them. */
static bool
has_vm_flag(uintptr_t addr, const char *flag)
{
    char line[512];
    bool inside = false, found = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            inside = addr >= from && addr < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static void
heap_is_mapped_without_huge_pages(void **state)
{
    (void)state;
    for (int off = 0; off < 2; off++) {
        struct gh_mutator *m;
        struct gh_heap *h = open_heap((struct gh_debug){.disablethp = off}, &m);
        uintptr_t p = (uintptr_t)gh_new_bytes(m, 64);
        if (!has_vm_flag(p, " rd"))
            skip(); /* no such file here */
        assert_int_equal(has_vm_flag(p, " nh"), off);
        close_heap(h, m);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_objects_are_clobbered_and_new_ones_clear),
        cmocka_unit_test(released_memory_faults_until_it_is_used_again),
        cmocka_unit_test(nothing_is_ever_collected),
        cmocka_unit_test(heap_is_mapped_without_huge_pages),
    };
    return cmocka_run_group_tests_name("debug_alloc", tests, NULL, NULL);
}
