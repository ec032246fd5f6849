/* gofloat.c - see gofloat.h. Go's counterpart is printfloat64, which is strconv's format 'g'
 * with the precision -1. The C library rounds correctly in both directions, so the first
 * precision that survives the way there and back has the digits that Go prints. */
#include "profiles/gofloat.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal exponents that are not written out: from the first up to before the second. */
enum { PLAIN_FROM = -4, PLAIN_TO = 6, DIGITS_MAX = 17 };

/* Add one to the last digit of "d.ddde+xx"; false if it would carry beyond the first. */
static bool
gofloat_next(char *text)
{
    char *p = strchr(text, 'e') - 1;
    for (; p >= text && (*p == '9' || *p == '.'); p--)
        *p = *p == '9' ? '0' : '.';
    if (p < text || *p == '-')
        return false;
    ++*p;
    return true;
}

/* Write `x` with `digits` digits, and say whether that reads back as x. Below a power of two
 * the doubles lie twice as close as above, so that the nearest decimal may be a stranger's
 * while the next one, above, is its own. */
static bool
gofloat_try(char *out, int digits, double x)
{
    int exponent;
    snprintf(out, GOFLOAT_TEXT, "%.*e", digits - 1, x);
    if (strtod(out, NULL) == x)
        return true;
    return fabs(frexp(x, &exponent)) == 0.5 && gofloat_next(out) && strtod(out, NULL) == x;
}

const char *
gofloat_format(char *out, double x)
{
    if (!isfinite(x)) {
        strcpy(out, isnan(x) ? "NaN" : x > 0 ? "+Inf" : "-Inf");
        return out;
    }
    int digits = 1;
    while (digits < DIGITS_MAX && !gofloat_try(out, digits, x))
        digits++;
    if (digits == DIGITS_MAX)
        snprintf(out, GOFLOAT_TEXT, "%.*e", digits - 1, x);
    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    int decimals = digits - 1 - exponent;
    if (exponent >= PLAIN_FROM && exponent < PLAIN_TO)
        snprintf(out, GOFLOAT_TEXT, "%.*f", decimals > 0 ? decimals : 0, x);
    return out;
}
