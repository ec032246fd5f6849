/* gcbits.h - memory of mark and allocation bits, released by epoch (Go: gcBitsArenas).
 *
 * Bits are never freed one by one. A span gets new ones when it is swept; the ones it had
 * are dropped. Each collection begins an epoch, and a chunk is reused two epochs after
 * the one it was filled in:
 *
 *     next      being filled: allocation and mark bits made by the sweep under way
 *     current   filled by the last sweep: the mark bits of this cycle
 *     previous  filled by the sweep before: what the last allocation bits lie in, until the
 *               sweep of this cycle has replaced them all
 *     free      to be filled again
 *
 * Contexts: gcbits_alloc from any thread; lock-free but for a new chunk (lock GCBITS). */
#ifndef GH_ALLOC_SPACES_GO_GCBITS_H
#define GH_ALLOC_SPACES_GO_GCBITS_H

#include "alloc/base/lock.h"
#include "alloc/base/os.h"

enum { GCBITS_CHUNK = 64 * 1024 };

struct gcbits_chunk;

struct gcbits_arenas {
    struct os_account *account; /* immutable */
    struct lock lock;
    /* atomic; written under lock: head of the list being filled */
    _Atomic(struct gcbits_chunk *) next;
    /* guarded by lock; the oldest chunk of each list has the end of its list's name */
    struct gcbits_chunk *current, *previous, *free;
    struct gcbits_chunk *next_end, *current_end, *previous_end;
};

/* Bits every span may share as long as none of them is set: never written. Enough for the
 * class with most slots. */
extern const uint64_t gcbits_zero[GH_PAGE / 8 / 64];

void gcbits_init(struct gcbits_arenas *b, struct os_account *a);
void gcbits_finish(struct gcbits_arenas *b);

/* Zeroed bits for `n` > 0 slots, whole words. NULL if the OS refuses. Valid until the second
 * gcbits_next_epoch_stw from now has been followed by a whole sweep. */
uint64_t *gcbits_alloc(struct gcbits_arenas *b, uint32_t n);
/* Every span has been swept: begin an epoch. Nobody may be in gcbits_alloc. */
void gcbits_next_epoch_stw(struct gcbits_arenas *b);

#endif
