/* arenas.c - address space for the heap: hints, arenas and their records, growth.
 *
 * Arenas (64 MiB) are reserved where the hints point, so that the heap lies in one stretch if
 * nobody is in the way; else anywhere. The arena map, one pointer for each arena the address
 * space could hold, answers "is this address in the heap?" with one load; it is 32 MiB of
 * addresses, of which only the pages that are written cost memory. Within the newest arena the
 * heap grows chunk by chunk. Hints come in two lists: the upper half of the places is for
 * arenas that are cut into chunks of user arenas (uchunk.h). Go's counterpart: the arena half
 * of malloc.go and mheap.go (sysAlloc, grow, allocNeedsZero).
 *
 * Locks: PAGES, but for arenas_set_spans and arenas_take_fresh, which take none.
 * Does not: give address space back before the heap closes. */
#include "alloc/pages/pages_internal.h"

#include <string.h>

enum { ARENA_HINTS = 128 };

static const uintptr_t arenas_address_end = (uintptr_t)1 << (GH_ADDR_BITS - 1);
static const size_t arena_map_bytes = ARENA_MAP_ENTRIES * sizeof(struct arena *);

/* --- open and close --- */

static bool
arenas_add_hint(struct pages *p, struct arena_hint **list, uintptr_t addr, bool down)
{
    struct arena_hint *h = persistent_alloc(p->persistent, sizeof(*h), 8, OS_OTHER);
    if (h == NULL)
        return false;
    *h = (struct arena_hint){.addr = addr, .down = down, .next = *list};
    *list = h;
    return true;
}

bool
arenas_open(struct pages *p, struct gh_error *err)
{
    p->arena_map = os_reserve(p->account, NULL, arena_map_bytes);
    if (p->arena_map == NULL)
        return gh_error_set(
            err, GH_EXIT_FAILED,
            "pages_open: cannot reserve %zu bytes of address space for the arena "
            "map (address space only, no memory): raise ulimit -v",
            arena_map_bytes);
    if (!os_map_sparse(p->account, (void *)p->arena_map, arena_map_bytes,
                       "goheap: arena map")) {
        os_release(p->account, (void *)p->arena_map, arena_map_bytes, 0, 0, OS_OTHER);
        return gh_error_set(err, GH_EXIT_FAILED,
                            "pages_open: cannot map the arena map (%zu bytes)",
                            arena_map_bytes);
    }
    os_advise((void *)p->arena_map, arena_map_bytes, OS_NOHUGEPAGE); /* touched sparsely */
    for (int i = ARENA_HINTS; i-- > 0;) {
        uintptr_t addr = GH_ARENA_HINT + (uintptr_t)(i * GH_ARENA_HINT_STEP);
        struct arena_hint **list = i < ARENA_HINTS / 2 ? &p->hints : &p->uchunk_hints;
        if (!arenas_add_hint(p, list, addr, false)) {
            os_release(p->account, (void *)p->arena_map, arena_map_bytes, 0, 0, OS_OTHER);
            return gh_error_set(err, GH_EXIT_FAILED, "pages_open: out of memory");
        }
    }
    return true;
}

/* Bytes of the arena that are mapped, and of those the ones not backed by memory. */
static void
arenas_count(const struct pages *p, uintptr_t base, size_t *mapped, size_t *scavenged)
{
    *mapped = *scavenged = 0;
    for (size_t r = 0; r < p->alloc.nranges; r++) {
        uintptr_t from = p->alloc.ranges[r].base, to = p->alloc.ranges[r].limit;
        from = from > base ? from : base;
        to = to < base + GH_ARENA ? to : base + GH_ARENA;
        for (uintptr_t at = from; at < to; at += CHUNK_BYTES) {
            const struct chunk_bits *c = pagealloc_chunk(&p->alloc, at >> CHUNK_SHIFT);
            *mapped += CHUNK_BYTES;
            *scavenged += (size_t)pagebits_count(c->scavenged, 0, CHUNK_PAGES) * GH_PAGE;
        }
    }
    *mapped += uchunks_live_bytes(p, base);
}

void
arenas_close(struct pages *p)
{
    uchunks_close(p);
    for (uint32_t i = 0; i < p->narenas; i++) {
        size_t mapped, scavenged;
        arenas_count(p, p->arena_base[i], &mapped, &scavenged);
        os_release(p->account, (void *)p->arena_base[i], GH_ARENA, scavenged,
                   mapped - scavenged, OS_HEAP);
    }
    os_release(p->account, (void *)p->arena_map, arena_map_bytes, 0, 0, OS_OTHER);
}

/* --- growing --- */

/* Room in the two lists of arenas for `more` of them. */
static bool
arenas_room_in_lists(struct pages *p, size_t more)
{
    if (p->narenas + more <= p->arenas_cap)
        return true;
    size_t cap = p->arenas_cap == 0 ? 64 : p->arenas_cap;
    while (cap < p->narenas + more)
        cap *= 2;
    struct arena **all = persistent_alloc(p->persistent, cap * sizeof(*all), 8, OS_OTHER);
    uintptr_t *bases = persistent_alloc(p->persistent, cap * sizeof(*bases), 8, OS_OTHER);
    if (all == NULL || bases == NULL)
        return false;
    if (p->narenas > 0) {
        memcpy(all, p->all_arenas, p->narenas * sizeof(*all));
        memcpy(bases, p->arena_base, p->narenas * sizeof(*bases));
    }
    p->all_arenas = all;
    p->arena_base = bases;
    p->arenas_cap = (uint32_t)cap;
    return true;
}

