/* pools.c - object pools with a victim generation (Go: sync/pool.go).
 *
 * A pool has a part for each mutator that uses it, and one for what detached ones have left. A
 * part holds one private object, which only its owner touches, without a lock; a queue, the
 * youngest end for the owner, the oldest for thieves; and the same again for victims. Parts are
 * never freed before their pool: one whose owner is gone waits, empty, for the next mutator.
 *
 * Go keeps parts by processor and its queues are lock-free; here they belong to mutators, and a
 * queue has a lock of its own, which costs the same two atomic operations when nobody else
 * wants it, and lets a marker read the queue while its owner makes it larger.
 *
 * Note [pools and marking]. The storage is outside the heap, and its slots are roots. They are
 * scanned with the world stopped, or by a marker while mutators put and get. Then:
 *   - every change of a slot is a gh_store: what is taken is shaded (deletion), and what is
 * put, if the stack is grey (insertion): barrier.h. So an object that moves from a slot which
 * is not scanned yet into a frame that is, or the other way, is marked, whenever the slot is
 * scanned.
 *   - a private slot has one writer, its owner; a marker reads one word, old or new.
 *   - a queue is changed and scanned under the lock of its part. A queue that grows is copied
 *     without barriers: for the marker all of it happens at once, before or after it scans, and
 *     the set of objects in the queue is the same before and after.
 *   - an object goes from part to part only by being taken and put, barriers included, since
 *     the one part may be scanned already and the other not yet: a thief hands it to his
 *     caller, and pools_detach moves objects one by one.
 *   - parts are added under POOLS, which a scan holds; a new one is empty, and what is put into
 *     it passes the barrier. A freed pool needs no shade: nobody can take anything out of it.
 *   - pools_clean_stw runs before anything is scanned, and makes no object reachable that was
 *     not.
 *
 * Locks: POOLS (list of pools, parts, owners), POOLLOCALS (one queue), the one inside the
 * other; never held across a safepoint: `make` is called without. */
#include "gc/core/pools.h"

#include "gc/core/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOL_QUEUE_MIN = 8,       /* slots of a new queue; it grows by doubling */
    POOL_QUEUE_MAX = 1 << 28, /* beyond, objects are dropped */
};

/* A ring of objects: `n` of them, the oldest at `first`. */
struct pool_queue {
    void **slots;
    uint32_t cap; /* power of two, or 0 */
    uint32_t first;
    /* atomic: written under the lock; read without, relaxed, as a hint whether to take it */
    _Atomic(uint32_t) n;
};

struct pool_local {
    /* the owner's alone, written by gh_store; world-stopped: the collector's */
    void *private_object, *private_victim;
    /* atomic, relaxed, single writer: statistics. Gets are counted where they end. */
    _Atomic(uint64_t) puts, own, stolen, victims, makes;

    struct lock lock; /* POOLLOCALS */
    /* guarded by lock; world-stopped: the collector's */
    struct pool_queue queue, old_queue;

    struct pool_local *next; /* immutable once it is in the pool's list */
    struct mutator *owner;   /* guarded by POOLS; NULL: nobody's */
} GH_ALIGNED(2 * GH_CACHELINE);

struct gh_pool {
    /* immutable */
    struct gh_heap *heap;
    uint64_t id;
    uint32_t number;
    void *(*make)(struct gh_mutator *m, void *ctx);
    void *ctx;
    char name[32];

    /* atomic: the list of parts. Grows under POOLS, release; read by thieves, acquire. */
    _Atomic(struct pool_local *) locals;
    struct pool_local *common; /* immutable: what detached mutators have left; no owner */
};

/* --- queues: the caller holds the part's lock --- */

static uint32_t
queue_count(const struct pool_queue *q)
{
    /* relaxed: exact under the lock, a hint without */
    return atomic_load_explicit(&q->n, memory_order_relaxed);
}

static void
queue_set_count(struct pool_queue *q, uint32_t n)
{
    atomic_store_explicit(&q->n, n, memory_order_relaxed);
}

/* Room for one more. False if there is no memory, or the queue is too long. */
static bool
queue_grow_locked(struct pool_queue *q)
{
    uint32_t n = queue_count(q), cap = q->cap == 0 ? POOL_QUEUE_MIN : 2 * q->cap;
    if (cap > POOL_QUEUE_MAX)
        return false;
    void **slots = malloc(cap * sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++)
        slots[i] = q->slots[(q->first + i) & (q->cap - 1)];
    free(q->slots);
    q->slots = slots;
    q->cap = cap;
    q->first = 0;
    return true;
}

