/* sweep.c - workload `sweep`: what it costs to reclaim nine objects of ten and to use their
 * places again. Collectors differ in when they sweep, so the fair figure is both steps
 * together. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/builtin/objects64.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_SEED = 11, SWEEP_KEEP_ONE_IN = 10 };

struct sweep_state {
    struct objects64 objects;
    uint64_t dropped, refilled;
    int64_t reclaim_ns, refill_ns, reclaim_cpu_ns;
};

static bool
sweep_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct sweep_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "sweep: no memory");
    objects64_init(&s->objects, gh_job_heap(job), UINT64_C(1) << gh_job_int(job, "log2"));
    objects64_fill(&s->objects, job, m);
    s->dropped = objects64_drop(&s->objects, m, SWEEP_SEED, SWEEP_KEEP_ONE_IN);
    return true;
}

static bool
sweep_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct sweep_state *s = gh_job_state(job);
    bool off = strcmp(gh_job_text(job, "mode"), "nogc") == 0;
    int gogc = gh_gogc(gh_job_heap(job));
    gh_timer_begin(job);
    int64_t start = os_now_ns(), cpu = os_process_cpu_ns();
    gh_gc(m);
    int64_t reclaimed = os_now_ns();
    s->reclaim_cpu_ns = os_process_cpu_ns() - cpu;
    if (off)
        gh_set_gogc(m, GH_GOGC_OFF);
    s->refilled = objects64_fill(&s->objects, job, m);
    s->refill_ns = os_now_ns() - reclaimed;
    s->reclaim_ns = reclaimed - start;
    gh_timer_end(job);
    if (off)
        gh_set_gogc(m, gogc);
    return true;
}

static bool
sweep_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct sweep_state *s = gh_job_state(job);
    uint64_t n = s->objects.n, sum = 0, dropped = s->dropped == 0 ? 1 : s->dropped;
    for (uint64_t i = 0; i < n; i++)
        sum += s->objects.table[i]->w[0];
    gh_checksum(job, sum);
    if (sum != n * (n - 1) / 2 || s->refilled != s->dropped)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "sweep: the objects' numbers add up to %" PRIu64 ", not %" PRIu64
                            "; %" PRIu64 " dropped, %" PRIu64 " made anew",
                            sum, n * (n - 1) / 2, s->dropped, s->refilled);
    double refill = (double)s->refill_ns, both = refill + (double)s->reclaim_ns;
    gh_emit(job, "reclaim", (double)s->reclaim_ns / 1e9, "s");
    gh_emit(job, "refill", refill / 1e9, "s");
    gh_emit(job, "refill_ns_obj", refill / (double)dropped, "ns");
    gh_emit(job, "total_ns_obj", both / (double)dropped, "ns");
    gh_emit(job, "reclaim_cpu", (double)s->reclaim_cpu_ns / 1e9, "s");
    return true;
}

static void
sweep_teardown(struct gh_job *job)
{
    struct sweep_state *s = gh_job_state(job);
    if (s != NULL)
        objects64_finish(&s->objects, gh_job_heap(job));
    free(s);
}

static const char *const sweep_modes[] = {"gc", "nogc", NULL};

static const struct gh_option sweep_options[] = {
    {.name = "log2",
     .kind = GH_OPT_INT,
     .help = "2^log2 objects of 64 bytes, and a table of references",
     .value = "24",
     .min = 1,
     .max = 28},
    {.name = "mode",
     .kind = GH_OPT_CHOICE,
     .help = "gc: collector on; nogc: off while the table is refilled",
     .value = "gc",
     .choices = sweep_modes},
    {.name = NULL},
};

const struct gh_workload workload_sweep = {
    GH_WORKLOAD_HEADER,
    .name = "sweep",
    .help = "reclaim 90 % of many small objects, then fill their places again",
    .about =
        "A table of 2^log2 objects is filled, nine of ten are dropped at random (untimed). "
        "Timed: a collection (reclaim), then a new object into every empty slot (refill).\n"
        "Reported: both times, alone and together, per dropped object.",
    .options = sweep_options,
    .max_threads = 1,
    .setup = sweep_setup,
    .run = sweep_run,
    .verify = sweep_verify,
    .teardown = sweep_teardown,
};
