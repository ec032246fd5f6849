/* os_touched.c - which pages a process has written to, from /proc/self/pagemap.
 *
 * The kernel keeps 8 bytes a page there. Bit 63: the page is in memory; bit 62: it is swapped
 * out, or on the move. With neither it was never touched, or given back since: it is zero.
 * Contexts: any thread. */
#include "alloc/base/os.h"

#include "alloc/base/bits.h"
#include "alloc/base/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static const uint64_t PAGEMAP_THERE = UINT64_C(3) << 62;

static int touched_fd = -1;

static void
touched_open(void)
{
    touched_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

uint64_t
os_touched(uintptr_t p, unsigned n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t entries[64], page = os_page_bytes(), touched = 0;
    ASSERT(p % page == 0 && n <= 64, "os_touched: %u pages at %#zx", n, p);
    pthread_once(&once, touched_open);
    size_t bytes = n * sizeof entries[0];
    if (touched_fd < 0 || pread(touched_fd, entries, bytes,
                                (off_t)(p / page * sizeof entries[0])) != (ssize_t)bytes)
        return bits_low(n);
    for (unsigned i = 0; i < n; i++)
        if (entries[i] & PAGEMAP_THERE)
            touched |= UINT64_C(1) << i;
    return touched;
}
