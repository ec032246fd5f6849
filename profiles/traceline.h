/* traceline.h - how a line of a trace leaves: whole, by one write(2), so that lines of several
 * threads or processes do not mix. A failing write is ignored: a run is not worth losing for
 * its log.
 *
 * Several lines of one record stay together, although other threads trace meanwhile, because
 * all traces to one place share a lock. Go: printlock. */
#ifndef GH_PROFILES_TRACELINE_H
#define GH_PROFILES_TRACELINE_H

#include "alloc/base/lock.h"

#include <stddef.h>

/* Between the two only this record is written. `order`: LEAF, held for some writes; NULL for a
 * trace that is alone in its place. */
void traceline_begin(struct lock *order);
void traceline_end(struct lock *order);

/* Write `n` bytes, a line with its newline, to `fd`. */
void traceline_write(int fd, const char *line, size_t n);

/* A record of one line. */
void traceline_put(struct lock *order, int fd, const char *line, size_t n);

/* What snprintf has written into `bytes`, given what it returned. */
size_t traceline_length(int printed, size_t bytes);

#endif
