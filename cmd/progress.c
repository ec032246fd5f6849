/* progress.c - see progress.h. */
#include "cmd/progress.h"

#include "alloc/base/os.h"
#include "profiles/environment.h"
#include "profiles/humane.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 200, LINE_MAX_BYTES = 200 };

static const char progress_erase[] = "\r\033[K";

/* How many characters fit into a line; one less than the terminal has, so that it never wraps.
 */
static size_t
progress_columns(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 2)
        return LINE_MAX_BYTES;
    return w.ws_col - 1U;
}

static void
progress_put(const char *text, size_t n)
{
    if (write(STDERR_FILENO, text, n) < 0)
        return; /* nobody is watching any more */
}

static void
progress_draw(struct progress *p)
{
    struct humane rss, heap;
    char part[32] = "", line[LINE_MAX_BYTES], out[LINE_MAX_BYTES + 8];
    uint64_t done = atomic_load_explicit(&p->done, memory_order_relaxed);
    uint64_t total = atomic_load_explicit(&p->total, memory_order_relaxed);
    struct gh_cycle last = pauses_last(p->pauses);
    double seconds = (double)(os_now_ns() - p->started_ns) / 1e9;
    if (total > 0)
        snprintf(part, sizeof part, " %3.0f%%", 100.0 * (double)done / (double)total);
    snprintf(line, sizeof line, "%.24s%s  %.1f s  gc %" PRIu32 "  live %s  RSS %s", p->name,
             part, seconds, last.number, humane_bytes(&heap, (double)last.heap_marked),
             humane_bytes(&rss, (double)process_rss_bytes()));
    /* The cursor is left in front: what a dying process says comes in place of the line. */
    int n = snprintf(out, sizeof out, "\033[K%.*s\r", (int)progress_columns(), line);
    if (n > 0)
        progress_put(out, (size_t)n < sizeof out ? (size_t)n : sizeof out - 1);
}

static void *
progress_main(void *arg)
{
    struct progress *p = arg;
    pthread_mutex_lock(&p->mutex);
    while (!p->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_INTERVAL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&p->wake, &p->mutex, &until);
        if (!p->stop)
            progress_draw(p);
    }
    pthread_mutex_unlock(&p->mutex);
    progress_put(progress_erase, sizeof progress_erase - 1);
    return NULL;
}

void
progress_start(struct progress *p, bool wanted, const char *name, struct pauses *pauses)
{
    memset(p, 0, sizeof *p);
    p->name = name;
    p->pauses = pauses;
    p->started_ns = os_now_ns();
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    if (!wanted)
        return;
    /* signals go to the threads that do the work, as they would without this one */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->running = pthread_create(&p->thread, NULL, progress_main, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
progress_report(void *ctx, uint64_t done, uint64_t total)
{
    struct progress *p = ctx;
    atomic_store_explicit(&p->done, done, memory_order_relaxed);
    atomic_store_explicit(&p->total, total, memory_order_relaxed);
}

void
progress_stop(struct progress *p)
{
    if (p->running) {
        pthread_mutex_lock(&p->mutex);
        p->stop = true;
        pthread_cond_signal(&p->wake);
        pthread_mutex_unlock(&p->mutex);
        pthread_join(p->thread, NULL);
    }
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
}
