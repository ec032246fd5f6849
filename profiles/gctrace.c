/* gctrace.c - see gctrace.h. Go's counterpart is the end of gcMarkTermination, and
 * dumpScanStats for level 2.
 * Contexts: the collecting thread, the world running; no locks, no allocation. */
#include "profiles/gctrace.h"

#include "profiles/traceline.h"

#include <inttypes.h>
#include <stdio.h>

enum { MS_TEXT = 24 };

void
gctrace_ms(char *out, int64_t ns)
{
    uint64_t us = ns < 0 ? 0 : (uint64_t)ns / 1000;
    if (us >= 10000) {
        snprintf(out, MS_TEXT, "%" PRIu64, us / 1000);
    } else if (us >= 1000) { /* 1.0 .. 9.9 */
        snprintf(out, MS_TEXT, "%" PRIu64 ".%" PRIu64, us / 1000, us / 100 % 10);
    } else if (us >= 100) { /* 0.10 .. 0.99 */
        snprintf(out, MS_TEXT, "0.%02" PRIu64, us / 10);
    } else if (us >= 1) { /* 0.001 .. 0.099 */
        snprintf(out, MS_TEXT, "0.%03" PRIu64, us);
    } else {
        snprintf(out, MS_TEXT, "0");
    }
}

size_t
gctrace_format(char *out, size_t bytes, const struct gh_cycle *c)
{
    const int64_t times[] = {
        c->sweep_term_ns, c->mark_ns,          c->mark_term_ns, c->sweep_term_ns * c->stw_procs,
        c->assist_cpu_ns, c->dedicated_cpu_ns, c->idle_cpu_ns,  c->mark_term_ns * c->stw_procs,
    };
    char ms[sizeof times / sizeof times[0]][MS_TEXT];
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        gctrace_ms(ms[i], times[i]);

    int64_t start_ms = c->start_at / 1000000;
    int n =
        snprintf(out, bytes,
                 "gc %" PRIu32 " @%" PRId64 ".%03" PRId64 "s %d%%: %s+%s+%s ms clock, "
                 "%s+%s/%s/%s+%s ms cpu, %" PRIu64 "->%" PRIu64 "->%" PRIu64 " MB, "
                 "%" PRIu64 " MB goal, %" PRIu64 " MB stacks, %" PRIu64 " MB globals, "
                 "%d P%s\n",
                 c->number, start_ms / 1000, start_ms % 1000, (int)(c->gc_cpu_fraction * 100),
                 ms[0], ms[1], ms[2], ms[3], ms[4], ms[5], ms[6], ms[7], c->heap_at_start >> 20,
                 c->heap_at_end >> 20, c->heap_marked >> 20, c->goal >> 20, c->stack_scan >> 20,
                 c->globals_scan >> 20, c->procs, c->forced ? " (forced)" : "");
    return traceline_length(n, bytes);
}

size_t
gctrace_format_scan(char *out, size_t bytes, uint32_t object_bytes,
                    const struct gh_scan_stats *s)
{
    char what[24];
    if (object_bytes == GCTRACE_TOTAL)
        snprintf(what, sizeof what, "total");
    else if (object_bytes == 0)
        snprintf(what, sizeof what, "class L");
    else
        snprintf(what, sizeof what, "class %" PRIu32 "B", object_bytes);
    int n = snprintf(out, bytes,
                     "scan: %s %" PRIu64 "+%" PRIu64 "+%" PRIu64 "=%" PRIu64 " objs, %" PRIu64
                     "+%" PRIu64 "=%" PRIu64 " spans\n",
                     what, s->single_objects, s->sparse_objects, s->dense_objects,
                     s->single_objects + s->sparse_objects + s->dense_objects, s->sparse_spans,
                     s->dense_spans, s->sparse_spans + s->dense_spans);
    return traceline_length(n, bytes);
}

static bool
gctrace_has_scanned(const struct gh_scan_stats *s)
{
    return (s->single_objects | s->sparse_objects | s->dense_objects | s->sparse_spans |
            s->dense_spans) != 0;
}

static void
gctrace_scans(const struct gctrace *g, const struct gh_cycle *c)
{
    char line[GCTRACE_LINE_MAX];
    struct gh_scan_stats sum = {0};
    for (int i = 0; i < GH_CLASSES; i++) {
        sum.single_objects += c->scan[i].single_objects;
        sum.sparse_objects += c->scan[i].sparse_objects;
        sum.dense_objects += c->scan[i].dense_objects;
        sum.sparse_spans += c->scan[i].sparse_spans;
        sum.dense_spans += c->scan[i].dense_spans;
    }
    traceline_write(g->fd, line, gctrace_format_scan(line, sizeof line, GCTRACE_TOTAL, &sum));
    for (int i = 0; i < GH_CLASSES; i++) {
        uint32_t object_bytes = i == 0 ? 0 : g->class_bytes[i];
        if (gctrace_has_scanned(&c->scan[i]))
            traceline_write(g->fd, line,
                            gctrace_format_scan(line, sizeof line, object_bytes, &c->scan[i]));
    }
}

static void
gctrace_cycle(void *ctx, const struct gh_cycle *c)
{
    const struct gctrace *g = ctx;
    char line[GCTRACE_LINE_MAX];
    traceline_begin(g->order);
    traceline_write(g->fd, line, gctrace_format(line, sizeof line, c));
    if (g->level > 1)
        gctrace_scans(g, c);
    traceline_end(g->order);
}

struct gh_observer
gctrace_observer(struct gctrace *g)
{
    return (struct gh_observer){.ctx = g, .cycle = gctrace_cycle};
}
