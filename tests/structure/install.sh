#!/bin/sh
# make install puts binary, headers, pkg-config file and example below DESTDIR/PREFIX; the headers
# are enough for a program outside the tree; make uninstall leaves nothing.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0
bad() {
    echo "$*"
    failures=$((failures + 1))
}

make -s install BUILD=release DESTDIR="$dir" PREFIX=/opt/gh > "$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}
root=$dir/opt/gh
[ -x "$root/bin/goheap" ] || bad "no binary"
"$root/bin/goheap" version > /dev/null || bad "the installed binary does not run"
[ -e "$root/share/goheap/examples/list.c" ] || bad "no example"
grep -q '^prefix=/opt/gh$' "$root/lib/pkgconfig/goheap.pc" || bad "pkg-config file has another prefix"

flags=$(PKG_CONFIG_PATH=$root/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir pkg-config --cflags goheap) ||
    bad "pkg-config does not find goheap"
for h in gc/api/heap.h gc/api/mutator.h workloads/api/workload.h; do
    # shellcheck disable=SC2086 # a list of flags
    echo "#include \"$h\"" | (cd / && gcc -std=gnu17 -D_GNU_SOURCE $flags -x c -fsyntax-only -) ||
        bad "$h does not compile against the installed headers"
done
headers=$(find "$root/include" -name '*.h' | wc -l)
[ -z "$(find "$root/include" -path '*pages*')" ] || bad "internal headers were installed"

make -s uninstall DESTDIR="$dir" PREFIX=/opt/gh > "$dir/log" 2>&1 || bad "uninstall failed"
left=$(find "$dir/opt" ! -type d)
[ -z "$left" ] || bad "uninstall left $left"

[ $failures -eq 0 ] && echo "$headers headers installed, and everything removed"
exit $failures
