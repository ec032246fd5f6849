/* memory.h - where objects come from, chosen when a peer is compiled: one of three headers with
 * the same names in it.
 *
 *   MEMORY_FREES             objects are freed by hand, one by one; if false, dropping the last
 *                            reference is all there is to do
 *   memory_new(bytes)        an object that may hold references
 *   memory_new_plain(bytes)  an object that holds none
 *   memory_new_zeroed(bytes) the same, all bytes zero
 *   memory_table(n)          n references, all NULL
 *   memory_free(p)           p is used no more; may be NULL
 *   memory_reset()           everything is dropped that this thread has made since memory_keep
 *   memory_keep()            what this thread has made so far stays
 *   memory_collect()         a full collection
 *   memory_pause(), memory_resume()  the collector is off in between
 *   memory_release()         give back to the system whatever can be given
 *
 * None returns NULL. What a kind of memory has no use for does nothing. The contents of what
 * memory_new returns are whatever the allocator leaves: objects are written whole. */
#ifndef GH_PEERS_C_MEMORY_H
#define GH_PEERS_C_MEMORY_H

#include "scripts/peers/c/peer.h"

#if defined(PEER_BOEHM)
#include "scripts/peers/c/memory_boehm.h"
#elif defined(PEER_ARENA)
#include "scripts/peers/c/memory_arena.h"
#else
#include "scripts/peers/c/memory_malloc.h"
#endif

#endif
