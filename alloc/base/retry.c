/* retry.c - see retry.h. */
#include "alloc/base/retry.h"

struct retry_counter retry_counters[RETRY_LOOPS];

static const char *const retry_loop_names[RETRY_LOOPS] = {
#define RETRY_LOOP(name) [RETRY_##name] = #name,
#include "alloc/base/retry_loops.def"
#undef RETRY_LOOP
};

uint64_t
retry_count(enum retry_loop loop)
{
    return atomic_load_explicit(&retry_counters[loop].failed, memory_order_relaxed);
}

const char *
retry_loop_name(enum retry_loop loop)
{
    return retry_loop_names[loop];
}
