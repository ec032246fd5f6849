/* stackmem.c - memory of goroutine stacks (stackmem.h).
 *
 * Small stacks are pieces of 32 KiB spans. A free piece links to the next through its first
 * word, in a mutator's cache or in its span's own list. Caches are refilled and drained to
 * half. While a collection runs nothing is given back to the page allocator; what is unused
 * goes at the end of the cycle (stackmem_release_unused). Go's counterpart: stackpool,
 * stackLarge and stackcache in stack.go.
 *
 * Locks: STACKPOOL (one an order), STACKLARGE; PAGES is taken inside them. */
#include "alloc/pages/stackmem.h"

#include "alloc/base/bits.h"
#include "alloc/pages/pages_internal.h"

enum { STACK_SPAN_BYTES = 32 * 1024, STACK_SPAN_PAGES = STACK_SPAN_BYTES / GH_PAGE };

/* A free piece. */
struct stack_piece {
    struct stack_piece *next;
};

static size_t
stackmem_bytes(unsigned order)
{
    return (size_t)GH_STACK_MIN << order;
}

static unsigned
stackmem_order(size_t bytes)
{
    CHECK(bytes >= GH_STACK_MIN && is_pow2(bytes), "stackmem: a stack of %zu bytes", bytes);
    return bits_ctz(bytes / GH_STACK_MIN);
}

static bool
stackmem_keeps_spans(const struct pages *p)
{
    /* relaxed: set and cleared in a stopped world; what is kept too long is found by the next
     * stackmem_release_unused */
    return atomic_load_explicit(&p->gc_running, memory_order_relaxed);
}

void
stackmem_open(struct pages *p)
{
    for (int i = 0; i < STACK_ORDERS; i++)
        lock_init(&p->stack_pool[i].lock, LOCK_RANK_STACKPOOL);
    lock_init(&p->stack_large_lock, LOCK_RANK_STACKLARGE);
}

void
stackmem_close(struct pages *p)
{
    for (int i = 0; i < STACK_ORDERS; i++)
        lock_finish(&p->stack_pool[i].lock);
    lock_finish(&p->stack_large_lock);
}

/* --- lists of spans with free pieces --- */

static void
stackmem_push_span(struct mspan **list, struct mspan *s)
{
    s->prev = NULL;
    s->next = *list;
    if (*list != NULL)
        (*list)->prev = s;
    *list = s;
}

static void
stackmem_remove_span(struct mspan **list, struct mspan *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        *list = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->next = s->prev = NULL;
}

/* --- the pool of one order; its lock is held --- */

static struct mspan *
stackmem_new_span_locked(struct pages *p, unsigned order)
{
    struct mspan *s = pages_alloc(p, NULL, STACK_SPAN_PAGES, SPAN_STACK);
    if (s == NULL)
        return NULL;
    s->stack_order = (uint8_t)order;
    s->elemsize = stackmem_bytes(order);
    for (size_t at = STACK_SPAN_BYTES; at > 0; at -= s->elemsize) {
        struct stack_piece *x = (void *)(s->base + at - s->elemsize);
        x->next = s->manual_free;
        s->manual_free = x;
    }
    stackmem_push_span(&p->stack_pool[order].spans, s);
    return s;
}

static struct stack_piece *
stackmem_pool_get_locked(struct pages *p, unsigned order)
{
    struct mspan *s = p->stack_pool[order].spans;
    if (s == NULL && (s = stackmem_new_span_locked(p, order)) == NULL)
        return NULL;
    struct stack_piece *x = s->manual_free;
    CHECK(x != NULL, "stackmem_pool_get: span at %#zx is in the pool with no free piece",
          s->base);
    s->manual_free = x->next;
    s->manual_inuse++;
    if (s->manual_free == NULL)
        stackmem_remove_span(&p->stack_pool[order].spans, s);
    return x;
}

static void
stackmem_pool_put_locked(struct pages *p, unsigned order, struct stack_piece *x)
{
    struct mspan *s = pages_span_of(p, (uintptr_t)x);
    /* relaxed: the piece is ours, so its span lives */
    CHECK(s != NULL && atomic_load_explicit(&s->state, memory_order_relaxed) == MSPAN_MANUAL &&
              s->stack_order == order && s->manual_inuse > 0,
          "stackmem_free: %p is no stack of order %u", (void *)x, order);
    if (s->manual_free == NULL)
        stackmem_push_span(&p->stack_pool[order].spans, s);
    x->next = s->manual_free;
    s->manual_free = x;
    s->manual_inuse--;
    if (s->manual_inuse == 0 && !stackmem_keeps_spans(p)) {
        stackmem_remove_span(&p->stack_pool[order].spans, s);
        pages_free(p, s, SPAN_STACK);
    }
}

/* --- a mutator's cache --- */

static void
stackmem_refill(struct pages *p, struct pages_local *l, unsigned order)
{
    lock_acquire(&p->stack_pool[order].lock);
    while (l->stacks.order[order].bytes < STACK_CACHE_BYTES / 2) {
        struct stack_piece *x = stackmem_pool_get_locked(p, order);
        if (x == NULL)
            break;
        x->next = l->stacks.order[order].list;
        l->stacks.order[order].list = x;
        l->stacks.order[order].bytes += stackmem_bytes(order);
    }
    lock_release(&p->stack_pool[order].lock);
}

