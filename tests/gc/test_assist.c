/* test_assist.c - what mutators do for the marking, as arithmetic: debt, credit, slices, and
 * when they wait (gc/core/assist.h). Time enters only where the test puts it in. */
#include "tests/gc/stage.h"

#include <pthread.h>
#include <sched.h>

enum { LIST = 3000 };

static const int64_t SECOND = INT64_C(1000) * 1000 * 1000;

struct assist {
    struct stage s;
    struct mutator_mark *mm;
    struct pacer *pacer;
    struct mark_phase *phase;
};

/* A cycle in which a list is left to mark, and assists cost 2 bytes of work a byte. */
static void
assist_open(struct assist *x, int length)
{
    stage_open(&x->s);
    x->mm = mutator_mark(mutator_of(x->s.a));
    x->pacer = &x->s.heap->pacer;
    x->phase = &x->s.heap->mark_phase;
    for (int i = 0; i < length; i++) {
        struct node *n = stage_node(&x->s);
        gh_store(x->s.a, &n->next, GH_SLOT(x->s.a, struct node, 0));
        GH_SLOT(x->s.a, struct node, 0) = n;
    }
    assist_charge(mutator_of(x->s.a), 1000); /* no cycle, no debt */
    assert_int_equal(x->mm->credit_bytes, 0);
    x->mm->credit_bytes = -1000; /* left over from another cycle */
    stage_begin(&x->s);
    assert_int_equal(x->mm->credit_bytes, 0);
    atomic_store(&x->pacer->assist_work_per_byte, 2);
    atomic_store(&x->pacer->assist_bytes_per_work, 0.5);
    atomic_store(&x->pacer->bg_scan_credit, 0);
    x->pacer->fractional_goal = 0;
}

static void
assist_close(struct assist *x)
{
    stage_end(&x->s);
    stage_close(&x->s);
}

static uint64_t
work_done(const struct assist *x)
{
    return x->mm->work.scan_work;
}

static int64_t
credit(const struct assist *x)
{
    return atomic_load(&x->pacer->bg_scan_credit);
}

static void
background_work_is_credit_and_counts_as_heap_work(void **state)
{
    struct assist x;
    assist_open(&x, 0);
    int64_t before = atomic_load(&x.pacer->heap_scan_work);
    assist_credit(x.phase, 0);
    assist_credit(x.phase, 12345);
    assert_int_equal(credit(&x), 12345);
    assert_int_equal(atomic_load(&x.pacer->heap_scan_work), before + 12345);
    assist_close(&x);
}

static void
debt_is_paid_from_credit_first(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    const int64_t debt = 100000, price = 2 * debt;
    uint64_t before = work_done(&x);
    assist_credit(x.phase, price + 777);
    assist_charge(mutator_of(x.s.a), debt);
    assert_int_equal(x.mm->credit_bytes, -debt);
    assist_pay(mutator_of(x.s.a));
    assert_int_equal(credit(&x), 777);
    assert_int_equal(x.mm->credit_bytes, 1); /* rounded up, so that a debt of 1 can be paid */
    assert_int_equal(work_done(&x), before);
    assist_pay(mutator_of(x.s.a)); /* nothing to pay */
    assert_int_equal(credit(&x), 777);
    assist_close(&x);
}

/* Small debts are paid for with more than they cost. */
static void
payments_are_at_least_of_a_size(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    assist_credit(x.phase, 10 * PACER_OVER_ASSIST);
    assist_charge(mutator_of(x.s.a), 10);
    assist_pay(mutator_of(x.s.a));
    assert_int_equal(credit(&x), 9 * PACER_OVER_ASSIST);
    assert_int_equal(x.mm->credit_bytes, -10 + PACER_OVER_ASSIST / 2 + 1);
    assist_close(&x);
}

static void
debt_of_any_size_is_settled_by_one_payment(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    const int64_t debt = INT64_C(100) << 20, price = 2 * debt;
    assist_credit(x.phase, price + 777);
    assist_charge(mutator_of(x.s.a), debt);
    assist_pay(mutator_of(x.s.a));
    assert_int_equal(x.mm->credit_bytes, 1);
    assert_int_equal(credit(&x), 777);
    assist_close(&x);
}

