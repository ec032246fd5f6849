/* pauses.c - see pauses.h. */
#include "profiles/pauses.h"

#include <string.h>

void
pauses_init(struct pauses *p)
{
    memset(p, 0, sizeof *p);
    lock_init(&p->lock, LOCK_RANK_LEAF);
}

void
pauses_finish(struct pauses *p)
{
    lock_finish(&p->lock);
}

static uint64_t
pauses_ns(int64_t ns)
{
    return ns < 0 ? 0 : (uint64_t)ns;
}

/* Whether the world stood still from the begin of the cycle to its end: then marking is part of
 * the pause. */
static bool
pauses_is_one_stop(const struct gh_cycle *c)
{
    return c->pause_ns >= c->sweep_term_ns + c->mark_ns + c->mark_term_ns;
}

static void
pauses_cycle(void *ctx, const struct gh_cycle *c)
{
    struct pauses *p = ctx;
    lock_acquire(&p->lock);
    hist_add(&p->total, pauses_ns(c->pause_ns));
    if (pauses_is_one_stop(c)) {
        hist_add(&p->stops, pauses_ns(c->pause_ns));
        hist_add(&p->stopping, pauses_ns(c->stop_wait_ns));
    } else {
        if (c->restart_ns > 0)
            hist_add(&p->stops, pauses_ns(c->restart_ns));
        hist_add(&p->stops, pauses_ns(c->sweep_term_ns));
        hist_add(&p->stops, pauses_ns(c->mark_term_ns));
        hist_add(&p->stopping, pauses_ns(c->stop_waits_ns[0]));
        hist_add(&p->stopping, pauses_ns(c->stop_waits_ns[1]));
    }
    p->restarts += c->restarts;
    p->assist_parks += c->assist_parks;
    if (c->limiter_on) {
        p->limited++;
        p->limited_last = c->number;
    }
    p->last = *c;
    lock_release(&p->lock);
}

static void
pauses_scavenge(void *ctx, const struct gh_scavenging *s)
{
    struct pauses *p = ctx;
    lock_acquire(&p->lock);
    p->scavenged_background_bytes += s->background_bytes;
    p->scavenged_eager_bytes += s->eager_bytes;
    lock_release(&p->lock);
}

struct gh_observer
pauses_observer(struct pauses *p)
{
    return (struct gh_observer){.ctx = p, .cycle = pauses_cycle, .scavenge = pauses_scavenge};
}

struct gh_cycle
pauses_last(struct pauses *p)
{
    lock_acquire(&p->lock);
    struct gh_cycle last = p->last;
    lock_release(&p->lock);
    return last;
}
