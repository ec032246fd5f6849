/* builtin.h - the built-in workloads, listed by workloads/registry.c. */
#ifndef GH_WORKLOADS_BUILTIN_BUILTIN_H
#define GH_WORKLOADS_BUILTIN_BUILTIN_H

#include "workloads/api/workload.h"

extern const struct gh_workload workload_arena;
extern const struct gh_workload workload_binary_trees;
extern const struct gh_workload workload_churn;
extern const struct gh_workload workload_collect;
extern const struct gh_workload workload_finalizers;
extern const struct gh_workload workload_frag;
extern const struct gh_workload workload_gcbench;
extern const struct gh_workload workload_handoff;
extern const struct gh_workload workload_json;
extern const struct gh_workload workload_large;
extern const struct gh_workload workload_leak;
extern const struct gh_workload workload_mark;
extern const struct gh_workload workload_mb;
extern const struct gh_workload workload_mutate;
extern const struct gh_workload workload_null;
extern const struct gh_workload workload_pool;
extern const struct gh_workload workload_spike;
extern const struct gh_workload workload_start;
extern const struct gh_workload workload_sweep;
extern const struct gh_workload workload_weak;
extern const struct gh_workload workload_win1k;
extern const struct gh_workload workload_win64;

#endif