/* Address space for `bytes`, whole arenas: at a hint of the list, or where the OS likes. 0 if
 * it refuses. */
static uintptr_t
arenas_reserve(struct pages *p, struct arena_hint **list, size_t bytes)
{
    for (struct arena_hint *h; (h = *list) != NULL; *list = h->next) {
        if (h->down ? h->addr < bytes : h->addr + bytes > arenas_address_end)
            continue;
        uintptr_t want = h->down ? h->addr - bytes : h->addr;
        void *got = os_reserve(p->account, (void *)want, bytes);
        if (got == NULL)
            return 0; /* it is not the place that is wrong, it is the size */
        if ((uintptr_t)got == want) {
            h->addr = h->down ? want : want + bytes;
            return want;
        }
        os_release(p->account, got, bytes, 0, 0, OS_HEAP); /* somebody is there: next hint */
    }
    uintptr_t got = (uintptr_t)os_reserve_aligned(p->account, NULL, bytes, GH_ARENA);
    if (got != 0) {
        /* from now on on both sides of it; without memory for hints it goes on as before */
        (void)arenas_add_hint(p, list, got, true);
        (void)arenas_add_hint(p, list, got + bytes, false);
    }
    return got;
}

/* Reserve `bytes`, whole arenas in a row, and make their records. 0 if the OS refuses. */
static uintptr_t
arenas_make(struct pages *p, struct arena_hint **list, size_t bytes)
{
    size_t n = bytes / GH_ARENA;
    if (!arenas_room_in_lists(p, n))
        return 0;
    uintptr_t base = arenas_reserve(p, list, bytes);
    if (base == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        p->all_arenas[p->narenas + i] =
            persistent_alloc(p->persistent, sizeof(struct arena), GH_CACHELINE, OS_GC);
        if (p->all_arenas[p->narenas + i] == NULL) {
            os_release(p->account, (void *)base, bytes, 0, 0, OS_HEAP);
            return 0;
        }
    }
    for (size_t i = 0; i < n; i++) {
        uintptr_t at = base + i * GH_ARENA;
        p->arena_base[p->narenas] = at;
        /* release: pairs with the acquire in pages_arena_of */
        atomic_store_explicit(&p->arena_map[at >> GH_ARENA_SHIFT], p->all_arenas[p->narenas],
                              memory_order_release);
        p->narenas++;
    }
    return base;
}

/* Reserved -> Prepared, and into the page allocator: all of it free and released. */
static bool
arenas_map_locked(struct pages *p, uintptr_t base, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (!pagealloc_prepare(&p->alloc, base, bytes) ||
        !os_map(p->account, (void *)base, bytes, OS_HEAP, "goheap: heap"))
        return false;
    pagealloc_add(&p->alloc, base, bytes);
    /* relaxed: statistics */
    atomic_fetch_add_explicit(&p->mapped, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->released, bytes, memory_order_relaxed);
    return true;
}

bool
arenas_grow_locked(struct pages *p, size_t npages)
{
    if (npages > arenas_address_end / GH_PAGE)
        return false;
    size_t ask = align_up(npages * GH_PAGE, CHUNK_BYTES);
    if (ask > p->current_end - p->current_start) {
        size_t bytes = align_up(ask, GH_ARENA);
        uintptr_t base = arenas_make(p, &p->hints, bytes);
        if (base == 0)
            return false;
        if (base != p->current_end) {
            /* Use up what is left of the old place; if that fails, it stays reserved. */
            (void)arenas_map_locked(p, p->current_start, p->current_end - p->current_start);
            p->current_start = base;
        }
        p->current_end = base + bytes;
    }
    if (!arenas_map_locked(p, p->current_start, ask))
        return false;
    p->current_start += ask;
    return true;
}

uintptr_t
arenas_make_for_uchunks_locked(struct pages *p)
{
    return arenas_make(p, &p->uchunk_hints, GH_ARENA);
}

/* --- records --- */

void
arenas_set_spans(struct pages *p, uintptr_t base, size_t npages, struct mspan *s)
{
    while (npages > 0) {
        struct arena *a = pages_arena_of(p, base);
        size_t first = (base % GH_ARENA) / GH_PAGE;
        size_t n = GH_PAGES_PER_ARENA - first;
        if (n > npages)
            n = npages;
        /* release: pairs with the acquire of who looks at spans he holds no object in (the page
         * reclaimer); for others pages.h, Note [span map] and struct arena */
        for (size_t i = 0; i < n; i++)
            atomic_store_explicit(&a->spans[first + i], s, memory_order_release);
        base += n * GH_PAGE;
        npages -= n;
    }
}

/* Races only with takers of other pages of the arena: the pages passed here are the caller's,
 * and whoever had them before gave them back under PAGES, after raising the base. So relaxed
 * reads are recent enough for the pages asked about, and the exchange keeps the highest. */
bool
arenas_take_fresh(struct pages *p, uintptr_t base, size_t npages)
{
    bool used_before = false;
    uintptr_t end = base + npages * GH_PAGE;
    while (base < end) {
        struct arena *a = pages_arena_of(p, base);
        uintptr_t start = base % GH_ARENA;
        uintptr_t stop = end - base < GH_ARENA - start ? start + (end - base) : GH_ARENA;
        uintptr_t zeroed = atomic_load_explicit(&a->zeroed_base, memory_order_relaxed);
        used_before = used_before || start < zeroed;
        while (zeroed < stop && !atomic_compare_exchange_weak_explicit(
                                    &a->zeroed_base, &zeroed, stop, memory_order_relaxed,
                                    memory_order_relaxed)) {
        }
        base += stop - start;
    }
    return used_before;
}
