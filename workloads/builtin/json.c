/* json.c - workload `json`: a real document, parsed into a tree of nodes on the heap, queried,
 * dropped, again and again. Objects of many sizes, most of them small, all dying together. With
 * several threads each does the same on its own. The query's figures must equal those of
 * jansson's parse of the same file. */
#include "workloads/builtin/builtin.h"

#include "workloads/builtin/json_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One thread's result, on cache lines of its own. */
struct json_result {
    GH_ALIGNED(128) struct json_figures figures;
    bool differs; /* one round's figures were not those of another */
    const char *problem;
    int line, column;
};

struct json_state {
    const struct gh_type *node;
    const char *path;
    char *text; /* outside the heap; a 0 follows it */
    size_t bytes;
    uint64_t rounds;
    int threads;
    struct json_result *results;
};

static bool
json_bad_file(const char *path, struct gh_error *err)
{
    return gh_error_set(err, GH_EXIT_FAILED, "json: cannot read %s: %s", path, strerror(errno));
}

/* All of the open file, with a 0 behind it. */
static bool
json_read_open(struct json_state *s, FILE *f, struct gh_error *err)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0)
        return json_bad_file(s->path, err);
    if (!S_ISREG(st.st_mode))
        return gh_error_set(err, GH_EXIT_FAILED, "json: %s is not a regular file", s->path);
    s->bytes = (size_t)st.st_size;
    s->text = malloc(s->bytes + 1);
    if (s->text == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "json: no memory for the %zu bytes of %s",
                            s->bytes, s->path);
    if (fread(s->text, 1, s->bytes, f) != s->bytes) {
        errno = ferror(f) ? errno : EIO;
        return json_bad_file(s->path, err);
    }
    s->text[s->bytes] = '\0';
    return true;
}

