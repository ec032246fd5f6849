/* cmd_list.c - `goheap list`: workloads, size classes, options, keys of GODEBUG; as tables or
 * as JSON. */
#include "alloc/spaces/go/sizeclass.h"
#include "cmd/command.h"
#include "cmd/godebug.h"
#include "cmd/plan.h"
#include "workloads/nearest.h"
#include "workloads/registry.h"

#include <jansson.h>
#include <string.h>

/* Print a JSON array and give it up. */
static bool
list_dump(json_t *array, struct gh_error *err)
{
    bool ok = json_dumpf(array, stdout, JSON_INDENT(2)) == 0;
    putchar('\n');
    json_decref(array);
    return ok || gh_error_set(err, GH_EXIT_FAILED, "cannot write the list as JSON");
}

/* --- workloads --- */

static void
list_workloads(void)
{
    for (const struct gh_workload *const *w = registry_all(); *w != NULL; w++) {
        int column = printf("%-14s ", (*w)->name);
        cli_wrap(stdout, (*w)->help, column, column);
    }
}

static json_t *
list_workload_options(const struct gh_workload *w)
{
    json_t *array = json_array();
    for (const struct gh_option *o = w->options; o != NULL && o->name != NULL; o++) {
        json_t *row = json_pack("{s:s, s:s?, s:s}", "name", o->name, "default", o->value,
                                "help", o->help);
        json_t *choices = json_array();
        for (size_t i = 0; o->kind == GH_OPT_CHOICE && o->choices[i] != NULL; i++)
            json_array_append_new(choices, json_string(o->choices[i]));
        if (o->kind == GH_OPT_CHOICE)
            json_object_set(row, "choices", choices);
        json_decref(choices);
        if (o->kind == GH_OPT_INT) {
            json_object_set_new(row, "min", json_integer(o->min));
            json_object_set_new(row, "max", json_integer(o->max));
        }
        json_array_append_new(array, row);
    }
    return array;
}

static json_t *
list_workloads_json(void)
{
    json_t *array = json_array();
    for (const struct gh_workload *const *w = registry_all(); *w != NULL; w++)
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:i, s:o}", "name", (*w)->name, "help",
                                        (*w)->help, "max_threads", (*w)->max_threads, "options",
                                        list_workload_options(*w)));
    return array;
}

/* --- size classes --- */

/* The layout of the table in Go's sizeclasses.go, so that the two can be compared. */
static void
list_size_classes(void)
{
    puts(" class  bytes/obj  bytes/span  objects  tail waste  max waste  min align");
    for (unsigned i = 1; i < GH_CLASSES; i++) {
        struct sizeclass_row r;
        sizeclass_row(i, &r);
        printf("%6u %10u %11u %8u %11u %9.2f%% %10u\n", i, r.object_bytes, r.span_bytes,
               r.objects, r.tail_waste, r.max_waste * 100, r.min_align);
    }
}

static json_t *
list_size_classes_json(void)
{
    json_t *array = json_array();
    for (unsigned i = 1; i < GH_CLASSES; i++) {
        struct sizeclass_row r;
        sizeclass_row(i, &r);
        json_array_append_new(
            array, json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:i}", "class", (int)i,
                             "bytes_obj", (int)r.object_bytes, "bytes_span", (int)r.span_bytes,
                             "objects", (int)r.objects, "tail_waste", (int)r.tail_waste,
                             "max_waste", r.max_waste, "min_align", (int)r.min_align));
    }
    return array;
}

/* --- options --- */

static const char *
list_default(const struct cli_option *row)
{
    const char *value = cli_default(row);
    return value != NULL && value[0] != '\0' ? value : "-";
}

static void
list_options(void)
{
    printf("%-16s %-21s %-25s %s\n", "flag", "variable", "Go's variable", "default");
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const struct cli_option *row = &plan_knobs[i];
        char flag[40];
        snprintf(flag, sizeof flag, "--%s", row->flag);
        printf("%-16s %-21s %-25s %s\n", flag, row->env != NULL ? row->env : "-",
               row->go_env != NULL ? row->go_env : "-", list_default(row));
        printf("    ");
        cli_wrap(stdout, row->help, 4, 4);
    }
}

