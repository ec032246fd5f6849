/* test_sizeclass.c - the computed size classes. */
#include "fixture.h"

static void
class_of_every_size_is_the_smallest_that_fits(void **state)
{
    (void)state;
    unsigned want = 1;
    for (size_t n = 1; n <= 32768; n++) {
        if (n > sizeclass_bytes[want])
            want++;
        assert_int_equal(sizeclass_of(n), want);
    }
    assert_int_equal(want, GH_CLASSES - 1);
}

static void
spans_waste_at_most_an_eighth_at_their_end(void **state)
{
    (void)state;
    for (unsigned c = 1; c < GH_CLASSES; c++) {
        struct sizeclass_row r;
        sizeclass_row(c, &r);
        assert_int_equal(r.span_bytes, sizeclass_pages[c] * GH_PAGE);
        assert_int_equal(r.objects * r.object_bytes + r.tail_waste, r.span_bytes);
        assert_true(r.tail_waste <= r.span_bytes / 8);
        assert_true(r.tail_waste < r.object_bytes);
        assert_int_equal(r.object_bytes % r.min_align, 0);
    }
}

static void
known_rows_are_as_documented(void **state)
{
    (void)state;
    static const struct {
        unsigned class_, bytes, span, objects, tail, waste_percent_x100, align;
    } rows[] = {
        {1, 8, 8192, 1024, 0, 8750, 8},      {2, 16, 8192, 512, 0, 4375, 16},
        {5, 48, 8192, 170, 32, 3152, 16},    {35, 1408, 16384, 11, 896, 1400, 128},
        {50, 6912, 49152, 7, 768, 337, 256}, {67, 32768, 32768, 1, 0, 1250, 8192},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sizeclass_row r;
        sizeclass_row(rows[i].class_, &r);
        assert_int_equal(r.object_bytes, rows[i].bytes);
        assert_int_equal(r.span_bytes, rows[i].span);
        assert_int_equal(r.objects, rows[i].objects);
        assert_int_equal(r.tail_waste, rows[i].tail);
        assert_int_equal((unsigned)(r.max_waste * 10000 + 0.5), rows[i].waste_percent_x100);
        assert_int_equal(r.min_align, rows[i].align);
    }
}

static void
magic_divides_every_offset_of_a_span(void **state)
{
    (void)state;
    for (unsigned c = 1; c < GH_CLASSES; c++)
        for (uint64_t off = 0; off <= sizeclass_pages[c] * (uint64_t)GH_PAGE; off++)
            if (off * sizeclass_magic[c] >> 32 != off / sizeclass_bytes[c])
                fail_msg("class %u, offset %lu", c, off);
}

static void
metadata_in_the_span_costs_slots(void **state)
{
    (void)state;
    assert_int_equal(span_slots(1 << 1), 1008);     /* 8 bytes, with a bitmap */
    assert_int_equal(span_slots(1 << 1 | 1), 1024); /* 8 bytes, nothing */
    assert_int_equal(span_slots(2 << 1), 496);
    assert_int_equal(span_slots(2 << 1 | 1), 504);
    assert_int_equal(span_slots(26 << 1), 15);
    assert_int_equal(span_slots(26 << 1 | 1), 15);
    assert_int_equal(span_slots(27 << 1), 14); /* 576 bytes: header, no bitmap, no marks */
    for (unsigned sc = 2; sc < GH_SPAN_CLASSES; sc++)
        if (span_has_inline_marks(sizeclass_bytes[sc >> 1]))
            assert_true(sizeclass_pages[sc >> 1] == 1 &&
                        span_slots(sc) <= 8 * INLINE_MARK_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_of_every_size_is_the_smallest_that_fits),
        cmocka_unit_test(spans_waste_at_most_an_eighth_at_their_end),
        cmocka_unit_test(known_rows_are_as_documented),
        cmocka_unit_test(magic_divides_every_offset_of_a_span),
        cmocka_unit_test(metadata_in_the_span_costs_slots),
    };
    return cmocka_run_group_tests_name("sizeclass", tests, NULL, NULL);
}
