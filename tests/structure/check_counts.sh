#!/bin/bash
# scripts/check counts: a failing, a passing and a skipping script give one each and a failing
# status; nothing at all to run is a failure as well.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/scripts" "$dir/tests/run"
cp scripts/check "$dir/scripts/"
printf '%%:\n\t@true\n' > "$dir/Makefile"
failures=0

expect() { # status last-line arguments...
    local out status want=$1 line=$2
    shift 2
    out=$(bash "$dir/scripts/check" "$@" 2>&1)
    status=$?
    if [ $status -ne "$want" ] || [ "$(printf '%s\n' "$out" | tail -n 1)" != "$line" ]; then
        echo "$*: status $status, expected $want and '$line'; it said:"
        printf '%s\n' "$out"
        failures=$((failures + 1))
    fi
}

script() { # name text
    printf '#!/bin/sh\n%s\n' "$2" > "$dir/tests/run/$1.sh"
    chmod +x "$dir/tests/run/$1.sh"
}

script good 'test "$BUILD" = release && test -n "$GOHEAP"'
expect 0 "2 passed, 0 failed, 0 skipped" release # the build is one
script skips 'echo "no such thing here"; exit 77'
expect 0 "2 passed, 0 failed, 1 skipped" release
script bad 'exit 3'
expect 1 "2 passed, 1 failed, 1 skipped" release
script elsewhere '# builds: debug tsan'
expect 1 "2 passed, 1 failed, 1 skipped" release
expect 0 "2 passed, 0 failed, 0 skipped" debug
script slow '# builds: asan
# timeout: 1
sleep 20'
expect 1 "1 passed, 1 failed, 0 skipped" asan

rm "$dir"/tests/run/*.sh
mkdir -p "$dir/tests/base" "$dir/build/release/tests/base"
: > "$dir/tests/base/test_none.c"
printf '#!/bin/sh\necho "[==========] Running 0 test(s)."\n' > "$dir/build/release/tests/base/test_none"
chmod +x "$dir/build/release/tests/base/test_none"
expect 1 "1 passed, 1 failed, 0 skipped" --unit release

[ $failures -eq 0 ] && echo "7 ways of counting"
exit $failures
