/* arena.c - the peer that knows all lifetimes: binary-trees and gcbench with a region for each
 * thread, in which objects are made by bumping a pointer and which is reset after each tree.
 *
 *   arena WORKLOAD [--option value ...]
 *   arena version
 *
 * A region is reserved once, as large as any tree may get, and backed by the system where it is
 * touched. */
#include "scripts/peers/c/memory.h"
#include "scripts/peers/c/workloads.h"

#include <stdio.h>
#include <sys/mman.h>

static const size_t ARENA_BYTES = (size_t)64 << 30;

_Thread_local struct arena arena;

void
arena_open(size_t bytes)
{
    if (arena.end != NULL || bytes > ARENA_BYTES)
        fail("a region of %zu GiB is full", ARENA_BYTES >> 30);
    char *p = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        fail("no address space for a region of %zu GiB (ulimit -v?)", ARENA_BYTES >> 30);
    arena = (struct arena){.next = p, .end = p + ARENA_BYTES, .kept = p};
}

void
peer_start(const char *workload)
{
    (void)workload;
}

const char *
peer_version(char *text, size_t bytes)
{
    snprintf(text, bytes, "arena: a bump pointer for each thread");
    return text;
}

const struct workload peer_workloads[] = {
    {"binary-trees", binary_trees_options, true, binary_trees_run},
    {"gcbench", gcbench_options, false, gcbench_run},
    {.name = NULL},
};
