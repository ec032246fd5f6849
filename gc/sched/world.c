/* world.c - attach and detach, safepoints, stop and start of the world, requests.
 * See the Notes in world.h and procs.h. Go: proc.go (stopTheWorld, entersyscall, forEachP). */
#include "gc/sched/world.h"

#include <stdio.h>

/* A second at a time, so that one in which the process itself was suspended counts once. */
static const int64_t STOP_WAIT_NS = INT64_C(1000) * 1000 * 1000;
enum { STOP_WAITS = 10 };

static bool
client_attach_nothing(void *ctx, struct mutator *m)
{
    (void)ctx, (void)m;
    return true;
}

static void
client_detach_nothing(void *ctx, struct mutator *m)
{
    (void)ctx, (void)m;
}

static void
client_serve_nothing(void *ctx, struct mutator *m, uint32_t requests, bool owner)
{
    (void)ctx, (void)m, (void)requests, (void)owner;
}

void
sched_open(struct sched *s, struct gh_heap *heap, struct gospace *space, struct pages *pages,
           int procs)
{
    *s = (struct sched){.heap = heap,
                        .space = space,
                        .pages = pages,
                        .client = {.attach = client_attach_nothing,
                                   .detach = client_detach_nothing,
                                   .serve = client_serve_nothing}};
    procs_init(&s->procs, procs);
    fixalloc_init(&s->records, pages->account, sizeof(struct mutator), OS_MCACHE);
}

void
sched_close(struct sched *s)
{
    ASSERT(s->nmutators == 0, "sched_close: %u mutators are left", s->nmutators);
    fixalloc_finish(&s->records);
    procs_finish(&s->procs);
}

/* --- the mutators --- */

static struct mutator *
world_mutator_from(struct actor *a)
{
    for (; a != NULL; a = a->next)
        if (a->is_mutator && mutator_of_actor(a)->attached)
            return mutator_of_actor(a);
    return NULL;
}

struct mutator *
world_first(struct sched *s)
{
    return world_mutator_from(s->procs.actors);
}

struct mutator *
world_next(struct mutator *m)
{
    return world_mutator_from(m->actor.next);
}

/* --- stop and start --- */

GH_COLD static void
world_report_stuck_locked(struct sched *s)
{
    int running = atomic_load_explicit(&s->procs.running, memory_order_relaxed);
    for (struct actor *a = s->procs.actors; a != NULL; a = a->next)
        if (actor_state(a) == ACTOR_RUNNING)
            gh_throw(
                "world_stop: mutator \"%s\" has not reached a safepoint for 10 s (%d running);"
                " its loop needs a gh_poll, its wait a gh_blocked_enter",
                a->name, running);
    gh_throw("world_stop: %d mutators running, none found", running);
}

static bool
world_anybody_runs(const struct sched *s)
{
    /* relaxed: exact under the lock; who spins looks again under it */
    return atomic_load_explicit(&s->procs.running, memory_order_relaxed) > 0;
}

/* Most reach a safepoint within microseconds. */
static void
world_spin_until_stopped(struct sched *s)
{
    lock_release(&s->procs.lock);
    int64_t until = os_now_ns() + PROCS_SPIN_NS;
    unsigned spins = 0;
    while (world_anybody_runs(s) && os_now_ns() < until)
        procs_relax(&spins);
    lock_acquire(&s->procs.lock);
}

static void
world_wait_until_stopped_locked(struct sched *s)
{
    if (world_anybody_runs(s) && s->procs.spin)
        world_spin_until_stopped(s);
    for (int late = 0; world_anybody_runs(s);)
        if (!cond_wait_until(&s->procs.changed, &s->procs.lock, os_now_ns() + STOP_WAIT_NS) &&
            world_anybody_runs(s) && ++late == STOP_WAITS)
            world_report_stuck_locked(s);
}

