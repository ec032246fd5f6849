/* pacer_sim.h - the inside of a simulation (gc/api/simulate.h): for tests that look at the
 * pacer in the middle of one. Single thread. */
#ifndef GH_GC_CORE_PACER_SIM_H
#define GH_GC_CORE_PACER_SIM_H

#include "gc/api/simulate.h"
#include "gc/core/pacer.h"

struct gh_sim {
    struct gh_sim_config config;
    struct pacer pacer;
    int cycle; /* finished ones */
    int64_t
        allocated_black; /* by the last cycle, while it marked: all of it survived that one */
    /* called after each revision, with the bytes of work left; NULL, but for tests */
    void (*revised)(const struct gh_sim *s, int64_t work_left);
};

#endif
