#!/bin/bash
# The peers in C do the work goheap does: every one that can be built here comes to goheap's
# checksum, and the Go peer's where there is one, in every workload it has, at small sizes; and
# prints the figures that are to be compared. What is absent is named.
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
unset GOGC GOMAXPROCS GODEBUG GOMEMLIMIT GC_MARKERS "${!GOHEAP_@}"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fails=0 checks=0 peers=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

if ! command -v "${CC:-gcc}" > /dev/null; then
    echo "skipped: there is no ${CC:-gcc}"
    exit 77
fi

# workload and options, as goheap takes them | options that only the peers in C have | figures
CASES="
binary-trees --depth 8 --threads 1||ns_per_node
binary-trees --depth 9 --threads 3||ns_per_node
gcbench --depth 9 --array 3000||ns_per_node
win1k --slots 200 --pushes 1500 --threads 1||p50 p99 p999 p9999 worst steady_worst steady_p999
win1k --slots 201 --pushes 1501 --threads 2||worst
win64 --slots 300 --pushes 2000 --threads 1||p50 worst steady_worst
win64 --slots 301 --pushes 2001 --threads 2||worst
churn --slots 500 --ops 20000 --threads 1||ops_per_s chain_nodes fill p50 p9999 worst
churn --slots 501 --ops 20001 --threads 2||ops_per_s
sweep --log2 12 --mode gc||reclaim refill refill_ns_obj total_ns_obj reclaim_cpu
sweep --log2 12 --mode nogc||total_ns_obj
large --n 60 --window 7||GBps us_per_op GB_total
large --n 60 --window 7|--mode zero|GBps us_per_op
frag --log2 12 --pages 300||rss_0start rss_1fill rss_2drop_gc rss_3release rss_4alloc4k t_3release
collect --n 20||ns_per_collection cpu_ns_per_collection
start||first_allocation_at first_allocation_cpu rss
mark --shape tree --log2 12 --collections 2||gc_wall_med gc_cpu_med ns_obj_core ns_ptr_core GBps_wall GBps_core
mark --shape rand --log2 8 --collections 3||gc_wall_med
mark --shape list --log2 12||gc_wall_med
mark --shape shuf --log2 12||gc_wall_med"
for class in n8 n16 p16 p64 n256 p1024 n4096 n32k n64k; do
    CASES="$CASES
mb --class $class --n 2500 --threads 2||ns_per_op cpu_ns_per_op"
    for mode in imm batch batchz; do
        CASES="$CASES
mb --class $class --n 2500 --threads 1|--mode $mode|ns_per_op"
    done
done
CASES="$CASES
mb --class p16 --mode nogc --mib 1 --rounds 2||ns_per_op"

checksum() { sed -n 's/^checksum \(0x[0-9a-f]\{16\}\) -$/\1/p' "$1"; }

# Not every kernel tells how long threads wait for a core.
timed="wall cpu maxrss"
read -r ran _ 2> /dev/null < /proc/self/schedstat && [ "$ran" -gt 0 ] && timed="$timed runq_wait"

# Whether the output in $dir/out has the checksum and all figures.
judge() { # what checksum figures...
    local what=$1 want=$2 got figure
    shift 2
    checks=$((checks + 1))
    got=$(checksum "$dir/out")
    [ "$got" = "$want" ] || fail "$what: checksum ${got:-missing}, not $want"
    for figure in "$@" $timed; do
        grep -q "^$figure [0-9][0-9.e+-]* [^ ]*$" "$dir/out" || fail "$what: no figure $figure"
    done
}

# Workloads and modes that a peer does not have, by its kind.
lacks() { # peer case options
    case $1 in
    arena) [[ $2 != binary-trees* && $2 != gcbench* ]] ;;
    boehm*) [[ "$2 $3" == *"--mode "@(imm|batch)* ]] ;;
    *) [[ $2 == mark* || $2 == collect* || $2 == *"--mode nogc --mib"* ]] ;;
    esac
}

try() { # peer program case options figures variables...
    local peer=$1 program=$2 case=$3 options=$4 figures=$5
    shift 5
    lacks "$peer" "$case" "$options" && return
    # shellcheck disable=SC2086 # lists of words
    if ! env "$@" timeout 60 $program $case $options > "$dir/out" 2> "$dir/err"; then
        fail "$peer: $case $options: $(tail -n 1 "$dir/err")"
        return
    fi
    # shellcheck disable=SC2086
    judge "$peer: $case $options" "${WANT[$case]}" $figures
}

# --- goheap's checksums; the Go peer must agree, where it has the workload ---

