/* os_procs.c - how many processors this process may use: affinity and cgroup quota.
 *
 * A container limits CPU time by a quota: so many microseconds of CPU in each period. Running
 * more threads than quota / period only gets them throttled, in the middle of a collection as
 * well as anywhere else. Go's counterpart: internal/runtime/cgroup and procresize's caller,
 * from Go 1.25.
 *
 * Where the quota is: /proc/self/cgroup names our group, /proc/self/mountinfo the place where
 * the groups are mounted; the limit of the group and of each of its ancestors applies. A
 * version 1 hierarchy with the cpu controller goes before a version 2 one, as on a machine with
 * both only one can own the controller. Whatever cannot be read does not limit.
 *
 * Locks: none of ours; uses stdio, so not for a stopped world. Called once, at start. */
#include "alloc/base/os_procs.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cgroup {
    bool v1;
    char path[PATH_MAX]; /* of the group within the hierarchy, as /proc/self/cgroup gives it */
};

/* Whether `word` is an element of the comma-separated `list`. */
static bool
os_procs_has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, n) == 0 && (at[n] == '\0' || at[n] == ','))
            return true;
    }
    return false;
}

/* A file below `root`, or NULL. */
static FILE *
os_procs_open(const char *root, const char *path)
{
    char full[2 * PATH_MAX];
    if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full))
        return NULL;
    return fopen(full, "re");
}

/* Lines are "id:controllers:path"; version 2 has id 0 and no controllers. */
static bool
os_procs_find_group(const char *root, struct cgroup *g)
{
    char line[PATH_MAX];
    bool found = false;
    FILE *f = os_procs_open(root, "/proc/self/cgroup");

    if (f == NULL)
        return false;
    while (!(found && g->v1) && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL)
            continue;
        *controllers++ = '\0';
        *path++ = '\0';
        bool v1 = os_procs_has_word(controllers, "cpu");
        if (v1 || (strcmp(line, "0") == 0 && *controllers == '\0')) {
            g->v1 = v1;
            memcpy(g->path, path, strlen(path) + 1);
            found = true;
        }
    }
    fclose(f);
    return found;
}

/* Undo the octal escapes of mountinfo (\040 for a blank), in place. */
static void
os_procs_unescape(char *s)
{
    char *to = s;
    while (*s != '\0') {
        if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* One line of mountinfo: "id parent dev root mountpoint options [tags] - type source super".
 * True if it mounts the hierarchy of `g`; points into `line`. */
static bool
os_procs_parse_mount(char *line, const struct cgroup *g, char **top, char **point)
{
    char *dash = strstr(line, " - "), *save, *type, *super;

    line[strcspn(line, "\n")] = '\0';
    if (dash == NULL)
        return false;
    *dash = '\0';
    type = strtok_r(dash + 3, " ", &save);
    if (type == NULL || strcmp(type, g->v1 ? "cgroup" : "cgroup2") != 0)
        return false;
    if (strtok_r(NULL, " ", &save) == NULL)
        return false;
    super = strtok_r(NULL, " ", &save);
    if (g->v1 && (super == NULL || !os_procs_has_word(super, "cpu")))
        return false;

    char *at = strtok_r(line, " ", &save);
    for (int field = 1; at != NULL && field < 4; field++)
        at = strtok_r(NULL, " ", &save);
    *top = at;
    *point = at == NULL ? NULL : strtok_r(NULL, " ", &save);
    if (*point == NULL)
        return false;
    os_procs_unescape(*top);
    os_procs_unescape(*point);
    return true;
}

/* The directory of group `g`, in `dir`, and the length of its mount point, or 0 if it is not
 * visible from here. */
static size_t
os_procs_find_dir(const char *root, const struct cgroup *g, char *dir, size_t room)
{
    char line[2 * PATH_MAX];
    size_t stem = 0;
    FILE *f = os_procs_open(root, "/proc/self/mountinfo");

    if (f == NULL)
        return 0;
    while (stem == 0 && fgets(line, sizeof(line), f) != NULL) {
        char *top, *point;
        if (!os_procs_parse_mount(line, g, &top, &point))
            continue;
        /* A mount may show only a branch of the hierarchy; ours must be in it. */
        size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);
        if (strncmp(g->path, top, n) != 0 || (g->path[n] != '\0' && g->path[n] != '/'))
            continue;
        const char *below = strcmp(g->path + n, "/") == 0 ? "" : g->path + n;
        if ((size_t)snprintf(dir, room, "%s%s", point, below) < room)
            stem = strlen(point);
    }
    fclose(f);
    return stem;
}

/* The first two numbers of dir/name; a word instead of a number ("max") is -1. */
static int
os_procs_read(const char *root, const char *dir, const char *name, long long out[2])
{
    char path[PATH_MAX + 64], text[128], *save;
    int n = 0;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
        return 0;
    FILE *f = os_procs_open(root, path);
    if (f == NULL)
        return 0;
    if (fgets(text, sizeof(text), f) != NULL) {
        for (char *w = strtok_r(text, " \n", &save); w != NULL && n < 2;
             w = strtok_r(NULL, " \n", &save)) {
            char *end;
            long long x = strtoll(w, &end, 10);
            out[n++] = end == w || *end != '\0' ? -1 : x;
        }
    }
    fclose(f);
    return n;
}

/* The limit of one group alone, rounded up; 0 = none. */
static int
os_procs_dir_quota(const char *root, const char *dir, bool v1)
{
    long long v[2] = {-1, -1}, period[2];

    if (v1) {
        if (os_procs_read(root, dir, "cpu.cfs_quota_us", v) < 1 ||
            os_procs_read(root, dir, "cpu.cfs_period_us", period) < 1)
            return 0;
        v[1] = period[0];
    } else if (os_procs_read(root, dir, "cpu.max", v) < 2) {
        return 0;
    }
    if (v[0] <= 0 || v[1] <= 0)
        return 0;
    long long cpus = v[0] / v[1] + (v[0] % v[1] != 0);
    return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

int
os_procs_quota(const char *root)
{
    struct cgroup g;
    char dir[2 * PATH_MAX];
    int least = 0;

    if (!os_procs_find_group(root, &g))
        return 0;
    size_t stem = os_procs_find_dir(root, &g, dir, sizeof(dir));
    while (stem > 0) {
        int quota = os_procs_dir_quota(root, dir, g.v1);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(dir + stem, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
    }
    return least;
}

int
os_procs_cap(int affinity, int quota)
{
    /* With a quota below 2 there still are two: one would stall behind its own collector. */
    int limit = quota == 0 ? INT_MAX : quota < 2 ? 2 : quota;
    int procs = affinity < limit ? affinity : limit;
    return procs < 1 ? 1 : procs;
}

/* CPUs in our affinity mask. The mask has as many bits as the kernel was built for. */
static int
os_procs_affinity(void)
{
    for (size_t cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (set == NULL)
            return 1;
        int e = sched_getaffinity(0, bytes, set) == 0 ? 0 : errno;
        int n = e == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (e != EINVAL)
            return n;
    }
    return 1;
}

int
os_procs(void)
{
    static _Atomic(int) known; /* the quota and 1; 0: not yet */
    /* relaxed: whoever finds out comes to the same */
    int quota = atomic_load_explicit(&known, memory_order_relaxed) - 1;
    if (quota < 0) {
        quota = os_procs_quota("");
        atomic_store_explicit(&known, quota + 1, memory_order_relaxed);
    }
    return os_procs_cap(os_procs_affinity(), quota);
}
