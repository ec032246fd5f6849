/* spans.c - making and unmaking spans, and what mutators cache for it.
 *
 * A span needs pages and a record. A mutator has both at hand: 64 aligned pages and up to 128
 * records, refilled under one acquisition of PAGES; so most spans of less than 16 pages are
 * made without a lock. Everything else, and whatever the cache cannot serve, goes to the page
 * allocator. Records are never given back to the OS, nor to fixalloc: see pages.h, Note [span
 * map]. Go's counterpart: allocSpan, freeSpanLocked, allocNeedsZero in mheap.go; mpagecache.go.
 *
 * Locks: PAGES for refilling and the slow path. Does not: sweep, or decide when to collect. */
#include "alloc/pages/pages_internal.h"
#include "alloc/pages/stackmem.h"

#include <string.h>

/* Spans below so many pages may come from the page cache (Go: pageCachePages / 4). */
enum { SPANS_CACHED_PAGES = PAGE_CACHE_PAGES / 4 };
enum { SPANS_POPULATE = 2 }; /* pages backed at a time: 16 KiB, some 6 us */
/* How long a whole cache may take. It takes half of that, but milliseconds where the host of a
 * virtual machine has to find the memory first. */
static const int64_t SPANS_POPULATE_NS = INT64_C(300) * 1000;

/* --- open and close --- */

bool
pages_open(struct pages *p, struct os_account *a, struct persistent *per, struct gh_error *err)
{
    memset(p, 0, sizeof(*p));
    p->account = a;
    p->persistent = per;
    if (!pagealloc_open(&p->alloc, a, per, err))
        return false;
    if (!arenas_open(p, err)) {
        pagealloc_close(&p->alloc);
        return false;
    }
    lock_init(&p->lock, LOCK_RANK_PAGES);
    fixalloc_init(&p->span_records, a, sizeof(struct mspan), OS_MSPAN);
    stackmem_open(p);
    atomic_init(&p->scavenge_goal, UINT64_MAX);
    atomic_init(&p->scavenge_limit_goal, UINT64_MAX);
    atomic_init(&p->memory_limit, UINT64_MAX);
    return true;
}

void
pages_close(struct pages *p)
{
    CHECK(p->locals == NULL, "pages_close: a mutator's caches have not been flushed");
    stackmem_close(p);
    fixalloc_finish(&p->span_records);
    arenas_close(p);
    pagealloc_close(&p->alloc);
    lock_finish(&p->lock);
}

/* --- statistics --- */

uint64_t
spans_used_locked(const struct pages *p, enum span_use use)
{
    /* relaxed: pages.h, Note [statistics] */
    uint64_t bytes = atomic_load_explicit(&p->used[use], memory_order_relaxed);
    for (const struct pages_local *l = p->locals; l != NULL; l = l->next)
        bytes += atomic_load_explicit(&l->taken[use], memory_order_relaxed);
    return bytes;
}

static void
spans_add_used(struct pages *p, enum span_use use, uint64_t bytes)
{
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&p->used[use], bytes, memory_order_relaxed);
}

/* Move what the local counted to the shared counters. */
static void
spans_settle_locked(struct pages *p, struct pages_local *l)
{
    for (int u = 0; u < SPAN_USES; u++) {
        /* relaxed: the caller is the only writer, and readers hold the lock as we do */
        uint64_t taken = atomic_load_explicit(&l->taken[u], memory_order_relaxed);
        if (taken == 0)
            continue;
        spans_add_used(p, (enum span_use)u, taken);
        atomic_store_explicit(&l->taken[u], 0, memory_order_relaxed);
    }
}

void
pages_read_stats(struct pages *p, struct pages_stats *out)
{
    lock_acquire(&p->lock);
    out->inuse = spans_used_locked(p, SPAN_OBJECTS);
    out->stacks = spans_used_locked(p, SPAN_STACK);
    out->gc_work = spans_used_locked(p, SPAN_WORK);
    /* relaxed, all of them: statistics */
    out->mapped = atomic_load_explicit(&p->mapped, memory_order_relaxed);
    out->free = out->mapped - out->inuse - out->stacks - out->gc_work;
    out->released = atomic_load_explicit(&p->released, memory_order_relaxed);
    out->mspan_inuse = (uint64_t)(p->nall - p->nspare) * p->span_records.size;
    lock_release(&p->lock);
}

/* --- records --- */

static bool
spans_room_in_all_locked(struct pages *p)
{
    if (p->nall < p->all_cap)
        return true;
    uint32_t cap = p->all_cap == 0 ? 1024 : 2 * p->all_cap;
    struct mspan **all = persistent_alloc(p->persistent, cap * sizeof(*all), 8, OS_OTHER);
    if (all == NULL)
        return false;
    if (p->nall > 0)
        memcpy(all, p->all_spans, p->nall * sizeof(*all));
    p->all_spans = all;
    p->all_cap = cap;
    return true;
}

