/* scavtrace.c - see scavtrace.h. Go's counterpart is printScavTrace, whose remark that its
 * controller was reset has no place here.
 * Contexts: the scavenger's thread or a mutator's. Locks: the traces' own. No allocation. */
#include "profiles/scavtrace.h"

#include "profiles/traceline.h"

#include <inttypes.h>
#include <stdio.h>

size_t
scavtrace_format(char *out, size_t bytes, const struct gh_scavenging *s)
{
    int n = snprintf(out, bytes,
                     "scav %" PRIu64 " KiB work (bg), %" PRIu64 " KiB work (eager), %" PRIu64
                     " KiB now, %" PRIu64 "%% util%s\n",
                     s->background_bytes >> 10, s->eager_bytes >> 10, s->released >> 10,
                     s->utilization_percent, s->forced ? " (forced)" : "");
    return traceline_length(n, bytes);
}

static void
scavtrace_scavenge(void *ctx, const struct gh_scavenging *s)
{
    const struct scavtrace *trace = ctx;
    char line[SCAVTRACE_LINE_MAX];
    size_t n = scavtrace_format(line, sizeof line, s);
    traceline_put(trace->order, trace->fd, line, n);
}

struct gh_observer
scavtrace_observer(struct scavtrace *s)
{
    return (struct gh_observer){.ctx = s, .scavenge = scavtrace_scavenge};
}
