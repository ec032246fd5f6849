# goheap: `make` builds build/release/goheap; `make check` runs everything. See README.md.
BUILD  ?= release
B      := build/$(BUILD)
CC     ?= gcc

WARN := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
WARN += $(if $(CI),-Werror)
CFLAGS_release := -O2
CFLAGS_debug   := -O1 -DGH_DEBUG=1
CFLAGS_asan    := -O1 -DGH_DEBUG=1 -fsanitize=address
CFLAGS_ubsan   := -O1 -DGH_DEBUG=1 -fsanitize=undefined -fno-sanitize-recover=all
CFLAGS_tsan    := -O1 -DGH_DEBUG=1 -fsanitize=thread
CFLAGS_torture := -O1 -DGH_DEBUG=1 -DGH_TORTURE=1
CFLAGS_ALL := -std=gnu17 -D_GNU_SOURCE -I. -I$(B)/gen -g -fno-strict-aliasing -fno-omit-frame-pointer \
              -fvisibility=hidden -fPIE -MMD -MP $(WARN) $(CFLAGS_$(BUILD)) $(CFLAGS)
LDLIBS  := -lpthread -ldl -lm -ljansson
LDFLAGS_ALL := -pie -rdynamic $(CFLAGS_$(BUILD)) $(LDFLAGS)

ALLOC_SRC := $(shell find alloc -name '*.c') $(B)/gen/sizeclass_table.c
GC_SRC    := $(shell find gc -name '*.c')
WORK_SRC  := $(shell find workloads -name '*.c' -not -path 'workloads/skeleton/*')
PROF_SRC  := $(shell find profiles -name '*.c')
CMD_SRC   := $(shell find cmd -name '*.c')
OBJ = $(patsubst %.c,$(B)/%.o,$(patsubst $(B)/%,%,$(1)))

all: $(B)/goheap

$(B)/goheap: $(call OBJ,$(CMD_SRC) $(PROF_SRC) $(WORK_SRC) $(GC_SRC) $(ALLOC_SRC))
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS)

$(B)/gen/sizeclasses: scripts/gen/sizeclasses.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -Wall -Wextra -o $@ $<
$(B)/gen/sizeclass_table.c: $(B)/gen/sizeclasses
	$< > $@.tmp && mv $@.tmp $@

$(B)/alloc/%.o $(B)/gc/%.o: CFLAGS_ALL += -Wconversion
$(B)/gen/%.o: $(B)/gen/%.c
	$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

clean:
	rm -rf build
.PHONY: all clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