scripts/peers/build.sh > "$dir/peers" 2> "$dir/err" || { cat "$dir/err"; fail "build.sh: status $?"; }
sed -n 's/^SKIP /skipped: /p' "$dir/peers"
go=$(sed -n 's/^go //p' "$dir/peers")
usage=
[ -z "$go" ] || usage=$($go 2>&1)
declare -A WANT
while IFS='|' read -r case _ figures; do
    [ -n "$case" ] && [ -z "${WANT[$case]:-}" ] || continue
    # shellcheck disable=SC2086 # a list of words
    "$GOHEAP" run $case --quiet --json "$dir/json" 2> "$dir/err" || fail "goheap: $case: $(cat "$dir/err")"
    WANT[$case]=$(sed -n 's/^ *"checksum": "\(0x[0-9a-f]*\)".*/\1/p' "$dir/json")
    [ -n "${WANT[$case]}" ] || fail "goheap: $case: no checksum"
    for figure in $figures; do
        grep -q "\"$figure\": {" "$dir/json" || fail "goheap: $case: no figure $figure"
    done
    [[ " $usage " == *" ${case%% *} "* ]] || continue
    # shellcheck disable=SC2086
    if $go $case > "$dir/out" 2> "$dir/err" && [ -n "$(checksum "$dir/out")" ]; then
        checks=$((checks + 1))
        [ "$(checksum "$dir/out")" = "${WANT[$case]}" ] ||
            fail "go: $case: checksum $(checksum "$dir/out"), not ${WANT[$case]}"
    fi
done <<< "$CASES"

# --- the peers ---

# Each command line must be refused: status 2, one line that says why, nothing else.
refuses() { # peer program command lines...
    local peer=$1 program=$2 wrong status
    shift 2
    for wrong; do
        checks=$((checks + 1))
        # shellcheck disable=SC2086 # lists of words
        $program $wrong > "$dir/out" 2> "$dir/err"
        status=$?
        [ $status = 2 ] && [ "$(wc -l < "$dir/err")" = 1 ] && [ ! -s "$dir/out" ] ||
            fail "$peer: '$wrong': status $status, and not one line of why"
    done
}

while read -r peer program variables; do
    case $peer in
    SKIP | VERSION) continue ;;
    go)
        refuses go "$program" "" no-such-workload "binary-trees --no-such-option 1" "binary-trees --depth x" \
            "gcbench --threads 2" "gcbench --threads 1 more" "sweep --log2 -1" "sweep --log2 64" "mb --class n7" \
            "mb --mode imm" "mark --shape ring" "mb --threads 0" "mb --threads 257" "handoff --shape x" \
            "mb --n 99999999999999999999" "large --window 0" "win1k --slots 10 --pushes 5" "churn --slots 1 --threads 2" \
            "collect --n 0" "collect --help"
        continue
        ;;
    machine)
        peers=$((peers + 1)) checks=$((checks + 1))
        $program bump_16B_L2 | grep -q '^bump_16B_L2 [0-9.e+-]* ns/op$' || fail "machine: no bump_16B_L2"
        $program bump_8B_L2 | grep -q '^bump_8B_L2 [0-9.e+-]* ns/op$' || fail "machine: no bump_8B_L2"
        $program no-such-row 2> /dev/null && fail "machine takes a row that is none"
        # what the comparison asks for is what there is
        ! command -v python3 > /dev/null || diff <($program list) <(python3 -Bc 'import sys
sys.path.insert(0, "scripts/peers")
from runner import cells
print("\n".join(cells.MACHINE))') || fail "machine: other rows than in cells.py"
        continue
        ;;
    esac
    peers=$((peers + 1))
    while IFS='|' read -r case options figures; do
        # shellcheck disable=SC2086 # variables, none with blanks
        [ -z "$case" ] || try "$peer" "$program" "$case" "$options" "$figures" $variables
    done <<< "$CASES"
    refuses "$peer" "$program" "" "no-such-workload" "binary-trees --no-such-option 1" "binary-trees --depth x" \
        "binary-trees --depth" "gcbench --threads 2" "binary-trees --depth -1" "binary-trees --depth 31" \
        "gcbench --array 99999999999999999999" "gcbench --array 9999999999999999G" "binary-trees --threads 257"
    [ "$peer" = arena ] || refuses "$peer" "$program" "sweep --log2 64" "mb --class n7" "mb --mode no" \
        "churn --slots 1 --threads 2" "win64 --slots 10 --pushes 5" "start --threads 2"
done < "$dir/peers"

echo "$peers peers, $checks checks, $fails failures"
[ $fails = 0 ] && [ $peers -gt 0 ] && [ $checks -gt 50 ]
