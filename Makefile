# goheap. `make` builds build/release/goheap, `make check` tests everything, `make help` lists the
# rest. BUILD picks the kind of build, CC the compiler (gcc or clang), CI=1 makes warnings errors,
# V=1 shows whole commands.

KINDS  := release debug torture asan ubsan tsan
BUILD  ?= release
B      ?= build/$(BUILD)
ifeq ($(origin CC),default)
CC     := gcc
endif
PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
INCDIR = $(DESTDIR)$(PREFIX)/include/goheap
PCDIR  = $(DESTDIR)$(PREFIX)/lib/pkgconfig
EXDIR  = $(DESTDIR)$(PREFIX)/share/goheap/examples

ifeq ($(filter $(BUILD),$(KINDS)),)
$(error BUILD=$(BUILD) is unknown: use one of $(KINDS))
endif

# One short line a step: $(Q) hides the command, $(call say,WORD) says what it makes. V=1: the
# commands instead. make -s: nothing.
ifeq ($(V),1)
Q   :=
say :=
else
Q   := @
say = @$(if $(SILENT),:,printf '%-4s %s\n' $(1) $@)
endif
SILENT := $(findstring s,$(firstword -$(MAKEFLAGS)))

# --- flags ---

WARN := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
        -Wvla
KIND_release := -O2
KIND_debug   := -O1 -DGH_DEBUG=1
KIND_torture := -O1 -DGH_DEBUG=1 -DGH_TORTURE=1
KIND_asan    := -O1 -DGH_DEBUG=1 -fsanitize=address
KIND_ubsan   := -O1 -DGH_DEBUG=1 -DGH_UBSAN=1 -fsanitize=undefined -fno-sanitize-recover=all
KIND_tsan    := -O1 -DGH_DEBUG=1 -fsanitize=thread

FLAGS := -std=gnu17 -D_GNU_SOURCE -I. -I$(B)/gen -g -fno-strict-aliasing \
         -fno-omit-frame-pointer -fvisibility=hidden -fPIE $(WARN) $(KIND_$(BUILD)) $(CFLAGS)
LINK  := -pie -rdynamic $(KIND_$(BUILD)) $(LDFLAGS)
LIBS  := -lpthread -ldl -lm $(LDLIBS)
# Linked in where there is an archive: a library less to be found and mapped at each start.
JANSSON_A := $(shell $(CC) -print-file-name=libjansson.a)
JANSSON   := $(or $(filter /%,$(JANSSON_A)),-ljansson)
COMPILE = $(CC) $(FLAGS) $(STRICT) $(if $(CI),-Werror) -MMD -MP -c -o $@ $<
# Stricter where a narrowed size corrupts a heap; tests take a `state` they seldom use.
$(B)/obj/alloc/% $(B)/obj/gc/%: STRICT := -Wconversion
$(B)/obj/tests/%: STRICT := -Wno-unused-parameter

# --- layers, lowest first; each is an archive, and tests link a layer and those below it ---

LAYERS := base pages space gc workloads profiles cmd
DIR_base      := alloc/base
DIR_pages     := alloc/pages
DIR_space     := alloc/spaces
DIR_gc        := gc
DIR_workloads := workloads
DIR_profiles  := profiles
DIR_cmd       := cmd
BELOW_base      :=
BELOW_pages     := base
BELOW_space     := pages $(BELOW_pages)
BELOW_gc        := space $(BELOW_space)
BELOW_workloads := gc $(BELOW_gc)
BELOW_profiles  := workloads $(BELOW_workloads)
BELOW_cmd       := profiles $(BELOW_profiles)

find_c = $(sort $(shell find $(1) -name '*.c' -not -path 'workloads/skeleton/*' 2>/dev/null))
objects = $(patsubst %.c,$(B)/obj/%.o,$(1))
$(foreach l,$(LAYERS),$(eval OBJ_$(l) := $(call objects,$(call find_c,$(DIR_$(l))))))
OBJ_space += $(B)/gen/sizeclass_table.o
OBJ_all := $(foreach l,$(LAYERS),$(OBJ_$(l)))
LIBS_workloads := $(JANSSON)
LIBS_profiles := $(JANSSON)
LIBS_cmd := $(JANSSON)

