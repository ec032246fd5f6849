/* machine.c - physical limits of this machine, which no allocator or collector can pass: what
 * goheap's figures are held against when the question is how much is left. Stands alone.
 *
 *   machine [ROW...]      these rows only; `machine list` names them
 *   gcc -O3 -march=native -falign-loops=64 -D_GNU_SOURCE -pthread -o machine machine.c
 *
 * Each row is the best of three times in one process, printed as "name value unit". The buffer
 * is 1 GiB, populated, of pages of 4 KiB (where a row says huge: of huge ones, as far as the
 * kernel has them).
 *
 * - set_Ncore, stream_Ncore, read_Ncore, GB/s: memset, non-temporal stores, reading, by N cores
 *   at a time, each on its part of the buffer.
 * - set_L2, GB/s: memset of 256 KiB again and again.
 * - bump_BYTES_DRAM, bump_BYTES_L2, ns: take the next object of a region, clear it with 16-byte
 *   stores, write a counter into its first word and its address into a sink (of an object of 8
 *   bytes the counter is all there is). Over half of the buffer, where clearing has to fetch
 * and write back memory, as in a heap that is much larger than the caches; and over 256 KiB.
 * - chase_K, chase_huge_K, ns a load: K independent chains of dependent loads through all
 *   64-byte lines of the buffer, in random order; a chain alone for a quarter of them.
 * - gather, gather_huge, ns a load: lines at random places that are known beforehand and
 *   prefetched 16 ahead.
 * - markref_2e20, markref_2e25, ns a reference: 2^27 references of 8 bytes are read in order,
 *   and one byte of 2^20 or 2^25 is tested and set for each: the least that marking takes, of
 *   objects full of references to random others.
 * - touch_4k, ns a page: the first write to it.
 */
#include <emmintrin.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { TIMES = 3, LINE = 64, PAGE = 4096, CHAINS_MAX = 32, AHEAD = 16, CORES_MAX = 2 };

static const size_t BUFFER_BYTES = (size_t)1 << 30;
static const size_t HUGE_PAGE = (size_t)2 << 20;
static const size_t L2_BYTES = (size_t)256 << 10;
static const size_t LOADS = (size_t)1 << 24; /* lines of the buffer */

static void *volatile sink;
static volatile uint64_t sum_sink;

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *
must(void *p)
{
    if (p != NULL && p != MAP_FAILED)
        return p;
    fprintf(stderr, "machine: no memory\n");
    exit(1);
}

static uint64_t
draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* --- the buffer --- */

/* Mapped for the rows that need it, and again when the size of its pages changes. */
static char *buffer;
static bool buffer_huge, buffer_chained; /* a chain leads through its lines */

