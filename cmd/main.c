/* main.c - `goheap`: finds the subcommand in its table, runs it, prints its error, if any, as
 * one line, and ends with its status. The only place that decides the process's exit. */
#include "cmd/command.h"
#include "cmd/output.h"
#include "workloads/nearest.h"

#include <signal.h>
#include <string.h>

static const struct command command_row_run = {
    .name = "run",
    .usage = "WORKLOAD [options]",
    .summary = "run a workload on a heap and report",
    .about =
        "Runs WORKLOAD, a built-in (see 'goheap list workloads') or the path of a plug-in (a "
        "file ending in .so, or with a slash in it), once on a heap of its own, checks its "
        "result and reports.\n\nA flag beats its GOHEAP_ variable, which beats Go's "
        "variable, which beats the default; 'goheap list options' names them all. The "
        "workload's own options are given on the same line; 'goheap help WORKLOAD' names "
        "them.\n\nExit status: 0 done, 1 the run or a check failed, 2 usage, 130 or 143 "
        "stopped by SIGINT or SIGTERM (what was measured by then is reported).",
    .example = "goheap run binary-trees --depth 18 --gogc 200 --gctrace\n"
               "GOGC=off goheap run mb --json report.json",
    .run = command_run,
};
static const struct command command_row_simulate = {
    .name = "simulate",
    .usage = "FILE|- [--json]",
    .summary = "show what the pacer does with a program",
    .about =
        "Runs the pacer, and no heap, on a program that is given by its rates, and prints a "
        "line a cycle: as CSV, or with --json a JSON object each.\n\n"
        "FILE has a setting a line, 'key = value', and comments behind '#':\n"
        "  cycles          how many; 50\n"
        "  procs           GOMAXPROCS; 8\n"
        "  gogc            percent, or off; 100\n"
        "  memory_limit    bytes, or off; off\n"
        "  globals_bytes   roots; 32KiB\n"
        "  initial_bytes   live after the first cycle; 256KiB\n"
        "and, as a stream, a value for every cycle:\n"
        "  alloc_rate      KiB allocated by a CPU in a ms; must be given\n"
        "  scan_rate       KiB scanned by a CPU in a ms; 1024\n"
        "  growth_rate     of what lives, from cycle to cycle; must be given\n"
        "  scannable       share of the heap that may hold references; 1\n"
        "  stack_bytes     8KiB\n"
        "  non_heap_bytes  in use, and no objects; if missing, the limit is on objects\n"
        "\nA stream is a sum of numbers and of\n"
        "  ramp(height, cycles)   step(height, cycle)   unit(height)\n"
        "  oscillate(height, phase, period)   random(height, seed)\n"
        "  list(value, ...)       delay(cycles, stream) repeat(cycles, stream)\n"
        "  scale(factor, stream)  limit(least, most, stream)\n"
        "  quantize(multiple, stream)\n"
        "\nA sample, in which allocation becomes three times as fast:\n"
        "  cycles = 30\n"
        "  alloc_rate = 33 + step(66, 20)\n"
        "  growth_rate = 2 + ramp(-1, 12)\n"
        "\ndocs/simulate.md explains the model and every column.",
    .example = "goheap simulate program.scenario\n"
               "goheap simulate --json - < program.scenario",
    .run = command_simulate,
};
static const struct command command_row_list = {
    .name = "list",
    .usage = "[workloads|size-classes|options|godebug] [--json]",
    .summary = "list workloads, size classes, options, or GODEBUG keys",
    .about =
        "Lists the built-in workloads (the default), the size classes of the allocator in the "
        "layout of Go's own table, the options of 'goheap run' with their environment "
        "variables and defaults, or the keys of GODEBUG that have an effect.",
    .example = "goheap list size-classes\ngoheap list options --json",
    .run = command_list,
};
static const struct command command_row_help = {
    .name = "help",
    .usage = "[COMMAND|WORKLOAD|godebug]",
    .summary = "explain a command, a workload, or GODEBUG",
    .about = "Explains a command or a workload with its options, or what each key of GODEBUG "
             "does.",
    .example = "goheap help run\ngoheap help binary-trees\ngoheap help godebug",
    .run = command_help,
};
static const struct command command_row_version = {
    .name = "version",
    .usage = "",
    .summary = "show the version and the build",
    .about = "Shows the version, the kind of build, and the compiler.",
    .example = "goheap version",
    .run = command_version,
};

static const struct command *const commands[] = {
    &command_row_run,  &command_row_simulate, &command_row_list,
    &command_row_help, &command_row_version,  NULL,
};

const struct command *const *
command_all(void)
{
    return commands;
}

const struct command *
command_find(const char *name)
{
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int
main_unknown(const char *word, struct gh_error *err)
{
    const char *names[sizeof commands / sizeof commands[0]];
    size_t n = 0;
    struct nearest_hint hint;
    for (; commands[n] != NULL; n++)
        names[n] = commands[n]->name;
    nearest_hint(word, "", names, n, &hint);
    const char *what = word[0] == '-' ? "option" : "command";
    gh_error_set(err, GH_EXIT_USAGE, "there is no %s '%.100s'%s", what, word,
                 hint.text[0] != '\0' ? hint.text : "; 'goheap help' lists the commands");
    return GH_EXIT_USAGE;
}

static int
main_dispatch(int argc, char **argv, struct gh_error *err, const char **name)
{
    if (argc < 2) {
        help_overview(stderr);
        return GH_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    else if (strcmp(word, "--version") == 0)
        word = "version";
    const struct command *c = command_find(word);
    if (c == NULL)
        return main_unknown(word, err);
    *name = c->name;
    return c->run(argc - 1, argv + 1, err);
}

int
main(int argc, char **argv)
{
    /* One write at the end: a report is out whole or its failure is known. */
    static char buffer[1 << 18];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* ulimit -f: the write says so, and its temporary file goes */

    const char *name = NULL;
    struct gh_error err = {.text = ""}, flush_err;
    int status = main_dispatch(argc, argv, &err, &name);
    if (!output_flush_stdout(&flush_err) && status == GH_EXIT_OK) {
        status = (int)flush_err.status;
        err = flush_err;
    }
    if (err.text[0] != '\0')
        fprintf(stderr, "goheap: %s%s%s\n", name != NULL ? name : "", name != NULL ? ": " : "",
                err.text);
    return status;
}
