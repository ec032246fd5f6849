/* objects64.c - see objects64.h. */
#include "workloads/builtin/objects64.h"

enum { OBJECTS64_CHUNK = 1 << 16 }; /* between looks at the world outside */

void
objects64_init(struct objects64 *o, struct gh_heap *heap, uint64_t n)
{
    o->type = gh_type_small(heap, "obj64", sizeof(struct obj64), GH_PTR(struct obj64, p));
    o->ref = gh_type_small(heap, "obj64_ref", sizeof(void *), 1);
    o->n = n;
    o->table = NULL;
    gh_roots_add(heap, (void **)&o->table, 1);
}

void
objects64_finish(struct objects64 *o, struct gh_heap *heap)
{
    if (o->type != NULL)
        gh_roots_remove(heap, (void **)&o->table);
}

uint64_t
objects64_fill(struct objects64 *o, struct gh_job *job, struct gh_mutator *m)
{
    uint64_t made = 0;
    if (o->table == NULL) {
        void *table = gh_new_array(m, o->ref, o->n);
        gh_store(m, &o->table, table);
    }
    for (uint64_t i = 0; i < o->n; i++) {
        if (i % OBJECTS64_CHUNK == 0) {
            gh_progress(job, i, o->n);
            gh_poll(m);
            if (gh_interrupted(job))
                break;
        }
        if (o->table[i] != NULL)
            continue;
        struct obj64 *x = gh_new(m, o->type);
        x->w[0] = i;
        gh_store(m, &o->table[i], x);
        made++;
    }
    return made;
}

uint64_t
objects64_drop(struct objects64 *o, struct gh_mutator *m, uint64_t seed, uint64_t one_in)
{
    uint64_t dropped = 0;
    for (uint64_t i = 0; i < o->n; i++) {
        if (i % OBJECTS64_CHUNK == 0)
            gh_poll(m);
        if (gh_random_below(gh_random(&seed) >> 32, one_in) == 0)
            continue;
        gh_store(m, &o->table[i], NULL);
        dropped++;
    }
    return dropped;
}
