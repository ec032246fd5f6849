/* procs.c - see procs.h. Everything under the WORLD lock, by the actor's own thread unless said
 * otherwise. */
#include "gc/sched/procs.h"

#include "alloc/base/os.h"
#include "alloc/base/os_procs.h"

void
procs_init(struct procs *p, int nprocs)
{
    *p = (struct procs){.spin = os_procs() > 1};
    atomic_init(&p->nfree, nprocs);
    lock_init(&p->lock, LOCK_RANK_WORLD);
    cond_init(&p->changed);
}

void
procs_finish(struct procs *p)
{
    cond_finish(&p->changed);
    lock_finish(&p->lock);
}

/* Before nfree changes. */
static void
procs_book_idle_locked(struct procs *p, int64_t now_ns)
{
    int nfree = atomic_load_explicit(&p->nfree, memory_order_relaxed);
    if (nfree > 0 && p->idle_at_ns != 0 && now_ns > p->idle_at_ns)
        p->idle_ns += nfree * (now_ns - p->idle_at_ns);
    p->idle_at_ns = now_ns;
}

int64_t
procs_take_idle_ns_locked(struct procs *p, int64_t now_ns)
{
    procs_book_idle_locked(p, now_ns);
    int64_t idle = p->idle_ns;
    p->idle_ns = 0;
    return idle;
}

/* relaxed, both: written under the lock; see procs.h for the readers without */
static void
actor_set_state(struct actor *a, enum actor_state state)
{
    atomic_store_explicit(&a->state, (uint8_t)state, memory_order_relaxed);
}

