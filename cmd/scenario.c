/* scenario.c - reading scenarios; see scenario.h. */
#include "cmd/scenario.h"

#include "gc/api/heap.h"
#include "workloads/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20 };
static const uint64_t BYTES_MAX = UINT64_C(1) << 60;
/* Rates and growth are never less: they are divided by. */
static const double RATE_MIN = 0.0001;
/* Stacks come in multiples of the smallest. */
static const double STACK_UNIT = 2048;

/* --- keys --- */

typedef bool scenario_set(struct scenario *s, struct stream_text *t, size_t offset);

static bool
scenario_set_stream(struct scenario *s, struct stream_text *t, size_t offset)
{
    const struct stream **field = (const struct stream **)(void *)((char *)s + offset);
    *field = stream_parse(t);
    return *field != NULL;
}

static bool
scenario_set_bytes(struct scenario *s, struct stream_text *t, size_t offset)
{
    return stream_whole(t, BYTES_MAX, (uint64_t *)(void *)((char *)s + offset));
}

static bool
scenario_set_cycles(struct scenario *s, struct stream_text *t, size_t offset)
{
    const char *begin = t->at;
    uint64_t *cycles = (uint64_t *)(void *)((char *)s + offset);
    return stream_whole(t, STREAM_COUNT_MAX, cycles) &&
           (*cycles > 0 || stream_error(t, begin, "there must be at least one cycle"));
}

static bool
scenario_set_procs(struct scenario *s, struct stream_text *t, size_t offset)
{
    const char *begin = t->at;
    uint64_t n;
    if (!stream_whole(t, GH_PROCS_MAX, &n))
        return false;
    *(int *)(void *)((char *)s + offset) = (int)n;
    return n > 0 || stream_error(t, begin, "there must be at least one processor");
}

static bool
scenario_is_off(struct stream_text *t)
{
    if (stream_word(t->at) != 3 || strncmp(t->at, "off", 3) != 0)
        return false;
    t->at += 3;
    return true;
}

static bool
scenario_set_gogc(struct scenario *s, struct stream_text *t, size_t offset)
{
    uint64_t percent;
    int *gogc = (int *)(void *)((char *)s + offset);
    *gogc = GH_GOGC_OFF;
    if (scenario_is_off(t))
        return true;
    if (!stream_whole(t, INT32_MAX, &percent))
        return false;
    *gogc = (int)percent;
    return true;
}

static bool
scenario_set_limit(struct scenario *s, struct stream_text *t, size_t offset)
{
    uint64_t *limit = (uint64_t *)(void *)((char *)s + offset);
    *limit = GH_MEMORY_LIMIT_OFF;
    return scenario_is_off(t) || stream_whole(t, GH_MEMORY_LIMIT_OFF, limit);
}

