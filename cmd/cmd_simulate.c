/* cmd_simulate.c - `goheap simulate`: a scenario through the pacer, one line a cycle. */
#include "cmd/command.h"
#include "cmd/scenario.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct simulate_args {
    struct cli_switches asked; /* first */
    const char *file;
};

static const struct cli_option simulate_rows[] = {
    {.flag = "json", .help = "print a JSON object a line", .set = cli_set_json},
    {.flag = "help", .letter = 'h', .help = "show help, and stop", .set = cli_set_help},
};

static bool
simulate_take(void *ctx, const struct cli_option *row, char *value, struct gh_error *err)
{
    struct simulate_args *args = ctx;
    if (row != NULL)
        return row->set(&args->asked, value, err);
    if (args->file != NULL)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "one scenario at a time, please: '%.60s' and then '%.60s'",
                            args->file, value);
    args->file = value;
    return true;
}

/* --- lines --- */

/* The shortest number that reads back as the same. */
struct simulate_number {
    char text[32];
};

static const char *
simulate_number(double x, struct simulate_number *out)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out->text, sizeof out->text, "%.*g", digits, x);
        if (strtod(out->text, NULL) == x)
            break;
    }
    return out->text;
}

static void
simulate_print_header(void)
{
    puts("cycle,live_bytes,trigger_bytes,peak_bytes,goal_bytes,gc_cpu_utilization,"
         "scannable_bytes,mark_ns,assist_ns,cons_mark");
}

static void
simulate_print(const struct gh_sim_result *r, bool json)
{
    struct simulate_number utilization, cons_mark;
    const char *format =
        json ? "{\"cycle\": %d, \"live_bytes\": %" PRIu64 ", \"trigger_bytes\": %" PRIu64
               ", \"peak_bytes\": %" PRIu64 ", \"goal_bytes\": %" PRIu64
               ", \"gc_cpu_utilization\": %s, \"scannable_bytes\": %" PRId64
               ", \"mark_ns\": %" PRId64 ", \"assist_ns\": %" PRId64 ", \"cons_mark\": %s}\n"
             : "%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%" PRId64 ",%" PRId64
               ",%" PRId64 ",%s\n";
    printf(format, r->cycle, r->live_bytes, r->trigger_bytes, r->peak_bytes, r->goal_bytes,
           simulate_number(r->utilization, &utilization), r->scannable_bytes, r->mark_ns,
           r->assist_ns, simulate_number(r->cons_mark, &cons_mark));
}

/* --- the command --- */

static bool
simulate_run(const struct scenario *s, bool json, struct gh_error *err)
{
    struct gh_sim *sim = gh_sim_open(&s->config, err);
    bool ok = sim != NULL;
    if (ok && !json)
        simulate_print_header();
    for (uint64_t i = 0; ok && i < s->cycles; i++) {
        struct gh_sim_cycle cycle;
        struct gh_sim_result result;
        scenario_cycle(s, i, &cycle);
        ok = gh_sim_step(sim, &cycle, &result, err);
        if (ok)
            simulate_print(&result, json);
    }
    gh_sim_close(sim);
    return ok;
}

int
command_simulate(int argc, char **argv, struct gh_error *err)
{
    struct simulate_args args = {0};
    struct cli cli = {.take = simulate_take, .ctx = &args};
    cli_add(&cli, simulate_rows, sizeof simulate_rows / sizeof simulate_rows[0]);
    if (!cli_parse(&cli, argc, argv, err))
        return (int)err->status;
    if (args.asked.help) {
        help_command(stdout, command_find("simulate"));
        return GH_EXIT_OK;
    }
    if (args.file == NULL) {
        gh_error_set(err, GH_EXIT_USAGE,
                     "which scenario? a file, or - for standard input; "
                     "'goheap simulate --help' shows one");
        return GH_EXIT_USAGE;
    }
    struct scenario *s = scenario_read(args.file, err);
    if (s == NULL)
        return (int)err->status;
    bool ok = simulate_run(s, args.asked.json, err);
    scenario_free(s);
    return ok ? GH_EXIT_OK : (int)err->status;
}
