/* test_verify.c - planted faults are found, and nothing is found where there is none. */
#include "fixture.h"

#include "tests/base/death.h"

enum { INLINE_SC = 4 << 1, OTHER_SC = 30 << 1 | 1, OBJECTS = 40 };

struct plant {
    const char *name;
    void (*fault)(struct fixture *f, struct mspan *s);
    unsigned span_class;
    const char *message; /* part of what must be said */
};

/* A heap with half of its objects alive, swept and flushed, in a process of its own: it is not
 * given back. The span returned has free slots and allocated ones. */
static struct mspan *
grow_heap(struct fixture *f, unsigned span_class)
{
    uintptr_t live[OBJECTS];
    struct object_ref o;
    struct refill took;
    for (unsigned i = 0; i < OBJECTS; i++) {
        uintptr_t p = take_slot(f, 0, INLINE_SC, 1), q = take_slot(f, 0, OTHER_SC, 0);
        live[i] = i % 2 == 0 ? p : q;
    }
    if (gospace_alloc_large(&f->space, &f->caches[0], 50000, NULL, &took) == NULL)
        abort();
    cycle_keeping(f, live, OBJECTS);
    gospace_finish_sweep(&f->space);
    take_slot(f, 0, span_class, 0);
    gospace_flush(&f->space, &f->caches[0]);
    gospace_find_object(&f->space, live[span_class == INLINE_SC ? 0 : 1], &o);
    return o.span;
}

static void
live_and_die(void *arg)
{
    const struct plant *p = arg;
    void *state = NULL;
    if (fixture_open(&state) != 0)
        return;
    struct fixture *f = state;
    struct mspan *s = grow_heap(f, p->span_class);
    p->fault(f, s);
    gospace_verify_stw(&f->space);
}

static void
live_and_die_in_the_sweep(void *arg)
{
    const struct plant *p = arg;
    void *state = NULL;
    if (fixture_open(&state) != 0)
        return;
    struct fixture *f = state;
    struct mspan *s = grow_heap(f, p->span_class);
    gospace_start_mark_stw(&f->space);
    p->fault(f, s);
    gospace_start_sweep_stw(&f->space);
    gospace_finish_sweep(&f->space);
}

static void
no_fault(struct fixture *f, struct mspan *s)
{
    (void)f;
    (void)s;
}

static void
mark_beyond_end(struct fixture *f, struct mspan *s)
{
    (void)f;
    set_mark(s, s->nelems);
}

static void
alloc_bit_beyond_end(struct fixture *f, struct mspan *s)
{
    (void)f;
    s->alloc_bits[s->nelems / 64] |= UINT64_C(1) << s->nelems % 64;
}

static void
wrong_alloc_count(struct fixture *f, struct mspan *s)
{
    (void)f;
    s->alloc_count--;
}

static void
wrong_inline_class(struct fixture *f, struct mspan *s)
{
    size_t page = (s->base >> GH_PAGE_SHIFT) % GH_PAGES_PER_ARENA;
    pages_arena_of(&f->pages, s->base)->inline_class[page] ^= 2;
}

static void
wrong_class_in_page(struct fixture *f, struct mspan *s)
{
    (void)f;
    *(uint8_t *)(s->base + INLINE_CLASS_OFF) ^= 1;
}

static void
zombie(struct fixture *f, struct mspan *s)
{
    (void)f;
    for (uint32_t i = 0; i < s->nelems; i++)
        if (gospace_is_free(s, i)) {
            set_mark(s, i);
            return;
        }
}

/* As many marks as slots, and an account that does not know of them. */
static void
more_marks_than_allocations(struct fixture *f, struct mspan *s)
{
    (void)f;
    for (uint32_t i = 0; i < s->nelems; i++)
        if (!gospace_is_free(s, i))
            set_mark(s, i);
    s->alloc_count--;
}

static void
wrong_sweepgen(struct fixture *f, struct mspan *s)
{
    (void)f;
    s->sweepgen--;
}

static void
in_two_sets(struct fixture *f, struct mspan *s)
{
    mcentral_put_swept(&f->space, s);
}

