/* gofloat.h - a double as Go's print writes it, to the byte.
 *
 * Since Go 1.26: the fewest digits that read back as the same number, with an exponent (of two
 * digits or more) below 1e-4 and from 1e6 on. Before, it was always of the form
 * +1.031888e+000. */
#ifndef GH_PROFILES_GOFLOAT_H
#define GH_PROFILES_GOFLOAT_H

enum { GOFLOAT_TEXT = 32 };

/* Writes into `out`, GOFLOAT_TEXT bytes, NUL-terminated, and returns it. Needs the C locale's
 * decimal point, which is what a program has that does not ask for another. */
const char *gofloat_format(char *out, double x);

#endif
