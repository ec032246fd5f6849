/* mark_threads.h - the threads that mark beside the mutators, each while it holds a processor:
 * dedicated ones, who take theirs from a mutator if they must, and idle ones, who use what
 * nobody else wants. Go: gcBgMarkWorker, findRunnableGCWorker. Fractional work is done on the
 * mutators' own threads (assist.h). */
#ifndef GH_GC_CORE_MARK_THREADS_H
#define GH_GC_CORE_MARK_THREADS_H

#include "gc/core/mark_phase.h"

bool mark_threads_open(struct mark_phase *p);
void mark_threads_close(struct mark_phase *p);
/* A phase has begun: start the threads, on the first one, and wake them. One that the machine
 * refuses is done without. */
void mark_threads_start(struct mark_phase *p);
void mark_threads_add_up_stw(struct mark_phase *p, struct mark_result *out);

#endif
