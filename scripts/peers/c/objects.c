/* objects.c - workloads sweep and frag: a table of 64-byte objects, most of which are dropped
 * at random places. By hand, dropping is freeing, in the order of the slots; objects are
 * cleared, as they come cleared from a collector. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>
#include <string.h>

enum { SWEEP_SEED = 11, SWEEP_KEEP = 10, FRAG_SEED = 17, FRAG_KEEP = 100, PAGE_BYTES = 4096 };

struct option sweep_options[] = {
    {"log2", "24", NULL, 1, 28}, {"mode", "gc", "gc nogc", 0, 0}, {.name = NULL}};
struct option frag_options[] = {
    {"log2", "24", NULL, 1, 28}, {"pages", "131072", NULL, 1, 1 << 28}, {.name = NULL}};

struct object {
    struct object *p;
    uint64_t w[7]; /* w[0] = its slot */
};

/* Global, where Boehm looks for references. */
static struct object **volatile objects;
static uint64_t **volatile pages;

/* Put a new object into every empty slot; how many. */
static uint64_t
objects_fill(uint64_t n)
{
    uint64_t made = 0;
    if (objects == NULL)
        objects = memory_table(n);
    struct object **table = objects;
    for (uint64_t i = 0; i < n; i++) {
        if (table[i] != NULL)
            continue;
        struct object *x = memory_new(sizeof *x);
        memset(x, 0, sizeof *x);
        x->w[0] = i;
        table[i] = x;
        made++;
    }
    return made;
}

/* Empty each slot but for one in `keep`; how many. */
static uint64_t
objects_drop(uint64_t n, uint64_t seed, uint64_t keep)
{
    uint64_t dropped = 0;
    struct object **table = objects;
    for (uint64_t i = 0; i < n; i++) {
        if (random_index(high(random_draw(&seed)), keep) == 0)
            continue;
        memory_free(table[i]);
        table[i] = NULL;
        dropped++;
    }
    return dropped;
}

/* The sum of the slots that objects say they are in; fails if one is wrong. */
static uint64_t
objects_sum(uint64_t n, uint64_t *survivors)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct object *x = objects[i];
        if (x != NULL && x->w[0] != i)
            fail("object %" PRIu64 " holds %" PRIu64, i, x->w[0]);
        *survivors += x != NULL;
        sum += x != NULL ? i : 0;
    }
    return sum;
}

static void
objects_free(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        memory_free(objects[i]);
    memory_free(objects);
}

/* --- sweep --- */

void
sweep_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    uint64_t n = UINT64_C(1) << option_number("log2"), dropped = 0, left = 0;
    bool off = option_is("mode", "nogc");
    objects_fill(n);
    if (!MEMORY_FREES)
        dropped = objects_drop(n, SWEEP_SEED, SWEEP_KEEP);
    stopwatch_begin(&w);
    int64_t from = now_ns(), cpu = cpu_ns();
    if (MEMORY_FREES)
        dropped = objects_drop(n, SWEEP_SEED, SWEEP_KEEP);
    memory_collect();
    int64_t reclaimed = now_ns(), reclaim_cpu = cpu_ns() - cpu;
    if (off)
        memory_pause();
    uint64_t refilled = objects_fill(n);
    int64_t end = now_ns();
    stopwatch_end(&w);
    if (off)
        memory_resume();

    uint64_t sum = objects_sum(n, &left);
    if (left != n || refilled != dropped)
        fail("%" PRIu64 " dropped, %" PRIu64 " made anew", dropped, refilled);
    double refill = (double)(end - reclaimed), both = (double)(end - from);
    double each = (double)(dropped == 0 ? 1 : dropped);
    emit_checksum(sum);
    emit("reclaim", (double)(reclaimed - from) / 1e9, "s");
    emit("refill", refill / 1e9, "s");
    emit("refill_ns_obj", refill / each, "ns");
    emit("total_ns_obj", both / each, "ns");
    emit("reclaim_cpu", (double)reclaim_cpu / 1e9, "s");
    emit_stopwatch(&w);
    if (MEMORY_FREES)
        objects_free(n);
}

/* --- frag --- */

struct frag {
    uint64_t n, pages, dropped;
};

static void
frag_fill(struct frag *s)
{
    objects_fill(s->n);
}

static void
frag_drop(struct frag *s)
{
    s->dropped = objects_drop(s->n, FRAG_SEED, FRAG_KEEP);
    memory_collect();
}

static void
frag_release(struct frag *s)
{
    (void)s;
    memory_release();
}

static void
frag_pages(struct frag *s)
{
    pages = memory_table(s->pages);
    for (uint64_t i = 0; i < s->pages; i++) {
        uint64_t *p = memory_new_zeroed(PAGE_BYTES);
        p[0] = i;
        pages[i] = p;
    }
}

static const struct {
    const char *time, *rss;
    void (*work)(struct frag *s);
} frag_steps[] = {
    {"t_1fill", "rss_1fill", frag_fill},
    {"t_2drop_gc", "rss_2drop_gc", frag_drop},
    {"t_3release", "rss_3release", frag_release},
    {"t_4alloc4k", "rss_4alloc4k", frag_pages},
};

static uint64_t
frag_sum(const struct frag *s)
{
    uint64_t survivors = 0, sum = objects_sum(s->n, &survivors);
    if (survivors + s->dropped != s->n)
        fail("%" PRIu64 " objects survive, %" PRIu64 " were dropped", survivors, s->dropped);
    for (uint64_t i = 0; i < s->pages; i++) {
        if (pages[i][0] != i || pages[i][PAGE_BYTES / 8 - 1] != 0)
            fail("page %" PRIu64 " holds %" PRIu64, i, pages[i][0]);
        sum += i;
    }
    return sum;
}

void
frag_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    struct frag s = {.n = UINT64_C(1) << option_number("log2"),
                     .pages = option_number("pages")};
    emit("rss_0start", (double)status_kib("VmRSS") / 1024, "MiB");
    stopwatch_begin(&w);
    for (size_t i = 0; i < sizeof frag_steps / sizeof frag_steps[0]; i++) {
        int64_t from = now_ns();
        frag_steps[i].work(&s);
        emit(frag_steps[i].time, (double)(now_ns() - from) / 1e9, "s");
        emit(frag_steps[i].rss, (double)status_kib("VmRSS") / 1024, "MiB");
    }
    stopwatch_end(&w);
    emit_checksum(frag_sum(&s));
    emit_stopwatch(&w);
    for (uint64_t i = 0; MEMORY_FREES && i < s.pages; i++)
        memory_free(pages[i]);
    memory_free(pages);
    if (MEMORY_FREES)
        objects_free(s.n);
}
