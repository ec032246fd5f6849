/* test_nearest.c - guesses for mistyped words. */
#include "workloads/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"binary-trees", "gcbench", "json", "mb", "mark", "sweep"};
enum { NAMES = sizeof names / sizeof names[0] };

static const char *
hint(const char *word)
{
    static struct nearest_hint h;
    nearest_hint(word, "", names, NAMES, &h);
    return h.text;
}

static void
distance_counts_edits(void **state)
{
    assert_int_equal(nearest_distance("", ""), 0);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("mark", "mark"), 0);
}

static void
distance_takes_a_swap_as_one_edit(void **state)
{
    assert_int_equal(nearest_distance("jsno", "json"), 1);
    assert_int_equal(nearest_distance("ab", "ba"), 1);
    assert_int_equal(nearest_distance("ca", "abc"), 3); /* a substring is edited but once */
}

static void
distance_gives_up_on_long_words(void **state)
{
    char word[NEAREST_WORD_MAX + 2];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_int_equal(nearest_distance(word, "json"), NEAREST_WORD_MAX + 1);
    assert_string_equal(hint(word), "");
}

static void
hint_names_the_nearest(void **state)
{
    assert_string_equal(hint("jsno"), "; did you mean json?");
    assert_string_equal(hint("binary_tree"), "; did you mean binary-trees?");
    assert_string_equal(hint("gcbnech"), "; did you mean gcbench?");
    assert_string_equal(hint("bin"), "; did you mean binary-trees?");
}

static void
hint_puts_the_best_first(void **state)
{
    static const char *const words[] = {"depths", "depth", "debt", "death"};
    struct nearest_hint h;
    nearest_hint("deptj", "--", words, 4, &h);
    assert_string_equal(h.text, "; did you mean --depth, --depths or --debt?");
}

static void
hint_is_silent_about_the_far(void **state)
{
    assert_string_equal(hint("zzzzzz"), "");
    assert_string_equal(hint(""), "");
    assert_string_equal(hint("x"), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(distance_takes_a_swap_as_one_edit),
        cmocka_unit_test(distance_gives_up_on_long_words),
        cmocka_unit_test(hint_names_the_nearest),
        cmocka_unit_test(hint_puts_the_best_first),
        cmocka_unit_test(hint_is_silent_about_the_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
