/* facts.h - everything a report is made of, as pure data. Filled by the command, read by the
 * text and the JSON report, so that both say the same. */
#ifndef GH_PROFILES_FACTS_H
#define GH_PROFILES_FACTS_H

#include "gc/api/heap.h"
#include "gc/api/specials.h"
#include "profiles/environment.h"
#include "profiles/lockstats.h"
#include "profiles/pauses.h"

/* CPU time of the collector, by who gave it, in ns. */
struct facts_gc_cpu {
    uint64_t assist, background, idle, pauses, total;
};

static inline struct facts_gc_cpu
facts_gc_cpu(const struct gh_memstats *s)
{
    return (struct facts_gc_cpu){
        .assist = s->gc_cpu_mark_assist_ns,
        .background = s->gc_cpu_mark_dedicated_ns,
        .idle = s->gc_cpu_mark_idle_ns,
        .pauses = s->gc_cpu_pause_ns,
        .total = s->gc_cpu_mark_assist_ns + s->gc_cpu_mark_dedicated_ns +
                 s->gc_cpu_mark_idle_ns + s->gc_cpu_pause_ns,
    };
}

/* A setting and where it came from: "gogc" "50" "GOGC". */
struct facts_setting {
    const char *name, *value, *source;
};

/* A figure the workload has emitted. */
struct facts_metric {
    const char *name;
    double value;
    const char *unit;
};

struct facts {
    const char *workload;
    int threads;
    int gogc, procs;       /* as in effect at the end; gogc -1 = off */
    uint64_t memory_limit; /* as in effect at the end; GH_MEMORY_LIMIT_OFF: none */
    const char *collector, *marker;
    bool text_utf8; /* the text report may use more than ASCII */
    bool text_color;
    bool show_settings; /* the text report lists the settings */
    bool show_locks;    /* and the locks */
    bool interrupted;

    const struct facts_setting *settings; /* goheap's knobs */
    size_t n_settings;
    const struct facts_setting *options; /* the workload's own */
    size_t n_options;
    const struct facts_metric *metrics;
    size_t n_metrics;

    bool has_checksum, verified;
    uint64_t checksum;

    int64_t started_unix_ns;
    double wall_s, cpu_s;     /* the timed section, or the whole of the run if there is none */
    double total_wall_s;      /* from opening the heap to the end of verify */
    struct gh_memstats stats; /* at the end of the run */
    struct gh_finalizer_stats finalizers;
    struct lockstats locks; /* of the whole run, closing of the heap included */
    /* What was allocated in the stretch of `rate_wall_s` seconds. */
    uint64_t allocs, alloc_bytes;
    double rate_wall_s;
    uint64_t timed_minor_faults, timed_major_faults; /* in the timed section */
    /* How long threads were runnable and had no core, in the timed section; -1: unknown. */
    double runq_wait_s;
    uint64_t rss_end_bytes; /* resident at the end of the work; 0: unknown */

    const struct pauses *pauses; /* nobody adds to it any more */
    struct process_usage usage;
    const struct environment *environment;
};

#endif
