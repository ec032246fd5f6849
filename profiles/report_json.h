/* report_json.h - the report for machines: one JSON object, described in results/README.md. */
#ifndef GH_PROFILES_REPORT_JSON_H
#define GH_PROFILES_REPORT_JSON_H

#include "profiles/facts.h"

#include <stdbool.h>
#include <stdio.h>

/* Grows when a reader of older files would be misled. */
enum { REPORT_JSON_SCHEMA = 1 };

/* False if memory ran out or a write failed (errno says which). */
bool report_json_write(const struct facts *f, FILE *out);

#endif
