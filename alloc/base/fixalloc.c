/* fixalloc.c - fixed-size metadata records from a free list (fixalloc.h).
 *
 * Records are cut from 16 KiB chunks and never leave the allocator; freed ones are linked
 * through their first word. A chunk's link to the next sits in its last word, so that records
 * start on a page and keep the alignment of their size. Go's counterpart: mfixalloc.go. Locks:
 * the owner's. Contexts: as the owner's lock allows. */
#include "alloc/base/fixalloc.h"

#include "alloc/base/bits.h"
#include "alloc/base/check.h"

#include <string.h>

enum { FIXALLOC_CHUNK = 16 * 1024, FIXALLOC_LINK = FIXALLOC_CHUNK - sizeof(void *) };

static void **
fixalloc_link(void *chunk)
{
    return (void **)(void *)((char *)chunk + FIXALLOC_LINK);
}

void
fixalloc_init(struct fixalloc *f, struct os_account *a, size_t size, enum os_kind kind)
{
    CHECK(size > 0 && size <= FIXALLOC_LINK, "fixalloc_init: records of %zu bytes", size);
    size = align_up(size, 8);
    *f = (struct fixalloc){.account = a, .kind = kind, .size = size};
    f->chunk = FIXALLOC_LINK / size * size;
}

void
fixalloc_finish(struct fixalloc *f)
{
    for (void *chunk = f->chunks, *next; chunk != NULL; chunk = next) {
        next = *fixalloc_link(chunk);
        os_free(f->account, chunk, FIXALLOC_CHUNK, f->kind);
    }
    *f = (struct fixalloc){0};
}

static bool
fixalloc_refill(struct fixalloc *f)
{
    char *chunk = os_alloc(f->account, FIXALLOC_CHUNK, f->kind, "goheap: records");
    if (chunk == NULL)
        return false;
    *fixalloc_link(chunk) = f->chunks;
    f->chunks = chunk;
    f->fresh = chunk;
    f->fresh_end = chunk + f->chunk;
    return true;
}

void *
fixalloc_get(struct fixalloc *f)
{
    void *p = f->free_list;

    if (p != NULL) {
        f->free_list = *(void **)p;
        memset(p, 0, f->size);
    } else {
        if (f->fresh == f->fresh_end && !fixalloc_refill(f))
            return NULL;
        p = f->fresh; /* from the OS, hence zero */
        f->fresh += f->size;
    }
    f->inuse_bytes += f->size;
    return p;
}

void
fixalloc_put(struct fixalloc *f, void *p)
{
    ASSERT(f->inuse_bytes >= f->size, "fixalloc_put: %p, but nothing is in use", p);
    f->inuse_bytes -= f->size;
    *(void **)p = f->free_list;
    f->free_list = p;
}
