/* pacertrace.h - what `GODEBUG=gcpacertrace=1` prints of a cycle in Go 1.26, to the byte: how
 * the pacer began it, how it came out, and how its sweep went.
 *
 *   pacer: assist ratio=# (scan # MB in #-># MB) workers=#+#
 *   pacer: #% CPU (# exp.) for #+#+# B work (# B exp.) in # B -> # B (∆goal #, cons/mark #)
 *   pacer: sweep done at heap size #MB; allocated #MB during sweep; swept # pages
 *          at # pages/byte
 *
 * (The third is one line.) Bytes of work are heap+stacks+globals; cons/mark is the estimate
 * that the cycle was paced by, not the one that came out of it. As in Go, a cycle in which the
 * heap did not grow (marked in a stopped world) has no second line, because it tells nothing
 * about the next. One that was not paced at all has neither.
 *
 * Both lines come when the cycle is over, in front of its gctrace line; Go prints the first
 * when it begins. The third comes when it is noticed that nothing is left to sweep: at the
 * latest as the next cycle begins, and never for a last one that is not swept to its end. */
#ifndef GH_PROFILES_PACERTRACE_H
#define GH_PROFILES_PACERTRACE_H

#include "alloc/base/lock.h"
#include "gc/api/observer.h"

#include <stddef.h>

enum { PACERTRACE_LINE_MAX = 400 };

struct pacertrace {
    /* immutable, filled by the owner */
    int fd;
    struct lock *order; /* shared by all traces to fd; may be NULL */
};

/* An observer that writes to p->fd, one write(2) a line. `p` must outlive the heap. To be added
 * in front of gctrace's. */
struct gh_observer pacertrace_observer(struct pacertrace *p);

/* The lines with their newlines, at most `bytes` of each; they return the length, 0 for a line
 * that a cycle does not have. */
size_t pacertrace_format_start(char *out, size_t bytes, const struct gh_pacing *p);
size_t pacertrace_format_end(char *out, size_t bytes, const struct gh_pacing *p);
size_t pacertrace_format_swept(char *out, size_t bytes, const struct gh_sweeping *s);

#endif
