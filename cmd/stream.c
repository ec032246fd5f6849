/* stream.c - parsing and evaluating streams; see stream.h. A descent by hand: the grammar is
 * small, and every message is to carry its place. */
#include "cmd/stream.h"

#include "cmd/bytecount.h"
#include "workloads/api/workload.h"
#include "workloads/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- values --- */

/* Between -1 and 1: of the sequence that begins at the seed's own place, number `cycle`. */
static double
stream_random(uint64_t seed, uint64_t cycle)
{
    uint64_t state = seed * UINT64_C(0xd1342543de82ef95) + cycle * UINT64_C(0x9e3779b97f4a7c15);
    return ((double)(gh_random(&state) >> 11) * 0x1p-53 - 0.5) * 2;
}

static double
stream_bounded(double x)
{
    if (x > STREAM_VALUE_MAX)
        return STREAM_VALUE_MAX;
    return x < -STREAM_VALUE_MAX ? -STREAM_VALUE_MAX : x;
}

static double
stream_limited(double x, double least, double most)
{
    if (x < least)
        return least;
    return x > most ? most : x;
}

static double
stream_quantized(double x, double multiple)
{
    double r = x / multiple;
    return (r < 0 ? ceil(r) : floor(r)) * multiple;
}

/* Operations in the order of Go's streams, so that equal ones round equally. */
static double
stream_compute(const struct stream *s, uint64_t cycle)
{
    const double *x = s->x;
    double now = (double)cycle;
    switch (s->kind) {
    case STREAM_CONSTANT:
        return x[0];
    case STREAM_SUM:
        return stream_value(s->a, cycle) + stream_value(s->b, cycle);
    case STREAM_DIFFERENCE:
        return stream_value(s->a, cycle) - stream_value(s->b, cycle);
    case STREAM_RAMP:
        return x[0] * (now < x[1] ? now : x[1]) / x[1];
    case STREAM_STEP:
        return now < x[1] ? 0 : x[0];
    case STREAM_UNIT:
        return cycle == 0 ? x[0] : 0;
    case STREAM_OSCILLATE:
        return sin((double)(cycle % (uint64_t)x[2]) / x[2] * 2 * M_PI + x[1]) * x[0];
    case STREAM_RANDOM:
        return stream_random((uint64_t)x[1], cycle) * x[0];
    case STREAM_LIST:
        return s->values[cycle < s->n_values ? cycle : s->n_values - 1];
    case STREAM_DELAY:
        return now < x[0] ? 0 : stream_value(s->a, cycle - (uint64_t)x[0]);
    case STREAM_REPEAT:
        return stream_value(s->a, cycle % (uint64_t)x[0]);
    case STREAM_SCALE:
        return stream_value(s->a, cycle) * x[0];
    case STREAM_LIMIT:
        return stream_limited(stream_value(s->a, cycle), x[0], x[1]);
    case STREAM_QUANTIZE:
        return stream_quantized(stream_value(s->a, cycle), x[0]);
    }
    return 0;
}

double
stream_value(const struct stream *s, uint64_t cycle)
{
    return stream_bounded(stream_compute(s, cycle));
}

/* --- text --- */

bool
stream_error(const struct stream_text *t, const char *where, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return gh_error_set(t->err, GH_EXIT_USAGE, "%.80s:%d:%d: %s", t->file, t->line,
                        (int)(where - t->line_begin) + 1, text);
}

void
stream_skip_blanks(struct stream_text *t)
{
    while (*t->at == ' ' || *t->at == '\t' || *t->at == '\r')
        t->at++;
}

/* Inside parentheses lines may end, and comments stand. */
static void
stream_skip_lines(struct stream_text *t)
{
    for (;;) {
        stream_skip_blanks(t);
        if (*t->at == '#')
            t->at += strcspn(t->at, "\n");
        if (*t->at != '\n')
            return;
        t->line_begin = ++t->at;
        t->line++;
    }
}

