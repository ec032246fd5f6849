/* cli.c - see cli.h. */
#include "cmd/cli.h"

#include "alloc/base/check.h"
#include "workloads/nearest.h"

#include <getopt.h>
#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 26 };

bool
cli_set_json(void *switches, const char *text, struct gh_error *err)
{
    ((struct cli_switches *)switches)->json = strcmp(text, "0") != 0;
    return (void)err, true;
}

bool
cli_set_help(void *switches, const char *text, struct gh_error *err)
{
    ((struct cli_switches *)switches)->help = strcmp(text, "0") != 0;
    return (void)err, true;
}

void
cli_add(struct cli *c, const struct cli_option *rows, size_t n)
{
    CHECK(c->n_rows + n <= CLI_ROWS_MAX, "cli_add: more than %d options", CLI_ROWS_MAX);
    for (size_t i = 0; i < n; i++)
        c->rows[c->n_rows++] = &rows[i];
}

const struct cli_option *
cli_find(const struct cli *c, const char *word)
{
    if (word[0] == '-' && word[1] != '-') {
        for (size_t i = 0; i < c->n_rows; i++)
            if (c->rows[i]->letter != 0 && c->rows[i]->letter == word[1])
                return c->rows[i];
        return NULL;
    }
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const struct cli_option *found = NULL;
    for (size_t i = 0; i < c->n_rows; i++) {
        if (strncmp(c->rows[i]->flag, name, length) != 0)
            continue;
        if (c->rows[i]->flag[length] == '\0')
            return c->rows[i];
        if (found != NULL)
            return NULL;
        found = c->rows[i];
    }
    return found;
}

bool
cli_wants_next(const struct cli_option *row, const char *word)
{
    if (row->arg == NULL)
        return false;
    return word[1] == '-' ? strchr(word, '=') == NULL : word[2] == '\0';
}

/* Whether `name` begins several options; then `err` names them. */
static bool
cli_ambiguous(const struct cli *c, const char *name, struct gh_error *err)
{
    char all[300] = "";
    int n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        size_t used = strlen(all);
        if (strncmp(c->rows[i]->flag, name, strlen(name)) == 0)
            snprintf(all + used, sizeof all - used, "%s--%s", n++ > 0 ? ", " : "",
                     c->rows[i]->flag);
    }
    if (n < 2)
        return false;
    gh_error_set(err, GH_EXIT_USAGE, "--%s is short for several options: %s", name, all);
    return true;
}

/* An option that getopt could not place: unknown, ambiguous, or the digit of a negative
 * number that nobody asked for. */
static bool
cli_unknown(const struct cli *c, const char *word, struct gh_error *err)
{
    if (word[1] != '-')
        return gh_error_set(err, GH_EXIT_USAGE, "there is no option %.100s; --help lists them",
                            word);
    const char *names[CLI_ROWS_MAX];
    char name[NEAREST_WORD_MAX + 1];
    struct nearest_hint hint;
    int length = (int)strcspn(word + 2, "=");
    for (size_t i = 0; i < c->n_rows; i++)
        names[i] = c->rows[i]->flag;
    snprintf(name, sizeof name, "%.*s", length, word + 2);
    if (cli_ambiguous(c, name, err))
        return false;
    nearest_hint(name, "--", names, c->n_rows, &hint);
    return gh_error_set(err, GH_EXIT_USAGE, "there is no option --%.*s%s",
                        length > 100 ? 100 : length, word + 2,
                        hint.text[0] != '\0' ? hint.text : "; --help lists them");
}

static bool
cli_bad(const struct cli *c, const char *word, bool missing, struct gh_error *err)
{
    char letter[3] = {'-', (char)optopt, '\0'};
    if (word[1] != '-') /* of several letters in one word, the one at fault */
        word = letter;
    const struct cli_option *row = cli_find(c, word);
    if (row == NULL)
        return cli_unknown(c, word, err);
    if (missing)
        return gh_error_set(err, GH_EXIT_USAGE, "--%s: a value is missing: %s (%s)", row->flag,
                            row->arg, row->help);
    return gh_error_set(err, GH_EXIT_USAGE, "--%s takes no value", row->flag);
}

