/* test_pagealloc.c - the page allocator against a model: one byte a page, searched page by
 * page.
 *
 * The allocator does not touch the memory it manages, so the heap here lies at made-up
 * addresses, chosen to straddle the borders of the summaries' levels. */
#include "tests/pages/fixture.h"

enum {
    MODEL_CHUNKS = 24,
    MODEL_PAGES = MODEL_CHUNKS * CHUNK_PAGES,
    MODEL_SPANS = 4000,
    MODEL_CACHES = 3,
};

/* Page states of the model. */
enum { ABSENT, FREE_SCAVENGED, FREE_BACKED, TAKEN };

struct model {
    struct os_account account;
    struct persistent persistent;
    struct pagealloc pa;
    /* chunk i of the model lies at chunk_at[i]; rising */
    uintptr_t chunk_at[MODEL_CHUNKS];
    uint8_t page[MODEL_PAGES];
    struct {
        uintptr_t base;
        size_t npages;
        bool is_claim;
    } spans[MODEL_SPANS];
    size_t nspans;
    struct page_cache caches[MODEL_CACHES];
};

/* Stretches of chunks: across a border of all levels at once, a lone chunk, the last of a 32
 * MiB block and the first of the next, and the end of a block of chunk records. */
static const struct {
    uintptr_t base;
    unsigned chunks;
} stretches[] = {
    {(UINT64_C(1) << 39) - 3 * CHUNK_BYTES, 6},
    {(UINT64_C(1) << 39) + (UINT64_C(1) << 31), 1},
    {(UINT64_C(1) << 40) - 2 * CHUNK_BYTES, 5},
    {(UINT64_C(1) << 40) + (UINT64_C(1) << 35) - CHUNK_BYTES, 2},
    {(UINT64_C(1) << 46) + 7 * CHUNK_BYTES, 10},
};

static int
model_open(void **state)
{
    struct model *m = calloc(1, sizeof(*m));
    struct gh_error err = {0};
    os_account_init(&m->account, false);
    persistent_init(&m->persistent, &m->account);
    if (!pagealloc_open(&m->pa, &m->account, &m->persistent, &err))
        fail_msg("%s", err.text);
    size_t n = 0;
    for (size_t s = 0; s < sizeof(stretches) / sizeof(stretches[0]); s++) {
        for (unsigned i = 0; i < stretches[s].chunks; i++)
            m->chunk_at[n++] = stretches[s].base + (uintptr_t)i * CHUNK_BYTES;
    }
    assert_int_equal(n, MODEL_CHUNKS);
    *state = m;
    return 0;
}

static int
model_close(void **state)
{
    struct model *m = *state;
    pagealloc_close(&m->pa);
    persistent_finish(&m->persistent);
    assert_int_equal(os_sys_total(&m->account), 0);
    assert_int_equal(atomic_load(&m->account.reserved), 0);
    free(m);
    return 0;
}

static uintptr_t
model_addr(const struct model *m, size_t page)
{
    return m->chunk_at[page / CHUNK_PAGES] + page % CHUNK_PAGES * GH_PAGE;
}

static size_t
model_page(const struct model *m, uintptr_t addr)
{
    for (size_t i = 0; i < MODEL_CHUNKS; i++) {
        if (addr - m->chunk_at[i] < CHUNK_BYTES)
            return i * CHUNK_PAGES + (addr - m->chunk_at[i]) / GH_PAGE;
    }
    fail_msg("address %#zx is not of the heap", addr);
    return 0;
}

static bool
model_is_free(const struct model *m, size_t page)
{
    return m->page[page] == FREE_SCAVENGED || m->page[page] == FREE_BACKED;
}

static void
model_grow(struct model *m, size_t chunk, size_t n)
{
    assert_true(pagealloc_prepare(&m->pa, m->chunk_at[chunk], n * CHUNK_BYTES));
    pagealloc_add(&m->pa, m->chunk_at[chunk], n * CHUNK_BYTES);
    memset(&m->page[chunk * CHUNK_PAGES], FREE_SCAVENGED, n * CHUNK_PAGES);
}

