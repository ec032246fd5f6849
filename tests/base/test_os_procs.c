/* test_os_procs.c - processors from affinity and cgroup quota, on made-up /proc trees. */
#include "alloc/base/os.h"
#include "alloc/base/os_procs.h"

#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[] = "/tmp/goheap-test-procs-XXXXXX";

/* root/path with `text`, and the folders it needs. */
static void
put(const char *path, const char *text)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *c = full + strlen(root) + 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '\0';
            mkdir(full, 0700);
            *c = '/';
        }
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
make_root(void **state)
{
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
drop_root(void **state)
{
    char cmd[PATH_MAX];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
    return system(cmd);
}

static const char mount_v2[] =
    "21 28 0:20 / /proc rw,relatime shared:5 - proc proc rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

static void
no_files_no_limit(void **state)
{
    assert_int_equal(os_procs_quota(root), 0);
    put("/proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(os_procs_quota(root), 0);
    put("/proc/self/mountinfo", mount_v2);
    assert_int_equal(os_procs_quota(root), 0);
}

static void
v2_least_quota_of_group_and_ancestors(void **state)
{
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/proc/self/mountinfo", mount_v2);
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(os_procs_quota(root), 0);
    put("/sys/fs/cgroup/a/b/cpu.max", "650000 100000\n");
    assert_int_equal(os_procs_quota(root), 7);
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    assert_int_equal(os_procs_quota(root), 3);
    put("/sys/fs/cgroup/cpu.max", "50000 100000\n"); /* a mount of a container's own group */
    assert_int_equal(os_procs_quota(root), 1);
}

static void
v2_in_a_namespace_and_with_blanks(void **state)
{
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/my\\040group rw - cgroup2 cgroup2 rw,nsdelegate\n");
    put("/sys/fs/my group/cpu.max", "400000 100000\n");
    assert_int_equal(os_procs_quota(root), 4);
}

static void
v1_goes_before_v2(void **state)
{
    put("/proc/self/cgroup", "0::/v2\n7:cpuset:/x\n4:cpu,cpuacct:/docker/abc\n1:name=x:/\n");
    put("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "31 23 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 23 0:28 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
    put("/sys/fs/cgroup/unified/v2/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(os_procs_quota(root), 0);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "125000\n");
    assert_int_equal(os_procs_quota(root), 3);
}

static void
garbage_does_not_limit(void **state)
{
    put("/proc/self/cgroup", "\nx\n0:\n0::/a\n");
    put("/proc/self/mountinfo", "\n1 2\n - cgroup2\n1 2 - cgroup2 c rw\n"
                                "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/a/cpu.max", "12x 100000\n");
    assert_int_equal(os_procs_quota(root), 0);
    put("/sys/fs/cgroup/a/cpu.max", "100000 0\n");
    assert_int_equal(os_procs_quota(root), 0);
    put("/sys/fs/cgroup/a/cpu.max", "");
    assert_int_equal(os_procs_quota(root), 0);
}

static void
cap_is_gos_formula(void **state)
{
    assert_int_equal(os_procs_cap(8, 0), 8);
    assert_int_equal(os_procs_cap(8, 3), 3);
    assert_int_equal(os_procs_cap(8, 1), 2);
    assert_int_equal(os_procs_cap(1, 1), 1);
    assert_int_equal(os_procs_cap(4, 16), 4);
    assert_int_equal(os_procs_cap(0, 0), 1);
}

static void
this_machine_has_at_least_one(void **state)
{
    cpu_set_t old, one;
    assert_true(os_procs() >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
    assert_true(os_procs() <= CPU_COUNT(&old));
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(os_procs(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_files_no_limit, make_root, drop_root),
        cmocka_unit_test_setup_teardown(v2_least_quota_of_group_and_ancestors, make_root,
                                        drop_root),
        cmocka_unit_test_setup_teardown(v2_in_a_namespace_and_with_blanks, make_root,
                                        drop_root),
        cmocka_unit_test_setup_teardown(v1_goes_before_v2, make_root, drop_root),
        cmocka_unit_test_setup_teardown(garbage_does_not_limit, make_root, drop_root),
        cmocka_unit_test(cap_is_gos_formula),
        cmocka_unit_test(this_machine_has_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
