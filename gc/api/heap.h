/* heap.h - a heap: one space and one collector, opened from a config, closed at the end. An
 * explicit object, never a global. Everything else of the public interface hangs on it. */
#ifndef GH_GC_API_HEAP_H
#define GH_GC_API_HEAP_H

#include "alloc/base/error.h"
#include "alloc/base/type.h"
#include "gc/api/memstats.h"
#include "gc/api/mutator.h"
#include "gc/api/observer.h"

GH_EXTERN_C_BEGIN

#define GH_MEMORY_LIMIT_OFF ((uint64_t)INT64_MAX)

enum { GH_GOGC_OFF = -1, GH_PROCS_MAX = 1024, GH_OBSERVERS_MAX = 8 };

/* What GODEBUG asks for; see `goheap help godebug`. */
struct gh_debug {
    int gcstoptheworld; /* 1: mark in a stopped world; 2: sweep in it as well */
    bool gccheckmark;   /* mark a second time, stopped, and compare */
    bool clobberfree;   /* fill what a sweep frees with 0xdeadbeef */
    bool sbrk;          /* bump allocation from the OS, nothing is ever freed */
    bool harddecommit;  /* memory given back cannot be touched until it is used again */
    bool disablethp;    /* no transparent huge pages for the heap */
    bool invalidptr;    /* default true: a bad pointer in the heap is fatal */
};

struct gh_config {
    int gogc;              /* percent, >= 0, or GH_GOGC_OFF; default 100 */
    int procs;             /* GOMAXPROCS: 1..GH_PROCS_MAX; 0 = what the machine offers */
    uint64_t memory_limit; /* GOMEMLIMIT in bytes; default GH_MEMORY_LIMIT_OFF */
    const char *collector; /* one of gh_collectors(); NULL = default */
    const char *marker;    /* one of gh_markers(); NULL = default */
    bool verify;           /* walk and check the whole heap after every collection */
    bool madv_free;        /* release memory by MADV_FREE instead of MADV_DONTNEED */
    bool shrink_stacks;    /* default true; GODEBUG=gcshrinkstackoff=1 clears it */
    bool background;       /* default true: background sweeper, scavenger, 2-minute trigger */
    bool idle_release;     /* default true: an idle heap is collected once, and shrinks */
    struct gh_debug debug;
};

GH_API void gh_config_init(struct gh_config *c);

/* NULL and a filled `err` if the config is wrong or the OS refuses. */
GH_API struct gh_heap *gh_heap_open(const struct gh_config *c, struct gh_error *err);
/* Every mutator must have detached. */
GH_API void gh_heap_close(struct gh_heap *heap);

/* The names of the collectors, NULL-terminated. */
GH_API const char *const *gh_collectors(void);
/* The one that is at work: a debug switch may put another in the place of the configured one,
 * also "sbrk", which is not among those. */
GH_API const char *gh_collector(const struct gh_heap *heap);

/* The ways to mark: "spans" (the page of a small object is queued, and its objects are scanned
 * together) and "objects" (each for itself). NULL-terminated. */
GH_API const char *const *gh_markers(void);

/* Add an observer before the first mutator attaches; false if there are too many. */
GH_API bool gh_observe(struct gh_heap *heap, const struct gh_observer *o);

/* Describe a type. `ptr_mask` holds ceil(ptr_bytes / 64) words and must outlive the heap;
 * `name` too. The returned type lives as long as the heap. Throws on a contradictory
 * description. */
GH_API const struct gh_type *gh_type_new(struct gh_heap *heap, const char *name, size_t size,
                                         size_t ptr_bytes, const uint64_t *ptr_mask);
/* One bit of a pointer mask for types of up to 64 words: GH_PTR(struct node, left). */
#define GH_PTR(type, field) (UINT64_C(1) << (offsetof(type, field) / 8))
/* The same with the mask by value, for types of up to 64 words; ptr_bytes is derived. */
GH_API const struct gh_type *gh_type_small(struct gh_heap *heap, const char *name, size_t size,
                                           uint64_t ptr_mask);

/* Register `n` global root slots, all references or NULL; they are scanned at each collection
 * until removed by the same address. Not to be called by a thread inside gh_blocked_enter. */
GH_API void gh_roots_add(struct gh_heap *heap, void **slots, size_t n);
GH_API void gh_roots_remove(struct gh_heap *heap, void **slots);

/* runtime.GC(): a full collection, sweep included. Safepoint. */
GH_API void gh_gc(struct gh_mutator *m);
/* Wait until the cycle under way, if there is one, is over and observers have been told.
 * Safepoint. */
GH_API void gh_settle(struct gh_mutator *m);
/* debug.SetGCPercent: returns the old value; negative turns collection off. Safepoint. */
GH_API int gh_set_gogc(struct gh_mutator *m, int percent);
GH_API int gh_gogc(const struct gh_heap *heap);
/* debug.SetMemoryLimit: returns the old value, in bytes. A lower one counts at once: for the
 * next allocation that takes a span, and for the scavenger. Safepoint. */
GH_API uint64_t gh_set_memory_limit(struct gh_mutator *m, uint64_t bytes);
GH_API uint64_t gh_memory_limit(const struct gh_heap *heap);
/* False if nothing is ever collected, whoever asks (GODEBUG=sbrk=1). */
GH_API bool gh_collects(const struct gh_heap *heap);
/* debug.FreeOSMemory: collect, then return everything free to the OS, also what is free between
 * objects, as far as it is whole pages of the OS. Safepoint. */
GH_API void gh_free_os_memory(struct gh_mutator *m);

/* Walk and check the whole heap now; throws at the first contradiction. Safepoint. Returns how
 * many objects were alive; if others collect at the same time, in a cycle after that. */
GH_API size_t gh_verify(struct gh_mutator *m);

/* Monotonic ns since the heap was opened. */
GH_API int64_t gh_heap_now(const struct gh_heap *heap);

GH_EXTERN_C_END
#endif
