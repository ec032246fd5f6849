/* scan.c - draining: grey pages and objects become black, references found turn others grey.
 *
 * Here are the order of work and the objects that have no inline marks: larger than 512 bytes
 * (a type in the header or in the span record), and the 8-byte class. Pages of small objects
 * are in scan_page.c, single references in mark_ref.h. Go: gcDrain, scanobject. */
#include "alloc/pages/uchunk.h"
#include "gc/core/mark_ref.h"
#include "gc/core/marker_crew.h"

#include <string.h>

/* --- buffers --- */

/* There is something for others. */
static void
worker_announce(const struct mark_worker *w)
{
    const struct marker *k = w->marker;
    if (!w->silent && k->published != NULL)
        k->published(k->published_ctx);
}

/* Publish a buffer. */
static void
worker_put_full(struct mark_worker *w, struct workbuf *b)
{
    workbuf_put_full(&w->marker->bufs, b);
    worker_announce(w);
}

/* The buffer is full: continue in the spare one; if that is full too, share it. */
void
worker_swap_full(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    struct workbuf *b = w->wb;
    w->wb = w->spare;
    w->spare = b;
    if (w->wb->n == WORKBUF_OBJECTS) {
        worker_put_full(w, w->wb);
        w->wb = workbuf_get_empty(p);
    }
}

/* Move the `n` oldest queued pages into an empty buffer and publish it. Returns how many it
 * were, because thieves may be faster. */
static unsigned
worker_publish_pages(struct mark_worker *w, unsigned n)
{
    struct workbuf *b = workbuf_get_empty(&w->marker->bufs);
    uintptr_t entry;
    while (b->n < n && b->n < WORKBUF_OBJECTS && (entry = page_queue_pop(&w->page_queue)) != 0)
        b->obj[b->n++] = entry;
    n = (unsigned)b->n;
    if (n > 0)
        worker_put_full(w, b);
    else
        workbuf_put_empty(&w->marker->bufs, b);
    return n;
}

void
worker_spill_pages(struct mark_worker *w)
{
    worker_publish_pages(w, PAGE_QUEUE / 2);
}

/* Half of the queued pages of whoever has some. False if nobody does. */
static bool
worker_steal_pages(struct mark_worker *w)
{
    const struct marker *k = w->marker;
    unsigned n = marker_victims(k);
    for (unsigned i = 0; i < n; i++) {
        struct mark_worker *victim = k->victims[(w->victim + i) % n];
        if (victim == w || !page_queue_steal(&victim->page_queue, &w->page_queue))
            continue;
        w->victim = (w->victim + i) % n;
        return true;
    }
    return false;
}

/* Get a buffer with something in it, or pages, from wherever. False if there is none anywhere
 * now. */
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
        return worker_steal_pages(w);
    workbuf_put_empty(p, w->wb);
    w->wb = b;
    return true;
}

/* Others are hungry: give them the spare buffer, half of the queued pages, or half of the
 * buffer, the older one: it is nearer to the roots, so that more hangs on it. Pages that can be
 * stolen need only be told of, for those who sleep. Go: handoff. */
GH_NOINLINE static void
worker_share(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    unsigned pages = page_queue_count(&w->page_queue);
    if (workbuf_any_full(p))
        return;
    if (w->stealable && page_queue_any(&w->page_queue)) {
        worker_announce(w);
        return;
    }
    if (w->spare->n == 0) {
        if (pages > 1) {
            worker_publish_pages(w, pages / 2);
            return;
        }
        if (w->wb->n <= 4)
            return;
        size_t half = w->wb->n / 2;
        memcpy(w->spare->obj, w->wb->obj, half * sizeof w->wb->obj[0]);
        memmove(w->wb->obj, w->wb->obj + half, (w->wb->n - half) * sizeof w->wb->obj[0]);
        w->wb->n -= half;
        w->spare->n = half;
    }
    struct workbuf *b = w->spare;
    w->spare = workbuf_get_empty(p);
    worker_put_full(w, b);
}

/* --- marking through the span record --- */

void
mark_bad_pointer(const struct mark_worker *w, uintptr_t ref, const struct mspan *s)
{
    if (w->marker->ignore_bad_pointers)
        return;
    if (s == NULL)
        gh_throw("found bad pointer in the heap: %p points into a heap arena, to no span",
                 (void *)ref);
    /* relaxed: for the message */
    unsigned state = atomic_load_explicit(&s->state, memory_order_relaxed);
    gh_throw("found bad pointer in the heap: %p points to %s: span.base()=%p span.limit=%p "
             "span.state=%u span.class=%u",
             (void *)ref,
             state == MSPAN_IN_USE ? "an unused region of a span" : "a span that is not in use",
             (void *)s->base, (void *)s->limit, state, s->span_class);
}

