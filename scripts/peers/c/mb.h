/* mb.h - the classes of workload mb, for the two peers that have it: their modes differ, what
 * is allocated does not. */
#ifndef GH_PEERS_C_MB_H
#define GH_PEERS_C_MB_H

/* name, bytes, whether it holds references, objects a thread makes, the word that is written:
 * the number of the object, or NULL where all words are references. */
#define MB_CLASSES(X)                 \
    X(n8, 8, false, 50000000, 0)      \
    X(n16, 16, false, 25000000, 0)    \
    X(p16, 16, true, 25000000, -1)    \
    X(p64, 64, true, 12000000, 2)     \
    X(n256, 256, false, 6000000, 0)   \
    X(p1024, 1024, true, 1500000, -1) \
    X(n4096, 4096, false, 1000000, 0) \
    X(n32k, 32768, false, 150000, 0)  \
    X(n64k, 65536, false, 80000, 0)

#define MB_N_MAX UINT64_C(1000000000000)

#define MB_CLASS_NAMES "n8 n16 p16 p64 n256 p1024 n4096 n32k n64k"

/* Write what an object of a class gets written: constants of the loop it stands in. */
#define MB_WRITE(p, i, word) ((uint64_t *)(p))[(word) < 0 ? 0 : (word)] = (word) < 0 ? 0 : (i)

#endif
