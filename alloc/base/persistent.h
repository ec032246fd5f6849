/* persistent.h - bump allocator for metadata that lives as long as its heap (Go:
 * persistentalloc). Chunks of 256 KiB; requests of 64 KiB and more go to the OS. Locked. */
#ifndef GH_ALLOC_BASE_PERSISTENT_H
#define GH_ALLOC_BASE_PERSISTENT_H

#include "alloc/base/lock.h"
#include "alloc/base/os.h"

struct persistent_piece; /* one piece of OS memory: persistent.c */

struct persistent {
    struct os_account *account; /* immutable */
    struct lock lock;
    /* guarded by lock */
    char *next, *end;                /* what is left of the newest chunk */
    struct persistent_piece *chunks; /* newest first; for finish */
    struct persistent_piece *large;  /* requests with memory of their own; for finish */
};

void persistent_init(struct persistent *p, struct os_account *a);
void persistent_finish(struct persistent *p);
/* `bytes` zeroed, aligned to `align` (a power of two, <= 4096), booked under `kind`. NULL if
 * the OS refuses. */
void *persistent_alloc(struct persistent *p, size_t bytes, size_t align, enum os_kind kind);

#endif
