#!/bin/bash
# Objects follow the flags: the same flags compile nothing again, others (or another compiler) do.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
object=$dir/obj/cmd/term.o
fails=0

compile() { # variables...
    make -s B="$dir" "$@" "$object" || exit 1
    stat -c %y "$object"
}

first=$(compile)
[ "$(compile)" = "$first" ] || { echo "FAIL: compiled again with the same flags"; fails=1; }
other=$(compile CFLAGS=-DOTHER)
[ "$other" != "$first" ] || { echo "FAIL: not compiled again with other CFLAGS"; fails=1; }
if command -v clang > /dev/null; then
    [ "$(compile CC=clang)" != "$other" ] || { echo "FAIL: not compiled again by clang"; fails=1; }
fi
[ $fails = 0 ]
