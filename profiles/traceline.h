/* traceline.h - how a line of a trace leaves: whole, by one write(2), so that lines of several
 * threads or processes do not mix. A failing write is ignored: a run is not worth losing for
 * its log. */
#ifndef GH_PROFILES_TRACELINE_H
#define GH_PROFILES_TRACELINE_H

#include <stddef.h>

/* Write `n` bytes, a line with its newline, to `fd`. */
void traceline_write(int fd, const char *line, size_t n);

/* What snprintf has written into `bytes`, given what it returned. */
size_t traceline_length(int printed, size_t bytes);

#endif
