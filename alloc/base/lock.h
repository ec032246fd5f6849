/* lock.h - mutexes with ranks, and parking.
 *
 * Every lock has a rank (lock_ranks.def). A thread takes locks in rising rank only; debug
 * builds check it on every acquisition and throw with both names. pthread mutexes below:
 * uncontended they cost one atomic, and every sanitizer understands them.
 *
 * Note [lock counts]. Each lock counts how it was taken. The counts lie in the lock and are
 * changed by its holder only, so that they are plain: an acquisition that need not wait costs
 * one instruction for it (add to memory), in a cache line that the holder has just written. The
 * clock is read on the contended path only. Nobody keeps a list of locks; instead a lock adds
 * its counts to those of its rank when it is finished. So the totals are of locks that are no
 * more: those of a heap are complete once the heap is closed. */
#ifndef GH_ALLOC_BASE_LOCK_H
#define GH_ALLOC_BASE_LOCK_H

#include "alloc/base/config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum lock_rank {
#define LOCK_RANK(name) LOCK_RANK_##name,
#include "alloc/base/lock_ranks.def"
#undef LOCK_RANK
    LOCK_RANKS,
};

struct lock_counts {
    uint64_t taken;     /* a wait for a condition takes the lock again, and counts */
    uint64_t contended; /* of `taken`: somebody else had it at the first try */
    uint64_t slept;     /* of `contended`: the kernel put the taker to sleep */
    int64_t wait_ns;    /* from the first try to the success, all contended ones together */
    int64_t longest_ns; /* the longest of them */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;       /* immutable */
    struct lock_counts counts; /* guarded by the lock itself; Note [lock counts] */
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_finish(struct lock *l);
void lock_acquire(struct lock *l);
void lock_release(struct lock *l);
/* The holder's: add what the lock has counted to the totals of its rank now, and begin at 0
 * again. For locks that are never finished. */
void lock_settle(struct lock *l);
/* The totals of a rank over all locks of this process that were settled or finished. They are
 * exact unless one is being so at this moment. */
void lock_read_counts(enum lock_rank rank, struct lock_counts *out);
const char *lock_rank_name(enum lock_rank rank);
/* Debug builds: whether this thread holds `l`; true in release builds. For ASSERT only. */
bool lock_is_held(const struct lock *l);

/* A condition tied to one lock. */
struct cond {
    pthread_cond_t cond;
};

void cond_init(struct cond *c);
void cond_finish(struct cond *c);
void cond_wait(struct cond *c, struct lock *l);
/* Wait until `deadline_ns` on the monotonic clock at most; false when it passed. */
bool cond_wait_until(struct cond *c, struct lock *l, int64_t deadline_ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

#endif
