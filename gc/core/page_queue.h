/* page_queue.h - the grey pages of one worker: first in, first out, and others may steal.
 *
 * The owner pushes at the tail. He pops out of a batch that he has claimed at the head, so that
 * most pops need no locked instruction, and all but the batch is there for thieves at any time.
 * Who claims, owner or thief, moves `head` by a compare-and-swap. Go 1.26 has a private ring
 * for each P and a chain of rings for thieves behind it, which the P fills from time to time;
 * here what does not fit goes onto the common list of buffers instead (worker_spill_pages).
 *
 * Note [page queue]. Positions only grow; position i is in entry i % PAGE_QUEUE. A thief copies
 * entries before he knows that they are his. He reads entry i at a time when head <= i. The
 * owner writes another page over it at position i + PAGE_QUEUE, and that only after he has seen
 * head > i: the thief's compare-and-swap, which expects the old head, fails then, and the copy
 * is forgotten. Entries are atomic because of such reads.
 *
 * Stealing needs a victim that lives: a worker whose memory outlasts the marking (marker.h).
 * Contexts: the owner; page_queue_steal and page_queue_any: anybody. */
#ifndef GH_GC_CORE_PAGE_QUEUE_H
#define GH_GC_CORE_PAGE_QUEUE_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"
#include "alloc/base/retry.h"

#include <stdatomic.h>

enum {
    PAGE_QUEUE = GH_TORTURE ? 4 : 256,
    PAGE_QUEUE_BATCH = GH_TORTURE ? 2 : 16, /* the owner's claim */
    PAGE_QUEUE_STEAL = PAGE_QUEUE / 2,      /* at most, at once */
};

struct page_queue {
    /* owner: the batch, [next, end) */
    uint64_t next, end;
    /* atomic: the owner writes it; release, for the entries before it: pairs with the acquire
     * in page_queue_steal */
    _Atomic(uint64_t) tail;
    /* atomic: nobody has claimed [head, tail). acq_rel: who finds nothing because somebody else
     * has claimed it also finds him counted in `busy` (marker.h, Note [marking crew]) */
    GH_ALIGNED(GH_CACHELINE) _Atomic(uint64_t) head;
    /* atomic, relaxed: head and tail order them */
    _Atomic(uintptr_t) entry[PAGE_QUEUE];
};

/* How many pages are in it, or more if there are thieves. Owner. */
GH_INLINE unsigned
page_queue_count(const struct page_queue *q)
{
    /* acquire: pairs with the release of a thief's claim; relaxed: our own */
    uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    return (unsigned)(tail - head + (q->end - q->next));
}

/* Whether there is something to steal. A hint. */
GH_INLINE bool
page_queue_any(const struct page_queue *q)
{
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    return atomic_load_explicit(&q->tail, memory_order_relaxed) > head;
}

/* False if it is full. Owner. */
GH_INLINE bool
page_queue_push(struct page_queue *q, uintptr_t entry)
{
    uint64_t oldest = q->next;
    if (oldest == q->end) /* acquire: pairs with the claim of a thief, who has read the entry */
        oldest = atomic_load_explicit(&q->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (GH_UNLIKELY(tail - oldest == PAGE_QUEUE))
        return false;
    atomic_store_explicit(&q->entry[tail % PAGE_QUEUE], entry, memory_order_relaxed);
    /* release: see above */
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}

/* Of `there` pages, how many to take at once. */
GH_INLINE uint64_t
page_queue_share(uint64_t there, uint64_t most)
{
    uint64_t half = there - there / 2;
    return half < most ? half : most;
}

/* The owner's next batch. False if there is nothing. */
GH_INLINE bool
page_queue_claim_batch(struct page_queue *q)
{
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    /* acquire: see `head` */
    uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    while (head != tail) {
        uint64_t n = page_queue_share(tail - head, PAGE_QUEUE_BATCH);
        /* acq_rel: see `head` */
        if (atomic_compare_exchange_weak_explicit(&q->head, &head, head + n,
                                                  memory_order_acq_rel, memory_order_acquire)) {
            q->next = head;
            q->end = head + n;
            return true;
        }
        retry_note(RETRY_QUEUE_CLAIM);
    }
    return false;
}

/* 0 if it is empty. Owner. */
GH_INLINE uintptr_t
page_queue_pop(struct page_queue *q)
{
    if (q->next == q->end && !page_queue_claim_batch(q))
        return 0;
    return atomic_load_explicit(&q->entry[q->next++ % PAGE_QUEUE], memory_order_relaxed);
}

/* What page_queue_pop is likely to return next, or 0. A hint: a thief may have it. Owner. */
GH_INLINE uintptr_t
page_queue_peek(const struct page_queue *q)
{
    /* relaxed: our own */
    if (q->next == atomic_load_explicit(&q->tail, memory_order_relaxed))
        return 0;
    return atomic_load_explicit(&q->entry[q->next % PAGE_QUEUE], memory_order_relaxed);
}

/* Move half of what is in `from`, another's, to `to`, the caller's, which is empty. False if
 * there is nothing, or others are at it. */
GH_INLINE bool
page_queue_steal(struct page_queue *from, struct page_queue *to)
{
    /* acquire: pairs with the claims of others. The tail is read later, so it is not behind. */
    uint64_t head = atomic_load_explicit(&from->head, memory_order_acquire);
    uint64_t there = atomic_load_explicit(&from->tail, memory_order_acquire) - head;
    uint64_t at = atomic_load_explicit(&to->tail, memory_order_relaxed);
    uint64_t n = page_queue_share(there, PAGE_QUEUE_STEAL);
    for (uint64_t i = 0; i < n; i++) {
        uintptr_t e =
            atomic_load_explicit(&from->entry[(head + i) % PAGE_QUEUE], memory_order_relaxed);
        atomic_store_explicit(&to->entry[(at + i) % PAGE_QUEUE], e, memory_order_relaxed);
    }
    if (n == 0)
        return false;
    /* acq_rel: the reads above come before, see Note [page queue]; and see `head` */
    if (!atomic_compare_exchange_strong_explicit(&from->head, &head, head + n,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        retry_note(RETRY_QUEUE_STEAL);
        return false;
    }
    /* release: as in page_queue_push */
    atomic_store_explicit(&to->tail, at + n, memory_order_release);
    return true;
}

#endif
