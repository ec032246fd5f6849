/* verify.c - is the heap what the collector believes it is?
 *
 * verify_marks_stw traces the heap once more, with nothing in common with scan.c but the layout
 * of objects: one thread, a set of visited addresses in ordinary memory, object lookup through
 * span records, references by specials_each_ref. What it reaches must be marked; the caller
 * compares the counts, so nothing else may be. Go: gccheckmark.
 * verify_heap_stw asks each room to check its own books. */
#include "gc/core/heap.h"

#include "alloc/pages/uchunk.h"
#include "alloc/spaces/go/markbits.h"

#include <stdlib.h>

/* A set of addresses (open addressing, 0 = empty) that doubles as the tracer's queue: `order`
 * lists them as they were found. */
struct verify_set {
    struct gh_heap *heap;
    uintptr_t *table, *order;
    size_t cap, n;
};

static void
verify_table_put(uintptr_t *table, size_t cap, uintptr_t v)
{
    size_t i = (v * UINT64_C(0x9E3779B97F4A7C15)) >> 20 & (cap - 1);
    while (table[i] != 0 && table[i] != v)
        i = (i + 1) & (cap - 1);
    table[i] = v;
}

static bool
verify_set_has(const struct verify_set *s, uintptr_t v)
{
    size_t i = (v * UINT64_C(0x9E3779B97F4A7C15)) >> 20 & (s->cap - 1);
    while (s->table[i] != 0 && s->table[i] != v)
        i = (i + 1) & (s->cap - 1);
    return s->table[i] == v;
}

static void
verify_set_grow(struct verify_set *s)
{
    size_t cap = s->cap == 0 ? 1 << 12 : s->cap * 2;
    uintptr_t *table = calloc(cap, sizeof *table);
    uintptr_t *order = realloc(s->order, cap / 2 * sizeof *order);
    CHECK(table != NULL && order != NULL, "verify: out of memory for %zu objects", cap);
    for (size_t i = 0; i < s->n; i++)
        verify_table_put(table, cap, order[i]);
    free(s->table);
    s->table = table;
    s->order = order;
    s->cap = cap;
}

/* A reference was met at `slot`. */
static void
verify_visit(void *ctx, void **slot)
{
    struct verify_set *s = ctx;
    uintptr_t ref = (uintptr_t)*slot;
    struct object_ref o;
    if (ref == 0 || pages_arena_of(&s->heap->pages, ref) == NULL)
        return;
    VERIFY(gospace_find_object(&s->heap->space, ref, &o),
           "verify: slot %p holds %p, which is in no object", (void *)slot, (void *)ref);
    VERIFY(!gospace_is_free(o.span, o.index),
           "verify: slot %p holds %p, a free slot of class %u", (void *)slot, (void *)ref,
           o.span->span_class);
    VERIFY(markbits_is_set(o.span, o.index),
           "verify: slot %p holds %p, reachable but not marked (class %u)", (void *)slot,
           (void *)ref, o.span->span_class);
    if (verify_set_has(s, o.base))
        return;
    if (s->n == s->cap / 2)
        verify_set_grow(s);
    verify_table_put(s->table, s->cap, o.base);
    s->order[s->n++] = o.base;
}

static void
verify_uchunk(struct verify_set *s, const struct uchunk *c)
{
    for (uintptr_t a = c->base; a < uchunk_scan_end(c); a += GH_WORD) {
        size_t w = (a - c->base) / GH_WORD;
        if (c->bits[w / 64] >> (w % 64) & 1)
            verify_visit(s, (void **)a);
    }
}

static void
verify_object(struct verify_set *s, uintptr_t obj)
{
    struct object_ref o;
    VERIFY(gospace_find_object(&s->heap->space, obj, &o), "verify: lost object %p",
           (void *)obj);
    if (o.span->uchunk != NULL)
        verify_uchunk(s, o.span->uchunk);
    else
        specials_each_ref(&o, verify_visit, s);
}

/* What an object with a finalizer leads to is kept, whether it is reachable or not. */
static void
verify_contents(void *set, uintptr_t obj)
{
    verify_object(set, obj);
}

size_t
verify_marks_stw(struct gh_heap *heap)
{
    struct verify_set s = {.heap = heap};
    verify_set_grow(&s);
    roots_scan_stw(&heap->roots, verify_visit, &s);
    side_roots_visit(&heap->side_roots, verify_visit, &s);
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m))
        stack_scan(m, verify_visit, &s);
    struct specials_visitor v = {.ctx = &s, .root = verify_visit, .contents = verify_contents};
    specials_visit(&heap->specials, &v);
    for (size_t i = 0; i < s.n; i++)
        verify_object(&s, s.order[i]);
    free(s.table);
    free(s.order);
    return s.n;
}

void
verify_heap_stw(struct gh_heap *heap)
{
    gospace_verify_stw(&heap->space);
    pages_verify_stw(&heap->pages);
    specials_verify_stw(heap);
    struct gh_memstats stats;
    struct gh_error err;
    heap_read_memstats_stw(heap, &stats);
    VERIFY(gh_memstats_check(&stats, &err), "verify: %s", err.text);
}
