/* list.c - a goheap workload as a plug-in, to start your own from.
 *
 * It pushes numbers onto a linked list, reverses the list in place, adds it up, drops it, and
 * does so again. Build and run:
 *
 *     make                                     # needs `pkg-config goheap`; see the Makefile
 *     goheap run ./list.so --length 1000 --threads 2 --gogc 50
 *     goheap help ./list.so
 *
 * One rule is to be kept in mind throughout: A RAW POINTER TO AN OBJECT IS DEAD AFTER A
 * SAFEPOINT. Safepoints are gh_new and its relatives, gh_poll, GH_FRAME, and all functions that
 * use one of them. What must survive lives in a frame slot, in a registered root, or in another
 * object. */
#include "workloads/api/workload.h"

#include <stdlib.h>

/* What lives on the heap: a plain struct. References are ordinary pointers. */
struct item {
    struct item *next;
    uint64_t number;
};

/* What the workload keeps for itself, outside the heap. */
struct list_state {
    const struct gh_type *item;
    uint64_t length, rounds;
    uint64_t *sums; /* one a thread */
};

/* Slots of the frame that a round works in. Names make them readable. */
enum { HEAD, LIST_SLOTS };

/* The list of `length` items is left in slot HEAD of the innermost frame. */
static void
list_push_all(struct gh_mutator *m, const struct list_state *s)
{
    for (uint64_t i = 1; i <= s->length; i++) {
        struct item *it = gh_new(m, s->item); /* zeroed; a safepoint */
        it->number = i;                       /* no reference: a plain store */
        /* A reference stored into an object goes through gh_store; into a slot it does not. The
         * slot is read after gh_new, so it is fresh. */
        gh_store(m, &it->next, GH_SLOT(m, struct item, HEAD));
        GH_SLOT(m, struct item, HEAD) = it;
    }
}

/* No safepoint in here, so raw pointers are good for the whole function. If lists could be very
 * long, others would wait for us to stop: then the loop should poll, and keep its two pointers
 * in slots (see list_sum). */
static void
list_reverse(struct gh_mutator *m)
{
    struct item *done = NULL, *rest = GH_SLOT(m, struct item, HEAD);
    while (rest != NULL) {
        struct item *next = rest->next;
        gh_store(m, &rest->next, done);
        done = rest;
        rest = next;
    }
    GH_SLOT(m, struct item, HEAD) = done;
}

/* A function with a frame of its own reaches its caller's slots by GH_OUTER_SLOT: whatever it
 * had been passed raw would be dead after GH_FRAME. */
static uint64_t
list_sum(struct gh_mutator *m)
{
    uint64_t sum = 0, place = 0;
    GH_FRAME(m, 1); /* popped when the function is left */
    GH_SLOT(m, struct item, 0) = GH_OUTER_SLOT(m, struct item, 1, HEAD);
    while (GH_SLOT(m, struct item, 0) != NULL) {
        sum += GH_SLOT(m, struct item, 0)->number * ++place;
        GH_SLOT(m, struct item, 0) = GH_SLOT(m, struct item, 0)->next;
        gh_poll(m); /* a loop that does not allocate polls */
    }
    return sum;
}

/* One thread's work. It has a mutator of its own, which is how it gets at the heap. */
static void
list_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct list_state *s = arg;
    for (uint64_t i = 0; i < s->rounds; i++) {
        if (gh_interrupted(job)) /* Ctrl-C: leave soon */
            return;
        GH_FRAME(m, LIST_SLOTS); /* all slots are NULL at first */
        list_push_all(m, s);
        list_reverse(m);
        s->sums[t] += list_sum(m);
        gh_progress(job, i + 1, s->rounds);
    } /* the frame goes, and with it the list's only reference */
}

/* Before the clock runs: options, types, what the work needs. */
static bool
list_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct list_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s); /* teardown gets it even if we fail below */
    if (s != NULL)
        s->sums = calloc((size_t)gh_job_threads(job), sizeof *s->sums);
    if (s == NULL || s->sums == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "list: no memory");
    s->length = (uint64_t)gh_job_int(job, "length");
    s->rounds = (uint64_t)gh_job_int(job, "rounds");
    /* The collector must know where an item's references are. */
    s->item =
        gh_type_small(gh_job_heap(job), "item", sizeof(struct item), GH_PTR(struct item, next));
    return true;
}

/* The work. What is timed lies between begin and end. */
static bool
list_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct list_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, gh_job_threads(job), list_thread, s, err);
    gh_timer_end(job);
    return ok;
}

/* Is the result right? A collector that loses an object is found out here. The reversed list
 * reads 1, 2 .. n, so the sum of number times place is the sum of squares. */
static bool
list_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct list_state *s = gh_job_state(job);
    uint64_t n = s->length, want = 0;
    for (uint64_t i = 1; i <= n; i++)
        want += i * i;
    want *= s->rounds;
    for (int t = 0; t < gh_job_threads(job); t++)
        if (s->sums[t] != want)
            return gh_error_set(err, GH_EXIT_FAILED, "list: thread %d: the sum is %lu, not %lu",
                                t, (unsigned long)s->sums[t], (unsigned long)want);
    gh_checksum(job, want);
    gh_emit(job, "ns_per_item", gh_timer_wall(job) * 1e9 / (double)(n * s->rounds), "ns");
    return true;
}

/* Always called, also after a failed setup. */
static void
list_teardown(struct gh_job *job)
{
    struct list_state *s = gh_job_state(job);
    if (s != NULL)
        free(s->sums);
    free(s);
}

/* The workload's own options: checked against their bounds before setup sees them. */
static const struct gh_option list_options[] = {
    {.name = "length",
     .kind = GH_OPT_INT,
     .help = "items in a list",
     .value = "100k",
     .min = 1,
     .max = 1000000},
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "lists each thread makes",
     .value = "100",
     .min = 1,
     .max = 1000000},
    {.name = NULL},
};

/* What goheap looks for: this one symbol. */
GH_API const struct gh_workload gh_plugin_workload = {
    GH_WORKLOAD_HEADER,
    .name = "list",
    .help = "push, reverse and add up linked lists",
    .about =
        "Each thread pushes numbers onto a list, reverses it in place, adds it up and drops "
        "it.\nReported: wall time an item.",
    .options = list_options,
    .max_threads = 64,
    .setup = list_setup,
    .run = list_run,
    .verify = list_verify,
    .teardown = list_teardown,
};
