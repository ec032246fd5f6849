/* output.c - see output.h. */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the bytes go. */
struct output_target {
    char path[PATH_MAX]; /* with symbolic links followed, if it exists */
    bool regular;        /* to be replaced by a new file */
    mode_t mode;         /* of the new file */
};

static bool
output_fail(const char *path, struct gh_error *err)
{
    const char *hint = errno == ENOENT ? "; does its directory exist?" : "";
    return gh_error_set(err, GH_EXIT_FAILED, "cannot write %.300s: %s%s", path, strerror(errno),
                        hint);
}

static bool
output_find(const char *path, struct output_target *t, struct gh_error *err)
{
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    t->regular = true;
    t->mode = 0666 & ~mask;
    if (realpath(path, t->path) == NULL) {
        if (errno != ENOENT || strlen(path) >= sizeof t->path)
            return output_fail(path, err);
        strcpy(t->path, path);
        return true;
    }
    if (stat(t->path, &st) != 0)
        return output_fail(path, err);
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return output_fail(path, err);
    }
    if (access(t->path, W_OK) != 0)
        return output_fail(path, err);
    t->regular = S_ISREG(st.st_mode);
    if (t->regular)
        t->mode = st.st_mode & 07777;
    return true;
}

/* A new file beside the target, whose name is left in `name`; -1 and errno on failure. */
static int
output_temporary(const struct output_target *t, char name[PATH_MAX])
{
    const char *slash = strrchr(t->path, '/');
    int directory = slash == NULL ? 0 : (int)(slash + 1 - t->path);
    int n = snprintf(name, PATH_MAX, "%.*s.goheap-XXXXXX", directory, t->path);
    if (n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkostemp(name, O_CLOEXEC);
}

static bool
output_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* The one name of `path` in the file system, whether or not its last part exists. */
static bool
output_name(const char *path, char out[PATH_MAX])
{
    if (realpath(path, out) != NULL)
        return true;
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int length = slash == NULL ? 0 : (int)(slash + 1 - path);
    int n = snprintf(directory, sizeof directory, "%.*s", length, path);
    if (n >= PATH_MAX || realpath(length == 0 ? "." : directory, out) == NULL)
        return false;
    size_t used = strlen(out);
    n = snprintf(out + used, PATH_MAX - used, "/%s", name);
    return (size_t)n < PATH_MAX - used;
}

bool
output_is_same(const char *a, const char *b)
{
    char a_name[PATH_MAX], b_name[PATH_MAX];
    struct stat st;
    if (output_is_stdout(a) || output_is_stdout(b) || !output_name(a, a_name) ||
        !output_name(b, b_name) || strcmp(a_name, b_name) != 0)
        return false;
    return stat(a_name, &st) != 0 || S_ISREG(st.st_mode);
}

bool
output_check(const char *path, struct gh_error *err)
{
    struct output_target t;
    char name[PATH_MAX];
    if (output_is_stdout(path))
        return true;
    if (!output_find(path, &t, err))
        return false;
    if (!t.regular)
        return true;
    size_t length = strlen(t.path);
    if (length > 0 && t.path[length - 1] == '/') {
        errno = EISDIR;
        return output_fail(path, err);
    }
    int fd = output_temporary(&t, name);
    if (fd < 0)
        return output_fail(path, err);
    unlink(name);
    close(fd);
    return true;
}

/* Take ownership of `fd`: write, sync and close. False and errno if any of it failed. */
static bool
output_fill(int fd, bool regular, bool (*write)(const void *ctx, FILE *out), const void *ctx)
{
    FILE *out = fdopen(fd, "w");
    if (out == NULL) {
        close(fd);
        return false;
    }
    bool ok =
        write(ctx, out) && !ferror(out) && fflush(out) == 0 && (!regular || fsync(fd) == 0);
    int error = errno;
    if (fclose(out) != 0 && ok)
        return false;
    errno = error;
    return ok;
}

static bool
output_replace(const struct output_target *t, bool (*write)(const void *ctx, FILE *out),
               const void *ctx)
{
    char name[PATH_MAX];
    int fd = output_temporary(t, name);
    if (fd < 0)
        return false;
    if (fchmod(fd, t->mode) != 0) {
        close(fd);
        goto fail_named;
    }
    if (!output_fill(fd, true, write, ctx) || rename(name, t->path) != 0)
        goto fail_named;
    return true;

fail_named:;
    int error = errno;
    unlink(name);
    errno = error;
    return false;
}

bool
output_write(const char *path, bool (*write)(const void *ctx, FILE *out), const void *ctx,
             struct gh_error *err)
{
    struct output_target t;
    if (output_is_stdout(path))
        return write(ctx, stdout) || ferror(stdout) || output_fail("standard output", err);
    if (!output_find(path, &t, err))
        return false;
    if (t.regular)
        return output_replace(&t, write, ctx) || output_fail(path, err);
    int fd = open(t.path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return output_fail(path, err);
    return output_fill(fd, false, write, ctx) || output_fail(path, err);
}

bool
output_flush_stdout(struct gh_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno == EPIPE)
        return gh_error_set(err, GH_EXIT_FAILED, "%s", "");
    return gh_error_set(err, GH_EXIT_FAILED, "cannot write standard output: %s",
                        errno != 0 ? strerror(errno) : "an earlier write failed");
}
