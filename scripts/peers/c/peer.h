/* peer.h - what the C peers share: the harness that goheap's runner is for goheap. Options,
 * threads, the timed section, figures, random numbers, latencies.
 *
 * A peer is harness.c, latency.c, the workloads' files, and one file with its table of
 * workloads (malloc.c, boehm.c, arena.c). Where memory comes from is memory.h's business,
 * chosen when a peer is compiled: the workloads are the same text for all.
 *
 * Output: lines "metric value unit", with goheap's names; the checksum in hexadecimal. Errors:
 * one line on standard error, exit status 2 if the command line is wrong, else 1. */
#ifndef GH_PEERS_C_PEER_H
#define GH_PEERS_C_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- the program --- */

struct option {
    const char *name;    /* without the dashes */
    const char *value;   /* the default; replaced by what is given */
    const char *choices; /* words, one of which it must be; NULL: a whole number */
    uint64_t min, max;
};

struct workload {
    const char *name;
    struct option *options; /* ended by a row without name; may be NULL */
    bool threaded;          /* takes --threads */
    void (*run)(int threads);
};

/* Of each peer: */
extern const struct workload peer_workloads[]; /* ended by a row without name */
/* Before anything else is done; `workload` is the first word of the command line, or "". */
void peer_start(const char *workload);
/* Name and version of the allocator at work, as `PEER version` prints it. */
const char *peer_version(char *text, size_t bytes);

/* The options of the workload that runs. */
uint64_t option_number(const char *name);
const char *option_text(const char *name);
bool option_is(const char *name, const char *value);

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The same where the command line is to blame. */
void refuse(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Memory that must be there; `p` itself. */
void *must(void *p);

/* --- the timed section --- */

/* Times add up over several stretches. */
struct stopwatch {
    int64_t wall_ns, cpu_ns; /* cpu: user and system, of the whole process */
    uint64_t runq_wait_ns;   /* how long threads were runnable and had no core */
    bool runq_wait_known;    /* the kernel tells it */
    int64_t wall_at, cpu_at; /* readings at the begin of the running stretch */
    uint64_t runq_wait_at;
    uint64_t peak_kib; /* VmHWM at the end of the last stretch */
};

void stopwatch_begin(struct stopwatch *w);
void stopwatch_end(struct stopwatch *w);

/* Run work(t, arg) for t = 0..threads-1 and wait for all; one is the caller's own thread. They
 * are started before the stopwatch begins and let go together. */
void parallel(int threads, struct stopwatch *w, void (*work)(int t, void *arg), void *arg);

/* Where thread t's part of n things begins; it ends where that of t + 1 begins. */
static inline uint64_t
share(uint64_t n, int t, int threads)
{
    return (uint64_t)t * n / (uint64_t)threads;
}

int64_t now_ns(void);
int64_t cpu_ns(void);
/* A line of /proc/self/status, such as VmRSS. */
uint64_t status_kib(const char *key);

/* --- figures --- */

void emit(const char *metric, double value, const char *unit);
/* What every workload has. */
void emit_stopwatch(const struct stopwatch *w);
void emit_checksum(uint64_t sum);

/* --- random numbers: splitmix64, the state is the seed --- */

static inline uint64_t
random_draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 32 random bits to 0..n-1. */
static inline uint64_t
random_index(uint32_t bits, uint64_t n)
{
    return bits * n >> 32;
}

static inline uint32_t
high(uint64_t x)
{
    return (uint32_t)(x >> 32);
}

static inline uint32_t
low(uint64_t x)
{
    return (uint32_t)x;
}

/* --- latencies: a thread's own histogram, the peers' and goheap's alike --- */

enum {
    LATENCY_BITS = 6, /* 64 buckets a power of two */
    LATENCY_SUB = 1 << LATENCY_BITS,
    LATENCY_BUCKETS = LATENCY_SUB * (64 - LATENCY_BITS + 1),
};

struct latency {
    _Alignas(128) uint64_t n;
    uint64_t worst; /* ns */
    uint32_t counts[LATENCY_BUCKETS];
};

/* Of one thread: all operations, and those that are said to be in the steady state. */
struct latencies {
    struct latency all, steady;
};

static inline void
latency_add(struct latency *l, uint64_t ns)
{
    unsigned shift = ns < LATENCY_SUB ? 0 : 63 - (unsigned)__builtin_clzll(ns) - LATENCY_BITS;
    size_t bucket = ns < LATENCY_SUB ? ns : shift * (size_t)LATENCY_SUB + (ns >> shift);
    l->n++;
    l->counts[bucket]++;
    if (ns > l->worst)
        l->worst = ns;
}

/* Empty ones for so many threads, their pages touched. */
struct latencies *latencies_make(int threads);
/* Add up what the threads have, report it and give the memory back. */
void latencies_emit(struct latencies *each, int threads, bool with_steady);

#endif
