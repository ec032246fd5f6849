/* json_figures.c - the query of workload `json`, over the tree on the heap and, for comparison,
 * over jansson's. jansson knows nothing of goheap: it is the second opinion. */
#include "workloads/builtin/json_tree.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* FNV-1a over eight bytes at a time, then the tail; both sides use it, nobody else. */
static uint64_t
hash_bytes(const char *s, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ n, word = 0;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&word, s, 8);
        h = (h ^ word) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    word = 0;
    memcpy(&word, s, n);
    h = (h ^ word) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

static void
add_text(struct json_figures *f, const char *s, size_t n)
{
    f->text_bytes += n;
    f->text_hash += hash_bytes(s, n);
}

static void
add_key(struct json_figures *f, const char *s, size_t n)
{
    f->keys++;
    f->key_bytes += n;
    f->key_hash += hash_bytes(s, n);
}

static void
add_number(struct json_figures *f, double x)
{
    f->number_hash += hash_bytes((const char *)&x, sizeof x);
}

/* --- the tree on the heap --- */

static void
add_node(struct json_figures *f, const struct json_node *n)
{
    unsigned kind = n->kind & ~JSON_HAS_KEY;
    f->kinds[kind]++;
    if (n->kind & JSON_HAS_KEY)
        add_key(f, n->key, n->key_bytes);
    if (kind == JSON_NODE_STRING)
        add_text(f, n->text, n->u.text_bytes);
    else if (kind == JSON_NODE_NUMBER)
        add_number(f, n->u.number);
}

/* The list that begins in slot 0 of the innermost frame, with all that hangs on it; the slot is
 * the cursor. */
static void
query_list(struct gh_mutator *m, struct json_figures *f)
{
    struct json_node *n;
    while ((n = GH_SLOT(m, struct json_node, 0)) != NULL) {
        add_node(f, n);
        if (n->child != NULL) {
            GH_FRAME(m, 1);
            GH_SLOT(m, struct json_node, 0) = GH_OUTER_SLOT(m, struct json_node, 1, 0)->child;
            query_list(m, f);
        }
        GH_SLOT(m, struct json_node, 0) = GH_SLOT(m, struct json_node, 0)->next;
        gh_poll(m);
    }
}

void
json_query(struct gh_mutator *m, struct json_figures *out)
{
    memset(out, 0, sizeof *out);
    GH_FRAME(m, 1);
    GH_SLOT(m, struct json_node, 0) = GH_OUTER_SLOT(m, struct json_node, 1, 0);
    query_list(m, out);
}

/* --- jansson's tree --- */

static void add_value(struct json_figures *f, const json_t *v);

static void
add_members(struct json_figures *f, const json_t *v)
{
    json_t *object = (json_t *)(uintptr_t)v; /* jansson's iterators want it writable */
    for (void *it = json_object_iter(object); it != NULL;
         it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        add_key(f, key, strlen(key));
        add_value(f, json_object_iter_value(it));
    }
}

static void
add_value(struct json_figures *f, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        f->kinds[JSON_NODE_OBJECT]++;
        add_members(f, v);
        break;
    case JSON_ARRAY:
        f->kinds[JSON_NODE_ARRAY]++;
        for (size_t i = 0; i < json_array_size(v); i++)
            add_value(f, json_array_get(v, i));
        break;
    case JSON_STRING:
        f->kinds[JSON_NODE_STRING]++;
        add_text(f, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER: /* none: all numbers are asked for as reals */
    case JSON_REAL:
        f->kinds[JSON_NODE_NUMBER]++;
        add_number(f, json_number_value(v));
        break;
    case JSON_TRUE:
        f->kinds[JSON_NODE_TRUE]++;
        break;
    case JSON_FALSE:
        f->kinds[JSON_NODE_FALSE]++;
        break;
    case JSON_NULL:
        f->kinds[JSON_NODE_NULL]++;
        break;
    }
}

bool
json_reference(const char *text, size_t bytes, const char *path, struct json_figures *out,
               struct gh_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, bytes,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL |
                                  JSON_REJECT_DUPLICATES,
                              &why);
    memset(out, 0, sizeof *out);
    if (root == NULL)
        return gh_error_set(err, GH_EXIT_FAILED,
                            "json: %s:%d:%d: jansson, asked for comparison, refuses it: %s",
                            path, why.line, why.column, why.text);
    add_value(out, root);
    json_decref(root);
    return true;
}

/* --- both --- */

uint64_t
json_checksum(const struct json_figures *f)
{
    return hash_bytes((const char *)f, sizeof *f);
}

uint64_t
json_nodes(const struct json_figures *f)
{
    uint64_t n = 0;
    for (int i = 0; i < JSON_NODE_KINDS; i++)
        n += f->kinds[i];
    return n;
}
