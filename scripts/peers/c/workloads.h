/* workloads.h - the workloads that several C peers have, for their tables. What each does, to
 * the byte: the file of the same name under workloads/builtin, and `goheap help WORKLOAD`. */
#ifndef GH_PEERS_C_WORKLOADS_H
#define GH_PEERS_C_WORKLOADS_H

#include "scripts/peers/c/peer.h"

extern struct option binary_trees_options[], gcbench_options[]; /* trees.c */
extern struct option sweep_options[], frag_options[];           /* objects.c */
extern struct option win1k_options[], win64_options[];          /* windows.c */
extern struct option churn_options[], large_options[];

void binary_trees_run(int threads);
void gcbench_run(int threads);
void sweep_run(int threads);
void frag_run(int threads);
void win1k_run(int threads);
void win64_run(int threads);
void churn_run(int threads);
void large_run(int threads);
void start_run(int threads);

#endif
