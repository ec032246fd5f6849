#!/bin/bash
# Build the peers that can be built here, into build/peers: the Go program (scripts/peers/go) and
# those in C (scripts/peers/c) with every allocator that is installed.
#
#   scripts/peers/build.sh [PEER...]
#
# On standard output a line for each peer:
#
#   NAME PROGRAM [VARIABLE=VALUE...]   how it is run, and in which environment
#   SKIP NAME: WHY                     it cannot be built here
#   VERSION NAME TEXT                  what it says of itself
#
# Names: go; boehm, and boehm-1mark (the same, marking with one thread); glibc; jemalloc, tcmalloc
# and mimalloc as shared libraries put in front (LD_PRELOAD), and with -static behind the name
# linked statically, as goheap is with its allocator; arena; machine. A program that is preloaded
# or linked must say that the allocator is at work, else it is left out.
#
# PEERS_OUT names another folder than build/peers, CC another compiler.
# shellcheck shell=bash

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=scripts/peers/measure.sh
. scripts/peers/measure.sh
CC=${CC:-gcc}
OUT=${PEERS_OUT:-$OUT}
PEER=$OUT/peer
C_DIR=scripts/peers/c
C_SHARED="harness latency trees"
C_WORKLOADS="windows churn objects large start"
# -fno-builtin: else the compiler drops pairs of malloc and free
C_FLAGS="-O2 -std=gnu17 -D_GNU_SOURCE -I. -g -fno-strict-aliasing -fno-builtin-malloc -fno-builtin-free
    -fno-builtin-calloc -fno-builtin-realloc ${PEERS_CFLAGS:-}"
ALL_PEERS="go boehm boehm-1mark glibc jemalloc jemalloc-static tcmalloc tcmalloc-static mimalloc
    mimalloc-static arena machine"

skip() { # name why
    echo "SKIP $1: $2"
}

# Objects of one kind of memory: its own file, and those the workloads are in.
compile_c() { # kind define names...
    local kind=$1 define=$2 name
    shift 2
    rm -rf "$OUT/obj/$kind" && mkdir -p "$OUT/obj/$kind" || return
    for name; do
        # shellcheck disable=SC2086 # lists of flags
        $CC $C_FLAGS $define -c -o "$OUT/obj/$kind/$name.o" "$C_DIR/$name.c" || return
    done
}