TEST_SRC := $(foreach l,$(LAYERS),$(sort $(wildcard tests/$(l)/test_*.c)))
TESTS := $(patsubst %.c,$(B)/%,$(TEST_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check check-quick unit matrix demo peers bench-pacing bench-latency bench-limit \
        soak install uninstall format format-check structure show-flags clean help .FORCE

all: $(B)/goheap ## build the binary (the default)

tests: $(TESTS) ## build the unit tests

$(B)/goheap: $(OBJ_all) $(B)/flags
	$(call say,LD)
	$(Q)$(CC) $(LINK) -o $@ $(OBJ_all) $(JANSSON) $(LIBS)

# Objects depend on the flags they are compiled with, so that another CC or CFLAGS rebuilds.
$(B)/flags: .FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(FLAGS) $(LINK)' | cmp -s - $@ || echo '$(CC) $(FLAGS) $(LINK)' > $@
.FORCE:

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE)

# The size classes are computed, not listed.
$(B)/gen/sizeclasses: scripts/gen/sizeclasses.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -I. -O1 $(WARN) $(if $(CI),-Werror) -o $@ $<
$(B)/gen/sizeclass_table.c: $(B)/gen/sizeclasses
	$(call say,GEN)
	$(Q)$< > $@
$(B)/gen/sizeclass_table.o: $(B)/gen/sizeclass_table.c
	$(call say,CC)
	$(Q)$(COMPILE)

define LAYER_RULES
$(B)/lib/$(1).a: $(OBJ_$(1))
	@mkdir -p $$(@D)
	$$(call say,AR)
	@rm -f $$@
	$$(Q)ar rcs $$@ $(filter-out %/cmd/main.o,$(OBJ_$(1)))

$(B)/tests/$(1)/%: $(B)/obj/tests/$(1)/%.o $(patsubst %,$(B)/lib/%.a,$(1) $(BELOW_$(1)))
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(LINK) -o $$@ $$^ -lcmocka $$(LIBS_$(1)) $$(LIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULES,$(l))))

# --- tests ---

check: ## everything: all build kinds, unit tests, runs, structure (under 15 minutes)
	@bash scripts/check

check-quick: ## unit tests in one kind, structure, quick runs (under 90 seconds)
	@bash scripts/check --quick

unit: ## unit tests of one build kind: make unit BUILD=asan
	@bash scripts/check --unit $(BUILD)

structure: ## include rule, headers, fast path, format
	@bash scripts/check --structure

format-check: ## is the code formatted as .clang-format says?
	@sh scripts/check-format

format: ## format the code
	@sh scripts/check-format --fix

# --- use ---

demo: all ## run two workloads and leave a report under results/local/
	@sh scripts/demo $(B)/goheap

peers: all ## speed beside Go, Boehm, malloc libraries and the machine's limits: make peers [QUICK=1]
	@scripts/bench-peers $(if $(QUICK),--quick)

bench-pacing: all ## cycles, peak heap and the collector's CPU beside the real go
	@scripts/bench-pacing

bench-latency: all ## longest stops and worst operations beside the real go
	@scripts/bench-latency

bench-limit: all ## resident memory under memory limits, with the real go beside it
	@scripts/bench-limit

matrix: ## every workload x mutators x GOGC x markers, verified, under tsan and torture (some minutes)
	@for b in tsan torture; do $(MAKE) --no-print-directory BUILD=$$b && echo "== $$b" && \
	    FULL=1 BUILD=$$b bash tests/run/workload-matrix.sh || exit 1; done

soak: ## random runs in all kinds of build: make soak [MINUTES=20] [SEED=N]
	@scripts/soak $(if $(MINUTES),-m $(MINUTES)) $(if $(SEED),-s $(SEED))

# What plug-ins need: the public headers and what these include.
PUBLIC = $(shell $(CC) -D_GNU_SOURCE -I. -MM -x c gc/api/*.h workloads/api/*.h \
           | tr ' \\' '\n\n' | grep '\.h$$' | sort -u)

install: all ## install below PREFIX (default /usr/local), staged in DESTDIR
	install -d $(BINDIR) $(PCDIR) $(EXDIR)
	install -m 755 $(B)/goheap $(BINDIR)/goheap
	set -e; for h in $(PUBLIC); do install -D -m 644 $$h $(INCDIR)/$$h; done
	install -m 644 $(wildcard workloads/skeleton/*.c) workloads/skeleton/Makefile $(EXDIR)/
	sed 's|@PREFIX@|$(PREFIX)|' scripts/goheap.pc.in > $(PCDIR)/goheap.pc
	chmod 644 $(PCDIR)/goheap.pc

uninstall: ## remove what install put there
	rm -f $(BINDIR)/goheap $(PCDIR)/goheap.pc
	rm -rf $(INCDIR) $(DESTDIR)$(PREFIX)/share/goheap

show-flags: # for scripts/check-fast-path
	@echo '$(FLAGS)'

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo '  BUILD=$(subst $() ,|,$(KINDS))  CC=gcc|clang  CI=1 (warnings are errors)  V=1 (show the commands)'

-include $(patsubst %.o,%.d,$(OBJ_all) $(call objects,$(TEST_SRC)))
