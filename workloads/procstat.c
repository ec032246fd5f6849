/* procstat.c - see procstat.h. Reads with one buffer on the stack: it must not disturb what it
 * measures. */
#include "workloads/procstat.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The beginning of a file, as a string; false if there is none. `path` is relative to `folder`,
 * a descriptor, unless it is absolute. */
static bool
procstat_read(int folder, const char *path, char *text, size_t bytes)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, bytes - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

uint64_t
procstat_bytes(const char *key)
{
    char text[8192], line[64];
    if (!procstat_read(AT_FDCWD, "/proc/self/status", text, sizeof text))
        return 0;
    snprintf(line, sizeof line, "\n%s:", key);
    const char *at = strstr(text, line);
    return at == NULL ? 0 : strtoull(at + strlen(line), NULL, 10) * 1024;
}

/* A schedstat is three numbers: ns on a core, ns in line for one, and how often it got one. */
static bool
procstat_wait(int folder, const char *path, uint64_t *ns)
{
    char text[128];
    if (!procstat_read(folder, path, text, sizeof text))
        return false;
    const char *second = strchr(text, ' ');
    *ns = second == NULL ? 0 : strtoull(second, NULL, 10);
    return second != NULL;
}

bool
procstat_thread_runq_wait(uint64_t *ns)
{
    return procstat_wait(AT_FDCWD, "/proc/thread-self/schedstat", ns);
}

bool
procstat_runq_wait(uint64_t *ns)
{
    *ns = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return false;
    bool known = false;
    for (const struct dirent *e; (e = readdir(tasks)) != NULL;) {
        char path[32];
        uint64_t wait;
        if (e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%.15s/schedstat", e->d_name) >= (int)sizeof path ||
            !procstat_wait(dirfd(tasks), path, &wait)) /* a thread may be gone meanwhile */
            continue;
        *ns += wait;
        known = true;
    }
    closedir(tasks);
    return known;
}