/* Drops the object if there is no room for it: a pool promises nothing. */
static void
queue_push_locked(struct gh_mutator *m, struct pool_queue *q, void *obj)
{
    uint32_t n = queue_count(q);
    if (n == q->cap && !queue_grow_locked(q))
        return;
    void **slot = &q->slots[(q->first + n) & (q->cap - 1)];
    *slot = NULL; /* what lay there was dropped long ago: not to be shaded as deleted now */
    gh_store(m, slot, obj);
    queue_set_count(q, n + 1);
}

/* NULL if it is empty. */
static void *
queue_take_locked(struct gh_mutator *m, struct pool_queue *q, bool youngest)
{
    uint32_t n = queue_count(q);
    if (n == 0)
        return NULL;
    uint32_t i = youngest ? q->first + n - 1 : q->first;
    void **slot = &q->slots[i & (q->cap - 1)], *obj = *slot;
    gh_store(m, slot, NULL);
    if (!youngest)
        q->first = (q->first + 1) & (q->cap - 1);
    queue_set_count(q, n - 1);
    return obj;
}

static void *
local_take(struct gh_mutator *m, struct pool_local *l, struct pool_queue *q, bool youngest)
{
    if (queue_count(q) == 0)
        return NULL;
    lock_acquire(&l->lock);
    void *obj = queue_take_locked(m, q, youngest);
    lock_release(&l->lock);
    return obj;
}

static void
local_push(struct gh_mutator *m, struct pool_local *l, struct pool_queue *q, void *obj)
{
    lock_acquire(&l->lock);
    queue_push_locked(m, q, obj);
    lock_release(&l->lock);
}

/* --- parts --- */

static struct pool_local *
pool_first_local(struct gh_pool *pool)
{
    /* acquire: pairs with the release in pool_add_local_locked */
    return atomic_load_explicit(&pool->locals, memory_order_acquire);
}

static struct pool_local *
pool_add_local_locked(struct gh_pool *pool)
{
    struct pool_local *l = aligned_alloc(_Alignof(struct pool_local), sizeof *l);
    CHECK(l != NULL, "out of memory: no %zu bytes for a part of pool %s", sizeof *l,
          pool->name);
    memset(l, 0, sizeof *l);
    lock_init(&l->lock, LOCK_RANK_POOLLOCALS);
    l->next = pool_first_local(pool);
    /* release: pairs with the acquire in pool_first_local */
    atomic_store_explicit(&pool->locals, l, memory_order_release);
    return l;
}

static void
local_free(struct pool_local *l)
{
    lock_finish(&l->lock);
    free(l->queue.slots);
    free(l->old_queue.slots);
    free(l);
}

static void
pool_release(struct gh_pool *pool)
{
    for (struct pool_local *l = pool_first_local(pool), *next; l != NULL; l = next) {
        next = l->next;
        local_free(l);
    }
    free(pool);
}

static void
entries_grow(struct mutator *m, uint32_t number)
{
    uint32_t n = number + 8;
    struct pool_entry *e = realloc(m->pool_entries, n * sizeof *e);
    CHECK(e != NULL, "out of memory: no room for %u pools in mutator %s", n, m->actor.name);
    memset(e + m->npool_entries, 0, (n - m->npool_entries) * sizeof *e);
    m->pool_entries = e;
    m->npool_entries = n;
}

/* The mutator's first use of the pool: a part that nobody owns, or a new one. */
GH_NOINLINE static struct pool_local *
pool_join_slow(struct gh_pool *pool, struct mutator *m)
{
    struct pools *p = &pool->heap->pools;
    if (pool->number >= m->npool_entries)
        entries_grow(m, pool->number);
    lock_acquire(&p->lock);
    struct pool_local *l = pool_first_local(pool);
    while (l != NULL && (l->owner != NULL || l == pool->common))
        l = l->next;
    if (l == NULL)
        l = pool_add_local_locked(pool);
    l->owner = m;
    lock_release(&p->lock);
    m->pool_entries[pool->number] = (struct pool_entry){pool->id, l};
    return l;
}

GH_INLINE struct pool_local *
pool_my_local(struct gh_pool *pool, struct mutator *m)
{
    if (GH_LIKELY(pool->number < m->npool_entries)) {
        const struct pool_entry *e = &m->pool_entries[pool->number];
        if (GH_LIKELY(e->id == pool->id))
            return e->local;
    }
    return pool_join_slow(pool, m);
}

/* --- get and put --- */

