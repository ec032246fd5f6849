/* heap.h - the inside of a heap: the parts, and who owns what.
 *
 * Parts open in the order of the struct and close in reverse (gc/collectors/open.c). */
#ifndef GH_GC_CORE_HEAP_H
#define GH_GC_CORE_HEAP_H

#include "gc/api/heap.h"
#include "gc/core/background.h"
#include "gc/core/limiter.h"
#include "gc/core/mark_phase.h"
#include "gc/core/marker.h"
#include "gc/core/pacer.h"
#include "gc/core/pools.h"
#include "gc/core/roots.h"
#include "gc/core/side_roots.h"
#include "gc/core/specials.h"
#include "gc/core/uarena.h"
#include "gc/sched/world.h"

enum gc_trigger {
    GC_TRIGGER_HEAP,
    GC_TRIGGER_TIME,
    GC_TRIGGER_TORTURE, /* whenever there is an opportunity */
    GC_TRIGGER_FORCED,
    GC_TRIGGER_VERIFY, /* forced, and checked as if the config said so */
};

/* A collector is a policy: what happens between the decision to collect and the next one. */
struct collector {
    const char *name;
    bool concurrent; /* marks beside the mutators: the pacer keeps a runway */
    /* Run a cycle on the calling thread, unless the reason has gone away since it was found
     * (GC_TRIGGER_HEAP and _TIME only). `self` is the thread's mutator or NULL. Safepoint. */
    void (*collect)(struct gh_heap *heap, struct mutator *self, enum gc_trigger why);
    /* concurrent: see mark_phase.h */
    bool (*terminate)(struct gh_heap *heap, struct actor *self);
    /* concurrent: wait until no cycle is under way. The caller is no mutator, or is blocked. */
    void (*settle)(struct gh_heap *heap);
};

/* Sums over all cycles. Written while the world is stopped. */
struct gc_totals {
    /* atomic, relaxed: also read from outside the world, as hints */
    _Atomic(uint32_t) num_gc;
    _Atomic(int64_t) last_gc_at; /* heap time */

    /* world-stopped only */
    uint32_t num_forced;
    uint64_t pause_total_ns;
    uint64_t pause_ns[256], pause_end_unix_ns[256];
    uint64_t last_gc_unix_ns;
    uint64_t mark_cpu_ns, assist_cpu_ns; /* without idle marking; assists are part of it */
    uint64_t idle_cpu_ns, pause_cpu_ns;
    uint64_t heap_peak, stack_scan, globals_scan, heap_scan, objects_marked;
};

/* The end of a sweep, which nobody is told of: it is noticed, by whoever asks after sweeping
 * some. Go: the last sweeper of activeSweep.end. */
struct sweep_watch {
    /* atomic, relaxed: a cycle's booking sets it, in a stopped world, and whoever clears it
     * reports; what is reported is ordered by the stop, and by gospace_sweep_done */
    _Atomic(bool) due;
    /* written in a stopped world only */
    uint64_t live_basis;
    double pages_per_byte;
};

/* Who runs a cycle, and who waits for one (collectors/go.c). Go: work.startSema, sweepWaiters.
 */
enum cycle_state { CYCLE_NONE, CYCLE_STARTING, CYCLE_MARKING };
struct cycles {
    struct lock lock; /* CYCLE */
    struct cond ended;
    /* guarded by lock */
    uint64_t started, done;
    /* atomic: who moves it from NONE to STARTING runs the cycle until the stop in which
     * marking begins; who is chosen to end the phase (mark_phase.h) from then on */
    _Atomic(int) state;
    _Atomic(bool) alone; /* atomic: who set it marks without worker threads; go.c */
    /* the cycle's runner */
    struct gh_cycle cycle;
    bool verify, checkmark;
};

struct gh_heap {
    /* immutable after open */
    struct gh_config config;
    int64_t opened_at_ns;
    const struct collector *collector;
    struct gh_observer observers[GH_OBSERVERS_MAX];
    int nobservers;

    struct os_account account;
    struct persistent persistent;
    struct pages pages;
    struct gospace space;
    struct sched sched;
    struct roots roots;
    struct pools pools;
    struct uarenas uarenas;
    struct side_roots side_roots;
    struct pacer pacer;
    struct limiter limiter;
    struct marker marker;
    struct specials specials;
    struct cycles cycles;
    struct background background;
    struct mark_phase mark_phase;
    struct sweep_watch sweep_watch;

    /* world-stopped only */
    struct gc_totals totals;

    /* atomic: one writer each, the mutators' tiny counts are merged when they detach */
    _Atomic(uint64_t) tiny_retired;
};

/* --- cycle.c: steps that every collector is composed from --- */

/* _stw: empty every mutator's caches: runs, spans, pages, tiny blocks. Returns what to book,
 * unless a cycle ends, which counts anew. */
struct flushed heap_flush_mutators_stw(struct gh_heap *heap);
/* Let the pacer know. By a running mutator, or with the world stopped, so that no cycle can end
 * in between. */
void heap_book_flushed(struct gh_heap *heap, struct flushed f);
/* _stw: book a finished cycle, after the pacer has set the next goal; completes `c`, whose
 * phases are known. `now`: heap time. */
void heap_book_cycle_stw(struct gh_heap *heap, struct gh_cycle *c, int64_t now);
/* _stw: live heap or trigger have changed: pace the sweep that is under way, if one is. */
void heap_pace_sweep_stw(struct gh_heap *heap);
/* If a sweep has ended and nobody has said so yet: true, and the record, which is the caller's
 * to hand to heap_report_swept. A RUNNING actor, or whoever has stopped the world: no other
 * sweep may begin meanwhile. */
bool heap_take_swept(struct gh_heap *heap, struct gh_sweeping *out);
/* Tell the observers; the world runs. */
void heap_report_swept(struct gh_heap *heap, const struct gh_sweeping *s);
/* Both. A RUNNING actor, after sweeping; holding no lock. */
void heap_watch_sweep(struct gh_heap *heap);
/* The limit is at work, and what the pages hold has changed: let the pacer know. */
void heap_refresh_memory(struct gh_heap *heap);
/* Let the limiter know how time was spent, if it has not been told for a while. Any RUNNING
 * actor. */
void heap_update_limiter(struct gh_heap *heap);
/* _stw: collecting takes all processors, from `now_ns` on (the monotonic clock); marking is
 * switched on or off. And the end of that. */
void heap_limiter_stop_stw(struct gh_heap *heap, bool marking, int64_t now_ns);
void heap_limiter_go_stw(struct gh_heap *heap);
/* Tell the observers; the world runs. */
void heap_report_cycle(struct gh_heap *heap, const struct gh_cycle *c);

/* --- memstats.c --- */
void heap_read_memstats_stw(struct gh_heap *heap, struct gh_memstats *out);

/* --- verify.c --- */

/* _stw, after marking and before sweepgen grows: trace the heap again with a simple tracer of
 * its own and compare, object by object. Throws at a difference. Returns objects reached. */
size_t verify_marks_stw(struct gh_heap *heap);
/* _stw, everything swept and flushed: spans, bits, counters, statistics. Throws. */
void verify_heap_stw(struct gh_heap *heap);

#endif
