/* test_json.c - the parser of workload `json` against jansson, and its complaints. */
#include "workloads/builtin/json_tree.h"

#include "tests/base/seed.h"
#include "workloads/api/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gh_heap *heap;
static struct gh_mutator *mutator;
static const struct gh_type *node;

/* Parse into slot 0 of the innermost frame. */
static bool
parse(struct json_parser *p, const char *text, size_t bytes)
{
    *p = (struct json_parser){.m = mutator, .node = node, .start = text, .end = text + bytes};
    struct json_node *root = json_parse(p);
    GH_SLOT(mutator, struct json_node, 0) = root;
    return root != NULL;
}

static void
same_as_jansson(const char *text, size_t bytes)
{
    struct json_parser p;
    struct json_figures ours, reference;
    struct gh_error err;
    GH_FRAME(mutator, 1);
    if (!parse(&p, text, bytes))
        fail_msg("%s: %s", text, p.problem);
    json_query(mutator, &ours);
    if (!json_reference(text, bytes, "text", &reference, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(&ours, &reference, sizeof ours);
}

static void
agree(const char *text)
{
    same_as_jansson(text, strlen(text));
}

static void
malformed(const char *text, int line, int column, const char *problem)
{
    struct json_parser p;
    int l, c;
    GH_FRAME(mutator, 1);
    assert_false(parse(&p, text, strlen(text)));
    json_where(&p, &l, &c);
    if (l != line || c != column || strstr(p.problem, problem) == NULL)
        fail_msg("%s: %d:%d: %s", text, l, c, p.problem);
}

static void
documents_read_as_jansson_reads_them(void **state)
{
    agree("null");
    agree(" [ ] ");
    agree("{}");
    agree("[1, -2, 3.5, 1e3, -0, 0, 123456789012345678, 1E-400, 0.1, 2.5e+7, -0.0]");
    agree("{\"a\": [true, false, null, {\"b\": \"\"}], \"\": {\"a\": \"x\"}}");
    agree("\"\\u00e9\\ud83d\\ude00\\n\\t\\\"\\\\\\/\\b\\f\\r\"");
    agree("[\"\xc3\xa9\", \"\xe2\x82\xac\", \"\xf0\x9f\x98\x80\", \"fifteen bytes..\"]");
    agree("\"\\u0000 inside\"");
    agree("\r\n\t[\n\n1\t,\r2 ]\n");
}

static void
deep_documents_are_read_up_to_the_limit(void **state)
{
    enum { MAX = JSON_DEPTH_MAX + 2 };
    char text[2 * MAX + 1];
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth == JSON_DEPTH_MAX)
            agree(text);
        else
            malformed(text, 1, JSON_DEPTH_MAX + 1, "2048 levels");
    }
}

static void
errors_say_where(void **state)
{
    malformed("", 1, 1, "ends where a value is expected");
    malformed("[1,\n 2,\n x]", 3, 2, "a value is expected");
    malformed("{\"a\" 1}", 1, 6, "a colon is expected");
    malformed("{a: 1}", 1, 2, "the name of a member");
    malformed("{\"a\": 1,}", 1, 9, "the name of a member");
    malformed("[1, 2", 1, 6, "a comma or ] is expected");
    malformed("[1 2]", 1, 4, "a comma or ] is expected");
    malformed("{\"a\": 1]", 1, 8, "a comma or } is expected");
    malformed("[1] 2", 1, 5, "after the end");
    malformed("tru", 1, 1, "a value is expected");
    malformed("\"abc", 1, 5, "ends within a string");
    malformed("\"a\nb\"", 1, 3, "control character");
    malformed("\"\\x\"", 1, 2, "unknown escape");
    malformed("\"\\", 1, 2, "unknown escape");
    malformed("\"\\u12", 1, 2, "malformed \\u");
    malformed("\"\\ud800x\"", 1, 2, "malformed \\u");
    malformed("\"\\ud800\\u0041\"", 1, 2, "malformed \\u");
    malformed("\"\\udc00\"", 1, 2, "malformed \\u");
    malformed("[01]", 1, 2, "malformed number");
    malformed("[1.]", 1, 2, "malformed number");
    malformed("-", 1, 1, "malformed number");
    malformed("1e", 1, 1, "malformed number");
    malformed("1e999", 1, 1, "too large");
}

