#!/bin/bash
# gctrace=2, gcpacertrace=1 and scavtrace=1: what goheap prints and what the real Go prints follow
# one grammar (support/traces.awk), and that grammar refuses lines that were tampered with.
# builds: release debug
# timeout: 240
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
. tests/run/support/go.sh
unset GOGC GOMAXPROCS GOMEMLIMIT GODEBUG "${!GOHEAP_@}"
fails=0 checks=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
grammar=tests/run/support/traces.awk
traces=gctrace=2,gcpacertrace=1,scavtrace=1
export GOMAXPROCS=2 # a worker's share is 0.25, which is no number any more when it is cut

# name, log, forms that must be there: the whole of a log
follows() {
    local name=$1 log=$2 kind
    shift 2
    LC_ALL=C awk -v context=1 -f $grammar "$log" > "$dir/said" || fail "$name:
$(head -n 5 "$dir/said")"
    for kind in "$@"; do
        checks=$((checks + 1))
        tail -n 1 "$dir/said" | grep -qE "\b$kind [1-9]" ||
            fail "$name: no line of the form '$kind': $(tail -n 1 "$dir/said")"
    done
}

# a line that is right, and an edit that makes it wrong; alone, or as part of a whole log
refuses() {
    local log=$1 line=$2 edit=$3 context=${4:-0}
    checks=$((checks + 1))
    sed -E "$edit" "$log" > "$dir/wrong"
    cmp -s "$log" "$dir/wrong" && { fail "'$edit' changes nothing in: $line"; return; }
    LC_ALL=C awk -v context="$context" -f $grammar "$dir/wrong" > /dev/null &&
        fail "the grammar takes '$edit' of: $line"
}

# Every line of each form, cut, doubled, and with a word, a figure or a sign changed.
tamper() { # log
    local form line edit
    for form in '^gc ' '^scan: total' '^scan: class' '^pacer: assist' '^pacer: [0-9]' '^pacer: sweep' \
        '^scav '; do
        line=$(grep -aE -m 1 "$form" "$1") || continue
        printf '%s\n' "$line" > "$dir/line"
        for edit in 's/..$//' 's/^.//' 's/$/ /' 's/ /  /' 's/([0-9]) /\1/' 's/ [0-9]+/ -7x/' \
            's/[0-9]+([^0-9]*)$/0\1\1/' 's/(.*)[(+=,:%>]/\1/' 's/^(\w+)/\u\1/' 's/ ([0-9])/ 0\1/' \
            's/([a-zA-Z])([^a-zA-Z]*)$/\2/'; do
            # not every edit finds its place in every line
            sed -E "$edit" "$dir/line" | cmp -s - "$dir/line" && continue
            refuses "$dir/line" "$line" "$edit"
        done
    done
}

# --- goheap ---

run() { # name, arguments...
    local name=$1
    shift
    "$GOHEAP" run "$@" --quiet 2> "$dir/$name" || fail "$name: status $?: $(tail -n 2 "$dir/$name")"
}
concurrent=
"$GOHEAP" help run | grep -qE '^  go  ' && concurrent="start end sweep scav"
run flags binary-trees --depth 16 --threads 2 --gctrace=2 --gcpacertrace --scavtrace
follows "goheap, flags" "$dir/flags" gc total $concurrent
GODEBUG=$traces GOGC=50 run variable gcbench
follows "goheap, GODEBUG" "$dir/variable" gc total $concurrent
GODEBUG=gctrace=1 run list mark --shape list --log2 14 --godebug $traces
follows "goheap, --godebug" "$dir/list" gc total
for collector in $("$GOHEAP" help run | sed -n '/^Values of --collector/,/^$/s/^  \([a-z]*\)  .*/\1/p'); do
    run "$collector" binary-trees --depth 14 --collector "$collector" --godebug $traces
    follows "goheap, collector $collector" "$dir/$collector" gc total sweep
    # a sweep a cycle: the last one may not come to its end
    gcs=$(grep -c '^gc ' "$dir/$collector") sweeps=$(grep -c '^pacer: sweep' "$dir/$collector")
    [ "$sweeps" = "$gcs" ] || [ "$sweeps" = $((gcs - 1)) ] ||
        fail "collector $collector: $gcs cycles, $sweeps sweeps"
done
[ -n "$concurrent" ] &&
    { grep -qE '^scan: class 16B [0-9+]+=[1-9]' "$dir/flags" || fail "no nodes were scanned"; }
# each trace is what it is asked for, and nothing else
run one binary-trees --depth 14 --gctrace=1
grep -qvE '^gc ' "$dir/one" && fail "--gctrace=1 prints: $(grep -vE '^gc ' "$dir/one" | head -n 1)"
run pacer binary-trees --depth 14 --gcpacertrace
grep -qvE '^pacer: ' "$dir/pacer" && fail "--gcpacertrace prints: $(head -n 1 "$dir/pacer")"
run scav binary-trees --depth 14 --scavtrace
grep -qvE '^scav ' "$dir/scav" && fail "--scavtrace prints: $(head -n 1 "$dir/scav")"
tamper "$dir/flags"

# --- Go, from 1.26 on: before, its figures and its scan lines were others ---

version=$(command -v go > /dev/null && GOTOOLCHAIN=local go env GOVERSION)
case $version in
go1.2[6-9]* | go1.[3-9][0-9]* | go[2-9]*)
    need_go
    build_go tests/run/support/traces "$dir/traces" || exit 1
    GODEBUG=$traces "$dir/traces" 2> "$dir/go" || fail "the Go program: status $?"
    follows "Go" "$dir/go" gc total class start end sweep scav
    tamper "$dir/go"
    # figures that do not agree
    line="$(wc -l < "$dir/go") lines of Go"
    refuses "$dir/go" "$line" '/^gc 2 /d' 1
    refuses "$dir/go" "$line" '/^scan: class 32B/d' 1
    refuses "$dir/go" "$line" '0,/^scan: total/s/^(scan: total) [0-9]+/\1 7777777/' 1
    refuses "$dir/go" "$line" '0,/^pacer: assist/{/^pacer: assist/d}' 1
    refuses "$dir/go" "$line" 's/^(gc [0-9]+ @[^,]*, [^,]*,) [0-9]+/\1 99999/' 1
    refuses "$dir/go" "$line" 's/^(scan: class) 32B/\1 16384B/' 1
    compared="$version"
    ;;
*)
    compared="no Go from 1.26 on to compare with"
    ;;
esac

echo "$compared: $checks checks, $fails failures"
[ $fails = 0 ] && [ $checks -gt 40 ]