static json_t *
list_options_json(void)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const struct cli_option *row = &plan_knobs[i];
        json_t *o = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s}", "flag", row->flag, "value",
                              row->arg, "variable", row->env, "go_variable", row->go_env,
                              "default", cli_default(row), "help", row->help);
        json_t *choices = json_array();
        for (size_t k = 0; row->choices != NULL && row->choices()[k] != NULL; k++)
            json_array_append_new(choices, json_string(row->choices()[k]));
        if (row->choices != NULL)
            json_object_set(o, "choices", choices);
        json_decref(choices);
        json_array_append_new(array, o);
    }
    return array;
}

/* --- GODEBUG --- */

static void
list_godebug(void)
{
    printf("%-17s %-7s %-8s %s\n", "key", "values", "default", "option");
    for (size_t i = 0; i < godebug_key_count(); i++) {
        const struct godebug_key *key = &godebug_keys[i];
        char values[16];
        snprintf(values, sizeof values, "0..%d", key->max);
        printf("%-17s %-7s %-8s %s\n    ", key->name, values, key->fallback,
               key->option != NULL ? key->option : "-");
        cli_wrap(stdout, key->does, 4, 4);
    }
}

static json_t *
list_godebug_json(void)
{
    json_t *array = json_array();
    for (size_t i = 0; i < godebug_key_count(); i++) {
        const struct godebug_key *key = &godebug_keys[i];
        json_array_append_new(array,
                              json_pack("{s:s, s:i, s:i, s:s, s:s?, s:s, s:s, s:s}", "key",
                                        key->name, "min", 0, "max", key->max, "default",
                                        key->fallback, "option", key->option, "help", key->does,
                                        "about", key->about, "costs", key->costs));
    }
    return array;
}

/* --- the command --- */

static const struct list {
    const char *name;
    void (*print)(void);
    json_t *(*json)(void);
} lists[] = {
    {"workloads", list_workloads, list_workloads_json},
    {"size-classes", list_size_classes, list_size_classes_json},
    {"options", list_options, list_options_json},
    {"godebug", list_godebug, list_godebug_json},
};

struct list_args {
    struct cli_switches asked; /* first */
    const struct list *list;
};

static const struct cli_option list_rows[] = {
    {.flag = "json", .help = "print JSON instead of a table", .set = cli_set_json},
    {.flag = "help", .letter = 'h', .help = "show help, and stop", .set = cli_set_help},
};

static bool
list_take(void *ctx, const struct cli_option *row, char *value, struct gh_error *err)
{
    struct list_args *args = ctx;
    const char *names[sizeof lists / sizeof lists[0]];
    struct nearest_hint hint;
    if (row != NULL)
        return row->set(&args->asked, value, err);
    if (args->list != NULL)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "one list at a time, please: '%s' and then '%.60s'",
                            args->list->name, value);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        names[i] = lists[i].name;
        if (strcmp(value, lists[i].name) == 0) {
            args->list = &lists[i];
            return true;
        }
    }
    nearest_hint(value, "", names, sizeof lists / sizeof lists[0], &hint);
    return gh_error_set(err, GH_EXIT_USAGE, "there is no list '%.60s'%s", value,
                        hint.text[0] != '\0'
                            ? hint.text
                            : "; there are workloads, size-classes, options and godebug");
}

int
command_list(int argc, char **argv, struct gh_error *err)
{
    struct list_args args = {0};
    struct cli cli = {.take = list_take, .ctx = &args};
    cli_add(&cli, list_rows, sizeof list_rows / sizeof list_rows[0]);
    if (!cli_parse(&cli, argc, argv, err))
        return (int)err->status;
    if (args.asked.help) {
        help_command(stdout, command_find("list"));
        return GH_EXIT_OK;
    }
    const struct list *list = args.list != NULL ? args.list : &lists[0];
    if (args.asked.json)
        return list_dump(list->json(), err) ? GH_EXIT_OK : (int)err->status;
    list->print();
    return GH_EXIT_OK;
}
