/* procstat.h - what the kernel says of this process: of its memory (/proc/self/status), and of
 * how long its threads stood in line for a core (/proc/self/task/TID/schedstat). */
#ifndef GH_WORKLOADS_PROCSTAT_H
#define GH_WORKLOADS_PROCSTAT_H

#include <stdbool.h>
#include <stdint.h>

/* The value of a line such as "VmRSS" or "VmHWM", in bytes; 0 if it cannot be read. */
uint64_t procstat_bytes(const char *key);

/* How long threads were runnable and had no core, in ns since each began: the sum over those of
 * this process that are there, and that of the calling one alone. False if the kernel does not
 * tell. */
bool procstat_runq_wait(uint64_t *ns);
bool procstat_thread_runq_wait(uint64_t *ns);

#endif
