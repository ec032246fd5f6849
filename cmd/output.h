/* output.h - a file that appears whole or not at all.
 *
 * Checked before the run by creating and removing a temporary file beside it; nothing is kept
 * open meanwhile, so that whatever ends the process leaves nothing behind. After the run the
 * contents go to a temporary file, which is synced and renamed over the target. Something
 * that exists and is no regular file (/dev/null, a pipe) is written to directly; "-" is
 * standard output. Errors: GH_EXIT_FAILED. */
#ifndef GH_CMD_OUTPUT_H
#define GH_CMD_OUTPUT_H

#include "alloc/base/error.h"

#include <stdio.h>

bool output_check(const char *path, struct gh_error *err);

/* Whether two paths name one regular file (of which only the last part may be missing yet), so
 * that the second write would take the place of the first. */
bool output_is_same(const char *a, const char *b);

/* `write` returns false, with errno set, if it could not; errors that stdio keeps in the FILE
 * are found here. */
bool output_write(const char *path, bool (*write)(const void *ctx, FILE *out), const void *ctx,
                  struct gh_error *err);

/* Flush standard output. A closed pipe fails without a word: err->text is empty. */
bool output_flush_stdout(struct gh_error *err);

#endif
