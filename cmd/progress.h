/* progress.h - one line on a terminal's stderr that shows a run going on: how far the workload
 * is, the last collection, resident memory. Drawn by a thread of its own, which looks at
 * counters five times a second and touches neither the heap nor the mutators. Erased at the
 * end; a fatal error, which ends the process at once, is written over it. */
#ifndef GH_CMD_PROGRESS_H
#define GH_CMD_PROGRESS_H

#include "profiles/pauses.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct progress {
    /* immutable after progress_start */
    const char *name;
    struct pauses *pauses;
    int64_t started_ns;
    pthread_t thread;
    bool running;
    /* guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;
    /* atomic, relaxed: the line may show one a moment older than the other */
    _Atomic(uint64_t) done, total;
};

/* Start drawing if `wanted`; without it, or if no thread can be had, there is just no line. */
void progress_start(struct progress *p, bool wanted, const char *name, struct pauses *pauses);
/* For job_plan.progress, with the struct progress as context. Any thread. */
void progress_report(void *p, uint64_t done, uint64_t total);
void progress_stop(struct progress *p);

#endif
