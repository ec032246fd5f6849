/* open.c - a heap opens and closes, and the public calls that concern it as a whole. */
#include "gc/collectors/collectors.h"

#include "alloc/base/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct collector *const collectors[] = {&collector_go, &collector_stw};
static const char *const collector_names[] = {"go", "stw", NULL};

const char *const *
gh_collectors(void)
{
    return collector_names;
}

void
gh_config_init(struct gh_config *c)
{
    *c = (struct gh_config){.gogc = 100,
                            .shrink_stacks = true,
                            .background = true,
                            .idle_release = true,
                            .memory_limit = GH_MEMORY_LIMIT_OFF,
                            .debug = {.invalidptr = true}};
}

static const char *const marker_names[] = {"spans", "objects", NULL};

const char *const *
gh_markers(void)
{
    return marker_names;
}

/* The one asked for, unless a debug switch puts another in its place. */
static const struct collector *
open_choose_collector(const struct gh_config *c)
{
    if (c->debug.sbrk)
        return &collector_sbrk;
    if (c->debug.gcstoptheworld > 0)
        return &collector_stw;
    for (size_t i = 0; c->collector != NULL && collector_names[i] != NULL; i++)
        if (strcmp(collector_names[i], c->collector) == 0)
            return collectors[i];
    return collectors[0];
}

