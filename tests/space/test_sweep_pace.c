/* test_sweep_pace.c - whoever allocates sweeps in proportion, and all is swept in time. */
#include "fixture.h"

enum { SPANS = 4096, CLASS = 4 << 1 | 1, AT_ONCE = 16 };
static const uint64_t MIB = 1 << 20;

/* A heap of SPANS unswept one-page spans, each with one live object. */
static void
fill(struct fixture *f)
{
    static uintptr_t live[SPANS];
    unsigned slots = span_slots(CLASS);
    for (unsigned i = 0; i < SPANS; i++) {
        live[i] = take_slot(f, 0, CLASS, 0);
        for (unsigned j = 1; j < slots; j++)
            take_slot(f, 0, CLASS, 0);
    }
    cycle_keeping(f, live, SPANS);
    assert_int_equal(f->space.pages_to_sweep, SPANS);
}

static uint64_t
pay(struct fixture *f, size_t bytes, size_t self, uint64_t live)
{
    uint64_t before = f->space.pages_swept;
    gospace_deduct_sweep_credit(&f->space, &f->caches[0], bytes, self, live);
    return f->space.pages_swept - before;
}

static void
all_is_swept_a_margin_before_the_trigger(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint64_t live = 10 * MIB, trigger = 26 * MIB, most = 0;
    gospace_pace_sweep_stw(&f->space, live, trigger);
    for (; live < trigger - MIB; live += GH_PAGE) {
        uint64_t n = pay(f, GH_PAGE, 0, live);
        most = n > most ? n : most;
        double due = (double)(live + GH_PAGE - 10 * MIB) * SPANS / (15.0 * (double)MIB);
        assert_true((double)f->space.pages_swept >= due - 1);
    }
    assert_int_equal(f->space.pages_swept, SPANS);
    assert_int_equal(most, AT_ONCE); /* 4096 pages over 1920 calls: every seventh or so */
    assert_int_equal(pay(f, GH_PAGE, 0, trigger), 0);
    assert_true(f->space.sweep_pages_per_byte == 0);
    assert_true(gospace_sweep_done(&f->space));
    f->space.sweep_due = trigger; /* by somebody who has looked at the pace before */
    assert_int_equal(pay(f, GH_PAGE, 0, trigger), 0);
    assert_true(f->space.sweep_due == UINT64_MAX);
}

/* Half is swept by the background: those who allocate have less to do. */
static void
what_others_sweep_is_credit(void **state)
{
    struct fixture *f = *state;
    fill(f);
    gospace_pace_sweep_stw(&f->space, 10 * MIB, 27 * MIB);
    for (unsigned i = 0; i < SPANS / 2; i++)
        assert_int_equal(gospace_sweep(&f->space, 1), 1);
    assert_int_equal(pay(f, GH_PAGE, 0, 10 * MIB), 0);
    assert_int_equal(pay(f, GH_PAGE, 0, 18 * MIB - GH_PAGE), 0);
    assert_int_equal(pay(f, GH_PAGE, 0, 18 * MIB), AT_ONCE);
    assert_int_equal(pay(f, GH_PAGE, 0, 18 * MIB + 7 * GH_PAGE), 0); /* paid in advance */
    assert_int_equal(pay(f, MIB, MIB / GH_PAGE, 18 * MIB), 256 - AT_ONCE - 128);
}

static void
debt_is_paid_in_calls_of_bounded_length(void **state)
{
    struct fixture *f = *state;
    fill(f);
    gospace_pace_sweep_stw(&f->space, 10 * MIB, 27 * MIB); /* 2 pages for a page */
    uint64_t n = pay(f, GH_PAGE, 0, 20 * MIB);             /* 2560 are due */
    assert_true(n > 2 && n <= 20);
    unsigned calls = 1;
    for (; pay(f, GH_PAGE, 0, 20 * MIB) > 0; calls++)
        continue;
    assert_true(calls < 10 * MIB / GH_PAGE);
    assert_true(f->space.pages_swept >= 2560);
}

static void
close_trigger_does_not_make_one_call_sweep_all(void **state)
{
    struct fixture *f = *state;
    fill(f);
    gospace_pace_sweep_stw(&f->space, 10 * MIB, 10 * MIB + 1);
    assert_true(pay(f, GH_PAGE, 0, 10 * MIB) <= SPANS * GH_PAGE / MIB + 1);
    for (uint64_t live = 10 * MIB; live < 11 * MIB; live += GH_PAGE)
        pay(f, GH_PAGE, 0, live);
    assert_int_equal(f->space.pages_swept, SPANS);
}

/* Of a short way a MiB would be a large part. */
static void
margin_is_a_part_of_a_short_way(void **state)
{
    struct fixture *f = *state;
    fill(f);
    gospace_pace_sweep_stw(&f->space, 0, 4 * MIB);
    uint64_t live = 0;
    for (; live < 3 * MIB; live += GH_PAGE)
        pay(f, GH_PAGE, 0, live);
    assert_true(f->space.pages_swept >= SPANS * 4 / 5);
    assert_true(f->space.pages_swept < SPANS * 4 / 5 + AT_ONCE);
    for (; live < 4 * MIB - MIB / 4; live += GH_PAGE)
        pay(f, GH_PAGE, 0, live);
    assert_int_equal(f->space.pages_swept, SPANS);
}

static void
no_pace_no_sweeping(void **state)
{
    struct fixture *f = *state;
    gospace_pace_sweep_stw(&f->space, MIB, 4 * MIB);
    assert_true(f->space.sweep_pages_per_byte == 0);
    fill(f);
    assert_int_equal(pay(f, MIB, 0, 100 * MIB), 0);     /* not set yet */
    gospace_pace_sweep_stw(&f->space, MIB, UINT64_MAX); /* GOGC=off */
    assert_true(pay(f, MIB, 0, MIB) <= AT_ONCE);
    /* an older live figure than that of the pace */
    gospace_pace_sweep_stw(&f->space, 100 * MIB, 200 * MIB);
    assert_int_equal(pay(f, GH_PAGE, 0, MIB), 0);
    gospace_finish_sweep(&f->space);
    gospace_pace_sweep_stw(&f->space, MIB, 4 * MIB);
    assert_true(f->space.sweep_pages_per_byte == 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_swept_a_margin_before_the_trigger),
        TEST(what_others_sweep_is_credit),
        TEST(debt_is_paid_in_calls_of_bounded_length),
        TEST(close_trigger_does_not_make_one_call_sweep_all),
        TEST(margin_is_a_part_of_a_short_way),
        TEST(no_pace_no_sweeping),
    };
    return cmocka_run_group_tests_name("sweep_pace", tests, NULL, NULL);
}
