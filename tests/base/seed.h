/* seed.h - the seed of a test that draws random numbers: printed, and taken back from GH_SEED.
 */
#ifndef GH_TESTS_BASE_SEED_H
#define GH_TESTS_BASE_SEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

/* GH_SEED, in C's notation, or one from the clock. */
static inline uint64_t
seed_of_run(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const char *given = getenv("GH_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0)
                                  : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    print_message("GH_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* The next number of the sequence that `state` stands in: splitmix64. */
static inline uint64_t
seed_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

#endif