/* Credit that does not suffice is taken, and the rest is worked off. */
static void
what_credit_does_not_cover_is_marked(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    const int64_t debt = 100000;
    uint64_t before = work_done(&x);
    int64_t heap_before = atomic_load(&x.pacer->heap_scan_work);
    assist_credit(x.phase, 1000);
    assist_charge(mutator_of(x.s.a), debt);
    assist_pay(mutator_of(x.s.a));
    int64_t did = (int64_t)(work_done(&x) - before);
    assert_true(did > 0);
    assert_int_equal(credit(&x), 0);
    assert_int_equal(x.mm->credit_bytes, -debt + 500 + 1 + did / 2 + 1);
    assert_int_equal(atomic_load(&x.pacer->heap_scan_work), heap_before + 1000 + did);
    assert_true(atomic_load(&x.pacer->assist_ns) > 0);
    assert_int_equal(atomic_load(&x.pacer->fractional_ns), 0);
    assist_close(&x);
}

static void
limiter_switches_assists_off(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    struct limiter *l = &x.s.heap->limiter;
    atomic_store(&l->last_update_ns, os_now_ns() + 3600 * SECOND); /* nobody updates it */
    atomic_store(&l->on, true);
    uint64_t before = work_done(&x);
    assist_credit(x.phase, 1000);
    assist_charge(mutator_of(x.s.a), 100000);
    assist_pay(mutator_of(x.s.a));
    assert_int_equal(work_done(&x), before);
    assert_int_equal(credit(&x), 1000);
    assert_int_equal(x.mm->credit_bytes, 0); /* forgiven */
    atomic_store(&l->on, false);
    atomic_store(&l->last_update_ns, os_now_ns());
    assist_close(&x);
}

/* --- slices by time --- */

static void
slice_is_due_when_its_share_of_time_has_passed(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    struct mutator *a = mutator_of(x.s.a);
    x.pacer->fractional_goal = 0.2; /* after 1 s of marking, 4 s of other things */
    for (int early = 1; early >= 0; early--) {
        uint64_t before = work_done(&x);
        int64_t credit_before = credit(&x);
        x.mm->slice_ns = 1000 * SECOND;
        x.mm->slice_end_ns = os_now_ns() - 4000 * SECOND + (early ? 500 * SECOND : 0);
        assist_slice_if_due(a);
        assert_int_equal(work_done(&x) == before, early);
        assert_int_equal(credit(&x) - credit_before, (int64_t)(work_done(&x) - before));
    }
    assert_true(x.mm->slice_ns < 1000 * SECOND);
    assert_true(atomic_load(&x.pacer->fractional_ns) > 0);
    assert_int_equal(atomic_load(&x.pacer->assist_ns), 0);
    assist_close(&x);
}

/* Whether a slice is given so long after one of 1000 s, at a fractional share of 0.3. */
static bool
is_sliced(int idle, int64_t after_s)
{
    struct assist x;
    assist_open(&x, LIST);
    x.pacer->fractional_goal = 0.3;
    uint64_t before = work_done(&x);
    x.mm->slice_ns = SECOND * 1000;
    x.mm->slice_end_ns = os_now_ns() - SECOND * after_s;
    atomic_store(&x.phase->idle_active, idle);
    assist_slice_if_due(mutator_of(x.s.a));
    bool any = work_done(&x) > before;
    atomic_store(&x.phase->idle_active, 0);
    assist_close(&x);
    return any;
}

/* One of four processors is as much as the pacer asks for: a tenth of the time is lent then. */
static void
fewer_slices_while_idle_processors_do_enough(void **state)
{
    assert_false(is_sliced(0, 2300));
    assert_true(is_sliced(0, 2400));
    assert_false(is_sliced(1, 8900));
    assert_true(is_sliced(1, 9100));
}

/* Work that nobody does, because all processors belong to mutators that do not allocate. */
static void
requested_slice_is_given_if_nobody_marks(void **state)
{
    struct assist x;
    assist_open(&x, LIST);
    uint64_t before = work_done(&x);
    assist_slice_if_due(mutator_of(x.s.a)); /* the stage counts as a drainer */
    assert_int_equal(work_done(&x), before);
    atomic_fetch_sub(&x.phase->busy, 1);
    assist_slice_if_due(mutator_of(x.s.a));
    assert_true(work_done(&x) > before);
    atomic_fetch_add(&x.phase->busy, 1);
    assist_close(&x);
}

/* --- waiting --- */

struct goal {
    uint64_t percent, triggered;
};

