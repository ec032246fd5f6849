/* marker.h - parallel tri-colour marking.
 *
 * White: mark bit clear. Grey: bit set, the object in a work buffer or its page in a queue
 * (mark_ref.h). Black: bit set and scanned. An object turns grey once (the atomic OR of its
 * mark bit decides who does it), and objects without references turn black at once.
 *
 * Note [marking crew]. Worker 0 is the thread that runs the cycle. The others are parked
 * threads, woken only when there is enough to do (MARKER_WAKE objects), because waking costs
 * more than a small heap takes to mark. They join by adding themselves to `joined` unless it is
 * closed. Termination: `busy` counts workers that may hold grey objects. A worker takes from
 * the full list, and steals from another's page queue, only while counted in `busy`, and leaves
 * `busy` only with empty buffers and queues and after having found the full list empty. So when
 * busy is 0, no buffer and no queue holds anything: only busy workers produce, the last one to
 * leave saw the list empty after everything he had put there, and whoever left because his
 * pages were stolen saw the thief's claim, and so counted him. Worker 0 sees busy == 0, closes
 * `joined`, and waits until all who joined have left. Worker 0 marks with plain stores until he
 * wakes the crew: the crew's lock publishes what he wrote, and from then on all use atomic ORs.
 * Go: gcDrain, gcMarkDone.               */
#ifndef GH_GC_CORE_MARKER_H
#define GH_GC_CORE_MARKER_H

#include "alloc/spaces/go/gospace.h"
#include "gc/api/observer.h"
#include "gc/core/page_queue.h"
#include "gc/core/scan_dense.h"
#include "gc/core/workbuf.h"

enum {
    MARKER_QUEUE = 16,   /* prefetch queue: references on their way to their mark bits */
    MARKER_LOOK_UP = 16, /* pages and objects between looks at the others */
    MARKER_OBLET =
        128 * 1024, /* large objects are work for several in pieces of this many bytes */
    MARKER_PIECE = 16 * 1024, /* and scanned by one in pieces of this many */
    MARKER_WAKE = GH_TORTURE ? 16 : 4096,
};

struct marker;

/* One thread's part of the marking. Owner: that thread; worker 0's by the collector. */
struct mark_worker {
    struct marker *marker;
    struct pages *pages;
    struct workbuf *wb, *spare; /* wb is the one pushed to and popped from; NULL: not ready */
    bool shared;                /* others mark at the same time: set bits atomically */
    bool by_object;             /* queue objects, not pages */
    bool took_part;             /* in this cycle: it has something to add up */
    bool silent;                /* its owner holds locks, or does not stop with the world: do
                                 * not call marker.published */
    const uintptr_t *wanted;    /* stop early when it is UINTPTR_MAX; may be NULL */
    uint64_t scan_work;         /* bytes scanned in this cycle */
    uint64_t scan_limit;        /* marker_drain stops when scan_work is past it */
    bool stealable;             /* others may take pages from its queue */
    unsigned victim;            /* whom it looks at first to steal from */
    unsigned queued;            /* references ever queued; its remainder is the next slot */
    uintptr_t queue[MARKER_QUEUE]; /* 0 = free; entries: mark_ref.h */
    struct page_queue page_queue;
    uint64_t marked[GH_SPAN_CLASSES];      /* objects turned grey or black, by span class */
    uint64_t large_bytes[2];               /* of them large: with references, without */
    struct gh_scan_stats scan[GH_CLASSES]; /* how the scanned ones were scanned */
    int64_t busy_ns;                       /* CPU time */
    pthread_t thread;                      /* workers > 0 */
} GH_ALIGNED(GH_CACHELINE);

struct marker {
    /* immutable after open */
    struct pages *pages;
    struct gospace *space;
    unsigned nworkers;
    struct mark_worker *workers;
    struct workbuf_pool bufs;
    bool by_object;
    const struct dense_kernel *dense; /* what this processor can do */
    bool ignore_bad_pointers;         /* GODEBUG=invalidptr=0 */
    /* Called after work has been published, by whoever did it. */
    void (*published)(void *ctx);
    void *published_ctx;
    unsigned victims_max;

    /* atomic: [0, nvictims) are immutable; release: pairs with the acquire in marker_victims */
    struct mark_worker **victims; /* the stealable ones; their memory outlasts the marking */
    _Atomic(unsigned) nvictims;

    struct lock lock; /* WORKERS */
    struct cond wake;
    /* guarded by lock */
    uint64_t round; /* grows by one each time the crew is woken */
    bool closing;
    unsigned nthreads; /* started so far: on first need */

    /* atomic: see Note [marking crew] */
    _Atomic(uint32_t) joined; /* crew members that joined this round; MARKER_CLOSED */
    _Atomic(uint32_t) left;
    _Atomic(uint32_t) busy;
    /* atomic, relaxed, a hint: how many look for work, or sleep for want of it */
    _Atomic(int) hungry;
};

struct mark_result {
    uint64_t objects, bytes;
    uint64_t scan_bytes; /* of `bytes`: objects with references */
    int64_t cpu_ns;      /* CPU time of all workers */
    struct gh_scan_stats scan[GH_CLASSES];
};

bool marker_open(struct marker *k, struct pages *pages, struct gospace *space, int procs);
/* A worker that marks beside others, whose thread is the caller's business. */
void marker_init_worker(struct marker *k, struct mark_worker *w);
/* From now on others may steal from `w`, which must be `stealable`: until marker_close it holds
 * grey pages only while it is counted busy. One caller at a time. */
void marker_add_victim(struct marker *k, struct mark_worker *w);
void marker_close(struct marker *k);

/* A cycle, on the collecting thread with the world stopped: begin; marker_root for each root;
 * finish, which returns when everything reachable is black. */
void marker_begin_stw(struct marker *k);
/* A reference found in a root slot. `worker0` = &k->workers[0]. */
void marker_root(void *worker0, void **slot);
void marker_finish_stw(struct marker *k, struct mark_result *out);

/* Whether there is anything to take or to steal. A hint, but for what the caller has seen. */
bool marker_any_work(const struct marker *k);

/* --- scan.c --- */

/* Mark and scan until this worker's own queues and the common list are empty, or it has passed
 * its scan_limit, or something is wanted of it; false then. */
bool marker_drain(struct mark_worker *w);
/* Hand everything grey that this worker holds to the others. True if there was anything. */
bool marker_publish(struct mark_worker *w);
/* Get buffers, if it has none; give them back (all must be empty). */
void worker_ready(struct mark_worker *w);
void worker_finish(struct mark_worker *w);
/* Add a worker's counts to the result, and clear them for the next cycle. */
void marker_add_up(struct mark_worker *w, struct mark_result *out);
/* A reference found somewhere: on its way to being marked. */
void marker_enqueue(struct mark_worker *w, uintptr_t ref);

#endif
