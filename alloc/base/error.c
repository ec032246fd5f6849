/* error.c - fills the errors that travel (error.h). Locks: none. Contexts: any. */
#include "alloc/base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

bool
gh_error_set(struct gh_error *err, enum gh_exit status, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    err->status = status;

    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    if (n < 0)
        err->text[0] = '\0';

    /* One line is promised, and file names may contain anything. */
    for (char *c = err->text; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
    return false;
}
