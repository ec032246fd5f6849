/* large.c - workload large: blocks of 64 KiB to 8 MiB in a ring, touched once a page. Mode
 * touch: as the allocator gives them. Mode zero: cleared, as Go and goheap give them. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <inttypes.h>

enum { SEED = 13, TOUCH = 4096, BASES = 7 };

struct option large_options[] = {{"n", "20k", NULL, 1, 1000000000},
                                 {"window", "64", NULL, 1, 1000000},
                                 {"mode", "touch", "touch zero", 0, 0},
                                 {.name = NULL}};

static uint8_t **volatile ring;

static uint64_t
block_size(uint64_t x)
{
    uint64_t base = UINT64_C(65536) << random_index(high(x), BASES);
    return base + (random_index(low(x), base) & ~(uint64_t)(TOUCH - 1));
}

static uint64_t
large_work(uint64_t n, uint64_t window, bool zero)
{
    uint64_t seed = SEED, bytes = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t size = block_size(random_draw(&seed));
        uint8_t *block = zero ? memory_new_zeroed(size) : memory_new_plain(size);
        for (uint64_t at = 0; at < size; at += TOUCH)
            block[at] = (uint8_t)i;
        uint8_t *old = ring[i % window];
        ring[i % window] = block;
        memory_free(old);
        bytes += size;
    }
    return bytes;
}

/* The blocks in the ring must be as they were left. */
static void
large_check(uint64_t n, uint64_t window, bool zero)
{
    uint64_t seed = SEED;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t size = block_size(random_draw(&seed));
        const uint8_t *block = ring[i % window];
        for (uint64_t at = 0; at < size && i + window >= n; at += TOUCH)
            if (block[at] != (uint8_t)i ||
                (zero && (block[at + 1] | block[at + TOUCH - 1]) != 0))
                fail("block %" PRIu64 " was overwritten at byte %" PRIu64, i, at);
    }
}

void
large_run(int threads)
{
    (void)threads;
    struct stopwatch w = {0};
    uint64_t n = option_number("n"), window = option_number("window");
    bool zero = option_is("mode", "zero");
    ring = memory_table(window);
    stopwatch_begin(&w);
    uint64_t bytes = large_work(n, window, zero);
    stopwatch_end(&w);
    large_check(n, window, zero);
    emit_checksum(bytes);
    emit("GBps", (double)bytes / (double)w.wall_ns, "GB/s");
    emit("us_per_op", (double)w.wall_ns / 1e3 / (double)n, "us");
    emit("GB_total", (double)bytes / 1e9, "GB");
    emit_stopwatch(&w);
    for (uint64_t i = 0; MEMORY_FREES && i < window; i++)
        memory_free(ring[i]);
    memory_free(ring);
}