static char *
map(size_t bytes, bool huge)
{
    char *p = must(mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p += -(uintptr_t)p & (HUGE_PAGE - 1);
    /* a kernel without huge pages has 4 KiB ones in both cases */
    madvise(p, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return p;
}

static char *
populated(bool huge)
{
    buffer_chained = false;
    if (buffer != NULL && buffer_huge == huge)
        return buffer;
    if (buffer != NULL)
        munmap(buffer, BUFFER_BYTES);
    buffer = map(BUFFER_BYTES, huge);
    buffer_huge = huge;
    memset(buffer, 1, BUFFER_BYTES);
    return buffer;
}

/* --- bandwidth --- */

struct part {
    pthread_t thread;
    pthread_barrier_t *gate;
    char *from;
    size_t bytes;
    void (*pass)(char *p, size_t bytes);
};

static void
pass_set(char *p, size_t bytes)
{
    memset(p, 0, bytes);
    sink = p;
}

static void
pass_stream(char *p, size_t bytes)
{
    __m128i zero = _mm_setzero_si128();
    for (char *end = p + bytes; p < end; p += LINE)
        for (int i = 0; i < LINE; i += 16)
            _mm_stream_si128((__m128i *)(void *)(p + i), zero);
    _mm_sfence();
}

static void
pass_read(char *p, size_t bytes)
{
    const uint64_t *words = (const void *)p;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / sizeof *words; i++)
        sum += words[i];
    sum_sink = sum;
}

static void *
part_main(void *arg)
{
    struct part *self = arg;
    pthread_barrier_wait(self->gate);
    self->pass(self->from, self->bytes);
    pthread_barrier_wait(self->gate);
    return NULL;
}

/* One pass over the buffer by so many threads; GB/s. */
static double
bandwidth(void (*pass)(char *p, size_t bytes), int cores)
{
    struct part parts[CORES_MAX];
    pthread_barrier_t gate;
    char *p = populated(false);
    pthread_barrier_init(&gate, NULL, (unsigned)cores + 1);
    for (int i = 0; i < cores; i++) {
        size_t bytes = BUFFER_BYTES / (size_t)cores;
        parts[i] = (struct part){
            .gate = &gate, .from = p + (size_t)i * bytes, .bytes = bytes, .pass = pass};
        must(pthread_create(&parts[i].thread, NULL, part_main, &parts[i]) == 0 ? p : NULL);
    }
    pthread_barrier_wait(&gate);
    double from = seconds();
    pthread_barrier_wait(&gate);
    double took = seconds() - from;
    for (int i = 0; i < cores; i++)
        pthread_join(parts[i].thread, NULL);
    pthread_barrier_destroy(&gate);
    return (double)BUFFER_BYTES / took / 1e9;
}

static double
set(int cores)
{
    return bandwidth(pass_set, cores);
}

static double
stream(int cores)
{
    return bandwidth(pass_stream, cores);
}

static double
read_all(int cores)
{
    return bandwidth(pass_read, cores);
}

static double
set_l2(int passes)
{
    char *p = populated(false);
    pass_set(p, L2_BYTES);
    double from = seconds();
    for (int i = 0; i < passes; i++)
        pass_set(p, L2_BYTES);
    return (double)L2_BYTES * passes / (seconds() - from) / 1e9;
}

/* --- bump allocation --- */

/* Inlined into each caller, so that the size is a constant of the loop. */
static inline __attribute__((always_inline)) double
bump(size_t region_bytes, size_t object_bytes, uint64_t objects)
{
    char *region = populated(false), *next = region, *limit = region + region_bytes;
    double from = seconds();
    for (uint64_t i = 0; i < objects; i++) {
        if (next + object_bytes > limit)
            next = region;
        uint64_t *object = (uint64_t *)(void *)next;
        next += object_bytes;
#pragma GCC unroll 16
        for (size_t at = 0; at + 16 <= object_bytes; at += 16)
            _mm_storeu_si128((__m128i *)(void *)((char *)object + at), _mm_setzero_si128());
        object[0] = i;
        sink = object;
    }
    return (seconds() - from) * 1e9 / (double)objects;
}

#define BUMP(size)                                                       \
    static double __attribute__((noinline)) bump_dram_##size(int passes) \
    {                                                                    \
        size_t region = BUFFER_BYTES / 2;                                \
        return bump(region, size, region / size * (uint64_t)passes);     \
    }                                                                    \
    static double __attribute__((noinline)) bump_l2_##size(int passes)   \
    {                                                                    \
        return bump(L2_BYTES, size, L2_BYTES / size * (uint64_t)passes); \
    }
BUMP(8)
BUMP(16)
BUMP(64)
BUMP(256)

/* --- latency --- */

/* Lead one chain through all lines of the buffer, in a random order. */
static void
chain(bool huge)
{
    bool there = buffer_chained && buffer_huge == huge;
    char *p = there ? buffer : populated(huge);
    if (there)
        return;
    uint32_t *order = must(malloc(LOADS * sizeof *order));
    uint64_t seed = 1;
    for (size_t i = 0; i < LOADS; i++)
        order[i] = (uint32_t)i;
    for (size_t i = LOADS - 1; i > 0; i--) {
        size_t j = (draw(&seed) >> 32) * (i + 1) >> 32;
        uint32_t x = order[i];
        order[i] = order[j];
        order[j] = x;
    }
    for (size_t i = 0; i < LOADS; i++)
        *(void **)(void *)(p + (size_t)order[i] * LINE) =
            p + (size_t)order[(i + 1) % LOADS] * LINE;
    free(order);
    buffer_chained = true;
}

/* Loads of so many walkers on the chain, who begin far from each other. Inlined into each
 * caller, so that their number is a constant. */
static inline __attribute__((always_inline)) double
chase(bool huge, int chains)
{
    void **at[CHAINS_MAX];
    chain(huge);
    for (int k = 0; k < chains; k++)
        at[k] = (void **)(void *)(buffer + (size_t)k * (BUFFER_BYTES / CHAINS_MAX));
    size_t steps = LOADS / (size_t)(chains == 1 ? 4 : chains);
    double from = seconds();
    for (size_t i = 0; i < steps; i++)
#pragma GCC unroll 32
        for (int k = 0; k < chains; k++)
            at[k] = *at[k];
    double took = seconds() - from;
    for (int k = 0; k < chains; k++)
        sink = at[k];
    return took * 1e9 / (double)(steps * (size_t)chains);
}

#define CHASE(chains)                                                \
    static double __attribute__((noinline)) chase_##chains(int huge) \
    {                                                                \
        return chase(huge, chains);                                  \
    }
CHASE(1)
CHASE(8)
CHASE(16)
CHASE(32)

static double
gather(int huge)
{
    const char *p = populated(huge);
    uint32_t *lines = must(malloc((LOADS + AHEAD) * sizeof *lines));
    uint64_t seed = 2, sum = 0;
    for (size_t i = 0; i < LOADS + AHEAD; i++)
        lines[i] = (uint32_t)(draw(&seed) % LOADS);
    double from = seconds();
    for (size_t i = 0; i < LOADS; i++) {
        __builtin_prefetch(p + (size_t)lines[i + AHEAD] * LINE);
        sum += *(const uint64_t *)(const void *)(p + (size_t)lines[i] * LINE);
    }
    double took = seconds() - from;
    sum_sink = sum;
    free(lines);
    return took * 1e9 / (double)LOADS;
}

/* --- marking --- */

static double
markref(int log2)
{
    uint64_t *refs = (uint64_t *)(void *)populated(false);
    size_t n = BUFFER_BYTES / sizeof *refs, marks = (size_t)1 << log2;
    uint64_t seed = 3, marked = 0;
    uint8_t *mark = must(malloc(marks));
    memset(mark, 0, marks);
    for (size_t i = 0; i < n; i++)
        refs[i] = draw(&seed) & (marks - 1);
    double from = seconds();
    for (size_t i = 0; i < n; i++) {
        uint8_t *m = &mark[refs[i]];
        if (*m == 0) {
            *m = 1;
            marked++;
        }
    }
    double took = seconds() - from;
    sum_sink = marked;
    free(mark);
    return took * 1e9 / (double)n;
}

static double
touch(int mib)
{
    size_t bytes = (size_t)mib << 20;
    char *p = map(bytes, false);
    double from = seconds();
    for (size_t at = 0; at < bytes; at += PAGE)
        *(volatile char *)(p + at) = 1;
    double took = seconds() - from;
    munmap(p, bytes);
    return took * 1e9 / (double)(bytes / PAGE);
}

/* --- the rows --- */

/* Those of a kind of pages stand together: the buffer is made anew when they change. */
static const struct row {
    const char *name, *unit;
    double (*measure)(int argument);
    int argument;
} rows[] = {
    {"set_1core", "GB/s", set, 1},
    {"set_2core", "GB/s", set, 2},
    {"stream_1core", "GB/s", stream, 1},
    {"stream_2core", "GB/s", stream, 2},
    {"read_1core", "GB/s", read_all, 1},
    {"read_2core", "GB/s", read_all, 2},
    {"set_L2", "GB/s", set_l2, 8192},
    {"bump_8B_DRAM", "ns/op", bump_dram_8, 1},
    {"bump_16B_DRAM", "ns/op", bump_dram_16, 2},
    {"bump_64B_DRAM", "ns/op", bump_dram_64, 2},
    {"bump_256B_DRAM", "ns/op", bump_dram_256, 2},
    {"bump_8B_L2", "ns/op", bump_l2_8, 3052},
    {"bump_16B_L2", "ns/op", bump_l2_16, 3052},
    {"bump_64B_L2", "ns/op", bump_l2_64, 3052},
    {"bump_256B_L2", "ns/op", bump_l2_256, 3052},
    {"markref_2e20", "ns/ref", markref, 20},
    {"markref_2e25", "ns/ref", markref, 25},
    {"touch_4k", "ns/page", touch, 256},
    {"gather", "ns/load", gather, false},
    {"chase_1", "ns/load", chase_1, false},
    {"chase_8", "ns/load", chase_8, false},
    {"chase_16", "ns/load", chase_16, false},
    {"chase_32", "ns/load", chase_32, false},
    {"gather_huge", "ns/load", gather, true},
    {"chase_huge_1", "ns/load", chase_1, true},
    {"chase_huge_8", "ns/load", chase_8, true},
    {"chase_huge_16", "ns/load", chase_16, true},
    {"chase_huge_32", "ns/load", chase_32, true},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* The best of some times: the highest rate, or the shortest time. */
static double
best_of(const struct row *row)
{
    bool rate = strcmp(row->unit, "GB/s") == 0;
    double best = row->measure(row->argument);
    for (int i = 1; i < TIMES; i++) {
        double value = row->measure(row->argument);
        best = (value > best) == rate ? value : best;
    }
    return best;
}

static const struct row *
row_named(const char *name)
{
    for (int r = 0; r < ROWS; r++)
        if (strcmp(name, rows[r].name) == 0)
            return &rows[r];
    fprintf(stderr, "machine: there is no row %s; there are:", name);
    for (int r = 0; r < ROWS; r++)
        fprintf(stderr, " %s", rows[r].name);
    fputc('\n', stderr);
    exit(2);
}

int
main(int argc, char **argv)
{
    bool list = argc == 2 && strcmp(argv[1], "list") == 0;
    for (int i = 1; i < argc && !list; i++)
        row_named(argv[i]);
    for (int r = 0; r < ROWS; r++) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++)
            wanted |= strcmp(argv[i], rows[r].name) == 0;
        if (list)
            printf("%s\n", rows[r].name);
        else if (wanted)
            printf("%s %.6g %s\n", rows[r].name, best_of(&rows[r]), rows[r].unit);
        fflush(stdout);
    }
    return 0;
}
