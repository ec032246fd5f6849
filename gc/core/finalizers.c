/* finalizers.c - finalizers and cleanups: setting, stopping, the queue, the runner. Go:
 * mfinal.go, mcleanup.go; blockUntilEmptyFinalizerQueue is gh_finalizers_wait.
 *
 * One runner for both kinds. Go has run cleanups in several goroutines since 1.25, which a heap
 * on which measurements are made does better without: the order of the queue, which is that in
 * which spans were swept, is the order of the calls.
 *
 * Contexts: public functions by a running mutator; finalizers_queue by whoever sweeps. Locks: a
 * shard's while records are set and taken away, FINALIZERS for the queue. */
#include "gc/core/barrier.h"
#include "gc/core/heap.h"

#include <sched.h>
#include <string.h>

/* --- setting and taking away --- */

static void *finalizers_main(void *arg);

/* The runner is started with the first record that may need it. */
static void
finalizers_start(struct gh_heap *heap)
{
    struct finalizers *f = &heap->specials.finalizers;
    lock_acquire(&f->lock);
    if (!f->started) {
        int e = pthread_create(&f->thread, NULL, finalizers_main, heap);
        CHECK(e == 0, "gh_set_finalizer: cannot start the thread that runs finalizers: %s",
              strerror(e));
        f->started = true;
    }
    lock_release(&f->lock);
}

/* Whether references from `ctx` into the object of `o` would keep it alive for ever. */
static bool
finalizers_ctx_within(const struct object_ref *o, const void *ctx)
{
    return (uintptr_t)ctx >= o->base && (uintptr_t)ctx < o->base + o->span->elemsize;
}

static bool
finalizers_is_tiny(const struct mspan *s)
{
    return s->span_class == (GH_TINY_CLASS << 1 | 1);
}

static void
shade_word(void *ctx, void **slot)
{
    struct gh_mutator *m = ctx;
    barrier_shade(mutator_of(m), specials_load(slot));
}

/* Take the finalizer at `at` away, if there is one. Returns its ctx. */
static void *
finalizers_clear(struct specials *sp, struct mspan *s, uintptr_t at)
{
    struct specials_shard *shard = specials_shard_of(sp, s);
    void *ctx = NULL;
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(s, at, SPECIAL_FINALIZER);
    const struct special *r = specials_at(link, at, SPECIAL_FINALIZER);
    if (r != NULL) {
        ctx = r->finalizer.ctx;
        specials_free_locked(sp, specials_unlink_locked(sp, s, link));
    }
    lock_release(&shard->lock);
    return ctx;
}

static void
finalizers_set(struct specials *sp, struct mspan *s, const struct special *what)
{
    struct specials_shard *shard = specials_shard_of(sp, s);
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(s, what->at, SPECIAL_FINALIZER);
    CHECK(specials_at(link, what->at, SPECIAL_FINALIZER) == NULL,
          "gh_set_finalizer: %p has a finalizer already; take it away with NULL first",
          (void *)what->at);
    specials_add_locked(sp, s, link, what, "gh_set_finalizer");
    lock_release(&shard->lock);
}

void
gh_set_finalizer(struct gh_mutator *m, void *obj, gh_finalizer_fn *fn, void *ctx)
{
    struct specials *sp = &m->heap->specials;
    struct object_ref o;
    if (!specials_locate(m, obj, "gh_set_finalizer", &o))
        return;
    uintptr_t header = o.span->span_class > 1 && (o.span->span_class & 1) == 0 &&
                               o.span->elemsize > GH_HEADER_MIN
                           ? GH_HEADER
                           : 0;
    CHECK((uintptr_t)obj == o.base + header || finalizers_is_tiny(o.span),
          "gh_set_finalizer: %p is not the start of its object, which is %p", obj,
          (void *)(o.base + header));
    if (fn == NULL) {
        barrier_shade(mutator_of(m), (uintptr_t)finalizers_clear(sp, o.span, (uintptr_t)obj));
        return;
    }
    CHECK(ctx == NULL || !finalizers_ctx_within(&o, ctx) || finalizers_is_tiny(o.span),
          "gh_set_finalizer: ctx %p points into the object %p, which so would never die", ctx,
          obj);
    finalizers_start(m->heap);
    struct special what = {
        .at = (uintptr_t)obj, .kind = SPECIAL_FINALIZER, .finalizer = {.fn = fn, .ctx = ctx}};
    finalizers_set(sp, o.span, &what);
    if (GH_UNLIKELY(m->barrier)) { /* specials.h, Note [specials]: roots */
        specials_each_ref(&o, shade_word, m);
        barrier_shade(mutator_of(m), (uintptr_t)ctx);
    }
}

