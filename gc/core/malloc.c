/* malloc.c - the slow path of allocation, where all rooms meet: safepoint, next run,
 * collection, next span, accounts. The space hands out runs and knows nothing of all this. Go:
 * malloc.go.
 *
 * Contexts: owner mutator, running. Everything here can be a safepoint. */
#include "gc/core/malloc.h"

#include "alloc/base/clear.h"

#include <inttypes.h>

enum { MALLOC_CLEAR_PIECE = 256 * 1024 }; /* bytes: some 10 us (Go: the same) */

static const uint64_t ALLOC_MAX = UINT64_C(1) << (GH_ADDR_BITS - 1);

/* Every zero-size object lives here. */
static uint64_t malloc_zerobase;

GH_COLD GH_NORETURN static void
malloc_fail(struct gh_heap *heap, size_t bytes)
{
    gh_throw("out of memory: cannot allocate %zu-byte block (%" PRIu64 " in use)", bytes,
             /* relaxed: for the message */
             atomic_load_explicit(&heap->account.ready, memory_order_relaxed));
}

/* Collect if the next `bytes` would take the heap past its trigger. */
static void
malloc_collect_if_due(struct mutator *m, size_t bytes)
{
    struct gh_heap *heap = m->pub.heap;
    bool due = pacer_is_due(&heap->pacer, bytes);
    if (GH_UNLIKELY(due))
        heap->collector->collect(heap, m, GC_TRIGGER_HEAP);
    else if (GH_TORTURE && bytes == 0 && heap->pacer.gogc >= 0)
        heap->collector->collect(heap, m, GC_TRIGGER_TORTURE);
}

GH_COLD void
malloc_last_resort(struct mutator *m)
{
    struct gh_heap *heap = m->pub.heap;
    heap->collector->collect(heap, m, GC_TRIGGER_FORCED);
    gospace_finish_sweep(&heap->space);
}

/* A run was taken, or goes on. Born black, it needs no barrier: barrier.h, Note [hybrid
 * barrier]. */
GH_INLINE void
malloc_note_fresh(struct mutator *m, unsigned span_class)
{
    const struct gh_run *r = &m->pub.runs[span_class];
    if (GH_LIKELY(!m->cache.black) || m->pub.fresh + m->pub.fresh_bytes == r->end)
        return;
    m->pub.fresh = r->next;
    m->pub.fresh_bytes = r->end - r->next;
}

/* The run of `span_class` is used up: make sure that there is a slot in it. */
GH_NOINLINE static void
malloc_refill(struct mutator *m, unsigned span_class, uint64_t mask)
{
    struct gh_heap *heap = m->pub.heap;
    mutator_safepoint(m);
    if (GH_LIKELY(gospace_next_run(&heap->space, &m->cache, span_class, mask))) {
        malloc_note_fresh(m, span_class);
        return;
    }
    malloc_collect_if_due(m, 0);
    assist_pay(m);
    gospace_deduct_sweep_credit(&heap->space, &m->cache,
                                sizeclass_pages[span_class >> 1] * (size_t)GH_PAGE, 0,
                                pacer_live(&heap->pacer));
    struct refill took = {0};
    if (!gospace_refill(&heap->space, &m->cache, span_class, mask, &took)) {
        malloc_last_resort(m);
        if (!gospace_refill(&heap->space, &m->cache, span_class, mask, &took))
            malloc_fail(heap, sizeclass_pages[span_class >> 1] * (size_t)GH_PAGE);
    }
    malloc_note_fresh(m, span_class);
    malloc_book(m, &took);
}

void
malloc_prepare(struct mutator *m, size_t bytes, size_t caller_sweeps_pages)
{
    struct gh_heap *heap = m->pub.heap;
    mutator_safepoint(m);
    malloc_collect_if_due(m, bytes);
    assist_charge(m, bytes);
    assist_pay(m);
    assist_charge(m, (size_t)0 - bytes); /* what is really taken is booked afterwards */
    gospace_deduct_sweep_credit(&heap->space, &m->cache, bytes, caller_sweeps_pages,
                                pacer_live(&heap->pacer));
}

/* Clear a large object that nobody knows of yet; a safepoint every so often. */
static void
malloc_clear(struct mutator *m, void *p, const struct refill *took)
{
    m->newborn = p;
    for (size_t at = 0; at < took->clear_bytes; at += MALLOC_CLEAR_PIECE) {
        size_t left = took->clear_bytes - at;
        clear_memory((char *)p + at, left < MALLOC_CLEAR_PIECE ? left : MALLOC_CLEAR_PIECE,
                     took->clear_streaming);
        mutator_safepoint(m);
    }
    m->newborn = NULL;
}

static void *
malloc_large(struct mutator *m, size_t bytes, const struct gh_type *type)
{
    struct gh_heap *heap = m->pub.heap;
    malloc_prepare(m, bytes, bytes / GH_PAGE);
    struct refill took = {0};
    void *p = gospace_alloc_large(&heap->space, &m->cache, bytes, type, &took);
    if (p == NULL) {
        malloc_last_resort(m);
        p = gospace_alloc_large(&heap->space, &m->cache, bytes, type, &took);
        if (p == NULL)
            malloc_fail(heap, bytes);
    }
    malloc_book(m, &took);
    if (took.clear_bytes > 0)
        malloc_clear(m, p, &took);
    return p;
}

