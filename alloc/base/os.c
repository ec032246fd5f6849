/* os.c - the one door to the operating system's memory (os.h): Linux.
 *
 * Only this file calls mmap, mprotect, munmap, madvise and process_madvise, so that every byte
 * the project holds is in the accounts. Go's counterpart: mem.go and mem_linux.go.
 *
 * Reservations are PROT_NONE and MAP_NORESERVE, so that address space costs nothing; mapping is
 * mprotect, which changes nothing when it fails (a MAP_FIXED mmap can fail after it has
 * unmapped what was there). Prepared and Ready are both readable and writable: the difference
 * is what the accounts say, and that memory is asked back from Ready only.
 *
 * Locks: none. Contexts: any thread. Does not: decide when to give memory back (the scavenger
 * does), or retry (the callers have the policies). */
#include "alloc/base/os.h"

#include "alloc/base/bits.h"
#include "alloc/base/check.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OS_MADV_POPULATE_WRITE = 23 }; /* newer than the headers of some systems */

/* User addresses end at 2^47 with four-level page tables; above, the arena map has no entry. */
static const uintptr_t os_address_end = (uintptr_t)1 << (GH_ADDR_BITS - 1);

/* relaxed, here and below: see struct os_account */
static void
os_book(_Atomic(uint64_t) *field, size_t bytes)
{
    atomic_fetch_add_explicit(field, bytes, memory_order_relaxed);
}

static void
os_unbook(_Atomic(uint64_t) *field, size_t bytes)
{
    uint64_t old = atomic_fetch_sub_explicit(field, bytes, memory_order_relaxed);
    ASSERT(old >= bytes, "os_unbook: %zu bytes leave an account of %llu", bytes,
           (unsigned long long)old);
}

static void
os_check_range(const char *who, const void *p, size_t bytes)
{
    ASSERT(((uintptr_t)p | bytes) % os_page_bytes() == 0 && bytes > 0,
           "%s: %p + %zu is not whole pages", who, p, bytes);
}

/* A label for /proc/self/maps; kernels built without the feature refuse it, which is fine. */
static void
os_name(void *p, size_t bytes, const char *name)
{
    if (name != NULL)
        (void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, bytes, name);
}

