/* knobs.c - the knobs of `goheap run`: one row each, and one parser a kind of value.
 *
 * Flags and GOHEAP_* variables are strict. Go's own variables follow Go's rules as to what is a
 * value; but where Go would silently fall back to a default, this is an error that says so: a
 * benchmark must not run with another setting than its user believes. */
#include "cmd/knobs.h"
#include "cmd/bytecount.h"
#include "cmd/godebug.h"
#include "cmd/plan.h"

#include <stdlib.h>
#include <string.h>

/* A whole number, decimal, nothing before or behind it, `-` allowed. One too large for `out` is
 * taken to its end: it is out of every range here. */
static bool
knob_number(const char *text, long long *out)
{
    const char *digits = text + (text[0] == '-');
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

bool
knob_int(const char *text, int min, int max, int *out, struct gh_error *err)
{
    long long n;
    if (!knob_number(text, &n))
        return gh_error_set(err, GH_EXIT_USAGE, "'%.60s' is not a whole number (%d to %d)",
                            text, min, max);
    if (n < min || n > max)
        return gh_error_set(err, GH_EXIT_USAGE, "%.60s is out of range (%d to %d)", text, min,
                            max);
    *out = (int)n;
    return true;
}

bool
knob_bool(const char *text, bool *out, struct gh_error *err)
{
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
        return gh_error_set(err, GH_EXIT_USAGE, "'%.60s' is neither 0 nor 1", text);
    *out = text[0] == '1';
    return true;
}

bool
knob_choice(const char *text, const char *const *words, int *out, struct gh_error *err)
{
    char all[160] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return gh_error_set(err, GH_EXIT_USAGE, "'%.60s' is not one of %s", text, all);
}

/* Go's numbers may have a plus in front. */
static const char *
knob_go_number(const char *text)
{
    return text + (text[0] == '+' && text[1] >= '0' && text[1] <= '9');
}

/* Go's levels of what is on or off: any positive number is on. */
static bool
knob_level(const char *text, bool *out, struct gh_error *err)
{
    int level = 0;
    if (!knob_int(text, 0, INT32_MAX, &level, err))
        return false;
    *out = level > 0;
    return true;
}

static bool
set_gogc(void *target, const char *text, struct gh_error *err)
{
    struct plan *p = target;
    long long n;
    if (strcmp(text, "off") == 0) {
        p->config.gogc = GH_GOGC_OFF;
        return true;
    }
    if (!knob_number(text, &n) || n < 0 || n > INT32_MAX)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "'%.60s' is not a percentage (0 to %d, or off to collect never)",
                            text, INT32_MAX);
    p->config.gogc = (int)n;
    return true;
}

static bool
set_go_gogc(void *target, const char *text, struct gh_error *err)
{
    struct plan *p = target;
    long long n;
    if (strcmp(text, "off") == 0) {
        p->config.gogc = GH_GOGC_OFF;
        return true;
    }
    if (!knob_number(knob_go_number(text), &n) || n < INT32_MIN || n > INT32_MAX)
        return gh_error_set(
            err, GH_EXIT_USAGE,
            "'%.60s' is not a percentage; Go would silently use 100; set a whole "
            "number or off, or unset it",
            text);
    p->config.gogc = n < 0 ? GH_GOGC_OFF : (int)n;
    return true;
}

static bool
set_procs(void *target, const char *text, struct gh_error *err)
{
    return knob_int(text, 1, GH_PROCS_MAX, &((struct plan *)target)->config.procs, err);
}

static bool
set_go_procs(void *target, const char *text, struct gh_error *err)
{
    struct gh_error why;
    text = knob_go_number(text);
    if (set_procs(target, text, &why))
        return true;
    long long n;
    bool go_too = knob_number(text, &n) && n > 0 && n <= INT32_MAX;
    return gh_error_set(err, GH_EXIT_USAGE, "%s%s", why.text,
                        go_too ? "; Go would take it"
                               : "; Go would silently use all processors");
}

static bool
set_threads(void *target, const char *text, struct gh_error *err)
{
    return knob_int(text, 1, GH_PROCS_MAX, &((struct plan *)target)->threads, err);
}

static bool
set_collector(void *target, const char *text, struct gh_error *err)
{
    const char *const *names = gh_collectors();
    int i = 0;
    if (!knob_choice(text, names, &i, err))
        return false;
    ((struct plan *)target)->config.collector = names[i];
    return true;
}

static bool
set_marker(void *target, const char *text, struct gh_error *err)
{
    const char *const *names = gh_markers();
    int i = 0;
    if (!knob_choice(text, names, &i, err))
        return false;
    ((struct plan *)target)->config.marker = names[i];
    return true;
}

