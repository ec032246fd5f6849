/* assist.c - see Note [slices]. Go: gcAssistAlloc, gcParkAssist, gcFlushBgCredit and the
 * fractional mode of gcBgMarkWorker. */
#include "gc/core/assist.h"

#include "gc/core/heap.h"

/* Bytes that may be paid ahead: a mutator comes by so often to see what else is due. When a
 * cycle has more to mark than expected a little work buys a lot. */
enum { CREDIT_MAX = 256 * 1024 };
/* How long a slice is. Where mutators have all the processors, many are due: fewer operations
 * notice if they are long. */
static const int64_t ASSIST_SLICE_NS = INT64_C(500) * 1000;
static const int64_t BESIDE_IDLE_NS = INT64_C(100) * 1000;
enum {
    BESIDE_IDLE_SHARE = 3
}; /* divides the fractional share while idle processors do enough */
static const int64_t PARK_NS = INT64_C(1) * 1000 * 1000; /* look again after so long */

enum {
    ASSIST_CHUNK = GH_TORTURE ? 256 : 8 * 1024
}; /* bytes scanned between looks at the clock */

/* --- credit --- */

void
assist_credit(struct mark_phase *p, int64_t work)
{
    struct pacer *pacer = &p->heap->pacer;
    if (work == 0)
        return;
    /* relaxed, all three: sums, and a hint; who parks looks again after PARK_NS */
    atomic_fetch_add_explicit(&pacer->heap_scan_work, work, memory_order_relaxed);
    atomic_fetch_add_explicit(&pacer->bg_scan_credit, work, memory_order_relaxed);
    if (atomic_load_explicit(&p->parked, memory_order_relaxed) == 0)
        return;
    lock_acquire(&p->lock);
    cond_broadcast(&p->paid);
    lock_release(&p->lock);
}

/* Take up to `work` of the background's credit. Two who take at once may overdraw it by what
 * one of them takes; it is an estimate's estimate. */
static int64_t
assist_take_credit(struct pacer *p, int64_t work)
{
    /* relaxed: a sum */
    int64_t credit = atomic_load_explicit(&p->bg_scan_credit, memory_order_relaxed);
    if (credit <= 0)
        return 0;
    int64_t take = credit < work ? credit : work;
    atomic_fetch_sub_explicit(&p->bg_scan_credit, take, memory_order_relaxed);
    return take;
}

static void
assist_book(struct mutator_mark *mm, const struct pacer *p, int64_t work)
{
    double bytes_per_work =
        atomic_load_explicit(&p->assist_bytes_per_work, memory_order_relaxed);
    double bytes = (double)work * bytes_per_work + 1;
    double room = (double)CREDIT_MAX - (double)mm->credit_bytes;
    if (bytes < room)
        mm->credit_bytes += (int64_t)bytes;
    else
        mm->credit_bytes = CREDIT_MAX;
}

/* What the debt costs in scan work, or some more, so that payments are few. */
static int64_t
assist_price(const struct mutator_mark *mm, const struct pacer *p)
{
    double work_per_byte = atomic_load_explicit(&p->assist_work_per_byte, memory_order_relaxed);
    double debt = -(double)mm->credit_bytes * work_per_byte;
    double most = CREDIT_MAX * work_per_byte;
    double more = most < PACER_OVER_ASSIST ? most : PACER_OVER_ASSIST;
    double work = debt > more ? debt : more;
    return work < 1 ? 1 : work < 1e15 ? (int64_t)work : (int64_t)1e15;
}

/* --- slices --- */

/* Whether processors that nobody uses mark for more than the pacer asks of all. */
static bool
assist_idle_do_it(const struct mark_phase *p)
{
    /* relaxed: a hint */
    int idle = atomic_load_explicit(&p->idle_active, memory_order_relaxed);
    return idle > 0 && idle >= PACER_UTILIZATION * p->heap->config.procs;
}

/* Mark for at most a slice, or `work` bytes. Returns what was scanned. */
static int64_t
assist_slice(struct mutator *m, int64_t work, _Atomic(int64_t) *book)
{
    struct mark_phase *p = &m->pub.heap->mark_phase;
    struct mutator_mark *mm = mutator_mark(m);
    struct mark_worker *w = &mm->work;
    int64_t begin = os_now_ns(), now = begin;
    int64_t end = begin + (assist_idle_do_it(p) ? BESIDE_IDLE_NS : ASSIST_SLICE_NS);
    uint64_t at_begin = w->scan_work, enough = at_begin + (uint64_t)work;
    bool more = true;
    mark_phase_begin_drain(p, w);
    while (more && w->scan_work < enough && now < end) {
        w->scan_limit = w->scan_work + ASSIST_CHUNK;
        more = mark_phase_drain(p, w);
        now = os_now_ns();
    }
    mark_phase_end_drain(p, w);
    now = os_now_ns();
    mm->slice_ns = now - begin;
    mm->slice_end_ns = now;
    /* relaxed: a sum */
    atomic_fetch_add_explicit(book, now - begin, memory_order_relaxed);
    if (book == &p->heap->pacer.assist_ns)
        limiter_add_assist_ns(&p->heap->limiter, now - begin);
    return (int64_t)(w->scan_work - at_begin);
}