link_c() { # program kind flags...
    local program=$1 kind=$2
    shift 2
    # shellcheck disable=SC2086 # flags
    $CC ${PEERS_CFLAGS:-} -o "$OUT/$program" "$OUT/obj/$kind"/*.o "$@" -lpthread -ldl -lm
}

# Where the linker finds a library of that name; nothing if there is none.
library() { # file
    local path
    path=$($CC -print-file-name="$1")
    [ "$path" = "$1" ] || readlink -f "$path"
}

# Say how a peer is run, once it says that the right allocator is at work.
announce() { # name pattern program variables...
    local name=$1 pattern=$2 program=$3 said
    shift 3
    said=$(env "$@" "$program" version 2>&1)
    case $said in
    $pattern*)
        echo "$name $program${*:+ $*}"
        echo "VERSION $name $said"
        ;;
    *) skip "$name" "$program says it is '$said'" ;;
    esac
}

# The objects of the malloc peers are compiled once; the library makes the difference.
malloc_objects() {
    [ -n "${MALLOC_BUILT:-}" ] && return
    # shellcheck disable=SC2086 # lists of names
    compile_c malloc "" malloc $C_SHARED $C_WORKLOADS && link_c malloc malloc && MALLOC_BUILT=1
}

build_preloaded() { # name library.so.N package
    local path
    path=$(library "$2")
    if [ -z "$path" ]; then
        skip "$1" "there is no $2 (Debian: $3)"
    else
        announce "$1" "$1 " "$OUT/malloc" LD_PRELOAD="$path"
    fi
}

build_static() { # name library.a package flags...
    local name=$1 path allocator=${1%-static} said
    path=$(library "$2")
    if [ -z "$path" ]; then
        skip "$name" "there is no $2 ($3)"
        return
    fi
    shift 3
    # what is compiled for a fixed address cannot be moved: then the program is not, either
    if said=$(link_c "malloc-$allocator" malloc "$path" "$@" 2>&1) ||
        said=$(link_c "malloc-$allocator" malloc -no-pie "$path" "$@" 2>&1); then
        announce "$name" "$allocator " "$OUT/malloc-$allocator"
    else
        skip "$name" "$path does not link: $(head -n 1 <<< "$said")"
    fi
}

# Thread-local allocation and parallel marking are the library's defaults; it is linked statically
# where it can be.
boehm_program() {
    [ -n "${BOEHM_BUILT:-}" ] && return
    local gc
    echo '#include <gc.h>' | $CC -E - > /dev/null 2>&1 || return
    gc=$(library libgc.a)
    # shellcheck disable=SC2086 # lists of names
    compile_c boehm "-DPEER_BOEHM -DGC_THREADS" boehm $C_SHARED $C_WORKLOADS &&
        link_c boehm boehm "${gc:--lgc}" && BOEHM_BUILT=1
}

build_arena() {
    # shellcheck disable=SC2086 # a list of names
    if compile_c arena -DPEER_ARENA arena $C_SHARED && link_c arena arena; then
        announce arena arena "$OUT/arena"
    else
        skip arena "$CC could not build it"
    fi
}

# For this very processor. Loops begin at a cache line: a short one that does not costs half as
# much again. Nothing is printed.
build_machine() {
    mkdir -p "$OUT" || return
    $CC -O3 -march=native -falign-loops=64 -D_GNU_SOURCE -pthread -o "$OUT/machine" "$C_DIR/machine.c" ||
        { rm -f "$OUT/machine"; return 1; }
}

# A peer by its name, and what there is to say of it.
build_peer() { # name
    case $1 in
    go)
        if build_go_peer 1>&2; then
            echo "go $PEER"
            echo "VERSION go $(go version)"
        else
            skip go "no go on PATH, or it could not build scripts/peers/go"
        fi
        ;;
    boehm | boehm-1mark)
        local markers=()
        [ "$1" = boehm ] || markers=(GC_MARKERS=1)
        if boehm_program; then
            announce "$1" "boehm " "$OUT/boehm" "${markers[@]}"
        else
            skip "$1" "no libgc (Debian: libgc-dev), or $CC could not build with it"
        fi
        ;;
    glibc | jemalloc* | tcmalloc* | mimalloc*)
        if malloc_objects; then
            build_malloc "$1"
        else
            skip "$1" "$CC could not build it"
        fi
        ;;
    arena) build_arena ;;
    machine)
        if build_machine; then
            echo "machine $OUT/machine"
            echo "VERSION machine $($CC --version | head -n 1)"
        else
            skip machine "$CC could not build it"
        fi
        ;;
    *)
        echo "build.sh: there is no peer $1; there are:" $ALL_PEERS >&2
        return 2
        ;;
    esac
}

build_malloc() { # name
    case $1 in
    glibc) announce glibc "glibc " "$OUT/malloc" ;;
    jemalloc) build_preloaded jemalloc libjemalloc.so.2 libjemalloc2 ;;
    jemalloc-static) build_static jemalloc-static libjemalloc.a "Debian: libjemalloc-dev" ;;
    tcmalloc) build_preloaded tcmalloc libtcmalloc_minimal.so.4 libtcmalloc-minimal4 ;;
    tcmalloc-static)
        build_static tcmalloc-static libtcmalloc_minimal.a "Debian: libgoogle-perftools-dev" \
            -l:libstdc++.so.6
        ;;
    mimalloc) build_preloaded mimalloc libmimalloc.so.2 libmimalloc2.0 ;;
    mimalloc-static) build_static mimalloc-static libmimalloc.a "Debian ships none; mimalloc's own 'make install' does" ;;
    *)
        echo "build.sh: there is no peer $1" >&2
        return 2
        ;;
    esac
}

case " $* " in
*" -"*) usage ;;
esac
mkdir -p "$OUT" || exit 1
# shellcheck disable=SC2048,SC2086 # names have no blanks
for peer in ${*:-$ALL_PEERS}; do
    build_peer "$peer" || exit
done
