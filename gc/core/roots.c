/* roots.c - the table of registered root ranges. Go's counterpart are the data and BSS segments
 * with their pointer masks; here every slot of a range is a reference. */
#include "gc/core/roots.h"

#include "alloc/base/check.h"

#include <stdlib.h>

void
roots_init(struct roots *r)
{
    *r = (struct roots){0};
    lock_init(&r->lock, LOCK_RANK_ROOTS);
    cond_init(&r->scanned);
}

void
roots_finish(struct roots *r)
{
    free(r->ranges);
    cond_finish(&r->scanned);
    lock_finish(&r->lock);
}

static void
roots_left(struct roots *r, size_t more, size_t less)
{
    /* relaxed load: written under the lock. seq_cst: see roots_any_left. */
    size_t left = atomic_load_explicit(&r->left, memory_order_relaxed);
    atomic_store_explicit(&r->left, left + more - less, memory_order_seq_cst);
}

void
roots_add(struct roots *r, void **slots, size_t n)
{
    lock_acquire(&r->lock);
    if (r->nranges == r->cap) {
        size_t cap = r->cap == 0 ? 16 : r->cap * 2;
        struct root_range *ranges = realloc(r->ranges, cap * sizeof *ranges);
        CHECK(ranges != NULL, "out of memory: cannot register %zu root ranges", cap);
        r->ranges = ranges;
        r->cap = cap;
    }
    r->ranges[r->nranges++] = (struct root_range){.slots = slots, .n = n};
    if (r->marking)
        roots_left(r, n, 0);
    lock_release(&r->lock);
}

static struct root_range *
roots_find_locked(struct roots *r, void **slots)
{
    for (size_t i = 0; i < r->nranges; i++)
        if (r->ranges[i].slots == slots)
            return &r->ranges[i];
    return NULL;
}

/* See Note [roots while marking]. */
static void
roots_scan_rest_locked(struct roots *r, struct root_range *range)
{
    size_t rest = range->n - range->scanned;
    for (size_t i = range->scanned; i < range->n; i++)
        r->late_visit(r->late_ctx, &range->slots[i]);
    if (rest > 0)
        r->late_publish(r->late_ctx);
    range->scanned = range->n;
    roots_left(r, 0, rest);
}

bool
roots_remove(struct roots *r, void **slots)
{
    lock_acquire(&r->lock);
    struct root_range *range = roots_find_locked(r, slots);
    while (range != NULL && range->scanning > 0) {
        cond_wait(&r->scanned, &r->lock);
        range = roots_find_locked(r, slots);
    }
    if (range != NULL && r->marking)
        roots_scan_rest_locked(r, range);
    if (range != NULL)
        *range = r->ranges[--r->nranges];
    lock_release(&r->lock);
    return range != NULL;
}

/* --- scanning beside the mutators --- */

uint64_t
roots_start_stw(struct roots *r)
{
    size_t slots = 0;
    lock_acquire(&r->lock);
    for (size_t i = 0; i < r->nranges; i++) {
        slots += r->ranges[i].n;
        r->ranges[i].scanned = 0;
    }
    r->marking = true;
    roots_left(r, slots, atomic_load_explicit(&r->left, memory_order_relaxed));
    lock_release(&r->lock);
    return slots * sizeof(void *);
}

bool
roots_try_end_stw(struct roots *r, bool (*quiet)(const void *ctx), const void *ctx)
{
    lock_acquire(&r->lock);
    bool over = quiet(ctx);
    r->marking = !over;
    lock_release(&r->lock);
    return over;
}

/* What is being scanned, and of which range: it may have moved in the table, and ranges may
 * overlap. Two that are equal need not be told apart. */
struct root_piece {
    void **slots, **range_slots;
    size_t n, range_n;
};

/* Claim a piece; false if there is none. */
static bool
roots_claim_locked(struct roots *r, struct root_piece *out)
{
    for (size_t i = 0; i < r->nranges; i++) {
        struct root_range *range = &r->ranges[i];
        size_t rest = range->n - range->scanned;
        if (rest == 0)
            continue;
        *out = (struct root_piece){.slots = range->slots + range->scanned,
                                   .n = rest < ROOTS_PIECE ? rest : ROOTS_PIECE,
                                   .range_slots = range->slots,
                                   .range_n = range->n};
        range->scanned += out->n;
        range->scanning++;
        return true;
    }
    return false;
}

/* The piece has been scanned; its range has not gone meanwhile. */
static void
roots_scanned_locked(struct roots *r, const struct root_piece *piece)
{
    for (size_t i = 0; i < r->nranges; i++) {
        struct root_range *range = &r->ranges[i];
        if (range->scanning > 0 && range->slots == piece->range_slots &&
            range->n == piece->range_n) {
            range->scanning--;
            roots_left(r, 0, piece->n);
            cond_broadcast(&r->scanned);
            return;
        }
    }
    gh_throw("roots: a range went while it was being scanned, at %p", (void *)piece->slots);
}

size_t
roots_scan_piece(struct roots *r, roots_visit *visit, void *ctx)
{
    struct root_piece piece;
    lock_acquire(&r->lock);
    bool any = roots_claim_locked(r, &piece);
    lock_release(&r->lock);
    if (!any)
        return 0;
    for (size_t i = 0; i < piece.n; i++)
        visit(ctx, &piece.slots[i]);
    lock_acquire(&r->lock);
    roots_scanned_locked(r, &piece);
    lock_release(&r->lock);
    return piece.n;
}

uint64_t
roots_scan_stw(struct roots *r, roots_visit *visit, void *ctx)
{
    uint64_t bytes = 0;
    lock_acquire(&r->lock);
    for (size_t i = 0; i < r->nranges; i++) {
        for (size_t j = 0; j < r->ranges[i].n; j++)
            visit(ctx, &r->ranges[i].slots[j]);
        bytes += r->ranges[i].n * sizeof(void *);
    }
    lock_release(&r->lock);
    return bytes;
}
