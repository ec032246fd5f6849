/* pacer_math.h - arithmetic that saturates instead of wrapping, for the pacer and its model.
 * Pure; any context. Go wraps, or leaves to the processor what a conversion out of range gives;
 * the figures that a real heap can show are the same. */
#ifndef GH_GC_CORE_PACER_MATH_H
#define GH_GC_CORE_PACER_MATH_H

#include "alloc/base/compiler.h"

#include <stdint.h>

GH_INLINE uint64_t
sat_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

GH_INLINE int64_t
sat_add_signed(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

GH_INLINE int64_t
sat_sub_signed(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

/* x * percent / 100, the product not cut short. */
GH_INLINE uint64_t
sat_percent(uint64_t x, unsigned percent)
{
    unsigned __int128 v = (unsigned __int128)x * percent / 100;
    return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

GH_INLINE int64_t
sat_signed(uint64_t x)
{
    return x > INT64_MAX ? INT64_MAX : (int64_t)x;
}

/* Towards zero; NaN is 0. */
GH_INLINE int64_t
sat_truncate(double x)
{
    if (x >= 0x1p63)
        return INT64_MAX;
    if (x <= -0x1p63)
        return INT64_MIN;
    return x == x ? (int64_t)x : 0;
}

/* Towards zero; NaN and what is negative are 0. */
GH_INLINE uint64_t
sat_truncate_unsigned(double x)
{
    if (x >= 0x1p64)
        return UINT64_MAX;
    return x > 0 ? (uint64_t)x : 0;
}

/* a * b in full, rounded once. */
GH_INLINE double
sat_product(int64_t a, int64_t b)
{
    return (double)((__int128)a * b);
}

#endif
