/* pages_internal.h - what the files of alloc/pages share and nobody else may use.
 *
 * "_locked" = the caller holds PAGES. */
#ifndef GH_ALLOC_PAGES_PAGES_INTERNAL_H
#define GH_ALLOC_PAGES_PAGES_INTERNAL_H

#include "alloc/pages/pages.h"

/* --- arenas.c --- */

bool arenas_open(struct pages *p, struct gh_error *err);
void arenas_close(struct pages *p);
/* Make the heap larger by at least `npages` free pages in a row. False if the OS refuses. */
bool arenas_grow_locked(struct pages *p, size_t npages);
/* Reserve one arena for uchunks and make its record. 0 if the OS refuses. */
uintptr_t arenas_make_for_uchunks_locked(struct pages *p);
/* Enter `s` (NULL to clear) for all the pages from `base`. */
void arenas_set_spans(struct pages *p, uintptr_t base, size_t npages, struct mspan *s);
/* Pages that were not backed by memory are handed out: raise the zeroed base over them. Returns
 * whether any lay below it. Lock-free. */
bool arenas_take_fresh(struct pages *p, uintptr_t base, size_t npages);

/* --- scavenge.c --- */

uint64_t scavenge_retained_locked(const struct pages *p);
/* The heap has just grown by `grown` bytes: how many bytes to give back for it, so as to stay
 * below the goal. */
uint64_t scavenge_excess_locked(const struct pages *p, uint64_t grown);
/* An allocation is about to use `fresh` bytes that are not backed by memory yet, and should
 * give back `excess` for growth: release that, or what the memory limit demands if it is more.
 */
void scavenge_assist(struct pages *p, uint64_t excess, uint64_t fresh);

/* --- spans.c --- */

/* A record of state DEAD, NULL if the OS refuses; and back again. */
struct mspan *spans_get_record_locked(struct pages *p);
void spans_put_record_locked(struct pages *p, struct mspan *s);
/* Make a record that of a span of these pages, with nothing else known of it. */
void spans_describe(struct pages *p, struct mspan *s, uintptr_t base, size_t npages);
/* Take a span of objects out of the arenas' records: its addresses find nothing from here on.
 */
void spans_forget_objects(struct pages *p, struct mspan *s);
/* Bytes in spans of one use, with what locals have taken. */
uint64_t spans_used_locked(const struct pages *p, enum span_use use);

/* --- uchunk.c --- */

/* Bytes of the arena at `base` that are uchunks in use. */
size_t uchunks_live_bytes(const struct pages *p, uintptr_t base);
/* Give back what uchunks have outside of their arenas. */
void uchunks_close(struct pages *p);

/* --- stackmem.c --- */

void stackmem_open(struct pages *p);
void stackmem_close(struct pages *p);

#endif
