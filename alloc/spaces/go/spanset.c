/* spanset.c - lock-free sets of spans; see spanset.h.
 *
 * Note [spanset order]. One word holds head and tail; both only grow. A push claims entry
 * `tail` by adding 1, a pop claims entry `head` by compare-and-swap, so each entry has one
 * pusher and one popper, and the word itself carries no data: it is accessed relaxed. Several
 * entries in a row are claimed in the same way, by adding more. Four things have to be ordered:
 *
 *   - The span. The pusher stores it to its entry with release; the popper reads the entry
 *     with acquire until it is not NULL. So all that was done to the span before the push is
 *     seen after the pop. This is how a span's plain fields change owners.
 *   - The block. Extending writes the spine, then nblocks (release). Both sides read nblocks
 *     (acquire) and go on only if their entry's block is below it. A popper that finds it is
 *     not claims nothing: that push has not happened yet.
 *   - The spine. Doubling fills the new spine before storing it (release); it is read with
 *     acquire. A reader with the old spine finds in it every block below the nblocks it saw.
 *     Old spines are not freed (they add up to less than the newest one).
 *   - Reuse. The popper stores NULL to its entries, all of one block, then adds their number
 *     to `popped` (acq_rel). Who brings it to 512 knows that all the stores of NULL happened
 *     before, and hands the block to the pool under the lock, which orders it before the next
 *     use.
 *
 * nblocks may lag behind several pushers: each waits only for the lock, and whoever comes first
 * extends for itself and all below. */
#include "alloc/spaces/go/spanset.h"

#include "alloc/base/check.h"
#include "alloc/base/retry.h"

#include <sched.h>
#include <string.h>

static uint32_t
head_of(uint64_t index)
{
    return (uint32_t)(index >> 32);
}

static uint32_t
tail_of(uint64_t index)
{
    return (uint32_t)index;
}

void
spanset_pool_init(struct spanset_pool *pool, struct persistent *persistent)
{
    *pool = (struct spanset_pool){.persistent = persistent};
    lock_init(&pool->lock, LOCK_RANK_SPANSET);
}

void
spanset_pool_finish(struct spanset_pool *pool)
{
    lock_finish(&pool->lock);
}

static void
grow_spine_locked(struct spanset *set, struct spanset_pool *pool, uint32_t used)
{
    uint32_t cap = set->spine_cap == 0 ? (uint32_t)SPANSET_SPINE : set->spine_cap * 2;
    _Atomic(struct spanset_block *) *spine =
        persistent_alloc(pool->persistent, cap * sizeof(*spine), GH_CACHELINE, OS_GC);
    CHECK(spine != NULL, "spanset_push: out of memory: no room for a spine of %u blocks", cap);
    /* relaxed: written under the lock only */
    _Atomic(struct spanset_block *) *old =
        atomic_load_explicit(&set->spine, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++)
        atomic_init(&spine[i], atomic_load_explicit(&old[i], memory_order_relaxed));
    set->spine_cap = cap;
    /* release: pairs with the acquire in block_of */
    atomic_store_explicit(&set->spine, spine, memory_order_release);
}

static struct spanset_block *
take_block_locked(struct spanset_pool *pool)
{
    struct spanset_block *b = pool->free;
    if (b != NULL) {
        pool->free = b->link;
        /* relaxed: published with the block, by nblocks */
        atomic_store_explicit(&b->popped, 0, memory_order_relaxed);
        return b;
    }
    b = persistent_alloc(pool->persistent, sizeof(*b), GH_CACHELINE, OS_GC);
    CHECK(b != NULL, "spanset_push: out of memory: no room for a block");
    memset(b, 0, sizeof(*b)); /* it is zero; this has the kernel back it now */
    return b;
}

static void
put_block(struct spanset_pool *pool, struct spanset_block *b)
{
    lock_acquire(&pool->lock);
    b->link = pool->free;
    pool->free = b;
    lock_release(&pool->lock);
}

