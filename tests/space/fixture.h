/* fixture.h - a space over real pages, and what the tests of this layer do to it. */
#ifndef GH_TESTS_SPACE_FIXTURE_H
#define GH_TESTS_SPACE_FIXTURE_H

#include "alloc/base/clear.h"
#include "alloc/spaces/go/internal.h"
#include "alloc/spaces/go/markbits.h"
#include "tests/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CACHES = 4 };

struct fixture {
    struct os_account account;
    struct persistent persistent;
    struct pages pages;
    struct gospace space;
    struct mcache caches[CACHES];
    struct gh_run runs[CACHES][GH_SPAN_CLASSES];
};

static inline int
fixture_open(void **state)
{
    struct fixture *f = aligned_alloc(_Alignof(struct fixture), sizeof(*f));
    struct gh_error err = {0};
    memset(f, 0, sizeof(*f));
    os_account_init(&f->account, false);
    persistent_init(&f->persistent, &f->account);
    if (!pages_open(&f->pages, &f->account, &f->persistent, &err) ||
        !gospace_open(&f->space, &f->pages, &err)) {
        fprintf(stderr, "fixture_open: %s\n", err.text);
        return 1;
    }
    for (unsigned i = 0; i < CACHES; i++)
        gospace_attach(&f->space, &f->caches[i], f->runs[i]);
    *state = f;
    return 0;
}

static inline int
fixture_close(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < CACHES; i++)
        gospace_detach(&f->space, &f->caches[i]);
    gospace_close(&f->space);
    pages_close(&f->pages);
    persistent_finish(&f->persistent);
    free(f);
    return 0;
}

/* The seed of a random test: from GH_SEED, else a fixed one; printed either way. */
static inline uint64_t
test_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* A slot of a small span class, the way gc/'s slow path gets one. */
static inline uintptr_t
take_slot(struct fixture *f, unsigned cache, unsigned span_class, uint64_t mask)
{
    struct mcache *c = &f->caches[cache];
    struct gh_run *r = &c->runs[span_class];
    size_t bytes = sizeclass_bytes[span_class >> 1];
    if (r->next + bytes > r->limit && !gospace_next_run(&f->space, c, span_class, mask)) {
        struct refill took;
        if (!gospace_refill(&f->space, c, span_class, mask, &took))
            abort();
    }
    uintptr_t p = r->next;
    r->next += bytes;
    if (r->mask != mask)
        gospace_write_bits(p, bytes, mask);
    return p;
}

/* A large object without references, cleared as gc/ clears it. */
static inline uintptr_t
take_cleared(struct fixture *f, unsigned cache, size_t bytes, struct refill *took)
{
    void *p = gospace_alloc_large(&f->space, &f->caches[cache], bytes, NULL, took);
    if (p == NULL)
        abort();
    clear_memory(p, took->clear_bytes, took->clear_streaming);
    return (uintptr_t)p;
}

static inline void
flush_all(struct fixture *f)
{
    for (unsigned i = 0; i < CACHES; i++)
        gospace_flush(&f->space, &f->caches[i]);
}

/* One thread only. */
static inline void
set_mark(const struct mspan *s, uint32_t index)
{
    if (s->inline_marks)
        *markbits_inline_byte(s->base, index) |= (uint8_t)(1u << index % 8);
    else
        s->mark_bits[index / 64] |= UINT64_C(1) << index % 64;
}

static inline void
mark_object(struct fixture *f, uintptr_t p)
{
    struct object_ref o;
    if (!gospace_find_object(&f->space, p, &o))
        abort();
    set_mark(o.span, o.index);
    markbits_note_page(pages_arena_of(&f->pages, o.span->base), o.span->base);
}

/* A cycle in which only `live` are marked, up to the start of the sweep. */
static inline void
cycle_keeping(struct fixture *f, const uintptr_t *live, size_t n)
{
    gospace_finish_sweep(&f->space);
    flush_all(f);
    gospace_start_mark_stw(&f->space);
    for (size_t i = 0; i < n; i++)
        mark_object(f, live[i]);
    gospace_start_sweep_stw(&f->space);
}

static inline bool
all_zero(uintptr_t p, size_t bytes)
{
    const uint64_t *w = (const uint64_t *)p;
    uint64_t any = 0;
    for (size_t i = 0; i < bytes / 8; i++)
        any |= w[i];
    return any == 0;
}

#endif
