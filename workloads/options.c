/* options.c - see options.h. */
#include "workloads/options.h"

#include "workloads/nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t
options_count(const struct gh_workload *w)
{
    size_t n = 0;
    while (w->options != NULL && w->options[n].name != NULL)
        n++;
    return n;
}

const struct gh_option *
options_find(const struct gh_workload *w, const char *name)
{
    for (size_t i = 0; i < options_count(w); i++)
        if (strcmp(w->options[i].name, name) == 0)
            return &w->options[i];
    return NULL;
}

static int64_t
suffix_factor(const char *s)
{
    if (s[0] == '\0')
        return 1;
    if (s[1] != '\0')
        return 0;
    return s[0] == 'k' ? 1000 : s[0] == 'M' ? 1000000 : s[0] == 'G' ? 1000000000 : 0;
}

bool
options_number(const char *text, int64_t *out)
{
    bool negative = text[0] == '-';
    const char *p = text + negative;
    int64_t value = 0;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *p - '0', &value)) /* negative: its range is larger */
            return false;
    int64_t factor = suffix_factor(p);
    if (factor == 0 || __builtin_mul_overflow(value, factor, &value))
        return false;
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *out = value;
    return true;
}

/* Whether `text` has the form of a number, fitting or not. */
static bool
is_number(const char *text)
{
    const char *digits = text + (text[0] == '-');
    size_t n = strspn(digits, "0123456789");
    return n > 0 && suffix_factor(digits + n) != 0;
}

static bool
set_number(struct option_value *v, const char *text, struct gh_error *err)
{
    const struct gh_option *o = v->option;
    bool fits = options_number(text, &v->number);
    if (!fits && !is_number(text))
        return gh_error_set(
            err, GH_EXIT_USAGE,
            "--%s: '%s' is not a whole number (digits, then k, M or G if wanted)", o->name,
            text);
    if (!fits || v->number < o->min || v->number > o->max)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "--%s: %s is out of range (%" PRId64 " to %" PRId64 ")", o->name,
                            text, o->min, o->max);
    return true;
}

static bool
set_choice(const struct gh_option *o, const char *text, struct gh_error *err)
{
    char all[200];
    size_t used = 0, n = 0;
    struct nearest_hint hint;
    for (; o->choices[n] != NULL; n++) {
        if (strcmp(o->choices[n], text) == 0)
            return true;
        int k =
            snprintf(all + used, sizeof all - used, "%s%s", n > 0 ? ", " : "", o->choices[n]);
        used += k > 0 && used + (size_t)k < sizeof all ? (size_t)k : 0;
    }
    nearest_hint(text, "", o->choices, n, &hint);
    return gh_error_set(err, GH_EXIT_USAGE, "--%s: '%s' is not one of %s%s", o->name, text, all,
                        hint.text);
}

static bool
set_value(struct option_value *v, const char *text, struct gh_error *err)
{
    const struct gh_option *o = v->option;
    if (text == NULL)
        return gh_error_set(err, GH_EXIT_USAGE, "--%s: a value is missing (%s)", o->name,
                            o->help);
    v->text = text;
    if (o->kind == GH_OPT_INT)
        return set_number(v, text, err);
    if (o->kind == GH_OPT_CHOICE)
        return set_choice(o, text, err);
    if (text[0] == '\0')
        return gh_error_set(err, GH_EXIT_USAGE, "--%s: the path is empty (%s)", o->name,
                            o->help);
    return true;
}

static bool
unknown_option(const struct gh_workload *w, const char *name, struct gh_error *err)
{
    const char *names[OPTIONS_MAX];
    size_t n = options_count(w);
    struct nearest_hint hint;
    for (size_t i = 0; i < n; i++)
        names[i] = w->options[i].name;
    nearest_hint(name, "--", names, n, &hint);
    if (hint.text[0] != '\0')
        return gh_error_set(err, GH_EXIT_USAGE, "%s has no option --%s%s", w->name, name,
                            hint.text);
    return gh_error_set(err, GH_EXIT_USAGE,
                        "%s has no option --%s; 'goheap help %s' lists them", w->name, name,
                        w->name);
}

bool
options_parse(const struct gh_workload *w, const struct option_pair *pairs, size_t count,
              struct options *out, struct gh_error *err)
{
    *out = (struct options){.count = options_count(w)};
    CHECK(out->count <= OPTIONS_MAX, "options_parse: %s has %zu options", w->name, out->count);
    for (size_t i = 0; i < out->count; i++)
        out->values[i].option = &w->options[i];
    for (size_t i = 0; i < count; i++) {
        const struct gh_option *o = options_find(w, pairs[i].name);
        if (o == NULL)
            return unknown_option(w, pairs[i].name, err);
        struct option_value *v = &out->values[o - w->options];
        if (!set_value(v, pairs[i].value, err))
            return false;
        v->given = true;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct option_value *v = &out->values[i];
        if (v->given)
            continue;
        if (v->option->value == NULL)
            return gh_error_set(err, GH_EXIT_USAGE, "%s needs --%s (%s)", w->name,
                                v->option->name, v->option->help);
        if (!set_value(v, v->option->value, err))
            return false;
    }
    return true;
}

/* Lower case, digits and dashes, not beginning with a dash. */
static bool
is_name(const char *s)
{
    if (s[0] == '-' || s[0] == '\0')
        return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool
check_option(const struct gh_option *o, struct gh_error *err)
{
    struct option_value v = {.option = o};
    struct gh_error why;
    if (!is_name(o->name))
        return gh_error_set(err, GH_EXIT_USAGE,
                            "option '%s': a name is lower case letters, digits and dashes",
                            o->name);
    if (o->help == NULL)
        return gh_error_set(err, GH_EXIT_USAGE, "option --%s has no help line", o->name);
    if (o->kind != GH_OPT_INT && o->kind != GH_OPT_CHOICE && o->kind != GH_OPT_PATH)
        return gh_error_set(err, GH_EXIT_USAGE, "option --%s is of unknown kind %d", o->name,
                            (int)o->kind);
    if (o->kind == GH_OPT_INT && o->min > o->max)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "option --%s: its lower bound is above its upper bound", o->name);
    if (o->kind == GH_OPT_CHOICE && (o->choices == NULL || o->choices[0] == NULL))
        return gh_error_set(err, GH_EXIT_USAGE, "option --%s has no choices", o->name);
    if (o->value != NULL && !set_value(&v, o->value, &why))
        return gh_error_set(err, GH_EXIT_USAGE, "the default is wrong: %s", why.text);
    return true;
}

bool
options_check(const struct gh_workload *w, struct gh_error *err)
{
    size_t n = options_count(w);
    if (n > OPTIONS_MAX)
        return gh_error_set(err, GH_EXIT_USAGE, "it has %zu options; at most %d are possible",
                            n, OPTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!check_option(&w->options[i], err))
            return false;
        if (options_find(w, w->options[i].name) != &w->options[i])
            return gh_error_set(err, GH_EXIT_USAGE, "option --%s stands there twice",
                                w->options[i].name);
    }
    return true;
}
