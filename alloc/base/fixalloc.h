/* fixalloc.h - free-list allocator of fixed-size records (Go: fixalloc). Metadata only; memory
 * is never returned to the OS before fixalloc_finish. Not locked: the owner's lock guards it.
 */
#ifndef GH_ALLOC_BASE_FIXALLOC_H
#define GH_ALLOC_BASE_FIXALLOC_H

#include "alloc/base/os.h"

struct fixalloc {
    struct os_account *account;
    enum os_kind kind;
    size_t size;  /* of one record, rounded up to 8; at most 16 KiB - 8 */
    size_t chunk; /* bytes of records in a chunk; 16 KiB are taken from the OS at a time */
    void *free_list;
    char *fresh, *fresh_end;
    void *chunks; /* list of chunks, for finish */
    uint64_t inuse_bytes;
};

void fixalloc_init(struct fixalloc *f, struct os_account *a, size_t size, enum os_kind kind);
void fixalloc_finish(struct fixalloc *f);
/* A zeroed record, or NULL if the OS refuses. */
void *fixalloc_get(struct fixalloc *f);
void fixalloc_put(struct fixalloc *f, void *p);

#endif
