/* world.c - attach and detach, safepoints, stop and start of the world.
 * See Note [stopping the world] in world.h. Go: proc.go (stopTheWorld, entersyscall). */
#include "gc/sched/world.h"

#include <stdio.h>

/* A second at a time, so that one in which the process itself was suspended counts once. */
static const int64_t STOP_WAIT_NS = INT64_C(1000) * 1000 * 1000;
enum { STOP_WAITS = 10 };

void
sched_open(struct sched *s, struct gh_heap *heap, struct gospace *space, struct pages *pages)
{
    *s = (struct sched){.heap = heap, .space = space, .pages = pages};
    lock_init(&s->lock, LOCK_RANK_WORLD);
    cond_init(&s->everybody_stopped);
    cond_init(&s->world_started);
    fixalloc_init(&s->records, pages->account, sizeof(struct mutator), OS_MCACHE);
}

void
sched_close(struct sched *s)
{
    CHECK(s->nmutators == 0, "gh_heap_close: %u mutators are still attached, first %s",
          s->nmutators, s->mutators->name);
    fixalloc_finish(&s->records);
    cond_finish(&s->world_started);
    cond_finish(&s->everybody_stopped);
    lock_finish(&s->lock);
}

bool
world_stop_wanted(const struct sched *s)
{
    /* relaxed: a hint; who acts on it takes the lock */
    return atomic_load_explicit(&s->stop_wanted, memory_order_relaxed);
}

/* The guard word is the only channel to a running mutator: relaxed, since it carries no data.
 */
static void
world_set_guard(struct mutator *m, uintptr_t guard)
{
    __atomic_store_n(&m->pub.stack_guard, guard, __ATOMIC_RELAXED);
}

/* Leave RUNNING for `state`. */
static void
world_leave_locked(struct sched *s, struct mutator *m, enum mutator_state state)
{
    ASSERT(lock_is_held(&s->lock), "world_leave_locked: lock not held");
    ASSERT(m->state == MUTATOR_RUNNING, "world_leave_locked: %s is in state %d", m->name,
           (int)m->state);
    m->state = state;
    if (--s->running == 0)
        cond_signal(&s->everybody_stopped);
}

static void
world_wait_until_it_runs_locked(struct sched *s)
{
    while (world_stop_wanted(s))
        cond_wait(&s->world_started, &s->lock);
}

/* Wait for the world to run, and run. */
static void
world_enter_locked(struct sched *s, struct mutator *m)
{
    world_wait_until_it_runs_locked(s);
    m->state = MUTATOR_RUNNING;
    s->running++;
    world_set_guard(m, stack_own_guard(m));
}

GH_COLD static void
world_report_stuck_locked(struct sched *s)
{
    for (struct mutator *m = s->mutators; m != NULL; m = m->next)
        if (m->state == MUTATOR_RUNNING)
            gh_throw(
                "world_stop: mutator \"%s\" has not reached a safepoint for 10 s (%u running);"
                " its loop needs a gh_poll, its wait a gh_blocked_enter",
                m->name, s->running);
    gh_throw("world_stop: %u mutators running, none found", s->running);
}

int64_t
world_stop(struct sched *s, struct mutator *self)
{
    lock_acquire(&s->lock);
    if (self != NULL)
        world_leave_locked(s, self, MUTATOR_STOPPED);
    world_wait_until_it_runs_locked(s);
    int64_t begin = os_now_ns();
    /* relaxed: see world_stop_wanted */
    atomic_store_explicit(&s->stop_wanted, true, memory_order_relaxed);
    for (struct mutator *m = s->mutators; m != NULL; m = m->next)
        world_set_guard(m, UINTPTR_MAX);
    for (int late = 0; s->running > 0;)
        if (!cond_wait_until(&s->everybody_stopped, &s->lock, os_now_ns() + STOP_WAIT_NS) &&
            s->running > 0 && ++late == STOP_WAITS)
            world_report_stuck_locked(s);
    lock_release(&s->lock);
    return os_now_ns() - begin;
}