GH_INLINE void
pool_count(_Atomic(uint64_t) *counter)
{
    /* relaxed: statistics, single writer */
    uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

/* The oldest object of another's queue, or of another's victims; beginning with the part after
 * `mine`, so that thieves do not all rob the same. */
static void *
pool_steal(struct gh_mutator *m, struct gh_pool *pool, struct pool_local *mine, bool victims)
{
    struct pool_local *l = mine->next, *first = pool_first_local(pool);
    for (l = l == NULL ? first : l; l != mine; l = l->next == NULL ? first : l->next) {
        void *obj = local_take(m, l, victims ? &l->old_queue : &l->queue, false);
        if (obj != NULL)
            return obj;
    }
    return NULL;
}

/* Victims only for want of others, so that they die out if there are enough others. */
static void *
pool_take_victim(struct gh_mutator *m, struct gh_pool *pool, struct pool_local *l)
{
    void *obj = l->private_victim;
    if (obj != NULL) {
        gh_store(m, &l->private_victim, NULL);
        return obj;
    }
    obj = local_take(m, l, &l->old_queue, false);
    return obj != NULL ? obj : pool_steal(m, pool, l, true);
}

GH_NOINLINE static void *
pool_get_slow(struct gh_mutator *m, struct gh_pool *pool, struct pool_local *l)
{
    void *obj = local_take(m, l, &l->queue, true);
    if (obj != NULL) {
        pool_count(&l->own);
        return obj;
    }
    obj = pool_steal(m, pool, l, false);
    if (obj != NULL) {
        pool_count(&l->stolen);
        return obj;
    }
    obj = pool_take_victim(m, pool, l);
    if (obj != NULL) {
        pool_count(&l->victims);
        return obj;
    }
    pool_count(&l->makes);
    return pool->make != NULL ? pool->make(m, pool->ctx) : NULL;
}

void *
gh_pool_get(struct gh_mutator *m, struct gh_pool *pool)
{
    struct pool_local *l = pool_my_local(pool, mutator_of(m));
    void *obj = l->private_object;
    if (GH_UNLIKELY(obj == NULL))
        return pool_get_slow(m, pool, l);
    gh_store(m, &l->private_object, NULL);
    pool_count(&l->own);
    return obj;
}

void
gh_pool_put(struct gh_mutator *m, struct gh_pool *pool, void *obj)
{
    if (obj == NULL)
        return;
    struct pool_local *l = pool_my_local(pool, mutator_of(m));
    pool_count(&l->puts);
    if (GH_LIKELY(l->private_object == NULL))
        gh_store(m, &l->private_object, obj);
    else
        local_push(m, l, &l->queue, obj);
}

/* --- pools --- */

/* A free number. */
static uint32_t
pools_number_locked(struct pools *p)
{
    for (uint32_t i = 0; i < p->npools; i++)
        if (p->pools[i] == NULL)
            return i;
    if (p->npools == p->cap) {
        uint32_t cap = p->cap == 0 ? 16 : 2 * p->cap;
        struct gh_pool **pools = realloc(p->pools, cap * sizeof(struct gh_pool *));
        CHECK(pools != NULL, "out of memory: cannot make %u pools", cap);
        p->pools = pools;
        p->cap = cap;
    }
    return p->npools++;
}

struct gh_pool *
gh_pool_new(struct gh_heap *heap, const char *name,
            void *(*make)(struct gh_mutator *m, void *ctx), void *ctx)
{
    struct pools *p = &heap->pools;
    struct gh_pool *pool = calloc(1, sizeof *pool);
    CHECK(pool != NULL, "out of memory: no %zu bytes for pool %s", sizeof *pool, name);
    pool->heap = heap;
    pool->make = make;
    pool->ctx = ctx;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    lock_acquire(&p->lock);
    pool->common = pool_add_local_locked(pool);
    pool->id = ++p->ids;
    pool->number = pools_number_locked(p);
    p->pools[pool->number] = pool;
    lock_release(&p->lock);
    return pool;
}

void
gh_pool_free(struct gh_pool *pool)
{
    struct pools *p = &pool->heap->pools;
    lock_acquire(&p->lock);
    CHECK(pool->number < p->npools && p->pools[pool->number] == pool,
          "gh_pool_free: pool %s was freed before", pool->name);
    p->pools[pool->number] = NULL;
    lock_release(&p->lock);
    pool_release(pool);
}

void
gh_pool_read_stats(struct gh_pool *pool, struct gh_pool_stats *out)
{
    *out = (struct gh_pool_stats){0};
    for (struct pool_local *l = pool_first_local(pool); l != NULL; l = l->next) {
        /* relaxed: statistics */
        out->puts += atomic_load_explicit(&l->puts, memory_order_relaxed);
        out->own += atomic_load_explicit(&l->own, memory_order_relaxed);
        out->stolen += atomic_load_explicit(&l->stolen, memory_order_relaxed);
        out->victims += atomic_load_explicit(&l->victims, memory_order_relaxed);
        out->makes += atomic_load_explicit(&l->makes, memory_order_relaxed);
    }
    out->gets = out->own + out->stolen + out->victims + out->makes;
}

/* --- the collector's side --- */

void
pools_init(struct pools *p)
{
    *p = (struct pools){0};
    lock_init(&p->lock, LOCK_RANK_POOLS);
}

void
pools_finish(struct pools *p)
{
    for (uint32_t i = 0; i < p->npools; i++)
        if (p->pools[i] != NULL)
            pool_release(p->pools[i]);
    free(p->pools);
    lock_finish(&p->lock);
}

/* The memory of the dropped queue is kept for the next one. */
static void
local_clean_stw(struct pool_local *l)
{
    struct pool_queue dropped = l->old_queue;
    l->old_queue = l->queue;
    dropped.first = 0;
    queue_set_count(&dropped, 0);
    l->queue = dropped;
    l->private_victim = l->private_object;
    l->private_object = NULL;
}

void
pools_clean_stw(struct pools *p)
{
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < p->npools; i++)
        if (p->pools[i] != NULL)
            for (struct pool_local *l = pool_first_local(p->pools[i]); l != NULL; l = l->next)
                local_clean_stw(l);
    lock_release(&p->lock);
}