struct mspan *
spans_get_record_locked(struct pages *p)
{
    struct mspan *s = p->spare_spans;
    if (s != NULL) {
        p->spare_spans = s->next;
        p->nspare--;
        return s;
    }
    if (!spans_room_in_all_locked(p) || (s = fixalloc_get(&p->span_records)) == NULL)
        return NULL;
    s->all_index = p->nall;
    p->all_spans[p->nall++] = s;
    return s;
}

void
spans_put_record_locked(struct pages *p, struct mspan *s)
{
    s->next = p->spare_spans;
    p->spare_spans = s;
    p->nspare++;
}

/* --- what a mutator caches --- */

void
pages_local_init(struct pages_local *l)
{
    memset(l, 0, sizeof(*l));
}

static void
spans_list_local_locked(struct pages *p, struct pages_local *l)
{
    if (l->listed != NULL)
        return;
    l->listed = p;
    l->prev = NULL;
    l->next = p->locals;
    if (p->locals != NULL)
        p->locals->prev = l;
    p->locals = l;
}

static void
spans_unlist_local_locked(struct pages *p, struct pages_local *l)
{
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        p->locals = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    l->listed = NULL;
    l->next = l->prev = NULL;
}

void
pages_local_flush(struct pages *p, struct pages_local *l)
{
    stackmem_flush(p, l);
    lock_acquire(&p->lock);
    if (l->listed != NULL) {
        CHECK(l->listed == p, "pages_local_flush: %p belongs to another heap", (void *)l);
        pagealloc_drain_cache(&p->alloc, &l->pages);
        while (l->nspans > 0)
            spans_put_record_locked(p, l->spans[--l->nspans]);
        spans_settle_locked(p, l);
        spans_unlist_local_locked(p, l);
    }
    lock_release(&p->lock);
}

/* Grow for `npages`. False if the OS refuses. *excess = bytes to scavenge once the lock is
 * free. */
static bool
spans_grow_locked(struct pages *p, size_t npages, uint64_t *excess)
{
    /* relaxed: only written under the lock */
    uint64_t before = atomic_load_explicit(&p->mapped, memory_order_relaxed);
    bool ok = arenas_grow_locked(p, npages);
    uint64_t after = atomic_load_explicit(&p->mapped, memory_order_relaxed);
    *excess = scavenge_excess_locked(p, after - before);
    return ok;
}

/* Whether who owns the cache should come to a safepoint: relaxed, a hint. */
static bool
spans_are_in_a_hurry(const struct pages_local *l)
{
    return l->wanted != NULL && __atomic_load_n(l->wanted, __ATOMIC_RELAXED) == UINTPTR_MAX;
}

/* A cache of nothing but memory that the OS does not back: have it backed, piece by piece,
 * unless somebody waits for us or it takes too long. That costs a fraction of a fault a page,
 * and among many small allocations it is rare enough not to show; for large ones a fault each
 * is better. Not under a memory limit: up to half a MiB waits for its use. */
static void
spans_populate(struct pages *p, struct pages_local *l)
{
    struct page_cache *c = &l->pages;
    /* relaxed: a limit */
    bool limited =
        atomic_load_explicit(&p->memory_limit, memory_order_relaxed) < (uint64_t)INT64_MAX;
    if (!l->small || c->scavenged != UINT64_MAX || limited || p->account->use_madv_free ||
        p->account->hard_decommit)
        return;
    const size_t piece = SPANS_POPULATE * (size_t)GH_PAGE;
    size_t n = 0;
    int64_t until = os_now_ns() + SPANS_POPULATE_NS;
    while (n < PAGE_CACHE_PAGES && !spans_are_in_a_hurry(l) && os_now_ns() < until &&
           os_populate((void *)(c->base + n * GH_PAGE), piece))
        n += SPANS_POPULATE;
    if (n == 0)
        return;
    os_used(p->account, (void *)c->base, n * GH_PAGE);
    /* relaxed: statistics */
    atomic_fetch_sub_explicit(&p->released, n * GH_PAGE, memory_order_relaxed);
    arenas_take_fresh(p, c->base, n);
    c->zero = bits_low((unsigned)n);
    c->scavenged = ~c->zero;
}

/* Fill the cache of pages if it is empty, that of records if it is. Returns how many bytes
 * should be scavenged, as the heap has grown for it. */
