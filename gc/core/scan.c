/* scan.c - the inner loops of marking: reference -> mark bit -> object -> its references.
 *
 * A reference found is first put into a small queue and the cache line of its mark bit is
 * fetched; by the time it comes out at the other end, the line is there. An object that turns grey
 * goes onto the worker's buffer (last in, first out) while its own first line is fetched.
 * The throughput of marking is that of these two prefetches (Go: gcDrain, scanobject; the queue
 * as in Cher, Hosking and Vitek, "Software prefetching for mark-sweep garbage collection", 2004). */
#include "gc/core/marker.h"

#include "alloc/base/bits.h"
#include "alloc/spaces/go/markbits.h"
#include "gc/core/marker_crew.h"

/* --- grey objects --- */

/* The buffer is full: continue in the spare one; if that is full too, share it. */
GH_NOINLINE static void
worker_swap_full(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    struct workbuf *b = w->wb;
    w->wb = w->spare;
    w->spare = b;
    if (w->wb->n == WORKBUF_OBJECTS) {
        workbuf_put_full(p, w->wb);
        w->wb = workbuf_get_empty(p);
    }
}

GH_INLINE void
worker_push(struct mark_worker *w, uintptr_t obj)
{
    if (GH_UNLIKELY(w->wb->n == WORKBUF_OBJECTS))
        worker_swap_full(w);
    w->wb->obj[w->wb->n++] = obj;
    __builtin_prefetch((const void *)obj);
}

/* Get a buffer with something in it, from wherever. False if there is none anywhere now. */
GH_NOINLINE static bool
worker_find_work(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    if (w->spare->n > 0) {
        struct workbuf *b = w->wb;
        w->wb = w->spare;
        w->spare = b;
        return true;
    }
    struct workbuf *b = workbuf_try_full(p);
    if (b == NULL)
        return false;
    workbuf_put_empty(p, w->wb);
    w->wb = b;
    return true;
}

/* Others are hungry: give them the spare buffer, or half of this one. Go: handoff. */
GH_NOINLINE static void
worker_share(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    if (workbuf_any_full(p))
        return;
    struct workbuf *b = w->spare;
    if (b->n == 0) {
        if (w->wb->n <= 4)
            return;
        /* the older half: nearer to the roots, so more hangs on it */
        size_t half = w->wb->n / 2;
        for (size_t i = 0; i < half; i++)
            b->obj[i] = w->wb->obj[i];
        for (size_t i = half; i < w->wb->n; i++)
            w->wb->obj[i - half] = w->wb->obj[i];
        w->wb->n -= half;
        b->n = half;
    }
    w->spare = workbuf_get_empty(p);
    workbuf_put_full(p, b);
}

/* --- marking one reference --- */

GH_COLD GH_NORETURN static void
mark_bad_pointer(uintptr_t ref, const struct mspan *s)
{
    if (s == NULL)
        gh_throw("found bad pointer in the heap: %p points into a heap arena, to no span",
                 (void *)ref);
    gh_throw("found bad pointer in the heap: %p points to %s: span.base()=%p span.limit=%p "
             "span.state=%d span.class=%d",
             (void *)ref,
             atomic_load_explicit(&s->state, memory_order_relaxed) == MSPAN_IN_USE
                 ? "an unused region of a span"
                 : "a span that is not in use",
             (void *)s->base, (void *)s->limit,
             (int)atomic_load_explicit(&s->state, memory_order_relaxed), s->span_class);
}

/* Worker 0 alone marks without atomic operations (marker.h, Note [marking crew]). */
GH_INLINE bool
mark_set8(struct mark_worker *w, uint8_t *byte, unsigned bit)
{
    if (w->shared)
        return markbits_set_bit8(byte, bit);
    if (*byte >> bit & 1)
        return false;
    *byte = (uint8_t)(*byte | 1u << bit);
    return true;
}

GH_INLINE bool
mark_set64(struct mark_worker *w, uint64_t *word, unsigned bit)
{
    if (w->shared)
        return markbits_set_bit64(word, bit);
    if (*word >> bit & 1)
        return false;
    *word |= UINT64_C(1) << bit;
    return true;
}

