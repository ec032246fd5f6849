/* frames.c - managed stacks: frames, growth by copying, shrinking, the walk.
 *
 * Layout, addresses growing upwards:
 *
 *     lo                       fp                                    hi
 *     | free ...      | n | slot 0 .. slot n-1 | n' | slot 0 .. n'-1 |
 *                       \-- fp[-1]               \-- header of the caller's frame
 *
 * so the caller's fp is fp + n + 1, and fp == hi means that there is no frame. A stack moves
 * only in its owner's hands (a push that does not fit, a shrink after a collection). Slots that
 * hold the address of a slot of the same stack are adjusted by the move; nothing else can point
 * into a stack. Go: stack.go (copystack, shrinkstack). */
#include "gc/sched/world.h"

#include "alloc/pages/stackmem.h"

#include <string.h>

enum {
    STACK_RESERVE = 64, /* bytes kept free below the lowest frame: its header, and some air */
    STACK_POISON = 0xdb,
};

static size_t
stack_size(const struct mutator *m)
{
    return m->stack_hi - m->stack_lo;
}

/* Under the WORLD lock, so that a stop that is wanted at this moment is not overwritten. */
static void
stack_set(struct mutator *m, void *lo, size_t bytes)
{
    m->stack_lo = (uintptr_t)lo;
    m->stack_hi = (uintptr_t)lo + bytes;
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    /* torture: every push and poll takes the slow path, which moves the stack */
    m->actor.own_guard = GH_TORTURE ? UINTPTR_MAX : m->stack_lo + STACK_RESERVE;
    actor_set_guard_locked(p, &m->actor);
    lock_release(&p->lock);
}

bool
stack_init(struct mutator *m)
{
    void *lo = stackmem_alloc(m->sched->pages, &m->cache.local, GH_STACK_MIN);
    if (lo == NULL)
        return false;
    stack_set(m, lo, GH_STACK_MIN);
    m->pub.fp = (void **)m->stack_hi;
    return true;
}

void
stack_finish(struct mutator *m)
{
    stackmem_free(m->sched->pages, &m->cache.local, (void *)m->stack_lo, stack_size(m));
    m->stack_lo = m->stack_hi = 0;
}

/* Add `delta` to every slot of [fp, hi) that points into [old_lo, old_hi). */
static void
stack_adjust(void **fp, uintptr_t hi, uintptr_t old_lo, uintptr_t old_hi, uintptr_t delta)
{
    while ((uintptr_t)fp < hi) {
        size_t n = (size_t)fp[-1];
        for (size_t i = 0; i < n; i++) {
            uintptr_t v = (uintptr_t)fp[i];
            if (v >= old_lo && v < old_hi)
                fp[i] = (void *)(v + delta);
        }
        fp += n + 1;
    }
}

/* Owner: move the stack to a block of `bytes`. False if the OS refuses. */
static bool
stack_move(struct mutator *m, size_t bytes)
{
    uintptr_t old_lo = m->stack_lo, old_hi = m->stack_hi;
    size_t used = old_hi - (uintptr_t)m->pub.fp;
    size_t with_header = used == 0 ? 0 : used + sizeof(void *);
    ASSERT(with_header + STACK_RESERVE <= bytes, "stack_move: %zu bytes into %zu", used, bytes);

    void *lo = stackmem_alloc(m->sched->pages, &m->cache.local, bytes);
    if (lo == NULL)
        return false;
    stack_set(m, lo, bytes);
    m->pub.fp = (void **)(m->stack_hi - used);
    memcpy((void *)(m->stack_hi - with_header), (void *)(old_hi - with_header), with_header);
    stack_adjust(m->pub.fp, m->stack_hi, old_lo, old_hi, m->stack_hi - old_hi);
    if (GH_DEBUG)
        memset((void *)old_lo, STACK_POISON, old_hi - old_lo);
    stackmem_free(m->sched->pages, &m->cache.local, (void *)old_lo, old_hi - old_lo);
    return true;
}

static void
stack_grow(struct mutator *m, size_t need)
{
    size_t used = m->stack_hi - (uintptr_t)m->pub.fp + sizeof(void *);
    size_t bytes = stack_size(m) * 2;
    while (bytes < used + need + STACK_RESERVE)
        bytes *= 2;
    if (bytes > GH_STACK_MAX)
        gh_throw("stack overflow: the stack of mutator \"%s\" exceeds the %d-byte limit",
                 m->actor.name, GH_STACK_MAX);
    if (!stack_move(m, bytes))
        gh_throw("out of memory: cannot grow the stack of mutator \"%s\" to %zu bytes",
                 m->actor.name, bytes);
    m->stack_copies++;
}

void
gh_frame_push_slow(struct gh_mutator *pub, size_t slots)
{
    struct mutator *m = mutator_of(pub);
    mutator_safepoint(m);
    size_t need = (slots + 1) * sizeof(void *);
    if ((uintptr_t)pub->fp - need < m->stack_lo + STACK_RESERVE ||
        (uintptr_t)pub->fp < m->stack_lo + need)
        stack_grow(m, need);
    else if (GH_TORTURE && !stack_move(m, stack_size(m)))
        gh_throw("out of memory: cannot move the stack of mutator \"%s\"", m->actor.name);

    void **fp = pub->fp - (slots + 1);
    fp[-1] = (void *)slots;
    for (size_t i = 0; i < slots; i++)
        fp[i] = NULL;
    pub->fp = fp;
}

void
stack_shrink_if_wanted(struct mutator *m)
{
    if (!m->shrink_wanted)
        return;
    m->shrink_wanted = false;
    /* the stack may have been used since the scan: look again */
    size_t used = m->stack_hi - (uintptr_t)m->pub.fp;
    size_t half = stack_size(m) / 2;
    if (half >= GH_STACK_MIN && used + sizeof(void *) + STACK_RESERVE <= half / 2 &&
        stack_move(m, half))
        m->stack_shrinks++;
}

size_t
stack_scan(struct mutator *m, void (*visit)(void *ctx, void **slot), void *ctx)
{
    void **fp = m->pub.fp;
    while ((uintptr_t)fp < m->stack_hi) {
        size_t n = (size_t)fp[-1];
        CHECK(n <= (m->stack_hi - (uintptr_t)fp) / sizeof(void *),
              "stack_scan: frame of %s at %p claims %zu slots", m->actor.name, (void *)fp, n);
        for (size_t i = 0; i < n; i++) {
            uintptr_t v = (uintptr_t)fp[i];
            if (v != 0 && !(v >= m->stack_lo && v < m->stack_hi))
                visit(ctx, &fp[i]);
        }
        fp += n + 1;
    }
    CHECK((uintptr_t)fp == m->stack_hi, "stack_scan: frames of %s end at %p, not at %p",
          m->actor.name, (void *)fp, (void *)m->stack_hi);
    if (m->newborn != NULL)
        visit(ctx, &m->newborn);
    size_t used = m->stack_hi - (uintptr_t)m->pub.fp;
    m->shrink_wanted =
        m->sched->shrink_stacks && stack_size(m) > GH_STACK_MIN && used < stack_size(m) / 4;
    return used;
}