static GH_NOINLINE uint64_t
spans_refill_slow(struct pages *p, struct pages_local *l)
{
    uint64_t excess = 0;
    lock_acquire(&p->lock);
    spans_list_local_locked(p, l);
    spans_settle_locked(p, l);
    if (l->nspans == 0) {
        struct mspan *s;
        while (l->nspans < SPAN_CACHE / 2 && (s = spans_get_record_locked(p)) != NULL)
            l->spans[l->nspans++] = s;
    }
    if (l->pages.free == 0) {
        pagealloc_fill_cache(&p->alloc, &l->pages);
        if (l->pages.free == 0 && spans_grow_locked(p, 1, &excess))
            pagealloc_fill_cache(&p->alloc, &l->pages);
    }
    lock_release(&p->lock);
    spans_populate(p, l);
    return excess;
}

/* --- making --- */

/* Pages not backed by memory are about to be used: book them. Returns whether the span's memory
 * may hold old data. After MADV_DONTNEED the kernel gives zeros, so that any page not backed is
 * zero; after MADV_FREE the old data may come back, and only pages above the zeroed base
 * are known to be. */
static GH_NOINLINE bool
spans_use_scavenged(struct pages *p, uintptr_t base, size_t npages, size_t scavenged)
{
    /* only the count matters to the books, not which of the span's pages they are */
    os_used(p->account, (void *)base, scavenged * GH_PAGE);
    os_recommit(p->account, (void *)base, npages * GH_PAGE);
    /* relaxed: statistics */
    atomic_fetch_sub_explicit(&p->released, scavenged * GH_PAGE, memory_order_relaxed);
    bool used_before = arenas_take_fresh(p, base, npages);
    if (!p->account->use_madv_free && scavenged == npages)
        return false;
    return used_before;
}

GH_INLINE void
spans_fill_in(struct pages *p, struct mspan *s, uintptr_t base, size_t npages)
{
    s->base = base;
    s->npages = (uint32_t)npages;
    s->uchunk = NULL;
    s->span_class = 0;
    s->inline_marks = false;
    s->nelems = s->div_magic = 0;
    s->elemsize = 0;
    s->limit = base;
    s->large_type = NULL;
    /* what the space and the stack pool share: zero for either */
    s->freeindex = s->alloc_count = 0;
    s->alloc_bits = s->mark_bits = NULL;
    s->own_bits[0] = s->own_bits[1] = 0;
    s->next = s->prev = NULL;
    arenas_set_spans(p, base, npages, s);
}

void
spans_describe(struct pages *p, struct mspan *s, uintptr_t base, size_t npages)
{
    spans_fill_in(p, s, base, npages);
}

/* Pages and a record are there: make them a span. */
GH_INLINE struct mspan *
spans_make(struct pages *p, struct mspan *s, uintptr_t base, size_t npages, size_t scavenged)
{
    /* memory that is backed has been handed out before: no need to look at the zeroed base */
    bool needzero = true;
    if (scavenged > 0)
        needzero = spans_use_scavenged(p, base, npages, scavenged);

    s->needzero = needzero;
    spans_fill_in(p, s, base, npages);
    return s;
}

/* From the mutator's caches; NULL if they have not what it takes. */
GH_INLINE struct mspan *
spans_alloc_cached(struct pages *p, struct pages_local *l, size_t npages, enum span_use use)
{
    uint64_t excess = 0;
    if (GH_UNLIKELY(l->pages.free == 0 || l->nspans == 0)) {
        excess = spans_refill_slow(p, l);
        if (l->nspans == 0)
            return NULL;
    }
    size_t scavenged;
    bool zero;
    uintptr_t base = page_cache_take(&l->pages, (unsigned)npages, &scavenged, &zero);
    if (base == 0)
        return NULL;
    if (GH_UNLIKELY(scavenged > 0 || excess > 0))
        scavenge_assist(p, excess, scavenged * GH_PAGE);
    struct mspan *s = spans_make(p, l->spans[--l->nspans], base, npages, scavenged);
    if (zero)
        s->needzero = false;
    /* relaxed, not an atomic add: we are the only writer; pages.h, Note [statistics] */
    uint64_t taken = atomic_load_explicit(&l->taken[use], memory_order_relaxed);
    atomic_store_explicit(&l->taken[use], taken + npages * GH_PAGE, memory_order_relaxed);
    return s;
}

static GH_NOINLINE struct mspan *
spans_alloc_slow(struct pages *p, size_t npages, enum span_use use)
{
    size_t scavenged = 0;
    uintptr_t base = 0;
    uint64_t excess = 0;
    lock_acquire(&p->lock);
    struct mspan *s = spans_get_record_locked(p);
    if (s != NULL) {
        base = pagealloc_alloc(&p->alloc, npages, &scavenged);
        if (base == 0 && spans_grow_locked(p, npages, &excess)) {
            base = pagealloc_alloc(&p->alloc, npages, &scavenged);
            CHECK(base != 0, "pages_alloc: no %zu pages in a row after growing for them",
                  npages);
        }
        if (base == 0)
            spans_put_record_locked(p, s);
    }
    lock_release(&p->lock);

    if (base == 0)
        return NULL;
    /* before the books say that the pages are used: what is held stays below the limit */
    scavenge_assist(p, excess, scavenged * GH_PAGE);
    spans_make(p, s, base, npages, scavenged);
    spans_add_used(p, use, npages * GH_PAGE);
    return s;
}

