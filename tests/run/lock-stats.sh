#!/bin/bash
# --lock-stats: the report shows the locks, the JSON report has them with the flag and without,
# in order, and the rates are those of the counts.
# builds: release debug tsan
# quick: yes
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
fails=0 checks=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset GOGC GOMAXPROCS GODEBUG GOHEAP_LOCK_STATS

run="run binary-trees --depth 14 --threads 3 --procs 3"
# shellcheck disable=SC2086 # a list of words
"$GOHEAP" $run --lock-stats --json with.json > with.text || fail "status $?"
# shellcheck disable=SC2086
"$GOHEAP" $run --json without.json > without.text || fail "status $?"

# a flag for people; machines get it always
for p in '^  lock  *taken contended ' '^  PAGES  *[1-9]' '^  WORLD  *[1-9]' \
    '^  without locks  *failed tries' '^  SPANSET_POP  *[0-9]'; do
    checks=$((checks + 1))
    grep -qE -- "$p" with.text || fail "with --lock-stats: nothing matches $p"
    grep -qE -- "$p" without.text && fail "without: $p"
done

# one value a line and key, so that the rows can be taken apart: sorted by wait, and the rates fit
for f in with.json without.json; do
    checks=$((checks + 1))
    awk '
    function value() { sub(/,$/, "", $2); return $2 + 0 }
    /"run_objects":/ { objects = value() }
    /"run_bytes":/ { bytes = value() }
    /"taken":/ { taken = value(); rows++ }
    /"contended":/ { contended = value(); bad += contended > taken }
    /"slept":/ { slept = value(); bad += slept > contended }
    /"wait_ns":/ { wait = value(); bad += rows > 1 && wait > last; last = wait
                   bad += (wait > 0) != (contended > 0) }
    /"longest_wait_ns":/ { longest = value(); bad += longest > wait }
    /"taken_per_million_objects":/ {
        d = value() * objects / 1e6 - taken; bad += d > 1 || d < -1 }
    /"taken_per_mib":/ { d = value() * bytes / 1048576 - taken; bad += d > 1 || d < -1; rates++ }
    /"failed_tries":/ { loops++ }
    END {
        printf "%d rows, %d rates, %d loops, %d contradictions\n", rows, rates, loops, bad
        exit !(rows > 3 && rates == rows && loops > 3 && bad == 0 && objects > 0)
    }' $f > said || fail "$f: $(cat said)"
done

# What it is for: seeing that no lock is on the fast path. One lock for each span of 496 objects
# would be 2016 a million.
checks=$((checks + 1))
"$GOHEAP" run mb --class n16 --n 4000000 --json - > mb.json || fail "mb: status $?"
most=$(awk '/"taken_per_million_objects":/ {
    sub(/,$/, "", $2); if ($2 + 0 > most) most = $2 + 0 } END { printf "%d\n", most }' mb.json)
[ "$most" -gt 0 ] && [ "$most" -lt 1500 ] || fail "mb: a lock was taken $most times a million objects"

echo "$checks checks, $fails failures"
[ $fails = 0 ]
