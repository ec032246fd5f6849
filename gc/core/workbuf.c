/* workbuf.c - see workbuf.h. Go: mgcwork.go, lfstack.go. */
#include "gc/core/workbuf.h"

#include "alloc/base/bits.h"
#include "alloc/base/retry.h"

static struct workbuf *
workbuf_unpack(uint64_t v)
{
    return (struct workbuf *)(uintptr_t)(v >> WORKBUF_TAG_BITS << WORKBUF_ADDR_SHIFT);
}

static uint64_t
workbuf_pack(const struct workbuf *b, uint64_t tag)
{
    return (uint64_t)(uintptr_t)b >> WORKBUF_ADDR_SHIFT << WORKBUF_TAG_BITS |
           (tag & bits_low(WORKBUF_TAG_BITS));
}

static void
workbuf_push(struct workbuf_stack *s, struct workbuf *b)
{
    uint64_t old = atomic_load_explicit(&s->head, memory_order_relaxed);
    for (;;) {
        atomic_store_explicit(&b->next, old, memory_order_relaxed);
        uint64_t new_head = workbuf_pack(b, old + 1);
        /* release: pairs with the acquire in workbuf_pop; hands over the contents of *b */
        if (atomic_compare_exchange_weak_explicit(&s->head, &old, new_head,
                                                  memory_order_release, memory_order_relaxed))
            return;
        retry_note(RETRY_WORKBUF_PUSH);
    }
}

static struct workbuf *
workbuf_pop(struct workbuf_stack *s)
{
    /* acquire: pairs with the release in workbuf_push */
    uint64_t old = atomic_load_explicit(&s->head, memory_order_acquire);
    for (;;) {
        struct workbuf *b = workbuf_unpack(old);
        if (b == NULL)
            return NULL;
        /* The tag must go on counting: keep the present one with the older address. */
        uint64_t next = atomic_load_explicit(&b->next, memory_order_relaxed);
        struct workbuf *below = workbuf_unpack(next);
        uint64_t new_head =
            below == NULL ? old & bits_low(WORKBUF_TAG_BITS) : workbuf_pack(below, old);
        /* release as well: who finds the stack empty because of us also finds us counted in
         * `busy`; pairs with the acquire of his own pop (marker.h, Note [marking crew]) */
        if (atomic_compare_exchange_weak_explicit(&s->head, &old, new_head,
                                                  memory_order_acq_rel, memory_order_acquire))
            return b;
        retry_note(RETRY_WORKBUF_POP);
    }
}

static void
workbuf_free_span(struct workbuf_pool *p)
{
    struct mspan *s = p->spans;
    p->spans = s->next;
    p->nspans--;
    s->next = NULL;
    pages_free(p->pages, s, SPAN_WORK);
}

void
workbuf_pool_finish(struct workbuf_pool *p)
{
    while (p->spans != NULL)
        workbuf_free_span(p);
    lock_finish(&p->lock);
}

/* Cut a span into empty buffers. */
static void
workbuf_add_span(struct workbuf_pool *p, struct mspan *s)
{
    for (uintptr_t a = s->base; a < s->base + WORKBUF_SPAN_PAGES * GH_PAGE;
         a += WORKBUF_BYTES) {
        struct workbuf *b = (struct workbuf *)a;
        b->n = 0;
        workbuf_push(&p->empty, b);
    }
}

void
workbuf_pool_trim(struct workbuf_pool *p)
{
    uint32_t held = atomic_load_explicit(&p->held, memory_order_relaxed);
    CHECK(held == 0 && !workbuf_any_full(p),
          "workbuf_pool_trim: work is left: %u buffers held%s", held,
          workbuf_any_full(p) ? ", some full" : "");
    if (p->nspans <= WORKBUF_SPANS_KEPT)
        return;
    while (p->nspans > WORKBUF_SPANS_KEPT)
        workbuf_free_span(p);
    atomic_store_explicit(&p->empty.head, 0, memory_order_relaxed);
    for (struct mspan *s = p->spans; s != NULL; s = s->next)
        workbuf_add_span(p, s);
}

/* More empty buffers. False if the OS refuses. */
static bool
workbuf_grow(struct workbuf_pool *p)
{
    struct mspan *s = pages_alloc(p->pages, NULL, WORKBUF_SPAN_PAGES, SPAN_WORK);
    if (s == NULL)
        return false;
    lock_acquire(&p->lock);
    s->next = p->spans;
    p->spans = s;
    p->nspans++;
    lock_release(&p->lock);
    workbuf_add_span(p, s);
    return true;
}

bool
workbuf_pool_init(struct workbuf_pool *p, struct pages *pages)
{
    *p = (struct workbuf_pool){.pages = pages};
    lock_init(&p->lock, LOCK_RANK_WORKBUF);
    return workbuf_grow(p);
}

struct workbuf *
workbuf_get_empty(struct workbuf_pool *p)
{
    struct workbuf *b;
    while ((b = workbuf_pop(&p->empty)) == NULL)
        CHECK(workbuf_grow(p),
              "out of memory: cannot allocate a %d-byte work buffer span to collect with (%zu "
              "in use)",
              WORKBUF_SPAN_PAGES * GH_PAGE,
              /* relaxed: for the message */
              (size_t)atomic_load_explicit(&p->pages->account->ready, memory_order_relaxed));
    ASSERT(b->n == 0, "workbuf_get_empty: buffer holds %zu objects", b->n);
    /* relaxed: read only when nobody marks */
    atomic_fetch_add_explicit(&p->held, 1, memory_order_relaxed);
    return b;
}

void
workbuf_put_empty(struct workbuf_pool *p, struct workbuf *b)
{
    ASSERT(b->n == 0, "workbuf_put_empty: buffer holds %zu objects", b->n);
    atomic_fetch_sub_explicit(&p->held, 1, memory_order_relaxed);
    workbuf_push(&p->empty, b);
}

void
workbuf_put_full(struct workbuf_pool *p, struct workbuf *b)
{
    ASSERT(b->n > 0, "workbuf_put_full: buffer is empty");
    atomic_fetch_sub_explicit(&p->held, 1, memory_order_relaxed);
    workbuf_push(&p->full, b);
}

struct workbuf *
workbuf_try_full(struct workbuf_pool *p)
{
    struct workbuf *b = workbuf_pop(&p->full);
    if (b != NULL)
        atomic_fetch_add_explicit(&p->held, 1, memory_order_relaxed);
    return b;
}
