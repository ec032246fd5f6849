/* scavenge_pacer.h - how much the scavenger works, how much it sleeps, and how much memory the
 * heap may keep.
 *
 * Pure arithmetic: no clock, no lock, no heap; whoever runs the scavenger owns the structure,
 * tells it how long he worked and slept, and does as it says. Go's counterpart: scavengerState
 * in mgcscavenge.go, piController in mgcpacer.go. */
#ifndef GH_ALLOC_PAGES_SCAVENGE_PACER_H
#define GH_ALLOC_PAGES_SCAVENGE_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCAVENGE_QUANTUM = 64 * 1024,       /* bytes released before looking at the clock again */
    SCAVENGE_MIN_WORK_NS = 1000 * 1000, /* work between sleeps */
    SCAVENGE_PAGE_WORK_NS = 10 * 1000,  /* cost of an OS page, where the clock shows none */
    SCAVENGE_RETAIN_EXTRA_PERCENT = 10, /* kept beyond what the last cycle's heap suggests */
    SCAVENGE_LIMIT_PERCENT = 95,        /* of a memory limit: what the background aims at */
};

/* A controller with a proportional and an integral term, and back-calculation against wind-up.
 */
struct pi_controller {
    /* immutable */
    double kp;       /* gain: output per unit of error */
    double ti;       /* time constant of the integral, ns */
    double tt;       /* time in which saturation is taken back out of the integral, ns */
    double min, max; /* range of the output */
    /* owner */
    double integral;
};

/* One step: `input` was measured over the last `period_ns`, `setpoint` is wanted. False if the
 * arithmetic overflowed: the controller has started over, and *output is its minimum. */
bool pi_controller_next(struct pi_controller *c, double input, double setpoint,
                        double period_ns, double *output);

/* Owner: the thread that scavenges. */
struct scavenge_pacer {
    struct pi_controller controller;
    int procs;           /* immutable: processors, of whose time it may use its share */
    double sleep_ratio;  /* work / sleep */
    double cooldown_ns;  /* after an overflow the controller rests so long */
    double worked_ns;    /* since the last sleep */
    double planned_ns;   /* the sleep last asked for, until its outcome is known */
    double last_work_ns; /* what it was asked for */
};

/* For one processor; set `procs` for more. */
void scavenge_pacer_init(struct scavenge_pacer *s);

/* The scavenger has worked for `worked_ns` and released `released` bytes. Returns how long to
 * sleep now, in ns: 0 while there has been too little work for a sleep to be worth it. */
int64_t scavenge_pacer_sleep_ns(struct scavenge_pacer *s, int64_t worked_ns, size_t released);

/* The sleep took `slept_ns` in fact. Without this call the pacer takes it that it lasted as
 * long as it had asked for. */
void scavenge_pacer_slept(struct scavenge_pacer *s, int64_t slept_ns);

/* How many bytes the heap should keep from the OS until the next collection:
 * 1.10 * (goal / last_goal) * heap_inuse, where heap_inuse is what spans of objects held at the
 * end of marking. UINT64_MAX (keep everything) while there was no cycle before. */
uint64_t scavenge_retain_goal(uint64_t goal, uint64_t last_goal, uint64_t heap_inuse);

/* How much memory in all the background should leave, where `limit` is the memory limit and
 * `ready` what is held now: 95 % of the limit, so that it begins before allocations must do it
 * themselves. UINT64_MAX (no goal) as long as less is held. */
uint64_t scavenge_limit_goal(uint64_t limit, uint64_t ready);

#endif
