/* pacer.h - when to collect, and how hard: the controller that lets a concurrent cycle end as
 * the heap reaches its goal, at a quarter of the processors' time.
 *
 * Arithmetic only: no locks, no clock, no I/O, so that it runs in simulation as it runs in a
 * heap (pacer_sim.h). Go 1.26's counterpart is gcControllerState in mgcpacer.go; every rule is
 * in docs/design/pacer.md. What Go computes it computes too, to the byte; where Go's integers
 * would wrap, ours saturate, and no result is NaN or infinite.
 *
 * A cycle calls, with the world stopped: pacer_start_cycle when marking begins;
 * pacer_end_cycle, pacer_reset_live and pacer_commit, in this order, when it ends. In between
 * pacer_update and pacer_revise may be called by any thread. A collector that marks in a
 * stopped world calls pacer_end_stopped alone.
 *
 * Contexts: every field says who writes it. Fields that are written in a stopped world only are
 * plain, and read by threads that stop with the world; others read `goal` and `trigger`.
 *
 * What it does not do: start workers, count them, or park assists; and it is not the one that
 * limits the collector's share (limiter.h).
 *
 * Sizes and work are in bytes, times in ns. */
#ifndef GH_GC_CORE_PACER_H
#define GH_GC_CORE_PACER_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"
#include "gc/api/observer.h"

#include <stdatomic.h>

enum { PACER_CONS_MARKS = 4 };

/* Of all time the processors have, what marking in the background takes. Assists come on top,
 * and the trigger is chosen so that none are needed: it is the goal as well. */
static const double PACER_UTILIZATION = 0.25;

/* The least heap at which to collect, at GOGC=100; also the least runway of large heaps. */
static const uint64_t PACER_HEAP_MINIMUM = UINT64_C(4) << 20;

/* The least scan work of an assist: what it does too much is credit for later (Go:
 * gcOverAssistWork). */
enum { PACER_OVER_ASSIST = 64 << 10 };

/* What the memory limit has to know of the heap's pages. */
struct pacer_memory {
    uint64_t mapped_ready; /* mapped and not released to the OS, all purposes */
    uint64_t heap_free;    /* of it: in no span */
    uint64_t heap_alloc;   /* of it: objects, allocated minus freed */
};

struct pacer {
    /* written by the opener and in a stopped world only */
    int gogc;              /* percent, or negative: off */
    uint64_t memory_limit; /* GH_MEMORY_LIMIT_OFF: none */
    bool concurrent;       /* false: a cycle takes no runway, trigger = goal */

    /* world-stopped only for writing */
    bool marking;            /* between start_cycle and end_cycle */
    int procs;               /* of the current or last cycle */
    int64_t mark_start_ns;   /* when it began */
    uint64_t triggered;      /* heap_live as it began; UINT64_MAX outside of cycles */
    uint64_t heap_marked;    /* live bytes found by the last cycle */
    uint64_t last_heap_scan; /* of them scannable */
    uint64_t last_goal;      /* the goal as the last cycle ended */
    uint64_t heap_minimum;   /* least goal by GOGC */
    uint64_t percent_goal;   /* goal by GOGC; UINT64_MAX: off */
    uint64_t runway;         /* bytes that will be allocated while the next cycle marks */
    uint64_t sweep_min;      /* least goal and trigger that leaves the sweeper room; 0: none */
    double cons_mark;        /* estimate: rate of allocation over rate of marking, a CPU */
    double last_cons_marks[PACER_CONS_MARKS]; /* as measured; the newest is last */
    int dedicated;                            /* workers that do nothing but mark, this cycle */
    double fractional_goal;  /* share of each other processor's time for marking; 0: none */
    int idle_max;            /* at most so many idle processors may mark as well */
    struct gh_pacing pacing; /* of the current or last cycle */

    /* atomic, relaxed: each is a figure of its own, and what is computed from several is a
     * heuristic that the next computation mends (revise, refresh) */
    _Atomic(uint64_t) mapped_ready, heap_free, heap_alloc;
    _Atomic(uint64_t) goal, trigger;       /* as last computed: for those who need no better */
    _Atomic(double) assist_work_per_byte;  /* what allocating a byte costs in scan work */
    _Atomic(double) assist_bytes_per_work; /* its inverse, stored apart: may be a step off */

    /* atomic, relaxed: sums that many threads add to */
    GH_ALIGNED(GH_CACHELINE)
    _Atomic(uint64_t) heap_live;       /* marked by the last cycle + allocated since */
    _Atomic(uint64_t) heap_scan;       /* of it scannable, as the cycle began */
    _Atomic(uint64_t) max_stack_scan;  /* all stacks, used or not */
    _Atomic(uint64_t) last_stack_scan; /* of stacks, scanned by the last cycle */
    _Atomic(uint64_t) globals_scan;    /* registered roots */
    GH_ALIGNED(GH_CACHELINE)
    _Atomic(int64_t) heap_scan_work; /* done in this cycle, up to now */
    _Atomic(int64_t) stack_scan_work, globals_scan_work;
    _Atomic(int64_t) bg_scan_credit; /* done in the background and not yet used by assists */
    _Atomic(int64_t) assist_ns, dedicated_ns, fractional_ns, idle_ns; /* marking, this cycle */
};

