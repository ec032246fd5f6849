/* type.h - what the collector must know of an object: its size and where its references are.
 *
 * Go's counterpart is abi.Type (Size_, PtrBytes, GCData). The fields below the banner are
 * derived once, when the type is made (gh_type_new), so that allocation only reads. */
#ifndef GH_ALLOC_BASE_TYPE_H
#define GH_ALLOC_BASE_TYPE_H

#include <stddef.h>
#include <stdint.h>

/* How objects of a type are found in the heap again. Go: the five malloc paths of 1.24. */
enum gh_layout {
    GH_LAYOUT_TINY,   /* < 16 B, no references: packed into 16-byte blocks */
    GH_LAYOUT_NOSCAN, /* small, no references */
    GH_LAYOUT_BITS,   /* <= 512 B with references: bitmap at the end of the span */
    GH_LAYOUT_HEADER, /* > 512 B small, with references: 8-byte type pointer in front */
    GH_LAYOUT_LARGE,  /* its own span, which holds the type */
};

struct gh_type {
    /* immutable: the description */
    size_t size;              /* bytes of one value; > 0, a multiple of 8 if ptr_bytes > 0 */
    size_t ptr_bytes;         /* prefix of the value that can hold references; 0 = none */
    const uint64_t *ptr_mask; /* bit i: word i of the prefix is a reference */
    const char *name;

    /* immutable: derived by gh_type_new */
    enum gh_layout layout;
    uint32_t run_offset; /* byte offset of the type's run in struct gh_mutator; as the space
                            derives it, in its array of runs */
    uint32_t slot_bytes; /* what the bump advances by: the size class's size */
    uint8_t span_class;
    uint64_t run_mask; /* mask of one object, compared with the run's; 0 = no references */
};

/* run_mask of every type with a header. Runs of header classes carry mask 0, so that the fast
 * path always finds a difference there and goes on to write the header. */
#define GH_MASK_HEADER UINT64_MAX

#endif
