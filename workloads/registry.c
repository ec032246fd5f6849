/* registry.c - see registry.h. To add a workload: write workloads/builtin/NAME.c, declare it in
 * workloads/builtin/builtin.h, add its row here. */
#include "workloads/registry.h"

#include "workloads/builtin/builtin.h"
#include "workloads/nearest.h"
#include "workloads/plugin.h"

#include <string.h>

static const struct gh_workload *const builtins[] = {
    &workload_binary_trees,
    &workload_gcbench,
    &workload_json,
    &workload_mb,
    &workload_win1k,
    &workload_win64,
    &workload_churn,
    &workload_handoff,
    &workload_mutate,
    &workload_mark,
    &workload_sweep,
    &workload_large,
    &workload_frag,
    &workload_spike,
    &workload_leak,
    &workload_finalizers,
    &workload_weak,
    &workload_pool,
    &workload_arena,
    &workload_collect,
    &workload_start,
    &workload_null,
    NULL,
};

const struct gh_workload *const *
registry_all(void)
{
    return builtins;
}

const struct gh_workload *
registry_find(const char *name)
{
    for (const struct gh_workload *const *w = builtins; *w != NULL; w++)
        if (strcmp((*w)->name, name) == 0)
            return *w;
    return NULL;
}

const struct gh_workload *
registry_resolve(const char *word, struct gh_error *err)
{
    if (plugin_is_path(word))
        return plugin_load(word, err);
    const struct gh_workload *found = registry_find(word);
    if (found != NULL)
        return found;
    const char *names[sizeof builtins / sizeof builtins[0]];
    size_t n = 0;
    for (; builtins[n] != NULL; n++)
        names[n] = builtins[n]->name;
    struct nearest_hint hint;
    nearest_hint(word, "", names, n, &hint);
    gh_error_set(err, GH_EXIT_USAGE, "there is no workload '%.100s'%s", word,
                 hint.text[0] != '\0' ? hint.text : "; 'goheap list workloads' names them");
    return NULL;
}
