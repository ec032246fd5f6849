/* lock.h - mutexes with ranks, and parking.
 *
 * Every lock has a rank (lock_ranks.def). A thread takes locks in rising rank only; debug
 * builds check it on every acquisition and throw with both names. pthread mutexes below:
 * uncontended they cost one atomic, and every sanitizer understands them. */
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

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_finish(struct lock *l);
void lock_acquire(struct lock *l);
void lock_release(struct lock *l);
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
