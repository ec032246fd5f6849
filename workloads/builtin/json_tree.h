/* json_tree.h - a JSON document as a tree of nodes on the heap: what workload `json` builds
 * (json_parse.c), queries and compares with jansson's idea of the document (json_figures.c). */
#ifndef GH_WORKLOADS_BUILTIN_JSON_TREE_H
#define GH_WORKLOADS_BUILTIN_JSON_TREE_H

#include "gc/api/heap.h"

enum json_kind {
    JSON_NODE_OBJECT,
    JSON_NODE_ARRAY,
    JSON_NODE_STRING,
    JSON_NODE_NUMBER,
    JSON_NODE_TRUE,
    JSON_NODE_FALSE,
    JSON_NODE_NULL,
    JSON_NODE_KINDS,
};

/* Deeper documents are refused; the same limit as jansson's. */
enum { JSON_DEPTH_MAX = 2048 };

struct json_node {
    struct json_node *next;  /* in the same object or array */
    struct json_node *child; /* objects, arrays: the first element */
    char *key;               /* members of objects: UTF-8, not terminated */
    char *text;              /* strings: UTF-8, not terminated */
    union {
        double number;       /* numbers */
        uint64_t text_bytes; /* strings */
    } u;
    uint32_t key_bytes;
    uint32_t kind; /* enum json_kind | JSON_HAS_KEY */
};
#define JSON_HAS_KEY 0x100u

/* --- parsing --- */

struct json_parser {
    /* immutable while parsing */
    struct gh_mutator *m;
    const struct gh_type *node;
    const char *start, *end; /* *end is readable and 0 */
    /* the thread's own */
    const char *at;
    int depth;
    const char *problem; /* NULL: none so far; `at` is where */
};

/* The type of struct json_node. */
const struct gh_type *json_node_type(struct gh_heap *heap);

/* The document's root node; NULL if the text is malformed: see json_where. Safepoint. */
struct json_node *json_parse(struct json_parser *p);

/* Line and column (in bytes) of p->at, from 1. */
void json_where(const struct json_parser *p, int *line, int *column);

/* Length of the well-formed UTF-8 sequence at `s`, at most `max` bytes; 0 if there is none. */
size_t json_utf8(const unsigned char *s, size_t max);

/* --- querying --- */

/* All sums wrap round and do not depend on order. */
struct json_figures {
    uint64_t kinds[JSON_NODE_KINDS]; /* nodes of each */
    uint64_t text_bytes, text_hash;  /* strings */
    uint64_t keys, key_bytes, key_hash;
    uint64_t number_hash;
};

/* Query the tree whose root is in slot 0 of the innermost frame. Safepoint. */
void json_query(struct gh_mutator *m, struct json_figures *out);

/* The same figures from jansson's parse. False if jansson refuses the text. */
bool json_reference(const char *text, size_t bytes, const char *path, struct json_figures *out,
                    struct gh_error *err);

uint64_t json_checksum(const struct json_figures *f);
uint64_t json_nodes(const struct json_figures *f);

#endif
