/* harness.c - see peer.h: the command line, the timed section, threads, figures. */
#include "scripts/peers/c/peer.h"

#include "scripts/peers/c/memory.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { THREADS_MAX = 256 };

static const struct workload *chosen;

/* --- errors --- */

static void __attribute__((noreturn, format(printf, 2, 0)))
stop(int status, const char *format, va_list args)
{
    fprintf(stderr, "peer %s: ", chosen == NULL ? "" : chosen->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    exit(status);
}

void
fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    stop(1, format, args);
}

void
refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    stop(2, format, args);
}

void *
must(void *p)
{
    if (p == NULL)
        fail("no memory");
    return p;
}

/* What is wrong, and which workloads there are, or which options the chosen one has. */
static void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *format, ...)
{
    va_list args;
    fputs("usage: peer WORKLOAD [--option value ...]: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; there are:", stderr);
    for (const struct workload *w = peer_workloads; chosen == NULL && w->name != NULL; w++)
        fprintf(stderr, " %s", w->name);
    if (chosen != NULL)
        fputs(" --threads", stderr);
    for (struct option *o = chosen == NULL ? NULL : chosen->options; o != NULL && o->name; o++)
        fprintf(stderr, " --%s", o->name);
    fputc('\n', stderr);
    exit(2);
}

/* --- options --- */

/* A whole number, with k, M or G behind it if need be. */
static bool
parse_number(const char *text, uint64_t *n)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t plain = strtoull(text, &end, 10);
    uint64_t factor = *end == 'k' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 1;
    bool fits = errno == 0 && !__builtin_mul_overflow(plain, factor, n);
    return fits && end[factor > 1] == '\0';
}

