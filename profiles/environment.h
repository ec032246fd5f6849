/* environment.h - the machine, the build and the process, as a report wants to remember them.
 */
#ifndef GH_PROFILES_ENVIRONMENT_H
#define GH_PROFILES_ENVIRONMENT_H

#include <stdint.h>

#define GOHEAP_VERSION "0.1.0"

struct environment {
    const char *version; /* of goheap */
    const char *build;   /* "release", "debug", "torture", with "+asan" or "+tsan" */
    const char *compiler;
    char os[66], arch[66], kernel[66], host[66];
    char cpu[100]; /* model name; "unknown" if the kernel does not say */
    char thp[32];  /* transparent huge pages: always, madvise, never, unknown */
    int cpus_online, cpus_usable;
    double load1; /* load average of the last minute at the start; -1 unknown */
};

/* Figures of this process so far, from the kernel. */
struct process_usage {
    uint64_t rss_peak_bytes; /* VmHWM; 0 if unknown */
    uint64_t minor_faults, major_faults;
    double user_s, system_s;
};

void environment_read(struct environment *e);
void process_usage_read(struct process_usage *u);
/* Resident memory right now, in bytes; 0 if unknown. */
uint64_t process_rss_bytes(void);

#endif
