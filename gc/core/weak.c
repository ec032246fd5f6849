/* weak.c - weak pointers: an 8-byte indirection that the sweep clears. Go: package weak,
 * getOrAddWeakHandle and makeStrongFromWeak (mheap.go).
 *
 * The indirection is an object of the heap, without references, so that nobody who holds it
 * holds what it points to. The special of the object keeps it: whoever asks for another weak
 * pointer to the same address gets the same one.
 *
 * Note [weak to strong]. Turning a weak pointer into a strong one races with the object's
 * death. There are three times.
 *   - Not marking, the object's span unswept: marks are complete, and the object may be dead
 *     without anybody having said so. So the span is swept first, or its sweep waited for; a
 *     sweep clears the pointer before it is done with the span. While that goes on the span may
 *     be freed, and its record be another span's; but then the pointer is NULL already, so it
 *     is read again at every turn, and an address read after its span was seen swept is good.
 *   - Not marking, swept: the object lives at least until the next marking.
 *   - Marking: the reference that is made may be the only one, in a frame that was scanned
 *     before. So it is shaded.
 * From one to the next it takes a stop of the world, for which the caller has to reach a
 * safepoint. There is none between reading the pointer and shading, so that the mark phase in
 * which it is read is the one in which it is shaded, and mark termination, which stops the
 * world, finds it grey: at worst it resumes marking. Go has mutators wait here while a
 * termination is being attempted, lest they make it resume again and again.
 *
 * Contexts: a running mutator; weak_clear by whoever sweeps, under the shard's lock. */
#include "gc/core/barrier.h"
#include "gc/core/heap.h"

#include <sched.h>

struct gh_weak {
    /* atomic: cleared once, by the sweep; Note [weak to strong] */
    _Atomic(uintptr_t) ref;
    uint64_t unused; /* an object of 16 bytes: in a block of tiny ones it would live too long */
};

/* For the address of zero-size objects, of which there is one in a process. */
static struct gh_weak weak_immortal;

uintptr_t
weak_address(const struct gh_weak *w)
{
    return atomic_load_explicit(&w->ref, memory_order_relaxed);
}

void
weak_clear(struct gh_weak *w)
{
    /* relaxed: comes before the release that says that the span is swept */
    atomic_store_explicit(&w->ref, 0, memory_order_relaxed);
}

/* The weak pointer of that address, in a swept span; if there is none, `fresh` becomes it, or
 * NULL is returned if that is NULL. */
static struct gh_weak *
weak_find_or_add(struct specials *sp, struct mspan *s, uintptr_t at, struct gh_weak *fresh)
{
    struct specials_shard *shard = specials_shard_of(sp, s);
    struct gh_weak *w = fresh;
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(s, at, SPECIAL_WEAK);
    const struct special *r = specials_at(link, at, SPECIAL_WEAK);
    if (r != NULL) {
        w = r->weak;
    } else if (fresh != NULL) {
        struct special what = {.at = at, .kind = SPECIAL_WEAK, .weak = fresh};
        specials_add_locked(sp, s, link, &what, "gh_weak_make");
    }
    lock_release(&shard->lock);
    return w;
}

/* There was none yet: allocate one. Another thread may come first, and wins. */
static struct gh_weak *
weak_make_slow(struct gh_mutator *m, void *obj)
{
    struct specials *sp = &m->heap->specials;
    struct special_hold hold;
    struct object_ref o;
    specials_hold(sp, &hold, obj);
    barrier_shade(mutator_of(m), (uintptr_t)obj);
    struct gh_weak *fresh = gh_new_bytes(m, sizeof *fresh);
    atomic_store_explicit(&fresh->ref, (uintptr_t)obj, memory_order_relaxed);
    specials_locate(m, obj, "gh_weak_make", &o);
    struct gh_weak *w = weak_find_or_add(sp, o.span, (uintptr_t)obj, fresh);
    specials_release(sp, &hold);
    return w;
}

struct gh_weak *
gh_weak_make(struct gh_mutator *m, void *obj)
{
    struct object_ref o;
    if (obj == NULL)
        return NULL;
    if (!specials_locate(m, obj, "gh_weak_make", &o)) {
        /* relaxed: everybody stores the same */
        atomic_store_explicit(&weak_immortal.ref, (uintptr_t)obj, memory_order_relaxed);
        return &weak_immortal;
    }
    struct gh_weak *w = weak_find_or_add(&m->heap->specials, o.span, (uintptr_t)obj, NULL);
    if (w == NULL)
        w = weak_make_slow(m, obj);
    barrier_shade(mutator_of(m), (uintptr_t)w);
    return w;
}

void *
gh_weak_get(struct gh_mutator *m, struct gh_weak *w)
{
    struct gh_heap *heap = m->heap;
    if (w == NULL || w == &weak_immortal)
        return w == NULL ? NULL : (void *)weak_address(w);
    for (;;) {
        uintptr_t p = weak_address(w);
        if (p == 0)
            return NULL;
        struct mspan *s = pages_span_of(&heap->pages, p);
        if (s != NULL && gospace_try_sweep(&heap->space, s))
            break;
        sched_yield();
    }
    uintptr_t p = weak_address(w);
    if (p != 0)
        barrier_shade(mutator_of(m), p);
    return (void *)p;
}
