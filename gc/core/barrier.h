/* barrier.h - the write barrier of concurrent marking: Go's hybrid barrier, in the form in
 * which it was proposed.
 *
 * Note [hybrid barrier]. While a cycle marks, a store of `value` greys what the slot held
 * before, and `value` too until the mutator's stack has been scanned:
 *
 *     old = exchange(slot, value); shade(old); if (the stack is grey) shade(value)
 *
 * Shading what is overwritten (Yuasa) keeps the heap as it was when the cycle began: whatever
 * was reachable through the heap then gets marked. Shading what is stored (Dijkstra) closes the
 * one way around that: a reference that only a stack held which has not been scanned yet,
 * stored into an object that is black already, and then dropped from the stack. A stack that
 * has been scanned stays black: what a mutator loads from the heap afterwards is protected by
 * the first half, what it allocates is born black. So frames need no barrier and no stack is
 * scanned twice (Clements and Hudson, Go proposal 17503; docs/design/barrier.md has the whole
 * argument). Go shades `value` always, as asking for the stack's colour would cost it more.
 *
 * An object that was born black in this cycle holds no reference from before it, so that
 * nothing which is overwritten there can be missed. Most stores into young objects initialise
 * them: where the slot lies in the run that the mutator took last, and its stack is black, the
 * barrier is the store alone.
 *
 * Shading is put off: values go into a buffer of the mutator's, which is emptied when it is
 * full, when the mutator flushes for the end of marking, and in the stop that ends it. A value
 * in a buffer counts as grey. That the store comes first, where Go shades first, is the same to
 * everybody: nobody looks into the buffer before the mutator's next safepoint, nor does the
 * phase end. It is an exchange, and not a load and a store, for the kernel's sake: the load of
 * a slot in a page that was never touched would make it map a page of zeros, and the store then
 * be much dearer than one fault (docs/design/allocator.md).
 *
 * Bulk stores (gh_copy_refs, gh_clear_refs) shade all old values first, and all new ones. Of
 * two mutators that do that to one slot both may see the same old value, so that the value
 * which the first stored is overwritten unseen. That is no loss: docs/design/barrier.md, "Two
 * stores race". */
#ifndef GH_GC_CORE_BARRIER_H
#define GH_GC_CORE_BARRIER_H

#include "gc/core/mutator_mark.h"

/* Grey what is in the buffer. Owner of the mutator_mark. */
void barrier_flush(struct mutator_mark *mm);
/* Owner mutator, RUNNING: grey one object, if a cycle is marking. Not a safepoint. */
void barrier_shade(struct mutator *m, uintptr_t ref);

#endif
