/* godebug.c - see godebug.h. Go itself ignores what it does not know; here it is said, because
 * a misspelt setting silently without effect spoils a measurement. */
#include "cmd/godebug.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings that have an effect. */
static const char *const godebug_ours[] = {"gctrace", "madvdontneed", "gcshrinkstackoff"};

/* The runtime's other settings (Go 1.26). */
static const char *const godebug_gos[] = {
    "adaptivestackstart",
    "asyncpreemptoff",
    "cgocheck",
    "checkfinalizers",
    "clobberfree",
    "containermaxprocs",
    "dataindependenttiming",
    "decoratemappings",
    "disablethp",
    "dontfreezetheworld",
    "efence",
    "gccheckmark",
    "gcpacertrace",
    "gcstoptheworld",
    "harddecommit",
    "inittrace",
    "invalidptr",
    "memprofilerate",
    "profstackdepth",
    "sbrk",
    "scavtrace",
    "scheddetail",
    "schedtrace",
    "traceadvanceperiod",
    "traceallocfree",
    "tracebackancestors",
    "tracefpunwindoff",
    "updatemaxprocs",
};

static bool
godebug_is_in(const char *const *names, size_t n, const char *word, size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], word, length) == 0 && names[i][length] == '\0')
            return true;
    return false;
}

const char *
godebug_value(const char *list, const char *key, char *out, size_t bytes)
{
    const char *found = NULL;
    size_t length = strlen(key);
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (n > length && p[length] == '=' && strncmp(p, key, length) == 0) {
            snprintf(out, bytes, "%.*s", (int)(n - length - 1), p + length + 1);
            found = out;
        }
        p += n + (p[n] == ',');
    }
    return found;
}

/* Whether the setting of `n` characters asks for gctrace at a level above 1. Such settings as
 * are no number at all are refused elsewhere. */
static bool
godebug_wants_more(const char *setting, size_t n)
{
    static const char key[] = "gctrace=";
    const size_t length = sizeof key - 1;
    return n > length && strncmp(setting, key, length) == 0 &&
           strspn(setting + length, "0123456789") == n - length &&
           strtoll(setting + length, NULL, 10) > 1;
}

void
godebug_check(const char *list, void (*warn)(void *ctx, const char *line), void *ctx)
{
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ","), key = strcspn(p, "=,");
        char line[200];
        int shown = key > 60 ? 60 : (int)key;
        const char *why = NULL;
        if (key == n)
            why = "is not of the form key=value and has no effect";
        else if (godebug_is_in(godebug_gos, sizeof godebug_gos / sizeof *godebug_gos, p, key))
            why = "is a setting of Go's that has no effect here";
        else if (!godebug_is_in(godebug_ours, sizeof godebug_ours / sizeof *godebug_ours, p,
                                key))
            why = "is a setting that is not known and has no effect";
        else if (godebug_wants_more(p, n)) {
            why = "is taken as gctrace=1; there is no other level here";
            shown = n > 60 ? 60 : (int)n;
        }
        if (why != NULL && n > 0) {
            snprintf(line, sizeof line, "GODEBUG: '%.*s' %s", shown, p, why);
            warn(ctx, line);
        }
        p += n + (p[n] == ',');
    }
}
