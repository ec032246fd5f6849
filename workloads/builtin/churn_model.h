/* churn_model.h - what the table of workload `churn` must look like at the end: the same
 * operations done again on plain records, lifetimes counted by hand. */
#ifndef GH_WORKLOADS_BUILTIN_CHURN_MODEL_H
#define GH_WORKLOADS_BUILTIN_CHURN_MODEL_H

#include "workloads/api/workload.h"

/* 256 quantiles of lognormal(ln 128, 1.25), rounded up to 8, clipped to 16..4096: bytes of a
 * payload, chosen by 8 random bits. */
extern const uint16_t churn_sizes[256];

/* One operation on a table of n slots, as drawn. */
struct churn_op {
    uint64_t slot; /* gets the new node */
    uint16_t size; /* of the new node's payload */
    bool links;    /* the new node refers to what is in `from` */
    bool cuts;     /* what is in `cut` loses its reference */
    uint64_t from, cut;
};

enum { CHURN_FILL_SEED = 1, CHURN_SEED = 1000 };

GH_INLINE struct churn_op
churn_draw(uint64_t *seed, uint64_t n)
{
    uint64_t x = gh_random(seed), y = gh_random(seed);
    return (struct churn_op){
        .slot = gh_random_below(x >> 32, n),
        .size = churn_sizes[x & 255],
        .links = (x >> 8 & 3) == 0,
        .cuts = (x >> 10 & 3) == 0,
        .from = gh_random_below(y >> 32, n),
        .cut = gh_random_below(y & UINT32_MAX, n),
    };
}

/* Record 0 is no node. */
struct churn_record {
    uint64_t key;
    uint32_t next; /* number of a record; in a free record: the next free one */
    uint32_t refs; /* how many slots and records refer to this one */
    uint16_t size;
};

struct churn_model {
    uint32_t *table; /* numbers of records */
    struct churn_record *records;
    size_t capacity;      /* records there is memory for */
    uint32_t count, free; /* records ever used, 0 included; the first free one, 0 if none */
};

/* The table after the filling; NULL table if there is no memory. At most 2^31 slots. */
void churn_model_init(struct churn_model *o, uint64_t slots);
/* Thread t's operations on slots first .. end-1. */
void churn_model_run(struct churn_model *o, int t, uint64_t first, uint64_t end, uint64_t ops);
void churn_model_finish(struct churn_model *o);

#endif
