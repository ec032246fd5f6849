/* pool.c - workload `pool`: messages that come from a pool and go back to it (gh_pool_get and
 * gh_pool_put), as servers keep buffers in a sync.Pool. The same pattern without a pool,
 * `fresh`, shows what the pool saves: allocation, clearing, collections. */
#include "workloads/builtin/builtin.h"

#include "gc/api/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_CHUNK = 1 << 10, POOL_HOLD_MAX = 4096, POOL_LIVES = 4 };

struct pool_message {
    struct pool_message *reply; /* NULL while nobody holds it */
    uint64_t holder, stamp;     /* who holds it, and for which of his rounds; 0 = nobody */
    uint64_t body[];
};

/* One thread's figures, on a cache line of its own. */
struct pool_tally {
    GH_ALIGNED(128) uint64_t gets, sum;
    uint64_t wrong; /* messages that somebody else held, or had written to */
};

struct pool_state {
    const struct gh_type *type;
    struct gh_pool *pool; /* NULL: fresh */
    struct pool_tally *tallies;
    uint64_t rounds, hold, words;
    int threads, lives;
    bool skewed;
    struct gh_pool_stats stats;
};

static void *
pool_make(struct gh_mutator *m, void *ctx)
{
    return gh_new(m, ctx);
}

static struct pool_message *
pool_take(struct gh_mutator *m, struct pool_state *s)
{
    return s->pool != NULL ? gh_pool_get(m, s->pool) : gh_new(m, s->type);
}

/* Take `n` messages into the frame, write who has them. Safepoint. */
static void
pool_fill(struct gh_mutator *m, struct pool_state *s, struct pool_tally *t, uint64_t n,
          uint64_t stamp)
{
    uint64_t me = (uint64_t)(t - s->tallies) + 1;
    for (uint64_t i = 0; i < n; i++) {
        struct pool_message *p = pool_take(m, s);
        t->wrong += p->holder != 0 || p->stamp != 0 || p->reply != NULL;
        p->holder = me;
        p->stamp = stamp;
        for (uint64_t w = 0; w < s->words; w++)
            p->body[w] = stamp + i + w;
        if (i > 0)
            gh_store(m, &p->reply, GH_SLOT(m, struct pool_message, i - 1));
        GH_SLOT(m, struct pool_message, i) = p;
    }
    t->gets += n;
}

/* Check that they are as they were written, and give them back. */
static void
pool_drain(struct gh_mutator *m, struct pool_state *s, struct pool_tally *t, uint64_t n,
           uint64_t stamp)
{
    uint64_t me = (uint64_t)(t - s->tallies) + 1;
    for (uint64_t i = n; i-- > 0;) {
        struct pool_message *p = GH_SLOT(m, struct pool_message, i);
        bool right = p->holder == me && p->stamp == stamp;
        right &= i == 0 ? p->reply == NULL : p->reply == GH_SLOT(m, struct pool_message, i - 1);
        for (uint64_t w = 0; w < s->words; w++)
            right &= p->body[w] == stamp + i + w;
        t->wrong += !right;
        t->sum += p->stamp;
        p->holder = p->stamp = 0;
        gh_store(m, &p->reply, NULL);
        GH_SLOT(m, struct pool_message, i) = NULL;
        if (s->pool != NULL)
            gh_pool_put(m, s->pool, p);
    }
}

/* In even rounds a skewed thread holds little, in odd ones much; its neighbour the other way
 * round: what the one puts, the other must steal. */
static uint64_t
pool_hold(const struct pool_state *s, int t, uint64_t round)
{
    return s->skewed && (round + (uint64_t)t) % 2 == 0 ? 1 + s->hold / 8 : s->hold;
}

/* One life of a thread: a share of its rounds. */
static void
pool_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    struct pool_state *s = arg;
    struct pool_tally *tally = &s->tallies[t];
    uint64_t from = s->rounds * (uint64_t)s->lives / POOL_LIVES;
    uint64_t to = s->rounds * (uint64_t)(s->lives + 1) / POOL_LIVES;
    GH_FRAME(m, s->hold);
    for (uint64_t r = from; r < to; r++) {
        if (r % POOL_CHUNK == 0 && gh_interrupted(job))
            return;
        uint64_t n = pool_hold(s, t, r);
        pool_fill(m, s, tally, n, r + 1);
        gh_poll(m);
        pool_drain(m, s, tally, n, r + 1);
        if (t == 0 && r % POOL_CHUNK == 0)
            gh_progress(job, r, s->rounds);
    }
}