/* The object at `obj` has just turned grey. */
GH_INLINE void
mark_grey(struct mark_worker *w, uintptr_t obj, size_t bytes, bool noscan)
{
    w->objects++;
    w->bytes += bytes;
    if (noscan)
        return;
    w->scan_bytes += bytes;
    worker_push(w, obj);
}

GH_INLINE void
mark_inline(struct mark_worker *w, struct arena *a, uintptr_t ref, unsigned span_class)
{
    uintptr_t page = align_down(ref, GH_PAGE);
    if (GH_UNLIKELY(ref - page >= INLINE_SCANS_OFF))
        mark_bad_pointer(ref, pages_span_of(w->pages, ref));
    size_t size = sizeclass_bytes[span_class >> 1];
    uint32_t i = markbits_inline_index(ref, span_class);
    if (!mark_set8(w, markbits_inline_byte(ref, i), i % 8))
        return;
    markbits_note_page(a, page);
    mark_grey(w, page + i * size, size, span_class & 1);
}

GH_NOINLINE static void
mark_span(struct mark_worker *w, uintptr_t ref)
{
    const struct mspan *s = pages_span_of(w->pages, ref);
    /* acquire: pairs with the release in pages_publish */
    if (s == NULL || atomic_load_explicit(&s->state, memory_order_acquire) != MSPAN_IN_USE)
        mark_bad_pointer(ref, s);
    uint32_t i = mspan_index_of(s, ref);
    if (i >= s->nelems)
        mark_bad_pointer(ref, s);
    if (!mark_set64(w, &s->mark_bits[i / 64], i % 64))
        return;
    /* of a span across arenas the first page's arena is meant */
    markbits_note_page(pages_arena_of(w->pages, s->base), s->base);
    mark_grey(w, s->base + i * s->elemsize, s->elemsize, s->span_class & 1);
}

GH_INLINE void
mark_ref(struct mark_worker *w, uintptr_t ref)
{
    struct arena *a = pages_arena_of(w->pages, ref);
    if (GH_UNLIKELY(a == NULL))
        return; /* not of this heap: the zero-size address, a static object */
    unsigned c = markbits_inline_class(a, ref);
    if (GH_LIKELY(c != 0))
        mark_inline(w, a, ref, c);
    else
        mark_span(w, ref);
}

/* --- the prefetch queue --- */

GH_INLINE void
enqueue(struct mark_worker *w, uintptr_t ref)
{
    __builtin_prefetch((const void *)(align_down(ref, GH_PAGE) + INLINE_MARKS_OFF), 1);
    if (GH_LIKELY(w->queued == MARKER_QUEUE)) {
        uintptr_t oldest = w->queue[w->head];
        w->queue[w->head] = ref;
        w->head = (w->head + 1) % MARKER_QUEUE;
        mark_ref(w, oldest);
    } else {
        w->queue[(w->head + w->queued++) % MARKER_QUEUE] = ref;
    }
}

void
marker_enqueue(struct mark_worker *w, uintptr_t ref)
{
    if (ref != 0)
        enqueue(w, ref);
}

/* --- scanning one object --- */

/* relaxed: a mutator may be storing (never now, with the world stopped; the concurrent
 * collector scans with the same code) */
GH_INLINE void
scan_word(struct mark_worker *w, uintptr_t addr)
{
    uintptr_t v = __atomic_load_n((const uintptr_t *)addr, __ATOMIC_RELAXED);
    if (v != 0)
        enqueue(w, v);
}

/* Words of [from, to) that `t`, repeated from `data` on, says are references. */
static void
scan_typed(struct mark_worker *w, const struct gh_type *t, uintptr_t data, uintptr_t from,
           uintptr_t to)
{
    if (t->size == GH_WORD) {
        for (uintptr_t a = from; a < to; a += GH_WORD)
            scan_word(w, a);
        return;
    }
    size_t ptr_words = t->ptr_bytes / GH_WORD;
    for (uintptr_t tile = from - (from - data) % t->size; tile < to; tile += t->size) {
        for (size_t k = 0; k < ptr_words; k += 64) {
            uint64_t bits = t->ptr_mask[k / 64];
            if (ptr_words - k < 64)
                bits &= bits_low((unsigned)(ptr_words - k));
            for (; bits != 0; bits &= bits - 1) {
                uintptr_t a = tile + (k + bits_ctz(bits)) * GH_WORD;
                if (a >= from && a < to)
                    scan_word(w, a);
            }
        }
    }
}

