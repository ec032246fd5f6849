/* lock.c - ranked mutexes and conditions over pthreads (lock.h).
 *
 * Debug builds keep a stack of the locks each thread holds and throw when one is taken whose
 * rank is not above that of every lock held: two threads that take locks in rising order only
 * cannot wait for each other in a circle. Go's counterpart: lockrank.go, the staticlockranking
 * build. Contexts: any thread; not signal handlers.
 *
 * What counting costs: an acquisition and release that need not wait are 96 instructions with
 * it and 95 without (valgrind --tool=callgrind on a loop of them; gcc 12.2, glibc 2.36).
 *
 * What is not counted: how long a thread waits for the lock inside of cond_wait, which takes it
 * again where we cannot look.
 */
#include "alloc/base/lock.h"

#include "alloc/base/check.h"
#include "alloc/base/compiler.h"
#include "alloc/base/os.h"

#include <errno.h>
#include <time.h>

enum {
    LOCK_HELD_MAX = 16,
    LOCK_PAUSES = 16, /* at most, between two tries to get a lock that somebody else has */
};

static const char *const lock_rank_names[LOCK_RANKS] = {
#define LOCK_RANK(name) [LOCK_RANK_##name] = #name,
#include "alloc/base/lock_ranks.def"
#undef LOCK_RANK
};

/* atomic, relaxed: sums of what is final, and nothing is ordered by them */
static struct {
    _Atomic(uint64_t) taken, contended, slept;
    _Atomic(int64_t) wait_ns, longest_ns;
} lock_totals[LOCK_RANKS];

/* Debug builds: what this thread holds, in the order of acquisition. */
static _Thread_local struct {
    const struct lock *locks[LOCK_HELD_MAX];
    unsigned n;
} lock_held;

static void
lock_check_rank(const struct lock *l)
{
    for (unsigned i = 0; i < lock_held.n; i++) {
        const struct lock *h = lock_held.locks[i];
        CHECK(h != l, "lock_acquire: %s is held already by this thread",
              lock_rank_names[l->rank]);
        CHECK(h->rank < l->rank, "lock_acquire: %s taken while holding %s",
              lock_rank_names[l->rank], lock_rank_names[h->rank]);
    }
}

static void
lock_note_acquired(const struct lock *l)
{
    CHECK(lock_held.n < LOCK_HELD_MAX, "lock_acquire: %s: more than %d locks held",
          lock_rank_names[l->rank], LOCK_HELD_MAX);
    lock_held.locks[lock_held.n++] = l;
}

static void
lock_note_released(const struct lock *l)
{
    unsigned i = lock_held.n;
    while (i > 0 && lock_held.locks[i - 1] != l)
        i--;
    CHECK(i > 0, "lock_release: %s is not held by this thread", lock_rank_names[l->rank]);
    for (; i < lock_held.n; i++)
        lock_held.locks[i - 1] = lock_held.locks[i];
    lock_held.n--;
}

void
lock_init(struct lock *l, enum lock_rank rank)
{
    ASSERT((unsigned)rank < LOCK_RANKS, "lock_init: rank %u", (unsigned)rank);
    pthread_mutexattr_t attr;
    int e = pthread_mutexattr_init(&attr);
    CHECK(e == 0, "lock_init: %s: attributes: error %d", lock_rank_names[rank], e);
    /* Most locks are held for less time than it takes to fall asleep and be woken: spin first.
     */
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
    e = pthread_mutex_init(&l->mutex, &attr);
    CHECK(e == 0, "lock_init: %s: error %d", lock_rank_names[rank], e);
    pthread_mutexattr_destroy(&attr);
    l->rank = rank;
    l->counts = (struct lock_counts){0};
}

void
lock_finish(struct lock *l)
{
    /* so that the last holder's counts are seen; fails only if there is one still */
    if (pthread_mutex_trylock(&l->mutex) == 0) {
        lock_settle(l);
        (void)pthread_mutex_unlock(&l->mutex);
    }
    int e = pthread_mutex_destroy(&l->mutex);
    CHECK(e == 0, "lock_finish: %s: error %d (still held?)", lock_rank_names[l->rank], e);
}

/* Try again, after ever longer pauses. */
static bool
lock_spin(struct lock *l)
{
    for (int pauses = 1; pauses <= LOCK_PAUSES; pauses *= 2) {
        for (int i = 0; i < pauses; i++)
            __builtin_ia32_pause();
        if (pthread_mutex_trylock(&l->mutex) == 0)
            return true;
    }
    return false;
}

/* The first try has failed with error `e`: mostly because somebody else has it.
 * pthread_mutex_lock spins as well, before it sleeps: whether it did sleep only the kernel can
 * tell. That is not asked before it is likely. */
GH_COLD static void
lock_acquire_slow(struct lock *l, int e)
{
    uint64_t slept = 0;
    int64_t begin = os_now_ns();
    if (e == EBUSY && lock_spin(l)) {
        e = 0;
    } else if (e == EBUSY) {
        uint64_t before = os_thread_sleeps();
        e = pthread_mutex_lock(&l->mutex);
        slept = os_thread_sleeps() > before;
    }
    CHECK(e == 0, "lock_acquire: %s: error %d", lock_rank_names[l->rank], e);
    int64_t ns = os_now_ns() - begin;
    l->counts.contended++;
    l->counts.slept += slept;
    l->counts.wait_ns += ns;
    if (ns > l->counts.longest_ns)
        l->counts.longest_ns = ns;
}

