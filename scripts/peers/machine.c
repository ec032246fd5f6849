/* machine.c - what allocation by bumping a pointer costs on this machine, with nothing of an
 * allocator around it: the bound that goheap's own bump path is held against. Stands alone.
 *
 * Measured is a loop that takes the next 16 bytes of a region, clears them with one 16-byte
 * store, writes a counter into the first word and the address into a sink. At the end of its
 * region it starts over. bump_16B_DRAM   over half of a populated buffer of 1 GiB, twice:
 * clearing has to fetch and write back memory, as in a heap that is much larger than the caches
 *   bump_16B_L2     over 256 KiB, 50 million times: clearing stays within the second-level
 * cache The buffer is mapped with 4 KiB pages. Each row is the best of three times in one
 * process, printed as "name value unit".
 *
 *   machine [ROW...]      these rows only
 *   gcc -O3 -march=native -D_GNU_SOURCE -o machine machine.c */
#include <emmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { OBJECT = 16, TIMES = 3 };

static const size_t BUFFER_BYTES = (size_t)1 << 30;
static const size_t HUGE_PAGE = (size_t)2 << 20;

static void *volatile sink;

struct row {
    const char *name;
    size_t region_bytes;
    uint64_t objects;
};

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A buffer of 4 KiB pages, all of them present. NULL if there is not that much memory. */
static char *
populated(size_t bytes)
{
    char *p = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    p += -(uintptr_t)p & (HUGE_PAGE - 1);
    madvise(p, bytes, MADV_NOHUGEPAGE); /* older kernels without it have 4 KiB pages anyway */
    memset(p, 1, bytes);
    return p;
}

__attribute__((noinline)) static void
bump(char *region, size_t bytes, uint64_t objects)
{
    char *next = region, *limit = region + bytes;
    for (uint64_t i = 0; i < objects; i++) {
        if (next + OBJECT > limit)
            next = region;
        uint64_t *object = (uint64_t *)(void *)next;
        next += OBJECT;
        _mm_storeu_si128((__m128i *)(void *)object, _mm_setzero_si128());
        object[0] = i;
        sink = object;
    }
}

int
main(int argc, char **argv)
{
    const struct row rows[] = {
        {"bump_16B_DRAM", BUFFER_BYTES / 2, BUFFER_BYTES / 2 / OBJECT * 2},
        {"bump_16B_L2", (size_t)256 << 10, 50000000},
    };
    char *buffer = populated(BUFFER_BYTES);
    if (buffer == NULL) {
        fprintf(stderr, "machine: no memory for a buffer of %zu MiB\n", BUFFER_BYTES >> 20);
        return 1;
    }
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        int wanted = argc == 1;
        for (int i = 1; i < argc; i++)
            wanted |= strcmp(argv[i], rows[r].name) == 0;
        double best = 1e9;
        for (int i = 0; wanted && i < TIMES; i++) {
            double from = seconds();
            bump(buffer, rows[r].region_bytes, rows[r].objects);
            double took = seconds() - from;
            best = took < best ? took : best;
        }
        if (wanted)
            printf("%s %.6g ns/op\n", rows[r].name, best * 1e9 / (double)rows[r].objects);
    }
    return 0;
}
