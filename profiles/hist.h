/* hist.h - a log-linear histogram of durations, or of anything else counted in whole units.
 *
 * 128 buckets a power of two: values below 256 are exact, all others are off by at most
 * 1/128 = 0.8 %. Two histograms are merged by adding their counts. The largest value is kept
 * exactly. Not locked: the owner guards it. Go's counterpart (timeHistogram) has 4 buckets a
 * power of two. */
#ifndef GH_PROFILES_HIST_H
#define GH_PROFILES_HIST_H

#include <stddef.h>
#include <stdint.h>

enum {
    HIST_SUB_BITS = 7,
    HIST_SUB = 1 << HIST_SUB_BITS,
    HIST_BUCKETS = (64 - HIST_SUB_BITS + 1) * HIST_SUB,
};

struct hist {
    uint64_t count;
    uint64_t sum; /* of the values themselves, not of the buckets */
    uint64_t max; /* 0 while count is 0 */
    uint64_t counts[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_add(struct hist *h, uint64_t value);

/* The smallest value that at least the fraction `q` (0..1) of all values do not exceed, rounded
 * up to the end of its bucket and never above the maximum. 0 for an empty histogram. */
uint64_t hist_quantile(const struct hist *h, double q);

/* Bucket `i` holds the values hist_low(i) .. hist_high(i), both included. */
size_t hist_bucket(uint64_t value);
uint64_t hist_low(size_t i);
uint64_t hist_high(size_t i);

#endif
