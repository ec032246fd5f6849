/* godebug.c - see godebug.h. Go itself ignores what it does not know; here it is said, because
 * a misspelt setting silently without effect spoils a measurement. */
#include "cmd/godebug.h"

#include "workloads/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct godebug_key godebug_keys[] = {
    {"gctrace", 2, "0", "--gctrace or --gctrace=2", "print a line a collection",
     "Number, time, share of all CPU, wall and CPU times of the three phases, the heap before, "
     "after and alive, its goal, stacks, globals, processors. With 2, lines that begin with "
     "\"scan:\" follow: how many objects were scanned for themselves, one by one in a span, "
     "and "
     "all together in a span, in sum and for each size class (L: large objects). The text is "
     "that of Go 1.26.",
     "One write a line, after the collection."},
    {"gcpacertrace", 1, "0", "--gcpacertrace",
     "print how the pacer began and ended a cycle, and its sweep",
     "First: bytes to scan per byte allocated, the work expected, the heap and its goal at the "
     "start, dedicated workers plus the share of a fractional one. Second: CPU used and aimed "
     "at, bytes scanned of heap, stacks and globals and what was expected, the heap at the "
     "start and at the end, its distance from the goal, and the estimate of cons/mark that the "
     "cycle was paced by. Both come when the cycle is over. Third, once its sweep is: the heap "
     "then, what was allocated meanwhile, pages swept, and the pace in pages per byte "
     "allocated (0 if it was swept in a stopped world). The text is that of Go 1.26. A cycle "
     "in which the heap could not grow has no second line, one that was not paced has only the "
     "third.",
     "Three writes a collection."},
    {"scavtrace", 1, "0", "--scavtrace", "print what was given back to the OS",
     "Roughly a line a cycle: KiB given back in the background and eagerly (for the memory "
     "limit) since the last line, KiB that are given back now, and how much of the rest is in "
     "use. \"(forced)\" where the program asked for it.",
     "One write a collection."},
    {"gcstoptheworld", 2, "0", NULL, "mark with the world stopped",
     "1 marks in a stopped world; 2 sweeps there as well. Shows what concurrency is worth.",
     "Pauses as long as the marking; the program waits for all of it."},
    {"gccheckmark", 1, "0", NULL, "mark a second time and compare",
     "After each marking everything is marked again from the roots, in a stopped world. An "
     "object that is found now and was not before ends the process with a message.",
     "A second, stopped marking for each cycle, and the memory for its marks."},
    {"clobberfree", 1, "0", NULL, "overwrite what a sweep frees",
     "The memory of dead objects is filled with 0xdeadbeef, so that whoever still uses one "
     "finds out.",
     "Each freed object is written once."},
    {"gcshrinkstackoff", 1, "0", "--shrink-stacks=0", "never halve a stack",
     "Stacks only grow.", "Memory, where stacks were deep once."},
    {"sbrk", 1, "0", NULL, "bump allocation, nothing is ever freed",
     "Every span is fresh from the OS, and nothing is collected or given back: the bare cost "
     "of a workload without its memory management.",
     "Memory: all that is ever allocated."},
    {"madvdontneed", 1, "1", "--madvise dontneed|free", "how memory goes back to the OS",
     "1 gives it back at once (MADV_DONTNEED); 0 lets the kernel take it when it is short "
     "(MADV_FREE).",
     "0 is cheaper, but the process looks as large as ever."},
    {"harddecommit", 1, "0", NULL, "make memory that was given back untouchable",
     "A stray access to such memory ends the process, instead of finding zeros.",
     "A further system call whenever memory is given back or used again."},
    {"disablethp", 1, "0", NULL, "no transparent huge pages for the heap",
     "Takes the kernel's huge pages out of a measurement.",
     "More page faults and more misses in the TLB on large heaps."},
    {"invalidptr", 1, "1", NULL, "a bad pointer in the heap ends the process",
     "1 checks that a reference found by the collector points to an object or out of the heap; "
     "0 ignores one that points to free memory.",
     "None; 0 hides broken programs."},
};

size_t
godebug_key_count(void)
{
    return sizeof godebug_keys / sizeof godebug_keys[0];
}

