/* godebug.h - Go's GODEBUG: a list of key=value settings, parted by commas; as --godebug and
 * GOHEAP_GODEBUG as well. */
#ifndef GH_CMD_GODEBUG_H
#define GH_CMD_GODEBUG_H

#include "alloc/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A key that has an effect here. The table is behind the strict parser, `goheap help godebug`
 * and `goheap list godebug`. */
struct godebug_key {
    const char *name;
    int max;              /* values are whole numbers from 0 on */
    const char *fallback; /* the default */
    const char *option;   /* what says the same on the command line; NULL: only --godebug */
    const char *does;     /* one line, lower case */
    const char *about;    /* sentences: what it prints, what it is good for */
    const char *costs;    /* sentences */
};

extern const struct godebug_key godebug_keys[];
size_t godebug_key_count(void);

/* The value of `key` in `list`, copied into `out`; NULL if it is not there. As in Go, the last
 * setting of a key wins and a word without "=" is none. `list` may be NULL. */
const char *godebug_value(const char *list, const char *key, char *out, size_t bytes);

/* Whether every setting of `list` is a key that is known (be it without effect here) with a
 * value that it takes; a usage error about the first that is not. */
bool godebug_parse(const char *list, struct gh_error *err);

/* One line a setting of `list` that has no effect here, handed to `warn`: no setting at all, a
 * key that is Go's but not supported, or one that nobody knows. `source` is where the list
 * comes from. */
void godebug_check(const char *source, const char *list,
                   void (*warn)(void *ctx, const char *line), void *ctx);

#endif