struct gh_cleanup
gh_add_cleanup(struct gh_mutator *m, void *obj, gh_cleanup_fn *fn, void *ctx)
{
    struct specials *sp = &m->heap->specials;
    struct object_ref o;
    CHECK(fn != NULL, "gh_add_cleanup: the function is NULL");
    if (!specials_locate(m, obj, "gh_add_cleanup", &o))
        return (struct gh_cleanup){0};
    CHECK(ctx == NULL || !finalizers_ctx_within(&o, ctx) || finalizers_is_tiny(o.span),
          "gh_add_cleanup: ctx %p points into the object of %p, which so would never die", ctx,
          obj);
    finalizers_start(m->heap);
    /* relaxed: all that matters is that no two are the same */
    uint64_t id = atomic_fetch_add_explicit(&sp->last_cleanup, 1, memory_order_relaxed) + 1;
    struct special what = {.at = (uintptr_t)obj,
                           .kind = SPECIAL_CLEANUP,
                           .cleanup = {.fn = fn, .ctx = ctx, .id = id}};
    struct specials_shard *shard = specials_shard_of(sp, o.span);
    lock_acquire(&shard->lock);
    specials_add_locked(sp, o.span, specials_find_locked(o.span, what.at, SPECIAL_CLEANUP),
                        &what, "gh_add_cleanup");
    lock_release(&shard->lock);
    barrier_shade(mutator_of(m), (uintptr_t)ctx);
    return (struct gh_cleanup){.at = what.at, .id = id};
}

/* The span of an address that may be dead for long, swept; NULL if there is none. Only what may
 * be read of any record at any time is read here. */
static struct mspan *
finalizers_swept_span(struct gh_heap *heap, uintptr_t at)
{
    for (;;) {
        struct mspan *s = pages_span_of(&heap->pages, at);
        /* relaxed: the list's lock follows, and says what is in it */
        if (s == NULL || atomic_load_explicit(&s->state, memory_order_relaxed) != MSPAN_IN_USE)
            return NULL;
        if (gospace_try_sweep(&heap->space, s))
            return s;
        sched_yield();
    }
}

bool
gh_cleanup_stop(struct gh_mutator *m, struct gh_cleanup c)
{
    struct specials *sp = &m->heap->specials;
    struct mspan *s = c.id == 0 ? NULL : finalizers_swept_span(m->heap, c.at);
    if (s == NULL)
        return false;
    struct specials_shard *shard = specials_shard_of(sp, s);
    void *ctx = NULL;
    lock_acquire(&shard->lock);
    struct special **link = specials_find_locked(s, c.at, SPECIAL_CLEANUP);
    while (specials_at(link, c.at, SPECIAL_CLEANUP) != NULL && (*link)->cleanup.id != c.id)
        link = &(*link)->next;
    bool found = specials_at(link, c.at, SPECIAL_CLEANUP) != NULL;
    if (found) {
        ctx = (*link)->cleanup.ctx;
        specials_free_locked(sp, specials_unlink_locked(sp, s, link));
    }
    lock_release(&shard->lock);
    barrier_shade(mutator_of(m), (uintptr_t)ctx);
    return found;
}

/* --- the queue --- */

void
finalizers_queue(struct finalizers *f, struct special *r)
{
    lock_acquire(&f->lock);
    r->next = NULL;
    *f->end = r;
    f->end = &r->next;
    if (r->kind == SPECIAL_FINALIZER)
        f->stats.finalizers_queued++;
    else
        f->stats.cleanups_queued++;
    cond_signal(&f->wake);
    lock_release(&f->lock);
}

void
gh_finalizers_wait(struct gh_mutator *m)
{
    struct finalizers *f = &m->heap->specials.finalizers;
    lock_acquire(&f->lock);
    bool self = f->mutator == m, busy = f->first != NULL || f->running;
    lock_release(&f->lock);
    CHECK(!self, "gh_finalizers_wait: called by a finalizer, which would wait for itself");
    if (!busy) {
        gh_poll(m);
        return;
    }
    gh_blocked_enter(m);
    lock_acquire(&f->lock);
    while (f->first != NULL || f->running)
        cond_wait(&f->idle, &f->lock);
    lock_release(&f->lock);
    gh_blocked_exit(m);
}

