/* cmd_help.c - `goheap help`, and the help texts that --help of every command prints. */
#include "cmd/command.h"
#include "cmd/godebug.h"
#include "cmd/plan.h"
#include "workloads/nearest.h"
#include "workloads/plugin.h"
#include "workloads/registry.h"

#include <string.h>

enum { INDENT = 2, NAME = 14, CANDIDATES_MAX = 64 };

static void
help_name(FILE *out, const char *name, const char *text)
{
    int column = fprintf(out, "  %-*s ", NAME, name);
    cli_wrap(out, text, column, column);
}

void
help_overview(FILE *out)
{
    fprintf(out, "goheap: Go's memory system as a laboratory: allocator, collector, stacks\n\n"
                 "usage: goheap COMMAND ...\n\n");
    for (const struct command *const *c = command_all(); *c != NULL; c++)
        help_name(out, (*c)->name, (*c)->summary);
    fprintf(out, "\nTo begin with:\n"
                 "  goheap list workloads\n"
                 "  goheap run binary-trees --depth 16 --gogc 50 --gctrace\n"
                 "  goheap help run\n");
}

/* Lines of `text`, each indented. */
static void
help_lines(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        fprintf(out, "%*s%.*s\n", INDENT, "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void
help_knobs(FILE *out)
{
    const struct cli_option *rows[CLI_ROWS_MAX];
    for (size_t i = 0; i < plan_knob_count(); i++)
        rows[i] = &plan_knobs[i];
    fprintf(out, "\nOptions of every workload:\n");
    cli_help(out, rows, plan_knob_count());
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const struct cli_option *row = rows[i];
        if (row->choices == NULL)
            continue;
        fprintf(out, "\nValues of --%s:\n", row->flag);
        for (const char *const *value = row->choices(); *value != NULL; value++) {
            const char *text = plan_value_help(row->flag, *value);
            help_name(out, *value, text != NULL ? text : "");
        }
    }
}

void
help_command(FILE *out, const struct command *c)
{
    fprintf(out, "usage: goheap %s%s%s\n\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage);
    cli_wrap(out, c->about, 0, 0);
    if (strcmp(c->name, "run") == 0)
        help_knobs(out);
    fprintf(out, "\nExample%s:\n", strchr(c->example, '\n') != NULL ? "s" : "");
    help_lines(out, c->example);
}

/* What a value of the option is called: the choices, or the range. */
static void
help_value(const struct gh_option *o, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s",
             o->kind == GH_OPT_PATH  ? "FILE"
             : o->kind == GH_OPT_INT ? "N"
                                     : "");
    for (size_t i = 0; o->kind == GH_OPT_CHOICE && o->choices[i] != NULL; i++) {
        size_t used = strlen(out);
        snprintf(out + used, bytes - used, "%s%s", i > 0 ? "|" : "", o->choices[i]);
    }
}

static void
help_workload_options(FILE *out, const struct gh_workload *w)
{
    struct cli_option rows[OPTIONS_MAX];
    const struct cli_option *list[OPTIONS_MAX];
    char values[OPTIONS_MAX][120], required[OPTIONS_MAX][200];
    size_t n = 0;
    for (const struct gh_option *o = w->options; o != NULL && o->name != NULL; o++, n++) {
        help_value(o, values[n], sizeof values[n]);
        snprintf(required[n], sizeof required[n], "%s (required)", o->help);
        rows[n] = (struct cli_option){.flag = o->name,
                                      .arg = values[n],
                                      .fallback = o->value,
                                      .help = o->value == NULL ? required[n] : o->help};
        list[n] = &rows[n];
    }
    fprintf(out, n > 0 ? "\nIts own options:\n" : "\nIt has no options of its own.\n");
    cli_help(out, list, n);
}

/* A line that works: the options that must be given with a stand-in. */
static void
help_workload_example(FILE *out, const struct gh_workload *w, const char *word)
{
    const struct gh_option *first = NULL;
    fprintf(out, "\nExample:\n  goheap run %s", word);
    for (const struct gh_option *o = w->options; o != NULL && o->name != NULL; o++) {
        if (first == NULL && o->value != NULL)
            first = o;
        if (o->value == NULL)
            fprintf(out, " --%s %s", o->name, o->kind == GH_OPT_PATH ? "document.json" : "1");
    }
    if (first != NULL)
        fprintf(out, " --%s %s", first->name, first->value);
    fprintf(out, " --gogc 200\n");
}

void
help_workload(FILE *out, const struct gh_workload *w, const char *word)
{
    fprintf(out, "usage: goheap run %s [options]\n\n", word);
    cli_wrap(out, w->about != NULL ? w->about : w->help, 0, 0);
    if (w->max_threads > 1)
        fprintf(out, "\nTakes --threads 1 to %d.\n", w->max_threads);
    help_workload_options(out, w);
    fprintf(out, "\nThe options of every workload: goheap help run\n");
    help_workload_example(out, w, word);
}

/* --- GODEBUG --- */

static void
help_godebug_key(FILE *out, const struct godebug_key *key)
{
    char values[40] = "";
    for (int i = 0; i <= key->max; i++) {
        size_t used = strlen(values);
        snprintf(values + used, sizeof values - used, "%s%d", i > 0 ? "|" : "", i);
    }
    fprintf(out, "\n%s=%s", key->name, values);
    cli_wrap(out, key->does, 0, fprintf(out, "  "));
    const char *const parts[][2] = {{"", key->about}, {"Costs: ", key->costs}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        cli_wrap(out, parts[i][1], 4, fprintf(out, "    %s", parts[i][0]));
    fprintf(out, "    Default: %s.%s%s\n", key->fallback,
            key->option != NULL ? " The same: " : "", key->option != NULL ? key->option : "");
}

static void
help_godebug(FILE *out)
{
    fprintf(out, "usage: goheap run WORKLOAD --godebug KEY=N,...\n"
                 "       GODEBUG=KEY=N,... goheap run WORKLOAD\n\n");
    cli_wrap(
        out,
        "GODEBUG is the variable by which Go's runtime is told to trace or to debug. The "
        "keys below have the effect here that they have in Go 1.26. For each key --godebug "
        "beats GOHEAP_GODEBUG, which beats GODEBUG; an option with the same meaning beats "
        "them all, its own variable the two variables. Of a key that is given twice the "
        "last counts. --godebug and GOHEAP_GODEBUG are strict: a key that nobody knows, or "
        "another value, is an error. Other keys of Go's have no effect and are warned of. "
        "Traces go to standard error, each line whole.",
        0, 0);
    for (size_t i = 0; i < godebug_key_count(); i++)
        help_godebug_key(out, &godebug_keys[i]);
    fprintf(out, "\nExamples:\n"
                 "  goheap run binary-trees --godebug gctrace=2,gcpacertrace=1\n"
                 "  goheap run mark --godebug gccheckmark=1,clobberfree=1\n"
                 "  goheap list godebug --json\n");
}

/* --- the command --- */

static int
help_unknown(const char *word, struct gh_error *err)
{
    const char *names[CANDIDATES_MAX];
    size_t n = 0;
    struct nearest_hint hint;
    names[n++] = "godebug";
    for (const struct command *const *c = command_all(); *c != NULL && n < CANDIDATES_MAX; c++)
        names[n++] = (*c)->name;
    for (const struct gh_workload *const *w = registry_all(); *w != NULL && n < CANDIDATES_MAX;
         w++)
        names[n++] = (*w)->name;
    nearest_hint(word, "", names, n, &hint);
    gh_error_set(err, GH_EXIT_USAGE, "there is no command or workload '%.100s'%s", word,
                 hint.text[0] != '\0' ? hint.text
                                      : "; 'goheap help' and 'goheap list' name them all");
    return GH_EXIT_USAGE;
}

int
command_help(int argc, char **argv, struct gh_error *err)
{
    if (argc > 2) {
        gh_error_set(err, GH_EXIT_USAGE,
                     "one topic at a time, please: '%.60s' and then '%.60s'", argv[1], argv[2]);
        return GH_EXIT_USAGE;
    }
    const char *word = argc == 2 ? argv[1] : NULL;
    if (word == NULL) {
        help_overview(stdout);
        return GH_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    if (strcmp(word, "godebug") == 0) {
        help_godebug(stdout);
        return GH_EXIT_OK;
    }
    const struct command *c = command_find(word);
    if (c != NULL) {
        help_command(stdout, c);
        return GH_EXIT_OK;
    }
    const struct gh_workload *w =
        plugin_is_path(word) ? plugin_load(word, err) : registry_find(word);
    if (w == NULL)
        return plugin_is_path(word) ? (int)err->status : help_unknown(word, err);
    help_workload(stdout, w, word);
    return GH_EXIT_OK;
}