/* Make blocks up to and including `top` exist. */
static GH_NOINLINE void
extend(struct spanset *set, struct spanset_pool *pool, uint32_t top)
{
    lock_acquire(&pool->lock);
    /* relaxed: written under the lock only */
    uint32_t n = atomic_load_explicit(&set->nblocks, memory_order_relaxed);
    for (; n <= top; n++) {
        if (n == set->spine_cap)
            grow_spine_locked(set, pool, n);
        _Atomic(struct spanset_block *) *spine =
            atomic_load_explicit(&set->spine, memory_order_relaxed);
        /* relaxed: published by nblocks */
        atomic_store_explicit(&spine[n], take_block_locked(pool), memory_order_relaxed);
        /* release: pairs with the acquires in push and pop */
        atomic_store_explicit(&set->nblocks, n + 1, memory_order_release);
    }
    lock_release(&pool->lock);
}

/* The block of number `top`, which the caller has seen below nblocks. */
static struct spanset_block *
block_of(struct spanset *set, uint32_t top)
{
    /* acquire: pairs with the release in grow_spine_locked */
    _Atomic(struct spanset_block *) *spine =
        atomic_load_explicit(&set->spine, memory_order_acquire);
    /* relaxed: ordered by nblocks, or by the spine if that was doubled since */
    return atomic_load_explicit(&spine[top], memory_order_relaxed);
}

void
spanset_push_many(struct spanset *set, struct spanset_pool *pool, struct mspan *const *spans,
                  unsigned n)
{
    ASSERT(n > 0 && n <= SPANSET_MANY, "spanset_push_many: %u spans at once", n);
    /* relaxed: Note [spanset order] */
    uint32_t at = tail_of(atomic_fetch_add_explicit(&set->index, n, memory_order_relaxed));
    CHECK(at < UINT32_MAX - SPANSET_MANY,
          "spanset_push: more than 2^32 pushes without a reset");
    uint32_t top = (at + n - 1) / SPANSET_BLOCK;
    /* acquire: pairs with the release in extend */
    if (GH_UNLIKELY(atomic_load_explicit(&set->nblocks, memory_order_acquire) <= top))
        extend(set, pool, top);
    struct spanset_block *b = NULL;
    for (unsigned i = 0; i < n; i++) {
        uint32_t entry = (at + i) % SPANSET_BLOCK;
        if (i == 0 || entry == 0)
            b = block_of(set, (at + i) / SPANSET_BLOCK);
        /* release: pairs with the acquire in wait_for_entry */
        atomic_store_explicit(&b->spans[entry], spans[i], memory_order_release);
    }
}

void
spanset_push(struct spanset *set, struct spanset_pool *pool, struct mspan *s)
{
    spanset_push_many(set, pool, &s, 1);
}

void
spanset_make_room(struct spanset *set, struct spanset_pool *pool, uint32_t n)
{
    /* relaxed: a hint */
    uint32_t tail = tail_of(atomic_load_explicit(&set->index, memory_order_relaxed));
    uint32_t top = (tail + n - 1) / SPANSET_BLOCK;
    if (atomic_load_explicit(&set->nblocks, memory_order_relaxed) <= top)
        extend(set, pool, top);
}

/* Claim entries from head on, all in one block and at most `most`. Returns how many; 0 if there
 * are none to be had. */
static uint32_t
claim_head(struct spanset *set, uint32_t *at, uint32_t most)
{
    /* relaxed: Note [spanset order] */
    uint64_t index = atomic_load_explicit(&set->index, memory_order_relaxed);
    for (;;) {
        uint32_t head = head_of(index);
        if (head >= tail_of(index))
            return 0;
        /* acquire: pairs with the release in extend. nblocks never shrinks while threads pop,
         * so that what held for this head still holds when it is claimed */
        if (atomic_load_explicit(&set->nblocks, memory_order_acquire) <= head / SPANSET_BLOCK)
            return 0;
        uint32_t n = tail_of(index) - head, in_block = SPANSET_BLOCK - head % SPANSET_BLOCK;
        if (n > in_block)
            n = in_block;
        if (n > most)
            n = most;
        *at = head;
        if (atomic_compare_exchange_weak_explicit(&set->index, &index,
                                                  index + ((uint64_t)n << 32),
                                                  memory_order_relaxed, memory_order_relaxed))
            return n;
        retry_note(RETRY_SPANSET_POP);
    }
}

