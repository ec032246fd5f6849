/* humane.c - see humane.h. */
#include "profiles/humane.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Decimals that make three significant digits of x, at most 4. */
static int
humane_decimals(double x)
{
    x = fabs(x);
    return x >= 99.95 ? 0 : x >= 9.995 ? 1 : x >= 0.9995 || x == 0 ? 2 : x >= 0.09995 ? 3 : 4;
}

static const char *
humane_scaled(struct humane *out, double x, double step, const char *const *units, int n)
{
    int i = 0;
    for (; i < n - 1 && fabs(x) >= step * 0.9995; i++)
        x /= step;
    int decimals = i == 0 && x == floor(x) ? 0 : humane_decimals(x);
    snprintf(out->text, sizeof out->text, "%.*f%s%s", decimals, x, units[i][0] ? " " : "",
             units[i]);
    return out->text;
}

const char *
humane_bytes(struct humane *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    return humane_scaled(out, bytes, 1024, units, 6);
}

const char *
humane_count(struct humane *out, double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    if (count >= 0 && count < 10000 && count == floor(count)) {
        snprintf(out->text, sizeof out->text, "%.0f", count);
        return out->text;
    }
    return humane_scaled(out, count, 1000, units, 5);
}

const char *
humane_ns(struct humane *out, double ns, bool utf8)
{
    static const char *const ascii[] = {"ns", "us", "ms", "s"};
    static const char *const fine[] = {"ns", "\xc2\xb5s", "ms", "s"};
    return humane_scaled(out, ns, 1000, utf8 ? fine : ascii, 4);
}

const char *
humane_whole(struct humane *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = out->text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out->text;
}

const char *
humane_plain(struct humane *out, double x)
{
    int decimals = humane_decimals(x);
    if (x == floor(x) && fabs(x) < 1e15)
        decimals = 0;
    snprintf(out->text, sizeof out->text, "%.*f", decimals, x);
    return out->text;
}