/* As in Go, the largest number there is means none as well. */
static bool
set_memlimit(void *target, const char *text, struct gh_error *err)
{
    uint64_t *limit = &((struct plan *)target)->config.memory_limit;
    if (text[0] == '\0' || strcmp(text, "off") == 0) {
        *limit = GH_MEMORY_LIMIT_OFF;
        return true;
    }
    if (text[0] == '-')
        return gh_error_set(err, GH_EXIT_USAGE,
                            "%.60s is negative; write a number of bytes, or off for no limit",
                            text);
    return bytecount_parse(text, limit, err);
}

/* Go takes a sign as well, if what is behind it is not negative. */
static bool
set_go_memlimit(void *target, const char *text, struct gh_error *err)
{
    uint64_t *limit = &((struct plan *)target)->config.memory_limit;
    struct gh_error why;
    if (text[0] == '-' && bytecount_parse(text + 1, limit, &why) && *limit == 0)
        return true;
    return set_memlimit(target, knob_go_number(text), &why) ||
           gh_error_set(err, GH_EXIT_USAGE, "%s (Go would not start either)", why.text);
}

static bool
set_gctrace(void *target, const char *text, struct gh_error *err)
{
    return knob_int(text, 0, 2, &((struct plan *)target)->gctrace, err);
}

/* Go: any positive number switches it on, and there is nothing above 2. */
static bool
set_go_gctrace(void *target, const char *text, struct gh_error *err)
{
    int level = 0;
    if (!knob_int(text, 0, INT32_MAX, &level, err))
        return false;
    ((struct plan *)target)->gctrace = level < 2 ? level : 2;
    return true;
}

static bool
set_pacertrace(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->pacertrace, err);
}

static bool
set_go_pacertrace(void *target, const char *text, struct gh_error *err)
{
    return knob_level(text, &((struct plan *)target)->pacertrace, err);
}

static bool
set_scavtrace(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->scavtrace, err);
}

static bool
set_go_scavtrace(void *target, const char *text, struct gh_error *err)
{
    return knob_level(text, &((struct plan *)target)->scavtrace, err);
}

static bool
set_lock_stats(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->lock_stats, err);
}

static bool
set_godebug(void *target, const char *text, struct gh_error *err)
{
    return (void)target, godebug_parse(text, err);
}

/* Go's variable: its settings are warned of, not refused, if they are without effect. */
static bool
set_go_godebug(void *target, const char *text, struct gh_error *err)
{
    return (void)target, (void)text, (void)err, true;
}

static bool
set_madvise(void *target, const char *text, struct gh_error *err)
{
    static const char *const words[] = {"dontneed", "free", NULL};
    int i = 0;
    if (!knob_choice(text, words, &i, err))
        return false;
    ((struct plan *)target)->config.madv_free = i == 1;
    return true;
}

static bool
set_go_madvise(void *target, const char *text, struct gh_error *err)
{
    bool dontneed = true;
    if (!knob_bool(text, &dontneed, err))
        return false;
    ((struct plan *)target)->config.madv_free = !dontneed;
    return true;
}

static bool
set_shrink(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.shrink_stacks, err);
}

static bool
set_go_shrink(void *target, const char *text, struct gh_error *err)
{
    bool off = false;
    if (!knob_bool(text, &off, err))
        return false;
    ((struct plan *)target)->config.shrink_stacks = !off;
    return true;
}

static bool
set_idle_release(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.idle_release, err);
}

static bool
set_verify(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.verify, err);
}

static bool
knob_path(const char *text, const char **out, struct gh_error *err)
{
    if (text[0] == '\0')
        return gh_error_set(err, GH_EXIT_USAGE,
                            "the path is empty; give a file, or - for "
                            "standard output");
    *out = text;
    return true;
}

static bool
set_json(void *target, const char *text, struct gh_error *err)
{
    return knob_path(text, &((struct plan *)target)->json, err);
}

static bool
set_output(void *target, const char *text, struct gh_error *err)
{
    return knob_path(text, &((struct plan *)target)->output, err);
}

static bool
set_color(void *target, const char *text, struct gh_error *err)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    int i = 0;
    if (!knob_choice(text, words, &i, err))
        return false;
    ((struct plan *)target)->color = (enum plan_color)i;
    return true;
}

static bool
set_quiet(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->quiet, err);
}

static bool
set_verbose(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->verbose, err);
}

static bool
set_dry_run(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->dry_run, err);
}

static bool
set_help(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->help, err);
}

/* Defaults here are shown and parsed alike; "" is a knob that is not set, NULL one whose
 * default the plan works out. */
