#!/bin/bash
# Every command and every workload explains itself, with an example that begins with a line one
# can type; nothing is wider than 80 columns.
# builds: release
# quick: yes
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

# what out-file
check_text() {
    grep -q '^usage: goheap' "$2" || fail "$1: no usage line"
    grep -qE '^(Examples?:|To begin with:)$' "$2" || fail "$1: no example"
    grep -qE '^  (GOGC=off )?goheap [a-z]' "$2" || fail "$1: the example is no command line"
    awk -v what="$1" 'length($0) > 80 { printf "%s: %d columns: %s\n", what, length($0), $0; bad = 1 }
                      / $/ { printf "%s: blank at the end: %s\n", what, $0; bad = 1 }
                      END { exit bad }' "$2" || fails=$((fails + 1))
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT

commands=$("$GOHEAP" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
workloads=$("$GOHEAP" list workloads | awk '/^[a-z]/ { print $1 }')
n=0
for c in $commands; do
    "$GOHEAP" "$c" --help > "$out" || fail "$c --help: status $?"
    check_text "$c --help" "$out"
    "$GOHEAP" help "$c" | cmp -s - "$out" || fail "help $c differs from $c --help"
    n=$((n + 1))
done
[ "$n" -ge 5 ] || fail "only $n commands"
n=0
for w in $workloads; do
    "$GOHEAP" run "$w" --help > "$out" || fail "run $w --help: status $?"
    check_text "run $w --help" "$out"
    "$GOHEAP" help "$w" | cmp -s - "$out" || fail "help $w differs from run $w --help"
    n=$((n + 1))
done
[ "$n" -ge 20 ] || fail "only $n workloads"

"$GOHEAP" --help > "$out" || fail "--help: status $?"
check_text "--help" "$out"
"$GOHEAP" --version | grep -q '^goheap [0-9]' || fail "--version"
"$GOHEAP" > /dev/null 2> "$out"
[ $? = 2 ] || fail "no arguments: not a usage error"
check_text "no arguments" "$out"

# each row of the table shows up in help, in the list, and in its JSON
for flag in $("$GOHEAP" list options | sed -n 's/^--\([a-z-]*\) .*/\1/p'); do
    "$GOHEAP" help run | grep -q -- "--$flag" || fail "help run does not name --$flag"
    "$GOHEAP" list options --json | grep -q "\"flag\": \"$flag\"" || fail "JSON: no --$flag"
    n=$((n + 1))
done
[ "$n" -ge 40 ] || fail "only $n workloads and options"
# the page on GODEBUG, and its table: the same keys
"$GOHEAP" help godebug > "$out" || fail "help godebug: status $?"
check_text "help godebug" "$out"
keys=0
for key in $("$GOHEAP" list godebug | awk '/^[a-z]+ +0[.][.]/ { print $1 }'); do
    grep -q "^$key=0|1" "$out" || fail "help godebug does not explain $key"
    "$GOHEAP" list godebug --json | grep -q "\"key\": \"$key\"" || fail "JSON: no $key"
    "$GOHEAP" run null -n --godebug "$key=1" > /dev/null || fail "--godebug $key=1 is not taken"
    keys=$((keys + 1))
done
[ $keys = 12 ] || fail "$keys keys of GODEBUG, not 12"
for list in workloads size-classes options godebug; do
    "$GOHEAP" list $list --json | head -n 1 | grep -q '^\[$' || fail "list $list --json"
done
[ "$("$GOHEAP" list size-classes | wc -l)" = 68 ] || fail "size classes: not 67 rows"

echo "$n workloads and options looked at, $fails failures"
[ $fails = 0 ]
