/* os.h - the one door to the operating system's memory, and the accounts kept at it.
 *
 * A stretch of address space is in one of four states (Go: mem.go):
 *
 *   None     not ours
 *   Reserved ours, PROT_NONE: touching it faults
 *   Prepared may be used after os_used; the OS may hold no memory for it
 *   Ready    may be touched
 *
 *   os_reserve N->R   os_map R->P   os_used P->Rd   os_unused Rd->P   os_fault Rd->R
 *   os_alloc N->Rd    os_free Rd->N   os_release any->N
 *
 * Every transition is booked, in bytes, so that the report can be checked against the
 * kernel's view. Failure (ENOMEM and friends) is returned, never fatal: the lowest caller
 * with a policy decides.
 * Contexts: any thread, no locks taken, not a safepoint. */
#ifndef GH_ALLOC_BASE_OS_H
#define GH_ALLOC_BASE_OS_H

#include "alloc/base/config.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* What memory is for: the *Sys fields of MemStats. */
enum os_kind {
    OS_HEAP,     /* HeapSys and, once stacks take spans from it, StackSys */
    OS_MSPAN,    /* span records */
    OS_MCACHE,   /* mutators' caches */
    OS_BUCKHASH, /* profiling buckets */
    OS_GC,       /* collector metadata: bitmaps, summaries, work buffers */
    OS_OTHER,    /* everything else: arena records, persistent data */
    OS_KINDS,
};

/* atomic, relaxed: statistics, ordered by nothing; exact whenever no transition is running. */
struct os_account {
    _Atomic(uint64_t) sys[OS_KINDS]; /* bytes Prepared or Ready, by kind */
    _Atomic(uint64_t) reserved;      /* bytes Reserved */
    _Atomic(uint64_t) prepared;      /* bytes Prepared */
    _Atomic(uint64_t) ready;         /* bytes Ready (Go: mappedReady) */
    _Atomic(uint64_t) madvise_failed;
    /* immutable once memory is taken */
    bool use_madv_free; /* os_unused by MADV_FREE (Go: madvdontneed=0) */
    bool hard_decommit; /* os_unused makes it fault until os_recommit (Go: harddecommit=1) */
    bool no_huge_pages; /* heap memory is mapped without (Go: disablethp=1) */
};

enum os_advice { OS_HUGEPAGE, OS_NOHUGEPAGE };

void os_account_init(struct os_account *a, bool use_madv_free);

/* Reserve `bytes` (a multiple of the OS page) at `hint` if it is free, else anywhere.
 * NULL if the OS refuses. */
void *os_reserve(struct os_account *a, void *hint, size_t bytes);
/* The same, aligned; `align` is a power of two. */
void *os_reserve_aligned(struct os_account *a, void *hint, size_t bytes, size_t align);
/* Reserved -> Prepared, booked under `kind`. `name` labels the mapping in /proc/self/maps. */
bool os_map(struct os_account *a, void *p, size_t bytes, enum os_kind kind, const char *name);
/* Make all of a reservation accessible, yet leave it booked as Reserved: for an index so large
 * and so sparsely touched that counting it whole would say nothing (Go leaves out its arena
 * index for this reason). To be released as Reserved. */
bool os_map_sparse(struct os_account *a, void *p, size_t bytes, const char *name);
void os_used(struct os_account *a, void *p, size_t bytes);
/* Of a stretch of which any part may be Prepared, all is about to be used: with hard_decommit
 * make it accessible again; throws if the OS refuses. Books nothing, that is for os_used. */
void os_recommit(const struct os_account *a, void *p, size_t bytes);
/* Ready -> Prepared: the contents are lost. Returns false (and books nothing) if the OS
 * kept the memory, or keeps it accessible against hard_decommit. */
bool os_unused(struct os_account *a, void *p, size_t bytes);
/* The same for several stretches, `n` <= OS_STRETCHES: bit i of the result is set if stretch i
 * has become Prepared. Much cheaper than one by one: the kernel tells the processors of other
 * threads once for all, not for each. */
enum { OS_STRETCHES = 64 };
struct os_stretch {
    void *p;
    size_t bytes; /* > 0 */
};
uint64_t os_unused_stretches(struct os_account *a, const struct os_stretch *stretches,
                             unsigned n);
/* Give back the memory of stretches that stay Ready: they read as zero (with use_madv_free
 * perhaps as before) until they are written to, which backs them again without anybody knowing.
 * Books nothing, and hard_decommit does not apply. Result as above: what the OS has taken. */
uint64_t os_discard(struct os_account *a, const struct os_stretch *stretches, unsigned n);
/* Ready -> Reserved: touching it faults from now on. False (and nothing booked) if refused. */
bool os_fault(struct os_account *a, void *p, size_t bytes, enum os_kind kind);
void *os_alloc(struct os_account *a, size_t bytes, enum os_kind kind, const char *name);
/* Ready -> None. */
void os_free(struct os_account *a, void *p, size_t bytes, enum os_kind kind);
/* Release a stretch of which `prepared` and `ready` bytes were in those states (the rest
 * Reserved); for closing a heap. Books `kind` down by prepared + ready. */
void os_release(struct os_account *a, void *p, size_t bytes, size_t prepared, size_t ready,
                enum os_kind kind);
/* Have the OS back `bytes` of Prepared memory now, with zeros. False if it cannot (Linux before
 * 5.14) or will not: it does so at the first touch then. Books nothing. */
bool os_populate(void *p, size_t bytes);
/* Which of the `n` <= 64 OS pages at `p` may hold anything but zeros: bit i is clear if page i
 * was never touched, or not since it was given back. All are set where the OS does not tell.
 * Three system calls. */
uint64_t os_touched(uintptr_t p, unsigned n);
void os_advise(void *p, size_t bytes, enum os_advice advice);
/* Move already mapped bytes from one account to another (a span becomes a work buffer). */
void os_rebook(struct os_account *a, size_t bytes, enum os_kind from, enum os_kind to);

uint64_t os_sys_total(const struct os_account *a);

/* The monotonic clock, in ns. */
int64_t os_now_ns(void);
/* CPU time of this thread, of this process (user + system), in ns. */
int64_t os_thread_cpu_ns(void);
/* How often the calling thread has gone to sleep so far; a system call. */
uint64_t os_thread_sleeps(void);
int64_t os_process_cpu_ns(void);
/* Processors this process may run on: affinity, capped by the cgroup quota as Go 1.25+
 * does: min(affinity, max(2, ceil(quota / period))). At least 1. The quota is read once. */
int os_procs(void);
size_t os_page_bytes(void);

#endif
