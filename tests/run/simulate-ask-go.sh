#!/bin/bash
# The recordings that simulate-go.sh compares with are what the installed Go's pacer computes:
# records them again (tests/run/support/simulate/ask_go.sh) and compares; and runs goheap on exactly
# the values that Go's test drew from its streams, in lists, so that nothing depends on how ours are
# computed.
# builds: release
# timeout: 600
set -u
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
here=tests/run/support/simulate
. tests/run/support/go.sh
. $here/ask_go.sh
need_go
recorded=$(sed -n '1s/^# go\([0-9]*\.[0-9]*\).*/\1/p' $here/Steady.csv)
case $(go env GOVERSION) in
go"$recorded" | go"$recorded".*) ;;
*)
    echo "skipped: this is $(go env GOVERSION), and Go $recorded has been recorded"
    exit 77
    ;;
esac

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

ask_go "$dir" || exit 1
n=0
for csv in $here/*.csv; do
    name=$(basename "$csv" .csv)
    [ -s "$dir/$name.csv" ] || { fail "Go's test has no scenario $name"; continue; }
    sed 1d "$dir/$name.csv" > "$dir/now"
    sed 1d "$csv" | cmp - "$dir/now" || fail "$name: Go computes something else now"
    "$GOHEAP" simulate "$dir/$name.drawn" | cmp - "$dir/now" ||
        fail "$name: goheap differs on the values that Go drew"
    n=$((n + 1))
done
for csv in "$dir"/*.csv; do
    [ -e "$here/$(basename "$csv")" ] || fail "$(basename "$csv" .csv) of Go's test is not recorded"
done
[ $n -ge 23 ] || fail "only $n scenarios"
[ $fails -eq 0 ] || exit 1
echo "$n recordings are what $(go env GOVERSION) computes"
