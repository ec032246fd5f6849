/* specials_roots.c - what specials keep alive: for marking, for the verifier, and the check of
 * the lists themselves.
 *
 * An object with a finalizer is no root, or it would never die; but all that it leads to is, so
 * that the finalizer finds it whole. Roots are, besides, the ctx of finalizers and cleanups,
 * the weak pointers (not what they point to), pinned objects, what is queued, and what a
 * function holds over a safepoint. Go: markrootSpans, gcScanFinalizer (mgcmark.go).
 *
 * Contexts and locks: specials.h, Note [specials]. */
#include "gc/core/heap.h"

#include "alloc/base/bits.h"
#include "alloc/spaces/go/markbits.h"

/* --- what an object leads to --- */

/* Values of `t`, one after the other. */
static void
refs_typed(const struct gh_type *t, uintptr_t from, uintptr_t to,
           void (*fn)(void *ctx, void **slot), void *ctx)
{
    for (uintptr_t value = from; value < to; value += t->size)
        for (size_t k = 0; k < t->ptr_bytes / GH_WORD; k++)
            if ((t->ptr_mask[k / 64] >> k % 64 & 1) && value + k * GH_WORD < to)
                fn(ctx, (void **)(value + k * GH_WORD));
}

static void
refs_bitmap(const struct object_ref *o, void (*fn)(void *ctx, void **slot), void *ctx)
{
    const struct mspan *s = o->span;
    const uint64_t *map = mspan_bitmap(s->base, s->inline_marks);
    for (uintptr_t a = o->base; a < o->base + s->elemsize; a += GH_WORD) {
        size_t w = (a - s->base) / GH_WORD;
        /* relaxed: the owner may be preparing a run beside the object */
        if (__atomic_load_n(&map[w / 64], __ATOMIC_RELAXED) >> w % 64 & 1)
            fn(ctx, (void **)a);
    }
}

void
specials_each_ref(const struct object_ref *o, void (*fn)(void *ctx, void **slot), void *ctx)
{
    const struct mspan *s = o->span;
    uintptr_t end = o->base + s->elemsize;
    if (s->span_class & 1)
        return;
    if (s->span_class == 0)
        refs_typed(s->large_type, o->base, end, fn, ctx);
    else if (s->elemsize > GH_HEADER_MIN)
        refs_typed(*(const struct gh_type *const *)o->base, o->base + GH_HEADER, end, fn, ctx);
    else
        refs_bitmap(o, fn, ctx);
}

/* --- walking --- */

static void
walk_span(struct specials *sp, struct mspan *s,
          void (*fn)(void *ctx, struct mspan *s, struct special *r), void *ctx)
{
    struct specials_shard *shard = specials_shard_of(sp, s);
    lock_acquire(&shard->lock);
    for (struct special *r = s->specials; r != NULL; r = r->next)
        fn(ctx, s, r);
    lock_release(&shard->lock);
}

/* The spans that begin in one piece of an arena. */
static void
walk_piece(struct specials *sp, const struct arena *a, size_t piece,
           void (*fn)(void *ctx, struct mspan *s, struct special *r), void *ctx)
{
    enum { WORDS = SPECIALS_PIECE / 64 };
    for (size_t w = piece * WORDS; w < (piece + 1) * WORDS; w++) {
        /* relaxed: the list's lock follows; who sets a bit meanwhile has shaded */
        uint64_t bits = atomic_load_explicit(&a->page_specials[w], memory_order_relaxed);
        for (; bits != 0; bits &= bits - 1)
            /* relaxed: a span with specials is not freed before the next sweep */
            walk_span(
                sp,
                atomic_load_explicit(&a->spans[w * 64 + bits_ctz(bits)], memory_order_relaxed),
                fn, ctx);
    }
}

/* The arenas there are. A list that grows leaves the old one in place. */
static size_t
walk_arenas(struct specials *sp, struct arena *const **arenas)
{
    struct pages *p = &sp->heap->pages;
    lock_acquire(&p->lock);
    size_t n = p->narenas;
    *arenas = p->all_arenas;
    lock_release(&p->lock);
    return n;
}

