/* plugin.c - see plugin.h. */
#include "workloads/plugin.h"

#include "workloads/options.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

bool
plugin_is_path(const char *word)
{
    size_t n = strlen(word);
    return strchr(word, '/') != NULL || (n >= 3 && strcmp(word + n - 3, ".so") == 0);
}

#define REBUILD "rebuild it with this goheap's headers (workloads/skeleton shows how)"

/* Only the first fields, whose place never changes, may be read before these hold. */
static bool
check_abi(const struct gh_workload *w, struct gh_error *err)
{
    if (w->magic != GH_WORKLOAD_MAGIC)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "'" PLUGIN_SYMBOL "' is no workload: it begins with %#x, not %#x; "
                            "start its initializer with GH_WORKLOAD_HEADER",
                            w->magic, GH_WORKLOAD_MAGIC);
    if (w->abi != GH_WORKLOAD_ABI)
        return gh_error_set(err, GH_EXIT_USAGE,
                            "it is built for workload ABI %u, this goheap has %u; " REBUILD,
                            w->abi, (unsigned)GH_WORKLOAD_ABI);
    if (w->struct_bytes != sizeof(struct gh_workload))
        return gh_error_set(err, GH_EXIT_USAGE,
                            "its struct gh_workload has %u bytes, this goheap's %zu; " REBUILD,
                            w->struct_bytes, sizeof(struct gh_workload));
    if (w->mutator_bytes != sizeof(struct gh_mutator))
        return gh_error_set(err, GH_EXIT_USAGE,
                            "its struct gh_mutator has %u bytes, this goheap's %zu; " REBUILD,
                            w->mutator_bytes, sizeof(struct gh_mutator));
    return true;
}

bool
plugin_check(const struct gh_workload *w, struct gh_error *err)
{
    if (!check_abi(w, err))
        return false;
    if (w->name == NULL || w->name[0] == '\0' || w->name[0] == '-' ||
        w->name[strspn(w->name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
        return gh_error_set(err, GH_EXIT_USAGE,
                            "its name is '%.60s'; lower case letters, digits and dashes are "
                            "wanted",
                            w->name == NULL ? "" : w->name);
    if (w->help == NULL || w->help[0] == '\0')
        return gh_error_set(err, GH_EXIT_USAGE, "%s: 'help' is not set", w->name);
    if (w->run == NULL)
        return gh_error_set(err, GH_EXIT_USAGE, "%s: 'run' is not set", w->name);
    if (w->verify == NULL)
        return gh_error_set(err, GH_EXIT_USAGE, "%s: 'verify' is not set", w->name);
    if (w->max_threads < 1)
        return gh_error_set(err, GH_EXIT_USAGE, "%s: max_threads is %d; at least 1 is wanted",
                            w->name, w->max_threads);
    struct gh_error why;
    if (!options_check(w, &why))
        return gh_error_set(err, GH_EXIT_USAGE, "%s: %s", w->name, why.text);
    return true;
}

static const char *
dl_reason(void)
{
    const char *s = dlerror();
    return s != NULL ? s : "no reason given";
}

const struct gh_workload *
plugin_load(const char *path, struct gh_error *err)
{
    char local[PATH_MAX];
    int n = snprintf(local, sizeof local, "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    if (n < 0 || (size_t)n >= sizeof local) {
        gh_error_set(err, GH_EXIT_USAGE, "plug-in: the path has more than %d characters",
                     PATH_MAX - 1);
        return NULL;
    }
    void *handle = dlopen(local, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        gh_error_set(err, GH_EXIT_USAGE, "cannot load plug-in: %s", dl_reason());
        return NULL;
    }
    struct gh_error why;
    const struct gh_workload *w = dlsym(handle, PLUGIN_SYMBOL);
    if (w == NULL) {
        gh_error_set(err, GH_EXIT_USAGE,
                     "plug-in %s has no symbol '" PLUGIN_SYMBOL "'; define and export it as "
                     "workloads/skeleton does",
                     path);
        goto fail_symbol;
    }
    if (!plugin_check(w, &why)) {
        gh_error_set(err, GH_EXIT_USAGE, "plug-in %s: %s", path, why.text);
        goto fail_symbol;
    }
    return w;

fail_symbol:
    dlclose(handle);
    return NULL;
}