/* NULL is the default. */
static bool
open_check_name(const char *what, const char *name, const char *const *names,
                struct gh_error *err)
{
    char all[100] = "";
    for (size_t i = 0; names[i] != NULL; i++) {
        if (name == NULL || strcmp(names[i], name) == 0)
            return true;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return gh_error_set(err, GH_EXIT_USAGE, "%s: there is no \"%.60s\"; there are: %s", what,
                        name, all);
}

static bool
open_check_config(const struct gh_config *c, struct gh_error *err)
{
    if (c->procs < 0 || c->procs > GH_PROCS_MAX)
        return gh_error_set(err, GH_EXIT_USAGE, "procs: %d is out of range (1 to %d)", c->procs,
                            GH_PROCS_MAX);
    return open_check_name("collector", c->collector, collector_names, err) &&
           open_check_name("marker", c->marker, marker_names, err);
}

/* --- what the lower rooms ask of the upper ones --- */

static bool
client_attach(void *ctx, struct mutator *m)
{
    struct gh_heap *h = ctx;
    return mark_phase_attach(&h->mark_phase, m);
}

static void
client_detach(void *ctx, struct mutator *m)
{
    struct gh_heap *h = ctx;
    mark_phase_detach(&h->mark_phase, m);
}

static void
client_serve(void *ctx, struct mutator *m, uint32_t requests, bool owner)
{
    struct gh_heap *h = ctx;
    mark_phase_serve(&h->mark_phase, m, requests, owner);
}

static void
client_late_root(void *ctx, void **slot)
{
    struct gh_heap *h = ctx;
    struct mark_worker *w = &h->mark_phase.late_worker;
    worker_ready(w);
    marker_root(w, slot);
}

static void
client_late_publish(void *ctx)
{
    struct gh_heap *h = ctx;
    marker_publish(&h->mark_phase.late_worker);
}

/* --- opening and closing --- */

static void
open_settle_config(struct gh_heap *h, const struct gh_config *config)
{
    h->config = *config;
    if (h->config.procs == 0)
        h->config.procs = os_procs();
    h->collector = open_choose_collector(config);
    if (h->collector == &collector_sbrk) {
        h->config.gogc = GH_GOGC_OFF;
        h->config.memory_limit = GH_MEMORY_LIMIT_OFF;
    }
    h->opened_at_ns = os_now_ns();
}

static void
open_account(struct gh_heap *h)
{
    os_account_init(&h->account, h->config.madv_free);
    h->account.hard_decommit = h->config.debug.harddecommit;
    h->account.no_huge_pages = h->config.debug.disablethp;
    persistent_init(&h->persistent, &h->account);
}

/* From sched to limiter: what cannot fail, given memory and a space. */
static void
open_parts(struct gh_heap *h)
{
    const struct gh_config *c = &h->config;
    sched_open(&h->sched, h, &h->space, &h->pages, c->procs);
    h->sched.shrink_stacks = c->shrink_stacks;
    pages_set_memory_limit(&h->pages, c->memory_limit);
    roots_init(&h->roots);
    pools_init(&h->pools);
    uarenas_init(&h->uarenas, h);
    side_roots_init(&h->side_roots, h);
    pacer_init(&h->pacer, c->gogc, c->memory_limit, c->procs);
    pacer_set_concurrent(&h->pacer, h->collector->concurrent);
    limiter_init(&h->limiter, os_now_ns(), c->procs);
}

static void
close_parts(struct gh_heap *h)
{
    uarenas_finish(&h->uarenas);
    pools_finish(&h->pools);
    roots_finish(&h->roots);
    sched_close(&h->sched);
}

static bool
open_marker(struct gh_heap *h, struct gh_error *err)
{
    const struct gh_config *c = &h->config;
    if (!marker_open(&h->marker, &h->pages, &h->space, c->procs))
        return gh_error_set(err, GH_EXIT_FAILED, "out of memory: no room for %d mark workers",
                            c->procs);
    h->marker.ignore_bad_pointers = !c->debug.invalidptr;
    h->marker.by_object = c->marker != NULL && strcmp(c->marker, "objects") == 0;
    return true;
}

/* From specials to background. */
static void
open_cycles(struct gh_heap *h)
{
    specials_open(&h->specials, h);
    lock_init(&h->cycles.lock, LOCK_RANK_CYCLE);
    cond_init(&h->cycles.ended);
    background_init(&h->background);
}

static void
close_cycles(struct gh_heap *h)
{
    background_close(&h->background);
    cond_finish(&h->cycles.ended);
    lock_finish(&h->cycles.lock);
    specials_close(&h->specials);
}

static void
open_connect(struct gh_heap *h)
{
    h->sched.client = (struct sched_client){
        .ctx = h, .attach = client_attach, .detach = client_detach, .serve = client_serve};
    h->roots.late_visit = client_late_root;
    h->roots.late_publish = client_late_publish;
    h->roots.late_ctx = h;
    h->mark_phase.terminate = h->collector->terminate;
}

struct gh_heap *
gh_heap_open(const struct gh_config *config, struct gh_error *err)
{
    if (!open_check_config(config, err))
        return NULL;
    struct gh_heap *h = aligned_alloc(_Alignof(struct gh_heap), sizeof *h);
    if (h == NULL) {
        gh_error_set(err, GH_EXIT_FAILED, "out of memory: no %zu bytes for a heap", sizeof *h);
        return NULL;
    }
    memset(h, 0, sizeof *h);
    open_settle_config(h, config);
    open_account(h);
    if (!pages_open(&h->pages, &h->account, &h->persistent, err))
        goto fail_pages;
    if (!gospace_open(&h->space, &h->pages, err))
        goto fail_space;
    h->space.clobber_free = config->debug.clobberfree;
    open_parts(h);
    if (!open_marker(h, err))
        goto fail_marker;
    open_cycles(h);
    if (!mark_phase_open(&h->mark_phase, h)) {
        gh_error_set(err, GH_EXIT_FAILED, "out of memory: no room for %d mark threads",
                     h->config.procs);
        goto fail_phase;
    }
    open_connect(h);
    return h;

fail_phase:
    close_cycles(h);
    marker_close(&h->marker);
fail_marker:
    close_parts(h);
    gospace_close(&h->space);
fail_space:
    pages_close(&h->pages);
fail_pages:
    persistent_finish(&h->persistent);
    free(h);
    return NULL;
}

/* First the threads come to rest, in the order in which they wait for each other. */
void
gh_heap_close(struct gh_heap *h)
{
    specials_stop(&h->specials);
    lock_acquire(&h->sched.procs.lock); /* threads of the heap come and go still */
    const struct mutator *stays = world_first(&h->sched);
    CHECK(stays == NULL, "gh_heap_close: %u mutators are still attached, first \"%s\"",
          h->sched.nmutators, stays->actor.name);
    lock_release(&h->sched.procs.lock);
    background_stop(h);
    if (h->collector->settle != NULL)
        h->collector->settle(h);
    mark_phase_close(&h->mark_phase);
    close_cycles(h);
    marker_close(&h->marker);
    close_parts(h);
    gospace_close(&h->space);
    pages_close(&h->pages);
    persistent_finish(&h->persistent);
    uint64_t left = os_sys_total(&h->account);
    CHECK(left == 0, "gh_heap_close: %llu bytes were not given back to the OS",
          (unsigned long long)left);
    free(h);
}

bool
gh_observe(struct gh_heap *h, const struct gh_observer *o)
{
    if (h->nobservers == GH_OBSERVERS_MAX)
        return false;
    h->observers[h->nobservers++] = *o;
    return true;
}

struct gh_mutator *
gh_attach(struct gh_heap *h, const char *name)
{
    struct mutator *m = mutator_attach(&h->sched, name);
    return m == NULL ? NULL : &m->pub;
}

void
gh_detach(struct gh_mutator *m)
{
    struct gh_heap *h = m->heap;
    /* relaxed: statistics, read with the world stopped */
    atomic_fetch_add_explicit(&h->tiny_retired, m->tiny_allocs, memory_order_relaxed);
    m->tiny_allocs = 0;
    pools_detach(&h->pools, mutator_of(m));
    heap_book_flushed(h, gospace_flush(&h->space, &mutator_of(m)->cache));
    mutator_detach(mutator_of(m));
}

const struct gh_type *
gh_type_new(struct gh_heap *h, const char *name, size_t size, size_t ptr_bytes,
            const uint64_t *ptr_mask)
{
    struct gh_type *t =
        persistent_alloc(&h->persistent, sizeof *t, _Alignof(struct gh_type), OS_OTHER);
    CHECK(t != NULL, "out of memory: cannot make type %s", name);
    *t = (struct gh_type){
        .size = size, .ptr_bytes = ptr_bytes, .ptr_mask = ptr_mask, .name = name};
    gospace_derive_type(t);
    t->run_offset += (uint32_t)offsetof(struct gh_mutator, runs);
    return t;
}

const struct gh_type *
gh_type_small(struct gh_heap *h, const char *name, size_t size, uint64_t ptr_mask)
{
    uint64_t *mask = persistent_alloc(&h->persistent, sizeof *mask, sizeof *mask, OS_OTHER);
    CHECK(mask != NULL, "out of memory: cannot make type %s", name);
    *mask = ptr_mask;
    return gh_type_new(h, name, size, bits_len(ptr_mask) * GH_WORD, mask);
}

void
gh_roots_add(struct gh_heap *h, void **slots, size_t n)
{
    roots_add(&h->roots, slots, n);
}

void
gh_roots_remove(struct gh_heap *h, void **slots)
{
    bool found = roots_remove(&h->roots, slots);
    CHECK(found, "gh_roots_remove: %p was not registered", (void *)slots);
}

void
gh_gc(struct gh_mutator *m)
{
    struct gh_heap *h = m->heap;
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_FORCED);
    uarenas_fault_pending(&h->uarenas, m);
    gospace_finish_sweep(&h->space);
    heap_watch_sweep(h);
}

