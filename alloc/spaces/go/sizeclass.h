/* sizeclass.h - the 67 size classes, computed at build time by scripts/gen/sizeclasses.c from
 * the rules (Go: mksizeclasses.go), never pasted. Class 0 stands for large objects. */
#ifndef GH_ALLOC_SPACES_GO_SIZECLASS_H
#define GH_ALLOC_SPACES_GO_SIZECLASS_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"

/* Generated into build/<kind>/gen/sizeclass_table.c */
extern const uint16_t sizeclass_bytes[GH_CLASSES]; /* slot size; [0] = 0 */
extern const uint8_t sizeclass_pages[GH_CLASSES];  /* pages of a span */
extern const uint32_t sizeclass_magic[GH_CLASSES]; /* ceil(2^32 / bytes) */
extern const uint8_t sizeclass_of_8[1024 / 8 + 1]; /* class of (n + 7) / 8, n <= 1024 */
extern const uint8_t sizeclass_of_128[(32768 - 1024) / 128 + 1]; /* of (n - 1024 + 127) / 128 */

/* The size class of `bytes`, 1 <= bytes <= 32768. */
GH_INLINE unsigned
sizeclass_of(size_t bytes)
{
    return bytes <= 1024 ? sizeclass_of_8[(bytes + 7) / 8]
                         : sizeclass_of_128[(bytes - 1024 + 127) / 128];
}

/* One row of the table people know from Go's sizeclasses.go, for `goheap list size-classes`. */
struct sizeclass_row {
    unsigned class_, object_bytes, span_bytes, objects, tail_waste;
    double max_waste; /* fraction */
    unsigned min_align;
};
void sizeclass_row(unsigned class_, struct sizeclass_row *out);

#endif
