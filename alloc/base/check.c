/* check.c - the fatal error every broken invariant ends in.
 *
 * Why not abort() or assert(): the message has to come out of a stopped world, out of a thread
 * that holds any lock, or out of a heap that can no longer be trusted. So it is formatted on
 * the stack and written with write(2), in one piece. Go's counterpart: runtime.throw. Locks:
 * none. Contexts: any, except a signal handler (vsnprintf is not promised to be safe there).
 * Does not print a C backtrace: GOTRACEBACK=crash leaves a core for that. */
#include "alloc/base/check.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHECK_MESSAGE_BYTES = 2048 };

/* atomic: the first thread to throw takes it and keeps it; nothing is published through it */
static atomic_flag check_thrown = ATOMIC_FLAG_INIT;

static void
check_write(const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(STDERR_FILENO, text, bytes);
        if (n <= 0)
            return; /* nowhere left to complain to */
        text += n;
        bytes -= (size_t)n;
    }
}

GH_NORETURN static void
check_die(void)
{
    const char *mode = getenv("GOTRACEBACK");
    if (mode != NULL && strcmp(mode, "crash") == 0)
        abort();
    _exit(1);
}

/* Only one thread reports. Another that throws meanwhile waits here for the process to end: its
 * trouble is most likely a consequence of the first. */
static void
check_elect(void)
{
    /* relaxed: only elects a reporter */
    if (atomic_flag_test_and_set_explicit(&check_thrown, memory_order_relaxed)) {
        for (;;)
            pause();
    }
}

/* check_die reads the environment, which is not promised to be safe in a handler, but only
 * reads.
 */
void
gh_throw_signal(const char *text, size_t bytes)
{
    check_elect();
    check_write(text, bytes);
    check_die();
}

void
gh_throw(const char *fmt, ...)
{
    static const char head[] = "fatal error: ";
    char text[CHECK_MESSAGE_BYTES];

    check_elect();
    va_list args;
    va_start(args, fmt);
    memcpy(text, head, sizeof(head) - 1);
    size_t room = sizeof(text) - sizeof(head); /* keeps one byte for the newline */
    int want = vsnprintf(text + sizeof(head) - 1, room, fmt, args);
    va_end(args);

    size_t length = want < 0 ? 0 : (size_t)want < room ? (size_t)want : room - 1;
    length += sizeof(head) - 1;
    text[length++] = '\n';
    check_write(text, length);
    check_die();
}
