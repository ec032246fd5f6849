/* death.h - run something that is expected to end its process, and look at the remains. */
#ifndef GH_TESTS_BASE_DEATH_H
#define GH_TESTS_BASE_DEATH_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct death {
    int status;      /* as from waitpid */
    char text[4096]; /* what it wrote to stderr */
};

/* Call fn(arg) in a child; if it returns, the child ends with status 99. */
static inline void
death_run(struct death *d, void (*fn)(void *), const void *arg)
{
    int fd[2];
    size_t n = 0;
    ssize_t got;

    assert_int_equal(pipe(fd), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL); /* not cmocka's handlers, which go on with the next test */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        dup2(fd[1], STDERR_FILENO);
        close(fd[0]);
        close(fd[1]);
        fn((void *)(uintptr_t)arg);
        _exit(99);
    }
    close(fd[1]);
    while (n < sizeof(d->text) - 1 &&
           (got = read(fd[0], d->text + n, sizeof(d->text) - 1 - n)) > 0)
        n += (size_t)got;
    d->text[n] = '\0';
    close(fd[0]);
    assert_int_equal(waitpid(pid, &d->status, 0), pid);
}

/* fn(arg) must end as every fatal error of ours does: exit status 1, one line, `want` in it. */
static inline void
death_expect(void (*fn)(void *), const void *arg, const char *want)
{
    struct death d;
    death_run(&d, fn, arg);
    if (strstr(d.text, want) == NULL)
        fail_msg("expected \"%s\" in: %s (status %#x)", want, d.text, (unsigned)d.status);
    assert_true(WIFEXITED(d.status));
    assert_int_equal(WEXITSTATUS(d.status), 1);
    assert_ptr_equal(strchr(d.text, '\n'), d.text + strlen(d.text) - 1);
}

#endif
