/* test_background.c - what happens beside the mutators: the collection that is due for want of
 * another, sweeping, memory on its way back to the OS. Waits are bounded, never timed. */
#include "tests/gc/testheap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct gh_heap *
open_heap(int gogc)
{
    struct gh_config c = testheap_config(gogc);
    struct gh_heap *h = testheap_open(&c);
    h->background.force_period_ns = 20 * 1000 * 1000;
    return h;
}

/* Let `ms` pass as a mutator that blocks. */
static void
nap(struct gh_mutator *m, int ms)
{
    gh_blocked_enter(m);
    usleep((useconds_t)ms * 1000);
    gh_blocked_exit(m);
}

static void
idle_heap_is_collected_once_a_period(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(100);
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s = {0};
    gh_gc(m);
    for (int i = 0; i < 1000 && s.num_gc < 4; i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.num_gc >= 4);
    assert_int_equal(s.num_forced_gc, 1);
    gh_detach(m);
    gh_heap_close(h);
}

static void
gogc_off_switches_the_periodic_collection_off(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    struct gh_memstats s;
    gh_gc(m);
    nap(m, 200);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.num_gc, 1);
    gh_detach(m);
    gh_heap_close(h);
}

static void
sweeping_is_done_while_nobody_allocates(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    for (int i = 0; i < 50000; i++)
        gh_new_bytes(m, 64);
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_FORCED); /* without gh_gc's sweep */
    for (int i = 0; i < 1000 && !gospace_sweep_done(&h->space); i++)
        nap(m, 10);
    assert_true(gospace_sweep_done(&h->space));
    gh_detach(m);
    gh_heap_close(h);
}

static void
memory_above_the_goal_goes_back_by_itself(void **state)
{
    (void)state;
    struct gh_heap *h = open_heap(GH_GOGC_OFF);
    struct gh_mutator *m = gh_attach(h, "test");
    void *root = NULL;
    gh_roots_add(h, &root, 1);
    for (int i = 0; i < 64; i++)
        gh_new_bytes(m, 1 << 20);
    gh_set_gogc(m, 100);
    gh_gc(m);
    gh_gc(m); /* the second knows a goal to compare with */
    struct gh_memstats s = {0};
    for (int i = 0; i < 2000 && s.heap_released < (4 << 20); i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.heap_released >= (4 << 20));
    assert_true(s.heap_released <= s.heap_idle);
    gh_free_os_memory(m);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.heap_released, s.heap_idle);
    gh_roots_remove(h, &root);
    gh_detach(m);
    gh_heap_close(h);
}

/* --- idle heaps --- */

static const int64_t MS = 1000 * 1000, NEVER_NS = INT64_C(1) << 60;

/* One large object in use and 64 MiB of dead ones that no trigger will find, by a heap that has
 * had a cycle. */
static struct gh_heap *
open_idle_heap(bool idle_release, void **root, struct gh_mutator **m)
{
    struct gh_config c = testheap_config(100);
    c.idle_release = idle_release;
    struct gh_heap *h = testheap_open(&c);
    h->background.force_period_ns = NEVER_NS;
    h->background.idle_period_ns = 20 * MS;
    *m = gh_attach(h, "test");
    gh_roots_add(h, root, 1);
    const struct gh_type *ref = gh_type_small(h, "ref", 8, 1);
    void **table = gh_new_array(*m, ref, 64);
    *root = table;
    for (int i = 0; i < 64; i++) {
        void *p = gh_new_bytes(*m, 1 << 20);
        memset(p, 1, 1 << 20);
        gh_store(*m, &((void **)*root)[i], p);
    }
    gh_gc(*m);
    gh_clear_refs(*m, (void **)*root + 1, 63);
    return h;
}

static void
close_idle_heap(struct gh_heap *h, void **root, struct gh_mutator *m)
{
    gh_roots_remove(h, root);
    gh_detach(m);
    gh_heap_close(h);
}

static void
idle_heap_is_collected_and_shrinks(void **state)
{
    (void)state;
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(true, &root, &m);
    struct gh_memstats s = {.heap_sys = UINT64_MAX};
    for (int i = 0; i < 2000 && s.heap_released < s.heap_sys - (3 << 20); i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.heap_released >= s.heap_sys - (3 << 20)); /* so it was collected */
    uint32_t cycles = s.num_gc;
    nap(m, 200); /* once is enough */
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.num_gc, cycles);
    close_idle_heap(h, &root, m);
}

