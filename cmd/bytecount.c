/* bytecount.c - see bytecount.h. Go's counterpart is parseByteCount, which takes a sign in
 * front as well; its documentation does not, and neither is it taken here. */
#include "cmd/bytecount.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bytecount_prefixes[] = "KMGT";

int
bytecount_power(const char *unit, size_t n)
{
    if (n == 0 || (n == 1 && unit[0] == 'B'))
        return 0;
    if (n != 3 || unit[1] != 'i' || unit[2] != 'B' || unit[0] == '\0')
        return -1;
    const char *at = strchr(bytecount_prefixes, unit[0]);
    return at != NULL ? (int)(at - bytecount_prefixes) + 1 : -1;
}

/* What is behind the number, taken leniently: any case, "k", "KB", "Ki". -1 if it is none. */
static int
bytecount_guess_power(const char *unit)
{
    static const char *const tails[] = {"", "i", "b", "ib", "bytes", "byte"};
    const char *at =
        unit[0] == '\0' ? NULL : strchr(bytecount_prefixes, toupper((unsigned char)unit[0]));
    for (size_t i = 0; at != NULL && i < sizeof tails / sizeof *tails; i++)
        if (strcasecmp(unit + 1, tails[i]) == 0)
            return (int)(at - bytecount_prefixes) + 1;
    return strcasecmp(unit, "b") == 0 || strcasecmp(unit, "bytes") == 0 ? 0 : -1;
}

/* What was probably meant, as "; did you mean 768MiB?"; "" if that is not clear. A fraction is
 * said in the next smaller unit. */
static void
bytecount_hint(const char *text, char *out, size_t bytes)
{
    char *end;
    out[0] = '\0';
    size_t digits = strspn(text, "0123456789");
    bool fraction = text[digits] == '.' && isdigit((unsigned char)text[digits + 1]);
    if (digits == 0 || digits > 9)
        return;
    double number = strtod(text, &end);
    if (!fraction)
        end = (char *)text + digits;
    int power = bytecount_guess_power(end + strspn(end, " _"));
    if (power < 0 || (fraction && power == 0))
        return;
    if (fraction) {
        number *= 1024;
        power--;
    }
    char unit[] = {power > 0 ? bytecount_prefixes[power - 1] : 'B', 'i', 'B', '\0'};
    if (power == 0)
        unit[1] = '\0';
    snprintf(out, bytes, "; did you mean %.0f%s?", number, unit);
}

bool
bytecount_parse(const char *text, uint64_t *out, struct gh_error *err)
{
    size_t digits = strspn(text, "0123456789");
    int power = digits == 0 ? -1 : bytecount_power(text + digits, strlen(text + digits));
    if (power < 0) {
        char hint[60];
        bytecount_hint(text, hint, sizeof hint);
        return gh_error_set(err, GH_EXIT_USAGE,
                            "'%.60s' is not a number of bytes; write a whole number with B, "
                            "KiB, MiB, GiB, TiB or nothing behind it%s",
                            text, hint);
    }
    errno = 0;
    unsigned long long n = strtoull(text, NULL, 10);
    if (errno != 0 || n > (unsigned long long)INT64_MAX >> (10 * power))
        return gh_error_set(err, GH_EXIT_USAGE,
                            "'%.60s' is too large; the most is 9223372036854775807 bytes, "
                            "just below 8388608TiB",
                            text);
    *out = (uint64_t)n << (10 * power);
    return true;
}
