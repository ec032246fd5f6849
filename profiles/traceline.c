/* traceline.c - see traceline.h. No allocation. Go's counterpart is printlock, under
 * which a line is written piece by piece. */
#include "profiles/traceline.h"

#include <errno.h>
#include <unistd.h>

void
traceline_begin(struct lock *order)
{
    if (order != NULL)
        lock_acquire(order);
}

void
traceline_end(struct lock *order)
{
    if (order != NULL)
        lock_release(order);
}

void
traceline_write(int fd, const char *line, size_t n)
{
    while (n > 0 && write(fd, line, n) < 0 && errno == EINTR)
        ;
}

void
traceline_put(struct lock *order, int fd, const char *line, size_t n)
{
    traceline_begin(order);
    traceline_write(fd, line, n);
    traceline_end(order);
}

size_t
traceline_length(int printed, size_t bytes)
{
    if (printed < 0)
        return 0;
    return (size_t)printed < bytes ? (size_t)printed : bytes - 1;
}
