/* gctrace.h - what `GODEBUG=gctrace=1` and `=2` print in Go 1.26, to the byte.
 *
 * Level 1 is a line a cycle, the same since Go 1.20:
 *
 *   gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks,
 *   # MB globals, # P[ (forced)]                                          (one line)
 *
 * "MB" are mebibytes, cut off. "ms cpu" of the two stops are wall time times threads, as in Go,
 * not CPU time. Level 2 adds how objects were scanned, in sum and for each size class that had
 * some (L: large objects); in a span, sparse ones are scanned one by one and dense ones
 * together:
 *
 *   scan: total SINGLE+SPARSE+DENSE=# objs, SPARSE+DENSE=# spans
 *   scan: class #B|L SINGLE+SPARSE+DENSE=# objs, SPARSE+DENSE=# spans */
#ifndef GH_PROFILES_GCTRACE_H
#define GH_PROFILES_GCTRACE_H

#include "alloc/base/lock.h"
#include "gc/api/observer.h"

#include <stddef.h>
#include <stdint.h>

enum { GCTRACE_LINE_MAX = 512 };

struct gctrace {
    /* immutable, filled by the owner */
    int fd;
    struct lock *order;          /* shared by all traces to fd; may be NULL */
    int level;                   /* 1 or 2 */
    const uint16_t *class_bytes; /* of an object of each class, GH_CLASSES of them */
};

/* An observer that prints what `g` says, one write(2) a line. `g` must outlive the heap, and so
 * must class_bytes, which may be NULL at level 1. */
struct gh_observer gctrace_observer(struct gctrace *g);

/* The line of cycle `c` with its newline, at most `bytes` of it; returns its length. */
size_t gctrace_format(char *out, size_t bytes, const struct gh_cycle *c);

/* The same for a scan line: of a class of objects of `object_bytes`, of large objects (0), or
 * the sum (GCTRACE_TOTAL). */
#define GCTRACE_TOTAL UINT32_MAX
size_t gctrace_format_scan(char *out, size_t bytes, uint32_t object_bytes,
                           const struct gh_scan_stats *s);

/* A duration in milliseconds as gctrace shows it, NUL-terminated: whole from 10 ms on, else two
 * significant digits and no more than three decimals, both cut off, not rounded. `out` holds at
 * least 24 bytes. */
void gctrace_ms(char *out, int64_t ns);

#endif
