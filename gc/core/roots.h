/* roots.h - global roots: what a heap is told about references outside of it.
 *
 * Note [roots while marking]. A cycle scans every slot once, a piece at a time, beside the
 * mutators, who store into slots with gh_store. `scanned` of a range says how far the scan has
 * got; a piece is claimed under the lock and scanned without it. Ranges may come and go
 * meanwhile:
 *   - One that comes is scanned like the others: what it holds may have come from a stack that
 *     was not scanned yet, in plain stores from before it was a range.
 *   - One that goes takes its references with it, which is a deletion without a barrier: so
 *     what is left to scan of it is scanned first, by whoever removes it. Pieces of it that are
 *     being scanned are waited for. */
#ifndef GH_GC_CORE_ROOTS_H
#define GH_GC_CORE_ROOTS_H

#include "alloc/base/compiler.h"
#include "alloc/base/lock.h"
#include "alloc/base/persistent.h"

typedef void roots_visit(void *ctx, void **slot);

enum { ROOTS_PIECE = GH_TORTURE ? 7 : 16 * 1024 }; /* slots scanned at a time: 128 KiB */

struct root_range {
    void **slots;
    size_t n;
    size_t scanned;    /* of this cycle: slots claimed for scanning, from the first */
    unsigned scanning; /* pieces that are being scanned */
};

struct roots {
    struct lock lock; /* ROOTS */
    struct cond scanned;
    /* guarded by lock, in a stopped world too: whoever changes it need not be a mutator */
    struct root_range *ranges;
    size_t nranges, cap;
    bool marking;
    /* under the lock: how the rest of a range that goes is marked, and what that has made grey
     * is published */
    roots_visit *late_visit;
    void (*late_publish)(void *ctx);
    void *late_ctx;
    /* atomic; written under the lock: slots that are not claimed yet, or being scanned */
    _Atomic(size_t) left;
};

void roots_init(struct roots *r);
void roots_finish(struct roots *r);
void roots_add(struct roots *r, void **slots, size_t n);
bool roots_remove(struct roots *r, void **slots);
/* _stw: call visit(ctx, slot) for each slot. Returns their bytes. */
uint64_t roots_scan_stw(struct roots *r, roots_visit *visit, void *ctx);

/* _stw: a cycle begins to mark; roots_scan_piece is for it. Returns the bytes of all roots. */
uint64_t roots_start_stw(struct roots *r);
/* Scan the next piece. Returns its slots; 0: there is none left to claim. Any thread. */
size_t roots_scan_piece(struct roots *r, roots_visit *visit, void *ctx);
/* _stw: the cycle has marked all there is, if quiet(ctx) says so while no range can come or go.
 * False, and nothing happens, if not: a thread that does not stop with the world may have added
 * slots, or removed some and left work. */
bool roots_try_end_stw(struct roots *r, bool (*quiet)(const void *ctx), const void *ctx);

/* Whether a slot is left to scan. */
GH_INLINE bool
roots_any_left(const struct roots *r)
{
    /* seq_cst: part of finding out that no work is left (mark_phase.h) */
    return atomic_load_explicit(&r->left, memory_order_seq_cst) > 0;
}

#endif