/* The caller, RUNNING or no actor at all, becomes the one who stops the world. */
static void
world_become_stopper_locked(struct sched *s, struct actor *self)
{
    struct procs *p = &s->procs;
    while (procs_stop_wanted(p)) {
        if (self == NULL) {
            cond_wait(&p->changed, &p->lock);
        } else {
            actor_leave_locked(p, self, ACTOR_WAITING);
            actor_enter_locked(p, self);
        }
    }
    /* relaxed: see procs_stop_wanted */
    atomic_store_explicit(&p->stop_wanted, true, memory_order_relaxed);
    if (self != NULL) {
        ASSERT(actor_state(self) == ACTOR_RUNNING, "world_stop: %s does not run", self->name);
        atomic_store_explicit(&self->state, ACTOR_STOPPER, memory_order_relaxed);
        atomic_fetch_sub_explicit(&p->running, 1, memory_order_relaxed);
    }
}

int64_t
world_stop(struct sched *s, struct actor *self)
{
    struct procs *p = &s->procs;
    lock_acquire(&p->lock);
    world_become_stopper_locked(s, self);
    int64_t begin = os_now_ns();
    for (struct actor *a = p->actors; a != NULL; a = a->next)
        actor_set_guard_locked(p, a);
    world_wait_until_stopped_locked(s);
    lock_release(&p->lock);
    return os_now_ns() - begin;
}

void
world_start(struct sched *s, struct actor *self)
{
    struct procs *p = &s->procs;
    lock_acquire(&p->lock);
    ASSERT(procs_stop_wanted(p), "world_start: the world is not stopped");
    /* relaxed: see procs_stop_wanted */
    atomic_store_explicit(&p->stop_wanted, false, memory_order_relaxed);
    if (self != NULL) {
        atomic_store_explicit(&self->state, ACTOR_RUNNING, memory_order_relaxed);
        atomic_fetch_add_explicit(&p->running, 1, memory_order_relaxed);
    }
    for (struct actor *a = p->actors; a != NULL; a = a->next)
        actor_set_guard_locked(p, a);
    procs_dispatch_locked(p);
    cond_broadcast(&p->changed);
    lock_release(&p->lock);
}

/* --- requests --- */

unsigned
world_post_locked(struct sched *s, uint32_t requests)
{
    unsigned n = 0;
    for (struct mutator *m = world_first(s); m != NULL; m = world_next(m), n++) {
        m->actor.requests |= requests;
        actor_set_guard_locked(&s->procs, &m->actor);
    }
    return n;
}

static bool
mutator_sleeps_locked(const struct mutator *m)
{
    enum actor_state state = actor_state(&m->actor);
    return state == ACTOR_BLOCKED || state == ACTOR_WAITING;
}

static struct mutator *
world_first_to_serve_locked(struct sched *s)
{
    for (struct mutator *m = world_first(s); m != NULL; m = world_next(m))
        if (m->actor.requests != 0 && !m->actor.held && mutator_sleeps_locked(m))
            return m;
    return NULL;
}

void
world_serve_idle(struct sched *s)
{
    struct procs *p = &s->procs;
    struct mutator *m;
    lock_acquire(&p->lock);
    while ((m = world_first_to_serve_locked(s)) != NULL) {
        uint32_t requests = m->actor.requests;
        m->actor.requests = 0;
        m->actor.held = true;
        lock_release(&p->lock);
        s->client.serve(s->client.ctx, m, requests, false);
        lock_acquire(&p->lock);
        m->actor.held = false;
        actor_set_guard_locked(p, &m->actor);
        procs_dispatch_locked(p);
        cond_broadcast(&p->changed);
    }
    lock_release(&p->lock);
}

/* Owner, RUNNING, lock held: serve one's own requests; the lock is given up meanwhile. */
static void
mutator_serve_locked(struct mutator *m)
{
    struct sched *s = m->sched;
    while (m->actor.requests != 0) {
        uint32_t requests = m->actor.requests;
        m->actor.requests = 0;
        actor_set_guard_locked(&s->procs, &m->actor);
        lock_release(&s->procs.lock);
        s->client.serve(s->client.ctx, m, requests, true);
        lock_acquire(&s->procs.lock);
    }
}

