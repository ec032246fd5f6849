/* os_touched.c - which pages of a process were ever touched, from /proc/self/pagemap.
 *
 * The kernel keeps 8 bytes a page there. Bit 63: the page is in memory; bit 62: it is swapped
 * out, or on the move. With neither it was never touched, or given back since: it is zero.
 *
 * An open pagemap is that of the process that opened it, also in the hands of a child; and a
 * program may close a descriptor that is not its own, and open something else under its number.
 * So both are looked at before each use. What cannot be asked, or has not the format expected,
 * is answered by "all of them".
 * Contexts: any thread. */
#include "alloc/base/os.h"

#include "alloc/base/bits.h"
#include "alloc/base/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t PAGEMAP_THERE = UINT64_C(3) << 62;

/* guarded by touched_lock for writing; fd -1: it cannot be had in this process */
static pthread_mutex_t touched_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int fd;
    dev_t dev;
    ino_t ino;
} touched;
/* the process that `touched` is for; atomic: release after that is filled in */
static _Atomic(pid_t) touched_pid;

static bool
touched_read(uintptr_t p, unsigned n, uint64_t *entries)
{
    ssize_t bytes = (ssize_t)(n * sizeof *entries);
    off_t at = (off_t)(p / os_page_bytes() * sizeof *entries);
    return pread(touched.fd, entries, (size_t)bytes, at) == bytes;
}

/* A page that is there for certain must be said to be. */
static bool
touched_works(void)
{
    uint64_t entry = 0;
    struct stat st;
    *(volatile uint64_t *)&entry = 1;
    if (touched.fd < 0 || fstat(touched.fd, &st) != 0 ||
        !touched_read((uintptr_t)&entry, 1, &entry) || !(entry & PAGEMAP_THERE))
        return false;
    touched.dev = st.st_dev;
    touched.ino = st.st_ino;
    return true;
}

static void
touched_open(pid_t pid)
{
    pthread_mutex_lock(&touched_lock);
    /* relaxed: under the lock. A descriptor of the parent's is left alone. */
    if (atomic_load_explicit(&touched_pid, memory_order_relaxed) != pid) {
        touched.fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        if (!touched_works()) {
            if (touched.fd >= 0)
                close(touched.fd);
            touched.fd = -1;
        }
        atomic_store_explicit(&touched_pid, pid, memory_order_release);
    }
    pthread_mutex_unlock(&touched_lock);
}

static bool
touched_is_ours(void)
{
    struct stat st;
    return touched.fd >= 0 && fstat(touched.fd, &st) == 0 && st.st_dev == touched.dev &&
           st.st_ino == touched.ino;
}

uint64_t
os_touched(uintptr_t p, unsigned n)
{
    uint64_t entries[64], bits = 0;
    pid_t pid = getpid();
    ASSERT(p % os_page_bytes() == 0 && n <= 64, "os_touched: %u pages at %#zx", n, p);
    /* acquire: pairs with the release in touched_open */
    if (GH_UNLIKELY(atomic_load_explicit(&touched_pid, memory_order_acquire) != pid))
        touched_open(pid);
    if (!touched_is_ours() || !touched_read(p, n, entries))
        return bits_low(n);
    for (unsigned i = 0; i < n; i++)
        if (entries[i] & PAGEMAP_THERE)
            bits |= UINT64_C(1) << i;
    return bits;
}
