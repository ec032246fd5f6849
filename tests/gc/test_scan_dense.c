/* test_scan_dense.c - every kernel finds the references that a slow loop finds, and follows
 * those within the page as far as it does, in pages of all classes, with anything from nothing
 * to everything to scan. */
#include "gc/core/scan_dense.h"

#include "alloc/base/os.h"
#include "alloc/spaces/go/sizeclass.h"
#include "tests/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES_EACH = GH_TSAN ? 20 : 200, WORDS = GH_PAGE / GH_WORD };

static uint64_t seed;

static uint64_t
next(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return seed >> 11;
}

/* A bit that is set in `of_8` of 8 cases. */
static uint64_t
maybe(unsigned of_8)
{
    return next() % 8 < of_8;
}

struct page {
    _Alignas(GH_PAGE) uintptr_t word[WORDS];
};

/* A page with random contents, a random bitmap, and random objects to scan in it. */
static void
make_page(struct page *p, struct dense_page *d, uint64_t bitmap[DENSE_BIT_WORDS],
          unsigned words)
{
    unsigned scan = (unsigned)(next() % 9), refs = (unsigned)(next() % 9);
    unsigned set = (unsigned)(next() % 9);
    memset(bitmap, 0, DENSE_BIT_WORDS * sizeof bitmap[0]);
    *d = (struct dense_page){.page = (uintptr_t)p, .words = words, .bitmap = bitmap};
    for (unsigned k = 0; k < WORDS; k++)
        p->word[k] = maybe(set) ? next() | 1 : 0;
    for (unsigned k = 0; k < DENSE_REFS_MAX; k++)
        bitmap[k / 64] |= maybe(refs) << k % 64;
    for (unsigned i = 0; i < DENSE_REFS_MAX / words; i++)
        d->objects[i / 64] |= maybe(scan) << i % 64;
}

/* Word by word, in the plainest way. */
static unsigned
expected(const struct dense_page *d, uintptr_t *refs)
{
    unsigned n = 0;
    for (unsigned k = 0; k < DENSE_REFS_MAX; k++) {
        unsigned i = k / d->words;
        uintptr_t v = ((const uintptr_t *)d->page)[k];
        if (i < DENSE_OBJECT_WORDS * 64 && d->objects[i / 64] >> i % 64 & 1 &&
            d->bitmap[k / 64] >> k % 64 & 1 && v != 0)
            refs[n++] = v;
    }
    return n;
}

static void
check_find(const struct dense_kernel *kernel, unsigned words)
{
    static struct page page;
    for (int i = 0; kernel->find != NULL && i < PAGES_EACH; i++) {
        struct dense_page d;
        uint64_t bitmap[DENSE_BIT_WORDS];
        uintptr_t want[DENSE_REFS], found[DENSE_REFS + 1];
        make_page(&page, &d, bitmap, words);
        found[DENSE_REFS] = 42;
        unsigned n = expected(&d, want);
        assert_int_equal(kernel->find(&d, found), n);
        assert_memory_equal(found, want, n * sizeof want[0]);
        assert_int_equal(found[DENSE_REFS], 42);
    }
}

/* Each kernel that runs here, in pages of each class; a check returns if its kernel has not
 * what it is to check. */
static void
each_kernel(void (*check)(const struct dense_kernel *kernel, unsigned words))
{
    seed = seed_of_run();
    for (int k = 0; k < DENSE_KERNELS; k++) {
        if (!dense_kernels[k].runs_here()) {
            print_message("%s: not on this machine\n", dense_kernels[k].name);
            continue;
        }
        for (unsigned c = 1; c < GH_CLASSES; c++)
            if (sizeclass_bytes[c] > GH_WORD && sizeclass_bytes[c] <= GH_HEADER_MIN)
                check(&dense_kernels[k], sizeclass_bytes[c] / GH_WORD);
    }
}

static void
all_kernels_find_the_same(void **state)
{
    (void)state;
    each_kernel(check_find);
}

/* --- following --- */

/* Some of the references of a page lead to itself, to any byte: what lies behind the slots is
 * none of them. */
static void
turn_inward(struct page *p)
{
    unsigned inward = (unsigned)(next() % 9);
    for (unsigned k = 0; k < WORDS; k++)
        if (p->word[k] != 0 && maybe(inward))
            p->word[k] = (uintptr_t)p + next() % GH_PAGE;
}

/* Word by word, again and again until nothing is new. */
static unsigned
expected_follow(struct dense_page *d, struct dense_follow *f, uintptr_t *refs)
{
    const uintptr_t *word = (const uintptr_t *)d->page;
    for (unsigned k = 0; k < DENSE_OBJECT_WORDS; k++)
        f->known[k] |=
            f->marks[k] & (k == DENSE_OBJECT_WORDS - 1 ? ~(UINT64_C(255) << 56) : UINT64_MAX);
    for (bool any = true; any;) {
        any = false;
        for (unsigned k = 0; k < DENSE_REFS_MAX; k++) {
            unsigned i = k / d->words;
            if (!(d->objects[i / 64] >> i % 64 & 1 && d->bitmap[k / 64] >> k % 64 & 1) ||
                word[k] - d->page >= INLINE_SCANS_OFF)
                continue;
            unsigned to = (unsigned)((word[k] - d->page) / (d->words * GH_WORD));
            uint64_t bit = UINT64_C(1) << to % 64;
            any |= (f->known[to / 64] & bit) == 0;
            if ((f->known[to / 64] & bit) == 0)
                d->objects[to / 64] |= bit;
            f->known[to / 64] |= bit;
        }
    }
    unsigned n = expected(d, refs), left = 0;
    for (unsigned i = 0; i < n; i++)
        if (refs[i] - d->page >= INLINE_SCANS_OFF)
            refs[left++] = refs[i];
    return left;
}