void
world_start(struct sched *s, struct mutator *self)
{
    lock_acquire(&s->lock);
    ASSERT(world_stop_wanted(s), "world_start: the world is not stopped");
    /* relaxed: see world_stop_wanted */
    atomic_store_explicit(&s->stop_wanted, false, memory_order_relaxed);
    for (struct mutator *m = s->mutators; m != NULL; m = m->next)
        world_set_guard(m, stack_own_guard(m));
    cond_broadcast(&s->world_started);
    if (self != NULL)
        world_enter_locked(s, self);
    lock_release(&s->lock);
    if (self != NULL)
        stack_shrink_if_wanted(self);
}

void
mutator_safepoint(struct mutator *m)
{
    struct sched *s = m->sched;
    if (!world_stop_wanted(s))
        return;
    lock_acquire(&s->lock);
    if (world_stop_wanted(s)) {
        world_leave_locked(s, m, MUTATOR_STOPPED);
        world_enter_locked(s, m);
    }
    lock_release(&s->lock);
    stack_shrink_if_wanted(m);
}

void
gh_safepoint_slow(struct gh_mutator *m)
{
    mutator_safepoint(mutator_of(m));
}

void
gh_blocked_enter(struct gh_mutator *pub)
{
    struct mutator *m = mutator_of(pub);
    lock_acquire(&m->sched->lock);
    world_leave_locked(m->sched, m, MUTATOR_BLOCKED);
    lock_release(&m->sched->lock);
}

void
gh_blocked_exit(struct gh_mutator *pub)
{
    struct mutator *m = mutator_of(pub);
    lock_acquire(&m->sched->lock);
    ASSERT(m->state == MUTATOR_BLOCKED, "gh_blocked_exit: %s is not blocked", m->name);
    world_enter_locked(m->sched, m);
    lock_release(&m->sched->lock);
    stack_shrink_if_wanted(m);
}

static void
world_unlink_locked(struct sched *s, struct mutator *m)
{
    if (m->prev != NULL)
        m->prev->next = m->next;
    else
        s->mutators = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    s->nmutators--;
    s->copies_retired += m->stack_copies;
    s->shrinks_retired += m->stack_shrinks;
    world_leave_locked(s, m, MUTATOR_STOPPED);
    fixalloc_put(&s->records, m);
}

struct mutator *
mutator_attach(struct sched *s, const char *name)
{
    lock_acquire(&s->lock);
    /* the list of mutators belongs to whoever has stopped the world */
    world_wait_until_it_runs_locked(s);
    struct mutator *m = fixalloc_get(&s->records);
    if (m == NULL) {
        lock_release(&s->lock);
        return NULL;
    }
    m->sched = s;
    m->pub.heap = s->heap;
    snprintf(m->name, sizeof m->name, "%s", name);
    m->next = s->mutators;
    if (m->next != NULL)
        m->next->prev = m;
    s->mutators = m;
    s->nmutators++;
    world_enter_locked(s, m);
    lock_release(&s->lock);

    /* RUNNING from here on: nobody looks at us until our first safepoint */
    gospace_attach(s->space, &m->cache, m->pub.runs);
    if (stack_init(m))
        return m;
    gospace_detach(s->space, &m->cache);
    lock_acquire(&s->lock);
    world_unlink_locked(s, m);
    lock_release(&s->lock);
    return NULL;
}

void
mutator_detach(struct mutator *m)
{
    struct sched *s = m->sched;
    CHECK((uintptr_t)m->pub.fp == m->stack_hi, "gh_detach: %s still has frames", m->name);
    stack_finish(m);
    gospace_detach(s->space, &m->cache);
    lock_acquire(&s->lock);
    world_unlink_locked(s, m);
    lock_release(&s->lock);
}