static bool
stream_is_wordy(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

int
stream_word(const char *at)
{
    int n = 0;
    while (n < 40 && stream_is_wordy(at[n]))
        n++;
    /* one character; one of UTF-8 may have four bytes */
    if (n == 0 && *at != '\0' && *at != '\n')
        for (n = 1; n < 4 && (at[n] & 0xc0) == 0x80;)
            n++;
    return n;
}

static bool
stream_unexpected(const struct stream_text *t, const char *wanted)
{
    int n = stream_word(t->at);
    if (n == 0)
        return stream_error(t, t->at, "%s is missing", wanted);
    if (!stream_is_wordy(*t->at) && !isprint((unsigned char)*t->at) && !(*t->at & 0x80))
        return stream_error(t, t->at, "%s expected, and not byte 0x%02x", wanted,
                            (unsigned char)*t->at);
    return stream_error(t, t->at, "%s expected, and not '%.*s'", wanted, n, t->at);
}

static bool
stream_take(struct stream_text *t, char c, const char *wanted)
{
    stream_skip_lines(t);
    if (*t->at != c)
        return stream_unexpected(t, wanted);
    t->at++;
    return true;
}

/* --- numbers --- */

/* The unit that begins at t->at, as a factor; 1 if there is none. */
static bool
stream_unit(struct stream_text *t, const char *number, double *factor)
{
    *factor = 1;
    if (!stream_is_wordy(*t->at))
        return true;
    int n = stream_word(t->at);
    int power = t->bytes ? bytecount_power(t->at, (size_t)n) : -1;
    if (power >= 0) {
        *factor = (double)(UINT64_C(1) << (10 * power));
        t->at += n;
        return true;
    }
    if (!t->bytes)
        return stream_error(t, number, "'%.*s' is no number; units stand with bytes only",
                            stream_word(number), number);
    return stream_error(t, t->at, "'%.*s' is no unit; there are B, KiB, MiB, GiB and TiB", n,
                        t->at);
}

/* A number without sign. */
static bool
stream_number(struct stream_text *t, double *out)
{
    const char *begin = t->at;
    bool digit = isdigit((unsigned char)begin[0]) ||
                 (begin[0] == '.' && isdigit((unsigned char)begin[1]));
    if (!digit)
        return stream_unexpected(t, "a number");
    char *end;
    double factor;
    *out = strtod(begin, &end);
    t->at = end;
    if (!stream_unit(t, begin, &factor))
        return false;
    *out *= factor;
    if (!(*out <= STREAM_VALUE_MAX))
        return stream_error(t, begin, "'%.*s' is out of range (up to 1e18)", stream_word(begin),
                            begin);
    return true;
}

static bool
stream_signed(struct stream_text *t, double *out)
{
    bool minus = *t->at == '-';
    t->at += minus;
    stream_skip_blanks(t);
    if (!stream_number(t, out))
        return false;
    if (minus)
        *out = -*out;
    return true;
}

bool
stream_whole(struct stream_text *t, uint64_t most, uint64_t *out)
{
    const char *begin = t->at;
    if (!isdigit((unsigned char)*begin))
        return stream_unexpected(t, "a whole number");
    char *end;
    double factor;
    errno = 0;
    unsigned long long n = strtoull(begin, &end, 10);
    bool overflow = errno == ERANGE;
    t->at = end;
    if (*end == '.')
        return stream_error(t, begin, "'%.*s' is not a whole number", stream_word(begin),
                            begin);
    if (!stream_unit(t, begin, &factor))
        return false;
    overflow |= __builtin_mul_overflow(n, (uint64_t)factor, &n);
    if (overflow || n > most)
        return stream_error(t, begin, "'%.*s' is out of range (up to %llu)", stream_word(begin),
                            begin, (unsigned long long)most);
    *out = n;
    return true;
}

/* --- parts --- */

/* What a part takes, one letter each:
 *   v a value, with unit and sign   n a count from 1   0 a count from 0   p a value above 0
 *   i a seed                        x a plain number   S a stream         L values, to the end
 */
static const struct stream_part {
    const char *name;
    enum stream_kind kind;
    const char *takes;
    const char *usage;
} parts[] = {
    {"ramp", STREAM_RAMP, "vn", "ramp(height, cycles)"},
    {"step", STREAM_STEP, "v0", "step(height, cycle)"},
    {"unit", STREAM_UNIT, "v", "unit(height)"},
    {"oscillate", STREAM_OSCILLATE, "vxn", "oscillate(height, phase, period)"},
    {"random", STREAM_RANDOM, "vi", "random(height, seed)"},
    {"list", STREAM_LIST, "L", "list(value, value, ...)"},
    {"delay", STREAM_DELAY, "0S", "delay(cycles, stream)"},
    {"repeat", STREAM_REPEAT, "nS", "repeat(cycles, stream)"},
    {"scale", STREAM_SCALE, "xS", "scale(factor, stream)"},
    {"limit", STREAM_LIMIT, "vvS", "limit(least, most, stream)"},
    {"quantize", STREAM_QUANTIZE, "pS", "quantize(multiple, stream)"},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static const struct stream *stream_sum(struct stream_text *t, int depth);

static struct stream *
stream_node(struct stream_text *t, struct stream s)
{
    struct stream_pool *p = t->pool;
    if (p->n_nodes == STREAM_NODES_MAX) {
        stream_error(t, t->at, "too many streams: %d parts in all are possible",
                     STREAM_NODES_MAX);
        return NULL;
    }
    p->nodes[p->n_nodes] = s;
    return &p->nodes[p->n_nodes++];
}

static bool
stream_values(struct stream_text *t, struct stream *s)
{
    struct stream_pool *p = t->pool;
    s->values = &p->values[p->n_values];
    for (;;) {
        double v;
        stream_skip_lines(t);
        if (p->n_values == STREAM_VALUES_MAX)
            return stream_error(t, t->at, "too many values: %d in all lists are possible",
                                STREAM_VALUES_MAX);
        if (!stream_signed(t, &v))
            return false;
        p->values[p->n_values++] = v;
        s->n_values++;
        stream_skip_lines(t);
        if (*t->at != ',')
            return true;
        t->at++;
    }
}

/* A number that is an argument of kind `takes`. */
static bool
stream_argument(struct stream_text *t, char takes, double *out)
{
    const char *begin = t->at;
    bool bytes = t->bytes;
    t->bytes = bytes && (takes == 'v' || takes == 'p');
    bool ok = stream_signed(t, out);
    t->bytes = bytes;
    if (!ok)
        return false;
    double least = takes == 'n' ? 1 : 0, most = takes == 'i' ? 0x1p53 : STREAM_COUNT_MAX;
    if (strchr("n0i", takes) != NULL && (*out < least || *out > most || *out != floor(*out)))
        return stream_error(t, begin, "a whole number from %.0f to %.0f is expected here",
                            least, most);
    if (takes == 'p' && *out <= 0)
        return stream_error(t, begin, "a number above 0 is expected here");
    return true;
}

static bool
stream_arguments(struct stream_text *t, const struct stream_part *part, struct stream *s,
                 int depth)
{
    double *x = s->x;
    for (const char *takes = part->takes; *takes != '\0'; takes++) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "',' (%s)", part->usage);
        if (takes != part->takes && !stream_take(t, ',', wanted))
            return false;
        stream_skip_lines(t);
        if (*takes == 'L') {
            if (!stream_values(t, s))
                return false;
        } else if (*takes == 'S') {
            s->a = stream_sum(t, depth + 1);
            if (s->a == NULL)
                return false;
        } else if (!stream_argument(t, *takes, x++)) {
            return false;
        }
    }
    char wanted[80];
    snprintf(wanted, sizeof wanted, "')' (%s)", part->usage);
    return stream_take(t, ')', wanted);
}

