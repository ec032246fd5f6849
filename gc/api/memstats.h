/* memstats.h - Go's runtime.MemStats, field for field, with its identities:
 *   HeapSys = HeapIdle + HeapInuse        HeapReleased <= HeapIdle
 *   Sys = HeapSys + StackSys + MSpanSys + MCacheSys + BuckHashSys + GCSys + OtherSys
 *   Mallocs - Frees = live objects        Bytes throughout; times in ns. */
#ifndef GH_GC_API_MEMSTATS_H
#define GH_GC_API_MEMSTATS_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"
#include "alloc/base/error.h"

GH_EXTERN_C_BEGIN

struct gh_heap;
struct gh_mutator;

struct gh_memstats {
    uint64_t alloc, total_alloc, sys, mallocs, frees;
    uint64_t heap_alloc, heap_sys, heap_idle, heap_inuse, heap_released, heap_objects;
    uint64_t stack_inuse, stack_sys, mspan_inuse, mspan_sys, mcache_inuse, mcache_sys;
    uint64_t buck_hash_sys, gc_sys, other_sys;
    uint64_t next_gc, last_gc_unix_ns, pause_total_ns;
    uint64_t pause_ns[256], pause_end_unix_ns[256]; /* [(num_gc + 255) % 256] is the newest */
    uint32_t num_gc, num_forced_gc;
    double gc_cpu_fraction;
    struct {
        uint32_t size;
        uint64_t mallocs, frees;
    } by_size[GH_CLASSES]; /* Go exposes the first 61; [0] is empty */

    /* runtime/metrics that MemStats lacks */
    uint64_t tiny_allocs;
    uint64_t heap_live;   /* bytes marked by the last cycle + allocated since (estimate) */
    uint64_t heap_marked; /* bytes marked by the last cycle */
    uint64_t stack_scan, globals_scan, heap_scan; /* scannable bytes */
    uint64_t gc_cpu_mark_assist_ns, gc_cpu_mark_dedicated_ns, gc_cpu_mark_idle_ns;
    uint64_t gc_cpu_pause_ns, scavenge_background_ns;
    uint64_t stack_copies, stack_shrinks; /* how often stacks grew by copying, shrank */
    uint64_t trimmed;   /* bytes ever given back inside spans in use: in HeapInuse all the same,
                           and not taken off again when touched; what no field of Go's knows */
    uint64_t heap_peak; /* largest heap_live seen at a collection or now */
};

/* Fill `out`. Stops the world, as Go does: a safepoint. `m` is the caller's mutator, or NULL
 * if the calling thread is none. */
GH_API void gh_read_memstats(struct gh_heap *heap, struct gh_mutator *m,
                             struct gh_memstats *out);

/* Whether the identities above hold; the first that does not is described in `err`. */
GH_API bool gh_memstats_check(const struct gh_memstats *s, struct gh_error *err);

GH_EXTERN_C_END
#endif