static const struct scenario_key {
    const char *name;
    bool bytes;
    scenario_set *set;
    size_t offset;
    const char *fallback; /* NULL: must be given; "": may be missing */
} keys[] = {
    {"cycles", false, scenario_set_cycles, offsetof(struct scenario, cycles), "50"},
    {"procs", false, scenario_set_procs, offsetof(struct scenario, config.procs), "8"},
    {"gogc", false, scenario_set_gogc, offsetof(struct scenario, config.gogc), "100"},
    {"memory_limit", true, scenario_set_limit, offsetof(struct scenario, config.memory_limit),
     "off"},
    {"globals_bytes", true, scenario_set_bytes, offsetof(struct scenario, config.globals_bytes),
     "32KiB"},
    {"initial_bytes", true, scenario_set_bytes, offsetof(struct scenario, config.initial_bytes),
     "256KiB"},
    {"alloc_rate", false, scenario_set_stream, offsetof(struct scenario, alloc_rate), NULL},
    {"scan_rate", false, scenario_set_stream, offsetof(struct scenario, scan_rate), "1024"},
    {"growth_rate", false, scenario_set_stream, offsetof(struct scenario, growth_rate), NULL},
    {"scannable", false, scenario_set_stream, offsetof(struct scenario, scannable), "1"},
    {"stack_bytes", true, scenario_set_stream, offsetof(struct scenario, stack_bytes), "8KiB"},
    {"non_heap_bytes", true, scenario_set_stream, offsetof(struct scenario, non_heap_bytes),
     ""},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static const struct scenario_key *
scenario_find_key(const struct stream_text *t)
{
    const char *names[KEYS];
    char word[41];
    snprintf(word, sizeof word, "%.*s", stream_word(t->at), t->at);
    for (size_t i = 0; i < KEYS; i++) {
        names[i] = keys[i].name;
        if (strcmp(word, keys[i].name) == 0)
            return &keys[i];
    }
    struct nearest_hint hint;
    nearest_hint(word, "", names, KEYS, &hint);
    stream_error(t, t->at, "there is no setting '%s'%s", word,
                 hint.text[0] != '\0' ? hint.text : "; 'goheap simulate --help' lists them");
    return NULL;
}

/* --- lines --- */

/* A line with a setting, up to its end. `lines` says where each key stood before. */
static bool
scenario_line(struct scenario *s, struct stream_text *t, int *lines)
{
    const struct scenario_key *key = scenario_find_key(t);
    if (key == NULL)
        return false;
    int *line = &lines[key - keys];
    if (*line != 0)
        return stream_error(t, t->at, "%s has been set in line %d already", key->name, *line);
    *line = t->line;
    t->at += strlen(key->name);
    stream_skip_blanks(t);
    if (*t->at != '=')
        return stream_error(t, t->at, "'=' is missing behind %s", key->name);
    t->at++;
    stream_skip_blanks(t);
    t->bytes = key->bytes;
    if (!key->set(s, t, key->offset))
        return false;
    stream_skip_blanks(t);
    int rest = stream_word(t->at);
    if (rest > 0 && *t->at != '#')
        return stream_error(t, t->at, "the line should end before '%.*s'", rest, t->at);
    return true;
}

static bool
scenario_lines(struct scenario *s, struct stream_text *t, int *lines)
{
    for (;;) {
        stream_skip_blanks(t);
        if (*t->at != '\0' && *t->at != '\n' && *t->at != '#' && !scenario_line(s, t, lines))
            return false;
        t->at += strcspn(t->at, "\n");
        if (*t->at == '\0')
            return true;
        t->line_begin = ++t->at;
        t->line++;
    }
}

/* What was not given. */
static bool
scenario_defaults(struct scenario *s, const struct stream_text *t, const int *lines)
{
    for (size_t i = 0; i < KEYS; i++) {
        const char *text = keys[i].fallback;
        if (lines[i] != 0 || (text != NULL && text[0] == '\0'))
            continue;
        if (text == NULL)
            return stream_error(t, t->at, "%s is missing: the scenario ends without it",
                                keys[i].name);
        struct stream_text d = {.file = keys[i].name,
                                .at = text,
                                .line_begin = text,
                                .line = 1,
                                .bytes = keys[i].bytes,
                                .pool = &s->pool,
                                .err = t->err};
        if (!keys[i].set(s, &d, keys[i].offset))
            return false;
    }
    return true;
}

struct scenario *
scenario_parse(const char *file, const char *text, struct gh_error *err)
{
    struct scenario *s = calloc(1, sizeof *s);
    if (s == NULL) {
        gh_error_set(err, GH_EXIT_FAILED, "out of memory: no %zu bytes for a scenario",
                     sizeof *s);
        return NULL;
    }
    int lines[KEYS] = {0};
    struct stream_text t = {
        .file = file, .at = text, .line_begin = text, .line = 1, .pool = &s->pool, .err = err};
    if (!scenario_lines(s, &t, lines) || !scenario_defaults(s, &t, lines)) {
        scenario_free(s);
        return NULL;
    }
    s->config.accounts = s->non_heap_bytes != NULL;
    return s;
}

/* --- files --- */

/* All of a file, with a NUL behind it. */
static char *
scenario_load(FILE *in, const char *file, struct gh_error *err)
{
    char *text = malloc(TEXT_MAX + 1);
    if (text == NULL) {
        gh_error_set(err, GH_EXIT_FAILED, "out of memory: no room for a scenario");
        return NULL;
    }
    size_t n = fread(text, 1, TEXT_MAX + 1, in);
    if (ferror(in))
        gh_error_set(err, GH_EXIT_USAGE, "cannot read %.100s: %s", file, strerror(errno));
    else if (n > TEXT_MAX)
        gh_error_set(err, GH_EXIT_USAGE, "%.100s is no scenario: it has more than 4 MiB", file);
    else if (memchr(text, '\0', n) != NULL)
        gh_error_set(err, GH_EXIT_USAGE, "%.100s is no scenario: there is a zero byte in it",
                     file);
    else {
        text[n] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

struct scenario *
scenario_read(const char *path, struct gh_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *file = is_stdin ? "(standard input)" : path;
    FILE *in = is_stdin ? stdin : fopen(path, "r");
    if (in == NULL) {
        gh_error_set(err, GH_EXIT_USAGE, "cannot open %.100s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = scenario_load(in, file, err);
    if (!is_stdin)
        fclose(in);
    if (text == NULL)
        return NULL;
    struct scenario *s = scenario_parse(file, text, err);
    free(text);
    return s;
}

void
scenario_free(struct scenario *s)
{
    free(s);
}

/* --- a cycle --- */

static double
scenario_at_least(const struct stream *s, uint64_t cycle, double least)
{
    double v = stream_value(s, cycle);
    return v > least ? v : least;
}

void
scenario_cycle(const struct scenario *s, uint64_t cycle, struct gh_sim_cycle *out)
{
    double scannable = scenario_at_least(s->scannable, cycle, 0);
    double stacks = scenario_at_least(s->stack_bytes, cycle, 0);
    *out = (struct gh_sim_cycle){
        .alloc_rate = scenario_at_least(s->alloc_rate, cycle, RATE_MIN),
        .scan_rate = scenario_at_least(s->scan_rate, cycle, RATE_MIN),
        .growth_rate = scenario_at_least(s->growth_rate, cycle, RATE_MIN),
        .scannable = scannable < 1 ? scannable : 1,
        .stack_bytes = (uint64_t)(stacks / STACK_UNIT) * (uint64_t)STACK_UNIT,
    };
    if (s->non_heap_bytes != NULL)
        out->non_heap_bytes = (uint64_t)scenario_at_least(s->non_heap_bytes, cycle, 0);
}
