/* specials.h - what is attached to objects: the records, and who may touch them when.
 *
 * A special is a record outside the heap that says something about one address in one object:
 * its finalizer, its weak pointer, a cleanup, how often it is pinned. Public side:
 * gc/api/specials.h; files: specials.c (lists, and what a sweep does with them),
 * specials_roots.c (what marking must know), finalizers.c, weak.c, pin.c. Go: mheap.go,
 * special.
 *
 * Note [specials]. The records of a span hang on it in a list, by address, then by kind.
 *
 * Who owns the list. Every change is made under the lock of the span's shard. A mutator first
 * sees to it that the span is swept (gospace_ensure_swept). As no sweep starts while he runs,
 * he never meets the sweep's view, in which some of the objects are dead. The sweep owns an
 * unswept span, and takes the lock as well.
 *
 * Finding spans. The page_specials bit of the arena is set exactly while the list is not empty,
 * and a span is freed only with an empty one.
 *
 * Roots. Marking goes through the lists in pieces, beside running mutators, at any time in the
 * mark phase. Whoever adds a record while the phase lasts shades what the record keeps alive,
 * after it is in the list: so it does not matter whether the marking has been there before.
 * Whoever takes away a reference that a record has kept alive, and may go on using it, shades
 * it, as with any deletion. The phase cannot begin or end in between, for all this happens on a
 * running mutator between two safepoints. */
#ifndef GH_GC_CORE_SPECIALS_H
#define GH_GC_CORE_SPECIALS_H

#include "gc/api/specials.h"
#include "gc/core/finalizers.h"
#include "gc/core/marker.h"

enum {
    SPECIALS_SHARDS = GH_TORTURE ? 1 : 16,
    SPECIALS_PIECE = 512, /* pages whose specials are marked at a time (Go: pagesPerSpanRoot) */
    SPECIALS_ARENA_PIECES = GH_PAGES_PER_ARENA / SPECIALS_PIECE,
};

/* In the order of the list; several of SPECIAL_CLEANUP at one address, one of the others. */
enum special_kind {
    SPECIAL_FINALIZER,
    SPECIAL_WEAK,
    SPECIAL_PIN, /* its address is the first byte of the slot */
    SPECIAL_CLEANUP,
};

struct special {
    /* guarded by the shard's lock; by the queue's once the record is queued */
    struct special *next;
    uintptr_t at;  /* the address it is about; of a finalizer, what its function gets */
    uint8_t kind;  /* immutable: enum special_kind */
    uint8_t shard; /* immutable: where the record came from */
    union {
        struct {
            gh_finalizer_fn *fn;
            void *ctx;
        } finalizer;
        struct {
            gh_cleanup_fn *fn;
            void *ctx;
            uint64_t id;
        } cleanup;
        struct gh_weak *weak;
        uint64_t pins;
    };
};

struct specials_shard {
    struct lock lock; /* SPECIALS: the lists of its spans */
    /* guarded by lock */
    struct fixalloc records;
    uint64_t pinned; /* objects */
} GH_ALIGNED(GH_CACHELINE);

/* A reference in the hands of a function that has to pass a safepoint, on its C stack. */
struct special_hold {
    void *ref;
    struct special_hold *next, *prev;
};

struct specials {
    struct gh_heap *heap; /* immutable */
    struct specials_shard shards[SPECIALS_SHARDS];
    struct finalizers finalizers;
    struct lock hold_lock;      /* SPECIALS */
    struct special_hold *holds; /* guarded by hold_lock */
    /* atomic, relaxed: hands out numbers */
    _Atomic(uint64_t) last_cleanup;

    /* world-stopped only for writing: the pieces of the present mark phase */
    struct arena *const *arenas;
    size_t npieces;
    /* atomic: how many of them were claimed; how many are not marked yet */
    _Atomic(size_t) claimed, left;
};

void specials_open(struct specials *sp, struct gh_heap *heap);
/* Let the runner finish what it is running, and end it. No mutator is left but him. */
void specials_stop(struct specials *sp);
/* Nobody sweeps any more. Throws if an object is pinned. */
void specials_close(struct specials *sp);