static bool
pool_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct gh_heap *heap = gh_job_heap(job);
    struct pool_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    size_t threads = (size_t)gh_job_threads(job);
    if (s != NULL)
        s->tallies = aligned_alloc(128, threads * sizeof *s->tallies);
    if (s == NULL || s->tallies == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "pool: no memory for %zu threads", threads);
    memset(s->tallies, 0, threads * sizeof *s->tallies);
    s->threads = (int)threads;
    s->rounds = (uint64_t)gh_job_int(job, "rounds");
    s->hold = (uint64_t)gh_job_int(job, "hold");
    s->words = (uint64_t)gh_job_int(job, "bytes") / sizeof(uint64_t);
    s->skewed = strcmp(gh_job_text(job, "pattern"), "skewed") == 0;
    s->type = gh_type_small(heap, "pool_message",
                            sizeof(struct pool_message) + s->words * sizeof(uint64_t),
                            GH_PTR(struct pool_message, reply));
    if (strcmp(gh_job_text(job, "pattern"), "fresh") != 0)
        s->pool = gh_pool_new(heap, "messages", pool_make, (void *)(uintptr_t)s->type);
    return true;
}

/* Threads end and begin again, so that objects change hands through the common part as well. */
static bool
pool_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct pool_state *s = gh_job_state(job);
    bool ok = true;
    gh_timer_begin(job);
    for (s->lives = 0; s->lives < POOL_LIVES && ok && !gh_interrupted(job); s->lives++)
        ok = gh_parallel(job, m, s->threads, pool_thread, s, err);
    gh_timer_end(job);
    if (s->pool != NULL)
        gh_pool_read_stats(s->pool, &s->stats);
    return ok;
}

/* What every thread must have got, and the sum of its stamps. */
static void
pool_expect(const struct pool_state *s, uint64_t *gets, uint64_t *sum)
{
    *gets = *sum = 0;
    for (int t = 0; t < s->threads; t++)
        for (uint64_t r = 0; r < s->rounds; r++) {
            uint64_t n = pool_hold(s, t, r);
            *gets += n;
            *sum += n * (r + 1);
        }
}

static bool
pool_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct pool_state *s = gh_job_state(job);
    const struct gh_pool_stats *st = &s->stats;
    uint64_t gets = 0, sum = 0, wrong = 0, want_gets, want_sum;
    for (int t = 0; t < s->threads; t++) {
        gets += s->tallies[t].gets;
        sum += s->tallies[t].sum;
        wrong += s->tallies[t].wrong;
    }
    pool_expect(s, &want_gets, &want_sum);
    gh_checksum(job, sum);
    if (wrong > 0 || gets != want_gets || sum != want_sum)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "pool: %" PRIu64
                            " messages were held twice or overwritten; %" PRIu64
                            " taken, not %" PRIu64 "; sum %" PRIu64 ", not %" PRIu64,
                            wrong, gets, want_gets, sum, want_sum);
    if (s->pool != NULL && (st->gets != gets || st->puts != gets))
        return gh_error_set(err, GH_EXIT_FAILED,
                            "pool: %" PRIu64 " gets and %" PRIu64
                            " puts, but the pool counts %" PRIu64 " and %" PRIu64,
                            gets, gets, st->gets, st->puts);
    double n = (double)gets;
    gh_emit(job, "ns_per_message", gh_timer_cpu(job) * 1e9 / n, "ns");
    gh_emit(job, "makes", s->pool != NULL ? (double)st->makes : n, "objects");
    gh_emit(job, "own", 100.0 * (double)st->own / n, "%");
    gh_emit(job, "stolen", 100.0 * (double)st->stolen / n, "%");
    gh_emit(job, "victims", 100.0 * (double)st->victims / n, "%");
    return true;
}

static void
pool_teardown(struct gh_job *job)
{
    struct pool_state *s = gh_job_state(job);
    if (s == NULL)
        return;
    if (s->pool != NULL)
        gh_pool_free(s->pool);
    free(s->tallies);
    free(s);
}

static const char *const pool_patterns[] = {"even", "skewed", "fresh", NULL};

static const struct gh_option pool_options[] = {
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "how often each thread takes its messages and gives them back",
     .value = "200k",
     .min = POOL_LIVES,
     .max = 1000000000},
    {.name = "hold",
     .kind = GH_OPT_INT,
     .help = "messages a thread holds at a time",
     .value = "8",
     .min = 1,
     .max = POOL_HOLD_MAX},
    {.name = "bytes",
     .kind = GH_OPT_INT,
     .help = "payload of a message, all of it written and checked",
     .value = "256",
     .min = 8,
     .max = 1 << 20},
    {.name = "pattern",
     .kind = GH_OPT_CHOICE,
     .help = "even; skewed: an eighth every other round, so that others steal; fresh: no pool",
     .value = "even",
     .choices = pool_patterns},
    {.name = NULL},
};

const struct gh_workload workload_pool = {
    GH_WORKLOAD_HEADER,
    .name = "pool",
    .help = "messages from an object pool (sync.Pool): get, write, check, put",
    .about =
        "Every thread takes `hold` messages, writes them full, checks them and gives them "
        "back, "
        "`rounds` times; threads end and begin anew four times.\n"
        "Reported: CPU time a message, how many were made, and where the others came from: the "
        "thread's own part of the pool, other parts, victims of the last collection.",
    .options = pool_options,
    .max_threads = 256,
    .setup = pool_setup,
    .run = pool_run,
    .verify = pool_verify,
    .teardown = pool_teardown,
};