/* mmap that gives NULL for a refusal and for addresses we cannot represent. */
static void *
os_mmap(void *hint, size_t bytes, int prot, int flags)
{
    void *p = mmap(hint, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if ((uintptr_t)p >= os_address_end || bytes > os_address_end - (uintptr_t)p) {
        munmap(p, bytes);
        return NULL;
    }
    return p;
}

/* False if the memory stays ours: the kernel may lack room for splitting a mapping. */
static bool
os_munmap(const char *who, void *p, size_t bytes)
{
    if (munmap(p, bytes) == 0)
        return true;
    CHECK(errno == ENOMEM, "%s: munmap of %p + %zu: error %d", who, p, bytes, errno);
    return false;
}

void
os_account_init(struct os_account *a, bool use_madv_free)
{
    for (int k = 0; k < OS_KINDS; k++)
        atomic_init(&a->sys[k], 0);
    atomic_init(&a->reserved, 0);
    atomic_init(&a->prepared, 0);
    atomic_init(&a->ready, 0);
    atomic_init(&a->madvise_failed, 0);
    a->use_madv_free = use_madv_free;
    a->hard_decommit = a->no_huge_pages = false;
}

void *
os_reserve(struct os_account *a, void *hint, size_t bytes)
{
    os_check_range("os_reserve", hint, bytes);
    void *p = os_mmap(hint, bytes, PROT_NONE, MAP_NORESERVE);
    if (p != NULL)
        os_book(&a->reserved, bytes);
    return p;
}

void *
os_reserve_aligned(struct os_account *a, void *hint, size_t bytes, size_t align)
{
    const size_t page = os_page_bytes();
    ASSERT(is_pow2(align), "os_reserve_aligned: alignment %zu", align);
    os_check_range("os_reserve_aligned", hint, bytes);

    void *p = os_mmap(hint, bytes, PROT_NONE, MAP_NORESERVE);
    if (p == NULL)
        return NULL;
    if ((uintptr_t)p % align != 0) {
        if (!os_munmap("os_reserve_aligned", p, bytes))
            os_book(&a->reserved, bytes);
        /* Take enough to hold an aligned stretch, and cut off both ends. */
        size_t more = bytes + align - page;
        char *wide = more < bytes ? NULL : os_mmap(NULL, more, PROT_NONE, MAP_NORESERVE);
        if (wide == NULL)
            return NULL;
        p = (void *)align_up((uintptr_t)wide, align);
        size_t head = (size_t)((char *)p - wide), tail = more - head - bytes;
        if (head > 0 && !os_munmap("os_reserve_aligned", wide, head))
            os_book(&a->reserved, head);
        if (tail > 0 && !os_munmap("os_reserve_aligned", (char *)p + bytes, tail))
            os_book(&a->reserved, tail);
    }
    os_book(&a->reserved, bytes);
    return p;
}

bool
os_map(struct os_account *a, void *p, size_t bytes, enum os_kind kind, const char *name)
{
    os_check_range("os_map", p, bytes);
    if (mprotect(p, bytes, PROT_READ | PROT_WRITE) != 0)
        return false;
    os_name(p, bytes, name);
    if (a->no_huge_pages && kind == OS_HEAP)
        os_advise(p, bytes, OS_NOHUGEPAGE);
    os_unbook(&a->reserved, bytes);
    os_book(&a->prepared, bytes);
    os_book(&a->sys[kind], bytes);
    return true;
}

bool
os_map_sparse(struct os_account *a, void *p, size_t bytes, const char *name)
{
    (void)a; /* stays Reserved in the books */
    os_check_range("os_map_sparse", p, bytes);
    if (mprotect(p, bytes, PROT_READ | PROT_WRITE) != 0)
        return false;
    os_name(p, bytes, name);
    return true;
}

void
os_used(struct os_account *a, void *p, size_t bytes)
{
    os_check_range("os_used", p, bytes);
    os_unbook(&a->prepared, bytes);
    os_book(&a->ready, bytes);
}

void
os_recommit(const struct os_account *a, void *p, size_t bytes)
{
    if (!a->hard_decommit)
        return;
    os_check_range("os_recommit", p, bytes);
    CHECK(mprotect(p, bytes, PROT_READ | PROT_WRITE) == 0,
          "os_recommit: out of memory: cannot make %zu bytes at %p accessible again: error %d "
          "(harddecommit=1 needs many mappings: sysctl vm.max_map_count)",
          bytes, p, errno);
}

/* MADV_FREE is newer than some kernels, and locked pages refuse it: then DONTNEED. */
static bool
os_madvise_release(const struct os_account *a, void *p, size_t bytes)
{
    if (a->use_madv_free) {
        if (madvise(p, bytes, MADV_FREE) == 0)
            return true;
        if (errno != EINVAL)
            return false;
    }
    return madvise(p, bytes, MADV_DONTNEED) == 0;
}

/* As many of the stretches as the kernel takes in one call, which is none before Linux 6.13.
 * Returns their bytes. */
static size_t
os_madvise_together(const struct os_account *a, const struct os_stretch *stretches, unsigned n)
{
    struct iovec v[OS_STRETCHES];
    for (unsigned i = 0; i < n; i++)
        v[i] = (struct iovec){stretches[i].p, stretches[i].bytes};
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (self < 0)
        return 0;
    long done = syscall(SYS_process_madvise, self, v, (size_t)n,
                        a->use_madv_free ? MADV_FREE : MADV_DONTNEED, 0);
    close(self);
    return done > 0 ? (size_t)done : 0;
}

/* Bit i of the result: the OS has taken stretch i. */
static uint64_t
os_release_stretches(const struct os_account *a, const struct os_stretch *stretches, unsigned n)
{
    ASSERT(n <= OS_STRETCHES, "os_release_stretches: %u at once", n);
    size_t done = n > 1 ? os_madvise_together(a, stretches, n) : 0;
    uint64_t taken = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct os_stretch *s = &stretches[i];
        os_check_range("os_release_stretches", s->p, s->bytes);
        if (done >= s->bytes) {
            done -= s->bytes;
            taken |= UINT64_C(1) << i;
            continue;
        }
        done = 0; /* the kernel may have stopped within this one; what follows is left */
        if (os_madvise_release(a, s->p, s->bytes))
            taken |= UINT64_C(1) << i;
    }
    return taken;
}

uint64_t
os_discard(struct os_account *a, const struct os_stretch *stretches, unsigned n)
{
    uint64_t taken = os_release_stretches(a, stretches, n);
    if (bits_popcount(taken) < n)
        os_book(&a->madvise_failed, n - bits_popcount(taken));
    return taken;
}

