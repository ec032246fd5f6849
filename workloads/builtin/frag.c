/* frag.c - workload `frag`: fragmentation, and what goes back to the OS. One object of a
 * hundred survives, at random; then everything free is released; then pages are allocated.
 * Resident memory and time of each step are the result. */
#include "workloads/builtin/builtin.h"

#include "alloc/base/os.h"
#include "workloads/builtin/objects64.h"
#include "workloads/procstat.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FRAG_SEED = 17, FRAG_KEEP_ONE_IN = 100, FRAG_PAGE_BYTES = 4096, FRAG_CHUNK = 1 << 12 };
enum { FRAG_STEPS = 4 };

struct frag_step {
    const char *time, *rss; /* names of the metrics */
    void (*work)(struct gh_job *job, struct gh_mutator *m);
};

struct frag_state {
    struct objects64 objects;
    const struct gh_type *page;
    uint64_t **pages; /* a registered root: the table of pages */
    uint64_t page_count, dropped;
    uint64_t rss_start, rss[FRAG_STEPS];
    int64_t ns[FRAG_STEPS];
};

static void
frag_fill(struct gh_job *job, struct gh_mutator *m)
{
    struct frag_state *s = gh_job_state(job);
    objects64_fill(&s->objects, job, m);
}

static void
frag_drop(struct gh_job *job, struct gh_mutator *m)
{
    struct frag_state *s = gh_job_state(job);
    s->dropped = objects64_drop(&s->objects, m, FRAG_SEED, FRAG_KEEP_ONE_IN);
    gh_gc(m);
}

static void
frag_release(struct gh_job *job, struct gh_mutator *m)
{
    (void)job;
    gh_free_os_memory(m);
}

static void
frag_pages(struct gh_job *job, struct gh_mutator *m)
{
    struct frag_state *s = gh_job_state(job);
    void *table = gh_new_array(m, s->objects.ref, s->page_count);
    gh_store(m, &s->pages, table);
    for (uint64_t i = 0; i < s->page_count; i++) {
        if (i % FRAG_CHUNK == 0 && gh_interrupted(job))
            return;
        uint64_t *p = gh_new(m, s->page);
        p[0] = i;
        gh_store(m, &s->pages[i], p);
    }
}

static const struct frag_step frag_steps[FRAG_STEPS] = {
    {"t_1fill", "rss_1fill", frag_fill},
    {"t_2drop_gc", "rss_2drop_gc", frag_drop},
    {"t_3release", "rss_3release", frag_release},
    {"t_4alloc4k", "rss_4alloc4k", frag_pages},
};

static bool
frag_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    struct frag_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "frag: no memory");
    s->page_count = (uint64_t)gh_job_int(job, "pages");
    s->page = gh_type_new(heap, "frag_page", FRAG_PAGE_BYTES, 0, NULL);
    objects64_init(&s->objects, heap, UINT64_C(1) << gh_job_int(job, "log2"));
    gh_roots_add(heap, (void **)&s->pages, 1);
    return true;
}

static bool
frag_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)err;
    struct frag_state *s = gh_job_state(job);
    s->rss_start = procstat_bytes("VmRSS");
    gh_timer_begin(job);
    for (int i = 0; i < FRAG_STEPS && !gh_interrupted(job); i++) {
        int64_t from = os_now_ns();
        frag_steps[i].work(job, m);
        s->ns[i] = os_now_ns() - from;
        s->rss[i] = procstat_bytes("VmRSS");
    }
    gh_timer_end(job);
    return true;
}

static bool
frag_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct frag_state *s = gh_job_state(job);
    uint64_t survivors = 0, sum = 0;
    for (uint64_t i = 0; i < s->page_count; i++) {
        if (s->pages[i][0] != i)
            return gh_error_set(err, GH_EXIT_FAILED, "frag: page %" PRIu64 " holds %" PRIu64, i,
                                s->pages[i][0]);
        sum += i;
    }
    for (uint64_t i = 0; i < s->objects.n; i++) {
        const struct obj64 *o = s->objects.table[i];
        survivors += o != NULL;
        sum += o != NULL ? o->w[0] : 0;
        if (o != NULL && o->w[0] != i)
            return gh_error_set(err, GH_EXIT_FAILED, "frag: object %" PRIu64 " holds %" PRIu64,
                                i, o->w[0]);
    }
    gh_checksum(job, sum);
    if (survivors + s->dropped != s->objects.n)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "frag: %" PRIu64 " objects survive, %" PRIu64 " should", survivors,
                            s->objects.n - s->dropped);
    gh_emit(job, "rss_0start", (double)s->rss_start / 0x1p20, "MiB");
    for (int i = 0; i < FRAG_STEPS; i++) {
        gh_emit(job, frag_steps[i].time, (double)s->ns[i] / 1e9, "s");
        gh_emit(job, frag_steps[i].rss, (double)s->rss[i] / 0x1p20, "MiB");
    }
    return true;
}

static void
frag_teardown(struct gh_job *job)
{
    struct frag_state *s = gh_job_state(job);
    if (s != NULL && s->page != NULL) {
        objects64_finish(&s->objects, gh_job_heap(job));
        gh_roots_remove(gh_job_heap(job), (void **)&s->pages);
    }
    free(s);
}

static const struct gh_option frag_options[] = {
    {.name = "log2",
     .kind = GH_OPT_INT,
     .help = "2^log2 objects of 64 bytes, and a table of references",
     .value = "24",
     .min = 1,
     .max = 28},
    {.name = "pages",
     .kind = GH_OPT_INT,
     .help = "4096-byte objects allocated at the end",
     .value = "131072",
     .min = 1,
     .max = 1 << 28},
    {.name = NULL},
};

const struct gh_workload workload_frag = {
    GH_WORKLOAD_HEADER,
    .name = "frag",
    .help = "fragmentation and return of memory: resident size step by step",
    .about = "1fill: 2^log2 objects of 64 bytes. 2drop_gc: 99 of 100 dropped at random, and a "
             "collection. 3release: everything free goes back to the OS. 4alloc4k: objects of "
             "4096 bytes, kept.\nReported: resident memory after and time of each step.",
    .options = frag_options,
    .max_threads = 1,
    .setup = frag_setup,
    .run = frag_run,
    .verify = frag_verify,
    .teardown = frag_teardown,
};
