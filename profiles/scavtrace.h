/* scavtrace.h - the line that `GODEBUG=scavtrace=1` prints in Go 1.21 and later, to the byte:
 * one when a cycle's sweeping is done, and one whenever the program asks for its free memory to
 * be given back.
 *
 *   scav # KiB work (bg), # KiB work (eager), # KiB now, #% util[ (forced)]
 *
 * Work is what was given back to the OS since the last line, "now" what is given back at this
 * moment, "util" the part in use of the memory that is held for the heap. */
#ifndef GH_PROFILES_SCAVTRACE_H
#define GH_PROFILES_SCAVTRACE_H

#include "alloc/base/lock.h"
#include "gc/api/observer.h"

#include <stddef.h>

enum { SCAVTRACE_LINE_MAX = 200 };

struct scavtrace {
    /* immutable, filled by the owner */
    int fd;
    struct lock *order; /* shared by all traces to fd; may be NULL */
};

/* An observer that writes to s->fd, one write(2) a line. `s` must outlive the heap. */
struct gh_observer scavtrace_observer(struct scavtrace *s);

/* The line with its newline, at most `bytes` of it; returns its length. */
size_t scavtrace_format(char *out, size_t bytes, const struct gh_scavenging *s);

#endif