uint64_t
os_unused_stretches(struct os_account *a, const struct os_stretch *stretches, unsigned n)
{
    uint64_t taken = os_release_stretches(a, stretches, n);
    for (unsigned i = 0; i < n; i++) {
        const struct os_stretch *s = &stretches[i];
        bool done = taken >> i & 1;
        if (!done || (a->hard_decommit && mprotect(s->p, s->bytes, PROT_NONE) != 0)) {
            taken &= ~(UINT64_C(1) << i);
            os_book(&a->madvise_failed, 1);
            continue;
        }
        os_unbook(&a->ready, s->bytes);
        os_book(&a->prepared, s->bytes);
    }
    return taken;
}

bool
os_unused(struct os_account *a, void *p, size_t bytes)
{
    return os_unused_stretches(a, &(struct os_stretch){p, bytes}, 1) != 0;
}

bool
os_fault(struct os_account *a, void *p, size_t bytes, enum os_kind kind)
{
    os_check_range("os_fault", p, bytes);
    if (mprotect(p, bytes, PROT_NONE) != 0)
        return false;
    /* always DONTNEED: nobody can touch the pages again, so that there is nothing to be lazy
     * about; if it fails they stay resident until the stretch is released, which is harmless */
    if (madvise(p, bytes, MADV_DONTNEED) != 0)
        os_book(&a->madvise_failed, 1);
    os_unbook(&a->ready, bytes);
    os_unbook(&a->sys[kind], bytes);
    os_book(&a->reserved, bytes);
    return true;
}

void *
os_alloc(struct os_account *a, size_t bytes, enum os_kind kind, const char *name)
{
    os_check_range("os_alloc", NULL, bytes);
    void *p = os_mmap(NULL, bytes, PROT_READ | PROT_WRITE, 0);
    if (p == NULL)
        return NULL;
    os_name(p, bytes, name);
    os_book(&a->ready, bytes);
    os_book(&a->sys[kind], bytes);
    return p;
}

void
os_free(struct os_account *a, void *p, size_t bytes, enum os_kind kind)
{
    os_release(a, p, bytes, 0, bytes, kind);
}

void
os_release(struct os_account *a, void *p, size_t bytes, size_t prepared, size_t ready,
           enum os_kind kind)
{
    os_check_range("os_release", p, bytes);
    ASSERT(prepared <= bytes && ready <= bytes - prepared,
           "os_release: %zu prepared and %zu ready of %zu bytes", prepared, ready, bytes);
    if (!os_munmap("os_release", p, bytes))
        return;
    os_unbook(&a->prepared, prepared);
    os_unbook(&a->ready, ready);
    os_unbook(&a->sys[kind], prepared + ready);
    os_unbook(&a->reserved, bytes - prepared - ready);
}

bool
os_populate(void *p, size_t bytes)
{
    os_check_range("os_populate", p, bytes);
    return madvise(p, bytes, OS_MADV_POPULATE_WRITE) == 0;
}

void
os_advise(void *p, size_t bytes, enum os_advice advice)
{
    /* kernels without transparent huge pages refuse: advice is only advice */
    (void)madvise(p, bytes, advice == OS_HUGEPAGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void
os_rebook(struct os_account *a, size_t bytes, enum os_kind from, enum os_kind to)
{
    os_book(&a->sys[to], bytes);
    os_unbook(&a->sys[from], bytes);
}

uint64_t
os_sys_total(const struct os_account *a)
{
    uint64_t total = 0;
    for (int k = 0; k < OS_KINDS; k++)
        total += atomic_load_explicit(&a->sys[k], memory_order_relaxed);
    return total;
}

static int64_t
os_clock_ns(clockid_t clock)
{
    struct timespec t;
    int e = clock_gettime(clock, &t);
    CHECK(e == 0, "os_clock_ns: clock %d: error %d", (int)clock, errno);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
os_now_ns(void)
{
    return os_clock_ns(CLOCK_MONOTONIC);
}

int64_t
os_thread_cpu_ns(void)
{
    return os_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t
os_thread_sleeps(void)
{
    struct rusage r;
    /* it cannot fail for the calling thread */
    return getrusage(RUSAGE_THREAD, &r) == 0 ? (uint64_t)r.ru_nvcsw : 0;
}

int64_t
os_process_cpu_ns(void)
{
    return os_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

size_t
os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}
