/* test_type_layout.c - how types are laid out, and which descriptions are refused. */
#include "fixture.h"

#include "tests/base/death.h"

static const uint64_t none[1] = {0};
static const uint64_t ones[64] = {[0 ... 63] = UINT64_MAX};
static const uint64_t one[64] = {1};

static struct gh_type
derived(size_t size, size_t ptr_bytes, const uint64_t *mask)
{
    struct gh_type t = {.size = size, .ptr_bytes = ptr_bytes, .ptr_mask = mask, .name = "t"};
    gospace_derive_type(&t);
    return t;
}

static void
layout_follows_size_and_references(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool refs;
        enum gh_layout layout;
        unsigned slot;
    } rows[] = {
        {1, false, GH_LAYOUT_TINY, 16},
        {15, false, GH_LAYOUT_TINY, 16},
        {16, false, GH_LAYOUT_NOSCAN, 16},
        {17, false, GH_LAYOUT_NOSCAN, 24},
        {32760, false, GH_LAYOUT_NOSCAN, 32768},
        {32761, false, GH_LAYOUT_LARGE, 0},
        {8, true, GH_LAYOUT_BITS, 8},
        {24, true, GH_LAYOUT_BITS, 24},
        {512, true, GH_LAYOUT_BITS, 512},
        {520, true, GH_LAYOUT_HEADER, 576},
        {568, true, GH_LAYOUT_HEADER, 576},
        {576, true, GH_LAYOUT_HEADER, 640},
        {32760, true, GH_LAYOUT_HEADER, 32768},
        {32768, true, GH_LAYOUT_LARGE, 0},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gh_type t = derived(rows[i].size, rows[i].refs ? 8 : 0, one);
        assert_int_equal(t.layout, rows[i].layout);
        assert_int_equal(t.span_class & 1, !rows[i].refs);
        assert_true(t.slot_bytes > 0);
        if (rows[i].slot > 0)
            assert_int_equal(t.slot_bytes, rows[i].slot);
        bool bumped = t.layout != GH_LAYOUT_TINY && t.layout != GH_LAYOUT_LARGE;
        size_t run = bumped ? t.span_class : t.span_class & 1u;
        assert_int_equal(t.run_offset, run * sizeof(struct gh_run));
        assert_int_equal(t.run_mask, t.layout == GH_LAYOUT_BITS     ? 1
                                     : t.layout == GH_LAYOUT_HEADER ? GH_MASK_HEADER
                                                                    : 0);
    }
}

static void
mask_of_bits_layout_is_the_types(void **state)
{
    (void)state;
    assert_int_equal(derived(512, 512, ones).run_mask, UINT64_MAX);
    const uint64_t m = 0x25;
    assert_int_equal(derived(64, 48, &m).run_mask, 0x25);
}

static void
derive_bad(void *arg)
{
    struct gh_type t = *(struct gh_type *)arg;
    gospace_derive_type(&t);
}

static void
contradictory_descriptions_are_refused(void **state)
{
    (void)state;
    const struct gh_type bad[] = {
        {.size = 0},
        {.size = 8, .ptr_bytes = 16, .ptr_mask = one},
        {.size = 16, .ptr_bytes = 8, .ptr_mask = ones},
        {.size = 12, .ptr_bytes = 8, .ptr_mask = one},
        {.size = 16, .ptr_bytes = 4, .ptr_mask = one},
        {.size = 16, .ptr_bytes = 8},
        {.size = 8, .ptr_bytes = 8, .ptr_mask = none},
        {.size = 4096, .ptr_bytes = 520, .ptr_mask = ones},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct death d;
        death_run(&d, derive_bad, &bad[i]);
        assert_true(WIFEXITED(d.status) && WEXITSTATUS(d.status) == 1);
        assert_non_null(strstr(d.text, "fatal error: gospace_derive_type: "));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_follows_size_and_references),
        cmocka_unit_test(mask_of_bits_layout_is_the_types),
        cmocka_unit_test(contradictory_descriptions_are_refused),
    };
    return cmocka_run_group_tests_name("type_layout", tests, NULL, NULL);
}
