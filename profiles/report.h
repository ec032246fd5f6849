/* report.h - the report for people: aligned, within 80 columns, no colour unless asked. */
#ifndef GH_PROFILES_REPORT_H
#define GH_PROFILES_REPORT_H

#include "profiles/facts.h"

#include <stdio.h>

/* Write errors are left in `out` for the caller to find. */
void report_write(const struct facts *f, FILE *out);

#endif
