/* os_procs.h - the pieces of os_procs, apart so that they can be tested on a made-up /proc. */
#ifndef GH_ALLOC_BASE_OS_PROCS_H
#define GH_ALLOC_BASE_OS_PROCS_H

/* CPUs that the cgroup of this process may use at a time, rounded up; 0 = no limit found. The
 * files are looked for below `root`: "" for the machine's own. */
int os_procs_quota(const char *root);
/* min(affinity, max(2, quota)); a quota of 0 does not limit. At least 1. */
int os_procs_cap(int affinity, int quota);

#endif
