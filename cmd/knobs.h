/* knobs.h - the parsers of values that tables of knobs share. A message says what is wrong with
 * the text, not where it comes from: the caller knows. All are usage errors. */
#ifndef GH_CMD_KNOBS_H
#define GH_CMD_KNOBS_H

#include "alloc/base/error.h"

/* A whole number, decimal, min to max. */
bool knob_int(const char *text, int min, int max, int *out, struct gh_error *err);
/* 0 or 1. */
bool knob_bool(const char *text, bool *out, struct gh_error *err);
/* The index of `text` among `words`, which end with NULL. */
bool knob_choice(const char *text, const char *const *words, int *out, struct gh_error *err);

#endif
