/* plugin.h - workloads from shared objects.
 *
 * A plug-in exports one symbol, `gh_plugin_workload`, a `const struct gh_workload`. Before
 * anything in it is called it is checked: magic, ABI, the sizes of the structures its inline
 * code relies on, mandatory functions, its option table. A plug-in stays loaded to the end of
 * the process: its types' names and masks must outlive every heap. Usage errors, one line each.
 */
#ifndef GH_WORKLOADS_PLUGIN_H
#define GH_WORKLOADS_PLUGIN_H

#include "workloads/api/workload.h"

#define PLUGIN_SYMBOL "gh_plugin_workload"

/* Whether a workload argument names a file: it contains a slash or ends in ".so". */
bool plugin_is_path(const char *word);

/* Load and check; NULL and `err` if it cannot be used. A path without a slash means a file in
 * the current directory, not on the linker's search path. */
const struct gh_workload *plugin_load(const char *path, struct gh_error *err);

/* The checks alone, for built-ins too. Messages do not name the file. */
bool plugin_check(const struct gh_workload *w, struct gh_error *err);

#endif
