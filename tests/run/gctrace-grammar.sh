#!/bin/bash
# Every line of a gctrace log follows Go's grammar, and its fields make sense: cycles count up, time
# goes on, the heap never shrinks while it is marked, and what is marked was in it.
# builds: release debug
# timeout: 240
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
fails=0 total=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
unset GOGC GOMAXPROCS GODEBUG

# 0 | 0.001..0.099 | 0.10..0.99 | 1.0..9.9 | 10..
ms='(0|0\.0[0-9]{2}|0\.[1-9][0-9]|[1-9]\.[0-9]|[1-9][0-9]+)'
line="^gc [1-9][0-9]* @[0-9]+\.[0-9]{3}s [0-9]{1,3}%: $ms\+$ms\+$ms ms clock, "
line="$line$ms\+$ms/$ms/$ms\+$ms ms cpu, [0-9]+->[0-9]+->[0-9]+ MB, [0-9]+ MB goal, "
line="$line[0-9]+ MB stacks, [0-9]+ MB globals, [1-9][0-9]* P( \(forced\))?\$"

# name, least number of lines, least number forced, P, command...
check() {
    local name=$1 least=$2 forced=$3 procs=$4 n
    shift 4
    "$@" 2> "$log" > /dev/null || { fail "$name: status $?: $(tail -n 2 "$log")"; return; }
    n=$(wc -l < "$log")
    total=$((total + n))
    [ "$n" -ge "$least" ] || fail "$name: $n lines, at least $least are expected"
    grep -vE "$line" "$log" | head -n 3 | sed "s/^/FAIL: $name: not Go's format: /"
    grep -qvE "$line" "$log" && fails=$((fails + 1))
    [ "$(grep -c '(forced)$' "$log")" -ge "$forced" ] || fail "$name: fewer than $forced forced"
    awk -v name="$name" -v procs="$procs" '
    function bad(what) { printf "FAIL: %s: %s: %s\n", name, what, $0; status = 1 }
    {
        number = $2 + 0; at = substr($3, 2) + 0; percent = $4 + 0
        split($11, heap, "->")
        if (number != NR) bad("cycle " NR " is called " number)
        if (at < last) bad("time goes back")
        if (percent > 100) bad("more than all CPU")
        if (heap[1] + 0 > heap[2] + 0) bad("the heap shrank while it was marked")
        if (heap[3] + 0 > heap[2] + 0) bad("more marked than there was")
        if (procs != "" && $0 !~ " " procs " P( |$)") bad("not " procs " P")
        last = at
    }
    END { exit status }' "$log" || fails=$((fails + 1))
}

for gogc in 10 50 100 200 400; do
    check "binary-trees at $gogc" 2 0 "" "$GOHEAP" run binary-trees --depth 15 --gogc $gogc --gctrace
done
check "two mutators, three procs" 2 0 3 \
    "$GOHEAP" run binary-trees --depth 15 --threads 2 --procs 3 --gctrace
check "GODEBUG" 2 0 2 env GODEBUG=gctrace=1 GOMAXPROCS=2 GOGC=50 "$GOHEAP" run gcbench
check "mark forces collections" 5 5 "" \
    "$GOHEAP" run mark --shape list --log2 14 --gctrace
# the line is what it is asked for, and nothing else
"$GOHEAP" run binary-trees --depth 12 2> "$log" > /dev/null
[ -s "$log" ] && fail "without --gctrace: $(head -n 1 "$log")"
"$GOHEAP" run binary-trees --depth 12 --gogc off --gctrace 2> "$log" > /dev/null
grep -v '(forced)$' "$log" | grep -q . && fail "GOGC off collects: $(head -n 1 "$log")"

[ $total -ge 20 ] || fail "only $total lines were read"
echo "$total lines read, $fails failures"
[ $fails = 0 ]
