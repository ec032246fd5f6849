/* test_verify.c - each kind of damage planted in a sound heap is found, by name. */
#include "tests/pages/fixture.h"

struct damage {
    const char *what;
    void (*plant)(struct fixture *f);
    const char *message;
};

static struct mspan *
a_span(struct fixture *f)
{
    for (uint32_t i = 0; i < f->pages.nall; i++) {
        if (f->pages.all_spans[i]->npages == 30 && f->pages.all_spans[i]->state == MSPAN_IN_USE)
            return f->pages.all_spans[i];
    }
    return NULL;
}

static struct chunk_bits *
its_chunk(struct fixture *f)
{
    return pagealloc_chunk(&f->pages.alloc, a_span(f)->base >> CHUNK_SHIFT);
}

static unsigned
its_page(struct fixture *f)
{
    return (unsigned)(a_span(f)->base % CHUNK_BYTES) / GH_PAGE;
}

static void
plant_nothing(struct fixture *f)
{
    (void)f;
}

static void
plant_leaf(struct fixture *f)
{
    f->pages.alloc.summaries.level[SUMMARY_LEAF][a_span(f)->base >> CHUNK_SHIFT] ^= 1;
}

static void
plant_inner_summary(struct fixture *f)
{
    f->pages.alloc.summaries.level[2][a_span(f)->base >> summary_shift(2)] ^= 1;
}

static void
plant_root_summary(struct fixture *f)
{
    f->pages.alloc.summaries.level[0][a_span(f)->base >> summary_shift(0)] ^= 1 << 22;
}

static void
plant_clear_alloc_bit(struct fixture *f)
{
    pagebits_clear(its_chunk(f)->alloc, its_page(f) + 3, 1);
}

static void
plant_leaked_page(struct fixture *f)
{
    pagebits_set(its_chunk(f)->alloc, CHUNK_PAGES - 1, 1);
    pagebits_clear(its_chunk(f)->scavenged, CHUNK_PAGES - 1, 1);
}

static void
plant_scavenged_in_use(struct fixture *f)
{
    pagebits_set(its_chunk(f)->scavenged, its_page(f), 1);
}

static void
plant_lost_scavenged_bit(struct fixture *f)
{
    pagebits_clear(its_chunk(f)->scavenged, CHUNK_PAGES - 1, 1);
}

static void
plant_search_hint(struct fixture *f)
{
    f->pages.alloc.search += 200 * GH_PAGE;
}

static void
plant_density(struct fixture *f)
{
    pagealloc_density(&f->pages.alloc, a_span(f)->base >> CHUNK_SHIFT)->inuse++;
}

static void
plant_inuse(struct fixture *f)
{
    f->pages.used[SPAN_OBJECTS] += 1;
}

static void
plant_inuse_in_local(struct fixture *f)
{
    f->local.taken[SPAN_OBJECTS] += GH_PAGE;
}

static void
plant_stacks(struct fixture *f)
{
    f->pages.used[SPAN_STACK] -= GH_PAGE;
}

static void
plant_released(struct fixture *f)
{
    f->pages.released += GH_PAGE;
}

static void
plant_mapped(struct fixture *f)
{
    f->pages.mapped -= CHUNK_BYTES;
}

static void
plant_map_entry(struct fixture *f)
{
    arenas_set_spans(&f->pages, a_span(f)->base + 5 * GH_PAGE, 1, NULL);
    pagebits_clear(its_chunk(f)->alloc, its_page(f) + 5, 1);
}

static void
plant_foreign_map_entry(struct fixture *f)
{
    arenas_set_spans(&f->pages, a_span(f)->base + 30 * GH_PAGE, 1, a_span(f));
}

static void
plant_dead_span(struct fixture *f)
{
    a_span(f)->state = MSPAN_DEAD;
}

static void
plant_in_use_bit(struct fixture *f)
{
    struct arena *a = pages_arena_of(&f->pages, a_span(f)->base);
    size_t page = a_span(f)->base % GH_ARENA / GH_PAGE;
    a->page_in_use[page / 64] &= ~(UINT64_C(1) << (page % 64));
}

