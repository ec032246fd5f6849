/* clear.c - zeroing much memory (clear.h). Go: memclr_amd64.s, which streams from 32 MiB on.
 *
 * With AVX, because stores of 32 bytes reach the bandwidth of memory, and those of 16 do not
 * quite; wider ones and CLZERO are no faster. Processors without are served by memset. So is
 * ThreadSanitizer, which sees memset, and may not see these stores. */
#include "alloc/base/clear.h"

#include "alloc/base/check.h"

#include <immintrin.h>
#include <string.h>

enum { CLEAR_LINE = 64 };

__attribute__((target("avx"))) static void
clear_around_caches(char *p, size_t bytes)
{
    const __m256i zero = _mm256_setzero_si256();
    for (char *end = p + bytes; p < end; p += CLEAR_LINE) {
        _mm256_stream_si256((__m256i *)(void *)p, zero);
        _mm256_stream_si256((__m256i *)(void *)(p + CLEAR_LINE / 2), zero);
    }
    _mm_sfence(); /* streaming stores may otherwise become visible after later ones */
}

void
clear_memory(void *p, size_t bytes, bool streaming)
{
    ASSERT(((uintptr_t)p | bytes) % CLEAR_LINE == 0, "clear_memory: %zu bytes at %p", bytes, p);
    if (streaming && !GH_TSAN && __builtin_cpu_supports("avx"))
        clear_around_caches(p, bytes);
    else
        memset(p, 0, bytes);
}
