/* start.c - workload `start`: how long it takes until a program can allocate, and what that
 * takes in memory. One object is made; whoever has started the process and looked at
 * CLOCK_MONOTONIC before knows the rest. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/procstat.h"

#include <inttypes.h>
#include <stdlib.h>

struct start_object {
    struct start_object *self;
    uint64_t one;
};

struct start_state {
    const struct gh_type *type;
    struct start_object *object; /* a registered root */
    int64_t allocated_ns;        /* on the monotonic clock */
    int64_t cpu_ns;              /* of the process until then */
    uint64_t rss_bytes;          /* then */
};

static bool
start_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct start_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "start: no memory");
    s->type = gh_type_small(gh_job_heap(job), "start_object", sizeof(struct start_object),
                            GH_PTR(struct start_object, self));
    gh_roots_add(gh_job_heap(job), (void **)&s->object, 1);
    /* here and not in `run`: before that, the harness reads counters, which takes its time */
    struct start_object *object = gh_new(m, s->type);
    object->one = 1;
    s->allocated_ns = os_now_ns();
    s->cpu_ns = os_process_cpu_ns();
    s->rss_bytes = procstat_bytes("VmRSS");
    gh_store(m, &s->object, object);
    return true;
}

static bool
start_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)job, (void)m, (void)err;
    return true;
}

static bool
start_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct start_state *s = gh_job_state(job);
    gh_checksum(job, s->object->one);
    if (s->object->self != NULL || s->object->one != 1)
        return gh_error_set(err, GH_EXIT_FAILED, "start: the object holds %" PRIu64 ", not 1",
                            s->object->one);
    gh_emit(job, "first_allocation_at", (double)s->allocated_ns, "ns");
    gh_emit(job, "first_allocation_cpu", (double)s->cpu_ns, "ns");
    gh_emit(job, "rss", (double)s->rss_bytes / 0x1p20, "MiB");
    return true;
}

static void
start_teardown(struct gh_job *job)
{
    struct start_state *s = gh_job_state(job);
    if (s != NULL)
        gh_roots_remove(gh_job_heap(job), (void **)&s->object);
    free(s);
}

const struct gh_workload workload_start = {
    GH_WORKLOAD_HEADER,
    .name = "start",
    .help = "one allocation: when it was done, and resident memory then",
    .about =
        "One object of 16 bytes is made. Its time is given on CLOCK_MONOTONIC, so that "
        "whoever starts the process can tell how long it took to get there.\n"
        "Reported: that time and the CPU time until then, in ns, and resident memory then.",
    .max_threads = 1,
    .setup = start_setup,
    .run = start_run,
    .verify = start_verify,
    .teardown = start_teardown,
};