bool
pools_any_stw(struct pools *p)
{
    bool any = false;
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < p->npools && !any; i++)
        any = p->pools[i] != NULL;
    lock_release(&p->lock);
    return any;
}

static uint64_t
queue_scan_locked(struct pool_queue *q, void (*visit)(void *ctx, void **slot), void *ctx)
{
    uint32_t n = queue_count(q);
    for (uint32_t i = 0; i < n; i++)
        visit(ctx, &q->slots[(q->first + i) & (q->cap - 1)]);
    return n * sizeof(void *);
}

static uint64_t
local_scan(struct pool_local *l, void (*visit)(void *ctx, void **slot), void *ctx)
{
    visit(ctx, &l->private_object);
    visit(ctx, &l->private_victim);
    lock_acquire(&l->lock);
    uint64_t bytes = queue_scan_locked(&l->queue, visit, ctx);
    bytes += queue_scan_locked(&l->old_queue, visit, ctx);
    lock_release(&l->lock);
    return bytes + 2 * sizeof(void *);
}

uint64_t
pools_scan(struct pools *p, void (*visit)(void *ctx, void **slot), void *ctx)
{
    uint64_t bytes = 0;
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < p->npools; i++)
        if (p->pools[i] != NULL)
            for (struct pool_local *l = pool_first_local(p->pools[i]); l != NULL; l = l->next)
                bytes += local_scan(l, visit, ctx);
    lock_release(&p->lock);
    return bytes;
}

/* Everything of a part goes to the common one, each to its own generation. */
static void
local_hand_over(struct gh_mutator *m, struct pool_local *l, struct pool_local *common)
{
    void *obj;
    if ((obj = l->private_object) != NULL) {
        gh_store(m, &l->private_object, NULL);
        local_push(m, common, &common->queue, obj);
    }
    if ((obj = l->private_victim) != NULL) {
        gh_store(m, &l->private_victim, NULL);
        local_push(m, common, &common->old_queue, obj);
    }
    while ((obj = local_take(m, l, &l->queue, false)) != NULL)
        local_push(m, common, &common->queue, obj);
    while ((obj = local_take(m, l, &l->old_queue, false)) != NULL)
        local_push(m, common, &common->old_queue, obj);
}

void
pools_detach(struct pools *p, struct mutator *m)
{
    lock_acquire(&p->lock);
    for (uint32_t i = 0; i < m->npool_entries && i < p->npools; i++) {
        struct gh_pool *pool = p->pools[i];
        const struct pool_entry *e = &m->pool_entries[i];
        if (pool == NULL || e->id != pool->id)
            continue;
        local_hand_over(&m->pub, e->local, pool->common);
        e->local->owner = NULL;
    }
    lock_release(&p->lock);
    free(m->pool_entries);
    m->pool_entries = NULL;
    m->npool_entries = 0;
}
