/* bits.h - bit tricks and checked arithmetic. All inline, all pure. */
#ifndef GH_ALLOC_BASE_BITS_H
#define GH_ALLOC_BASE_BITS_H

#include "alloc/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

GH_INLINE uintptr_t
align_up(uintptr_t x, uintptr_t pow2)
{
    return (x + pow2 - 1) & ~(pow2 - 1);
}

GH_INLINE uintptr_t
align_down(uintptr_t x, uintptr_t pow2)
{
    return x & ~(pow2 - 1);
}

GH_INLINE bool
is_pow2(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/* Trailing zeros; 64 for 0. */
GH_INLINE unsigned
bits_ctz(uint64_t x)
{
    return x == 0 ? 64u : (unsigned)__builtin_ctzll(x);
}

/* Spelled out: the builtin is a call where the processor's instruction may not be assumed. */
GH_INLINE unsigned
bits_popcount(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

/* Bits needed to hold x: 0 for 0. */
GH_INLINE unsigned
bits_len(uint64_t x)
{
    return x == 0 ? 0u : 64u - (unsigned)__builtin_clzll(x);
}

/* The lowest n bits set, 0 <= n <= 64. */
GH_INLINE uint64_t
bits_low(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

#endif
