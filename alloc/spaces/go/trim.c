/* trim.c - giving back the memory of free slots, in spans that hold survivors.
 *
 * A span of 8 KiB is two pages of the OS, larger ones are more. Objects do not move, so one
 * survivor keeps its span; but an OS page that no allocated slot reaches into can go. What
 * stays are pages with metadata: the last of a span with inline marks or a bitmap. Whoever is
 * handed such a slot clears it, as needzero tells him (a sweep that freed anything has set it;
 * memory that never held anything is zero before and after).
 *
 * Note [trimming]. A page may go only while nobody can be handed a slot in it. So a span is
 * popped from the partial swept set of its class, which makes it the trimmer's, as it makes it
 * a mutator's who caches it; spans that are cached, or being swept, are in no such set and so
 * are left alone. Afterwards it is pushed back, into the same set: the trimmer changes neither
 * its counts nor its sweepgen, and for who looks at that (is_swept) it was swept all the time.
 *   - No cycle can pass while he holds spans. The sweepgen grows in a stopped world only, and
 *     he is a RUNNING actor who reaches no safepoint in between; so the set a span goes back to
 *     is the swept one still, and a stopper, a verifier too, finds every span in its set.
 *   - A cycle may be marking. Markers read live objects and metadata, and set marks, none of
 *     which is in a page that goes. Specials are attached to live objects.
 *   - A mutator that wants a span meanwhile misses those few, and takes another.
 *   - A bound: no more spans are popped than the set held at first, and they are pushed to its
 *     other end, so each is looked at once however many come and go.
 * Between two steps anything may have happened, a cycle too: the walk goes on in what are the
 * swept sets then.
 *
 * What is given back stays in the books as in use (os_discard): the first touch backs it again,
 * and nobody is told. So HeapReleased, the memory limit and the scavenger's goals do not know
 * of it; they err on the side of more memory than there is. `trimmed` counts what has ever
 * gone.
 *
 * Go: nothing of the kind; its unit is a page of 8 KiB in no span.
 *
 * Contexts: RUNNING actor. Locks: SPANSET, inside. */
#include "alloc/base/bits.h"
#include "alloc/spaces/go/internal.h"

enum {
    TRIM_LOOK = 256,     /* spans looked at in a step */
    TRIM_STRETCHES = 32, /* after as many the step ends, and its spans go back; each is a page
                            or some, and takes the kernel about 0.7 us */
    TRIM_STRETCHES_A_SPAN = 16, /* at most: every other OS page of the largest small class */
};

struct trim_step {
    unsigned nspans, nstretches;
    struct mspan *spans[TRIM_STRETCHES]; /* held: those that have a stretch */
    struct os_stretch stretches[TRIM_STRETCHES + TRIM_STRETCHES_A_SPAN];
};
_Static_assert(TRIM_STRETCHES + TRIM_STRETCHES_A_SPAN <= OS_STRETCHES, "one call a step");

/* Whether no allocated slot has a byte in [from, to). */
static bool
trim_is_free(const struct mspan *s, uintptr_t from, uintptr_t to)
{
    uint32_t first = mspan_index_of(s, from), end = mspan_index_of(s, to - 1) + 1;
    if (first >= s->nelems)
        return true; /* the waste at the end of the span */
    if (end > s->nelems)
        end = s->nelems;
    return first >= s->freeindex && run_find_slot(s, first, true) >= end;
}

/* Add the stretches of free pages of `s`. False if there are none. */
static bool
trim_find(struct trim_step *t, const struct mspan *s, size_t page)
{
    uintptr_t end = s->base + s->npages * (uintptr_t)GH_PAGE;
    if (s->inline_marks || span_has_bitmap(s->elemsize, s->span_class))
        end = align_down(s->limit, page); /* behind the slots is metadata */
    unsigned before = t->nstretches;
    uintptr_t open = 0; /* where the stretch begins that the last page belongs to */
    for (uintptr_t a = align_up(s->base, page); a + page <= end; a += page) {
        bool is_free = trim_is_free(s, a, a + page);
        if (is_free && open == 0) {
            open = a;
            t->stretches[t->nstretches++] = (struct os_stretch){(void *)a, 0};
        }
        if (is_free)
            t->stretches[t->nstretches - 1].bytes += page;
        else
            open = 0;
    }
    ASSERT(t->nstretches - before <= TRIM_STRETCHES_A_SPAN,
           "trim_find: span %#zx of %u pages has %u stretches", s->base, s->npages,
           t->nstretches - before);
    return t->nstretches > before;
}

static size_t
trim_discard(struct gospace *g, const struct trim_step *t)
{
    size_t bytes = 0;
    uint64_t taken = os_discard(g->pages->account, t->stretches, t->nstretches);
    for (unsigned i = 0; i < t->nstretches; i++)
        bytes += taken >> i & 1 ? t->stretches[i].bytes : 0;
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&g->trimmed, bytes, memory_order_relaxed);
    return bytes;
}

/* Find the next set with something in it. False: that was the last. */
static bool
trim_next_set(struct gospace *g, struct trim *walk)
{
    uint32_t h = gospace_sweepgen(g);
    while (walk->left == 0) {
        if (walk->next_class == GH_SPAN_CLASSES)
            return false;
        if (walk->next_class < 2)
            walk->next_class = 2; /* large objects have no free slots */
        walk->left = spanset_count(mcentral_partial_swept(&g->central[walk->next_class++], h));
    }
    return true;
}

bool
gospace_trim(struct gospace *g, struct trim *walk)
{
    if (g->clobber_free || !trim_next_set(g, walk))
        return false; /* what was clobbered is to be seen */
    struct mcentral *central = &g->central[walk->next_class - 1];
    struct spanset *set = mcentral_partial_swept(central, gospace_sweepgen(g));
    size_t page = os_page_bytes();
    struct trim_step t;
    t.nspans = t.nstretches = 0;
    for (unsigned i = 0; i < TRIM_LOOK && t.nstretches < TRIM_STRETCHES && walk->left > 0;
         i++) {
        struct mspan *s = spanset_pop(set, &g->set_pool);
        if (s == NULL) {
            walk->left = 0; /* mutators have taken the rest */
            break;
        }
        walk->left--;
        if (trim_find(&t, s, page))
            t.spans[t.nspans++] = s;
        else
            mcentral_put_swept(g, s);
    }
    if (t.nstretches > 0)
        walk->bytes += trim_discard(g, &t);
    for (unsigned i = 0; i < t.nspans; i++)
        mcentral_put_swept(g, t.spans[i]);
    return true;
}
