/* persistent.c - metadata that lives as long as its heap (persistent.h).
 *
 * A bump over chunks of 256 KiB; large requests get memory of their own. Each piece of OS
 * memory has a record, kept inside the chunks, by which finish finds it and takes it off the
 * books. Chunks are booked as OTHER and rebooked as they are handed out. Go's counterpart:
 * persistentalloc in malloc.go, which has a chunk for each P; here requests are rare enough for
 * one lock. Does not free single requests. */
#include "alloc/base/persistent.h"

#include "alloc/base/bits.h"
#include "alloc/base/check.h"

enum {
    PERSISTENT_CHUNK = 256 * 1024,
    PERSISTENT_LARGE = 64 * 1024,
    PERSISTENT_ALIGN_MAX = 4096,
};

/* One piece of OS memory. */
struct persistent_piece {
    struct persistent_piece *next;
    void *base;
    size_t bytes;
    size_t booked[OS_KINDS]; /* moved from OTHER to this kind */
};

void
persistent_init(struct persistent *p, struct os_account *a)
{
    lock_init(&p->lock, LOCK_RANK_PERSIST);
    p->account = a;
    p->next = p->end = NULL;
    p->chunks = p->large = NULL;
}

static void
persistent_free_pieces(struct persistent *p, struct persistent_piece *piece)
{
    for (struct persistent_piece *next; piece != NULL; piece = next) {
        next = piece->next;
        for (int k = 0; k < OS_KINDS; k++)
            os_rebook(p->account, piece->booked[k], (enum os_kind)k, OS_OTHER);
        os_free(p->account, piece->base, piece->bytes, OS_OTHER);
    }
}

void
persistent_finish(struct persistent *p)
{
    /* large ones first: their records lie in the chunks */
    persistent_free_pieces(p, p->large);
    persistent_free_pieces(p, p->chunks);
    p->chunks = p->large = NULL;
    p->next = p->end = NULL;
    lock_finish(&p->lock);
}

/* Bump; NULL if the current chunk has not the room. */
static void *
persistent_bump(struct persistent *p, size_t bytes, size_t align)
{
    uintptr_t at = align_up((uintptr_t)p->next, align);
    if (p->next == NULL || at > (uintptr_t)p->end || bytes > (uintptr_t)p->end - at)
        return NULL;
    p->next = (char *)at + bytes;
    return (void *)at;
}

static bool
persistent_new_chunk(struct persistent *p)
{
    char *base = os_alloc(p->account, PERSISTENT_CHUNK, OS_OTHER, "goheap: metadata");
    if (base == NULL)
        return false;
    struct persistent_piece *piece = (void *)base;
    *piece =
        (struct persistent_piece){.next = p->chunks, .base = base, .bytes = PERSISTENT_CHUNK};
    p->chunks = piece;
    p->next = base + sizeof(*piece);
    p->end = base + PERSISTENT_CHUNK;
    return true;
}

static void *
persistent_small(struct persistent *p, size_t bytes, size_t align, enum os_kind kind)
{
    void *at = persistent_bump(p, bytes, align);
    if (at == NULL) {
        if (!persistent_new_chunk(p))
            return NULL;
        at = persistent_bump(p, bytes, align);
        CHECK(at != NULL, "persistent_small: %zu bytes do not fit a fresh chunk", bytes);
    }
    if (kind != OS_OTHER) {
        p->chunks->booked[kind] += bytes;
        os_rebook(p->account, bytes, OS_OTHER, kind);
    }
    return at;
}

static void *
persistent_large(struct persistent *p, size_t bytes, enum os_kind kind)
{
    size_t whole = align_up(bytes, os_page_bytes());
    struct persistent_piece *piece = persistent_small(p, sizeof(*piece), 8, OS_OTHER);
    if (piece == NULL || whole < bytes)
        return NULL;
    void *base = os_alloc(p->account, whole, OS_OTHER, "goheap: metadata");
    if (base == NULL)
        return NULL;
    *piece = (struct persistent_piece){.next = p->large, .base = base, .bytes = whole};
    p->large = piece;
    if (kind != OS_OTHER) {
        piece->booked[kind] = whole;
        os_rebook(p->account, whole, OS_OTHER, kind);
    }
    return base;
}

void *
persistent_alloc(struct persistent *p, size_t bytes, size_t align, enum os_kind kind)
{
    CHECK(bytes > 0 && is_pow2(align) && align <= PERSISTENT_ALIGN_MAX,
          "persistent_alloc: %zu bytes aligned to %zu", bytes, align);
    lock_acquire(&p->lock);
    void *at = bytes >= PERSISTENT_LARGE ? persistent_large(p, bytes, kind)
                                         : persistent_small(p, bytes, align, kind);
    lock_release(&p->lock);
    return at;
}