/* Put the goal below the live heap, or far above. Returns what was there. */
static struct goal
set_goal(struct assist *x, bool reached)
{
    struct goal was = {x->pacer->percent_goal, x->pacer->triggered};
    x->pacer->percent_goal = reached ? 1 : UINT64_C(1) << 40;
    x->pacer->triggered = UINT64_MAX; /* whose runway would lift it */
    x->pacer->sweep_min = 0;
    assert_int_equal(pacer_live(x->pacer) >= pacer_heap_goal(x->pacer), reached);
    return was;
}

static void
restore_goal(struct assist *x, const struct goal *was)
{
    x->pacer->percent_goal = was->percent;
    x->pacer->triggered = was->triggered;
}

static void
debtors_wait_at_the_goal_only(void **state)
{
    for (int at = 0; at < 2; at++) {
        struct assist x;
        assist_open(&x, 1);
        stage_drain(&x.s); /* no work is left, and no credit */
        assert_false(mark_phase_any_work(x.phase));
        struct goal was = set_goal(&x, at);
        assist_charge(mutator_of(x.s.a), 100000);
        assist_pay(mutator_of(x.s.a));
        assert_int_equal(atomic_load(&x.phase->parks), at);
        assert_int_equal(atomic_load(&x.phase->parked), 0);
        assert_true(x.mm->credit_bytes < -99900);
        assist_credit(x.phase, 1000); /* a little of it: goes on without waiting */
        assist_pay(mutator_of(x.s.a));
        assert_int_equal(atomic_load(&x.phase->parks), at);
        restore_goal(&x, &was);
        assist_close(&x);
        assert_int_equal(x.s.cycles[0].assist_parks, at);
    }
}

static _Atomic(bool) stop_paying;

static void *
pay_main(void *arg)
{
    struct assist *x = arg;
    struct gh_mutator *m = gh_attach(x->s.heap, "debtor");
    while (!atomic_load(&stop_paying)) {
        if (m->barrier)
            assist_charge(mutator_of(m), 100000);
        assist_pay(mutator_of(m));
        gh_poll(m);
    }
    gh_detach(m);
    return NULL;
}

/* The end of the cycle lets all go on who wait for credit that never comes. */
static void
debtors_go_on_when_the_cycle_has_ended(void **state)
{
    struct assist x;
    pthread_t t[2];
    assist_open(&x, 1);
    stage_drain(&x.s);
    set_goal(&x, true); /* until the end of the cycle computes another */
    atomic_store(&stop_paying, false);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, pay_main, &x);
    while (atomic_load(&x.phase->parks) < 4)
        sched_yield();
    stage_end(&x.s);
    atomic_store(&stop_paying, true);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&x.phase->parked), 0);
    assert_true(x.s.cycles[0].assist_parks >= 4);
    stage_close(&x.s);
}

/* One that would wait for a minute is woken at once. */
static void *
wait_for_credit(void *phase)
{
    struct mark_phase *p = phase;
    lock_acquire(&p->lock);
    atomic_fetch_add(&p->parked, 1);
    bool woken = cond_wait_until(&p->paid, &p->lock, os_now_ns() + 60 * SECOND);
    atomic_fetch_sub(&p->parked, 1);
    lock_release(&p->lock);
    return woken ? phase : NULL;
}

static void
end_wakes_who_waits_for_credit(void **state)
{
    struct stage s;
    stage_open(&s);
    struct mark_phase *p = &s.heap->mark_phase;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, wait_for_credit, p), 0);
    while (atomic_load(&p->parked) == 0)
        sched_yield();
    lock_acquire(&p->lock); /* now it waits */
    lock_release(&p->lock);
    mark_phase_ended(p);
    void *woken;
    pthread_join(t, &woken);
    assert_non_null(woken);
    stage_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(background_work_is_credit_and_counts_as_heap_work),
        cmocka_unit_test(debt_is_paid_from_credit_first),
        cmocka_unit_test(payments_are_at_least_of_a_size),
        cmocka_unit_test(debt_of_any_size_is_settled_by_one_payment),
        cmocka_unit_test(what_credit_does_not_cover_is_marked),
        cmocka_unit_test(limiter_switches_assists_off),
        cmocka_unit_test(slice_is_due_when_its_share_of_time_has_passed),
        cmocka_unit_test(fewer_slices_while_idle_processors_do_enough),
        cmocka_unit_test(requested_slice_is_given_if_nobody_marks),
        cmocka_unit_test(debtors_wait_at_the_goal_only),
        cmocka_unit_test(debtors_go_on_when_the_cycle_has_ended),
        cmocka_unit_test(end_wakes_who_waits_for_credit),
    };
    return cmocka_run_group_tests_name("assist", tests, NULL, NULL);
}
