/* lockstats.h - what the locks of a run have counted, in the order in which it is shown. */
#ifndef GH_PROFILES_LOCKSTATS_H
#define GH_PROFILES_LOCKSTATS_H

#include "alloc/base/lock.h"
#include "alloc/base/retry.h"

struct lockstats {
    /* those that were taken at all; who cost most waiting first, then who was taken most */
    struct lockstats_row {
        const char *rank;
        struct lock_counts counts;
    } rows[LOCK_RANKS];
    size_t n_rows;
    uint64_t retries[RETRY_LOOPS]; /* failed tries of loops without a lock */
    /* what the program allocated meanwhile, tiny objects one by one */
    uint64_t objects, bytes;
};

/* The totals of this process: of locks that are finished, so once the heap is closed. */
void lockstats_read(struct lockstats *s, uint64_t objects, uint64_t bytes);
void lockstats_sort(struct lockstats *s);

/* `n` events, for a million objects, or for a MiB; 0 if nothing was allocated. */
double lockstats_per_million(const struct lockstats *s, uint64_t n);
double lockstats_per_mib(const struct lockstats *s, uint64_t n);

#endif
