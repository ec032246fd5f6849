/* type_layout.c - decides how objects of a type lie in the heap, once, when the type is made.
 *
 * The five layouts are those of Go's mallocgc since 1.24, with its bounds: a small object is at
 * most 32760 bytes without its header, with or without references. Pure. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/internal.h"

static void
check_description(const struct gh_type *t)
{
    const char *name = t->name != NULL ? t->name : "?";
    CHECK(t->size > 0, "gospace_derive_type: type %s has size 0", name);
    CHECK(t->ptr_bytes <= t->size, "gospace_derive_type: type %s: ptr_bytes %zu > size %zu",
          name, t->ptr_bytes, t->size);
    if (t->ptr_bytes == 0)
        return;
    CHECK(t->size % GH_WORD == 0 && t->ptr_bytes % GH_WORD == 0,
          "gospace_derive_type: type %s holds references, but its size %zu or ptr_bytes %zu is "
          "not a multiple of 8",
          name, t->size, t->ptr_bytes);
    CHECK(t->ptr_mask != NULL, "gospace_derive_type: type %s: ptr_bytes %zu without a mask",
          name, t->ptr_bytes);
    size_t words = t->ptr_bytes / GH_WORD;
    uint64_t beyond =
        t->ptr_mask[(words - 1) / 64] & ~bits_low((unsigned)((words - 1) % 64 + 1));
    CHECK(beyond == 0,
          "gospace_derive_type: type %s: references beyond ptr_bytes %zu in its mask", name,
          t->ptr_bytes);
    uint64_t any = 0;
    for (size_t i = 0; i < (words + 63) / 64; i++)
        any |= t->ptr_mask[i];
    CHECK(any != 0, "gospace_derive_type: type %s: ptr_bytes %zu, but no reference in its mask",
          name, t->ptr_bytes);
}

static enum gh_layout
layout_of(const struct gh_type *t)
{
    if (t->size > GH_SMALL_MAX)
        return GH_LAYOUT_LARGE;
    if (t->ptr_bytes == 0)
        return t->size < GH_TINY_SIZE ? GH_LAYOUT_TINY : GH_LAYOUT_NOSCAN;
    return t->size <= GH_HEADER_MIN ? GH_LAYOUT_BITS : GH_LAYOUT_HEADER;
}

void
gospace_derive_type(struct gh_type *t)
{
    check_description(t);
    t->layout = layout_of(t);
    bool noscan = t->ptr_bytes == 0;
    unsigned class_ = 0;
    if (t->layout == GH_LAYOUT_TINY)
        class_ = GH_TINY_CLASS;
    else if (t->layout == GH_LAYOUT_HEADER)
        class_ = sizeclass_of(t->size + GH_HEADER);
    else if (t->layout != GH_LAYOUT_LARGE)
        class_ = sizeclass_of(t->size);
    t->span_class = (uint8_t)(class_ << 1 | noscan);
    /* Runs 0 and 1 are those of large objects: always empty, so that the inline path gives up.
     * That takes slots of more than no bytes, whatever their size. */
    bool bumped = t->layout != GH_LAYOUT_TINY && t->layout != GH_LAYOUT_LARGE;
    t->run_offset = (uint32_t)((bumped ? t->span_class : noscan) * sizeof(struct gh_run));
    t->slot_bytes = class_ == 0 ? (uint32_t)GH_PAGE : sizeclass_bytes[class_];
    t->run_mask = 0;
    if (t->layout == GH_LAYOUT_BITS)
        t->run_mask = t->ptr_mask[0];
    else if (t->layout == GH_LAYOUT_HEADER)
        t->run_mask = GH_MASK_HEADER;
}
