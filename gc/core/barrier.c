/* barrier.c - see Note [hybrid barrier]. Go: mwbbuf.go, mbarrier.go.
 *
 * Contexts: owner mutator, RUNNING. None of this is a safepoint: between the store and the
 * shading nothing can intervene that looks at the mutator. */
#include "gc/core/barrier.h"

#include "alloc/spaces/go/markbits.h"
#include "gc/core/heap.h"

#include <string.h>

void
barrier_flush(struct mutator_mark *mm)
{
    unsigned n = mm->nbuffered;
    if (n == 0)
        return;
    mm->nbuffered = 0;
    worker_ready(&mm->work);
    for (unsigned i = 0; i < n; i++)
        marker_enqueue(&mm->work, mm->buffer[i]);
}

/* What a slot holds: another mutator may just have stored it, see Note [hybrid barrier], and we
 * are going to mark it, or to pass it on. acquire: as where markers read slots; pairs with
 * gh_store. */
GH_INLINE uintptr_t
load_ref(void *const *slot)
{
    return __atomic_load_n((const uintptr_t *)slot, __ATOMIC_ACQUIRE);
}

GH_INLINE void
barrier_put(struct mutator_mark *mm, uintptr_t ref)
{
    if (ref != 0)
        mm->buffer[mm->nbuffered++] = ref;
}

/* For assertions: whether the object that holds the address is marked. */
GH_UNUSED static bool
barrier_is_black(const struct gh_mutator *m, uintptr_t addr)
{
    struct object_ref o;
    return gospace_find_object(&m->heap->space, addr, &o) && markbits_is_set(o.span, o.index);
}

/* The mutator may hold any lock: wake nobody. Threads look by themselves after a while. */
GH_NOINLINE static void
barrier_flush_silently(struct mutator_mark *mm)
{
    mm->work.silent = true;
    barrier_flush(mm);
    mm->work.silent = false;
}

/* Room for two more values. */
GH_INLINE void
barrier_make_room(struct mutator_mark *mm)
{
    if (GH_UNLIKELY(mm->nbuffered > BARRIER_SLOTS - 2))
        barrier_flush_silently(mm);
}

void
gh_barrier_slow(struct gh_mutator *m, void **slot, void *value)
{
    bool deletion = m->barrier == GH_BARRIER_DELETION;
    if (deletion && (uintptr_t)slot - m->fresh < m->fresh_bytes) {
        ASSERT(barrier_is_black(m, (uintptr_t)slot), "gh_store: %p is white", (void *)slot);
        __atomic_store_n(slot, value, __ATOMIC_RELEASE); /* as in gh_store */
        return;
    }
    struct mutator_mark *mm = mutator_mark(mutator_of(m));
    barrier_make_room(mm);
    /* release: as in gh_store; acquire: as in load_ref */
    barrier_put(mm, (uintptr_t)__atomic_exchange_n(slot, value, __ATOMIC_ACQ_REL));
    if (!deletion)
        barrier_put(mm, (uintptr_t)value);
}

void
barrier_shade(struct mutator *m, uintptr_t ref)
{
    if (!m->pub.barrier)
        return;
    struct mutator_mark *mm = mutator_mark(m);
    barrier_make_room(mm);
    barrier_put(mm, ref);
}

/* The barrier for `n` slots at once: what they hold, and what they are about to hold. */
GH_NOINLINE static void
barrier_bulk(struct mutator_mark *mm, void *const *to, void *const *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        barrier_make_room(mm);
        barrier_put(mm, load_ref(&to[i]));
        if (from != NULL)
            barrier_put(mm, load_ref(&from[i]));
    }
}

/* release: see gh_store */
static void
copy_word(void **to, void *const *from)
{
    __atomic_store_n((uintptr_t *)to, load_ref(from), __ATOMIC_RELEASE);
}

void
gh_copy_refs(struct gh_mutator *m, void *to, const void *from, size_t n)
{
    void **d = to;
    void *const *s = from;
    if (GH_UNLIKELY(m->barrier))
        barrier_bulk(mutator_mark(mutator_of(m)), d, s, n);
    if ((uintptr_t)d <= (uintptr_t)s)
        for (size_t i = 0; i < n; i++)
            copy_word(&d[i], &s[i]);
    else
        for (size_t i = n; i-- > 0;)
            copy_word(&d[i], &s[i]);
}

void
gh_clear_refs(struct gh_mutator *m, void *at, size_t n)
{
    void **d = at;
    if (GH_UNLIKELY(m->barrier))
        barrier_bulk(mutator_mark(mutator_of(m)), d, NULL, n);
    for (size_t i = 0; i < n; i++)
        __atomic_store_n(&d[i], NULL, __ATOMIC_RELAXED);
}
