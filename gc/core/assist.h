/* assist.h - how mutators take part in the marking: by time, and for what they allocate.
 *
 * Note [slices]. Go runs a fractional worker on a processor for a quarter of the time, in one
 * piece until it is ahead of its share, and makes whoever allocates without credit mark until
 * the debt is paid or wait for somebody else's work; both cost single allocations milliseconds.
 * Here both are done in slices on the mutator's own thread, at a safepoint, of at most
 * ASSIST_SLICE_NS each, or BESIDE_IDLE_NS:
 *   - the fractional share: after a slice of t ns the next one is due t (1 - g) / g ns later,
 *     g being the pacer's fractional goal. Its work is credit for everybody.
 *   - the assist: who is in debt and finds no credit marks for one slice. What it could not
 *     pay stays as debt, for the next time it takes memory; so no allocation waits longer than
 *     a slice, and over several of them the pacer's ratio is kept.
 *   - who is in debt, and finds neither credit nor work, goes on as long as the heap is below
 *     its goal: then somebody else holds what is left of the work, and the cycle is nearly
 *     over. At the goal it is parked until there is credit or the cycle ends. So the goal is
 *     kept as Go keeps it, and the wait is where it matters only.
 * A processor that nobody uses marks as well (mark_threads.h). While enough of those do, a
 * third of the fractional share is lent: none at all, and a mutator that allocates fast takes
 * the heap to its goal in every cycle; all of it, and the collector has more than its quarter.
 */
#ifndef GH_GC_CORE_ASSIST_H
#define GH_GC_CORE_ASSIST_H

#include "gc/core/mark_phase.h"

/* Work done in the background pays for what mutators allocate. Any RUNNING actor. */
void assist_credit(struct mark_phase *p, int64_t work);

void assist_pay_slow(struct mutator *m);

/* Owner mutator, RUNNING: it takes `bytes` of the heap. Not a safepoint. */
GH_INLINE void
assist_charge(struct mutator *m, size_t bytes)
{
    if (m->pub.barrier)
        mutator_mark(m)->credit_bytes -= (int64_t)bytes;
}

/* The same, at a safepoint: while a cycle marks, pay for what has been charged. */
GH_INLINE void
assist_pay(struct mutator *m)
{
    if (m->pub.barrier && mutator_mark(m)->credit_bytes < 0)
        assist_pay_slow(m);
}

/* While a cycle marks: mark up to `work` bytes, for no longer than a slice, on the account of
 * the fractional share. Owner mutator, RUNNING; not a safepoint. */
void assist_in_background(struct mutator *m, int64_t work);
/* A fractional slice, if one is due. As assist_pay. */
void assist_slice_if_due(struct mutator *m);
/* Mark while there is anything to mark, slice by slice, and finish the phase if it is quiet
 * then. As assist_pay. */
void assist_all(struct mutator *m);

#endif