GH_NOINLINE static void
scan_large(struct mark_worker *w, uintptr_t addr, const struct mspan *s)
{
    uintptr_t end = s->base + s->elemsize;
    if (addr == s->base)
        for (uintptr_t o = addr + MARKER_OBLET; o < end; o += MARKER_OBLET)
            worker_push(w, o);
    uintptr_t to = addr + MARKER_OBLET < end ? addr + MARKER_OBLET : end;
    scan_typed(w, s->large_type, s->base, addr, to);
}

GH_NOINLINE static void
scan_span_object(struct mark_worker *w, uintptr_t obj)
{
    const struct mspan *s = pages_span_of(w->pages, obj);
    if (s->span_class < 2) {
        scan_large(w, obj, s);
    } else if (s->elemsize == GH_WORD) {
        scan_word(w, obj);
    } else {
        const struct gh_type *t = *(const struct gh_type *const *)obj;
        scan_typed(w, t, obj + GH_HEADER, obj + GH_HEADER, obj + s->elemsize);
    }
}

GH_INLINE void
scan_inline_object(struct mark_worker *w, uintptr_t obj, unsigned span_class)
{
    uintptr_t page = align_down(obj, GH_PAGE);
    const uint64_t *bitmap =
        (const uint64_t *)(page + INLINE_SCANS_OFF - SPAN_BITMAP_BYTES);
    unsigned words = sizeclass_bytes[span_class >> 1] / GH_WORD;
    unsigned first = (unsigned)((obj - page) / GH_WORD);
    unsigned shift = first % 64;
    uint64_t bits = bitmap[first / 64] >> shift;
    if (shift + words > 64)
        bits |= bitmap[first / 64 + 1] << (64 - shift);
    for (bits &= bits_low(words); bits != 0; bits &= bits - 1)
        scan_word(w, obj + bits_ctz(bits) * GH_WORD);
}

GH_INLINE void
scan_object(struct mark_worker *w, uintptr_t obj)
{
    unsigned c = markbits_inline_class(pages_arena_of(w->pages, obj), obj);
    if (GH_LIKELY(c != 0))
        scan_inline_object(w, obj, c);
    else
        scan_span_object(w, obj);
}

/* Let `obj` join the end of the queue ahead of scanning (0: nobody), and take the one at its
 * front; 0 if there is none. */
GH_INLINE uintptr_t
ahead_exchange(struct mark_worker *w, uintptr_t obj)
{
    uintptr_t front = w->ahead[w->ahead_at];
    w->ahead[w->ahead_at] = obj;
    w->ahead_at = (w->ahead_at + 1) % MARKER_AHEAD;
    return front;
}

/* The buffer is empty: go on with what is queued. False if nothing is. */
GH_NOINLINE static bool
drain_queues(struct mark_worker *w)
{
    if (w->queued > 0) {
        uintptr_t ref = w->queue[w->head];
        w->head = (w->head + 1) % MARKER_QUEUE;
        w->queued--;
        mark_ref(w, ref);
        return true;
    }
    for (int i = 0; i < MARKER_AHEAD; i++) {
        uintptr_t obj = ahead_exchange(w, 0);
        if (obj != 0) {
            scan_object(w, obj);
            return true;
        }
    }
    return false;
}

void
marker_drain(struct mark_worker *w)
{
    uint64_t wake_at = w->shared ? UINT64_MAX : w->objects + MARKER_WAKE;
    for (unsigned turn = 1;; turn++) {
        if (GH_LIKELY(w->wb->n > 0)) {
            uintptr_t obj = ahead_exchange(w, w->wb->obj[--w->wb->n]);
            if (GH_LIKELY(obj != 0))
                scan_object(w, obj);
        } else if (!drain_queues(w) && !worker_find_work(w)) {
            return;
        }
        if (GH_UNLIKELY(turn % 64 == 0)) {
            if (w->shared && marker_is_hungry(w->marker))
                worker_share(w);
            else if (w->objects >= wake_at) {
                marker_wake_crew(w->marker);
                wake_at = UINT64_MAX;
            }
        }
    }
}
