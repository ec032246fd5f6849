/* nearest.c - see nearest.h. */
#include "workloads/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t
min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
nearest_distance(const char *a, const char *b)
{
    /* rows[i % 3][j] = distance of the first i characters of a and the first j of b; a swap of
     * neighbours looks two rows back */
    size_t rows[3][NEAREST_WORD_MAX + 1];
    size_t an = strlen(a), bn = strlen(b);
    if (an > NEAREST_WORD_MAX || bn > NEAREST_WORD_MAX)
        return NEAREST_WORD_MAX + 1;
    for (size_t j = 0; j <= bn; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            now[j] = min2(min2(up[j], now[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min2(now[j], up2[j - 2] + 1);
        }
    }
    return rows[an % 3][bn];
}

/* How far off a word of this length may be and still be taken for a typing error. */
static size_t
tolerance(size_t length)
{
    return length < 4 ? 1 : length < 9 ? 2 : 3;
}

/* Rank of `name` as a guess for `word`, lower is better; 0 = not near. */
static size_t
rank(const char *word, const char *name)
{
    size_t length = strlen(word), distance = nearest_distance(word, name);
    if (length == 0)
        return 0;
    if (distance < length && distance <= tolerance(length))
        return distance + 1;
    return length >= 2 && strncmp(word, name, length) == 0 ? NEAREST_WORD_MAX + 2 : 0;
}

void
nearest_hint(const char *word, const char *prefix, const char *const *names, size_t count,
             struct nearest_hint *out)
{
    const char *best[NEAREST_HINTS_MAX];
    size_t ranks[NEAREST_HINTS_MAX], n = 0, used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t r = rank(word, names[i]), at = n;
        while (at > 0 && r < ranks[at - 1])
            at--;
        if (r == 0 || at == NEAREST_HINTS_MAX)
            continue;
        n += n < NEAREST_HINTS_MAX;
        for (size_t k = n - 1; k > at; k--) {
            best[k] = best[k - 1];
            ranks[k] = ranks[k - 1];
        }
        best[at] = names[i];
        ranks[at] = r;
    }
    out->text[0] = '\0';
    for (size_t i = 0; i < n && used < sizeof out->text; i++) {
        const char *before = i == 0 ? "; did you mean " : i + 1 == n ? " or " : ", ";
        int k = snprintf(out->text + used, sizeof out->text - used, "%s%s%s%s", before, prefix,
                         best[i], i + 1 == n ? "?" : "");
        used += k > 0 ? (size_t)k : 0;
    }
}
