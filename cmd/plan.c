/* plan.c - see plan.h.
 *
 * The order: find the word that names the workload, so that its options are known; parse the
 * line with all options; then, knob by knob, take the strongest source that says something. A
 * weaker one is not even looked at, so that a flag also mends a wrong variable. */
#include "cmd/plan.h"

#include "alloc/base/os.h"
#include "cmd/godebug.h"
#include "workloads/registry.h"
#include "workloads/runner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is only needed while a plan is being resolved. */
struct resolver {
    struct plan *plan;
    struct cli cli;
    const char *flags[CLI_ROWS_MAX]; /* values given to knobs, by their place in plan_knobs */
    size_t n_pairs;
    struct option_pair pairs[CLI_ROWS_MAX];
    struct cli_option rows[OPTIONS_MAX]; /* the workload's options as rows */
    const char *operand;
};

/* --- the command line --- */

/* The operand that names the workload. Its options are not known yet: one that is no knob is
 * taken to have a value, as every option of a workload has. Should that swallow the name
 * (because the option does not exist), any word that names a workload will do, so that the
 * error is about the option. */
static const char *
plan_workload_word(const struct cli *knobs, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0)
            return i + 1 < argc ? argv[i + 1] : NULL;
        if (word[0] != '-' || word[1] == '\0')
            return word;
        const struct cli_option *row = cli_find(knobs, word);
        i += row != NULL ? cli_wants_next(row, word) : strchr(word, '=') == NULL;
    }
    for (int i = 1; i < argc; i++)
        if (registry_find(argv[i]) != NULL)
            return argv[i];
    return NULL;
}

static bool
plan_take(void *ctx, const struct cli_option *row, char *value, struct gh_error *err)
{
    struct resolver *r = ctx;
    if (row == NULL && r->operand != NULL)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "one workload at a time, please: '%.60s' and then '%.60s'",
                            r->operand, value);
    if (row == NULL) {
        r->operand = value;
    } else if (row >= plan_knobs && row < plan_knobs + plan_knob_count()) {
        r->flags[row - plan_knobs] = value;
    } else {
        if (r->n_pairs == CLI_ROWS_MAX)
            return gh_error_set(err, GH_EXIT_USAGE, "--%s: more than %d options of a workload",
                                row->flag, CLI_ROWS_MAX);
        r->pairs[r->n_pairs++] = (struct option_pair){.name = row->flag, .value = value};
    }
    return true;
}

static bool
plan_add_workload_rows(struct resolver *r, const struct gh_workload *w, struct gh_error *err)
{
    size_t n = 0;
    for (const struct gh_option *o = w->options; o != NULL && o->name != NULL; o++, n++) {
        for (size_t i = 0; i < plan_knob_count(); i++)
            if (strcmp(plan_knobs[i].flag, o->name) == 0)
                return gh_error_set(err, GH_EXIT_USAGE,
                                    "workload %s: its option --%s is one of goheap's own; "
                                    "rename it",
                                    w->name, o->name);
        const char *arg = o->kind == GH_OPT_INT    ? "N"
                          : o->kind == GH_OPT_PATH ? "FILE"
                                                   : "NAME";
        r->rows[n] = (struct cli_option){.flag = o->name, .arg = arg, .help = o->help};
    }
    cli_add(&r->cli, r->rows, n);
    return true;
}

static bool
plan_parse_line(struct resolver *r, int argc, char **argv, struct gh_error *err)
{
    struct plan *p = r->plan;
    cli_add(&r->cli, plan_knobs, plan_knob_count());
    r->cli.take = plan_take;
    r->cli.ctx = r;
    p->workload_word = plan_workload_word(&r->cli, argc, argv);
    if (p->workload_word != NULL) {
        p->workload = registry_resolve(p->workload_word, err);
        if (p->workload == NULL || !plan_add_workload_rows(r, p->workload, err))
            return false;
    }
    return cli_parse(&r->cli, argc, argv, err);
}

/* --- sources --- */

struct plan_source {
    const char *text;
    char where[PLAN_SOURCE_MAX]; /* for a message: "--gogc", "GOGC", "GODEBUG=gctrace" */
    bool is_flag, by_go_rules, is_default;
    char copy[PLAN_VALUE_MAX];
};