void
gh_read_finalizer_stats(struct gh_heap *heap, struct gh_finalizer_stats *out)
{
    struct finalizers *f = &heap->specials.finalizers;
    lock_acquire(&f->lock);
    *out = f->stats;
    lock_release(&f->lock);
}

/* --- the runner --- */

/* Wait until there is something to run, blocked. False: the heap closes. */
static bool
runner_wait(struct finalizers *f, struct gh_mutator *m)
{
    gh_blocked_enter(m);
    lock_acquire(&f->lock);
    while (f->first == NULL && !f->closing)
        cond_wait(&f->wake, &f->lock);
    bool more = !f->closing;
    lock_release(&f->lock);
    gh_blocked_exit(m);
    return more;
}

/* The oldest record of the queue, NULL if there is none or the heap closes. Its references are
 * in nobody's sight until the caller has put them into his frame: no safepoint in between. */
static struct special *
runner_take(struct finalizers *f)
{
    lock_acquire(&f->lock);
    struct special *r = f->closing ? NULL : f->first;
    if (r != NULL) {
        f->first = r->next;
        if (f->first == NULL)
            f->end = &f->first;
        f->running = true;
    }
    lock_release(&f->lock);
    return r;
}

static void
runner_ran(struct finalizers *f, unsigned kind)
{
    lock_acquire(&f->lock);
    if (kind == SPECIAL_FINALIZER)
        f->stats.finalizers_run++;
    else
        f->stats.cleanups_run++;
    f->running = false;
    if (f->first == NULL)
        cond_broadcast(&f->idle);
    lock_release(&f->lock);
}

/* Park what the record refers to in the frame, and call its function. */
static void
runner_call(struct specials *sp, struct gh_mutator *m, struct special *taken)
{
    struct special r = *taken;
    specials_free(sp, taken);
    bool finalizer = r.kind == SPECIAL_FINALIZER;
    void *ctx = finalizer ? r.finalizer.ctx : r.cleanup.ctx;
    void *obj = finalizer ? (void *)r.at : NULL;
    size_t depth = mutator_of(m)->stack_hi - (uintptr_t)m->fp;
    GH_SLOT(m, void, 0) = obj;
    if (pages_arena_of(&sp->heap->pages, (uintptr_t)ctx) != NULL)
        GH_SLOT(m, void, 1) = ctx;
    barrier_shade(mutator_of(m), (uintptr_t)obj);
    barrier_shade(mutator_of(m), (uintptr_t)ctx);
    if (finalizer)
        r.finalizer.fn(m, obj, ctx);
    else
        r.cleanup.fn(m, ctx);
    CHECK(mutator_of(m)->stack_hi - (uintptr_t)m->fp == depth,
          "finalizers: the function for %p left a frame on the stack", (void *)r.at);
    GH_SLOT(m, void, 0) = GH_SLOT(m, void, 1) = NULL;
    runner_ran(&sp->finalizers, r.kind);
}

static void
runner_loop(struct specials *sp, struct gh_mutator *m)
{
    GH_FRAME(m, 2);
    for (;;) {
        gh_poll(m);
        struct special *r = runner_take(&sp->finalizers);
        if (r != NULL)
            runner_call(sp, m, r);
        else if (!runner_wait(&sp->finalizers, m))
            return;
    }
}

static void *
finalizers_main(void *arg)
{
    struct gh_heap *heap = arg;
    struct finalizers *f = &heap->specials.finalizers;
    struct gh_mutator *m = gh_attach(heap, "finalizers");
    CHECK(m != NULL, "out of memory: cannot attach the thread that runs finalizers");
    lock_acquire(&f->lock);
    f->mutator = m;
    lock_release(&f->lock);
    runner_loop(&heap->specials, m);
    gh_detach(m);
    return NULL;
}

/* --- beginning and end --- */

void
finalizers_init(struct finalizers *f)
{
    *f = (struct finalizers){0};
    lock_init(&f->lock, LOCK_RANK_FINALIZERS);
    cond_init(&f->wake);
    cond_init(&f->idle);
    f->end = &f->first;
}

void
finalizers_stop(struct finalizers *f)
{
    lock_acquire(&f->lock);
    f->closing = true;
    bool started = f->started;
    cond_signal(&f->wake);
    lock_release(&f->lock);
    if (started)
        pthread_join(f->thread, NULL);
    f->mutator = NULL;
}

void
finalizers_finish(struct finalizers *f)
{
    cond_finish(&f->idle);
    cond_finish(&f->wake);
    lock_finish(&f->lock);
}
