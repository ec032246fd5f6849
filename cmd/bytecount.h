/* bytecount.h - a size in bytes as Go writes it in GOMEMLIMIT: a whole number, and B, KiB, MiB,
 * GiB or TiB behind it, or nothing. */
#ifndef GH_CMD_BYTECOUNT_H
#define GH_CMD_BYTECOUNT_H

#include "alloc/base/error.h"

#include <stdint.h>

/* Parse all of `text` into 0 .. INT64_MAX bytes. A usage error names the form that is accepted
 * and, where it can be told, what was meant: 768Mi -> 768MiB, 1.5GiB -> 1536MiB. */
bool bytecount_parse(const char *text, uint64_t *out, struct gh_error *err);

#endif