/* Index of the lowest run of free pages, SIZE_MAX if none. */
static size_t
model_first_fit(const struct model *m, size_t npages)
{
    size_t run = 0;
    for (size_t i = 0; i < MODEL_PAGES; i++) {
        if (i > 0 && model_addr(m, i) != model_addr(m, i - 1) + GH_PAGE)
            run = 0;
        run = model_is_free(m, i) ? run + 1 : 0;
        if (run == npages)
            return i + 1 - npages;
    }
    return SIZE_MAX;
}

static void
model_keep(struct model *m, uintptr_t base, size_t npages, bool is_claim)
{
    m->spans[m->nspans].base = base;
    m->spans[m->nspans].npages = npages;
    m->spans[m->nspans++].is_claim = is_claim;
}

static void
step_alloc(struct model *m, size_t npages)
{
    size_t scavenged, want_scavenged = 0;
    if (m->nspans == MODEL_SPANS)
        return;
    size_t at = model_first_fit(m, npages);
    uintptr_t base = pagealloc_alloc(&m->pa, npages, &scavenged);
    if (at == SIZE_MAX) {
        assert_int_equal(base, 0);
        return;
    }
    assert_int_equal(base, model_addr(m, at));
    for (size_t i = at; i < at + npages; i++) {
        want_scavenged += m->page[i] == FREE_SCAVENGED;
        m->page[i] = TAKEN;
    }
    assert_int_equal(scavenged, want_scavenged);
    model_keep(m, base, npages, false);
}

static void
step_free(struct model *m, struct rng *r)
{
    if (m->nspans == 0)
        return;
    size_t k = rng_below(r, m->nspans), at = model_page(m, m->spans[k].base);
    size_t npages = m->spans[k].npages;
    bool released = m->spans[k].is_claim && rng_below(r, 2);
    if (m->spans[k].is_claim)
        pagealloc_unclaim(&m->pa, m->spans[k].base, npages, released);
    else
        pagealloc_free(&m->pa, m->spans[k].base, npages);
    memset(&m->page[at], released ? FREE_SCAVENGED : FREE_BACKED, npages);
    m->spans[k] = m->spans[--m->nspans];
}

static void
step_fill_cache(struct model *m, struct page_cache *c)
{
    if (c->free != 0)
        return;
    size_t at = model_first_fit(m, 1);
    pagealloc_fill_cache(&m->pa, c);
    if (at == SIZE_MAX) {
        assert_int_equal(c->free, 0);
        return;
    }
    at -= at % PAGE_CACHE_PAGES;
    assert_int_equal(c->base, model_addr(m, at));
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++) {
        assert_int_equal(c->free >> i & 1, model_is_free(m, at + i));
        assert_int_equal(c->scavenged >> i & 1, m->page[at + i] == FREE_SCAVENGED);
        m->page[at + i] = TAKEN;
    }
}

/* What leaves the cache was TAKEN in the model when the cache was filled. */
static void
step_use_cache(struct model *m, struct page_cache *c, size_t npages)
{
    struct page_cache before = *c;
    bool zero;
    size_t scavenged, run = 0, at = PAGE_CACHE_PAGES;
    for (size_t i = 0; i < PAGE_CACHE_PAGES && at == PAGE_CACHE_PAGES; i++) {
        run = before.free >> i & 1 ? run + 1 : 0;
        if (run == npages)
            at = i + 1 - npages;
    }
    uintptr_t base = page_cache_take(c, (unsigned)npages, &scavenged, &zero);
    if (at == PAGE_CACHE_PAGES) {
        assert_int_equal(base, 0);
        return;
    }
    assert_int_equal(base, before.base + at * GH_PAGE);
    assert_int_equal(scavenged, bits_popcount(before.scavenged ^ c->scavenged));
    assert_int_equal(before.free ^ c->free, bits_low((unsigned)npages) << at);
    if (m->nspans < MODEL_SPANS)
        model_keep(m, base, npages, false);
}

