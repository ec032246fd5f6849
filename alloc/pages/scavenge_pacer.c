/* scavenge_pacer.c - see scavenge_pacer.h. Pure; no locks; any context. */
#include "alloc/pages/scavenge_pacer.h"

#include <math.h>

static const double PACER_SHARE = 0.01;        /* of all processors, for the scavenger */
static const double PACER_START_RATIO = 0.001; /* work / sleep at the start */
static const double PACER_COOLDOWN_NS = 5e9;

bool
pi_controller_next(struct pi_controller *c, double input, double setpoint, double period_ns,
                   double *output)
{
    double error = setpoint - input;
    double raw = c->kp * error + c->integral;
    double out = raw < c->min ? c->min : raw > c->max ? c->max : raw;

    c->integral += c->kp * period_ns / c->ti * error + period_ns / c->tt * (out - raw);
    if (!isfinite(raw) || !isfinite(c->integral)) {
        c->integral = 0;
        *output = c->min;
        return false;
    }
    *output = out;
    return true;
}

void
scavenge_pacer_init(struct scavenge_pacer *s)
{
    *s = (struct scavenge_pacer){
        .controller = {.kp = 0.3375, .ti = 3.2e6, .tt = 1e9, .min = 0.001, .max = 1000},
        .procs = 1,
        .sleep_ratio = PACER_START_RATIO,
    };
}

void
scavenge_pacer_slept(struct scavenge_pacer *s, int64_t slept_ns)
{
    if (s->last_work_ns <= 0)
        return; /* there was no work to account for */
    double slept = slept_ns > 0 ? (double)slept_ns : 0;
    double period = s->last_work_ns + slept, share = s->last_work_ns / (period * s->procs);
    s->last_work_ns = s->planned_ns = 0;

    if (s->cooldown_ns > 0) {
        s->cooldown_ns = s->cooldown_ns > period ? s->cooldown_ns - period : 0;
        return;
    }
    if (!pi_controller_next(&s->controller, share, PACER_SHARE, period, &s->sleep_ratio)) {
        s->sleep_ratio = PACER_START_RATIO;
        s->cooldown_ns = PACER_COOLDOWN_NS;
    }
}

int64_t
scavenge_pacer_sleep_ns(struct scavenge_pacer *s, int64_t worked_ns, size_t released)
{
    enum { OS_PAGE = 4096 };
    if (s->planned_ns > 0)
        scavenge_pacer_slept(s, (int64_t)s->planned_ns);
    if (worked_ns <= 0) /* a clock too coarse to see it */
        worked_ns = (int64_t)(released / OS_PAGE) * SCAVENGE_PAGE_WORK_NS;
    s->worked_ns += (double)worked_ns;
    if (released > 0 && s->worked_ns < SCAVENGE_MIN_WORK_NS)
        return 0;

    s->last_work_ns = s->worked_ns;
    s->worked_ns = 0;
    s->planned_ns = s->last_work_ns / s->sleep_ratio;
    return (int64_t)s->planned_ns;
}

uint64_t
scavenge_limit_goal(uint64_t limit, uint64_t ready)
{
    uint64_t goal =
        limit / 100 * SCAVENGE_LIMIT_PERCENT + limit % 100 * SCAVENGE_LIMIT_PERCENT / 100;
    return ready > goal ? goal : UINT64_MAX;
}

uint64_t
scavenge_retain_goal(uint64_t goal, uint64_t last_goal, uint64_t heap_inuse)
{
    if (last_goal == 0)
        return UINT64_MAX;
    double keep = (double)heap_inuse * ((double)goal / (double)last_goal);
    keep += keep * SCAVENGE_RETAIN_EXTRA_PERCENT / 100;
    return keep < 0x1p63 ? (uint64_t)keep : UINT64_MAX;
}