/* Without a cycle for it: GOGC is off, so that none is wanted. What the last one left is swept,
 * and the scavenger has seen it and sleeps. */
static void
idle_heap_shrinks_without_a_collection(void **state)
{
    (void)state;
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(true, &root, &m);
    struct gh_memstats s = {.heap_sys = UINT64_MAX};
    gh_set_gogc(m, GH_GOGC_OFF);
    gh_store(m, &root, NULL);
    gh_gc(m);
    gh_read_memstats(h, m, &s);
    uint32_t cycles = s.num_gc;
    for (int i = 0; i < 2000 && s.heap_released < s.heap_sys - (3 << 20); i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.heap_released >= s.heap_sys - (3 << 20));
    assert_int_equal(s.num_gc, cycles);
    close_idle_heap(h, &root, m);
}

/* One object of a hundred stays, in each of the 64 slots of the table at `root`. */
static void
scatter_survivors(struct gh_mutator *m, void **root)
{
    int gogc = gh_set_gogc(m, GH_GOGC_OFF); /* or what dies is used again at once */
    for (uint64_t i = 0; i < 6400; i++) {
        uint64_t *p = gh_new_bytes(m, 64);
        p[0] = p[7] = i;
        if (i % 100 == 0)
            gh_store(m, &((void **)*root)[i / 100], p);
    }
    gh_set_gogc(m, gogc);
}

static void
assert_survivors(void **root)
{
    for (uint64_t i = 0; i < 64; i++) {
        const uint64_t *p = ((void **)*root)[i];
        assert_int_equal(p[0], i * 100);
        assert_int_equal(p[7], i * 100);
    }
}

static void
memory_between_objects_goes_back_on_demand(void **state)
{
    (void)state;
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(false, &root, &m);
    for (int round = 0; round < 3; round++) {
        struct gh_memstats s;
        gh_read_memstats(h, m, &s);
        uint64_t before = s.trimmed;
        scatter_survivors(m, &root);
        gh_free_os_memory(m);
        gh_read_memstats(h, m, &s);
        assert_in_range(s.trimmed - before, 10 * os_page_bytes(), 100 * os_page_bytes());
        assert_int_equal(s.heap_released, s.heap_idle); /* which is another matter */
        assert_survivors(&root);
        gh_verify(m);
    }
    close_idle_heap(h, &root, m);
}

static void
memory_between_objects_of_an_idle_heap_goes_back(void **state)
{
    (void)state;
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(true, &root, &m);
    scatter_survivors(m, &root);
    struct gh_memstats s = {0};
    for (int i = 0; i < 2000 && s.trimmed < 10 * os_page_bytes(); i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.trimmed >= 10 * os_page_bytes());
    nap(m, 300); /* all of it */
    gh_read_memstats(h, m, &s);
    uint64_t trimmed = s.trimmed;
    nap(m, 200); /* once is enough */
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.trimmed, trimmed);
    assert_survivors(&root);
    gh_verify(m);
    close_idle_heap(h, &root, m);
}

static void
idle_release_can_be_switched_off(void **state)
{
    (void)state;
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(false, &root, &m);
    struct gh_memstats s;
    gh_read_memstats(h, m, &s);
    uint32_t before = s.num_gc;
    nap(m, 300);
    gh_read_memstats(h, m, &s);
    assert_int_equal(s.num_gc, before);
    close_idle_heap(h, &root, m);
}