static void
step_drain_cache(struct model *m, struct page_cache *c)
{
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++) {
        if (c->free >> i & 1)
            m->page[model_page(m, c->base + i * GH_PAGE)] =
                c->scavenged >> i & 1 ? FREE_SCAVENGED : FREE_BACKED;
    }
    pagealloc_drain_cache(&m->pa, c);
    assert_int_equal(c->free, 0);
}

/* A claim is the top of the highest backed run of its chunk. */
static void
step_claim(struct model *m, size_t most)
{
    uintptr_t base = 0;
    if (m->nspans == MODEL_SPANS)
        return;
    size_t n = pagealloc_claim(&m->pa, most, true, &base);
    if (n == 0)
        return;
    assert_true(n <= most);
    size_t at = model_page(m, base);
    for (size_t i = at; i < at + n; i++) {
        assert_int_equal(m->page[i], FREE_BACKED);
        m->page[i] = TAKEN;
    }
    /* nothing higher up in the chunk, and nothing left out below */
    for (size_t i = at + n; i % CHUNK_PAGES != 0; i++)
        assert_int_not_equal(m->page[i], FREE_BACKED);
    if (n < most && at % CHUNK_PAGES != 0)
        assert_int_not_equal(m->page[at - 1], FREE_BACKED);
    model_keep(m, base, n, true);
}

static void
check_bits(const struct model *m)
{
    for (size_t ci = 0; ci < MODEL_CHUNKS; ci++) {
        if (m->page[ci * CHUNK_PAGES] == ABSENT)
            continue;
        const struct chunk_bits *c = pagealloc_chunk(&m->pa, m->chunk_at[ci] >> CHUNK_SHIFT);
        for (unsigned i = 0; i < CHUNK_PAGES; i++) {
            unsigned state = m->page[ci * CHUNK_PAGES + i];
            assert_int_equal(c->alloc[i / 64] >> (i % 64) & 1, state == TAKEN);
            assert_int_equal(c->scavenged[i / 64] >> (i % 64) & 1, state == FREE_SCAVENGED);
            if (state != TAKEN)
                assert_true(model_addr(m, ci * CHUNK_PAGES + i) >= m->pa.search);
        }
    }
}

/* Every entry above the heap, from its definition: runs of free pages in the model. */
static void
check_entry(const struct model *m, unsigned level, size_t entry)
{
    uintptr_t low = entry << summary_shift(level);
    size_t pages = summary_pages(level), start = 0, max = 0, run = 0, next = 0;
    for (size_t i = 0; i < MODEL_PAGES; i++) {
        uintptr_t addr = model_addr(m, i);
        if (addr < low || addr - low >= pages * GH_PAGE)
            continue;
        size_t at = (addr - low) / GH_PAGE;
        if (at != next)
            run = 0;
        run = model_is_free(m, i) ? run + 1 : 0;
        next = at + 1;
        if (run > max)
            max = run;
        if (run == at + 1)
            start = run;
    }
    uint64_t have = m->pa.summaries.level[level][entry];
    assert_int_equal(summary_start(have), start);
    assert_int_equal(summary_max(have), max);
    assert_int_equal(summary_end(have), next == pages ? run : 0);
}

static void
check_summaries(const struct model *m)
{
    for (unsigned level = 0; level < SUMMARY_LEVELS; level++) {
        size_t last = SIZE_MAX;
        for (size_t ci = 0; ci < MODEL_CHUNKS; ci++) {
            size_t entry = m->chunk_at[ci] >> summary_shift(level);
            if (m->page[ci * CHUNK_PAGES] != ABSENT && entry != last)
                check_entry(m, level, entry);
            last = entry;
        }
    }
}

