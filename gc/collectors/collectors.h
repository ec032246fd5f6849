/* collectors.h - the table of collectors. A row each; picked by name when a heap opens. */
#ifndef GH_GC_COLLECTORS_COLLECTORS_H
#define GH_GC_COLLECTORS_COLLECTORS_H

#include "gc/core/heap.h"

extern const struct collector collector_go;
extern const struct collector collector_stw;
extern const struct collector collector_sbrk; /* in the place of any other, by a debug switch */

#endif
