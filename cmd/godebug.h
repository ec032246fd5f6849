/* godebug.h - Go's GODEBUG variable: a list of key=value settings, parted by commas. */
#ifndef GH_CMD_GODEBUG_H
#define GH_CMD_GODEBUG_H

#include <stddef.h>

/* The value of `key` in `list`, copied into `out`; NULL if it is not there. As in Go, the last
 * setting of a key wins and a word without "=" is none. `list` may be NULL. */
const char *godebug_value(const char *list, const char *key, char *out, size_t bytes);

/* One line a setting of `list` that has no effect here, handed to `warn`: a key that is Go's
 * but not supported, one that nobody knows, or a value that asks for more than is offered. */
void godebug_check(const char *list, void (*warn)(void *ctx, const char *line), void *ctx);

#endif
