/* hist.c - see hist.h.
 *
 * A value of up to HIST_SUB_BITS + 1 bits is its own bucket. A longer one is shifted right
 * until it has that many bits; `shift` and the bits that are left give the bucket: bucket =
 * shift * HIST_SUB + (value >> shift),  value >> shift in [HIST_SUB, 2 * HIST_SUB) so that the
 * buckets of one shift follow those of the one before without a gap. */
#include "profiles/hist.h"

#include "alloc/base/bits.h"

#include <math.h>
#include <string.h>

void
hist_init(struct hist *h)
{
    memset(h, 0, sizeof *h);
}

size_t
hist_bucket(uint64_t value)
{
    unsigned len = bits_len(value);
    unsigned shift = len > HIST_SUB_BITS + 1 ? len - (HIST_SUB_BITS + 1) : 0;
    return (size_t)shift * HIST_SUB + (size_t)(value >> shift);
}

static unsigned
hist_shift(size_t i)
{
    return i < 2 * HIST_SUB ? 0 : (unsigned)(i / HIST_SUB) - 1;
}

uint64_t
hist_low(size_t i)
{
    unsigned shift = hist_shift(i);
    return (uint64_t)(i - (size_t)shift * HIST_SUB) << shift;
}

uint64_t
hist_high(size_t i)
{
    return hist_low(i) + bits_low(hist_shift(i));
}

void
hist_add(struct hist *h, uint64_t value)
{
    h->counts[hist_bucket(value)]++;
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
    if (h->count == 0)
        return 0;
    double want = ceil(q * (double)h->count);
    uint64_t rank = want < 1 ? 1 : want >= (double)h->count ? h->count : (uint64_t)want;
    uint64_t seen = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank)
            return hist_high(i) < h->max ? hist_high(i) : h->max;
    }
    return h->max;
}
