/* test_output.c - files that appear whole or not at all. */
#include "cmd/output.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/goheap-test-XXXXXX";
static char path[PATH_MAX];

static int
setup(void **state)
{
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/report", directory);
    return 0;
}

static int
teardown(void **state)
{
    return rmdir(directory);
}

/* How many entries the directory has. */
static int
files(void)
{
    int n = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void
assert_contents(const char *expected)
{
    char got[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(got, 1, sizeof got - 1, f);
    got[n] = '\0';
    fclose(f);
    assert_string_equal(got, expected);
}

static bool
write_text(const void *ctx, FILE *out)
{
    return fputs(ctx, out) != EOF;
}

static bool
write_half_and_fail(const void *ctx, FILE *out)
{
    fputs(ctx, out);
    errno = ENOMEM;
    return false;
}

static void
checking_leaves_nothing_behind(void **state)
{
    struct gh_error err;
    assert_true(output_check(path, &err));
    assert_int_equal(files(), 0);
}

static void
writing_replaces_and_keeps_the_mode(void **state)
{
    struct gh_error err;
    struct stat st;
    assert_true(output_write(path, write_text, "one", &err));
    assert_contents("one");
    assert_int_equal(chmod(path, 0640), 0);
    assert_true(output_write(path, write_text, "two", &err));
    assert_contents("two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(files(), 1);
    unlink(path);
}

static void
a_failed_write_keeps_the_old_file(void **state)
{
    struct gh_error err;
    assert_true(output_write(path, write_text, "old", &err));
    assert_false(output_write(path, write_half_and_fail, "new", &err));
    assert_int_equal(err.status, GH_EXIT_FAILED);
    assert_non_null(strstr(err.text, "Cannot allocate memory"));
    assert_contents("old");
    assert_int_equal(files(), 1);
    unlink(path);
}

static void
a_symbolic_link_stays_one(void **state)
{
    char link[PATH_MAX];
    struct gh_error err;
    struct stat st;
    snprintf(link, sizeof link, "%s/link", directory);
    assert_true(output_write(path, write_text, "old", &err));
    assert_int_equal(symlink("report", link), 0);
    assert_true(output_write(link, write_text, "new", &err));
    assert_contents("new");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink(link);
    unlink(path);
}

static void
impossible_paths_are_found_before(void **state)
{
    char missing[2 * PATH_MAX];
    struct gh_error err;
    snprintf(missing, sizeof missing, "%s/no/report", directory);
    assert_false(output_check(missing, &err));
    assert_int_equal(err.status, GH_EXIT_FAILED);
    assert_non_null(strstr(err.text, "No such file or directory; does its directory exist?"));
    assert_false(output_check(directory, &err));
    assert_non_null(strstr(err.text, "Is a directory"));
    assert_int_equal(files(), 0);
}

static void
a_full_device_is_an_error(void **state)
{
    struct gh_error err;
    assert_true(output_check("/dev/full", &err));
    assert_false(output_write("/dev/full", write_text, "x", &err));
    assert_int_equal(err.status, GH_EXIT_FAILED);
    assert_non_null(strstr(err.text, "No space left"));
    assert_true(output_write("/dev/null", write_text, "x", &err));
}

static void
one_file_has_many_names(void **state)
{
    char other[PATH_MAX + 16], link[PATH_MAX + 16];
    snprintf(other, sizeof other, "%s/./report", directory);
    snprintf(link, sizeof link, "%s/link", directory);
    assert_true(output_is_same(path, other)); /* not there yet */
    assert_false(output_is_same(path, link));
    fclose(fopen(path, "w"));
    assert_int_equal(symlink("report", link), 0);
    assert_true(output_is_same(path, link));
    assert_false(output_is_same("-", "-"));
    assert_false(output_is_same("/dev/null", "/dev/./null"));
    unlink(link);
    unlink(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checking_leaves_nothing_behind),
        cmocka_unit_test(writing_replaces_and_keeps_the_mode),
        cmocka_unit_test(a_failed_write_keeps_the_old_file),
        cmocka_unit_test(a_symbolic_link_stays_one),
        cmocka_unit_test(impossible_paths_are_found_before),
        cmocka_unit_test(a_full_device_is_an_error),
        cmocka_unit_test(one_file_has_many_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
