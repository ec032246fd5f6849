#!/bin/bash
# The scenarios in docs/simulate.md, docs/design/scaling.md and `goheap simulate --help` work, and
# the first one prints what the document says it does. Bad input is an error with its place, and
# status 2.
# builds: release debug asan
# quick: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

# blocks of one kind, each to a file of its own: KIND.1, KIND.2 ...
blocks() { # kind
    awk -v kind="$1" -v dir="$dir" '
        /^```/ { inside = $0 == "```" kind; n += inside; next }
        inside { print > (dir "/" kind "." n) }' docs/simulate.md docs/design/scaling.md
}
blocks scenario
blocks csv
[ -s "$dir/scenario.1" ] && [ -s "$dir/scenario.2" ] && [ -s "$dir/csv.1" ] ||
    fail "the document has no such blocks"
for s in "$dir"/scenario.*; do
    "$GOHEAP" simulate "$s" > "$s.csv" || fail "$(basename "$s"): status $?"
done
# each line that is shown is a line that is printed, in the same order
lines=0
while IFS= read -r line; do
    [ "$line" = … ] && continue
    lines=$((lines + 1))
    grep -qxF -e "$line" "$dir/scenario.1.csv" || fail "is not printed: $line"
done < "$dir/csv.1"
[ $lines -ge 5 ] || fail "only $lines lines are shown"
[ "$(sed -n 1p "$dir/csv.1")" = "$(sed -n 1p "$dir/scenario.1.csv")" ] || fail "another header"

"$GOHEAP" simulate --help | sed -n '/^A sample/,/^$/s/^  //p' > "$dir/help"
[ -s "$dir/help" ] || fail "--help shows no scenario"
[ "$("$GOHEAP" simulate - < "$dir/help" | wc -l)" = 31 ] || fail "the scenario of --help fails"

# each key and each part of the document is known, and the other way round
for word in $(sed -n 's/^| `\([a-z_]*\)[`(].*/\1/p' docs/simulate.md); do
    "$GOHEAP" simulate --help | grep -qw -e "$word" || grep -qw -e "$word" "$dir/scenario.1.csv" ||
        fail "--help and the columns do not know $word"
done
for word in $("$GOHEAP" simulate --help | grep -o '^  [a-z_]*  \|[a-z]*(' | tr -d ' ('); do
    [ "$word" = goheap ] || grep -q "^| \`$word[\`(]" docs/simulate.md ||
        fail "the document does not know $word"
done

refused() { # what it says, scenario
    printf '%b' "$2" | "$GOHEAP" simulate - > "$dir/out" 2> "$dir/err"
    [ $? = 2 ] || fail "status is not 2: $2"
    grep -qxF -e "goheap: simulate: (standard input):$1" "$dir/err" ||
        fail "$2: \"$1\" is not said: $(cat "$dir/err")"
    [ -s "$dir/out" ] && fail "$2: something is printed"
}
refused '1:1: alloc_rate is missing: the scenario ends without it' ''
refused "2:14: there is no stream 'rampp'; did you mean ramp?" 'cycles = 3\nalloc_rate = rampp(1, 2)'
refused "1:8: '99999999999' is out of range (up to 2147483647)" 'gogc = 99999999999'

# a heap that cannot be marked at such a rate: what was computed is printed, and then the error
printf 'alloc_rate = 1\ngrowth_rate = 1\nscan_rate = 1024 - step(1024, 2)' |
    "$GOHEAP" simulate - > "$dir/out" 2> "$dir/err"
[ $? = 1 ] && grep -q 'cycle 3: after 5000 s of marking' "$dir/err" || fail "$(cat "$dir/err")"
[ "$(wc -l < "$dir/out")" = 3 ] || fail "the first cycles are not printed"

[ $fails -eq 0 ] || exit 1
echo "$lines lines of the document, and the scenario of --help"
