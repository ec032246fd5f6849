/* json_parse.c - a recursive-descent parser of RFC 8259 JSON into nodes on the heap.
 *
 * Strict: no comments, no trailing commas, well-formed UTF-8 only, no lone surrogates. A
 * function that parses a value returns it raw: its caller puts it into a slot or an object
 * before the next safepoint. The text itself lies outside the heap. Strings are read twice:
 * once to check and measure, then, after the bytes are allocated, to decode. */
#include "workloads/builtin/json_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct gh_type *
json_node_type(struct gh_heap *heap)
{
    return gh_type_small(heap, "json_node", sizeof(struct json_node),
                         GH_PTR(struct json_node, next) | GH_PTR(struct json_node, child) |
                             GH_PTR(struct json_node, key) | GH_PTR(struct json_node, text));
}

static struct json_node *
fail(struct json_parser *p, const char *at, const char *problem)
{
    p->at = at;
    p->problem = problem;
    return NULL;
}

static void
skip_space(struct json_parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
}

/* --- strings --- */

size_t
json_utf8(const unsigned char *s, size_t max)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return max > 0;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n > max)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
        (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of a \u escape; -1 if they are none. Stops at the text's final 0. */
static int32_t
hex4(const char *s)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(s[i]);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* The code point of the \u escape (or pair of them) at `*s`, which is moved behind it; -1 if it
 * is malformed. */
static int32_t
unicode_escape(const char **s)
{
    int32_t high = hex4(*s + 2);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return -1;
    *s += 6;
    if (high < 0xd800 || high > 0xdbff)
        return high;
    if ((*s)[0] != '\\' || (*s)[1] != 'u')
        return -1;
    int32_t low = hex4(*s + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    *s += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Write code point `c` as UTF-8 to `out` (NULL: only count); returns its bytes. */
static size_t
put_utf8(char *out, int32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const int32_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (out == NULL)
        return n;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

static char
simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '/':
        return c;
    default:
        return 0;
    }
}

/* Check the string that begins behind the quote at p->at; true and its decoded length in
 * `bytes` if it is well-formed. Leaves p->at alone. */
static bool
measure_string(struct json_parser *p, size_t *bytes)
{
    const char *s = p->at;
    size_t n = 0;
    while (*s != '"') {
        unsigned char c = (unsigned char)*s;
        size_t k = json_utf8((const unsigned char *)s, (size_t)(p->end - s));
        if (s == p->end)
            return fail(p, s, "the text ends within a string") != NULL;
        if (k == 0)
            return fail(p, s, "not well-formed UTF-8") != NULL;
        if (c < 0x20)
            return fail(p, s, "a control character in a string (it must be escaped)") != NULL;
        if (c != '\\') {
            s += k;
            n += k;
        } else if (s[1] == 'u') {
            const char *escape = s;
            int32_t code = unicode_escape(&s);
            if (code < 0)
                return fail(p, escape, "a malformed \\u escape") != NULL;
            n += put_utf8(NULL, code);
        } else {
            if (simple_escape(s[1]) == 0)
                return fail(p, s, "an unknown escape") != NULL;
            s += 2;
            n++;
        }
    }
    *bytes = n;
    return true;
}

/* Decode a measured string into `out`; p->at goes behind its closing quote. */
static void
decode_string(struct json_parser *p, char *out)
{
    const char *s = p->at;
    while (*s != '"') {
        const char *run = s;
        while (*s != '"' && *s != '\\')
            s++;
        memcpy(out, run, (size_t)(s - run));
        out += s - run;
        if (*s == '"')
            break;
        if (s[1] == 'u') {
            out += put_utf8(out, unicode_escape(&s));
        } else {
            *out++ = simple_escape(s[1]);
            s += 2;
        }
    }
    p->at = s + 1;
}

/* The string whose opening quote is at p->at, as bytes on the heap; NULL if it is malformed.
 * Safepoint. */
static char *
parse_string(struct json_parser *p, size_t *bytes)
{
    p->at++;
    if (!measure_string(p, bytes))
        return NULL;
    char *text = gh_new_bytes(p->m, *bytes);
    decode_string(p, text);
    return text;
}

static struct json_node *
parse_string_node(struct json_parser *p)
{
    size_t bytes;
    GH_FRAME(p->m, 1);
    char *text = parse_string(p, &bytes);
    if (text == NULL)
        return NULL;
    GH_SLOT(p->m, char, 0) = text;
    struct json_node *n = gh_new(p->m, p->node);
    n->kind = JSON_NODE_STRING;
    n->u.text_bytes = bytes;
    gh_store(p->m, &n->text, GH_SLOT(p->m, char, 0));
    return n;
}

/* --- numbers, words --- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *
skip_digits(const char *s)
{
    while (is_digit(*s))
        s++;
    return s;
}

/* Where the number at `s` ends by the grammar; NULL if it is none. */
static const char *
number_end(const char *s, bool *whole)
{
    *whole = true;
    s += *s == '-';
    if (!is_digit(*s) || (s[0] == '0' && is_digit(s[1])))
        return NULL;
    s = skip_digits(s);
    if (*s == '.') {
        *whole = false;
        if (!is_digit(*++s))
            return NULL;
        s = skip_digits(s);
    }
    if (*s == 'e' || *s == 'E') {
        *whole = false;
        s++;
        s += *s == '+' || *s == '-';
        if (!is_digit(*s))
            return NULL;
        s = skip_digits(s);
    }
    return s;
}

static struct json_node *
parse_number(struct json_parser *p)
{
    bool whole;
    const char *end = number_end(p->at, &whole);
    double value = 0;
    if (end == NULL)
        return fail(p, p->at, "a malformed number");
    if (whole && end - p->at <= 15) { /* exact in a double */
        const char *s = p->at + (*p->at == '-');
        for (; s < end; s++)
            value = value * 10 + (*s - '0');
        value = *p->at == '-' ? -value : value;
    } else {
        value = strtod(p->at, NULL);
    }
    if (isinf(value))
        return fail(p, p->at, "a number too large for a double");
    p->at = end;
    struct json_node *n = gh_new(p->m, p->node);
    n->kind = JSON_NODE_NUMBER;
    n->u.number = value;
    return n;
}

static struct json_node *
parse_word(struct json_parser *p, const char *word, enum json_kind kind)
{
    size_t length = strlen(word);
    if (strncmp(p->at, word, length) != 0)
        return fail(p, p->at, "a value is expected here");
    p->at += length;
    struct json_node *n = gh_new(p->m, p->node);
    n->kind = kind;
    return n;
}

/* --- objects, arrays --- */

static struct json_node *parse_value(struct json_parser *p);

enum { BOX, LAST, KEY, BOX_SLOTS }; /* the frame of a container */

/* The key and colon of a member; the key goes to slot KEY. */
static bool
parse_key(struct json_parser *p, size_t *bytes)
{
    if (*p->at != '"')
        return fail(p, p->at, "a string is expected here, the name of a member") != NULL;
    const char *start = p->at;
    char *key = parse_string(p, bytes);
    if (key == NULL)
        return false;
    if (*bytes > UINT32_MAX)
        return fail(p, start, "a member's name of more than 4 GiB") != NULL;
    GH_SLOT(p->m, char, KEY) = key;
    skip_space(p);
    if (*p->at != ':')
        return fail(p, p->at, "a colon is expected here") != NULL;
    p->at++;
    return true;
}

/* One element, appended to the container in slot BOX. */
static bool
parse_element(struct json_parser *p, bool object)
{
    size_t key_bytes = 0;
    struct gh_mutator *m = p->m;
    skip_space(p);
    if (object && !parse_key(p, &key_bytes))
        return false;
    struct json_node *n = parse_value(p);
    if (n == NULL)
        return false;
    if (object) {
        gh_store(m, &n->key, GH_SLOT(m, char, KEY));
        n->key_bytes = (uint32_t)key_bytes;
        n->kind |= JSON_HAS_KEY;
    }
    struct json_node *last = GH_SLOT(m, struct json_node, LAST);
    gh_store(m, last != NULL ? &last->next : &GH_SLOT(m, struct json_node, BOX)->child, n);
    GH_SLOT(m, struct json_node, LAST) = n;
    skip_space(p);
    return true;
}

static struct json_node *
parse_container(struct json_parser *p, bool object)
{
    char close = object ? '}' : ']';
    if (++p->depth > JSON_DEPTH_MAX)
        return fail(p, p->at, "more than 2048 levels of nesting");
    GH_FRAME(p->m, BOX_SLOTS);
    struct json_node *box = gh_new(p->m, p->node);
    box->kind = object ? JSON_NODE_OBJECT : JSON_NODE_ARRAY;
    GH_SLOT(p->m, struct json_node, BOX) = box;
    p->at++;
    skip_space(p);
    if (*p->at != close) {
        if (!parse_element(p, object))
            return NULL;
        for (; *p->at == ',';) {
            p->at++;
            if (!parse_element(p, object))
                return NULL;
        }
    }
    if (*p->at != close)
        return fail(p, p->at,
                    object ? "a comma or } is expected here" : "a comma or ] is expected here");
    p->at++;
    p->depth--;
    return GH_SLOT(p->m, struct json_node, BOX);
}

static struct json_node *
parse_value(struct json_parser *p)
{
    skip_space(p);
    switch (*p->at) {
    case '{':
        return parse_container(p, true);
    case '[':
        return parse_container(p, false);
    case '"':
        return parse_string_node(p);
    case 't':
        return parse_word(p, "true", JSON_NODE_TRUE);
    case 'f':
        return parse_word(p, "false", JSON_NODE_FALSE);
    case 'n':
        return parse_word(p, "null", JSON_NODE_NULL);
    default:
        if (*p->at == '-' || is_digit(*p->at))
            return parse_number(p);
        return fail(p, p->at,
                    p->at == p->end ? "the text ends where a value is expected"
                                    : "a value is expected here");
    }
}

struct json_node *
json_parse(struct json_parser *p)
{
    p->at = p->start;
    p->depth = 0;
    p->problem = NULL;
    struct json_node *root = parse_value(p);
    if (root == NULL)
        return NULL;
    skip_space(p);
    return p->at == p->end ? root : fail(p, p->at, "more text after the end of the document");
}

void
json_where(const struct json_parser *p, int *line, int *column)
{
    *line = *column = 1;
    for (const char *s = p->start; s < p->at; s++) {
        *column = *s == '\n' ? 1 : *column + 1;
        *line += *s == '\n';
    }
}
