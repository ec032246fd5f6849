/* fast_path_probe.c - the inline paths, each in a function of its own, for
 * scripts/check-fast-path to disassemble. Not linked into anything. */
#include "gc/api/mutator.h"

void *probe_new(struct gh_mutator *m, const struct gh_type *t);
void *probe_new_tiny_8(struct gh_mutator *m);
void probe_frame_push_2(struct gh_mutator *m);
void probe_poll(struct gh_mutator *m);
void probe_store(struct gh_mutator *m, void *slot, void *value);

void *
probe_new(struct gh_mutator *m, const struct gh_type *t)
{
    return gh_new(m, t);
}

void *
probe_new_tiny_8(struct gh_mutator *m)
{
    return gh_new_tiny(m, 8);
}

void
probe_frame_push_2(struct gh_mutator *m)
{
    gh_frame_push(m, 2);
}

void
probe_poll(struct gh_mutator *m)
{
    gh_poll(m);
}

void
probe_store(struct gh_mutator *m, void *slot, void *value)
{
    gh_store(m, slot, value);
}
