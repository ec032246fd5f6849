/* knobs_debug.c - knobs that have no option of their own: they are keys of GODEBUG, set by
 * --godebug, GOHEAP_GODEBUG or GODEBUG. Each is one row and one parser; what they mean is told
 * by the table in godebug.c. */
#include "cmd/knobs.h"
#include "cmd/plan.h"

static bool
set_stoptheworld(void *target, const char *text, struct gh_error *err)
{
    return knob_int(text, 0, 2, &((struct plan *)target)->config.debug.gcstoptheworld, err);
}

static bool
set_checkmark(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.gccheckmark, err);
}

static bool
set_clobberfree(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.clobberfree, err);
}

static bool
set_sbrk(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.sbrk, err);
}

static bool
set_harddecommit(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.harddecommit, err);
}

static bool
set_disablethp(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.disablethp, err);
}

static bool
set_invalidptr(void *target, const char *text, struct gh_error *err)
{
    return knob_bool(text, &((struct plan *)target)->config.debug.invalidptr, err);
}

#define ROW(key, value, set_)                                                  \
    {                                                                          \
        .flag = key, .go_env = "GODEBUG=" key, .fallback = value, .set = set_, \
    }
const struct cli_option plan_debug_knobs[] = {
    ROW("gcstoptheworld", "0", set_stoptheworld), ROW("gccheckmark", "0", set_checkmark),
    ROW("clobberfree", "0", set_clobberfree),     ROW("sbrk", "0", set_sbrk),
    ROW("harddecommit", "0", set_harddecommit),   ROW("disablethp", "0", set_disablethp),
    ROW("invalidptr", "1", set_invalidptr),
};

size_t
plan_debug_knob_count(void)
{
    return sizeof plan_debug_knobs / sizeof plan_debug_knobs[0];
}
