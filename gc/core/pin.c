/* pin.c - pinned objects are roots, and stay where they are. Go: Pinner (pinner.go).
 *
 * This heap moves nothing, so a pin is a root with a count. Go keeps two bits an object and a
 * counter for those pinned more than once, because pins are frequent at its border to C; here
 * they are a special like the others, found by a walk of the span's list.
 *
 * Contexts: a running mutator. Locks: the shard's. */
#include "gc/core/barrier.h"
#include "gc/core/heap.h"

void
gh_pin(struct gh_mutator *m, void *obj)
{
    struct specials *sp = &m->heap->specials;
    struct object_ref o;
    if (!specials_locate(m, obj, "gh_pin", &o))
        return;
    struct specials_shard *shard = specials_shard_of(sp, o.span);
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(o.span, o.base, SPECIAL_PIN);
    struct special *r = specials_at(link, o.base, SPECIAL_PIN);
    if (r == NULL) {
        struct special what = {.at = o.base, .kind = SPECIAL_PIN};
        r = specials_add_locked(sp, o.span, link, &what, "gh_pin");
        shard->pinned++;
    }
    r->pins++;
    lock_release(&shard->lock);
    barrier_shade(mutator_of(m), o.base);
}

void
gh_unpin(struct gh_mutator *m, void *obj)
{
    struct specials *sp = &m->heap->specials;
    struct object_ref o;
    if (!specials_locate(m, obj, "gh_unpin", &o))
        return;
    struct specials_shard *shard = specials_shard_of(sp, o.span);
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(o.span, o.base, SPECIAL_PIN);
    struct special *r = specials_at(link, o.base, SPECIAL_PIN);
    CHECK(r != NULL, "gh_unpin: object %p is not pinned", obj);
    if (--r->pins == 0) {
        specials_free_locked(sp, specials_unlink_locked(sp, o.span, link));
        shard->pinned--;
    }
    lock_release(&shard->lock);
    /* the caller may store it into a frame that was scanned before */
    barrier_shade(mutator_of(m), o.base);
}

uint64_t
gh_pin_count(struct gh_mutator *m, void *obj)
{
    struct specials *sp = &m->heap->specials;
    struct object_ref o;
    if (!specials_locate(m, obj, "gh_pin_count", &o))
        return 0;
    struct specials_shard *shard = specials_shard_of(sp, o.span);
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(o.span, o.base, SPECIAL_PIN);
    const struct special *r = specials_at(link, o.base, SPECIAL_PIN);
    uint64_t pins = r == NULL ? 0 : r->pins;
    lock_release(&shard->lock);
    return pins;
}

static void
pins_first(void *ctx, struct mspan *s, struct special *r)
{
    const struct special **found = ctx;
    (void)s;
    if (r->kind == SPECIAL_PIN && *found == NULL)
        *found = r;
}

void
pins_check_closed(struct specials *sp)
{
    uint64_t pinned = 0;
    for (unsigned i = 0; i < SPECIALS_SHARDS; i++)
        pinned += sp->shards[i].pinned;
    if (pinned == 0)
        return;
    const struct special *r = NULL;
    specials_walk(sp, pins_first, &r);
    gh_throw("gh_heap_close: %lu objects are still pinned, for example %p, %lu times; every "
             "gh_pin needs a gh_unpin",
             pinned, r == NULL ? NULL : (void *)r->at, r == NULL ? 0 : r->pins);
}