static const struct stream_part *
stream_find_part(struct stream_text *t)
{
    const char *names[PARTS];
    char word[41];
    int n = stream_word(t->at);
    snprintf(word, sizeof word, "%.*s", n, t->at);
    for (size_t i = 0; i < PARTS; i++) {
        names[i] = parts[i].name;
        if (strcmp(word, parts[i].name) == 0)
            return &parts[i];
    }
    struct nearest_hint hint;
    nearest_hint(word, "", names, PARTS, &hint);
    stream_error(t, t->at, "there is no stream '%s'%s", word,
                 hint.text[0] != '\0' ? hint.text : "; 'goheap simulate --help' lists them");
    return NULL;
}

static const struct stream *
stream_term(struct stream_text *t, int depth)
{
    struct stream s = {.kind = STREAM_CONSTANT};
    if (depth > STREAM_DEPTH_MAX) {
        stream_error(t, t->at, "streams are nested more than %d deep", STREAM_DEPTH_MAX);
        return NULL;
    }
    if (!isalpha((unsigned char)*t->at))
        return stream_signed(t, &s.x[0]) ? stream_node(t, s) : NULL;
    const struct stream_part *part = stream_find_part(t);
    if (part == NULL)
        return NULL;
    const char *begin = t->at;
    s.kind = part->kind;
    t->at += strlen(part->name);
    stream_skip_blanks(t);
    if (*t->at != '(') {
        stream_error(t, t->at, "'(' is missing: %s", part->usage);
        return NULL;
    }
    t->at++;
    int line = t->line;
    if (!stream_arguments(t, part, &s, depth))
        return NULL;
    if (s.kind == STREAM_LIMIT && s.x[0] > s.x[1]) {
        stream_error(t, line == t->line ? begin : t->at, "limit: least is above most");
        return NULL;
    }
    return stream_node(t, s);
}

/* Inside parentheses (depth > 0) expressions may go over lines. */
static void
stream_skip(struct stream_text *t, int depth)
{
    if (depth > 0)
        stream_skip_lines(t);
    else
        stream_skip_blanks(t);
}

/* Terms with + and - between them. */
static const struct stream *
stream_sum(struct stream_text *t, int depth)
{
    const struct stream *sum = stream_term(t, depth);
    while (sum != NULL) {
        stream_skip(t, depth);
        char sign = *t->at;
        if (sign != '+' && sign != '-')
            break;
        t->at++;
        stream_skip(t, depth);
        const struct stream *term = stream_term(t, depth);
        if (term == NULL)
            return NULL;
        sum = stream_node(
            t, (struct stream){
                   .kind = sign == '+' ? STREAM_SUM : STREAM_DIFFERENCE, .a = sum, .b = term});
    }
    return sum;
}

const struct stream *
stream_parse(struct stream_text *t)
{
    stream_skip_blanks(t);
    return stream_sum(t, 0);
}
