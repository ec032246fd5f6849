/* verify.c - the page heap checked against itself, from the ground up.
 *
 * The arenas' span maps are taken for the truth about who has which page, and everything else
 * is recomputed from them and from the bitmaps: bitmaps from spans and caches, summaries from
 * bitmaps, counters from both. Each function compares one thing and throws with the first
 * difference. Locks: takes PAGES, since the scavenger does not stop with the world. Allocates
 * nothing. */
#include "alloc/pages/pages_internal.h"
#include "alloc/pages/uchunk.h"

#include <string.h>

static enum mspan_state
verify_state(const struct mspan *s)
{
    /* acquire: pairs with the release in pages_publish and pages_alloc */
    return (enum mspan_state)atomic_load_explicit(&s->state, memory_order_acquire);
}

/* The span map's entries for one chunk, one bit a page, and each entry sensible. */
static void
verify_read_map(const struct pages *p, size_t ci, uint64_t *used)
{
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        uintptr_t addr = (ci << CHUNK_SHIFT) + (uintptr_t)i * GH_PAGE;
        const struct mspan *s = pages_span_of(p, addr);
        if (s == NULL)
            continue;
        VERIFY(verify_state(s) != MSPAN_DEAD, "pages_verify: page %#zx is in a dead span (%p)",
               addr, (const void *)s);
        VERIFY(addr - s->base < (uintptr_t)s->npages * GH_PAGE,
               "pages_verify: page %#zx is mapped to the span at %#zx of %u pages", addr,
               s->base, s->npages);
        used[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static void
verify_add_pages(uint64_t *used, size_t ci, unsigned word, uint64_t pages, const char *whose)
{
    VERIFY((used[word] & pages) == 0,
           "pages_verify: chunk %#zx, word %u: pages %#zx are in %s and "
           "elsewhere as well",
           ci, word, (size_t)(used[word] & pages), whose);
    used[word] |= pages;
}

/* Which pages of the chunk are in page caches or in a scavenger's hands, and how many of the
 * cached ones are not backed by memory. */
static size_t
verify_add_caches(const struct pages *p, size_t ci, uint64_t *used)
{
    size_t scavenged = 0;
    for (const struct pages_local *l = p->locals; l != NULL; l = l->next) {
        const struct page_cache *c = &l->pages;
        VERIFY((c->scavenged & ~c->free) == 0,
               "pages_verify: the cache at %#zx has scavenged pages it does not own", c->base);
        if (c->free == 0 || c->base >> CHUNK_SHIFT != ci)
            continue;
        unsigned word = (unsigned)(c->base % CHUNK_BYTES) / GH_PAGE / 64;
        verify_add_pages(used, ci, word, c->free, "a page cache");
        scavenged += bits_popcount(c->scavenged);
    }
    for (const struct scavenge_claim *c = p->claims; c != NULL; c = c->next) {
        unsigned first = (unsigned)(c->base % CHUNK_BYTES) / GH_PAGE;
        for (unsigned w = 0; w < CHUNK_WORDS && c->base >> CHUNK_SHIFT == ci; w++)
            verify_add_pages(used, ci, w, pagebits_mask(w, first, (unsigned)c->npages),
                             "a scavenger's claim");
    }
    return scavenged;
}

/* Bitmaps of one chunk against spans and caches. Returns its pages that are not backed. */
static size_t
verify_chunk(const struct pages *p, size_t ci)
{
    const struct chunk_bits *c = pagealloc_chunk(&p->alloc, ci);
    uint64_t used[CHUNK_WORDS] = {0};
    verify_read_map(p, ci, used);
    size_t scavenged = verify_add_caches(p, ci, used);
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        VERIFY(c->alloc[w] == used[w],
               "pages_verify: chunk %#zx, word %u: alloc bits %#zx, but spans and caches have "
               "%#zx",
               ci, w, (size_t)c->alloc[w], (size_t)used[w]);
        VERIFY((c->alloc[w] & c->scavenged[w]) == 0,
               "pages_verify: chunk %#zx, word %u: pages %#zx are scavenged and in use", ci, w,
               (size_t)(c->alloc[w] & c->scavenged[w]));
    }
    return scavenged + pagebits_count(c->scavenged, 0, CHUNK_PAGES);
}

static void
verify_density(const struct pages *p, size_t ci)
{
    unsigned n = pagebits_count(pagealloc_chunk(&p->alloc, ci)->alloc, 0, CHUNK_PAGES);
    for (const struct scavenge_claim *c = p->claims; c != NULL; c = c->next) {
        if (c->base >> CHUNK_SHIFT == ci)
            n -= (unsigned)c->npages;
    }
    VERIFY(pagealloc_density(&p->alloc, ci)->inuse == n,
           "pages_verify: chunk %#zx counts %u pages in use, its bits say %u", ci,
           pagealloc_density(&p->alloc, ci)->inuse, n);
}

static void
verify_leaf(const struct pages *p, size_t ci)
{
    const uint64_t *alloc = pagealloc_chunk(&p->alloc, ci)->alloc;
    struct pagebits_summary b = pagebits_summarize(alloc);
    uint64_t have = p->alloc.summaries.level[SUMMARY_LEAF][ci];
    VERIFY(have == summary_pack(b.start, b.max, b.end),
           "pages_verify: summary of chunk %#zx is %zu,%zu,%zu, its bits say %u,%u,%u", ci,
           summary_start(have), summary_max(have), summary_end(have), b.start, b.max, b.end);
    uintptr_t low = ci << CHUNK_SHIFT;
    if (b.max > 0 && low < p->alloc.search) {
        uintptr_t free = low + (uintptr_t)pagebits_find_clear(alloc, 1, 0) * GH_PAGE;
        VERIFY(free >= p->alloc.search, "pages_verify: page %#zx is free below the hint %#zx",
               free, p->alloc.search);
    }
}

static void
verify_level(const struct pages *p, unsigned level, const struct addr_range *r)
{
    const struct summaries *t = &p->alloc.summaries;
    size_t last = (r->limit - 1) >> summary_shift(level);
    for (size_t i = r->base >> summary_shift(level); i <= last; i++) {
        uint64_t want = summary_merge(&t->level[level + 1][i << SUMMARY_FANOUT_BITS],
                                      summary_pages(level + 1));
        VERIFY(t->level[level][i] == want,
               "pages_verify: summary %zu of level %u is %#zx, its children give %#zx", i,
               level, (size_t)t->level[level][i], (size_t)want);
    }
}

static void
verify_in_use_bit(const struct pages *p, const struct mspan *s)
{
    const struct arena *a = pages_arena_of(p, s->base);
    size_t page = (s->base % GH_ARENA) / GH_PAGE;
    /* relaxed: the world is stopped */
    bool bit =
        atomic_load_explicit(&a->page_in_use[page / 64], memory_order_relaxed) >> (page % 64) &
        1;
    VERIFY(bit == (verify_state(s) == MSPAN_IN_USE),
           "pages_verify: span at %#zx has state %d, but its page_in_use bit is %d", s->base,
           (int)verify_state(s), (int)bit);
}

/* What the walk over the span records found. */
struct verify_sums {
    uint64_t pages, in_use_pages, uchunk_pages;
    size_t spans, in_use_spans, dead;
};

static void
verify_spans(const struct pages *p, struct verify_sums *sum)
{
    for (uint32_t i = 0; i < p->nall; i++) {
        const struct mspan *s = p->all_spans[i];
        VERIFY(s->all_index == i, "pages_verify: span %p is number %u, but says %u",
               (const void *)s, i, s->all_index);
        if (verify_state(s) == MSPAN_DEAD) {
            sum->dead++;
            continue;
        }
        for (size_t k = 0; k < s->npages; k++) {
            const struct mspan *at = pages_span_of(p, s->base + k * GH_PAGE);
            VERIFY(at == s,
                   "pages_verify: page %zu of the span at %#zx is mapped to %p, not %p", k,
                   s->base, (const void *)at, (const void *)s);
        }
        verify_in_use_bit(p, s);
        sum->spans++;
        if (s->uchunk != NULL && !uchunk_is_live(s->uchunk)) {
            sum->in_use_spans++; /* in quarantine: address space only */
            continue;
        }
        sum->pages += s->npages;
        sum->uchunk_pages += s->uchunk != NULL ? s->npages : 0u;
        if (verify_state(s) == MSPAN_IN_USE) {
            sum->in_use_spans++;
            sum->in_use_pages += s->npages;
        }
    }
}

static void
verify_records(const struct pages *p, const struct verify_sums *sum)
{
    size_t spare = 0, cached = 0, bits = 0;
    for (const struct mspan *s = p->spare_spans; s != NULL && spare <= p->nspare; s = s->next)
        spare++;
    VERIFY(spare == p->nspare, "pages_verify: %zu or more spare span records, counted as %u",
           spare, p->nspare);
    for (const struct pages_local *l = p->locals; l != NULL; l = l->next)
        cached += l->nspans;
    VERIFY(sum->dead == spare + cached,
           "pages_verify: %zu dead span records, but %zu spare and %zu cached ones", sum->dead,
           spare, cached);
    /* relaxed: the world is stopped */
    for (uint32_t i = 0; i < p->narenas; i++) {
        for (size_t w = 0; w < GH_PAGES_PER_ARENA / 64; w++)
            bits += bits_popcount(
                atomic_load_explicit(&p->all_arenas[i]->page_in_use[w], memory_order_relaxed));
    }
    VERIFY(bits == sum->in_use_spans, "pages_verify: %zu page_in_use bits for %zu spans", bits,
           sum->in_use_spans);
}

static void
verify_counter(const char *name, uint64_t have, uint64_t want)
{
    VERIFY(have == want, "pages_verify: counter %s is %llu, recount gives %llu", name,
           (unsigned long long)have, (unsigned long long)want);
}

size_t
pages_verify_stw(struct pages *p)
{
    struct verify_sums sum = {0};
    uint64_t mapped = 0, scavenged = 0;
    lock_acquire(&p->lock);
    for (size_t i = 0; i < p->alloc.nranges; i++) {
        const struct addr_range *r = &p->alloc.ranges[i];
        VERIFY(r->base < r->limit && (i == 0 || p->alloc.ranges[i - 1].limit < r->base),
               "pages_verify: heap ranges out of order at %#zx", r->base);
        for (size_t ci = r->base >> CHUNK_SHIFT; ci < r->limit >> CHUNK_SHIFT; ci++) {
            scavenged += verify_chunk(p, ci);
            verify_density(p, ci);
            verify_leaf(p, ci);
        }
        for (unsigned l = SUMMARY_LEAF; l-- > 0;)
            verify_level(p, l, r);
        mapped += r->limit - r->base;
    }
    verify_spans(p, &sum);
    verify_records(p, &sum);
    /* relaxed: the world is stopped, and the scavenger shut out */
    verify_counter("mapped", atomic_load_explicit(&p->mapped, memory_order_relaxed),
                   mapped + sum.uchunk_pages * GH_PAGE);
    verify_counter("released", atomic_load_explicit(&p->released, memory_order_relaxed),
                   scavenged * GH_PAGE);
    verify_counter("inuse", spans_used_locked(p, SPAN_OBJECTS), sum.in_use_pages * GH_PAGE);
    verify_counter("stacks + gc_work",
                   spans_used_locked(p, SPAN_STACK) + spans_used_locked(p, SPAN_WORK),
                   (sum.pages - sum.in_use_pages) * GH_PAGE);
    lock_release(&p->lock);
    return sum.spans;
}