static void
check_follow(const struct dense_kernel *kernel, unsigned words)
{
    static struct page page;
    for (int i = 0; kernel->follow != NULL && i < PAGES_EACH; i++) {
        struct dense_page d, want_d;
        uint64_t bitmap[DENSE_BIT_WORDS], marks[DENSE_OBJECT_WORDS];
        uintptr_t want[DENSE_REFS], found[DENSE_REFS + 1];
        make_page(&page, &d, bitmap, words);
        turn_inward(&page);
        struct dense_follow f = {
            .magic = (uint32_t)((UINT64_C(1) << 32) / (words * GH_WORD) +
                                ((words & (words - 1)) != 0)),
            .marks = marks,
            .ahead = d.page,
        };
        for (unsigned k = 0; k < DENSE_OBJECT_WORDS; k++) {
            f.known[k] = d.objects[k] | (next() & next() & next());
            marks[k] = next() & next() & next();
        }
        f.known[DENSE_OBJECT_WORDS - 1] &= ~(UINT64_C(255) << 56);
        struct dense_follow want_f = f;
        want_d = d;
        found[DENSE_REFS] = 42;
        unsigned n = expected_follow(&want_d, &want_f, want);
        assert_int_equal(kernel->follow(&d, &f, found), n);
        assert_memory_equal(found, want, n * sizeof want[0]);
        assert_memory_equal(d.objects, want_d.objects, sizeof d.objects);
        assert_memory_equal(f.known, want_f.known, sizeof f.known);
        assert_int_equal(found[DENSE_REFS], 42);
    }
}

static void
all_kernels_follow_the_same(void **state)
{
    (void)state;
    each_kernel(check_follow);
}

/* --- while mutators run --- */

/* Slot 0 of a page of 16-byte slots is to be scanned. */
struct small {
    const struct dense_kernel *kernel;
    struct page *page;
    uint64_t bitmap[DENSE_BIT_WORDS];
    struct dense_page d;
    struct dense_follow f;
    uintptr_t refs[DENSE_REFS];
};

static void
small_init(struct small *t, const uint64_t *marks)
{
    static struct page page;
    *t = (struct small){.kernel = dense_pick(), .page = &page, .bitmap = {UINT64_MAX}};
    if (t->kernel->follow == NULL)
        skip();
    memset(&page, 0, sizeof page);
    t->d = (struct dense_page){
        .page = (uintptr_t)&page, .words = 2, .bitmap = t->bitmap, .objects = {1}};
    t->f = (struct dense_follow){
        .magic = 1u << 28, .marks = marks, .ahead = t->d.page, .known = {1}};
}

/* A slot that was marked while the page was read, as a new object's is: it held something else
 * when it was read. */
static void
what_is_marked_meanwhile_is_not_followed(void **state)
{
    (void)state;
    struct small t;
    uint64_t marks[DENSE_OBJECT_WORDS] = {2};
    small_init(&t, marks);
    t.page->word[0] = (uintptr_t)&t.page->word[2]; /* 0 leads to 1, the new one ... */
    t.page->word[2] = (uintptr_t)&t.page->word[4]; /* ... which led to 2 */
    assert_int_equal(t.kernel->follow(&t.d, &t.f, t.refs), 0);
    assert_int_equal(t.d.objects[0], 1);
    assert_int_equal(t.f.known[0], 3);
}

static struct page *stored_to;
static uint64_t *marks_page;

/* The marks are looked at for the first time: only now slot 0 leads to slot 1. */
static void
store_late(int signal)
{
    (void)signal;
    if (mprotect(marks_page, GH_PAGE, PROT_READ | PROT_WRITE) != 0)
        abort();
    stored_to->word[0] = (uintptr_t)&stored_to->word[2];
}

/* Marks are looked at after the words, or a new object could be reached without its mark. */
static void
marks_are_read_after_the_words(void **state)
{
    (void)state;
    struct small t;
    struct sigaction act = {.sa_handler = store_late}, before;
    marks_page = mmap(NULL, GH_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(marks_page, MAP_FAILED);
    small_init(&t, marks_page);
    stored_to = t.page;
    assert_int_equal(sigaction(SIGSEGV, &act, &before), 0);
    unsigned n = t.kernel->follow(&t.d, &t.f, t.refs);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(t.d.objects[0], 1);
    assert_ptr_equal(t.page->word[0], &t.page->word[2]); /* the handler ran */
    munmap(marks_page, GH_PAGE);
}

static void
the_first_that_runs_is_picked(void **state)
{
    (void)state;
    const struct dense_kernel *picked = dense_pick();
    assert_true(picked->runs_here());
    for (const struct dense_kernel *k = dense_kernels; k < picked; k++)
        assert_false(k->runs_here());
    assert_true(dense_kernels[DENSE_KERNELS - 1].runs_here());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kernels_find_the_same),
        cmocka_unit_test(all_kernels_follow_the_same),
        cmocka_unit_test(what_is_marked_meanwhile_is_not_followed),
        cmocka_unit_test(marks_are_read_after_the_words),
        cmocka_unit_test(the_first_that_runs_is_picked),
    };
    return cmocka_run_group_tests_name("scan_dense", tests, NULL, NULL);
}
