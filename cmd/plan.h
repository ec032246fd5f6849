/* plan.h - the resolved command line of `goheap run`: pure data, and where each piece came
 * from.
 *
 * Resolving reads the command line and the environment and touches nothing else, with one
 * exception: a plug-in is loaded, because it brings options of its own. Flag over GOHEAP_*
 * variable over Go's variable over default. */
#ifndef GH_CMD_PLAN_H
#define GH_CMD_PLAN_H

#include "cmd/cli.h"
#include "gc/api/heap.h"
#include "workloads/options.h"

enum plan_color { PLAN_COLOR_AUTO, PLAN_COLOR_ALWAYS, PLAN_COLOR_NEVER };

enum {
    PLAN_WARNINGS_MAX = 8,
    PLAN_SETTINGS_MAX = 40,
    PLAN_VALUE_MAX = 48,
    PLAN_SOURCE_MAX = 48
};

/* What a knob's row set, and by what: "flag" (its own, or --godebug), "GOHEAP_GOGC", "GOGC",
 * "GODEBUG=gctrace", "default". */
struct plan_setting {
    const struct cli_option *row;
    char source[PLAN_SOURCE_MAX];
    char value[PLAN_VALUE_MAX]; /* as resolved, shortened to fit */
};

struct plan {
    struct gh_config config; /* procs is resolved, never 0 */
    int threads;
    int gctrace; /* 0, 1 or 2 */
    bool pacertrace, scavtrace;
    bool lock_stats; /* the text report shows the locks */
    bool quiet, verbose, dry_run, help;
    enum plan_color color;
    const char *json, *output; /* paths, "-" for standard output, NULL for none */

    const char *workload_word; /* as given; NULL only if help is wanted */
    const struct gh_workload *workload;
    struct options options;

    size_t n_settings;
    /* in the order of plan_knobs, then of plan_debug_knobs */
    struct plan_setting settings[PLAN_SETTINGS_MAX];
    size_t n_warnings;
    char warnings[PLAN_WARNINGS_MAX][200];
};

/* The knobs of `run`: the table behind parsing, --help and `goheap list options`. */
extern const struct cli_option plan_knobs[];
size_t plan_knob_count(void);

/* Knobs that only GODEBUG and --godebug set: rows without a variable of their own. */
extern const struct cli_option plan_debug_knobs[];
size_t plan_debug_knob_count(void);

/* One line on what a value of a knob with choices means; NULL if there is none. */
const char *plan_value_help(const char *flag, const char *value);

/* Resolve argv[1..] and the environment. Usage errors. With --help, what was understood by
 * then. */
bool plan_resolve(struct plan *p, int argc, char **argv, struct gh_error *err);

/* What the command line would run, for --dry-run. */
void plan_print(const struct plan *p, FILE *out);

#endif