/* getopt's own tables, made from the rows. A long option's value must be unlike all others', or
 * getopt takes an ambiguous abbreviation for a clear one. */
enum { LONG = 256 };

struct cli_getopt {
    struct option longs[CLI_ROWS_MAX + 1];
    char shorts[2 + 2 * CLI_ROWS_MAX + 1];
};

static void
cli_getopt_make(const struct cli *c, struct cli_getopt *g)
{
    char *s = g->shorts;
    *s++ = '-'; /* operands come in order, as options of character 1 */
    *s++ = ':'; /* tell a missing value from an unknown option */
    memset(g->longs, 0, sizeof g->longs);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct cli_option *row = c->rows[i];
        g->longs[i].name = row->flag;
        g->longs[i].val = LONG + (int)i;
        g->longs[i].has_arg = row->arg != NULL ? required_argument : optional_argument;
        if (row->letter == 0)
            continue;
        *s++ = row->letter;
        if (row->arg != NULL)
            *s++ = ':';
    }
    *s = '\0';
}

bool
cli_parse(struct cli *c, int argc, char **argv, struct gh_error *err)
{
    static char switched_on[] = "1";
    struct cli_getopt g;
    cli_getopt_make(c, &g);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (;;) {
        int at = optind < 1 ? 1 : optind;
        int ch = getopt_long(argc, argv, g.shorts, g.longs, NULL);
        if (ch == -1)
            break;
        if (ch == '?' || ch == ':')
            return cli_bad(c, argv[at], ch == ':', err);
        const struct cli_option *row = NULL;
        if (ch >= LONG)
            row = c->rows[ch - LONG];
        else if (ch != 1)
            row = cli_find(c, (char[]){'-', (char)ch, '\0'});
        if (!c->take(c->ctx, row, optarg != NULL ? optarg : switched_on, err))
            return false;
    }
    for (int i = optind; i < argc; i++) /* behind "--" */
        if (!c->take(c->ctx, NULL, argv[i], err))
            return false;
    return true;
}

void
cli_wrap(FILE *out, const char *text, int indent, int column)
{
    int blanks = 0; /* not yet printed: a line may end here */
    while (*text != '\0') {
        int length = (int)strcspn(text, " \n");
        if (length > 0 && column > indent && column + blanks + length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            blanks = 0;
        }
        if (length > 0) {
            fprintf(out, "%*s%.*s", blanks, "", length, text);
            column += blanks + length;
            blanks = 0;
        }
        text += length;
        for (; *text == ' '; text++)
            blanks++;
        if (*text == '\n') {
            fputc('\n', out);
            text++;
            column = 0;
            blanks = indent;
        }
    }
    fputc('\n', out);
}

const char *
cli_default(const struct cli_option *row)
{
    return row->choices != NULL ? row->choices()[0] : row->fallback;
}

/* What is said of an option, with its values and its default behind it. */
static void
cli_help_text(const struct cli_option *row, char *out, size_t bytes)
{
    const char *value = cli_default(row);
    size_t used = (size_t)snprintf(out, bytes, "%s", row->help);
    for (size_t i = 0; row->choices != NULL && row->choices()[i] != NULL && used < bytes; i++)
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", i > 0 ? ", " : ": ",
                                 row->choices()[i]);
    bool off = row->arg == NULL && value != NULL && strcmp(value, "0") == 0;
    if (value != NULL && value[0] != '\0' && !off && used < bytes)
        snprintf(out + used, bytes - used, " (default: %s)", value);
}

void
cli_help(FILE *out, const struct cli_option *const *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cli_option *row = rows[i];
        int column =
            row->letter != 0 ? fprintf(out, "  -%c, ", row->letter) : fprintf(out, "      ");
        column += fprintf(out, "--%s%s%s", row->flag, row->arg != NULL ? " " : "",
                          row->arg != NULL ? row->arg : "");
        if (column >= HELP_COLUMN - 1) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s", HELP_COLUMN - column, "");
        char text[400];
        cli_help_text(row, text, sizeof text);
        cli_wrap(out, text, HELP_COLUMN, HELP_COLUMN);
    }
}