static void
procs_add(_Atomic(int) *counter, int n)
{
    int old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

void
actor_set_guard_locked(struct procs *p, struct actor *a)
{
    bool wanted = procs_stop_wanted(p) || a->requests != 0 || a->yield_wanted;
    /* relaxed: the word carries no data; see world.h */
    __atomic_store_n(a->guard, wanted ? UINTPTR_MAX : a->own_guard, __ATOMIC_RELAXED);
}

void
procs_wait_for_start_locked(struct procs *p)
{
    while (procs_stop_wanted(p))
        cond_wait(&p->changed, &p->lock);
}

void
actor_add_locked(struct procs *p, struct actor *a, enum actor_kind kind, uintptr_t *guard)
{
    a->kind = kind;
    a->is_mutator = kind == ACTOR_MUTATOR;
    a->guard = guard;
    cond_init(&a->wake);
    actor_set_state(a, ACTOR_BLOCKED);
    a->prev = NULL;
    a->next = p->actors;
    if (a->next != NULL)
        a->next->prev = a;
    p->actors = a;
}

void
actor_remove_locked(struct procs *p, struct actor *a)
{
    CHECK(actor_state(a) == ACTOR_BLOCKED, "actor_remove: %s is in state %d", a->name,
          (int)actor_state(a));
    while (a->held)
        cond_wait(&p->changed, &p->lock);
    if (a->prev != NULL)
        a->prev->next = a->next;
    else
        p->actors = a->next;
    if (a->next != NULL)
        a->next->prev = a->prev;
    cond_finish(&a->wake);
}

/* --- preemption --- */

static void
actor_preempt_locked(struct procs *p, struct actor *a)
{
    a->yield_wanted = true;
    actor_set_guard_locked(p, a);
}

/* The actor of `kind` that has run longest and is not about to yield. */
static struct actor *
procs_longest_running_locked(const struct procs *p, enum actor_kind kind)
{
    struct actor *found = NULL;
    for (struct actor *a = p->actors; a != NULL; a = a->next)
        if (a->kind == kind && actor_state(a) == ACTOR_RUNNING && !a->yield_wanted &&
            (found == NULL || a->since_ns < found->since_ns))
            found = a;
    return found;
}

/* Nobody's processor is free, and `a` wants one: see procs.h for who has to give way. */
static void
procs_make_room_locked(struct procs *p, const struct actor *a, bool waited)
{
    struct actor *victim = procs_longest_running_locked(p, ACTOR_IDLE);
    if (victim == NULL && (waited || a->kind == ACTOR_DEDICATED))
        victim = procs_longest_running_locked(p, ACTOR_MUTATOR);
    if (victim != NULL)
        actor_preempt_locked(p, victim);
}

/* --- the queue --- */

static void
procs_enqueue_locked(struct procs *p, struct actor *a)
{
    /* who is stopped has a claim to what he had: a stop is no reason to change places */
    bool keeps = procs_stop_wanted(p) && actor_state(a) == ACTOR_WAITING && !a->yield_wanted;
    actor_set_state(a, ACTOR_WAITING);
    a->queued = NULL;
    if (p->first == NULL) {
        p->first = p->last = a;
    } else if (a->kind == ACTOR_DEDICATED || keeps) {
        a->queued = p->first;
        p->first = a;
    } else {
        p->last->queued = a;
        p->last = a;
    }
}

/* Take the first actor that may run off the queue. */
static struct actor *
procs_dequeue_locked(struct procs *p)
{
    struct actor *before = NULL, *a = p->first;
    while (a != NULL && a->held) {
        before = a;
        a = a->queued;
    }
    if (a == NULL)
        return NULL;
    if (before == NULL)
        p->first = a->queued;
    else
        before->queued = a->queued;
    if (p->last == a)
        p->last = before;
    return a;
}

static void
actor_run_locked(struct procs *p, struct actor *a)
{
    a->since_ns = os_now_ns();
    procs_book_idle_locked(p, a->since_ns);
    procs_add(&p->nfree, -1);
    procs_add(&p->running, 1);
    a->yield_wanted = false;
    actor_set_state(a, ACTOR_RUNNING);
    actor_set_guard_locked(p, a);
}

void
procs_dispatch_locked(struct procs *p)
{
    ASSERT(lock_is_held(&p->lock), "procs_dispatch: lock not held");
    while (!procs_stop_wanted(p) && procs_any_free(p)) {
        struct actor *a = procs_dequeue_locked(p);
        if (a == NULL)
            return;
        actor_run_locked(p, a);
        cond_signal(&a->wake);
    }
}

/* The world stands still for microseconds: sleeping would take longer than waiting. */
static void
actor_spin(struct procs *p, const struct actor *a)
{
    lock_release(&p->lock);
    int64_t until = os_now_ns() + PROCS_SPIN_NS;
    unsigned spins = 0;
    while (actor_state(a) != ACTOR_RUNNING && os_now_ns() < until)
        procs_relax(&spins);
    lock_acquire(&p->lock);
}

void
actor_enter_locked(struct procs *p, struct actor *a)
{
    procs_enqueue_locked(p, a);
    procs_dispatch_locked(p);
    if (actor_state(a) == ACTOR_RUNNING)
        return;
    if (procs_stop_wanted(p) && p->spin)
        actor_spin(p, a);
    if (actor_state(a) != ACTOR_RUNNING && !procs_any_free(p))
        procs_make_room_locked(p, a, false);
    while (actor_state(a) != ACTOR_RUNNING)
        if (!cond_wait_until(&a->wake, &p->lock, os_now_ns() + PROCS_SLICE_NS) &&
            actor_state(a) != ACTOR_RUNNING && p->first == a && !procs_stop_wanted(p))
            procs_make_room_locked(p, a, true);
}

bool
actor_try_enter_locked(struct procs *p, struct actor *a)
{
    if (procs_stop_wanted(p) || !procs_any_free(p) || p->first != NULL || a->held)
        return false;
    actor_run_locked(p, a);
    return true;
}

void
actor_leave_locked(struct procs *p, struct actor *a, enum actor_state state)
{
    ASSERT(lock_is_held(&p->lock), "actor_leave: lock not held");
    ASSERT(actor_state(a) == ACTOR_RUNNING, "actor_leave: %s is in state %d", a->name,
           (int)actor_state(a));
    procs_book_idle_locked(p, os_now_ns());
    procs_add(&p->running, -1);
    procs_add(&p->nfree, 1);
    actor_set_state(a, state);
    if (procs_stop_wanted(p))
        cond_broadcast(&p->changed); /* the stopper may be waiting for us */
    else
        procs_dispatch_locked(p);
}
