/* cycle.c - steps shared by all collectors: flushing mutators, booking a finished cycle. */
#include "gc/core/heap.h"

#include "alloc/pages/stackmem.h"

#include <time.h>

struct flushed
heap_flush_mutators_stw(struct gh_heap *heap)
{
    struct flushed sum = {0};
    for (struct mutator *m = world_first(&heap->sched); m != NULL; m = world_next(m)) {
        struct flushed f = gospace_flush(&heap->space, &m->cache);
        sum.unused_bytes += f.unused_bytes;
        sum.scan_bytes += f.scan_bytes;
        pages_local_flush(&heap->pages, &m->cache.local);
        m->pub.tiny = 0;
        m->pub.tiny_offset = 0;
    }
    return sum;
}

void
heap_book_flushed(struct gh_heap *heap, struct flushed f)
{
    pacer_update(&heap->pacer, -(int64_t)f.unused_bytes, (int64_t)f.scan_bytes);
}

static uint64_t
cycle_unix_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* GC CPU over what the processors could have given since the heap was opened. Idle marking does
 * not count, as in Go. */
static double
cycle_cpu_fraction(const struct gh_heap *heap, int64_t now)
{
    double avail = (double)now * heap->config.procs;
    double used = (double)(heap->totals.mark_cpu_ns + heap->totals.pause_cpu_ns);
    if (avail <= 0)
        return 0;
    return used < avail ? used / avail : 1;
}

void
heap_book_cycle_stw(struct gh_heap *heap, struct gh_cycle *c, int64_t now)
{
    struct gc_totals *t = &heap->totals;
    struct pacer *p = &heap->pacer;

    c->goal = p->last_goal;
    c->next_goal = pacer_heap_goal(p);
    heap->sweep_watch.pages_per_byte = 0;
    heap->sweep_watch.live_basis = pacer_live(p);
    heap_pace_sweep_stw(heap);
    /* relaxed: see the banner */
    atomic_store_explicit(&heap->sweep_watch.due, true, memory_order_relaxed);
    pages_set_retain_goal(&heap->pages, c->next_goal, p->last_goal);
    if (c->heap_at_end > t->heap_peak)
        t->heap_peak = c->heap_at_end;
    t->stack_scan = c->stack_scan;
    t->objects_marked = c->objects_marked;
    t->globals_scan = c->globals_scan;
    t->heap_scan = c->heap_scan;
    t->num_forced += c->forced;
    /* relaxed: the world is stopped; outsiders only compare */
    c->number = atomic_fetch_add_explicit(&t->num_gc, 1, memory_order_relaxed) + 1;

    t->assist_cpu_ns += (uint64_t)c->assist_cpu_ns;
    t->mark_cpu_ns += (uint64_t)(c->assist_cpu_ns + c->dedicated_cpu_ns);
    t->idle_cpu_ns += (uint64_t)c->idle_cpu_ns;
    t->pause_cpu_ns += (uint64_t)((c->sweep_term_ns + c->mark_term_ns) * c->stw_procs);
    c->gc_cpu_fraction = cycle_cpu_fraction(heap, now);

    uint32_t slot = (c->number + 255) % 256;
    t->last_gc_unix_ns = cycle_unix_ns();
    atomic_store_explicit(&t->last_gc_at, now, memory_order_relaxed);
    t->pause_total_ns += (uint64_t)c->pause_ns;
    t->pause_ns[slot] = (uint64_t)c->pause_ns;
    t->pause_end_unix_ns[slot] = t->last_gc_unix_ns;
}

void
heap_report_cycle(struct gh_heap *heap, const struct gh_cycle *c)
{
    for (int i = 0; i < heap->nobservers; i++)
        if (heap->observers[i].cycle != NULL)
            heap->observers[i].cycle(heap->observers[i].ctx, c);
}

/* --- the end of a sweep --- */

void
heap_pace_sweep_stw(struct gh_heap *heap)
{
    uint64_t live = pacer_live(&heap->pacer);
    gospace_pace_sweep_stw(&heap->space, live, pacer_trigger(&heap->pacer));
    if (gospace_sweep_done(&heap->space))
        return; /* what was its pace remains so */
    heap->sweep_watch.live_basis = live;
    /* relaxed: just set, by us; kept because it is reset when the space runs out of spans */
    heap->sweep_watch.pages_per_byte =
        atomic_load_explicit(&heap->space.sweep_pages_per_byte, memory_order_relaxed);
}

bool
heap_take_swept(struct gh_heap *heap, struct gh_sweeping *out)
{
    struct sweep_watch *w = &heap->sweep_watch;
    /* relaxed, all: see the banner; live and pages are sums */
    if (GH_LIKELY(!atomic_load_explicit(&w->due, memory_order_relaxed)) ||
        !gospace_sweep_done(&heap->space) ||
        !atomic_exchange_explicit(&w->due, false, memory_order_relaxed))
        return false;
    uint64_t live = pacer_live(&heap->pacer);
    *out = (struct gh_sweeping){
        .live = live,
        .allocated = live > w->live_basis ? live - w->live_basis : 0,
        .pages_swept = atomic_load_explicit(&heap->space.pages_swept, memory_order_relaxed),
        .pages_per_byte = w->pages_per_byte,
    };
    return true;
}

void
heap_report_swept(struct gh_heap *heap, const struct gh_sweeping *s)
{
    for (int i = 0; i < heap->nobservers; i++)
        if (heap->observers[i].swept != NULL)
            heap->observers[i].swept(heap->observers[i].ctx, s);
}

void
heap_watch_sweep(struct gh_heap *heap)
{
    struct gh_sweeping s;
    if (heap_take_swept(heap, &s))
        heap_report_swept(heap, &s);
}
