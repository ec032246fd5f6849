#!/bin/sh
# scripts/check-includes finds a violation that was planted, and refuses to pass on nothing.
set -u
check=$PWD/scripts/check-includes
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
failures=0

expect() { # status text what
    out=$("$check" "$tree" 2>&1)
    status=$?
    if [ $status -ne "$1" ] || ! printf '%s\n' "$out" | grep -qF "$2"; then
        echo "$3: status $status, expected $1 and '$2'; it said:"
        printf '%s\n' "$out"
        failures=$((failures + 1))
    fi
}

plant() { # file text
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n' "$2" > "$tree/$1"
}

expect 1 "0 files read" "an empty tree"

plant alloc/base/os.h '/* nothing */'
plant alloc/pages/pages.h '#include "alloc/base/os.h"'
plant gc/api/heap.h '#include "alloc/base/os.h"'
plant gc/core/mark.c '#include "gc/api/heap.h"'
plant cmd/main.c '#include "gc/api/heap.h"'
expect 0 "5 files read, 0 violations" "a clean tree"

plant alloc/base/os.c '#include <stdio.h>
#include "alloc/base/os.h"
  #  include "alloc/pages/pages.h"'
expect 1 "alloc/base/os.c:3: \"alloc/pages/pages.h\": alloc/base must not include" "base -> pages"
rm "$tree/alloc/base/os.c"

plant gc/api/heap.c '#include "cmd/main.h"'
expect 1 "gc/api/heap.c:1:" "gc -> cmd"
rm "$tree/gc/api/heap.c"

plant workloads/mb.c '#include "alloc/pages/pages.h"'
expect 1 "workloads/mb.c:1:" "workloads -> pages"
rm "$tree/workloads/mb.c"

plant cmd/run.c '#include "../gc/api/heap.h"'
expect 1 "cmd/run.c:1:" "a relative path"
plant cmd/run.c '#include "gc/api/lost.h"'
expect 1 "does not exist" "a missing file"
rm "$tree/cmd/run.c"

plant gc/elsewhere.c '#include "gc/api/heap.h"'
expect 1 "lies in no room" "a file outside the rooms"

[ $failures -eq 0 ] && echo "8 trees checked"
exit $failures
