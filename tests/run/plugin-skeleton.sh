#!/bin/bash
# The skeleton builds outside the tree with installed headers only, and runs; what is no usable
# plug-in is refused with one line.
# builds: release
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${BUILD:=release}"
: "${GOHEAP:=$PWD/build/$BUILD/goheap}"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# --- install, build elsewhere ---

make -s install BUILD="$BUILD" DESTDIR="$TMP/stage" PREFIX=/usr > "$TMP/log" 2>&1 ||
    fail "make install: $(cat "$TMP/log")"
mkdir "$TMP/mine"
cp workloads/skeleton/list.c workloads/skeleton/Makefile "$TMP/mine"
if command -v pkg-config > /dev/null; then
    export PKG_CONFIG_SYSROOT_DIR=$TMP/stage PKG_CONFIG_PATH=$TMP/stage/usr/lib/pkgconfig
    WHERE=
else
    WHERE=PREFIX=$TMP/stage/usr
fi
build() { # make arguments
    # shellcheck disable=SC2086 # one word or none
    (cd "$TMP/mine" && env -u MAKEFLAGS make -s -B CFLAGS="-O2 -Werror" $WHERE "$@") \
        > "$TMP/log" 2>&1
}
build || fail "the skeleton does not build: $(cat "$TMP/log")"
grep -q "$PWD" "$TMP/mine/"*.d 2> /dev/null && fail "the skeleton saw the source tree"
[ -x "$TMP/stage/usr/bin/goheap" ] || fail "no binary was installed"

# --- run it, from elsewhere ---

cd "$TMP/mine" || exit 1
for args in "" "--threads 2 --gogc 10 --verify" "--threads 4 --gogc off" "--length 1"; do
    # shellcheck disable=SC2086 # words
    "$GOHEAP" run ./list.so --rounds 3 $args > out 2> err ||
        fail "run ./list.so $args: status $?: $(cat err)"
    grep -q '^ *checksum .*ok' out || fail "run ./list.so $args: not verified: $(cat out)"
done
"$GOHEAP" run list.so --rounds 1 > out 2> err || fail "run list.so: $(cat err)"
"$TMP/stage/usr/bin/goheap" run ./list.so --rounds 1 > out 2> err || fail "installed: $(cat err)"

"$GOHEAP" help ./list.so | grep -q '^  goheap run \./list\.so ' ||
    fail "help ./list.so shows no line that runs it"

# --- what must be refused ---

refused() { # pattern, arguments of run...
    local pattern=$1 status
    shift
    "$GOHEAP" run "$@" > out 2> err
    status=$?
    [ $status -eq 2 ] || fail "run $*: status $status, not 2: $(cat err)"
    [ "$(wc -l < err)" -eq 1 ] || fail "run $*: not one line: $(cat err)"
    grep -q -- "$pattern" err || fail "run $*: no '$pattern' in: $(cat err)"
    [ -s out ] && fail "run $*: something on stdout: $(cat out)"
}
refused 'length: 0 is out of range (1 to 1000000)' ./list.so --length 0
refused 'no option --lenght; did you mean --length' ./list.so --lenght 5
refused 'threads' ./list.so --threads 65

variant() { # name, sed script on list.c
    sed "$2" list.c > "$1.c"
    cmp -s list.c "$1.c" && fail "variant $1 is the skeleton itself"
    # shellcheck disable=SC2046 # words
    cc -std=gnu17 -D_GNU_SOURCE -fPIC -shared -O1 \
        $([ -n "$WHERE" ] && echo "-I$TMP/stage/usr/include/goheap" || pkg-config --cflags goheap) \
        -o "$1.so" "$1.c" || fail "variant $1 does not build"
}
variant abi 's/GH_WORKLOAD_HEADER,/GH_WORKLOAD_HEADER, .abi = 99,/'
refused 'abi.so: it is built for workload ABI 99' ./abi.so
variant mutator 's/GH_WORKLOAD_HEADER,/GH_WORKLOAD_HEADER, .mutator_bytes = 8,/'
refused 'mutator.so: its struct gh_mutator has 8 bytes' ./mutator.so
variant symbol 's/gh_plugin_workload =/some_workload =/'
refused "symbol.so has no symbol 'gh_plugin_workload'" ./symbol.so
variant norun 's/\.run = list_run,//'
refused "norun.so: list: 'run' is not set" ./norun.so
variant unresolved '1i void gh_emit_nowhere();
s/gh_emit(/gh_emit_nowhere(/'
refused 'gh_emit_nowhere' ./unresolved.so
echo "not a program" > text.so
refused 'text.so' ./text.so
refused 'no-such-file.so' ./no-such-file.so
refused 'mine' "$TMP/mine/"

echo "the skeleton builds and runs; 11 wrong uses are refused"