void
lock_acquire(struct lock *l)
{
    if (GH_DEBUG)
        lock_check_rank(l);
    int e = pthread_mutex_trylock(&l->mutex);
    if (GH_UNLIKELY(e != 0))
        lock_acquire_slow(l, e);
    l->counts.taken++;
    if (GH_DEBUG)
        lock_note_acquired(l);
}

void
lock_release(struct lock *l)
{
    if (GH_DEBUG)
        lock_note_released(l);
    int e = pthread_mutex_unlock(&l->mutex);
    CHECK(e == 0, "lock_release: %s: error %d", lock_rank_names[l->rank], e);
}

/* --- counts --- */

void
lock_settle(struct lock *l)
{
    const struct lock_counts *c = &l->counts;
    _Atomic(int64_t) *longest = &lock_totals[l->rank].longest_ns;
    /* relaxed, all: see lock_totals */
    atomic_fetch_add_explicit(&lock_totals[l->rank].taken, c->taken, memory_order_relaxed);
    atomic_fetch_add_explicit(&lock_totals[l->rank].contended, c->contended,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&lock_totals[l->rank].slept, c->slept, memory_order_relaxed);
    atomic_fetch_add_explicit(&lock_totals[l->rank].wait_ns, c->wait_ns, memory_order_relaxed);
    int64_t old = atomic_load_explicit(longest, memory_order_relaxed);
    while (old < c->longest_ns &&
           !atomic_compare_exchange_weak_explicit(longest, &old, c->longest_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
    l->counts = (struct lock_counts){0};
}

void
lock_read_counts(enum lock_rank rank, struct lock_counts *out)
{
    ASSERT((unsigned)rank < LOCK_RANKS, "lock_read_counts: rank %u", (unsigned)rank);
    /* relaxed, all: see lock_totals */
    out->taken = atomic_load_explicit(&lock_totals[rank].taken, memory_order_relaxed);
    out->contended = atomic_load_explicit(&lock_totals[rank].contended, memory_order_relaxed);
    out->slept = atomic_load_explicit(&lock_totals[rank].slept, memory_order_relaxed);
    out->wait_ns = atomic_load_explicit(&lock_totals[rank].wait_ns, memory_order_relaxed);
    out->longest_ns = atomic_load_explicit(&lock_totals[rank].longest_ns, memory_order_relaxed);
}

const char *
lock_rank_name(enum lock_rank rank)
{
    return lock_rank_names[rank];
}

bool
lock_is_held(const struct lock *l)
{
    if (!GH_DEBUG)
        return true;
    for (unsigned i = 0; i < lock_held.n; i++) {
        if (lock_held.locks[i] == l)
            return true;
    }
    return false;
}

void
cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);
    CHECK(e == 0, "cond_init: attributes: error %d", e);
    /* deadlines must survive somebody setting the wall clock */
    e = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    CHECK(e == 0, "cond_init: clock: error %d", e);
    e = pthread_cond_init(&c->cond, &attr);
    CHECK(e == 0, "cond_init: error %d", e);
    pthread_condattr_destroy(&attr);
}

void
cond_finish(struct cond *c)
{
    int e = pthread_cond_destroy(&c->cond);
    CHECK(e == 0, "cond_finish: error %d", e);
}

/* The lock stays in the books of the thread that waits: it takes nothing else meanwhile. */
void
cond_wait(struct cond *c, struct lock *l)
{
    ASSERT(lock_is_held(l), "cond_wait: %s is not held", lock_rank_names[l->rank]);
    int e = pthread_cond_wait(&c->cond, &l->mutex);
    CHECK(e == 0, "cond_wait: %s: error %d", lock_rank_names[l->rank], e);
    l->counts.taken++;
}

bool
cond_wait_until(struct cond *c, struct lock *l, int64_t deadline_ns)
{
    enum { NS = 1000000000 };
    struct timespec at = {.tv_sec = deadline_ns / NS, .tv_nsec = deadline_ns % NS};

    ASSERT(lock_is_held(l), "cond_wait_until: %s is not held", lock_rank_names[l->rank]);
    if (deadline_ns < 0)
        at = (struct timespec){0};
    int e = pthread_cond_timedwait(&c->cond, &l->mutex, &at);
    CHECK(e == 0 || e == ETIMEDOUT, "cond_wait_until: %s: error %d", lock_rank_names[l->rank],
          e);
    l->counts.taken++;
    return e == 0;
}

void
cond_signal(struct cond *c)
{
    int e = pthread_cond_signal(&c->cond);
    CHECK(e == 0, "cond_signal: error %d", e);
}

void
cond_broadcast(struct cond *c)
{
    int e = pthread_cond_broadcast(&c->cond);
    CHECK(e == 0, "cond_broadcast: error %d", e);
}