static size_t
random_size(struct rng *r)
{
    switch (rng_below(r, 8)) {
    case 0:
        return 1 + rng_below(r, 2 * CHUNK_PAGES);
    case 1:
    case 2:
        return 1 + rng_below(r, 100);
    default:
        return 1 + rng_below(r, 4);
    }
}

static void
random_step(struct model *m, struct rng *r, bool filling)
{
    struct page_cache *c = &m->caches[rng_below(r, MODEL_CACHES)];
    switch (rng_below(r, 10)) {
    case 0:
        step_fill_cache(m, c);
        break;
    case 1:
    case 2:
        step_use_cache(m, c, 1 + rng_below(r, 15));
        break;
    case 3:
        step_drain_cache(m, c);
        break;
    case 4:
        step_claim(m, 1 + rng_below(r, 40));
        break;
    case 5:
    case 6:
        step_free(m, r);
        break;
    default:
        if (filling)
            step_alloc(m, random_size(r));
        else
            step_free(m, r);
    }
}

/* Fills and empties several times, growing by the stretches in an order that is not that of
 * their addresses. */
static void
random_operations_match_the_model(void **state)
{
    static const struct {
        size_t chunk, n;
    } growth[] = {{7, 5}, {0, 3}, {14, 10}, {3, 3}, {12, 2}, {6, 1}};
    struct model *m = *state;
    struct rng r = rng_seeded();
    size_t grown = 0, every = steps(3000);
    for (size_t k = 0; k < 8 * every; k++) {
        if (k % every == 0 && grown < sizeof(growth) / sizeof(growth[0])) {
            model_grow(m, growth[grown].chunk, growth[grown].n);
            grown++;
        }
        random_step(m, &r, k / (2 * every) % 2 == 0);
        if (k % 100 == 0) {
            check_bits(m);
            check_summaries(m);
        }
    }
    for (size_t i = 0; i < MODEL_CACHES; i++)
        step_drain_cache(m, &m->caches[i]);
    while (m->nspans > 0)
        step_free(m, &r);
    check_bits(m);
    check_summaries(m);
}

static void
chunk_is_exhausted_before_the_next(void **state)
{
    struct model *m = *state;
    size_t scavenged;
    model_grow(m, 0, 2);
    for (size_t i = 0; i < 2 * CHUNK_PAGES; i++)
        assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), model_addr(m, i));
    assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), 0);
    pagealloc_free(&m->pa, model_addr(m, 700), 1);
    pagealloc_free(&m->pa, model_addr(m, 3), 1);
    assert_int_equal(pagealloc_alloc(&m->pa, 2, &scavenged), 0);
    assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), model_addr(m, 3));
    assert_int_equal(scavenged, 0);
    assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), model_addr(m, 700));
}

static void
run_crosses_the_border_of_all_levels(void **state)
{
    struct model *m = *state;
    size_t scavenged;
    model_grow(m, 0, 6);
    uintptr_t all = pagealloc_alloc(&m->pa, 6 * CHUNK_PAGES, &scavenged);
    assert_int_equal(all, m->chunk_at[0]);
    /* a page on each side, then one more on each */
    uintptr_t border = m->chunk_at[3];
    pagealloc_free(&m->pa, border - GH_PAGE, 2);
    assert_int_equal(pagealloc_alloc(&m->pa, 3, &scavenged), 0);
    pagealloc_free(&m->pa, border - 2 * GH_PAGE, 1);
    pagealloc_free(&m->pa, border + GH_PAGE, 1);
    assert_int_equal(pagealloc_alloc(&m->pa, 4, &scavenged), border - 2 * GH_PAGE);
}

