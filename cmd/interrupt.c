/* interrupt.c - see interrupt.h. The handler sets flags and may end the process; it neither
 * locks nor allocates. Any thread may run it. */
#include "cmd/interrupt.h"

#include "workloads/job.h"

#include <signal.h>
#include <unistd.h>

/* atomic, relaxed: one flag, nothing is published with it */
static _Atomic(int) interrupted_by;

static void
interrupt_handle(int sig)
{
    int expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&interrupted_by, &expected, sig,
                                                 memory_order_relaxed, memory_order_relaxed))
        _exit(128 + sig);
    job_interrupt();
}

static void
interrupt_handlers(int flags)
{
    struct sigaction stop = {.sa_handler = interrupt_handle, .sa_flags = flags};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

void
interrupt_install(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    interrupt_handlers(SA_RESTART);
    sigaction(SIGPIPE, &ignore, NULL);
}

void
interrupt_writes(void)
{
    interrupt_handlers(0);
}

int
interrupt_signal(void)
{
    return atomic_load_explicit(&interrupted_by, memory_order_relaxed);
}
