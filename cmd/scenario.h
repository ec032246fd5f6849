/* scenario.h - the file that `goheap simulate` reads: settings and streams, `key = value` by
 * line. docs/simulate.md is its manual. Every error is FILE:LINE:COLUMN and GH_EXIT_USAGE. */
#ifndef GH_CMD_SCENARIO_H
#define GH_CMD_SCENARIO_H

#include "cmd/stream.h"
#include "gc/api/simulate.h"

#include <stdio.h>

struct scenario {
    uint64_t cycles;
    struct gh_sim_config config;
    /* the program, cycle by cycle; non_heap_bytes may be NULL */
    const struct stream *alloc_rate, *scan_rate, *growth_rate, *scannable, *stack_bytes,
        *non_heap_bytes;
    struct stream_pool pool;
};

/* From a text that ends with NUL; `file` is what messages call it. NULL: *err says why. Give it
 * to scenario_free. */
struct scenario *scenario_parse(const char *file, const char *text, struct gh_error *err);
/* From a file; "-" is standard input. */
struct scenario *scenario_read(const char *path, struct gh_error *err);
void scenario_free(struct scenario *s);

/* The program in cycle `cycle`, from 0, with every value brought into its range. */
void scenario_cycle(const struct scenario *s, uint64_t cycle, struct gh_sim_cycle *out);

#endif