void
specials_walk(struct specials *sp, void (*fn)(void *ctx, struct mspan *s, struct special *r),
              void *ctx)
{
    struct arena *const *arenas;
    size_t n = walk_arenas(sp, &arenas);
    for (size_t i = 0; i < n * SPECIALS_ARENA_PIECES; i++)
        walk_piece(sp, arenas[i / SPECIALS_ARENA_PIECES], i % SPECIALS_ARENA_PIECES, fn, ctx);
}

/* --- roots --- */

static void
visit_record(void *ctx, struct mspan *s, struct special *r)
{
    const struct specials_visitor *v = ctx;
    switch ((enum special_kind)r->kind) {
    case SPECIAL_FINALIZER:
        v->contents(v->ctx, s->base + mspan_index_of(s, r->at) * s->elemsize);
        v->root(v->ctx, &r->finalizer.ctx);
        break;
    case SPECIAL_WEAK:
        v->root(v->ctx, (void **)&r->weak);
        break;
    case SPECIAL_PIN:
        v->root(v->ctx, (void **)&r->at);
        break;
    case SPECIAL_CLEANUP:
        v->root(v->ctx, &r->cleanup.ctx);
        break;
    }
}

static void
visit_queue(struct finalizers *f, const struct specials_visitor *v)
{
    lock_acquire(&f->lock);
    for (struct special *r = f->first; r != NULL; r = r->next) {
        if (r->kind == SPECIAL_FINALIZER) {
            v->root(v->ctx, (void **)&r->at);
            v->root(v->ctx, &r->finalizer.ctx);
        } else {
            v->root(v->ctx, &r->cleanup.ctx);
        }
    }
    lock_release(&f->lock);
}

/* What is in no span's list. */
static void
visit_rest(struct specials *sp, const struct specials_visitor *v)
{
    visit_queue(&sp->finalizers, v);
    lock_acquire(&sp->hold_lock);
    for (struct special_hold *h = sp->holds; h != NULL; h = h->next)
        v->root(v->ctx, &h->ref);
    lock_release(&sp->hold_lock);
}

void
specials_visit(struct specials *sp, const struct specials_visitor *v)
{
    specials_walk(sp, visit_record, (void *)(uintptr_t)v);
    visit_rest(sp, v);
}

/* --- marking --- */

static void
mark_root(void *ctx, void **slot)
{
    marker_enqueue(ctx, (uintptr_t)*slot);
}

/* A word of an object. */
static void
mark_word(void *ctx, void **slot)
{
    marker_enqueue(ctx, specials_load(slot));
}

static void
mark_contents(void *ctx, uintptr_t base)
{
    struct mark_worker *w = ctx;
    struct object_ref o = {.span = pages_span_of(w->pages, base), .base = base};
    specials_each_ref(&o, mark_word, w);
}

static struct specials_visitor
mark_visitor(struct mark_worker *w)
{
    return (struct specials_visitor){.ctx = w, .root = mark_root, .contents = mark_contents};
}

void
specials_mark_roots_stw(struct gh_heap *heap, struct mark_worker *w)
{
    struct specials_visitor v = mark_visitor(w);
    specials_visit(&heap->specials, &v);
}

/* Whether there is anything to mark. What is added later is marked by whoever adds it. */
static bool
mark_any_stw(const struct specials *sp)
{
    bool any = sp->holds != NULL;
    for (unsigned i = 0; i < SPECIALS_SHARDS; i++)
        any |= sp->shards[i].records.inuse_bytes > 0; /* in a list, or in the queue */
    return any;
}

void
specials_start_stw(struct specials *sp)
{
    sp->npieces =
        mark_any_stw(sp) ? walk_arenas(sp, &sp->arenas) * SPECIALS_ARENA_PIECES + 1 : 0;
    /* relaxed: starting the world orders both before any marking */
    atomic_store_explicit(&sp->claimed, 0, memory_order_relaxed);
    atomic_store_explicit(&sp->left, sp->npieces, memory_order_relaxed);
}

bool
specials_mark_piece(struct specials *sp, struct mark_worker *w)
{
    /* relaxed: hands out numbers */
    size_t i = atomic_fetch_add_explicit(&sp->claimed, 1, memory_order_relaxed);
    if (i >= sp->npieces)
        return false;
    struct specials_visitor v = mark_visitor(w);
    bool silent = w->silent;
    w->silent = true; /* a shard's lock is held */
    if (i == sp->npieces - 1)
        visit_rest(sp, &v);
    else
        walk_piece(sp, sp->arenas[i / SPECIALS_ARENA_PIECES], i % SPECIALS_ARENA_PIECES,
                   visit_record, &v);
    w->silent = silent;
    /* seq_cst: see specials_any_left */
    atomic_fetch_sub_explicit(&sp->left, 1, memory_order_seq_cst);
    return true;
}

