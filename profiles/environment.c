/* environment.c - see environment.h. What cannot be read is "unknown", never an error: a report
 * is worth having without it. */
#include "profiles/environment.h"

#include "alloc/base/config.h"
#include "alloc/base/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define BUILD_SANITIZER "+asan"
#elif GH_TSAN
#define BUILD_SANITIZER "+tsan"
#elif defined(GH_UBSAN) /* the Makefile's: gcc does not tell */
#define BUILD_SANITIZER "+ubsan"
#else
#define BUILD_SANITIZER ""
#endif

#ifdef __clang__
#define BUILD_COMPILER __VERSION__
#else
#define BUILD_COMPILER "gcc " __VERSION__
#endif

static const char *const build_kinds[] = {
    "release" BUILD_SANITIZER,
    "debug" BUILD_SANITIZER,
    "torture" BUILD_SANITIZER,
};

/* Copy what follows the first ':' of the first line of `path` that begins with `key`, blanks
 * skipped. */
static bool
environment_field(const char *path, const char *key, char *out, size_t bytes)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, bytes, "%s", colon);
        found = true;
    }
    fclose(f);
    return found;
}

/* The kernel marks the choice in force: "always [madvise] never". */
static void
environment_thp(char *out, size_t bytes)
{
    char line[128] = "";
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (f != NULL) {
        if (fgets(line, sizeof line, f) == NULL)
            line[0] = '\0';
        fclose(f);
    }
    char *open = strchr(line, '[');
    char *close = open == NULL ? NULL : strchr(open, ']');
    if (close == NULL) {
        snprintf(out, bytes, "unknown");
        return;
    }
    *close = '\0';
    snprintf(out, bytes, "%s", open + 1);
}

void
environment_read(struct environment *e)
{
    memset(e, 0, sizeof *e);
    e->version = GOHEAP_VERSION;
    e->build = build_kinds[GH_TORTURE ? 2 : GH_DEBUG ? 1 : 0];
    e->compiler = BUILD_COMPILER;
    struct utsname u;
    if (uname(&u) == 0) {
        snprintf(e->os, sizeof e->os, "%s", u.sysname);
        snprintf(e->arch, sizeof e->arch, "%s", u.machine);
        snprintf(e->kernel, sizeof e->kernel, "%s", u.release);
        snprintf(e->host, sizeof e->host, "%s", u.nodename);
    }
    if (!environment_field("/proc/cpuinfo", "model name", e->cpu, sizeof e->cpu))
        snprintf(e->cpu, sizeof e->cpu, "unknown");
    environment_thp(e->thp, sizeof e->thp);
    e->cpus_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    e->cpus_usable = os_procs();
    if (getloadavg(&e->load1, 1) != 1)
        e->load1 = -1;
}

void
process_usage_read(struct process_usage *u)
{
    memset(u, 0, sizeof *u);
    char text[64];
    if (environment_field("/proc/self/status", "VmHWM", text, sizeof text))
        u->rss_peak_bytes = strtoull(text, NULL, 10) * 1024;
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) != 0)
        return;
    u->minor_faults = (uint64_t)r.ru_minflt;
    u->major_faults = (uint64_t)r.ru_majflt;
    u->user_s = (double)r.ru_utime.tv_sec + (double)r.ru_utime.tv_usec / 1e6;
    u->system_s = (double)r.ru_stime.tv_sec + (double)r.ru_stime.tv_usec / 1e6;
}

uint64_t
process_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    unsigned long long total = 0, resident = 0;
    int n = fscanf(f, "%llu %llu", &total, &resident);
    fclose(f);
    return n == 2 ? (uint64_t)resident * os_page_bytes() : 0;
}