void
mutator_serve(struct mutator *m)
{
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    mutator_serve_locked(m);
    lock_release(&p->lock);
    stack_shrink_if_wanted(m);
}

/* --- safepoints --- */

void
mutator_safepoint_slow(struct mutator *m)
{
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    for (;;) {
        mutator_serve_locked(m);
        if (!procs_stop_wanted(p) && (!m->actor.yield_wanted || p->first == NULL))
            break;
        actor_leave_locked(p, &m->actor, ACTOR_WAITING);
        actor_enter_locked(p, &m->actor);
    }
    m->actor.yield_wanted = false;
    actor_set_guard_locked(p, &m->actor);
    lock_release(&p->lock);
    stack_shrink_if_wanted(m);
}

void
gh_safepoint_slow(struct gh_mutator *m)
{
    mutator_safepoint_slow(mutator_of(m));
}

void
gh_blocked_enter(struct gh_mutator *pub)
{
    struct mutator *m = mutator_of(pub);
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    mutator_serve_locked(m);
    actor_leave_locked(p, &m->actor, ACTOR_BLOCKED);
    lock_release(&p->lock);
}

void
gh_blocked_exit(struct gh_mutator *pub)
{
    struct mutator *m = mutator_of(pub);
    struct procs *p = &m->sched->procs;
    lock_acquire(&p->lock);
    ASSERT(actor_state(&m->actor) == ACTOR_BLOCKED, "gh_blocked_exit: %s is not blocked",
           m->actor.name);
    actor_enter_locked(p, &m->actor);
    lock_release(&p->lock);
    mutator_safepoint(m);
    stack_shrink_if_wanted(m);
}

/* --- attach and detach --- */

static void
mutator_unlink(struct sched *s, struct mutator *m)
{
    struct procs *p = &s->procs;
    lock_acquire(&p->lock);
    s->nmutators--;
    s->copies_retired += m->stack_copies;
    s->shrinks_retired += m->stack_shrinks;
    actor_leave_locked(p, &m->actor, ACTOR_BLOCKED);
    actor_remove_locked(p, &m->actor);
    fixalloc_put(&s->records, m);
    lock_release(&p->lock);
}

static void
mutator_set_attached(struct mutator *m, bool attached)
{
    lock_acquire(&m->sched->procs.lock);
    m->attached = attached;
    lock_release(&m->sched->procs.lock);
}

struct mutator *
mutator_attach(struct sched *s, const char *name)
{
    struct procs *p = &s->procs;
    lock_acquire(&p->lock);
    procs_wait_for_start_locked(p);
    struct mutator *m = fixalloc_get(&s->records);
    if (m == NULL) {
        lock_release(&p->lock);
        return NULL;
    }
    m->sched = s;
    m->pub.heap = s->heap;
    snprintf(m->actor.name, sizeof m->actor.name, "%s", name);
    s->nmutators++;
    actor_add_locked(p, &m->actor, ACTOR_MUTATOR, &m->pub.stack_guard);
    actor_enter_locked(p, &m->actor);
    lock_release(&p->lock);

    /* RUNNING, and not attached yet: nobody looks at what follows */
    gospace_attach(s->space, &m->cache, m->pub.runs);
    m->cache.local.wanted = &m->pub.stack_guard;
    if (stack_init(m)) {
        if (s->client.attach(s->client.ctx, m)) {
            mutator_set_attached(m, true);
            return m;
        }
        stack_finish(m);
    }
    gospace_detach(s->space, &m->cache);
    mutator_unlink(s, m);
    return NULL;
}

void
mutator_detach(struct mutator *m)
{
    struct sched *s = m->sched;
    CHECK((uintptr_t)m->pub.fp == m->stack_hi, "gh_detach: %s still has frames", m->actor.name);
    lock_acquire(&s->procs.lock);
    mutator_serve_locked(m);
    m->attached = false; /* from here on nothing can be asked of it */
    lock_release(&s->procs.lock);
    s->client.detach(s->client.ctx, m);
    stack_finish(m);
    gospace_detach(s->space, &m->cache);
    mutator_unlink(s, m);
}
