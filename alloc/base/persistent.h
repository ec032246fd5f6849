/* persistent.h - bump allocator for metadata that lives as long as its heap (Go:
 * persistentalloc). Chunks of 256 KiB; requests of 64 KiB and more go to the OS. Locked. */
#ifndef GH_ALLOC_BASE_PERSISTENT_H
#define GH_ALLOC_BASE_PERSISTENT_H

#include "alloc/base/lock.h"
#include "alloc/base/os.h"

struct persistent {
    struct os_account *account;
    struct lock lock;
    char *next, *end;
    void *chunks; /* list, for finish */
};

void persistent_init(struct persistent *p, struct os_account *a);
void persistent_finish(struct persistent *p);
/* `bytes` zeroed, aligned to `align` (a power of two, <= 4096), booked under `kind`. NULL if
 * the OS refuses. */
void *persistent_alloc(struct persistent *p, size_t bytes, size_t align, enum os_kind kind);

#endif
