/* churn_model.c - see churn_model.h. Nodes have at most one successor, so a record is freed by
 * walking down a chain while counts reach zero. Every slot refers to a node, and a quarter of
 * all nodes to another, so that twice as many records as slots are mostly enough; but chains of
 * nodes that only each other refer to may grow, which shows where slots are few. */
#include "workloads/builtin/churn_model.h"

#include <stdlib.h>

const uint16_t churn_sizes[256] = {
    16,  16,  16,  16,   16,   16,   16,   16,   16,   16,   16,   16,   16,   16,   24,   24,
    24,  24,  24,  24,   24,   24,   24,   24,   32,   32,   32,   32,   32,   32,   32,   32,
    32,  32,  32,  32,   40,   40,   40,   40,   40,   40,   40,   40,   40,   40,   48,   48,
    48,  48,  48,  48,   48,   48,   48,   48,   48,   56,   56,   56,   56,   56,   56,   56,
    56,  56,  64,  64,   64,   64,   64,   64,   64,   64,   64,   72,   72,   72,   72,   72,
    72,  72,  72,  72,   80,   80,   80,   80,   80,   80,   80,   88,   88,   88,   88,   88,
    88,  88,  88,  96,   96,   96,   96,   96,   96,   96,   104,  104,  104,  104,  104,  104,
    112, 112, 112, 112,  112,  112,  120,  120,  120,  120,  120,  128,  128,  128,  128,  128,
    128, 136, 136, 136,  136,  136,  144,  144,  144,  144,  152,  152,  152,  152,  152,  160,
    160, 160, 160, 168,  168,  168,  168,  176,  176,  176,  184,  184,  184,  184,  192,  192,
    192, 200, 200, 200,  208,  208,  208,  216,  216,  216,  224,  224,  224,  232,  232,  240,
    240, 240, 248, 248,  256,  256,  264,  264,  272,  272,  280,  280,  288,  288,  296,  296,
    304, 304, 312, 320,  320,  328,  336,  336,  344,  352,  352,  360,  368,  376,  384,  384,
    392, 400, 408, 416,  424,  432,  440,  448,  464,  472,  480,  488,  504,  512,  520,  536,
    552, 560, 576, 592,  608,  624,  640,  656,  680,  696,  720,  744,  768,  800,  824,  856,
    888, 928, 968, 1016, 1072, 1128, 1192, 1272, 1368, 1472, 1608, 1784, 2024, 2376, 2992, 4096,
};

static void
model_grow(struct churn_model *o)
{
    o->capacity *= 2;
    o->records = realloc(o->records, o->capacity * sizeof *o->records);
    CHECK(o->records != NULL, "churn_model: no memory for %zu records; use fewer --slots",
          o->capacity);
}

static uint32_t
model_new(struct churn_model *o, uint64_t key, uint16_t size)
{
    uint32_t at = o->free;
    if (at != 0)
        o->free = o->records[at].next;
    else
        at = o->count++;
    if (at == o->capacity)
        model_grow(o);
    o->records[at] = (struct churn_record){.key = key, .size = size};
    return at;
}

/* One reference to record `at` (or none: 0) goes. */
static void
model_drop(struct churn_model *o, uint32_t at)
{
    while (at != 0 && --o->records[at].refs == 0) {
        uint32_t next = o->records[at].next;
        o->records[at].next = o->free;
        o->free = at;
        at = next;
    }
}

void
churn_model_init(struct churn_model *o, uint64_t slots)
{
    *o = (struct churn_model){.capacity = 2 * slots + 2, .count = 1};
    o->table = calloc(slots, sizeof *o->table);
    o->records = calloc(o->capacity, sizeof *o->records);
    if (o->table == NULL || o->records == NULL) {
        churn_model_finish(o);
        return;
    }
    uint64_t seed = CHURN_FILL_SEED;
    for (uint64_t i = 0; i < slots; i++) {
        o->table[i] = model_new(o, i, churn_sizes[gh_random(&seed) & 255]);
        o->records[o->table[i]].refs = 1;
    }
}

void
churn_model_run(struct churn_model *o, int t, uint64_t first, uint64_t end, uint64_t ops)
{
    uint64_t seed = CHURN_SEED + (uint64_t)t;
    uint32_t *table = o->table + first;
    for (uint64_t i = 0; i < ops; i++) {
        struct churn_op op = churn_draw(&seed, end - first);
        uint32_t node = model_new(o, i, op.size);
        o->records[node].refs = 1;
        if (op.links) {
            o->records[node].next = table[op.from];
            o->records[table[op.from]].refs++;
        }
        model_drop(o, table[op.slot]);
        table[op.slot] = node;
        if (op.cuts) {
            struct churn_record *r = &o->records[table[op.cut]];
            model_drop(o, r->next);
            r->next = 0;
        }
    }
}

void
churn_model_finish(struct churn_model *o)
{
    free(o->table);
    free(o->records);
    o->table = NULL;
    o->records = NULL;
}
