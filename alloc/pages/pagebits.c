/* pagebits.c - finding and summarising runs in a chunk's bits (pagebits.h).
 *
 * All three walk the eight words once, carrying the run that reaches the word's edge into the
 * next word. Go's counterpart: mpallocbits.go. Locks: none of its own. */
#include "alloc/pages/pagebits.h"

unsigned
pagebits_find_clear(const uint64_t *bits, unsigned n, unsigned from)
{
    unsigned run = 0; /* clear bits just below word w */
    for (unsigned w = from / 64; w < CHUNK_WORDS; w++) {
        uint64_t x = bits[w];
        if (w == from / 64)
            x |= bits_low(from % 64);
        if (run + bits_ctz(x) >= n)
            return w * 64 - run;
        if (x == 0) {
            run += 64;
            continue;
        }
        uint64_t at = n <= 64 ? pagebits_runs(~x, n) : 0;
        if (at != 0)
            return w * 64 + bits_ctz(at);
        run = 64 - bits_len(x);
    }
    return CHUNK_PAGES;
}

/* The longest run of ones in the word, or `best` if none is longer. */
static unsigned
pagebits_longest(uint64_t ones, unsigned best)
{
    if (best >= 64)
        return best;
    for (ones = pagebits_runs(ones, best + 1); ones != 0; ones &= ones >> 1)
        best++;
    return best;
}

struct pagebits_summary
pagebits_summarize(const uint64_t *bits)
{
    struct pagebits_summary s = {0, 0, 0};
    unsigned run = 0;
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        uint64_t x = bits[w];
        unsigned low = bits_ctz(x);
        if (s.start == w * 64)
            s.start += low;
        run += low;
        if (run > s.max)
            s.max = run;
        if (x != 0) {
            s.max = pagebits_longest(~x, s.max);
            run = 64 - bits_len(x);
        }
    }
    s.end = run;
    if (run > s.max)
        s.max = run;
    return s;
}

unsigned
pagebits_highest_run(const uint64_t *ones, unsigned most, unsigned *first)
{
    unsigned w = CHUNK_WORDS;
    while (w > 0 && ones[w - 1] == 0)
        w--;
    if (w == 0)
        return 0;

    unsigned end = (w - 1) * 64 + bits_len(ones[w - 1]); /* exclusive */
    unsigned begin = end;
    while (begin > 0 && end - begin < most) {
        unsigned last = (begin - 1) % 64; /* the highest bit of the word still to look at */
        uint64_t x = ones[(begin - 1) / 64] << (63 - last);
        unsigned here = 64 - bits_len(~x); /* ones from there down */
        if (here > last + 1)
            here = last + 1;
        begin -= here;
        if (here <= last)
            break;
    }
    if (end - begin > most)
        begin = end - most;
    *first = begin;
    return end - begin;
}