const struct cli_option plan_knobs[] = {
    {"gogc", 0, "N|off", "GOHEAP_GOGC", "GOGC", "100",
     "collect when the heap has grown by N percent since the last collection", set_gogc,
     set_go_gogc, NULL},
    {"procs", 0, "N", "GOHEAP_PROCS", "GOMAXPROCS", NULL,
     "threads that run at the same time, 1 to 1024 (default: what the machine offers)",
     set_procs, set_go_procs, NULL},
    {"threads", 0, "N", "GOHEAP_THREADS", NULL, "1", "mutator threads of the workload",
     set_threads, NULL, NULL},
    {"memlimit", 0, "BYTES|off", "GOHEAP_MEMLIMIT", "GOMEMLIMIT", "off",
     "soft limit of all memory: collect more often and give back sooner to stay below BYTES (a "
     "whole number with B, KiB, MiB, GiB or TiB behind it)",
     set_memlimit, set_go_memlimit, NULL},
    {.flag = "collector",
     .arg = "NAME",
     .env = "GOHEAP_COLLECTOR",
     .help = "how garbage is found",
     .set = set_collector,
     .choices = gh_collectors},
    {.flag = "marker",
     .arg = "NAME",
     .env = "GOHEAP_MARKER",
     .help = "in which order objects are marked",
     .set = set_marker,
     .choices = gh_markers},
    {"godebug", 0, "KEY=N,...", "GOHEAP_GODEBUG", "GODEBUG", "",
     "debug settings of Go's runtime, each stronger than the variable's; 'goheap help godebug' "
     "explains them",
     set_godebug, set_go_godebug, NULL},
    {"gctrace", 0, NULL, "GOHEAP_GCTRACE", "GODEBUG=gctrace", "0",
     "print a line a collection on stderr, in Go's format; --gctrace=2 adds how objects were "
     "scanned",
     set_gctrace, set_go_gctrace, NULL},
    {"gcpacertrace", 0, NULL, "GOHEAP_GCPACERTRACE", "GODEBUG=gcpacertrace", "0",
     "print how the pacer began and ended each cycle, in Go's format", set_pacertrace,
     set_go_pacertrace, NULL},
    {"scavtrace", 0, NULL, "GOHEAP_SCAVTRACE", "GODEBUG=scavtrace", "0",
     "print what was given back to the OS, in Go's format", set_scavtrace, set_go_scavtrace,
     NULL},
    {"lock-stats", 0, NULL, "GOHEAP_LOCK_STATS", NULL, "0",
     "add to the report how often each kind of lock was taken, and waited for", set_lock_stats,
     NULL, NULL},
    {"madvise", 0, "HOW", "GOHEAP_MADVISE", "GODEBUG=madvdontneed", "dontneed",
     "how memory is given back to the OS: dontneed or free", set_madvise, set_go_madvise, NULL},
    {"shrink-stacks", 0, NULL, "GOHEAP_SHRINK_STACKS", "GODEBUG=gcshrinkstackoff", "1",
     "halve stacks that are mostly unused, at collections", set_shrink, set_go_shrink, NULL},
    {"idle-release", 0, "0|1", "GOHEAP_IDLE_RELEASE", NULL, "1",
     "collect a heap that has fallen idle once, and give its free memory back; 0 leaves that "
     "to "
     "Go's rules",
     set_idle_release, NULL, NULL},
    {"verify", 0, NULL, "GOHEAP_VERIFY", NULL, "0",
     "walk and check the whole heap after each collection", set_verify, NULL, NULL},
    {"json", 0, "FILE", "GOHEAP_JSON", NULL, "",
     "write the report for machines to FILE, - for standard output", set_json, NULL, NULL},
    {"output", 'o', "FILE", "GOHEAP_OUTPUT", NULL, "",
     "write the report for people to FILE instead of standard output", set_output, NULL, NULL},
    {"color", 0, "WHEN", "GOHEAP_COLOR", NULL, "auto", "colour: auto, always or never",
     set_color, NULL, NULL},
    {"quiet", 'q', NULL, NULL, NULL, "0",
     "no report on standard output, no progress line, no warnings", set_quiet, NULL, NULL},
    {"verbose", 'v', NULL, NULL, NULL, "0",
     "add every setting and where it came from to the report", set_verbose, NULL, NULL},
    {"dry-run", 'n', NULL, NULL, NULL, "0", "show what would run, and stop", set_dry_run, NULL,
     NULL},
    {"help", 'h', NULL, NULL, NULL, "0", "show help, and stop", set_help, NULL, NULL},
};

size_t
plan_knob_count(void)
{
    return sizeof plan_knobs / sizeof plan_knobs[0];
}

/* --- what the choices mean --- */

static const struct {
    const char *flag, *value, *help;
} knob_values[] = {
    {"collector", "go",
     "marks and sweeps beside the program, which stands still for two short stops a cycle: "
     "Go's "
     "collector"},
    {"collector", "stw", "stops the world and marks in parallel: one long stop a cycle"},
    {"marker", "spans",
     "a page of small objects is queued as a whole, so that its objects are scanned together: "
     "Go's since 1.26"},
    {"marker", "objects", "each object is queued and scanned for itself: Go's until 1.25"},
};

const char *
plan_value_help(const char *flag, const char *value)
{
    for (size_t i = 0; i < sizeof knob_values / sizeof knob_values[0]; i++)
        if (strcmp(knob_values[i].flag, flag) == 0 && strcmp(knob_values[i].value, value) == 0)
            return knob_values[i].help;
    return NULL;
}
