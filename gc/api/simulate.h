/* simulate.h - the pacer without a heap: cycles of a program that is given by its rates.
 *
 * The pacer is the one that paces real heaps; the program around it is the model of Go's own
 * test (TestGcPacer in mgcpacer_test.go): it allocates and marks at constant rates within a
 * cycle, assists as the pacer asks for, and the pacer looks again every 500 us.
 * docs/simulate.md explains the model and its limits. Pure: no threads, no clock. */
#ifndef GH_GC_API_SIMULATE_H
#define GH_GC_API_SIMULATE_H

#include "alloc/base/compiler.h"
#include "alloc/base/error.h"

#include <stdint.h>

GH_EXTERN_C_BEGIN

struct gh_sim;

struct gh_sim_config {
    int gogc;              /* percent, or GH_GOGC_OFF */
    int procs;             /* 1 to GH_PROCS_MAX */
    uint64_t memory_limit; /* bytes, or GH_MEMORY_LIMIT_OFF */
    uint64_t globals_bytes;
    uint64_t initial_bytes; /* live after the first cycle, without what it allocates itself */
    /* whether the pacer is told how much memory is in use. If not, it takes it that there is
     * nothing but the goal, as in Go's test. */
    bool accounts;
};

/* The program during one cycle. */
struct gh_sim_cycle {
    double alloc_rate;  /* KiB a CPU-ms, at least 0.0001 */
    double scan_rate;   /* KiB a CPU-ms, at least 0.0001 */
    double growth_rate; /* of what lives, from cycle to cycle; at least 0.0001 */
    double scannable;   /* share of the heap, 0 to 1 */
    uint64_t stack_bytes;
    uint64_t non_heap_bytes; /* with `accounts`: memory that is in use and no object */
};

struct gh_sim_result {
    int cycle;              /* from 1 */
    uint64_t live_bytes;    /* heapMarked as it begins */
    uint64_t trigger_bytes; /* heapLive as it begins */
    uint64_t peak_bytes;    /* heapLive as it ends */
    uint64_t goal_bytes;
    double utilization;         /* by the collector, of all processors, while it marks */
    int64_t scannable_bytes;    /* of the live heap */
    int64_t mark_ns, assist_ns; /* wall time; CPU time of all mutators */
    double cons_mark;           /* the estimate that the cycle was paced by */
};

/* NULL: out of memory, or `c` is out of range. */
GH_API struct gh_sim *gh_sim_open(const struct gh_sim_config *c, struct gh_error *err);
/* One cycle. Fails if marking would take more than 5000 s: then the rates do not fit the heap.
 */
GH_API bool gh_sim_step(struct gh_sim *s, const struct gh_sim_cycle *c,
                        struct gh_sim_result *out, struct gh_error *err);
GH_API void gh_sim_close(struct gh_sim *s);

GH_EXTERN_C_END
#endif
