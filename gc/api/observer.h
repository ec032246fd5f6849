/* observer.h - how profiles watch a heap. Observers only read; the collector does not know
 * what they do with it. Go's counterpart of a cycle record is one gctrace line. */
#ifndef GH_GC_API_OBSERVER_H
#define GH_GC_API_OBSERVER_H

#include "alloc/base/config.h"

/* How the objects of a size class were scanned in a cycle (gctrace=2). A visit to a page takes
 * an object for itself, or several; those are dense if they are an eighth of its slots (whether
 * or not the processor has a kernel for that). Objects of the page that these lead to are a
 * sparse visit more. */
struct gh_scan_stats {
    uint64_t single_objects; /* for themselves */
    uint64_t sparse_objects, dense_objects, sparse_spans, dense_spans;
};

/* What the pacer knew when the cycle began, and how it came out (gcpacertrace). */
struct gh_pacing {
    double assist_ratio;     /* at the start: scan work per byte allocated */
    uint64_t scan_bytes;     /* heap scan, as estimated at the start */
    uint64_t start_live;     /* heapLive at the start */
    uint64_t start_goal;     /* goal at the start */
    int dedicated;           /* workers */
    double fractional;       /* share of each processor's time for a fractional worker */
    double utilization;      /* of all processors, by background workers and assists */
    double goal_utilization; /* 0.25 */
    uint64_t heap_work, stack_work, globals_work, expected_work; /* bytes scanned */
    uint64_t trigger;   /* heapLive at which the cycle started */
    uint64_t live;      /* heapLive at its end */
    int64_t goal_delta; /* live - goal */
    double cons_mark;   /* estimate that the cycle was paced by */
};

/* What the scavenger did since the last such record (scavtrace). */
struct gh_scavenging {
    uint64_t background_bytes, eager_bytes; /* released since the last record */
    uint64_t released;                      /* HeapReleased */
    uint64_t utilization_percent;           /* in-use part of the retained heap */
    bool forced;                            /* by gh_free_os_memory */
};

/* The sweep that followed a cycle is over (gcpacertrace). */
struct gh_sweeping {
    uint64_t live;        /* heapLive when that was noticed */
    uint64_t allocated;   /* of it, since sweeping was paced: by the cycle or by new settings */
    uint64_t pages_swept; /* of all spans that the cycle left behind */
    double pages_per_byte; /* the pace: pages per byte allocated; 0: swept in a stopped world */
};

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
    uint64_t next_goal;
    int64_t stop_waits_ns[2]; /* of each stop: until the last mutator had stopped */
    uint32_t restarts;        /* how often mark termination found work left */
    int64_t restart_ns;       /* stopped in vain: mark terminations that went back to marking */
    bool limiter_on;          /* the GC CPU limiter acted during this cycle */
    uint64_t assist_parks;    /* how often an allocating mutator had to wait for the marking */
    struct gh_pacing pacing;
    struct gh_scan_stats scan[GH_CLASSES]; /* [0]: large objects */
};

/* Called on the collecting thread after the world runs again; may print, must not allocate
 * from the heap. */
struct gh_observer {
    void *ctx;
    void (*cycle)(void *ctx, const struct gh_cycle *c);
    /* may be NULL. On the scavenger's thread, or on that of gh_free_os_memory */
    void (*scavenge)(void *ctx, const struct gh_scavenging *s);
    /* may be NULL. Once for each cycle that was swept to the end: by the time the next one
     * begins, on the thread that noticed, which is often a mutator's and keeps a stop waiting
     */
    void (*swept)(void *ctx, const struct gh_sweeping *s);
};

#endif