/* --- the check --- */

static void
verify_record(const struct gh_heap *heap, struct mspan *s, const struct special *r)
{
    VERIFY(r->at >= s->base && r->at < s->limit,
           "specials_verify_stw: span %#zx has a record for %#zx", s->base, r->at);
    VERIFY(!gospace_is_free(s, mspan_index_of(s, r->at)),
           "specials_verify_stw: a record of kind %u for %#zx, which is free", r->kind, r->at);
    VERIFY(&heap->specials.shards[r->shard] ==
               specials_shard_of((struct specials *)(uintptr_t)&heap->specials, s),
           "specials_verify_stw: the record of %#zx is of shard %u", r->at, r->shard);
    const struct special *next = r->next;
    VERIFY(next == NULL || next->at > r->at ||
               (next->at == r->at && (next->kind > r->kind || (next->kind == SPECIAL_CLEANUP &&
                                                               r->kind == SPECIAL_CLEANUP))),
           "specials_verify_stw: after the record of kind %u for %#zx comes one of kind %u for "
           "%#zx",
           r->kind, r->at, next->kind, next->at);
    if (r->kind == SPECIAL_WEAK)
        VERIFY(weak_address(r->weak) == r->at,
               "specials_verify_stw: the weak pointer for %#zx has %#zx", r->at,
               weak_address(r->weak));
    if (r->kind == SPECIAL_PIN)
        VERIFY(r->pins > 0, "specials_verify_stw: %#zx is pinned 0 times", r->at);
}

/* Records in the span's list, each checked. */
static size_t
verify_span(struct gh_heap *heap, struct mspan *s)
{
    size_t n = 0;
    /* relaxed: the world is stopped */
    if (atomic_load_explicit(&s->state, memory_order_relaxed) != MSPAN_IN_USE) {
        VERIFY(s->specials == NULL, "specials_verify_stw: span %#zx is not in use", s->base);
        return 0;
    }
    for (const struct special *r = s->specials; r != NULL; r = r->next, n++)
        verify_record(heap, s, r);
    return n;
}

/* How many page_specials bits are set; each leads to a list. */
static size_t
verify_bits(struct gh_heap *heap)
{
    size_t n = 0;
    struct pages *p = &heap->pages;
    for (uint32_t i = 0; i < p->narenas; i++)
        for (uint32_t k = 0; k < GH_PAGES_PER_ARENA; k++) {
            const struct arena *a = p->all_arenas[i];
            uint64_t word =
                atomic_load_explicit(&a->page_specials[k / 64], memory_order_relaxed);
            if ((word >> k % 64 & 1) == 0)
                continue;
            n++;
            const struct mspan *s = atomic_load_explicit(&a->spans[k], memory_order_relaxed);
            VERIFY(s != NULL && s->specials != NULL &&
                       s->base == p->arena_base[i] + (uintptr_t)k * GH_PAGE,
                   "specials_verify_stw: page %u of arena %u has the bit, and no records", k,
                   i);
        }
    return n;
}

size_t
specials_verify_stw(struct gh_heap *heap)
{
    struct specials *sp = &heap->specials;
    struct pages *p = &heap->pages;
    size_t records = 0, spans = 0, taken = 0;
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < p->nall; i++) {
        records += verify_span(heap, p->all_spans[i]);
        spans += p->all_spans[i]->specials != NULL;
    }
    size_t bits = verify_bits(heap);
    lock_release(&p->lock);
    VERIFY(bits == spans, "specials_verify_stw: %zu spans have records, %zu bits are set",
           spans, bits);
    for (const struct special *r = sp->finalizers.first; r != NULL; r = r->next)
        records++;
    for (unsigned i = 0; i < SPECIALS_SHARDS; i++)
        taken += sp->shards[i].records.inuse_bytes / sp->shards[i].records.size;
    VERIFY(records == taken,
           "specials_verify_stw: %zu records are in lists and queue, %zu were handed out",
           records, taken);
    return records;
}
