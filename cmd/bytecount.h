/* bytecount.h - a size in bytes as Go writes it in GOMEMLIMIT: a whole number, and B, KiB, MiB,
 * GiB or TiB behind it, or nothing. */
#ifndef GH_CMD_BYTECOUNT_H
#define GH_CMD_BYTECOUNT_H

#include "alloc/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The power of 1024 that the `n` characters at `unit` stand for: 0 for none and for B, 1 for
 * KiB, and so on; -1 if they are no unit. */
int bytecount_power(const char *unit, size_t n);

/* Parse all of `text` into 0 .. INT64_MAX bytes. A usage error names the form that is accepted
 * and, where it can be told, what was meant: 768Mi -> 768MiB, 1.5GiB -> 1536MiB. */
bool bytecount_parse(const char *text, uint64_t *out, struct gh_error *err);

#endif