static bool
mark_set64(struct mark_worker *w, uint64_t *word, unsigned bit)
{
    if (w->shared)
        return markbits_set_bit64(word, bit);
    if (*word >> bit & 1)
        return false;
    *word |= UINT64_C(1) << bit;
    return true;
}

void
mark_in_span(struct mark_worker *w, uintptr_t ref)
{
    const struct mspan *s = pages_span_of(w->pages, ref);
    /* acquire: pairs with the release in pages_publish */
    if (s == NULL || atomic_load_explicit(&s->state, memory_order_acquire) != MSPAN_IN_USE) {
        mark_bad_pointer(w, ref, s);
        return;
    }
    uint32_t i = mspan_index_of(s, ref);
    if (i >= s->nelems) {
        mark_bad_pointer(w, ref, s);
        return;
    }
    if (!mark_set64(w, &s->mark_bits[i / 64], i % 64))
        return;
    markbits_note_page(pages_arena_of(w->pages, s->base), s->base);
    w->marked[s->span_class]++;
    if (s->span_class < 2)
        w->large_bytes[s->span_class] += s->elemsize;
    uintptr_t obj = s->base + i * s->elemsize;
    if ((s->span_class & 1) == 0) {
        __builtin_prefetch((const void *)obj);
        worker_push(w, obj);
    }
}

void
marker_enqueue(struct mark_worker *w, uintptr_t ref)
{
    if (ref != 0)
        enqueue(w, ref);
}

/* --- scanning one object --- */

/* Of the words that `bits` names, from `at` on, those within [from, to). */
GH_INLINE void
scan_mask(struct mark_worker *w, uint64_t bits, uintptr_t at, uintptr_t from, uintptr_t to)
{
    for (; bits != 0; bits &= bits - 1) {
        uintptr_t a = at + bits_ctz(bits) * GH_WORD;
        if (a >= from && a < to)
            scan_word(w, a);
    }
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
            scan_mask(w, bits, tile + k * GH_WORD, from, to);
        }
    }
}

/* The same, of an object in memory that was fresh when it was allocated. What has not been
 * touched since is left alone: to read it would make the kernel map a page of zeros, and where
 * several threads run, the first write to such a page is much dearer than to one that is not
 * there (docs/design/allocator.md). Who stores there from now on has a barrier. */
static void
scan_touched(struct mark_worker *w, const struct gh_type *t, uintptr_t data, uintptr_t from,
             uintptr_t to)
{
    size_t page = os_page_bytes();
    uintptr_t base = align_down(from, page);
    uint64_t touched = os_touched(base, (unsigned)(align_up(to - base, page) / page));
    while (touched != 0) {
        unsigned first = bits_ctz(touched), n = bits_ctz(~(touched >> first));
        uintptr_t lo = base + first * page, hi = lo + n * page;
        scan_typed(w, t, data, lo > from ? lo : from, hi < to ? hi : to);
        touched &= ~(bits_low(n) << first);
    }
}

/* Words of [from, to) in a chunk of a user arena that its bits say are references. `from` is a
 * whole word of bits. */
static void
scan_uchunk(struct mark_worker *w, const struct uchunk *c, uintptr_t from, uintptr_t to)
{
    for (uintptr_t a = from; a < to; a += 64 * GH_WORD) {
        /* relaxed: ordered by `front`; gc/core/uarena.c, Note [uchunks and marking] */
        uint64_t bits =
            __atomic_load_n(&c->bits[(a - c->base) / GH_WORD / 64], __ATOMIC_RELAXED);
        if (to - a < 64 * GH_WORD)
            bits &= bits_low((unsigned)((to - a) / GH_WORD));
        for (; bits != 0; bits &= bits - 1)
            scan_word(w, a + bits_ctz(bits) * GH_WORD);
    }
}

/* A piece of a large object, from `addr` to the end of its oblet at most. The first piece
 * brings the other oblets along; what is left of this one is pushed, so that the worker can be
 * stopped after each piece. */
static void
scan_large(struct mark_worker *w, uintptr_t addr, const struct mspan *s)
{
    uintptr_t end = s->uchunk != NULL ? uchunk_scan_end(s->uchunk) : s->base + s->elemsize;
    if (addr == s->base)
        for (uintptr_t o = addr + MARKER_OBLET; o < end; o += MARKER_OBLET)
            worker_push(w, o);
    uintptr_t next = addr + MARKER_OBLET - (addr - s->base) % MARKER_OBLET;
    uintptr_t to = next < end ? next : end;
    if (to - addr > MARKER_PIECE) {
        to = addr + MARKER_PIECE;
        worker_push(w, to);
    }
    w->scan_work += to - addr;
    if (s->uchunk != NULL)
        scan_uchunk(w, s->uchunk, addr, to);
    else if (!s->needzero && s->elemsize >= MARKER_OBLET)
        scan_touched(w, s->large_type, s->base, addr, to);
    else
        scan_typed(w, s->large_type, s->base, addr, to);
}

