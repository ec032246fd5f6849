/* sbrk.c - GODEBUG=sbrk=1: memory is taken from the OS and never given back.
 *
 * For measuring what collecting costs, against a heap that does not: a cycle, whoever asks for
 * one, is nothing. So no span is ever swept, every refill takes fresh pages, and allocation is
 * a bump through them until the memory is used up. Go replaces the allocator by
 * persistentalloc; here objects keep their size classes and spans. What a collection would
 * check (verify) is not checked. Chosen by the switch in place of the configured collector,
 * hence in no table. */
#include "gc/collectors/collectors.h"

static void
sbrk_collect(struct gh_heap *heap, struct mutator *self, enum gc_trigger why)
{
    (void)heap;
    (void)self;
    (void)why;
}

const struct collector collector_sbrk = {
    .name = "sbrk",
    .collect = sbrk_collect,
};
