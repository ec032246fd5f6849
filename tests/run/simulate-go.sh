#!/bin/bash
# `goheap simulate` computes what Go's pacer computes, to the byte.
#
# Each tests/run/support/simulate/NAME.csv is what Go's own test of its pacer, TestGcPacer, came to
# in its scenario NAME: Go's pacer at work, recorded cycle by cycle (its first line says by which
# Go; ask_go.sh there says how). Those that begin with Goheap are scenarios of ours, run through the
# same test. NAME.scenario describes the same program in our words; where Go's test draws random
# numbers, those that Go drew are listed. The two have to be equal in every column.
#
# That the recordings are Go's is checked by simulate-ask-go.sh where go is installed.
# builds: release debug
# quick: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
here=tests/run/support/simulate
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

cycles=0 n=0
for scenario in $here/*.scenario; do
    name=$(basename "$scenario" .scenario)
    "$GOHEAP" simulate "$scenario" > "$out" || fail "$name: status $?"
    sed 1d "$here/$name.csv" | diff - "$out" > "$out.diff" ||
        fail "$name differs from Go (<: Go, >: goheap):"$'\n'"$(head -n 6 "$out.diff")"
    cycles=$((cycles + $(wc -l < "$out") - 1)) n=$((n + 1))
done
rm -f "$out.diff"
[ $n -ge 23 ] || fail "only $n scenarios"
[ $n = "$(ls $here/*.csv | wc -l)" ] || fail "scenarios and recordings do not pair"

# can it fail? a pacer that is a percent off must show
sed 's/^gogc = 100$/gogc = 101/' $here/Steady.scenario | "$GOHEAP" simulate - > "$out"
sed 1d $here/Steady.csv | cmp -s - "$out" && fail "another GOGC makes no difference"

# JSON says the same as CSV
"$GOHEAP" simulate --json $here/GoheapHuge.scenario |
    sed -e 's/"[a-z_]*": //g' -e 's/[{} ]//g' > "$out"
sed 1,2d $here/GoheapHuge.csv | cmp - "$out" || fail "JSON differs from CSV"

[ $fails -eq 0 ] || exit 1
echo "$cycles cycles of $n scenarios equal Go's"