/* --- marking: specials_roots.c --- */

/* Where the references go that the specials keep alive. */
struct specials_visitor {
    void *ctx;
    void (*root)(void *ctx,
                 void **slot); /* may also hold an address outside the heap, or NULL */
    /* what the object at `base`, first byte of its slot, leads to; but not the object itself */
    void (*contents)(void *ctx, uintptr_t base);
};

/* Call fn(ctx, span, record) for every record in the lists, under the lock of its shard: with
 * the world stopped, or in the mark phase, when all spans are swept.
 */
void specials_walk(struct specials *sp,
                   void (*fn)(void *ctx, struct mspan *s, struct special *r), void *ctx);
/* Every root there is. Contexts as above. */
void specials_visit(struct specials *sp, const struct specials_visitor *v);
/* _stw: grey them all. */
void specials_mark_roots_stw(struct gh_heap *heap, struct mark_worker *w);
/* _stw, all spans swept: a phase begins that marks them piece by piece. */
void specials_start_stw(struct specials *sp);
/* Grey the next piece; false: there is none left to claim. Any marker, while counted as busy.
 */
bool specials_mark_piece(struct specials *sp, struct mark_worker *w);
/* _stw, swept and flushed: check every list, and the bits that lead to it. Returns how many
 * records were seen. */
size_t specials_verify_stw(struct gh_heap *heap);
/* Call fn(ctx, slot) for each word of the object that is a reference or NULL, by its type or
 * its bits. Not for chunks of user arenas. A mutator may be storing there: specials_load. */
void specials_each_ref(const struct object_ref *o, void (*fn)(void *ctx, void **slot),
                       void *ctx);

/* What a word of an object holds, which a mutator may be changing: his barrier accounts for
 * either value. */
GH_INLINE uintptr_t
specials_load(void *const *slot)
{
    /* acquire: as in scan_word */
    return __atomic_load_n((const uintptr_t *)slot, __ATOMIC_ACQUIRE);
}

/* Whether a piece is left to mark. */
GH_INLINE bool
specials_any_left(const struct specials *sp)
{
    /* seq_cst: part of finding out that no work is left (mark_phase.h) */
    return atomic_load_explicit(&sp->left, memory_order_seq_cst) > 0;
}

/* --- among the files named above --- */

GH_INLINE struct specials_shard *
specials_shard_of(struct specials *sp, const struct mspan *s)
{
    /* by the record's address, which never changes: so that a stale span may be asked for */
    return &sp->shards[(uintptr_t)s / sizeof(struct mspan) % SPECIALS_SHARDS];
}

/* The object that `p` points into, in a swept span. False: `p` is immortal. Throws in the name
 * of `who` if it is neither. */
bool specials_locate(struct gh_mutator *m, const void *p, const char *who,
                     struct object_ref *out);
/* The link that leads, or would lead, to the first record of that address and kind. */
struct special **specials_find_locked(struct mspan *s, uintptr_t at, enum special_kind kind);
/* The record there, or NULL. */
struct special *specials_at(struct special *const *link, uintptr_t at, enum special_kind kind);
/* A new record in the list, where the link leads; throws in the name of `who` if the OS refuses
 * memory. */
struct special *specials_add_locked(struct specials *sp, struct mspan *s, struct special **link,
                                    const struct special *what, const char *who);
/* Take the record out of the list; it is the caller's. */
struct special *specials_unlink_locked(struct specials *sp, struct mspan *s,
                                       struct special **link);
void specials_free_locked(struct specials *sp, struct special *r);
void specials_free(struct specials *sp, struct special *r);

void specials_hold(struct specials *sp, struct special_hold *h, void *ref);
void specials_release(struct specials *sp, struct special_hold *h);

/* pin.c: nothing may be pinned when the heap closes. */
void pins_check_closed(struct specials *sp);
/* weak.c: the object is dead; whoever asks from now on gets NULL. */
void weak_clear(struct gh_weak *w);
/* weak.c: what it points to; 0 = cleared. */
uintptr_t weak_address(const struct gh_weak *w);

#endif
