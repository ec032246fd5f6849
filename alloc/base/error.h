/* error.h - errors that travel: one line that says what, where and how to mend it. */
#ifndef GH_ALLOC_BASE_ERROR_H
#define GH_ALLOC_BASE_ERROR_H

#include "alloc/base/compiler.h"

#include <stdbool.h>

GH_EXTERN_C_BEGIN

/* Exit codes, everywhere: 0 done, 1 the run or the check failed, 2 usage; or 128 + a signal. */
enum gh_exit {
    GH_EXIT_OK = 0,
    GH_EXIT_FAILED = 1,
    GH_EXIT_USAGE = 2,
};

struct gh_error {
    enum gh_exit status; /* what the process should exit with */
    char text[500];      /* one line, no trailing newline, no "goheap:" prefix */
};

/* Fill `err` (which may be NULL) and return false, so that a caller can write
 * `return gh_error_set(err, GH_EXIT_USAGE, "...")`. Truncates to fit. */
GH_API bool gh_error_set(struct gh_error *err, enum gh_exit status, const char *fmt, ...)
    GH_PRINTF(3, 4);

GH_EXTERN_C_END
#endif
