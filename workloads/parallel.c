/* parallel.c - gh_parallel: a team of threads, each a mutator, released together.
 *
 * The gate has three positions and one lock. A member attaches, reports itself ready (or not)
 * and waits at the gate; the starter opens it only if all are ready, else turns them back, so
 * that either all run or none. Everybody who waits is in the blocked state: the world can be
 * stopped meanwhile. The lock is never held across anything that can be a safepoint. */
#include "workloads/job.h"

#include "workloads/procstat.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void parallel_fn(struct gh_job *job, struct gh_mutator *m, int t, void *arg);

enum gate { GATE_SHUT, GATE_OPEN, GATE_CLOSED };

struct team;

struct member {
    struct team *team;
    int t;
    pthread_t thread;
};

struct team {
    /* immutable */
    struct gh_job *job;
    parallel_fn *fn;
    void *arg;
    struct member *members;
    int n;
    bool timed; /* the job's timer runs */
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* arrived, refused or gate changed */
    int arrived, refused;
    enum gate gate;
    uint64_t runq_wait_ns; /* of members that are done: the timer sees only those who live */
};

/* Wait for the gate; true if it opened. */
static bool
member_wait(struct team *team, bool attached)
{
    pthread_mutex_lock(&team->lock);
    team->arrived++;
    team->refused += !attached;
    pthread_cond_broadcast(&team->moved);
    while (team->gate == GATE_SHUT)
        pthread_cond_wait(&team->moved, &team->lock);
    bool open = team->gate == GATE_OPEN;
    pthread_mutex_unlock(&team->lock);
    return open;
}

static void *
member_main(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    char name[32];
    snprintf(name, sizeof name, "worker %d", self->t);
    struct gh_mutator *m = gh_attach(team->job->heap, name);
    if (m == NULL) {
        member_wait(team, false);
        return NULL;
    }
    gh_blocked_enter(m);
    uint64_t wait_before = 0, wait = 0;
    bool known = team->timed && procstat_thread_runq_wait(&wait_before);
    bool open = member_wait(team, true);
    gh_blocked_exit(m);
    if (open)
        team->fn(team->job, m, self->t, team->arg);
    gh_detach(m);
    if (known && procstat_thread_runq_wait(&wait)) {
        pthread_mutex_lock(&team->lock);
        team->runq_wait_ns += wait - wait_before;
        pthread_mutex_unlock(&team->lock);
    }
    return NULL;
}

/* Start members, wait until they stand at the gate, move it. Returns how many were started;
 * `opened` tells whether they run. */
static int
team_start(struct team *team, bool *opened, struct gh_error *err)
{
    int started = 0, status = 0;
    for (; started < team->n && status == 0; started += status == 0) {
        team->members[started] = (struct member){.team = team, .t = started};
        status = pthread_create(&team->members[started].thread, NULL, member_main,
                                &team->members[started]);
    }
    pthread_mutex_lock(&team->lock);
    while (team->arrived < started)
        pthread_cond_wait(&team->moved, &team->lock);
    *opened = status == 0 && team->refused == 0;
    team->gate = *opened ? GATE_OPEN : GATE_CLOSED;
    if (team->timed)
        job_timer_resume(team->job);
    pthread_cond_broadcast(&team->moved);
    pthread_mutex_unlock(&team->lock);
    if (status != 0)
        gh_error_set(
            err, GH_EXIT_FAILED,
            "cannot start thread %d of %d: %s; use fewer --threads or raise the limits "
            "(ulimit -u, ulimit -v)",
            started + 1, team->n, strerror(status));
    else if (!*opened)
        gh_error_set(err, GH_EXIT_FAILED,
                     "no memory for the mutators of %d threads; use fewer --threads or raise "
                     "the limit (ulimit -v)",
                     team->n);
    return started;
}

bool
gh_parallel(struct gh_job *job, struct gh_mutator *m, int n, parallel_fn *fn, void *arg,
            struct gh_error *err)
{
    CHECK(n >= 1, "gh_parallel: %d threads", n);
    if (n == 1) {
        fn(job, m, 0, arg);
        return true;
    }
    struct team team = {.job = job,
                        .fn = fn,
                        .arg = arg,
                        .n = n,
                        .timed = job->timer.running,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .moved = PTHREAD_COND_INITIALIZER,
                        .gate = GATE_SHUT};
    team.members = calloc((size_t)n, sizeof *team.members);
    if (team.members == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "no memory for %d threads", n);
    bool opened;
    if (team.timed)
        job_timer_pause(job);
    gh_blocked_enter(m);
    int started = team_start(&team, &opened, err);
    for (int i = 0; i < started; i++)
        pthread_join(team.members[i].thread, NULL);
    gh_blocked_exit(m);
    job->timer.counts.runq_wait_ns += team.runq_wait_ns;
    free(team.members);
    return opened;
}