static bool
json_read(struct json_state *s, struct gh_error *err)
{
    /* not waiting for the other end of a pipe, which is refused anyway */
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
    if (f == NULL) {
        json_bad_file(s->path, err);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = json_read_open(s, f, err);
    fclose(f);
    return ok;
}

static bool
json_setup(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    struct json_state *s = calloc(1, sizeof *s);
    gh_job_set_state(job, s);
    if (s == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "json: no memory");
    s->path = gh_job_text(job, "file");
    s->rounds = (uint64_t)gh_job_int(job, "rounds");
    s->threads = gh_job_threads(job);
    s->node = json_node_type(gh_job_heap(job));
    size_t bytes = (size_t)s->threads * sizeof *s->results;
    s->results = aligned_alloc(128, bytes);
    if (s->results == NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "json: no memory for %d threads", s->threads);
    memset(s->results, 0, bytes);
    return json_read(s, err);
}

/* Parse, query, drop. */
static bool
json_round(struct gh_mutator *m, const struct json_state *s, struct json_result *r,
           struct json_figures *figures)
{
    struct json_parser p = {
        .m = m, .node = s->node, .start = s->text, .end = s->text + s->bytes};
    GH_FRAME(m, 1);
    struct json_node *root = json_parse(&p);
    if (root == NULL) {
        r->problem = p.problem;
        json_where(&p, &r->line, &r->column);
        return false;
    }
    GH_SLOT(m, struct json_node, 0) = root;
    json_query(m, figures);
    return true;
}

static void
json_thread(struct gh_job *job, struct gh_mutator *m, int t, void *arg)
{
    const struct json_state *s = arg;
    struct json_result *r = &s->results[t];
    for (uint64_t i = 0; i < s->rounds && !gh_interrupted(job); i++) {
        struct json_figures figures;
        if (!json_round(m, s, r, &figures))
            return;
        if (i > 0 && memcmp(&figures, &r->figures, sizeof figures) != 0)
            r->differs = true;
        r->figures = figures;
        gh_progress(job, i + 1, s->rounds);
    }
}

static bool
json_run(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    struct json_state *s = gh_job_state(job);
    gh_timer_begin(job);
    bool ok = gh_parallel(job, m, s->threads, json_thread, s, err);
    gh_timer_end(job);
    const struct json_result *r = &s->results[0]; /* all threads read the same text */
    if (ok && r->problem != NULL)
        return gh_error_set(err, GH_EXIT_FAILED, "json: %s:%d:%d: %s", s->path, r->line,
                            r->column, r->problem);
    return ok;
}

static void
json_emit(struct gh_job *job, const struct json_state *s, const struct json_figures *f)
{
    double times = (double)s->rounds * s->threads, wall = gh_timer_wall(job);
    gh_emit(job, "MBps", (double)s->bytes * times / wall / 1e6, "MB/s");
    gh_emit(job, "ns_per_node", wall * 1e9 / ((double)json_nodes(f) * times), "ns");
    gh_emit(job, "nodes", (double)json_nodes(f), "count");
    gh_emit(job, "objects", (double)f->kinds[JSON_NODE_OBJECT], "count");
    gh_emit(job, "arrays", (double)f->kinds[JSON_NODE_ARRAY], "count");
    gh_emit(job, "strings", (double)f->kinds[JSON_NODE_STRING], "count");
    gh_emit(job, "numbers", (double)f->kinds[JSON_NODE_NUMBER], "count");
    gh_emit(job, "keys", (double)f->keys, "count");
    gh_emit(job, "string_bytes", (double)f->text_bytes, "B");
}

/* The first figure in which the two differ. */
static bool
json_compare(const struct json_figures *ours, const struct json_figures *jansson,
             struct gh_error *err)
{
    static const char *const names[] = {"objects",     "arrays", "strings",   "numbers",
                                        "trues",       "falses", "nulls",     "string bytes",
                                        "string hash", "keys",   "key bytes", "key hash",
                                        "number hash"};
    enum { FIGURES = sizeof(struct json_figures) / sizeof(uint64_t) };
    _Static_assert(sizeof names / sizeof names[0] == FIGURES, "a name for each figure");
    const uint64_t *a = (const uint64_t *)ours, *b = (const uint64_t *)jansson;
    for (size_t i = 0; i < FIGURES; i++)
        if (a[i] != b[i])
            return gh_error_set(err, GH_EXIT_FAILED,
                                "json: %s: %" PRIu64 " here, %" PRIu64 " by jansson", names[i],
                                a[i], b[i]);
    return true;
}

static bool
json_verify(struct gh_job *job, struct gh_mutator *m, struct gh_error *err)
{
    (void)m;
    const struct json_state *s = gh_job_state(job);
    struct json_figures reference;
    if (!json_reference(s->text, s->bytes, s->path, &reference, err))
        return false;
    gh_checksum(job, json_checksum(&s->results[0].figures));
    for (int t = 0; t < s->threads; t++) {
        if (s->results[t].differs)
            return gh_error_set(err, GH_EXIT_FAILED,
                                "json: thread %d: two rounds saw different documents", t);
        if (!json_compare(&s->results[t].figures, &reference, err))
            return false;
    }
    json_emit(job, s, &reference);
    return true;
}

static void
json_teardown(struct gh_job *job)
{
    struct json_state *s = gh_job_state(job);
    if (s != NULL) {
        free(s->text);
        free(s->results);
    }
    free(s);
}

static const struct gh_option json_options[] = {
    {.name = "file", .kind = GH_OPT_PATH, .help = "JSON document to parse", .value = NULL},
    {.name = "rounds",
     .kind = GH_OPT_INT,
     .help = "how often each thread parses it",
     .value = "20",
     .min = 1,
     .max = 1000000000},
    {.name = NULL},
};

const struct gh_workload workload_json = {
    GH_WORKLOAD_HEADER,
    .name = "json",
    .help = "parse a JSON file into a tree, query it, drop it, repeat",
    .about =
        "Each thread parses the file into nodes on the heap, with strings in memory without "
        "references, counts nodes by kind, keys and bytes of strings, and hashes the "
        "numbers; then drops the tree. The figures are compared with those of jansson's "
        "parse.\nReported: bytes parsed per second by all threads, wall time a node.",
    .options = json_options,
    .max_threads = 256,
    .setup = json_setup,
    .run = json_run,
    .verify = json_verify,
    .teardown = json_teardown,
};
