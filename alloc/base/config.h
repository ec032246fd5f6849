/* config.h - the sizes everything else is built on, in one place.
 *
 * Figures are Go 1.26's on linux/amd64. The torture build swaps in hostile ones, so that
 * the rare corners (an arena boundary, a run of two objects) come up all the time. Build
 * kinds differ by the constants here and by nothing else: no function contains an #if. */
#ifndef GH_ALLOC_BASE_CONFIG_H
#define GH_ALLOC_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef GH_DEBUG
#define GH_DEBUG 0
#endif
#ifndef GH_TORTURE
#define GH_TORTURE 0
#endif
#if defined(__SANITIZE_THREAD__)
#define GH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GH_TSAN 1
#endif
#endif
#ifndef GH_TSAN
#define GH_TSAN 0
#endif

enum {
    GH_WORD = 8,

    GH_PAGE_SHIFT = 13,
    GH_PAGE = 1 << GH_PAGE_SHIFT, /* the unit of spans: 8 KiB */

    GH_ARENA_SHIFT = GH_TORTURE ? 22 : 26, /* 64 MiB; torture: one chunk */
    GH_ARENA = 1 << GH_ARENA_SHIFT,
    GH_PAGES_PER_ARENA = GH_ARENA / GH_PAGE,

    GH_ADDR_BITS = 48,

    GH_CLASSES = 68,                  /* size classes, class 0 = large objects */
    GH_SPAN_CLASSES = 2 * GH_CLASSES, /* class << 1 | noscan */
    GH_SMALL_MAX = 32760,             /* the largest small object, header included */
    GH_TINY_SIZE = 16,                /* block of the tiny allocator */
    GH_TINY_CLASS = 2,                /* its size class */
    GH_HEADER_MIN = 512,              /* larger small objects with pointers carry a header */
    GH_HEADER = 8,

    GH_STACK_MIN = 2048,       /* first stack of a mutator */
    GH_STACK_MAX = 1000000000, /* beyond it: fatal stack overflow, as in Go */

    GH_RUN_CLEAR_BYTES = 1024, /* how far ahead of the bump memory is cleared: within L1 */
    GH_RUN_CLEAR_LARGE_BYTES = 8192, /* the same for objects of which few fit into that */
    GH_RUN_LARGE = 128,
    GH_RUN_MAX_OBJECTS = GH_TORTURE ? 2 : 1 << 20,

    GH_CACHELINE = 64,
};

/* Where the first arena is looked for. Go's 0xc000000000 is not usable under the
 * sanitizers (it lies in their shadow); this one is honoured by TSan, ASan and valgrind. */
#if GH_TSAN || defined(__SANITIZE_ADDRESS__) || GH_DEBUG
#define GH_ARENA_HINT      UINT64_C(0x7e8000000000)
#define GH_ARENA_HINT_STEP (-(INT64_C(1) << 32))
#else
#define GH_ARENA_HINT      UINT64_C(0x00c000000000)
#define GH_ARENA_HINT_STEP (INT64_C(1) << 40)
#endif

#endif
