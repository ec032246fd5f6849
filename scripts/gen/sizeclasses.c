/* sizeclasses.c - computes the size classes and prints the tables of sizeclass.h as C.
 *
 * Run at build time; its output is compiled into goheap. Nothing here is a table: the classes
 * follow from five rules, which are those behind Go's (mksizeclasses.go):
 *
 *   step    Candidate sizes rise by 8; from 32 by 16; from 128 by an eighth of the power of two
 *           below, so that rounding up wastes at most about an eighth; from 2048 by 256.
 *   span    A span is as few pages as leave at most an eighth of it unused at the end.
 *   merge   A candidate that fits as often as the one before into a span of the same pages
 *           replaces it: the smaller one would save nothing.
 *   stretch A class grows to the largest multiple of 128 that still fits as often.
 *   end     The last class is 32 KiB.
 *
 * What comes out is checked before it is printed; a failed check ends the build. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGE = 8192,
    MAX_SIZE = 32768,
    CLASSES = 68, /* with class 0, as sizeclass.h (config.h: GH_CLASSES) declares */
    FINE_MAX = 1024,
    FINE_STEP = 8,
    COARSE_STEP = 128,
    STRETCH = 128,
    MAX_OBJECTS = 1024,
    INLINE_MIN = 16, /* spans of these classes must be one page: they carry inline marks */
    INLINE_MAX = 512,
};

struct class_row {
    unsigned bytes, pages;
};

static struct class_row rows[CLASSES]; /* [0] stays empty */
static unsigned nrows = 1;

#define REQUIRE(cond, row)                                                                     \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            fprintf(stderr, "sizeclasses: class %u (%u bytes, %u pages): broken: %s\n", (row), \
                    rows[(row)].bytes, rows[(row)].pages, #cond);                              \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

static unsigned
step_above(unsigned size)
{
    unsigned pow2 = 1;
    while (pow2 * 2 <= size)
        pow2 *= 2;
    if (pow2 >= 2048)
        return 256;
    if (pow2 >= 128)
        return pow2 / 8;
    return pow2 >= 32 ? 16 : 8;
}

static unsigned
pages_for(unsigned size)
{
    unsigned pages = 1;
    while (pages * PAGE % size > pages * PAGE / 8)
        pages++;
    return pages;
}

static void
add_candidate(unsigned size)
{
    unsigned pages = pages_for(size);
    struct class_row *last = &rows[nrows - 1];
    if (nrows > 1 && last->pages == pages &&
        pages * PAGE / last->bytes == pages * PAGE / size) {
        last->bytes = size;
        return;
    }
    if (nrows == CLASSES) {
        fprintf(stderr, "sizeclasses: more than %d classes\n", CLASSES - 1);
        exit(1);
    }
    rows[nrows++] = (struct class_row){.bytes = size, .pages = pages};
}

static void
compute(void)
{
    for (unsigned size = 8; size <= MAX_SIZE; size += step_above(size))
        add_candidate(size);
    for (unsigned c = 1; c < nrows; c++) {
        unsigned span = rows[c].pages * PAGE;
        unsigned stretched = span / (span / rows[c].bytes) / STRETCH * STRETCH;
        if (stretched > rows[c].bytes)
            rows[c].bytes = stretched;
    }
}

static uint32_t
magic_of(unsigned bytes)
{
    return (uint32_t)(((UINT64_C(1) << 32) + bytes - 1) / bytes);
}

static void
check_row(unsigned c)
{
    unsigned size = rows[c].bytes, span = rows[c].pages * PAGE;
    REQUIRE(size > rows[c - 1].bytes, c);
    REQUIRE(size % 8 == 0, c);
    REQUIRE(size < 32 || size % 16 == 0, c);
    REQUIRE(size <= FINE_MAX || size % COARSE_STEP == 0, c);
    REQUIRE(span % size <= span / 8, c);
    REQUIRE(span / size <= MAX_OBJECTS, c);
    REQUIRE(size < INLINE_MIN || size > INLINE_MAX || rows[c].pages == 1, c);
    /* The end of the span counts too: a run may end there. */
    uint64_t magic = magic_of(size);
    for (unsigned offset = 0; offset <= span; offset++)
        REQUIRE(offset * magic >> 32 == offset / size, c);
}

static unsigned
class_of(unsigned bytes)
{
    unsigned c = 1;
    while (rows[c].bytes < bytes)
        c++;
    return c;
}

static void
print_list(const char *type, const char *name, const unsigned *values, unsigned n)
{
    printf("\nconst %s %s[%u] = {", type, name, n);
    for (unsigned i = 0; i < n; i++)
        printf("%s%u,", i % 12 == 0 ? "\n    " : " ", values[i]);
    printf("\n};\n");
}

static void
print_tables(void)
{
    enum { FINE = FINE_MAX / FINE_STEP + 1, COARSE = (MAX_SIZE - FINE_MAX) / COARSE_STEP + 1 };
    unsigned bytes[CLASSES] = {0}, pages[CLASSES] = {0}, magic[CLASSES] = {0};
    unsigned fine[FINE], coarse[COARSE];
    for (unsigned c = 1; c < CLASSES; c++) {
        bytes[c] = rows[c].bytes;
        pages[c] = rows[c].pages;
        magic[c] = magic_of(rows[c].bytes);
    }
    for (unsigned i = 0; i < FINE; i++)
        fine[i] = class_of(i * FINE_STEP);
    for (unsigned i = 0; i < COARSE; i++)
        coarse[i] = class_of(FINE_MAX + i * COARSE_STEP);
    fine[0] = 0; /* no object has 0 bytes */
    printf("/* Generated by scripts/gen/sizeclasses.c; do not edit. */\n"
           "#include \"alloc/spaces/go/sizeclass.h\"\n");
    print_list("uint16_t", "sizeclass_bytes", bytes, CLASSES);
    print_list("uint8_t", "sizeclass_pages", pages, CLASSES);
    print_list("uint32_t", "sizeclass_magic", magic, CLASSES);
    print_list("uint8_t", "sizeclass_of_8", fine, FINE);
    print_list("uint8_t", "sizeclass_of_128", coarse, COARSE);
}

int
main(void)
{
    compute();
    REQUIRE(nrows == CLASSES, nrows - 1);
    REQUIRE(rows[CLASSES - 1].bytes == MAX_SIZE, CLASSES - 1);
    for (unsigned c = 1; c < CLASSES; c++)
        check_row(c);
    print_tables();
    return 0;
}
