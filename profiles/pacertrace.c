/* pacertrace.c - see pacertrace.h. Go's counterpart are startCycle and endCycle of mgcpacer.go,
 * and the end of activeSweep in mgcsweep.go.
 * Contexts: the collecting thread, or any that has swept, the world running. Locks: the traces'
 * own. No allocation. */
#include "profiles/pacertrace.h"

#include "profiles/gofloat.h"
#include "profiles/traceline.h"

#include <inttypes.h>
#include <stdio.h>

size_t
pacertrace_format_start(char *out, size_t bytes, const struct gh_pacing *p)
{
    char ratio[GOFLOAT_TEXT], fractional[GOFLOAT_TEXT];
    if (p->start_goal == 0)
        return 0;
    int n = snprintf(out, bytes,
                     "pacer: assist ratio=%s (scan %" PRIu64 " MB in %" PRIu64 "->%" PRIu64
                     " MB) workers=%d+%s\n",
                     gofloat_format(ratio, p->assist_ratio), p->scan_bytes >> 20,
                     p->start_live >> 20, p->start_goal >> 20, p->dedicated,
                     gofloat_format(fractional, p->fractional));
    return traceline_length(n, bytes);
}

size_t
pacertrace_format_end(char *out, size_t bytes, const struct gh_pacing *p)
{
    char cons_mark[GOFLOAT_TEXT];
    if (p->start_goal == 0 || p->live <= p->trigger)
        return 0;
    int n = snprintf(out, bytes,
                     "pacer: %d%% CPU (%d exp.) for %" PRIu64 "+%" PRIu64 "+%" PRIu64
                     " B work (%" PRIu64 " B exp.) in %" PRIu64 " B -> %" PRIu64
                     " B (\xe2\x88\x86goal %" PRId64 ", cons/mark %s)\n",
                     (int)(p->utilization * 100), (int)(p->goal_utilization * 100),
                     p->heap_work, p->stack_work, p->globals_work, p->expected_work, p->trigger,
                     p->live, p->goal_delta, gofloat_format(cons_mark, p->cons_mark));
    return traceline_length(n, bytes);
}

size_t
pacertrace_format_swept(char *out, size_t bytes, const struct gh_sweeping *s)
{
    char pace[GOFLOAT_TEXT];
    int n = snprintf(out, bytes,
                     "pacer: sweep done at heap size %" PRIu64 "MB; allocated %" PRIu64
                     "MB during sweep; swept %" PRIu64 " pages at %s pages/byte\n",
                     s->live >> 20, s->allocated >> 20, s->pages_swept,
                     gofloat_format(pace, s->pages_per_byte));
    return traceline_length(n, bytes);
}

static void
pacertrace_cycle(void *ctx, const struct gh_cycle *c)
{
    const struct pacertrace *p = ctx;
    char line[PACERTRACE_LINE_MAX];
    traceline_begin(p->order);
    traceline_write(p->fd, line, pacertrace_format_start(line, sizeof line, &c->pacing));
    traceline_write(p->fd, line, pacertrace_format_end(line, sizeof line, &c->pacing));
    traceline_end(p->order);
}

static void
pacertrace_swept(void *ctx, const struct gh_sweeping *s)
{
    const struct pacertrace *p = ctx;
    char line[PACERTRACE_LINE_MAX];
    size_t n = pacertrace_format_swept(line, sizeof line, s);
    traceline_put(p->order, p->fd, line, n);
}

struct gh_observer
pacertrace_observer(struct pacertrace *p)
{
    return (struct gh_observer){.ctx = p, .cycle = pacertrace_cycle, .swept = pacertrace_swept};
}