/* Drain the cache of one order to `keep` bytes. */
static void
stackmem_drain(struct pages *p, struct pages_local *l, unsigned order, size_t keep)
{
    lock_acquire(&p->stack_pool[order].lock);
    while (l->stacks.order[order].bytes > keep) {
        struct stack_piece *x = l->stacks.order[order].list;
        l->stacks.order[order].list = x->next;
        l->stacks.order[order].bytes -= stackmem_bytes(order);
        stackmem_pool_put_locked(p, order, x);
    }
    lock_release(&p->stack_pool[order].lock);
}

void
stackmem_flush(struct pages *p, struct pages_local *local)
{
    for (unsigned order = 0; order < STACK_ORDERS; order++) {
        if (local->stacks.order[order].bytes > 0)
            stackmem_drain(p, local, order, 0);
    }
}

static void *
stackmem_alloc_small(struct pages *p, struct pages_local *l, unsigned order)
{
    struct stack_piece *x;
    if (l == NULL) {
        lock_acquire(&p->stack_pool[order].lock);
        x = stackmem_pool_get_locked(p, order);
        lock_release(&p->stack_pool[order].lock);
        return x;
    }
    if (l->stacks.order[order].list == NULL)
        stackmem_refill(p, l, order);
    x = l->stacks.order[order].list;
    if (x == NULL)
        return NULL;
    l->stacks.order[order].list = x->next;
    l->stacks.order[order].bytes -= stackmem_bytes(order);
    return x;
}

static void
stackmem_free_small(struct pages *p, struct pages_local *l, unsigned order,
                    struct stack_piece *x)
{
    if (l == NULL) {
        lock_acquire(&p->stack_pool[order].lock);
        stackmem_pool_put_locked(p, order, x);
        lock_release(&p->stack_pool[order].lock);
        return;
    }
    if (l->stacks.order[order].bytes >= STACK_CACHE_BYTES)
        stackmem_drain(p, l, order, STACK_CACHE_BYTES / 2);
    x->next = l->stacks.order[order].list;
    l->stacks.order[order].list = x;
    l->stacks.order[order].bytes += stackmem_bytes(order);
}

/* --- large stacks --- */

static void *
stackmem_alloc_large(struct pages *p, size_t npages)
{
    struct mspan **list = &p->stack_large[bits_ctz(npages)];
    lock_acquire(&p->stack_large_lock);
    struct mspan *s = *list;
    if (s != NULL)
        stackmem_remove_span(list, s);
    lock_release(&p->stack_large_lock);

    if (s == NULL)
        s = pages_alloc(p, NULL, npages, SPAN_STACK);
    if (s == NULL)
        return NULL;
    s->elemsize = npages * GH_PAGE;
    return (void *)s->base;
}

static void
stackmem_free_large(struct pages *p, void *stack, size_t npages)
{
    struct mspan *s = pages_span_of(p, (uintptr_t)stack);
    CHECK(s != NULL && s->base == (uintptr_t)stack && s->npages == npages,
          "stackmem_free: %p is no stack of %zu pages", stack, npages);
    if (!stackmem_keeps_spans(p)) {
        pages_free(p, s, SPAN_STACK);
        return;
    }
    lock_acquire(&p->stack_large_lock);
    stackmem_push_span(&p->stack_large[bits_ctz(npages)], s);
    lock_release(&p->stack_large_lock);
}

/* --- the interface --- */

void *
stackmem_alloc(struct pages *p, struct pages_local *local, size_t bytes)
{
    unsigned order = stackmem_order(bytes);
    if (order < STACK_ORDERS)
        return stackmem_alloc_small(p, local, order);
    return stackmem_alloc_large(p, bytes / GH_PAGE);
}

void
stackmem_free(struct pages *p, struct pages_local *local, void *stack, size_t bytes)
{
    unsigned order = stackmem_order(bytes);
    if (order < STACK_ORDERS)
        stackmem_free_small(p, local, order, stack);
    else
        stackmem_free_large(p, stack, bytes / GH_PAGE);
}

void
stackmem_release_unused(struct pages *p)
{
    for (unsigned order = 0; order < STACK_ORDERS; order++) {
        lock_acquire(&p->stack_pool[order].lock);
        for (struct mspan *s = p->stack_pool[order].spans, *next; s != NULL; s = next) {
            next = s->next;
            if (s->manual_inuse > 0)
                continue;
            stackmem_remove_span(&p->stack_pool[order].spans, s);
            pages_free(p, s, SPAN_STACK);
        }
        lock_release(&p->stack_pool[order].lock);
    }
    lock_acquire(&p->stack_large_lock);
    for (size_t i = 0; i < sizeof(p->stack_large) / sizeof(p->stack_large[0]); i++) {
        for (struct mspan *s; (s = p->stack_large[i]) != NULL;) {
            stackmem_remove_span(&p->stack_large[i], s);
            pages_free(p, s, SPAN_STACK);
        }
    }
    lock_release(&p->stack_large_lock);
}