/* The runtime's other settings (Go 1.26). */
static const char *const godebug_gos[] = {
    "adaptivestackstart",
    "asyncpreemptoff",
    "asynctimerchan",
    "cgocheck",
    "checkfinalizers",
    "containermaxprocs",
    "dataindependenttiming",
    "decoratemappings",
    "dontfreezetheworld",
    "efence",
    "inittrace",
    "memprofilerate",
    "panicnil",
    "profstackdepth",
    "scheddetail",
    "schedtrace",
    "traceadvanceperiod",
    "traceallocfree",
    "tracebackancestors",
    "tracebacklabels",
    "tracecheckstackownership",
    "tracefpunwindoff",
    "updatemaxprocs",
};

static bool
godebug_is(const char *name, const char *word, size_t length)
{
    return strncmp(name, word, length) == 0 && name[length] == '\0';
}

static bool
godebug_is_gos(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof godebug_gos / sizeof *godebug_gos; i++)
        if (godebug_is(godebug_gos[i], word, length))
            return true;
    return false;
}

static const struct godebug_key *
godebug_find(const char *word, size_t length)
{
    for (size_t i = 0; i < godebug_key_count(); i++)
        if (godebug_is(godebug_keys[i].name, word, length))
            return &godebug_keys[i];
    return NULL;
}

/* How much of a word from the command line a message shows. */
static int
godebug_shown(size_t n)
{
    return n > 60 ? 60 : (int)n;
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

/* --- the strict reading --- */

static bool
godebug_unknown(const char *key, size_t length, struct gh_error *err)
{
    const char *names[sizeof godebug_keys / sizeof godebug_keys[0]];
    char word[NEAREST_WORD_MAX + 1];
    struct nearest_hint hint;
    for (size_t i = 0; i < godebug_key_count(); i++)
        names[i] = godebug_keys[i].name;
    snprintf(word, sizeof word, "%.*s", (int)length, key);
    nearest_hint(word, "", names, godebug_key_count(), &hint);
    return gh_error_set(err, GH_EXIT_USAGE, "there is no key '%.*s'%s", godebug_shown(length),
                        key,
                        hint.text[0] != '\0' ? hint.text : "; 'goheap list godebug' names all");
}

/* One setting of `n` characters. */
static bool
godebug_parse_one(const char *p, size_t n, struct gh_error *err)
{
    size_t length = strcspn(p, "=,");
    if (length >= n)
        return gh_error_set(err, GH_EXIT_USAGE, "'%.*s' is not of the form key=value",
                            godebug_shown(n), p);
    const struct godebug_key *key = godebug_find(p, length);
    if (key == NULL)
        return godebug_is_gos(p, length) || godebug_unknown(p, length, err);
    const char *value = p + length + 1;
    size_t digits = n - length - 1;
    bool is_number = digits > 0 && strspn(value, "0123456789") == digits;
    if (is_number && digits < 10 && strtol(value, NULL, 10) <= key->max)
        return true;
    return gh_error_set(err, GH_EXIT_USAGE, "%s: '%.*s' is not a whole number from 0 to %d",
                        key->name, godebug_shown(digits), value, key->max);
}

bool
godebug_parse(const char *list, struct gh_error *err)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (n > 0 && !godebug_parse_one(p, n, err))
            return false;
        p += n + (p[n] == ',');
    }
    return true;
}

/* --- what is without effect --- */

void
godebug_check(const char *source, const char *list, void (*warn)(void *ctx, const char *line),
              void *ctx)
{
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ","), key = strcspn(p, "=,");
        char line[200];
        const char *why = NULL;
        if (key == n)
            why = "is not of the form key=value and has no effect";
        else if (godebug_is_gos(p, key))
            why = "is a setting of Go's that has no effect here";
        else if (godebug_find(p, key) == NULL)
            why = "is a setting that is not known and has no effect";
        if (why != NULL && n > 0) {
            snprintf(line, sizeof line, "%s: '%.*s' %s", source, godebug_shown(key), p, why);
            warn(ctx, line);
        }
        p += n + (p[n] == ',');
    }
}
