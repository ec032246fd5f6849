/* options.h - a workload's own options: from words on the command line to checked values.
 *
 * The command line is split elsewhere; here come (name, value) pairs. Every option ends up with
 * a value, given or default, or there is one line that says what is wrong and what would be
 * right. Nothing is copied: texts must live as long as the options. No locks, any thread. */
#ifndef GH_WORKLOADS_OPTIONS_H
#define GH_WORKLOADS_OPTIONS_H

#include "workloads/api/workload.h"

enum { OPTIONS_MAX = 24 }; /* options of one workload */

struct option_pair {
    const char *name;  /* without dashes */
    const char *value; /* NULL: nothing followed the name */
};

struct option_value {
    const struct gh_option *option;
    const char *text; /* as given, or the default */
    int64_t number;   /* GH_OPT_INT */
    bool given;
};

struct options {
    size_t count;
    struct option_value values[OPTIONS_MAX];
};

/* The option called `name`; NULL if the workload has none. */
const struct gh_option *options_find(const struct gh_workload *w, const char *name);

/* Fill `out`: the pairs (the last of a name wins) over the defaults. Usage errors. */
bool options_parse(const struct gh_workload *w, const struct option_pair *pairs, size_t count,
                   struct options *out, struct gh_error *err);

/* Whether the workload's option table is sound: names, bounds, choices, defaults in bounds. */
bool options_check(const struct gh_workload *w, struct gh_error *err);

/* A whole number with an optional suffix k, M or G (powers of 1000). False if it is none, or
 * does not fit. */
bool options_number(const char *text, int64_t *out);

#endif
