/* term.h - what the terminal can take: colour, UTF-8, a progress line. */
#ifndef GH_CMD_TERM_H
#define GH_CMD_TERM_H

#include "cmd/plan.h"

/* Whether the locale's encoding is UTF-8. The locale is set up on the first call, LC_CTYPE
 * only: numbers keep their decimal point. */
bool term_is_utf8(void);

/* Whether what goes to `fd` should be coloured. `want` decides unless it is auto; then, in this
 * order: NO_COLOR (not empty): no; CLICOLOR_FORCE (not empty, not 0): yes; TERM=dumb: no; else
 * whether fd is a terminal. */
bool term_color(enum plan_color want, int fd);

/* Whether a line on `fd` can be overwritten: a terminal, and not TERM=dumb. */
bool term_is_live(int fd);

#endif
