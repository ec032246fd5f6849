/* humane.h - numbers for people: three significant digits and a unit. Fills `out` and returns
 * it. `utf8` allows "µs" for "us"; nothing else needs more than ASCII. */
#ifndef GH_PROFILES_HUMANE_H
#define GH_PROFILES_HUMANE_H

#include <stdbool.h>
#include <stdint.h>

struct humane {
    char text[48];
};

/* 1536 -> "1.50 KiB" */
const char *humane_bytes(struct humane *out, double bytes);
/* 44600000 -> "44.6 M" (powers of 1000); whole numbers below 10000 in full */
const char *humane_count(struct humane *out, double count);
/* 1234567 -> "1.23 ms" */
const char *humane_ns(struct humane *out, double ns, bool utf8);
/* 1234567 -> "1,234,567" */
const char *humane_whole(struct humane *out, uint64_t n);
/* Three significant digits: "0.0123", "1.23", "12.3", "123", "1234" */
const char *humane_plain(struct humane *out, double x);

#endif
