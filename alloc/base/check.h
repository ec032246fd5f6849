/* check.h - three tiers of assertion, and the fatal error they end in.
 *
 *   CHECK   always compiled in: an invariant whose break would corrupt the heap.
 *   ASSERT  debug builds: everything a reader would like to be told.
 *   VERIFY  for walks over whole structures; same cost class as the walk itself.
 *
 * Each carries a message that begins with the function's name, as in
 *   CHECK(s->sweepgen == sg, "mcentral_uncache: span not swept");                        */
#ifndef GH_ALLOC_BASE_CHECK_H
#define GH_ALLOC_BASE_CHECK_H

#include "alloc/base/compiler.h"
#include "alloc/base/config.h"

GH_EXTERN_C_BEGIN

/* Print "fatal error: " and the message to stderr and end the process with status 1
 * (abort, if GOTRACEBACK=crash). Allocates nothing, takes no lock; usable in a stopped
 * world. The message should carry the facts: addresses, states, counts. */
GH_API GH_NORETURN GH_COLD void gh_throw(const char *fmt, ...) GH_PRINTF(1, 2);

/* The same for a signal handler: `text` is written as it is, `bytes` of it, a newline at the
 * end; it says "fatal error: " itself. Nothing is formatted. */
GH_NORETURN GH_COLD void gh_throw_signal(const char *text, size_t bytes);

#define CHECK(cond, ...)           \
    do {                           \
        if (GH_UNLIKELY(!(cond)))  \
            gh_throw(__VA_ARGS__); \
    } while (0)

#define ASSERT(cond, ...)                     \
    do {                                      \
        if (GH_DEBUG && GH_UNLIKELY(!(cond))) \
            gh_throw(__VA_ARGS__);            \
    } while (0)

#define VERIFY(cond, ...) CHECK(cond, __VA_ARGS__)

GH_EXTERN_C_END
#endif