static void
ill_formed_utf8_is_refused(void **state)
{
    malformed("\"\xff\"", 1, 2, "UTF-8");
    malformed("\"\xc0\x80\"", 1, 2, "UTF-8");
    malformed("\"\xe0\x80\x80\"", 1, 2, "UTF-8");
    malformed("\"\xed\xa0\x80\"", 1, 2, "UTF-8");
    malformed("\"\xf4\x90\x80\x80\"", 1, 2, "UTF-8");
    malformed("\"\xe2\x82", 1, 2, "UTF-8");
    malformed("\"a\xe2\x82\"", 1, 3, "UTF-8");
}

static void
jansson_refuses_names_that_stand_twice(void **state)
{
    struct json_figures f;
    struct gh_error err;
    const char *text = "{\"a\": 1,\n \"a\": 2}";
    assert_false(json_reference(text, strlen(text), "doc.json", &f, &err));
    assert_non_null(strstr(err.text, "doc.json:2:"));
    assert_non_null(strstr(err.text, "duplicate"));
}

/* Random documents, spoilt at random: both parsers must agree on whether they are JSON, and if
 * so, on what is in them. */
static size_t
random_text(uint64_t *seed, char *text, size_t max)
{
    static const char *const bits[] = {"[",       "]",     "{",     "}",  ",",
                                       ":",       "\"a\"", "\"b\"", "1",  "-2.5",
                                       "true",    "null",  " ",     "\n", "\"\\n\"",
                                       "1e2",     "[1]",   "{}",    "[]", "\"\xc3\xa9\"",
                                       "{\"k\":", "0",     "false"};
    size_t n = 0;
    uint64_t pieces = 1 + gh_random(seed) % 7;
    for (uint64_t i = 0; i < pieces; i++) {
        const char *s = bits[gh_random(seed) % (sizeof bits / sizeof bits[0])];
        size_t k = strlen(s);
        if (n + k >= max)
            break;
        memcpy(text + n, s, k);
        n += k;
    }
    text[n] = '\0';
    return n;
}

static void
both_parsers_accept_the_same_texts(void **state)
{
    uint64_t seed = seed_of_run(), accepted = 0;
    for (int i = 0; i < 20000; i++) {
        char text[256];
        struct json_parser p;
        struct json_figures ours, reference;
        struct gh_error err = {.text = ""};
        size_t n = random_text(&seed, text, sizeof text);
        GH_FRAME(mutator, 1);
        bool here = parse(&p, text, n);
        bool there = json_reference(text, n, "text", &reference, &err);
        if (here != there && strstr(err.text, "duplicate") == NULL)
            fail_msg("%s: here %d (%s), jansson %d (%s)", text, here, here ? "" : p.problem,
                     there, err.text);
        if (!here || !there)
            continue;
        json_query(mutator, &ours);
        assert_memory_equal(&ours, &reference, sizeof ours);
        accepted++;
    }
    assert_true(accepted > 100);
}

static int
open_heap(void **state)
{
    struct gh_config config;
    struct gh_error err;
    gh_config_init(&config);
    config.verify = true;
    config.gogc = 50;
    heap = gh_heap_open(&config, &err);
    mutator = heap != NULL ? gh_attach(heap, "test") : NULL;
    if (mutator == NULL)
        return -1;
    node = json_node_type(heap);
    return 0;
}

static int
close_heap(void **state)
{
    gh_gc(mutator);
    gh_detach(mutator);
    gh_heap_close(heap);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_read_as_jansson_reads_them),
        cmocka_unit_test(deep_documents_are_read_up_to_the_limit),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(ill_formed_utf8_is_refused),
        cmocka_unit_test(jansson_refuses_names_that_stand_twice),
        cmocka_unit_test(both_parsers_accept_the_same_texts),
    };
    return cmocka_run_group_tests(tests, open_heap, close_heap);
}