struct mspan *
pages_alloc(struct pages *p, struct pages_local *local, size_t npages, enum span_use use)
{
    struct mspan *s = NULL;
    ASSERT(npages > 0, "pages_alloc: a span of no pages");
    if (GH_LIKELY(local != NULL && npages < SPANS_CACHED_PAGES))
        s = spans_alloc_cached(p, local, npages, use);
    if (GH_UNLIKELY(s == NULL)) {
        s = spans_alloc_slow(p, npages, use);
        if (s == NULL)
            return NULL;
    }
    if (use != SPAN_OBJECTS) {
        /* release: whoever finds the span by address and sees the state sees its fields */
        atomic_store_explicit(&s->state, MSPAN_MANUAL, memory_order_release);
    }
    return s;
}

static _Atomic(uint64_t) *
spans_in_use_word(struct pages *p, const struct mspan *s, uint64_t *bit)
{
    struct arena *a = pages_arena_of(p, s->base);
    size_t page = (s->base % GH_ARENA) / GH_PAGE;
    *bit = UINT64_C(1) << (page % 64);
    return &a->page_in_use[page / 64];
}

void
pages_publish(struct pages *p, struct mspan *s)
{
    uint64_t bit;
    _Atomic(uint64_t) *word = spans_in_use_word(p, s, &bit);
    ASSERT(atomic_load_explicit(&s->state, memory_order_relaxed) == MSPAN_DEAD,
           "pages_publish: span at %#zx is published already", s->base);
    /* relaxed: a hint where to look; the state decides */
    atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    /* release: pairs with the acquire of whoever looks at the state of a span that he found by
     * address or in a list, and then at its fields */
    atomic_store_explicit(&s->state, MSPAN_IN_USE, memory_order_release);
}

/* --- unmaking --- */

/* Take the span out of the arenas' records. From here on its addresses find nothing. */
static void
spans_forget(struct pages *p, struct mspan *s, enum span_use use)
{
    if (use == SPAN_OBJECTS) {
        uint64_t bit;
        _Atomic(uint64_t) *word = spans_in_use_word(p, s, &bit);
        /* relaxed: as in pages_publish */
        atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
        /* only spans of one page have inline marks */
        struct arena *a = pages_arena_of(p, s->base);
        atomic_store_explicit(&a->inline_class[(s->base % GH_ARENA) / GH_PAGE], 0,
                              memory_order_relaxed);
    }
    /* release: pairs as in pages_publish; who sees DEAD has no business with the fields */
    atomic_store_explicit(&s->state, MSPAN_DEAD, memory_order_release);
    arenas_set_spans(p, s->base, s->npages, NULL);
}

void
spans_forget_objects(struct pages *p, struct mspan *s)
{
    spans_forget(p, s, SPAN_OBJECTS);
}

static void
spans_retire(struct pages *p, struct mspan *s, enum span_use use)
{
    /* relaxed: the caller owns the span */
    unsigned state = atomic_load_explicit(&s->state, memory_order_relaxed);
    CHECK(pages_span_of(p, s->base) == s && (use == SPAN_OBJECTS) == (state != MSPAN_MANUAL),
          "pages_free: span %p at %#zx, state %u, use %d: freed before, or of another use",
          (void *)s, s->base, state, (int)use);
    CHECK(s->specials == NULL, "pages_free: span %#zx still has special records", s->base);
    spans_forget(p, s, use);
    spans_add_used(p, use, -(uint64_t)s->npages * GH_PAGE);
}

/* Pages of retired spans, and their records, become free. */
static void
spans_free_locked(struct pages *p, struct mspan *const *spans, size_t n)
{
    for (size_t i = 0; i < n;) {
        uintptr_t base = spans[i]->base, end = base;
        for (; i < n && spans[i]->base == end; i++) {
            end += spans[i]->npages * (size_t)GH_PAGE;
            spans_put_record_locked(p, spans[i]);
        }
        pagealloc_free(&p->alloc, base, (end - base) / GH_PAGE);
    }
}

void
pages_free(struct pages *p, struct mspan *s, enum span_use use)
{
    spans_retire(p, s, use);
    lock_acquire(&p->lock);
    spans_free_locked(p, &s, 1);
    lock_release(&p->lock);
}

void
pages_free_objects(struct pages *p, struct mspan *const *spans, size_t n)
{
    for (size_t i = 0; i < n; i++)
        spans_retire(p, spans[i], SPAN_OBJECTS);
    lock_acquire(&p->lock);
    spans_free_locked(p, spans, n);
    lock_release(&p->lock);
}
