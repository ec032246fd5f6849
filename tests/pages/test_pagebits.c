/* test_pagebits.c - each operation on a chunk's bits against its definition, bit by bit. */
#include "alloc/pages/pagebits.h"
#include "tests/pages/fixture.h"

static bool
bit_at(const uint64_t *bits, unsigned i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* Bits in clumps of random density, so that long runs and crossings of words are common. */
static void
random_bits(struct rng *r, uint64_t *bits)
{
    unsigned i = 0;
    memset(bits, 0, CHUNK_PAGES / 8);
    while (i < CHUNK_PAGES) {
        unsigned n = 1 + (unsigned)rng_below(r, rng_below(r, 4) == 0 ? 200 : 9);
        bool set = rng_below(r, 2);
        for (; n > 0 && i < CHUNK_PAGES; n--, i++)
            bits[i / 64] |= (uint64_t)set << (i % 64);
    }
}

static unsigned
naive_find(const uint64_t *bits, unsigned n, unsigned from)
{
    unsigned run = 0;
    for (unsigned i = from; i < CHUNK_PAGES; i++) {
        run = bit_at(bits, i) ? 0 : run + 1;
        if (run == n)
            return i + 1 - n;
    }
    return CHUNK_PAGES;
}

static struct pagebits_summary
naive_summary(const uint64_t *bits)
{
    struct pagebits_summary s = {0, 0, 0};
    unsigned run = 0;
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        run = bit_at(bits, i) ? 0 : run + 1;
        if (run > s.max)
            s.max = run;
        if (run == i + 1)
            s.start = run;
    }
    s.end = run;
    return s;
}

static unsigned
naive_highest(const uint64_t *ones, unsigned most, unsigned *first)
{
    unsigned end = CHUNK_PAGES;
    while (end > 0 && !bit_at(ones, end - 1))
        end--;
    unsigned begin = end;
    while (begin > 0 && end - begin < most && bit_at(ones, begin - 1))
        begin--;
    *first = begin;
    return end - begin;
}

static void
ranges_touch_their_bits_only(void **state)
{
    struct rng r = rng_seeded();
    for (size_t k = 0; k < steps(8000); k++) {
        uint64_t before[CHUNK_WORDS], set[CHUNK_WORDS], cleared[CHUNK_WORDS];
        random_bits(&r, before);
        memcpy(set, before, sizeof(set));
        memcpy(cleared, before, sizeof(cleared));
        unsigned first = (unsigned)rng_below(&r, CHUNK_PAGES);
        unsigned n = 1 + (unsigned)rng_below(&r, CHUNK_PAGES - first), count = 0;
        pagebits_set(set, first, n);
        pagebits_clear(cleared, first, n);
        for (unsigned i = 0; i < CHUNK_PAGES; i++) {
            bool in = i >= first && i < first + n;
            count += in && bit_at(before, i);
            assert_int_equal(bit_at(set, i), in || bit_at(before, i));
            assert_int_equal(bit_at(cleared, i), !in && bit_at(before, i));
        }
        assert_int_equal(pagebits_count(before, first, n), count);
    }
}

static void
find_gives_the_lowest_run(void **state)
{
    struct rng r = rng_seeded();
    for (size_t k = 0; k < steps(40000); k++) {
        uint64_t bits[CHUNK_WORDS];
        random_bits(&r, bits);
        unsigned n = 1 + (unsigned)rng_below(&r, rng_below(&r, 2) ? 8 : 200);
        unsigned from = (unsigned)rng_below(&r, CHUNK_PAGES);
        if (rng_below(&r, 2))
            from = 0;
        assert_int_equal(pagebits_find_clear(bits, n, from), naive_find(bits, n, from));
    }
}

static void
summary_counts_runs(void **state)
{
    struct rng r = rng_seeded();
    for (size_t k = 0; k < steps(40000); k++) {
        uint64_t bits[CHUNK_WORDS];
        random_bits(&r, bits);
        if (k < 2)
            memset(bits, k ? 0xff : 0, sizeof(bits));
        struct pagebits_summary want = naive_summary(bits), have = pagebits_summarize(bits);
        assert_int_equal(have.start, want.start);
        assert_int_equal(have.max, want.max);
        assert_int_equal(have.end, want.end);
    }
}

static void
highest_run_is_cut_from_its_top(void **state)
{
    struct rng r = rng_seeded();
    for (size_t k = 0; k < steps(40000); k++) {
        uint64_t bits[CHUNK_WORDS];
        unsigned have_first = 0, want_first = 0;
        random_bits(&r, bits);
        if (k < 2)
            memset(bits, k ? 0xff : 0, sizeof(bits));
        unsigned most = 1 + (unsigned)rng_below(&r, rng_below(&r, 2) ? 16 : CHUNK_PAGES);
        unsigned want = naive_highest(bits, most, &want_first);
        assert_int_equal(pagebits_highest_run(bits, most, &have_first), want);
        if (want > 0)
            assert_int_equal(have_first, want_first);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_touch_their_bits_only),
        cmocka_unit_test(find_gives_the_lowest_run),
        cmocka_unit_test(summary_counts_runs),
        cmocka_unit_test(highest_run_is_cut_from_its_top),
    };
    return cmocka_run_group_tests_name("pagebits", tests, NULL, NULL);
}