/* The value of an environment variable; NULL if it is unset or empty. */
static const char *
plan_env(const char *name)
{
    const char *value = name == NULL ? NULL : getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool
plan_is_knob(const struct cli_option *row)
{
    return row >= plan_knobs && row < plan_knobs + plan_knob_count();
}

/* What --godebug was given; NULL if it was not. */
static const char *
plan_godebug_flag(const struct resolver *r)
{
    for (size_t i = 0; i < plan_knob_count(); i++)
        if (strcmp(plan_knobs[i].flag, "godebug") == 0)
            return r->flags[i];
    return NULL;
}

/* The key of GODEBUG that sets the row, NULL if none does. */
static const char *
plan_godebug_key(const struct cli_option *row)
{
    static const char prefix[] = "GODEBUG=";
    const size_t n = sizeof prefix - 1;
    return row->go_env != NULL && strncmp(row->go_env, prefix, n) == 0 ? row->go_env + n : NULL;
}

/* Take the row's key from a list of settings that `name` holds. */
static bool
plan_take_key(struct plan_source *s, const struct cli_option *row, const char *list,
              const char *name)
{
    const char *key = plan_godebug_key(row);
    if (key == NULL)
        return false;
    s->text = godebug_value(list, key, s->copy, sizeof s->copy);
    s->by_go_rules = true;
    s->is_flag = name[0] == '-';
    snprintf(s->where, sizeof s->where, "%s%s%s", name, s->is_flag ? " " : "=", key);
    return s->text != NULL;
}

/* Take a value that is there for the row alone. */
static bool
plan_take_value(struct plan_source *s, const char *text, const char *name, bool by_go_rules)
{
    s->text = text;
    s->by_go_rules = by_go_rules;
    s->is_flag = false;
    snprintf(s->where, sizeof s->where, "%s", name != NULL ? name : "");
    return text != NULL;
}

/* The strongest source of the row: flags, goheap's variables, Go's, the default. */
static void
plan_find_source(const struct resolver *r, const struct cli_option *row, struct plan_source *s)
{
    *s = (struct plan_source){.is_flag = true};
    s->text = plan_is_knob(row) ? r->flags[row - plan_knobs] : NULL;
    snprintf(s->where, sizeof s->where, "--%s", row->flag);
    if (s->text != NULL || plan_take_key(s, row, plan_godebug_flag(r), "--godebug") ||
        plan_take_value(s, plan_env(row->env), row->env, false) ||
        plan_take_key(s, row, plan_env("GOHEAP_GODEBUG"), "GOHEAP_GODEBUG") ||
        plan_take_key(s, row, plan_env("GODEBUG"), "GODEBUG"))
        return;
    if (plan_godebug_key(row) == NULL &&
        plan_take_value(s, plan_env(row->go_env), row->go_env, true))
        return;
    plan_take_value(s, cli_default(row), "default", false);
    s->is_default = true;
}

/* The value as resolved, which is not always the text that was given: GODEBUG says some
 * things the other way round. */
static void
plan_describe(const struct plan *p, struct plan_setting *s, const char *text)
{
    const struct gh_config *c = &p->config;
    const char *flag = s->row->flag;
    if (strcmp(flag, "madvise") == 0)
        text = c->madv_free ? "free" : "dontneed";
    else if (strcmp(flag, "shrink-stacks") == 0)
        text = c->shrink_stacks ? "1" : "0";
    else if (strcmp(flag, "gctrace") == 0)
        text = p->gctrace == 0 ? "0" : p->gctrace == 1 ? "1" : "2";
    else if (strcmp(flag, "gcpacertrace") == 0)
        text = p->pacertrace ? "1" : "0";
    else if (strcmp(flag, "scavtrace") == 0)
        text = p->scavtrace ? "1" : "0";
    else if ((strcmp(flag, "gogc") == 0 && c->gogc < 0) ||
             (strcmp(flag, "memlimit") == 0 && c->memory_limit == GH_MEMORY_LIMIT_OFF))
        text = "off";
    if (strcmp(flag, "procs") == 0)
        snprintf(s->value, sizeof s->value, "%d", c->procs);
    else
        snprintf(s->value, sizeof s->value, "%s",
                 text == NULL || text[0] == '\0' ? "(none)" : text);
}

static bool
plan_apply(struct resolver *r, const struct cli_option *row, struct gh_error *err)
{
    struct plan *p = r->plan;
    struct plan_source s;
    struct gh_error why;
    plan_find_source(r, row, &s);
    bool (*set)(void *, const char *, struct gh_error *) =
        s.by_go_rules && row->set_go != NULL ? row->set_go : row->set;
    bool nothing = s.is_default && (s.text == NULL || s.text[0] == '\0');
    if (!nothing && !set(p, s.text, &why))
        return gh_error_set(err, why.status, "%s: %s", s.where, why.text);
    if (row->env == NULL && row->go_env == NULL)
        return true;
    CHECK(p->n_settings < PLAN_SETTINGS_MAX, "plan_apply: more than %d settings",
          PLAN_SETTINGS_MAX);
    struct plan_setting *setting = &p->settings[p->n_settings++];
    setting->row = row;
    snprintf(setting->source, sizeof setting->source, "%s", s.is_flag ? "flag" : s.where);
    plan_describe(p, setting, s.text);
    return true;
}

/* --- the whole --- */

static void
plan_warn(void *ctx, const char *line)
{
    struct plan *p = ctx;
    if (p->n_warnings < PLAN_WARNINGS_MAX)
        snprintf(p->warnings[p->n_warnings++], sizeof p->warnings[0], "%s", line);
}

static bool
plan_is_knob_env(const char *name, size_t length)
{
    for (size_t i = 0; i < plan_knob_count(); i++) {
        const char *env = plan_knobs[i].env;
        if (env != NULL && strlen(env) == length && strncmp(env, name, length) == 0)
            return true;
    }
    return false;
}

/* Settings that are none: a misspelt name must not go unnoticed. */
static void
plan_warn_of_idle(struct plan *p, const char *godebug_flag)
{
    char line[sizeof p->warnings[0]];
    for (char **e = environ; *e != NULL; e++) {
        size_t length = strcspn(*e, "=");
        if (strncmp(*e, "GOHEAP_", 7) != 0 || plan_is_knob_env(*e, length))
            continue;
        snprintf(line, sizeof line,
                 "%.*s is not a variable that is known and has no effect; 'goheap list "
                 "options' names them",
                 length > 60 ? 60 : (int)length, *e);
        plan_warn(p, line);
    }
    godebug_check("--godebug", godebug_flag, plan_warn, p);
    godebug_check("GOHEAP_GODEBUG", getenv("GOHEAP_GODEBUG"), plan_warn, p);
    godebug_check("GODEBUG", getenv("GODEBUG"), plan_warn, p);
}

static bool
plan_check(struct plan *p, struct gh_error *err)
{
    if (p->json != NULL && p->output != NULL && strcmp(p->json, p->output) == 0)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "--json and --output both name '%.200s'; give each its own",
                            p->json);
    return runner_check_threads(p->workload, p->threads, err);
}