/* How often threads other than this one have gone to sleep. */
static unsigned long
sleeps_of_others(void)
{
    char path[64], line[128];
    unsigned long sum = 0, n;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *t; (t = readdir(tasks)) != NULL;) {
        if (t->d_name[0] == '.' || atoi(t->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", t->d_name);
        FILE *f = fopen(path, "r");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
                sum += n;
        if (f != NULL)
            fclose(f);
    }
    closedir(tasks);
    return sum;
}

static void
nobody_wakes_when_there_is_nothing_to_do(void **state)
{
    (void)state;
    if (GH_TSAN)
        skip(); /* has a thread of its own */
    void *root = NULL;
    struct gh_mutator *m;
    struct gh_heap *h = open_idle_heap(true, &root, &m);
    unsigned long before, after;
    int i = 0;
    do { /* until all is swept, collected and released */
        before = sleeps_of_others();
        nap(m, 500);
        after = sleeps_of_others();
    } while (before != after && ++i < 60);
    assert_int_equal(before, after);
    close_idle_heap(h, &root, m);
}

/* --- what observers are told --- */

struct seen {
    _Atomic(int) cycles, forced;
    _Atomic(uint64_t) bytes, forced_bytes;
};

static void
see_scavenging(void *ctx, const struct gh_scavenging *s)
{
    struct seen *seen = ctx;
    if (s->forced) {
        seen->forced_bytes += s->eager_bytes;
        seen->forced++;
    } else {
        seen->bytes += s->background_bytes + s->eager_bytes;
        seen->cycles++;
    }
    assert_true(s->utilization_percent <= 100);
}

static void
observers_hear_of_scavenging_once_a_cycle(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct gh_heap *h = open_heap(100);
    h->background.force_period_ns = NEVER_NS;
    gh_observe(h, &(struct gh_observer){.ctx = &seen, .scavenge = see_scavenging});
    struct gh_mutator *m = gh_attach(h, "test");
    for (int i = 0; i < 16; i++)
        gh_new_bytes(m, 1 << 20);
    gh_gc(m);
    for (int i = 0; i < 1000 && seen.cycles < 1; i++)
        nap(m, 10);
    assert_true(seen.cycles >= 1);
    memset(gh_new_bytes(m, 2 << 20), 1, 2 << 20);
    gh_free_os_memory(m);
    assert_int_equal(seen.forced, 1);
    assert_true(seen.forced_bytes > 0);
    nap(m, 100);
    struct gh_memstats s;
    gh_read_memstats(h, m, &s);
    assert_true((uint32_t)seen.cycles <= s.num_gc);
    assert_true(seen.bytes <= atomic_load(&h->pages.scavenged_background) +
                                  atomic_load(&h->pages.scavenged_eager));
    gh_detach(m);
    gh_heap_close(h);
}

struct sweeps {
    _Atomic(uint64_t) n, pages, ahead; /* ahead: told of with no cycle before it */
    struct gh_heap *heap;
    struct gh_sweeping last; /* of whoever came last; read when nobody sweeps */
};

static void
see_sweep(void *ctx, const struct gh_sweeping *s)
{
    struct sweeps *seen = ctx;
    seen->last = *s;
    seen->pages += s->pages_swept;
    seen->ahead += ++seen->n > seen->heap->totals.num_gc;
}

/* Cycles of every collector, each swept by gh_gc, or in the stopped world. */
static void
observers_hear_of_every_sweep_once(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct gh_config c = testheap_config(GH_GOGC_OFF);
        c.collector = gh_collectors()[i & 1];
        c.verify = (i & 2) != 0;
        c.background = (i & 4) != 0;
        struct gh_heap *h = testheap_open(&c);
        struct sweeps seen = {.heap = h};
        gh_observe(h, &(struct gh_observer){.ctx = &seen, .swept = see_sweep});
        struct gh_mutator *m = gh_attach(h, "test");
        for (int k = 1; k <= 5; k++) {
            for (int o = 0; o < 5000; o++)
                gh_new_bytes(m, 64);
            gh_gc(m);
            /* the sweeper of another thread may be just about to say so */
            for (int w = 0; w < 1000 && seen.n < (uint64_t)k; w++)
                nap(m, 10);
            assert_int_equal(seen.n, k);
        }
        assert_int_equal(seen.ahead, 0);
        assert_true(seen.pages >= 5 * 5000 * 64 / GH_PAGE);
        gh_detach(m);
        gh_heap_close(h);
    }
}

/* The figures of a sweep that mutators did as they allocated: Go's, where there is a pace. */
static void
a_sweep_is_told_of_with_its_pace(void **state)
{
    (void)state;
    if (GH_TORTURE)
        skip(); /* there every refill brings a cycle, and each its sweep */
    struct gh_config c = testheap_config(100);
    c.collector = "stw"; /* the cycle is over when collect returns */
    c.background = false;
    struct gh_heap *h = testheap_open(&c);
    struct sweeps seen = {.heap = h};
    gh_observe(h, &(struct gh_observer){.ctx = &seen, .swept = see_sweep});
    struct gh_mutator *m = gh_attach(h, "test");
    for (int i = 0; i < 30000; i++)
        gh_new_bytes(m, 64);
    h->collector->collect(h, mutator_of(m), GC_TRIGGER_FORCED); /* without gh_gc's sweep */
    uint64_t begin = pacer_live(&h->pacer);
    double pace = atomic_load(&h->space.sweep_pages_per_byte);
    uint32_t cycles = h->totals.num_gc;
    assert_true(pace > 0);
    assert_int_equal(seen.n, 0);
    for (int i = 0; i < 100000 && seen.n == 0 && h->totals.num_gc == cycles; i++)
        gh_new_bytes(m, 512);
    assert_int_equal(seen.n, 1);
    assert_true(seen.last.pages_per_byte == pace);
    assert_true(seen.last.live > begin);
    assert_int_equal(seen.last.allocated, seen.last.live - begin);
    assert_int_equal(seen.last.pages_swept, atomic_load(&h->space.pages_swept));
    gh_detach(m);
    gh_heap_close(h);
}

