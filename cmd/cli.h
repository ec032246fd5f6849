/* cli.h - options as table rows, and the one parser that reads them.
 *
 * A row drives parsing, the help text and `goheap list options`, so that none can be forgotten.
 * The parser is glibc's getopt_long, set up from the rows: abbreviations, `--name=value`,
 * options after operands and `--` are its doing. argp, the other candidate, was not taken: half
 * of the options of `run` belong to a workload that is only known once the command line is half
 * read; errors have to be one line that names the culprit; and each option has two environment
 * variables beside it. Not reentrant (getopt is not). */
#ifndef GH_CMD_CLI_H
#define GH_CMD_CLI_H

#include "alloc/base/error.h"

#include <stddef.h>
#include <stdio.h>

enum { CLI_ROWS_MAX = 64 };

struct cli_option {
    const char *flag;   /* without dashes */
    char letter;        /* -x, or 0 */
    const char *arg;    /* what the value is called; NULL: a switch, `--flag` or `--flag=0|1` */
    const char *env;    /* goheap's environment variable, or NULL */
    const char *go_env; /* Go's, or "GODEBUG=key", or NULL */
    const char *fallback; /* the default, as shown */
    const char *help;     /* one line, lower case, with the unit */
    /* Parse a value from a flag or from `env`; the message says what is wrong with `text` but
     * not where it comes from. NULL for rows that are handled otherwise (--help, a workload's
     * own). */
    bool (*set)(void *target, const char *text, struct gh_error *err);
    /* The same for a value from `go_env`, by Go's rules; NULL: as `set`. */
    bool (*set_go)(void *target, const char *text, struct gh_error *err);
    /* The values it takes, NULL-terminated; the first is the default. NULL: not a choice, or
     * `help` names them. */
    const char *const *(*choices)(void);
};

struct cli {
    const struct cli_option *rows[CLI_ROWS_MAX];
    size_t n_rows;
    /* Called for each option in the order of the command line, with `row` NULL for an operand.
     * A switch without a value has "1". */
    bool (*take)(void *ctx, const struct cli_option *row, char *value, struct gh_error *err);
    void *ctx;
};

/* What the switches --json and --help of a small command say. Its arguments begin with one. */
struct cli_switches {
    bool json, help;
};
bool cli_set_json(void *switches, const char *text, struct gh_error *err);
bool cli_set_help(void *switches, const char *text, struct gh_error *err);

/* Add `n` rows; too many are a programming error. */
void cli_add(struct cli *c, const struct cli_option *rows, size_t n);

/* Parse argv[1] to argv[argc - 1]. argv is permuted. Usage errors. */
bool cli_parse(struct cli *c, int argc, char **argv, struct gh_error *err);

/* The row that `word` ("--gogc", "--gogc=50", "--go", "-q") stands for; NULL if it is none, or
 * an ambiguous abbreviation. */
const struct cli_option *cli_find(const struct cli *c, const char *word);

/* Whether the operand after `word` is its value: it takes one, and "=" does not give it. */
bool cli_wants_next(const struct cli_option *row, const char *word);

/* The default of `row`, as shown; NULL if there is none. */
const char *cli_default(const struct cli_option *row);

/* The rows as a help text of at most 80 columns. */
void cli_help(FILE *out, const struct cli_option *const *rows, size_t n);

/* `text` wrapped at 80 columns, every line indented by `indent`; the first begins at `column`.
 * Newlines in it are kept. */
void cli_wrap(FILE *out, const char *text, int indent, int column);

#endif
