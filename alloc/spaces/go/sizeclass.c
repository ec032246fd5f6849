/* sizeclass.c - what is known of a size class beyond the generated tables: the columns of the
 * comment in Go's internal/runtime/gc/sizeclasses.go. For reports and tests; nothing here is on
 * an allocation path. Pure. */
#include "alloc/spaces/go/sizeclass.h"

#include "alloc/base/check.h"

void
sizeclass_row(unsigned class_, struct sizeclass_row *out)
{
    CHECK(class_ > 0 && class_ < GH_CLASSES, "sizeclass_row: no class %u", class_);
    unsigned bytes = sizeclass_bytes[class_];
    unsigned span = sizeclass_pages[class_] * (unsigned)GH_PAGE;
    unsigned objects = span / bytes;
    unsigned tail = span - objects * bytes;
    /* the worst object is one byte larger than the class below holds */
    unsigned worst = bytes - sizeclass_bytes[class_ - 1] - 1;
    unsigned align = bytes & -bytes;
    *out = (struct sizeclass_row){
        .class_ = class_,
        .object_bytes = bytes,
        .span_bytes = span,
        .objects = objects,
        .tail_waste = tail,
        .max_waste = (double)(worst * objects + tail) / (double)span,
        .min_align = align < GH_PAGE ? align : (unsigned)GH_PAGE,
    };
}