/* --- a limit that comes down --- */

static struct gh_heap *
open_limited_heap(const char *collector, int gogc)
{
    struct gh_config c = testheap_config(gogc);
    c.collector = collector;
    c.idle_release = false;
    struct gh_heap *h = testheap_open(&c);
    h->background.force_period_ns = NEVER_NS;
    return h;
}

static void
the_next_span_sees_a_lower_limit(void **state)
{
    (void)state;
    for (const char *const *name = gh_collectors(); *name != NULL; name++) {
        struct gh_heap *h = open_limited_heap(*name, GH_GOGC_OFF);
        struct gh_mutator *m = gh_attach(h, "test");
        struct gh_memstats s;
        for (int i = 0; i < 64; i++)
            gh_new_bytes(m, 1 << 20);
        gh_read_memstats(h, m, &s);
        /* The objects would do with it, but for the rest of the memory, of which the pacer is
         * told under a limit only. */
        gh_set_memory_limit(m, s.heap_alloc * 104 / 100);
        for (int i = 0; i <= GH_PAGE / 64; i++)
            gh_new_bytes(m, 64);
        for (int i = 0; i < 1000 && h->totals.num_gc <= s.num_gc; i++)
            nap(m, 10);
        assert_true(h->totals.num_gc > s.num_gc);
        gh_detach(m);
        gh_heap_close(h);
    }
}

static void
the_scavenger_sees_a_lower_limit(void **state)
{
    (void)state;
    const uint64_t limit = 24 << 20;
    struct gh_heap *h =
        open_limited_heap(NULL, 10000); /* so that all memory is worth keeping */
    struct gh_mutator *m = gh_attach(h, "test");
    void *root = NULL;
    gh_roots_add(h, &root, 1);
    for (int i = 0; i < 64; i++) {
        void *p = gh_new_bytes(m, 1 << 20);
        memset(p, 1, 1 << 20);
    }
    gh_gc(m);
    nap(m, 200); /* the scavenger finds nothing to do, and rests */
    struct gh_memstats s;
    gh_read_memstats(h, m, &s);
    assert_true(s.heap_idle - s.heap_released > (32 << 20));
    gh_set_memory_limit(m, limit);
    for (int i = 0; i < 3000 && s.sys - s.heap_released > limit; i++) {
        nap(m, 10);
        gh_read_memstats(h, m, &s);
    }
    assert_true(s.sys - s.heap_released <= limit);
    gh_roots_remove(h, &root);
    gh_detach(m);
    gh_heap_close(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_heap_is_collected_once_a_period),
        cmocka_unit_test(gogc_off_switches_the_periodic_collection_off),
        cmocka_unit_test(sweeping_is_done_while_nobody_allocates),
        cmocka_unit_test(memory_above_the_goal_goes_back_by_itself),
        cmocka_unit_test(idle_heap_is_collected_and_shrinks),
        cmocka_unit_test(idle_heap_shrinks_without_a_collection),
        cmocka_unit_test(memory_between_objects_goes_back_on_demand),
        cmocka_unit_test(memory_between_objects_of_an_idle_heap_goes_back),
        cmocka_unit_test(idle_release_can_be_switched_off),
        cmocka_unit_test(nobody_wakes_when_there_is_nothing_to_do),
        cmocka_unit_test(observers_hear_of_scavenging_once_a_cycle),
        cmocka_unit_test(observers_hear_of_every_sweep_once),
        cmocka_unit_test(a_sweep_is_told_of_with_its_pace),
        cmocka_unit_test(the_next_span_sees_a_lower_limit),
        cmocka_unit_test(the_scavenger_sees_a_lower_limit),
    };
    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
