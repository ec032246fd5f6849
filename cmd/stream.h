/* stream.h - a value for every cycle of a simulation, composed from few parts: what the streams
 * of Go's pacer test are, as expressions one can write into a file. docs/simulate.md has the
 * grammar.
 *
 * A stream is a function of the cycle's number and nothing else, so that it can be delayed,
 * repeated and asked in any order. Random ones hash seed and number.
 *
 * Single thread. */
#ifndef GH_CMD_STREAM_H
#define GH_CMD_STREAM_H

#include "alloc/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_NODES_MAX = 256,
    STREAM_VALUES_MAX = 100000, /* of all lists together */
    STREAM_DEPTH_MAX = 16,
    STREAM_COUNT_MAX = 1000000,
};

/* No value, given or computed, goes beyond. */
static const double STREAM_VALUE_MAX = 1e18;

enum stream_kind {
    STREAM_CONSTANT,
    STREAM_SUM,
    STREAM_DIFFERENCE,
    STREAM_RAMP,
    STREAM_STEP,
    STREAM_UNIT,
    STREAM_OSCILLATE,
    STREAM_RANDOM,
    STREAM_LIST,
    STREAM_DELAY,
    STREAM_REPEAT,
    STREAM_SCALE,
    STREAM_LIMIT,
    STREAM_QUANTIZE,
};

struct stream {
    enum stream_kind kind;
    double x[3]; /* its numbers, in the order they are written */
    const struct stream *a, *b;
    const double *values; /* of a list */
    size_t n_values;
};

/* Where streams live until the pool is freed. */
struct stream_pool {
    struct stream nodes[STREAM_NODES_MAX];
    size_t n_nodes;
    double values[STREAM_VALUES_MAX];
    size_t n_values;
};

/* A place in a text, for messages. */
struct stream_text {
    const char *file; /* as messages call it */
    const char *at;   /* in a text that ends with NUL */
    const char *line_begin;
    int line;   /* of `at`, from 1 */
    bool bytes; /* numbers may have units, KiB and so on */
    struct stream_pool *pool;
    struct gh_error *err;
};

/* Parse the expression at t->at, up to a line's end or a comment; NULL and *t->err if it is
 * none. */
const struct stream *stream_parse(struct stream_text *t);

/* The value in cycle `cycle`, from 0. Finite, within STREAM_VALUE_MAX. */
double stream_value(const struct stream *s, uint64_t cycle);

/* For whoever parses what is around streams. */

/* Set *t->err to "FILE:LINE:COLUMN: ..." with the column of `where`. Returns false. */
bool stream_error(const struct stream_text *t, const char *where, const char *fmt, ...)
    GH_PRINTF(3, 4);
/* Step over blanks (and not over the line's end). */
void stream_skip_blanks(struct stream_text *t);
/* How long the word or number at t->at is, for messages; at least 1 if there is anything. */
int stream_word(const char *at);
/* A whole number with an optional unit (where t->bytes), at most `most`. */
bool stream_whole(struct stream_text *t, uint64_t most, uint64_t *out);

#endif