/* --- pacer_goal.c: the goal, the trigger, and what they are computed from --- */

/* Begin with no heap, for a collector that stops the world (pacer_set_concurrent). `gogc` in
 * percent, negative: off; `memory_limit` in bytes, at most GH_MEMORY_LIMIT_OFF. */
void pacer_init(struct pacer *p, int gogc, uint64_t memory_limit, int procs);
/* Whether cycles run beside the mutators. World stopped. */
void pacer_set_concurrent(struct pacer *p, bool concurrent);
/* Change GOGC; the goal follows at once. Returns the old value (negative: off). World stopped.
 * While sweeping is under way pacer_commit should follow, to leave it room. */
int pacer_set_gogc(struct pacer *p, int gogc);
/* The same for the memory limit. */
uint64_t pacer_set_memory_limit(struct pacer *p, uint64_t bytes);
/* The pages have changed: recompute what depends on the memory limit. Any thread that stops
 * with the world. */
void pacer_set_memory(struct pacer *p, struct pacer_memory mem);
/* Recompute the goal by GOGC and the runway, after a cycle or a change of settings.
 * `sweep_done`: nothing is left to sweep, so that the goal has not to leave room for it. World
 * stopped. */
void pacer_commit(struct pacer *p, bool sweep_done);

/* The heap size at which the current or next cycle should be complete. At most some 8.9e18 with
 * both GOGC and the limit off. */
uint64_t pacer_heap_goal(const struct pacer *p);
/* Bytes to scan in this cycle, if it is like the last one. 0 before the first. */
int64_t pacer_work_expected(const struct pacer *p);
/* heap_live at which to start a cycle; never more than the goal. */
uint64_t pacer_trigger(const struct pacer *p);

/* --- pacer.c: a cycle --- */

/* Marking begins: how many workers, and the first assist ratio. `idle`: there was no cycle for
 * long, and the program does next to nothing: do not wake all processors. World stopped. */
void pacer_start_cycle(struct pacer *p, int64_t now_ns, int procs, bool idle);
/* Recompute the assist ratio from where heap and work stand. While marking; any thread. */
void pacer_revise(struct pacer *p);
/* Marking is over: measure cons/mark. `out`, if not NULL, gets the cycle's record. World
 * stopped. */
void pacer_end_cycle(struct pacer *p, int64_t now_ns, int procs, struct gh_pacing *out);
/* What is live is known: `bytes_marked`. After pacer_end_cycle, before pacer_commit. World
 * stopped. */
void pacer_reset_live(struct pacer *p, uint64_t bytes_marked);
/* All of a cycle that ran in a stopped world: it found `marked` live bytes, `scannable` of
 * them, scanned `stacks` and has `globals` bytes of roots. */
void pacer_end_stopped(struct pacer *p, uint64_t marked, uint64_t scannable, uint64_t stacks,
                       uint64_t globals);
/* heap_live has changed by `d_live`, what is scannable of it by `d_scan` (which counts outside
 * of marking only: a cycle's heap to scan is fixed as it begins). Revises while marking. Any
 * thread that stops with the world. */
void pacer_update(struct pacer *p, int64_t d_live, int64_t d_scan);

GH_INLINE void
pacer_add_live(struct pacer *p, size_t bytes)
{
    /* relaxed: a sum; exactness is restored at each cycle */
    atomic_fetch_add_explicit(&p->heap_live, bytes, memory_order_relaxed);
}

/* Of what was added since the last cycle, `bytes` are free again. By a running mutator,
 * or with the world stopped: so that no cycle can end in between. */
GH_INLINE void
pacer_sub_live(struct pacer *p, size_t bytes)
{
    /* relaxed: a sum */
    atomic_fetch_sub_explicit(&p->heap_live, bytes, memory_order_relaxed);
}

GH_INLINE uint64_t
pacer_live(const struct pacer *p)
{
    return atomic_load_explicit(&p->heap_live, memory_order_relaxed);
}

/* Whether `bytes` more should wait for a collection. */
GH_INLINE bool
pacer_is_due(const struct pacer *p, size_t bytes)
{
    /* relaxed: a hint, confirmed with the world stopped */
    uint64_t trigger = atomic_load_explicit(&p->trigger, memory_order_relaxed);
    return GH_UNLIKELY(pacer_live(p) + bytes > trigger);
}

#endif