void
gh_settle(struct gh_mutator *m)
{
    struct gh_heap *h = m->heap;
    if (h->collector->settle == NULL)
        return;
    gh_blocked_enter(m);
    h->collector->settle(h);
    gh_blocked_exit(m);
}

const char *
gh_collector(const struct gh_heap *h)
{
    return h->collector->name;
}

int
gh_set_gogc(struct gh_mutator *m, int percent)
{
    struct gh_heap *h = m->heap;
    world_stop(&h->sched, &mutator_of(m)->actor);
    int old = pacer_set_gogc(&h->pacer, percent);
    pacer_commit(&h->pacer, gospace_sweep_done(&h->space));
    h->config.gogc = h->pacer.gogc;
    heap_pace_sweep_stw(h);
    world_start(&h->sched, &mutator_of(m)->actor);
    return old;
}

int
gh_gogc(const struct gh_heap *h)
{
    return h->config.gogc;
}

uint64_t
gh_set_memory_limit(struct gh_mutator *m, uint64_t bytes)
{
    struct gh_heap *h = m->heap;
    world_stop(&h->sched, &mutator_of(m)->actor);
    uint64_t old = pacer_set_memory_limit(&h->pacer, bytes);
    heap_refresh_memory(h); /* while there was no limit, nobody did */
    pacer_commit(&h->pacer, gospace_sweep_done(&h->space));
    h->config.memory_limit = h->pacer.memory_limit;
    pages_set_memory_limit(&h->pages, h->config.memory_limit);
    heap_pace_sweep_stw(h);
    world_start(&h->sched, &mutator_of(m)->actor);
    if (bytes < old) {
        background_start(h);
        background_kick_scavenger(&h->background);
    }
    return old;
}

uint64_t
gh_memory_limit(const struct gh_heap *h)
{
    return h->config.memory_limit;
}

bool
gh_collects(const struct gh_heap *h)
{
    return h->collector != &collector_sbrk;
}

void
gh_free_os_memory(struct gh_mutator *m)
{
    struct gh_heap *h = m->heap;
    struct trim walk = {0};
    gh_gc(m);
    gh_blocked_enter(m); /* a GiB takes the kernel 100 ms and more */
    size_t released = pages_scavenge_all(&h->pages);
    gh_blocked_exit(m);
    while (gospace_trim(&h->space, &walk))
        mutator_safepoint(mutator_of(m));
    background_report_forced(h, released);
}

size_t
gh_verify(struct gh_mutator *m)
{
    struct gh_heap *h = m->heap;
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_VERIFY);
    return h->totals.objects_marked;
}

int64_t
gh_heap_now(const struct gh_heap *h)
{
    return os_now_ns() - h->opened_at_ns;
}
