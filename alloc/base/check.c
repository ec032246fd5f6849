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

static struct {
    /* atomic: ctx is published by the release of fn, read after its acquire */
    _Atomic(void (*)(void *)) fn;
    _Atomic(void *) ctx;
} check_context;

/* atomic: the first thread to throw takes it and keeps it; nothing is published through it */
static atomic_flag check_thrown = ATOMIC_FLAG_INIT;
static _Thread_local bool check_throwing;

void
gh_throw_set_context(void (*fn)(void *ctx), void *ctx)
{
    /* release: whoever still sees the old fn must not see the new ctx, hence NULL first */
    atomic_store_explicit(&check_context.fn, NULL, memory_order_release);
    atomic_store_explicit(&check_context.ctx, ctx, memory_order_release);
    /* release: pairs with the acquire in check_print_context */
    atomic_store_explicit(&check_context.fn, fn, memory_order_release);
}

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

static void
check_print_context(void)
{
    /* acquire: pairs with gh_throw_set_context */
    void (*fn)(void *) = atomic_load_explicit(&check_context.fn, memory_order_acquire);
    if (fn != NULL)
        fn(atomic_load_explicit(&check_context.ctx, memory_order_acquire));
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
 * trouble is most likely a consequence of the first. A throw inside the context hook comes from
 * the reporting thread itself; it is printed and ends the process at once. */
void
gh_throw(const char *fmt, ...)
{
    static const char head[] = "fatal error: ";
    char text[CHECK_MESSAGE_BYTES];
    bool again = check_throwing;

    check_throwing = true;
    /* relaxed: only elects a reporter */
    if (!again && atomic_flag_test_and_set_explicit(&check_thrown, memory_order_relaxed)) {
        for (;;)
            pause();
    }

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
    if (!again)
        check_print_context();
    check_die();
}