static bool
assist_slice_is_due(const struct mutator *m)
{
    const struct mark_phase *p = &m->pub.heap->mark_phase;
    const struct mutator_mark *mm = mutator_mark(m);
    double share = p->heap->pacer.fractional_goal;
    if (share <= 0 || !mark_phase_any_work(p))
        return false;
    if (assist_idle_do_it(p))
        share /= BESIDE_IDLE_SHARE;
    double gap = (double)mm->slice_ns * (1 - share) / share;
    return (double)(os_now_ns() - mm->slice_end_ns) >= gap;
}

void
assist_in_background(struct mutator *m, int64_t work)
{
    struct mark_phase *p = &m->pub.heap->mark_phase;
    if (mark_phase_is_on(p))
        assist_credit(p, assist_slice(m, work, &p->heap->pacer.fractional_ns));
}

static void
assist_fractional(struct mutator *m)
{
    assist_in_background(m, INT64_MAX / 2);
}

void
assist_slice_if_due(struct mutator *m)
{
    struct mark_phase *p = &m->pub.heap->mark_phase;
    if (mark_phase_is_on(p) && mark_phase_any_work(p) &&
        (assist_slice_is_due(m) || atomic_load(&p->busy) == 0))
        assist_fractional(m);
}

void
assist_all(struct mutator *m)
{
    struct mark_phase *p = &m->pub.heap->mark_phase;
    while (mark_phase_is_on(p) && mark_phase_any_work(p)) {
        assist_fractional(m);
        mutator_safepoint(m);
    }
    mark_phase_finish_if_quiet(p, &m->actor);
}

/* --- debt --- */

/* Marking goes on, but there is neither credit nor work. A hint; any thread. */
static bool
assist_has_nothing(const struct gh_heap *heap)
{
    const struct mark_phase *p = &heap->mark_phase;
    /* relaxed: looked at again when woken */
    return mark_phase_is_on(p) && !mark_phase_any_work(p) &&
           atomic_load_explicit(&heap->pacer.bg_scan_credit, memory_order_relaxed) <= 0;
}

/* RUNNING: the goal changes in a stopped world. */
static bool
assist_must_wait(const struct gh_heap *heap)
{
    return assist_has_nothing(heap) &&
           pacer_live(&heap->pacer) >= pacer_heap_goal(&heap->pacer);
}

/* The heap is at its goal, and others hold all the work. */
GH_COLD static void
assist_park(struct mutator *m)
{
    struct mark_phase *p = &m->pub.heap->mark_phase;
    atomic_fetch_add_explicit(&p->parks, 1, memory_order_relaxed);
    gh_blocked_enter(&m->pub);
    mark_phase_wake(p);
    lock_acquire(&p->lock);
    atomic_fetch_add_explicit(&p->parked, 1, memory_order_relaxed);
    if (assist_has_nothing(m->pub.heap))
        cond_wait_until(&p->paid, &p->lock, os_now_ns() + PARK_NS);
    atomic_fetch_sub_explicit(&p->parked, 1, memory_order_relaxed);
    lock_release(&p->lock);
    gh_blocked_exit(&m->pub);
}

/* Credit, then work. False if there was neither. */
static bool
assist_settle(struct mutator *m)
{
    struct gh_heap *heap = m->pub.heap;
    struct pacer *p = &heap->pacer;
    struct mutator_mark *mm = mutator_mark(m);
    int64_t price = assist_price(mm, p);
    int64_t paid = assist_take_credit(p, price);
    assist_book(mm, p, paid);
    if (mm->credit_bytes >= 0)
        return true;
    if (!mark_phase_any_work(&heap->mark_phase))
        return paid > 0;
    int64_t did = assist_slice(m, price - paid, &p->assist_ns);
    /* relaxed: a sum */
    atomic_fetch_add_explicit(&p->heap_scan_work, did, memory_order_relaxed);
    assist_book(mm, p, did);
    return true;
}

void
assist_pay_slow(struct mutator *m)
{
    struct gh_heap *heap = m->pub.heap;
    struct mark_phase *p = &heap->mark_phase;
    heap_update_limiter(heap);
    if (assist_slice_is_due(m))
        assist_fractional(m);
    bool settled = true;
    if (limiter_is_on(&heap->limiter)) /* the program has a right to half of the time */
        mutator_mark(m)->credit_bytes = 0;
    else
        settled = assist_settle(m);
    mark_phase_finish_if_quiet(p, &m->actor);
    mutator_safepoint(m);
    if (!settled && assist_must_wait(heap))
        assist_park(m);
}
