/* blocks.h - a list of blocks of mixed sizes: what workloads `spike` and `leak` fill memory
 * with. Everything in a block follows from its number, so that it can be checked word for word:
 *
 *   block 32 bytes -> words 16 bytes .. 256 KiB, without references
 *                  -> leaves, an array of 0..15 references to leaves of 16 bytes
 *
 * Most blocks are small; most bytes are in large ones. */
#ifndef GH_WORKLOADS_BUILTIN_BLOCKS_H
#define GH_WORKLOADS_BUILTIN_BLOCKS_H

#include "workloads/api/workload.h"

struct block_leaf {
    uint64_t id, index;
};

struct block {
    struct block *next;
    uint64_t *words;
    struct block_leaf **leaves; /* NULL if there are none */
    uint64_t id;
};

struct block_types {
    const struct gh_type *block, *leaf, *ref;
};

/* Numbers of a thread's blocks: its share of the number space; garbage comes from the upper
 * half of that. */
enum { BLOCK_THREAD_SHIFT = 40, BLOCK_GARBAGE_SHIFT = 39 };

/* A list as it should be: `count` blocks; numbers, oldest first: those in `ids`, or if that is
 * NULL from `first` on. */
struct block_list {
    struct block *const *head;
    const uint64_t *ids;
    uint64_t first, count;
};

void block_types_init(struct block_types *types, struct gh_heap *heap);

/* Bytes that block `id` asks for, all its parts together: what is live of it. */
uint64_t block_bytes(uint64_t id);

/* Make block `id`, with `next` still NULL. Safepoint. */
struct block *block_make(struct gh_mutator *m, const struct block_types *types, uint64_t id);

/* Put block `id` in front of the list at `head`, a registered root. Safepoint. */
void block_push(struct gh_mutator *m, const struct block_types *types, struct block **head,
                uint64_t id);

/* Whether it is block `id`, unharmed. No safepoint. */
bool block_right(const struct block *b, uint64_t id);

/* Whether the list is as it should be, and every block of it unharmed. *sum grows by what the
 * blocks add to the checksum; *id is the number of the one looked at last. Safepoint. */
bool block_list_right(struct gh_mutator *m, const struct block_list *list, uint64_t *sum,
                      uint64_t *id);

/* Make blocks and drop them at once, until `bytes` are used up; numbers from *id on. Safepoint.
 */
void block_garbage(struct gh_mutator *m, const struct block_types *types, uint64_t *id,
                   uint64_t bytes);

#endif
