/* cmd_version.c - `goheap version`. */
#include "cmd/command.h"

#include "gc/api/heap.h"
#include "profiles/environment.h"

#include <string.h>

int
command_version(int argc, char **argv, struct gh_error *err)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        help_command(stdout, command_find("version"));
        return GH_EXIT_OK;
    }
    if (argc > 1) {
        gh_error_set(err, GH_EXIT_USAGE, "it takes no '%.100s'; --help shows an example",
                     argv[1]);
        return GH_EXIT_USAGE;
    }
    struct environment e;
    environment_read(&e);
    printf("goheap %s (%s, %s, workload ABI %d)\n", e.version, e.build, e.compiler,
           GH_WORKLOAD_ABI);
    return GH_EXIT_OK;
}
