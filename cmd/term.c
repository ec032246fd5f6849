/* term.c - see term.h. */
#include "cmd/term.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
term_is_utf8(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool
term_env_is(const char *name, const char *value)
{
    const char *text = getenv(name);
    return text != NULL && strcmp(text, value) == 0;
}

static bool
term_env_set(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0';
}

bool
term_color(enum plan_color want, int fd)
{
    if (want != PLAN_COLOR_AUTO)
        return want == PLAN_COLOR_ALWAYS;
    if (term_env_set("NO_COLOR"))
        return false;
    if (term_env_set("CLICOLOR_FORCE") && !term_env_is("CLICOLOR_FORCE", "0"))
        return true;
    return term_is_live(fd);
}

bool
term_is_live(int fd)
{
    return !term_env_is("TERM", "dumb") && isatty(fd);
}
