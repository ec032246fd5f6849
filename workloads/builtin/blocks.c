/* blocks.c - see blocks.h. */
#include "workloads/builtin/blocks.h"

/* What a block consists of. */
struct block_plan {
    uint64_t words, leaves;
};

/* Of 64 blocks 48 have 2..32 words, 12 up to 512, 3 up to 4096, and one 8192..32767. */
static struct block_plan
block_plan(uint64_t id)
{
    uint64_t x = gh_random(&id), high = x >> 32;
    struct block_plan p = {.leaves = x >> 8 & 15};
    switch (x & 63) {
    case 0:
        p.words = 8192 + gh_random_below(high, 24576);
        break;
    case 1:
    case 2:
    case 3:
        p.words = 513 + gh_random_below(high, 3584);
        break;
    default:
        p.words =
            (x & 63) < 16 ? 33 + gh_random_below(high, 480) : 2 + gh_random_below(high, 31);
    }
    return p;
}

void
block_types_init(struct block_types *types, struct gh_heap *heap)
{
    types->ref = gh_type_small(heap, "block_ref", sizeof(void *), 1);
    types->leaf = gh_type_small(heap, "block_leaf", sizeof(struct block_leaf), 0);
    types->block = gh_type_small(heap, "block", sizeof(struct block),
                                 GH_PTR(struct block, next) | GH_PTR(struct block, words) |
                                     GH_PTR(struct block, leaves));
}

uint64_t
block_bytes(uint64_t id)
{
    struct block_plan p = block_plan(id);
    return sizeof(struct block) + p.words * sizeof(uint64_t) +
           p.leaves * (sizeof(void *) + sizeof(struct block_leaf));
}

struct block *
block_make(struct gh_mutator *m, const struct block_types *types, uint64_t id)
{
    struct block_plan p = block_plan(id);
    GH_FRAME(m, 2); /* the block; its leaves */
    struct block *b = gh_new(m, types->block);
    GH_SLOT(m, struct block, 0) = b;
    b->id = id;
    uint64_t *words = gh_new_bytes(m, p.words * sizeof *words);
    for (uint64_t i = 0; i < p.words; i++)
        words[i] = id ^ i;
    gh_store(m, &GH_SLOT(m, struct block, 0)->words, words);
    if (p.leaves == 0)
        return GH_SLOT(m, struct block, 0);
    struct block_leaf **leaves = gh_new_array(m, types->ref, p.leaves);
    GH_SLOT(m, struct block_leaf *, 1) = leaves;
    gh_store(m, &GH_SLOT(m, struct block, 0)->leaves, leaves);
    for (uint64_t i = 0; i < p.leaves; i++) {
        struct block_leaf *leaf = gh_new(m, types->leaf);
        leaf->id = id;
        leaf->index = i;
        gh_store(m, &GH_SLOT(m, struct block_leaf *, 1)[i], leaf);
    }
    return GH_SLOT(m, struct block, 0);
}

void
block_push(struct gh_mutator *m, const struct block_types *types, struct block **head,
           uint64_t id)
{
    struct block *b = block_make(m, types, id);
    gh_store(m, &b->next, *head);
    gh_store(m, head, b);
}

bool
block_right(const struct block *b, uint64_t id)
{
    struct block_plan p = block_plan(id);
    if (b == NULL || b->id != id || (b->leaves == NULL) != (p.leaves == 0))
        return false;
    bool right = true;
    for (uint64_t i = 0; i < p.words; i++)
        right &= b->words[i] == (id ^ i);
    for (uint64_t i = 0; i < p.leaves; i++)
        right &= b->leaves[i]->id == id && b->leaves[i]->index == i;
    return right;
}

bool
block_list_right(struct gh_mutator *m, const struct block_list *list, uint64_t *sum,
                 uint64_t *id)
{
    GH_FRAME(m, 1); /* the block being looked at */
    GH_SLOT(m, struct block, 0) = *list->head;
    for (uint64_t i = list->count; i-- > 0;) {
        *id = list->ids != NULL ? list->ids[i] : list->first + i;
        if (!block_right(GH_SLOT(m, struct block, 0), *id))
            return false;
        GH_SLOT(m, struct block, 0) = GH_SLOT(m, struct block, 0)->next;
        *sum += *id ^ block_bytes(*id);
        gh_poll(m);
    }
    return GH_SLOT(m, struct block, 0) == NULL;
}

void
block_garbage(struct gh_mutator *m, const struct block_types *types, uint64_t *id,
              uint64_t bytes)
{
    for (uint64_t used = 0; used < bytes; used += block_bytes((*id)++))
        block_make(m, types, *id);
}