/* A slot of `slot_bytes` from the run of a small span class. */
GH_INLINE uintptr_t
malloc_slot(struct mutator *m, unsigned span_class, size_t slot_bytes, uint64_t mask)
{
    struct gh_run *r = &m->pub.runs[span_class];
    if (GH_UNLIKELY(r->next + slot_bytes > r->limit))
        malloc_refill(m, span_class, mask);
    uintptr_t p = r->next;
    r->next = p + slot_bytes;
    return p;
}

void *
gh_new_dress(uintptr_t p, const struct gh_type *t)
{
    if (t->layout == GH_LAYOUT_HEADER) {
        *(const struct gh_type **)p = t;
        return (void *)(p + GH_HEADER);
    }
    if (t->layout == GH_LAYOUT_BITS)
        gospace_write_bits(p, t->slot_bytes, t->run_mask);
    return (void *)p;
}

void *
gh_new_slow(struct gh_mutator *pub, const struct gh_type *t)
{
    struct mutator *m = mutator_of(pub);
    switch (t->layout) {
    case GH_LAYOUT_TINY:
        return gh_new_tiny(pub, t->size);
    case GH_LAYOUT_LARGE:
        return malloc_large(m, t->size, t->ptr_bytes > 0 ? t : NULL);
    case GH_LAYOUT_NOSCAN:
    case GH_LAYOUT_BITS:
    case GH_LAYOUT_HEADER:
        break;
    }
    struct gh_run *r = &pub->runs[t->span_class];
    uint64_t mask = t->layout == GH_LAYOUT_BITS ? t->run_mask : 0;
    uintptr_t p = malloc_slot(m, t->span_class, t->slot_bytes, mask);
    return r->mask != t->run_mask ? gh_new_dress(p, t) : (void *)p;
}

/* A new block; of it and the old one, the one with more room left is kept. */
void *
gh_new_tiny_slow(struct gh_mutator *m, size_t bytes)
{
    uintptr_t p = malloc_slot(mutator_of(m), GH_TINY_CLASS << 1 | 1, GH_TINY_SIZE, 0);
    if (bytes < m->tiny_offset || m->tiny == 0) {
        m->tiny = p;
        m->tiny_offset = (uint32_t)bytes;
    }
    return (void *)p;
}

void *
gh_new_bytes_slow(struct gh_mutator *m, size_t bytes)
{
    if (bytes == 0)
        return &malloc_zerobase;
    if (bytes > GH_SMALL_MAX) {
        CHECK(bytes < ALLOC_MAX, "gh_new_bytes: %zu bytes is beyond the address space", bytes);
        return malloc_large(mutator_of(m), bytes, NULL);
    }
    unsigned c = sizeclass_of(bytes);
    return (void *)malloc_slot(mutator_of(m), c << 1 | 1, sizeclass_bytes[c], 0);
}

/* The mask of an object of `n` values of `t`; together at most 64 words. */
static uint64_t
malloc_array_mask(const struct gh_type *t, size_t n)
{
    uint64_t one = t->ptr_mask[0];
    size_t words = t->size / GH_WORD, ptr_words = t->ptr_bytes / GH_WORD;
    if (ptr_words < 64)
        one &= (UINT64_C(1) << ptr_words) - 1;
    uint64_t mask = 0;
    for (size_t i = 0; i < n; i++)
        mask |= one << (i * words);
    return mask;
}

void *
gh_new_array(struct gh_mutator *pub, const struct gh_type *t, size_t n)
{
    struct mutator *m = mutator_of(pub);
    size_t bytes;
    bool overflow = __builtin_mul_overflow(n, t->size, &bytes);
    CHECK(!overflow && bytes < ALLOC_MAX,
          "gh_new_array: %zu values of %s (%zu bytes each) are beyond the address space", n,
          t->name, t->size);
    if (t->ptr_bytes == 0 || bytes == 0)
        return gh_new_bytes(pub, bytes);
    if (bytes > GH_SMALL_MAX)
        return malloc_large(m, bytes, t);
    if (bytes > GH_HEADER_MIN) {
        unsigned c = sizeclass_of(bytes + GH_HEADER);
        uintptr_t p = malloc_slot(m, c << 1, sizeclass_bytes[c], 0);
        *(const struct gh_type **)p = t;
        return (void *)(p + GH_HEADER);
    }
    unsigned c = sizeclass_of(bytes);
    uint64_t mask = malloc_array_mask(t, n);
    uintptr_t p = malloc_slot(m, c << 1, sizeclass_bytes[c], mask);
    if (pub->runs[c << 1].mask != mask)
        gospace_write_bits(p, sizeclass_bytes[c], mask);
    return (void *)p;
}