/* Whether `word` is one of the words of `list`. */
static bool
is_one_of(const char *word, const char *list)
{
    size_t length = strcspn(word, " ");
    if (length == 0 || word[length] != '\0')
        return false;
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static struct option *
option_find(const char *name)
{
    for (struct option *o = chosen->options; o != NULL && o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const char *
option_text(const char *name)
{
    return option_find(name)->value;
}

uint64_t
option_number(const char *name)
{
    uint64_t n = 0;
    parse_number(option_text(name), &n);
    return n;
}

bool
option_is(const char *name, const char *value)
{
    return strcmp(option_text(name), value) == 0;
}

static void
option_set(const char *name, const char *value, int *threads)
{
    uint64_t n = 0;
    if (strcmp(name, "threads") == 0) {
        uint64_t most = chosen->threaded ? THREADS_MAX : 1;
        if (!parse_number(value, &n) || n < 1 || n > most)
            refuse("--threads cannot be %s: it is a whole number from 1 to %" PRIu64, value,
                   most);
        *threads = (int)n;
        return;
    }
    struct option *o = option_find(name);
    if (o == NULL)
        usage("there is no option --%s", name);
    if (o->choices != NULL && !is_one_of(value, o->choices))
        refuse("--%s cannot be %s: there are %s", name, value, o->choices);
    if (o->choices == NULL && (!parse_number(value, &n) || n < o->min || n > o->max))
        refuse("--%s cannot be %s: it is a whole number from %" PRIu64 " to %" PRIu64, name,
               value, o->min, o->max);
    o->value = value;
}

static void
options_parse(char **words, int *threads)
{
    for (; *words != NULL; words += 2) {
        const char *name = *words;
        name += strncmp(name, "--", 2) == 0 ? 2 : 1;
        if ((*words)[0] != '-')
            usage("no option: %s", *words);
        if (words[1] == NULL)
            usage("no value of %s", *words);
        option_set(name, words[1], threads);
    }
}

/* --- the clocks, and what the kernel knows --- */

static int64_t
timespec_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t
now_ns(void)
{
    return timespec_ns(CLOCK_MONOTONIC);
}

int64_t
cpu_ns(void)
{
    return timespec_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
status_kib(const char *key)
{
    char line[256];
    uint64_t kib = 0;
    size_t length = strlen(key);
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            kib = strtoull(line + length + 1, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kib;
}

/* The time that all threads there are have stood in line for a core: the second of three
 * numbers of each. The first is how long it ran; if that is 0 for all, the kernel does not
 * count, and nothing is known. */
static uint64_t
runq_wait_ns(bool *known)
{
    uint64_t sum = 0;
    *known = false;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *e; tasks != NULL && (e = readdir(tasks)) != NULL;) {
        char path[300];
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
        uint64_t ran = 0, wait = 0;
        if (f != NULL && fscanf(f, "%" SCNu64 " %" SCNu64, &ran, &wait) == 2) {
            sum += wait;
            *known |= ran > 0;
        }
        if (f != NULL)
            fclose(f);
    }
    if (tasks != NULL)
        closedir(tasks);
    return sum;
}

void
stopwatch_begin(struct stopwatch *w)
{
    w->runq_wait_at = runq_wait_ns(&w->runq_wait_known);
    w->cpu_at = cpu_ns();
    w->wall_at = now_ns();
}

void
stopwatch_end(struct stopwatch *w)
{
    w->wall_ns += now_ns() - w->wall_at;
    w->cpu_ns += cpu_ns() - w->cpu_at;
    uint64_t wait = runq_wait_ns(&w->runq_wait_known);
    w->runq_wait_ns += wait > w->runq_wait_at ? wait - w->runq_wait_at : 0;
    w->peak_kib = status_kib("VmHWM");
}

/* --- threads --- */

/* Members wait at the gate until all are there, work, and wait again until the time is taken: a
 * thread that has ended takes with it how long it stood in line for a core. */
struct team {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int ready, done; /* members */
    bool open, over;
    void (*work)(int t, void *arg);
    void *arg;
};

struct member {
    pthread_t thread;
    struct team *team;
    int t;
};

static void *
member_main(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    pthread_mutex_lock(&team->lock);
    team->ready++;
    pthread_cond_broadcast(&team->moved);
    while (!team->open)
        pthread_cond_wait(&team->moved, &team->lock);
    pthread_mutex_unlock(&team->lock);

    team->work(self->t, team->arg);

    pthread_mutex_lock(&team->lock);
    team->done++;
    pthread_cond_broadcast(&team->moved);
    while (!team->over)
        pthread_cond_wait(&team->moved, &team->lock);
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

void
parallel(int threads, struct stopwatch *w, void (*work)(int t, void *arg), void *arg)
{
    if (threads == 1) {
        stopwatch_begin(w);
        work(0, arg);
        stopwatch_end(w);
        return;
    }
    struct team team = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .moved = PTHREAD_COND_INITIALIZER,
                        .work = work,
                        .arg = arg};
    struct member members[THREADS_MAX];
    for (int t = 0; t < threads; t++) {
        members[t] = (struct member){.team = &team, .t = t};
        if (pthread_create(&members[t].thread, NULL, member_main, &members[t]) != 0)
            fail("cannot start thread %d", t);
    }
    pthread_mutex_lock(&team.lock);
    while (team.ready < threads)
        pthread_cond_wait(&team.moved, &team.lock);
    stopwatch_begin(w);
    team.open = true;
    pthread_cond_broadcast(&team.moved);
    while (team.done < threads)
        pthread_cond_wait(&team.moved, &team.lock);
    stopwatch_end(w);
    team.over = true;
    pthread_cond_broadcast(&team.moved);
    pthread_mutex_unlock(&team.lock);
    for (int t = 0; t < threads; t++)
        pthread_join(members[t].thread, NULL);
}

/* --- figures --- */

void
emit(const char *metric, double value, const char *unit)
{
    bool whole = value >= 1e9 && value < 0x1p53 && value == (double)(int64_t)value;
    if (whole)
        printf("%s %" PRId64 " %s\n", metric, (int64_t)value, unit);
    else
        printf("%s %.9g %s\n", metric, value, unit);
}

void
emit_checksum(uint64_t sum)
{
    printf("checksum 0x%016" PRIx64 " -\n", sum);
}

void
emit_stopwatch(const struct stopwatch *w)
{
    emit("wall", (double)w->wall_ns / 1e9, "s");
    emit("cpu", (double)w->cpu_ns / 1e9, "s");
    emit("maxrss", (double)w->peak_kib / 1024, "MiB");
    if (w->runq_wait_known)
        emit("runq_wait", (double)w->runq_wait_ns / 1e9, "s");
}

int
main(int argc, char **argv)
{
    int threads = 1;
    char text[256];
    peer_start(argc > 1 ? argv[1] : "");
    if (argc < 2)
        usage("which workload?");
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts(peer_version(text, sizeof text));
        return 0;
    }
    for (const struct workload *w = peer_workloads; w->name != NULL; w++)
        if (strcmp(w->name, argv[1]) == 0)
            chosen = w;
    if (chosen == NULL)
        usage("there is no workload %s", argv[1]);
    options_parse(argv + 2, &threads);
    chosen->run(threads);
    return fflush(stdout) == 0 ? 0 : 1;
}
