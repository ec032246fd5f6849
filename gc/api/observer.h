/* observer.h - how profiles watch a heap. Observers only read; the collector does not know
 * what they do with it. Go's counterpart of a cycle record is one gctrace line. */
#ifndef GH_GC_API_OBSERVER_H
#define GH_GC_API_OBSERVER_H

#include "alloc/base/config.h"

/* One finished cycle. Times in ns; *_at on the monotonic clock since the heap was opened. */
struct gh_cycle {
    uint32_t number; /* NumGC, from 1 */
    bool forced;
    int procs;             /* GOMAXPROCS */
    int stw_procs;         /* threads that the stops are charged for (stwprocs) */
    int64_t start_at;      /* begin of sweep termination */
    int64_t sweep_term_ns; /* stopped: wall time of each phase */
    int64_t mark_ns;
    int64_t mark_term_ns;
    int64_t assist_cpu_ns, dedicated_cpu_ns, idle_cpu_ns; /* marking; dedicated + fractional */
    int64_t pause_ns;       /* total time the world stood still in this cycle */
    int64_t stop_wait_ns;   /* of it: until the last mutator had stopped */
    double gc_cpu_fraction; /* of all CPU available since the heap was opened */
    uint64_t heap_at_start, heap_at_end, heap_marked; /* bytes: heapLive, heapLive, marked */
    uint64_t goal;                                    /* bytes: the goal of this cycle */
    uint64_t stack_scan, globals_scan, heap_scan;     /* bytes */
    uint64_t objects_marked;
    uint64_t next_goal, next_trigger;
};

/* Called on the collecting thread after the world runs again; may print, must not allocate
 * from the heap. */
struct gh_observer {
    void *ctx;
    void (*cycle)(void *ctx, const struct gh_cycle *c);
};

#endif