bool
plan_resolve(struct plan *p, int argc, char **argv, struct gh_error *err)
{
    struct resolver r = {.plan = p};
    *p = (struct plan){0};
    gh_config_init(&p->config);
    p->config.procs = os_procs() < GH_PROCS_MAX ? os_procs() : GH_PROCS_MAX;
    if (!plan_parse_line(&r, argc, argv, err))
        return false;
    for (size_t i = 0; i < plan_knob_count(); i++)
        if (strcmp(plan_knobs[i].flag, "help") == 0 && r.flags[i] != NULL &&
            !plan_knobs[i].set(p, r.flags[i], err))
            return false;
    if (p->help)
        return true;
    if (p->workload == NULL)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "which workload? 'goheap list workloads' names them; for example: "
                            "goheap run binary-trees --depth 16");
    for (size_t i = 0; i < plan_knob_count(); i++)
        if (!plan_apply(&r, &plan_knobs[i], err))
            return false;
    for (size_t i = 0; i < plan_debug_knob_count(); i++)
        if (!plan_apply(&r, &plan_debug_knobs[i], err))
            return false;
    plan_warn_of_idle(p, plan_godebug_flag(&r));
    return options_parse(p->workload, r.pairs, r.n_pairs, &p->options, err) &&
           plan_check(p, err);
}

void
plan_print(const struct plan *p, FILE *out)
{
    fprintf(out, "%-20s %-20s %s\n", "setting", "value", "from");
    fprintf(out, "%-20s %-20s %s\n", "workload", p->workload->name, "command line");
    for (size_t i = 0; i < p->options.count; i++) {
        const struct option_value *v = &p->options.values[i];
        fprintf(out, "  --%-16s %-20s %s\n", v->option->name, v->text,
                v->given ? "flag" : "default");
    }
    for (size_t i = 0; i < p->n_settings; i++)
        fprintf(out, "%-20s %-20s %s\n", p->settings[i].row->flag, p->settings[i].value,
                p->settings[i].source);
}