static void
in_no_set(struct fixture *f, struct mspan *s)
{
    struct mcentral *c = &f->space.central[s->span_class];
    spanset_pop(mcentral_partial_swept(c, f->space.sweepgen), &f->space.set_pool);
}

static void
wrong_limit(struct fixture *f, struct mspan *s)
{
    (void)f;
    s->limit += 8;
}

static void
wrong_account(struct fixture *f, struct mspan *s)
{
    f->caches[0].counts.small_allocs[s->span_class >> 1]++;
}

static void
expect_death(void (*life)(void *), const struct plant *p)
{
    struct death d;
    death_run(&d, life, p);
    if (!WIFEXITED(d.status) || WEXITSTATUS(d.status) != 1 || !strstr(d.text, p->message))
        fail_msg("%s: status %#x, said: %s", p->name, d.status, d.text);
}

static void
verify_finds_planted_faults(void **state)
{
    (void)state;
    static const struct plant plants[] = {
        {"mark beyond end", mark_beyond_end, INLINE_SC, "bits beyond its end"},
        {"mark beyond end", mark_beyond_end, OTHER_SC, "bits beyond its end"},
        {"alloc bit beyond end", alloc_bit_beyond_end, INLINE_SC, "bits beyond its end"},
        {"alloc count", wrong_alloc_count, OTHER_SC, "alloc_count is"},
        {"inline class", wrong_inline_class, INLINE_SC, "inline class"},
        {"class in page", wrong_class_in_page, INLINE_SC, "inline"},
        {"zombie", zombie, INLINE_SC, "marked and free"},
        {"zombie", zombie, OTHER_SC, "marked and free"},
        {"sweepgen", wrong_sweepgen, OTHER_SC, "sweepgen"},
        {"two sets", in_two_sets, INLINE_SC, "in two sets"},
        {"no set", in_no_set, INLINE_SC, "in no set"},
        {"limit", wrong_limit, OTHER_SC, "not of its class"},
        {"account", wrong_account, INLINE_SC, "allocations"},
    };
    for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++)
        expect_death(live_and_die, &plants[i]);
}

static void
sweep_finds_planted_faults(void **state)
{
    (void)state;
    static const struct plant plants[] = {
        {"mark beyond end", mark_beyond_end, INLINE_SC, "beyond its end"},
        {"mark beyond end", mark_beyond_end, OTHER_SC, "beyond its end"},
        {"zombie", zombie, INLINE_SC, "marked free object"},
        {"zombie", zombie, OTHER_SC, "marked free object"},
        {"more marks", more_marks_than_allocations, INLINE_SC, "increased allocation count"},
        {"more marks", more_marks_than_allocations, OTHER_SC, "increased allocation count"},
        {"class in page", wrong_class_in_page, INLINE_SC, "inline"},
        {"sweepgen", wrong_sweepgen, OTHER_SC, "sweepgen"},
    };
    for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++)
        expect_death(live_and_die_in_the_sweep, &plants[i]);
}

static void
sound_heap_passes(void **state)
{
    (void)state;
    static const struct plant nothing = {"nothing", no_fault, INLINE_SC, ""};
    struct death d;
    death_run(&d, live_and_die, &nothing);
    assert_string_equal(d.text, "");
    assert_int_equal(WEXITSTATUS(d.status), 99);
    death_run(&d, live_and_die_in_the_sweep, &nothing);
    assert_string_equal(d.text, "");
    assert_int_equal(WEXITSTATUS(d.status), 99);
}

static void
whiten_with_a_cached_span(void *arg)
{
    struct fixture *f = arg;
    take_slot(f, 1, OTHER_SC, 0);
    gospace_whiten_stw(&f->caches[1]);
}

static void
whitening_is_refused_while_a_span_is_cached(void **state)
{
    struct death d;
    death_run(&d, whiten_with_a_cached_span, *state);
    assert_int_equal(WEXITSTATUS(d.status), 1);
    assert_non_null(strstr(d.text, "still cached"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_finds_planted_faults),
        cmocka_unit_test(sweep_finds_planted_faults),
        cmocka_unit_test(sound_heap_passes),
        cmocka_unit_test_setup_teardown(whitening_is_refused_while_a_span_is_cached,
                                        fixture_open, fixture_close),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
