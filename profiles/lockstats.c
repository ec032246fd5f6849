/* lockstats.c - see lockstats.h. */
#include "profiles/lockstats.h"

#include <stdlib.h>
#include <string.h>

static int
lockstats_compare(const void *a, const void *b)
{
    const struct lockstats_row *x = a, *y = b;
    if (x->counts.wait_ns != y->counts.wait_ns)
        return x->counts.wait_ns < y->counts.wait_ns ? 1 : -1;
    if (x->counts.taken != y->counts.taken)
        return x->counts.taken < y->counts.taken ? 1 : -1;
    return strcmp(x->rank, y->rank);
}

void
lockstats_sort(struct lockstats *s)
{
    qsort(s->rows, s->n_rows, sizeof s->rows[0], lockstats_compare);
}

void
lockstats_read(struct lockstats *s, uint64_t objects, uint64_t bytes)
{
    *s = (struct lockstats){.objects = objects, .bytes = bytes};
    for (int r = 0; r < LOCK_RANKS; r++) {
        struct lockstats_row *row = &s->rows[s->n_rows];
        row->rank = lock_rank_name((enum lock_rank)r);
        lock_read_counts((enum lock_rank)r, &row->counts);
        s->n_rows += row->counts.taken > 0;
    }
    lockstats_sort(s);
    for (int i = 0; i < RETRY_LOOPS; i++)
        s->retries[i] = retry_count((enum retry_loop)i);
}

double
lockstats_per_million(const struct lockstats *s, uint64_t n)
{
    return s->objects == 0 ? 0 : (double)n * 1e6 / (double)s->objects;
}

double
lockstats_per_mib(const struct lockstats *s, uint64_t n)
{
    return s->bytes == 0 ? 0 : (double)n * (1 << 20) / (double)s->bytes;
}