/* A root entry that is free altogether does not fit its 21 bits. */
static void
full_root_entry_is_saturated(void **state)
{
    struct model *m = *state;
    const size_t root = (size_t)1 << 34, root_pages = root / GH_PAGE;
    const uintptr_t base = UINT64_C(1) << 42;
    size_t scavenged;
    assert_true(pagealloc_prepare(&m->pa, base, 2 * root));
    pagealloc_add(&m->pa, base, 2 * root);
    uint64_t s = m->pa.summaries.level[0][base >> 34];
    assert_int_equal(s, UINT64_C(1) << 63);
    assert_int_equal(summary_start(s), root_pages);
    assert_int_equal(summary_max(s), root_pages);
    assert_int_equal(summary_end(s), root_pages);
    /* spans both entries, but for its first page and its last */
    assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), base);
    assert_int_equal(pagealloc_alloc(&m->pa, 2 * root_pages - 2, &scavenged), base + GH_PAGE);
    assert_int_equal(scavenged, 2 * root_pages - 2);
    assert_int_equal(pagealloc_alloc(&m->pa, 2, &scavenged), 0);
    assert_int_equal(pagealloc_alloc(&m->pa, 1, &scavenged), base + 2 * root - GH_PAGE);
    pagealloc_free(&m->pa, base, 2 * root_pages);
    assert_int_equal(m->pa.summaries.level[0][base >> 34], UINT64_C(1) << 63);
}

static void
ranges_are_joined_when_they_touch(void **state)
{
    struct model *m = *state;
    model_grow(m, 0, 1);
    model_grow(m, 2, 1);
    model_grow(m, 7, 2);
    assert_int_equal(m->pa.nranges, 3);
    model_grow(m, 1, 1);
    assert_int_equal(m->pa.nranges, 2);
    assert_int_equal(m->pa.ranges[0].base, m->chunk_at[0]);
    assert_int_equal(m->pa.ranges[0].limit, m->chunk_at[3]);
    model_grow(m, 9, 1);
    model_grow(m, 6, 1);
    assert_int_equal(m->pa.nranges, 3);
    assert_int_equal(m->pa.end, m->chunk_at[9] + CHUNK_BYTES);
}

/* Pages in use in chunk 0 now and when the generation began, and whether it may be scavenged.
 */
static void
dense_chunks_are_spared(void **state)
{
    struct model *m = *state;
    size_t scavenged;
    uintptr_t base;
    model_grow(m, 0, 1);
    uintptr_t low = m->chunk_at[0];
    assert_int_equal(pagealloc_alloc(&m->pa, CHUNK_PAGES, &scavenged), low);
    pagealloc_free(&m->pa, low, CHUNK_PAGES - CHUNK_DENSE_PAGES);
    assert_int_equal(pagealloc_claim(&m->pa, 1, false, &base), 0);

    /* one page fewer is sparse enough, but it was dense until this generation */
    pagealloc_next_generation(&m->pa);
    pagealloc_free(&m->pa, low + 100 * GH_PAGE, 1);
    assert_int_equal(pagealloc_claim(&m->pa, 1, false, &base), 0);
    pagealloc_next_generation(&m->pa);
    assert_int_equal(pagealloc_claim(&m->pa, 1, false, &base), 1);
    assert_int_equal(base, low + 100 * GH_PAGE);
    pagealloc_unclaim(&m->pa, base, 1, true);
    assert_int_equal(pagealloc_claim(&m->pa, 4, true, &base), 4);
    assert_int_equal(base, low + (CHUNK_PAGES - CHUNK_DENSE_PAGES - 4) * GH_PAGE);
}

#define MODEL_TEST(name) cmocka_unit_test_setup_teardown(name, model_open, model_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        MODEL_TEST(random_operations_match_the_model),
        MODEL_TEST(chunk_is_exhausted_before_the_next),
        MODEL_TEST(run_crosses_the_border_of_all_levels),
        MODEL_TEST(full_root_entry_is_saturated),
        MODEL_TEST(ranges_are_joined_when_they_touch),
        MODEL_TEST(dense_chunks_are_spared),
    };
    return cmocka_run_group_tests_name("pagealloc", tests, NULL, NULL);
}
