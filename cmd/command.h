/* command.h - what a subcommand is: a row of the table in main.c and a function in its file. */
#ifndef GH_CMD_COMMAND_H
#define GH_CMD_COMMAND_H

#include "cmd/cli.h"

#include "workloads/api/workload.h"

struct command {
    const char *name;
    const char *usage;   /* what follows "goheap NAME" */
    const char *summary; /* one line, lower case */
    const char *about;   /* paragraphs */
    const char *example; /* command lines, one each */
    /* argv[0] is the command's name. Returns the exit status; if that is not 0, `err` may hold
     * a line that main prints. */
    int (*run)(int argc, char **argv, struct gh_error *err);
};

/* NULL-terminated, in the order they are listed. */
const struct command *const *command_all(void);
const struct command *command_find(const char *name);

int command_run(int argc, char **argv, struct gh_error *err);
int command_simulate(int argc, char **argv, struct gh_error *err);
int command_list(int argc, char **argv, struct gh_error *err);
int command_help(int argc, char **argv, struct gh_error *err);
int command_version(int argc, char **argv, struct gh_error *err);

/* Help texts, on standard output. */
void help_overview(FILE *out);
void help_command(FILE *out, const struct command *c);
void help_workload(FILE *out, const struct gh_workload *w, const char *word);

#endif