static void
plant_stray_in_use_bit(struct fixture *f)
{
    struct arena *a = pages_arena_of(&f->pages, a_span(f)->base);
    a->page_in_use[GH_PAGES_PER_ARENA / 64 - 1] |= UINT64_C(1) << 63;
}

static void
plant_spare_count(struct fixture *f)
{
    f->pages.nspare++;
}

static void
plant_index(struct fixture *f)
{
    a_span(f)->all_index++;
}

static const struct damage damages[] = {
    {"nothing", plant_nothing, NULL},
    {"leaf", plant_leaf, "pages_verify: summary of chunk"},
    {"inner summary", plant_inner_summary, "of level 2 is"},
    {"root summary", plant_root_summary, "of level 0 is"},
    {"clear alloc bit", plant_clear_alloc_bit, "but spans and caches have"},
    {"leaked page", plant_leaked_page, "but spans and caches have"},
    {"scavenged in use", plant_scavenged_in_use, "are scavenged and in use"},
    {"lost scavenged bit", plant_lost_scavenged_bit, "counter released is"},
    {"search hint", plant_search_hint, "is free below the hint"},
    {"density", plant_density, "pages in use, its bits say"},
    {"inuse", plant_inuse, "counter inuse is"},
    {"inuse in local", plant_inuse_in_local, "counter inuse is"},
    {"stacks", plant_stacks, "counter stacks + gc_work is"},
    {"released", plant_released, "counter released is"},
    {"mapped", plant_mapped, "counter mapped is"},
    {"map entry", plant_map_entry, "pages_verify: "},
    {"foreign map entry", plant_foreign_map_entry, "is mapped to the span at"},
    {"dead span", plant_dead_span, "is in a dead span"},
    {"in-use bit", plant_in_use_bit, "but its page_in_use bit is 0"},
    {"stray in-use bit", plant_stray_in_use_bit, "page_in_use bits for"},
    {"spare count", plant_spare_count, "spare span records"},
    {"index", plant_index, "but says"},
};

/* In the child: a heap with something of everything, damaged, checked. */
static void
verify_damaged(void *arg)
{
    const struct damage *d = arg;
    struct fixture *f = calloc(1, sizeof(*f));
    fixture_open_at(f, false);
    take_objects(f, &f->local, 3);
    pages_free(&f->pages, take_objects(f, NULL, 20), SPAN_OBJECTS);
    take_objects(f, NULL, 30);
    pages_alloc(&f->pages, NULL, 4, SPAN_WORK);
    pages_alloc(&f->pages, &f->local, 2, SPAN_STACK);
    d->plant(f);
    pages_verify_stw(&f->pages);
    _exit(0);
}

static void
every_damage_is_found(void **state)
{
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *d = &damages[i];
        struct death x;
        death_run(&x, verify_damaged, d);
        int want = d->message == NULL ? 0 : 1;
        if (!WIFEXITED(x.status) || WEXITSTATUS(x.status) != want)
            fail_msg("%s: wait status %#x, not exit %d: %s", d->what, x.status, want, x.text);
        if (want && (strstr(x.text, "fatal error: pages_verify") == NULL ||
                     strstr(x.text, d->message) == NULL))
            fail_msg("%s: \"%s\" not found in: %s", d->what, d->message, x.text);
    }
}

static void
counts_the_spans_it_walked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(pages_verify_stw(&f->pages), 0);
    struct mspan *a = take_objects(f, &f->local, 1), *b = take_objects(f, NULL, 600);
    struct mspan *c = pages_alloc(&f->pages, NULL, 4, SPAN_STACK);
    assert_int_equal(pages_verify_stw(&f->pages), 3);
    pages_free(&f->pages, a, SPAN_OBJECTS);
    pages_free(&f->pages, b, SPAN_OBJECTS);
    pages_free(&f->pages, c, SPAN_STACK);
    assert_int_equal(pages_verify_stw(&f->pages), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_found),
        PAGES_TEST(counts_the_spans_it_walked),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
