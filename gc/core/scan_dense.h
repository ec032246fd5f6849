/* scan_dense.h - the references in a page of which much is to be scanned: see scan_dense.c. */
#ifndef GH_GC_CORE_SCAN_DENSE_H
#define GH_GC_CORE_SCAN_DENSE_H

#include "alloc/pages/mspan.h"

enum {
    DENSE_OBJECT_WORDS = 8,                   /* 64-bit words of a bit per object */
    DENSE_BIT_WORDS = GH_PAGE / GH_WORD / 64, /* of a bit per word of the page */
    DENSE_REFS_MAX = (INLINE_SCANS_OFF - SPAN_BITMAP_BYTES) / GH_WORD,
    DENSE_REFS = DENSE_REFS_MAX + 8, /* kernels write ahead */
};

/* What to scan in a page. */
struct dense_page {
    uintptr_t page;
    unsigned words;         /* of a slot: 2 to 64 */
    const uint64_t *bitmap; /* which words are references; [DENSE_BIT_WORDS] */
    uint64_t objects[DENSE_OBJECT_WORDS + 1]; /* bit i: scan slot i; the last is 0 */
};

/* What `follow` knows besides. */
struct dense_follow {
    uint32_t magic;        /* of the class: sizeclass_magic */
    const uint64_t *marks; /* of the page; [DENSE_OBJECT_WORDS] */
    uintptr_t ahead;       /* the page that is likely to be wanted next: is fetched meanwhile */
    uint64_t known[DENSE_OBJECT_WORDS]; /* do not follow; all that is to be scanned, and what
                                           has been marked and followed meanwhile */
};

struct dense_kernel {
    const char *name;
    bool (*runs_here)(void);
    /* NULL: there is none for this machine. Writes the references that are not NULL, in the
     * order of their addresses. Returns how many; up to eight more entries may be overwritten.
     */
    unsigned (*find)(const struct dense_page *d, uintptr_t refs[DENSE_REFS]);
    /* NULL: as above. From d->objects to all that they lead to within the page, which joins
     * them there. Writes the references that lead elsewhere, and returns how many, as `find`.
     */
    unsigned (*follow)(struct dense_page *d, struct dense_follow *f,
                       uintptr_t refs[DENSE_REFS]);
};

/* Best first; the last is none. */
enum { DENSE_KERNELS = 3 };
extern const struct dense_kernel dense_kernels[DENSE_KERNELS];

/* The best one that this machine can run. */
const struct dense_kernel *dense_pick(void);

#endif
