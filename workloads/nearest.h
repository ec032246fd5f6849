/* nearest.h - which of a few known words somebody probably meant.
 *
 * Used wherever a name from the command line is not found: workloads, their options, choices.
 * Distance is optimal string alignment (insert, delete, replace, swap neighbours); a word that
 * the input is a prefix of also counts as near. Pure functions, any thread. */
#ifndef GH_WORKLOADS_NEAREST_H
#define GH_WORKLOADS_NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_MAX = 63, NEAREST_HINTS_MAX = 3 };

struct nearest_hint {
    char text[240]; /* "" or "; did you mean PREFIXa, PREFIXb or PREFIXc?" */
};

/* Edits that turn `a` into `b`; NEAREST_WORD_MAX + 1 if either is longer than a word. */
size_t nearest_distance(const char *a, const char *b);

/* The sentence to append to an error message about `word`, best guess first. */
void nearest_hint(const char *word, const char *prefix, const char *const *names, size_t count,
                  struct nearest_hint *out);

#endif