/* The pusher of a claimed entry is a few instructions away from storing it, unless the kernel
 * has taken its processor away: then give it ours. */
static struct mspan *
wait_for_entry(_Atomic(struct mspan *) *entry)
{
    for (unsigned spins = 1;; spins++) {
        /* acquire: pairs with the release in spanset_push_many */
        struct mspan *s = atomic_load_explicit(entry, memory_order_acquire);
        if (GH_LIKELY(s != NULL))
            return s;
        if (spins == 1)
            retry_note(RETRY_SPANSET_WAIT);
        if (spins % 64 == 0)
            sched_yield();
        else
            __builtin_ia32_pause();
    }
}

unsigned
spanset_pop_many(struct spanset *set, struct spanset_pool *pool, struct mspan **out,
                 unsigned most)
{
    uint32_t at, n = claim_head(set, &at, most);
    if (n == 0)
        return 0;
    struct spanset_block *b = block_of(set, at / SPANSET_BLOCK);
    for (uint32_t i = 0; i < n; i++) {
        _Atomic(struct mspan *) *entry = &b->spans[at % SPANSET_BLOCK + i];
        out[i] = wait_for_entry(entry);
        __builtin_prefetch(out[i], 1);
        __builtin_prefetch((char *)out[i] + GH_CACHELINE, 1);
        /* relaxed: ordered by `popped` for whoever uses the block again */
        atomic_store_explicit(entry, NULL, memory_order_relaxed);
    }
    /* acq_rel: pairs with itself in the other poppers of this block */
    if (atomic_fetch_add_explicit(&b->popped, n, memory_order_acq_rel) + n == SPANSET_BLOCK)
        put_block(pool, b);
    return n;
}

struct mspan *
spanset_pop(struct spanset *set, struct spanset_pool *pool)
{
    struct mspan *s;
    return spanset_pop_many(set, pool, &s, 1) == 1 ? s : NULL;
}

void
spanset_reset_drained(struct spanset *set, struct spanset_pool *pool)
{
    /* relaxed, all of it: nobody else uses the set */
    uint64_t index = atomic_load_explicit(&set->index, memory_order_relaxed);
    uint32_t head = head_of(index);
    CHECK(head == tail_of(index), "spanset_reset_drained: %u spans left in the set",
          spanset_count(set));
    /* Blocks of which every entry was pushed and taken are not with the set any more. */
    uint32_t nblocks = atomic_load_explicit(&set->nblocks, memory_order_relaxed);
    for (uint32_t i = head / SPANSET_BLOCK; i < nblocks; i++)
        put_block(pool, block_of(set, i));
    atomic_store_explicit(&set->nblocks, 0, memory_order_relaxed);
    atomic_store_explicit(&set->index, 0, memory_order_relaxed);
}

void
spanset_each_stw(struct spanset *set, void (*fn)(void *ctx, struct mspan *s), void *ctx)
{
    /* relaxed: nobody else uses the set */
    uint64_t index = atomic_load_explicit(&set->index, memory_order_relaxed);
    for (uint32_t at = head_of(index); at < tail_of(index); at++) {
        struct spanset_block *b = block_of(set, at / SPANSET_BLOCK);
        fn(ctx, wait_for_entry(&b->spans[at % SPANSET_BLOCK]));
    }
}

uint32_t
spanset_count(const struct spanset *set)
{
    /* relaxed: a snapshot */
    uint64_t index = atomic_load_explicit(&set->index, memory_order_relaxed);
    return tail_of(index) - head_of(index);
}
