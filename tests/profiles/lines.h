/* lines.h - what an observer writes, a line a write: a pipe in packet mode keeps them apart. */
#ifndef GH_TESTS_PROFILES_LINES_H
#define GH_TESTS_PROFILES_LINES_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES_MAX = 4096 }; /* bytes of a packet */

static inline void
lines_open(int fds[2])
{
    assert_int_equal(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
}

/* Each of `lines`, up to NULL, was one write, and there was no other. Closes both ends. */
static inline void
lines_expect(const int fds[2], const char *const *lines)
{
    char got[LINES_MAX + 1];
    for (size_t i = 0; lines[i] != NULL; i++) {
        ssize_t n = read(fds[0], got, LINES_MAX);
        assert_true(n > 0);
        got[n] = '\0';
        assert_string_equal(got, lines[i]);
    }
    assert_int_equal(read(fds[0], got, LINES_MAX), -1);
    close(fds[0]);
    close(fds[1]);
}

#endif
