/* pauses.c - see pauses.h. */
#include "profiles/pauses.h"

void
pauses_init(struct pauses *p)
{
    lock_init(&p->lock, LOCK_RANK_LEAF);
    hist_init(&p->total);
    hist_init(&p->stopping);
    p->last = (struct gh_cycle){0};
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

static void
pauses_cycle(void *ctx, const struct gh_cycle *c)
{
    struct pauses *p = ctx;
    lock_acquire(&p->lock);
    hist_add(&p->total, pauses_ns(c->pause_ns));
    hist_add(&p->stopping, pauses_ns(c->stop_wait_ns));
    p->last = *c;
    lock_release(&p->lock);
}

struct gh_observer
pauses_observer(struct pauses *p)
{
    return (struct gh_observer){.ctx = p, .cycle = pauses_cycle};
}

struct gh_cycle
pauses_last(struct pauses *p)
{
    lock_acquire(&p->lock);
    struct gh_cycle last = p->last;
    lock_release(&p->lock);
    return last;
}
