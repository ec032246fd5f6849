/* gctrace.h - the line a cycle that `GODEBUG=gctrace=1` prints in Go 1.20 and later, to the
 * byte.
 *
 *   gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks,
 *   # MB globals, # P[ (forced)]                                          (one line)
 *
 * "MB" are mebibytes, cut off. "ms cpu" are wall time times threads, as in Go, not CPU time. */
#ifndef GH_PROFILES_GCTRACE_H
#define GH_PROFILES_GCTRACE_H

#include "gc/api/observer.h"

#include <stddef.h>

enum { GCTRACE_LINE_MAX = 512 };

struct gctrace {
    int fd; /* immutable */
};

/* An observer that writes to `fd`, one write(2) a line, so that lines of several threads or
 * processes do not mix. `g` must outlive the heap. A failing write is ignored: a run is not
 * worth losing for its log. */
struct gh_observer gctrace_observer(struct gctrace *g, int fd);

/* The line of cycle `c` with its newline, at most `bytes` of it; returns its length. */
size_t gctrace_format(char *out, size_t bytes, const struct gh_cycle *c);

/* A duration in milliseconds as gctrace shows it, NUL-terminated: whole from 10 ms on, else two
 * significant digits and no more than three decimals, both cut off, not rounded. `out` holds at
 * least 24 bytes. */
void gctrace_ms(char *out, int64_t ns);

#endif