/* An object whose references its page's bitmap knows. */
static void
scan_by_bitmap(struct mark_worker *w, uintptr_t obj, const struct mspan *s)
{
    const uint64_t *bitmap = mspan_bitmap(s->base, true);
    size_t first = (obj - s->base) / GH_WORD, words = s->elemsize / GH_WORD;
    for (size_t k = first; k < first + words; k++)
        /* relaxed: a mutator may be changing the bits of other slots of the word */
        if (__atomic_load_n(&bitmap[k / 64], __ATOMIC_RELAXED) >> k % 64 & 1)
            scan_word(w, s->base + k * GH_WORD);
}

GH_NOINLINE static void
scan_object(struct mark_worker *w, uintptr_t obj)
{
    const struct mspan *s = pages_span_of(w->pages, obj);
    if (s->span_class < 2) {
        w->scan[0].single_objects += (obj - s->base) % MARKER_OBLET == 0;
        scan_large(w, obj, s);
        return;
    }
    w->scan[s->span_class >> 1].single_objects++;
    w->scan_work += s->elemsize;
    if (s->elemsize == GH_WORD) {
        scan_word(w, obj);
    } else if (s->inline_marks) {
        scan_by_bitmap(w, obj, s);
    } else {
        const struct gh_type *t = *(const struct gh_type *const *)obj;
        scan_typed(w, t, obj + GH_HEADER, obj + GH_HEADER, obj + s->elemsize);
    }
}

/* --- the order of work --- */

/* Push what is still in the reference queue through. False if it was empty. */
GH_NOINLINE static bool
drain_references(struct mark_worker *w)
{
    bool any = false;
    for (unsigned i = 0; i < MARKER_QUEUE; i++) {
        uintptr_t entry = w->queue[i];
        w->queue[i] = 0;
        if (entry == 0)
            continue;
        any = true;
        unsigned span_class = (unsigned)(entry >> REF_CLASS_SHIFT);
        uintptr_t ref = entry & bits_low(REF_CLASS_SHIFT);
        if (span_class != 0)
            mark_inline(w, ref, span_class);
        else
            mark_in_span(w, ref);
    }
    return any;
}

static uint64_t
drain_objects(const struct mark_worker *w)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < GH_SPAN_CLASSES; c++)
        n += w->marked[c];
    return n;
}

/* Every so often: see whether others want work, or are worth waking. */
GH_NOINLINE static void
drain_look_up(struct mark_worker *w)
{
    if (!w->shared && w->marker->nworkers > 1 && drain_objects(w) >= MARKER_WAKE)
        marker_wake_crew(w->marker);
    if (w->shared && marker_is_hungry(w->marker))
        worker_share(w);
}

bool
marker_publish(struct mark_worker *w)
{
    struct workbuf_pool *p = &w->marker->bufs;
    if (w->wb == NULL)
        return false;
    while (drain_references(w)) /* most lead to what is marked already */
        continue;
    bool any = false;
    while (page_queue_count(&w->page_queue) > 0)
        any |= worker_publish_pages(w, PAGE_QUEUE) > 0;
    struct workbuf **own[] = {&w->wb, &w->spare};
    for (unsigned i = 0; i < 2; i++) {
        if ((*own[i])->n == 0)
            continue;
        any = true;
        worker_put_full(w, *own[i]);
        *own[i] = workbuf_get_empty(p);
    }
    return any;
}

static bool
drain_is_over(const struct mark_worker *w)
{
    /* relaxed: a hint; who acts on it takes the lock */
    return w->scan_work >= w->scan_limit ||
           (w->wanted != NULL && __atomic_load_n(w->wanted, __ATOMIC_RELAXED) == UINTPTR_MAX);
}

bool
marker_drain(struct mark_worker *w)
{
    for (unsigned turn = 1;; turn++) {
        if (GH_UNLIKELY(drain_is_over(w)))
            return false;
        uintptr_t entry;
        if (w->wb->n > 0)
            entry = w->wb->obj[--w->wb->n];
        else if ((entry = page_queue_pop(&w->page_queue)) != 0)
            ;
        else if (drain_references(w) || worker_find_work(w))
            continue;
        else
            return true;
        if (entry & GREY_PAGE)
            scan_page(w, entry);
        else
            scan_object(w, entry);
        if (turn % MARKER_LOOK_UP == 0)
            drain_look_up(w);
    }
}
