/* procstat.h - what the kernel says of this process's memory: lines of /proc/self/status. */
#ifndef GH_WORKLOADS_PROCSTAT_H
#define GH_WORKLOADS_PROCSTAT_H

#include <stdint.h>

/* The value of a line such as "VmRSS" or "VmHWM", in bytes; 0 if it cannot be read. */
uint64_t procstat_bytes(const char *key);

#endif
