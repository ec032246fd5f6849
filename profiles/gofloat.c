/* gofloat.c - see gofloat.h. Go's counterpart is printfloat64, which is strconv's format 'g'
 * with the precision -1. The C library rounds correctly in both directions, so the first
 * precision that survives the way there and back has the digits that Go prints. */
#include "profiles/gofloat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal exponents that are not written out: from the first up to before the second. */
enum { PLAIN_FROM = -4, PLAIN_TO = 6, DIGITS_MAX = 17 };

const char *
gofloat_format(char *out, double x)
{
    if (!isfinite(x)) {
        strcpy(out, isnan(x) ? "NaN" : x > 0 ? "+Inf" : "-Inf");
        return out;
    }
    int digits = 1;
    for (; digits <= DIGITS_MAX; digits++) {
        snprintf(out, GOFLOAT_TEXT, "%.*e", digits - 1, x);
        if (strtod(out, NULL) == x)
            break;
    }
    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent < PLAIN_FROM || exponent >= PLAIN_TO)
        return out;
    int decimals = digits - 1 - exponent;
    snprintf(out, GOFLOAT_TEXT, "%.*f", decimals > 0 ? decimals : 0, x);
    return out;
}
