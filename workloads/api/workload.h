/* workload.h - the contract between goheap and code that allocates.
 *
 * A workload is one `struct gh_workload`: built in (a row of workloads/registry.c) or loaded
 * from a shared object that exports it as `gh_plugin_workload`. workloads/skeleton/ is a
 * commented one to start from; docs/workloads.md is the tour.
 *
 * A run, in order, all on the main mutator `m`:
 *   setup     read options, make types, register roots, build what is not to be measured
 *   run       the work; calls gh_parallel for its threads
 *   verify    check the result; report a checksum with gh_checksum
 *   teardown  release what setup took outside the heap; also after a failed setup
 * The report's timed section is what lies between gh_timer_begin and gh_timer_end, in `run`
 * (which may be used more than once; the times add up), or the whole of `run` if they are not
 * called. */
#ifndef GH_WORKLOADS_API_WORKLOAD_H
#define GH_WORKLOADS_API_WORKLOAD_H

#include "gc/api/heap.h"

GH_EXTERN_C_BEGIN

/* Grows whenever this header, gc/api or a structure they expose changes incompatibly. */
enum { GH_WORKLOAD_ABI = 3 };
#define GH_WORKLOAD_MAGIC UINT32_C(0x676f6870) /* "gohp" */

enum gh_option_kind {
    GH_OPT_INT,    /* decimal, with an optional k, M, G suffix (powers of 1000) */
    GH_OPT_CHOICE, /* one of `choices` */
    GH_OPT_PATH,   /* a file to read; checked for existence by the workload */
};

struct gh_option {
    const char *name; /* without the dashes: "depth" is given as --depth 18 */
    enum gh_option_kind kind;
    const char *help;           /* one line, lower case, with the unit */
    const char *value;          /* default as text; NULL: must be given */
    int64_t min, max;           /* GH_OPT_INT: inclusive bounds */
    const char *const *choices; /* GH_OPT_CHOICE: NULL-terminated */
};

struct gh_job; /* one run of one workload; opaque */

struct gh_workload {
    uint32_t magic;         /* GH_WORKLOAD_MAGIC */
    uint32_t abi;           /* GH_WORKLOAD_ABI */
    uint32_t struct_bytes;  /* sizeof(struct gh_workload) */
    uint32_t mutator_bytes; /* sizeof(struct gh_mutator): the inline paths must agree */
    const char *name;       /* lower case, digits, dashes */
    const char *help;       /* one line for `goheap list workloads` */
    const char *about;      /* paragraphs for `goheap help NAME`; may be NULL */
    const struct gh_option *options; /* ended by a row with name NULL; may be NULL */
    int max_threads;                 /* largest --threads it takes; 1 = single-threaded */

    bool (*setup)(struct gh_job *job, struct gh_mutator *m,
                  struct gh_error *err); /* may be NULL */
    bool (*run)(struct gh_job *job, struct gh_mutator *m, struct gh_error *err);
    bool (*verify)(struct gh_job *job, struct gh_mutator *m, struct gh_error *err);
    void (*teardown)(struct gh_job *job); /* may be NULL */
};

#define GH_WORKLOAD_HEADER                              \
    .magic = GH_WORKLOAD_MAGIC, .abi = GH_WORKLOAD_ABI, \
    .struct_bytes = sizeof(struct gh_workload), .mutator_bytes = sizeof(struct gh_mutator)

/* --- what a job offers to its workload --- */

GH_API struct gh_heap *gh_job_heap(struct gh_job *job);
GH_API int gh_job_threads(const struct gh_job *job);
/* For `setup` of a workload whose result depends on objects dying: false, and a usage error
 * that says so, if the heap never collects (GODEBUG=sbrk=1). */
GH_API bool gh_job_needs_collections(struct gh_job *job, struct gh_error *err);
/* Values of the workload's own options; throw if there is no option of that name and kind. */
GH_API int64_t gh_job_int(const struct gh_job *job, const char *option);
GH_API const char *gh_job_text(const struct gh_job *job, const char *option);
/* The workload's private state, NULL at first. */
GH_API void gh_job_set_state(struct gh_job *job, void *state);
GH_API void *gh_job_state(const struct gh_job *job);

/* Run fn(job, mutator, t, arg) for t in 0..n-1 on n mutators of their own, which start
 * together, and wait for all. n == 1 runs on the caller's mutator. Safepoint. False if a thread
 * could not be started (then none has run). A running timer stands still while they are
 * started. */
GH_API bool gh_parallel(struct gh_job *job, struct gh_mutator *m, int n,
                        void (*fn)(struct gh_job *job, struct gh_mutator *m, int t, void *arg),
                        void *arg, struct gh_error *err);

/* Main mutator's thread; both are safepoints, for they read the heap's statistics. */
GH_API void gh_timer_begin(struct gh_job *job);
GH_API void gh_timer_end(struct gh_job *job);
/* Time measured so far between begin and end, in seconds: wall, and CPU of the whole process.
 */
GH_API double gh_timer_wall(const struct gh_job *job);
GH_API double gh_timer_cpu(const struct gh_job *job);

/* Add a figure to the report, under the name the peers use: gh_emit(job, "ns_per_op", 3.1,
 * "ns"). From the main mutator's thread. Name and unit must be string literals. */
GH_API void gh_emit(struct gh_job *job, const char *metric, double value, const char *unit);
GH_API void gh_checksum(struct gh_job *job, uint64_t checksum);

/* How far the work is: shown on a terminal. Any thread; cheap, but not for inner loops. */
GH_API void gh_progress(struct gh_job *job, uint64_t done, uint64_t total);
/* True once the user has asked to stop (Ctrl-C): return from `run` as soon as convenient;
 * verify is then skipped and the report says that the run was interrupted. */
GH_API bool gh_interrupted(const struct gh_job *job);

/* --- the peers' random numbers: splitmix64, state = seed --- */

GH_INLINE uint64_t
gh_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 32 random bits to 0..n-1, n < 2^32. */
GH_INLINE uint64_t
gh_random_below(uint64_t x32, uint64_t n)
{
    return (x32 * n) >> 32;
}

GH_EXTERN_C_END
#endif
