/* retry.h - how often loops without a lock had to try again.
 *
 * A compare-and-swap that fails says that another thread has changed the word since it was
 * read: the one sign of contention that code without locks gives. It is counted where it fails,
 * so a loop that succeeds at once pays nothing. A counter is shared, and adding to it is one
 * more fight for a cache line; but only for who has just lost one. What cannot fail (adding to
 * a shared word) is not seen here, however much the word is fought for.
 *
 * Contexts: any. Go has no counterpart. */
#ifndef GH_ALLOC_BASE_RETRY_H
#define GH_ALLOC_BASE_RETRY_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"

#include <stdatomic.h>
#include <stdint.h>

enum retry_loop {
#define RETRY_LOOP(name) RETRY_##name,
#include "alloc/base/retry_loops.def"
#undef RETRY_LOOP
    RETRY_LOOPS,
};

struct retry_counter {
    /* atomic, relaxed: a sum */
    GH_ALIGNED(GH_CACHELINE) _Atomic(uint64_t) failed;
};

/* Of all heaps of the process. */
extern struct retry_counter retry_counters[RETRY_LOOPS];

/* A try has failed. Inline, because a call would cost the loop registers. */
GH_INLINE void
retry_note(enum retry_loop loop)
{
    atomic_fetch_add_explicit(&retry_counters[loop].failed, 1, memory_order_relaxed);
}

uint64_t retry_count(enum retry_loop loop);
const char *retry_loop_name(enum retry_loop loop);

#endif
