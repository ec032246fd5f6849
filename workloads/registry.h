/* registry.h - which workloads there are, and how a word on the command line becomes one. */
#ifndef GH_WORKLOADS_REGISTRY_H
#define GH_WORKLOADS_REGISTRY_H

#include "workloads/api/workload.h"

/* The built-ins in the order they are listed; NULL-terminated. */
const struct gh_workload *const *registry_all(void);

/* The built-in of that name; NULL if there is none. */
const struct gh_workload *registry_find(const char *name);

/* A built-in by name, or a plug-in by path (plugin_is_path). NULL and a usage error, with the
 * nearest names, if there is none. */
const struct gh_workload *registry_resolve(const char *word, struct gh_error *err);

#endif
