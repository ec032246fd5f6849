/* test_registry.c - names, paths and what is checked before a workload may run. */
#include "workloads/registry.h"

#include "workloads/plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct gh_error err;

static bool
never(struct gh_job *job, struct gh_mutator *m, struct gh_error *e)
{
    (void)job, (void)m, (void)e;
    return false;
}

static struct gh_workload
sound(void)
{
    return (struct gh_workload){GH_WORKLOAD_HEADER, .name = "w",  .help = "h",
                                .max_threads = 1,   .run = never, .verify = never};
}

static void
refused(struct gh_workload w, const char *text)
{
    assert_false(plugin_check(&w, &err));
    assert_non_null(strstr(err.text, text));
    assert_int_equal(err.status, GH_EXIT_USAGE);
}

static void
all_built_ins_pass_the_checks_of_plug_ins(void **state)
{
    size_t n = 0;
    for (const struct gh_workload *const *w = registry_all(); *w != NULL; w++, n++) {
        if (!plugin_check(*w, &err))
            fail_msg("%s: %s", (*w)->name, err.text);
        assert_ptr_equal(registry_find((*w)->name), *w);
        assert_ptr_equal(registry_resolve((*w)->name, &err), *w);
        assert_non_null((*w)->about);
    }
    assert_true(n >= 16);
}

static void
resolve_suggests_the_nearest(void **state)
{
    assert_null(registry_resolve("binray-tree", &err));
    assert_string_equal(err.text,
                        "there is no workload 'binray-tree'; did you mean binary-trees?");
    assert_int_equal(err.status, GH_EXIT_USAGE);
    assert_null(registry_resolve("quux", &err));
    assert_string_equal(err.text,
                        "there is no workload 'quux'; 'goheap list workloads' names them");
}

static void
is_path_goes_by_slash_and_suffix(void **state)
{
    assert_true(plugin_is_path("./x"));
    assert_true(plugin_is_path("x.so"));
    assert_false(plugin_is_path("x"));
    assert_false(plugin_is_path("so"));
    assert_false(plugin_is_path("x.so.1"));
}

static void
load_tells_why_the_linker_refuses(void **state)
{
    assert_null(registry_resolve("./no-such-file.so", &err));
    assert_non_null(strstr(err.text, "no-such-file.so"));
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(err.status, GH_EXIT_USAGE);

    char path[] = "/tmp/goheap-test-XXXXXX.so";
    int fd = mkstemps(path, 3);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "this is no program\n", 19), 19);
    close(fd);
    assert_null(plugin_load(path, &err));
    assert_non_null(strstr(err.text, path));
    assert_null(strchr(err.text, '\n'));
    unlink(path);
}

static void
load_refuses_a_library_without_the_symbol(void **state)
{
    assert_null(plugin_load("/lib/x86_64-linux-gnu/libm.so.6", &err));
    assert_non_null(strstr(err.text, "gh_plugin_workload"));
}

static void
check_compares_abi_and_sizes(void **state)
{
    struct gh_workload w = sound();
    assert_true(plugin_check(&w, &err));
    w.magic = 1;
    refused(w, "is no workload");
    w = sound();
    w.abi = GH_WORKLOAD_ABI + 1;
    refused(w, "it is built for workload ABI 4, this goheap has 3; rebuild it");
    w = sound();
    w.struct_bytes -= 8;
    refused(w, "struct gh_workload has");
    w = sound();
    w.mutator_bytes += 8;
    refused(w, "struct gh_mutator has");
}

static void
check_wants_what_is_mandatory(void **state)
{
    struct gh_workload w = sound();
    w.run = NULL;
    refused(w, "'run' is not set");
    w = sound();
    w.verify = NULL;
    refused(w, "'verify' is not set");
    w = sound();
    w.help = NULL;
    refused(w, "'help' is not set");
    w = sound();
    w.name = "Bad Name";
    refused(w, "its name is 'Bad Name'");
    w = sound();
    w.name = NULL;
    refused(w, "its name is ''");
    w = sound();
    w.max_threads = 0;
    refused(w, "max_threads is 0");
    w = sound();
    const struct gh_option bad[] = {{.name = "x"}, {.name = NULL}};
    w.options = bad;
    refused(w, "option --x has no help line");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_built_ins_pass_the_checks_of_plug_ins),
        cmocka_unit_test(resolve_suggests_the_nearest),
        cmocka_unit_test(is_path_goes_by_slash_and_suffix),
        cmocka_unit_test(load_tells_why_the_linker_refuses),
        cmocka_unit_test(load_refuses_a_library_without_the_symbol),
        cmocka_unit_test(check_compares_abi_and_sizes),
        cmocka_unit_test(check_wants_what_is_mandatory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
