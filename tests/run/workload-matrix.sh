#!/bin/bash
# Every workload proves its result at every kind of collection pressure, with few and many
# mutators, while the whole heap is walked and checked after each collection.
# builds: release debug asan ubsan tsan torture
# timeout: 300
set -u
: "${GOHEAP:=build/${BUILD:=release}/goheap}"
: "${BUILD:=release}"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
RUNS=0
FAILED=0
# Every run takes the next of these, so that every workload meets each of them.
HOWS=("--marker spans" "--marker objects" "--marker spans --procs 1" "--marker objects --procs 4"
    "--marker spans --procs 8" "--collector stw" "--marker spans --procs 3")

# Sizes: torture collects at every refill and checks the heap each time; sanitizers are slow.
case $BUILD in
torture) D=6 GB="--depth 7 --array 2000" N=500 BIG=60 MIB=1 LOG=8 RAND=3 LARGE=25 NULL=20k DOCS=20 KIB=50 ROUNDS=1k ARENAS=6 ;;
asan | ubsan) D=8 GB="--depth 8 --array 5000" N=5k BIG=200 MIB=4 LOG=10 RAND=7 LARGE=30 NULL=200k DOCS=60 KIB=500 ROUNDS=3k ARENAS=10 ;;
tsan) D=7 GB="--depth 7 --array 3000" N=3k BIG=100 MIB=2 LOG=9 RAND=5 LARGE=20 NULL=20k DOCS=30 KIB=300 ROUNDS=1k ARENAS=6 ;;
*) D=10 GB="--depth 10 --array 20k" N=30k BIG=400 MIB=8 LOG=12 RAND=9 LARGE=60 NULL=1M DOCS=200 KIB=3000 ROUNDS=10k ARENAS=30 ;;
esac

awk -v n=$DOCS -f "$(dirname "$0")/support/document.awk" > "$TMP/doc.json"

# FULL=1: everything with everything, GODEBUG=gccheckmark=1 (`make matrix`); else every run takes
# the next of HOWS.
GOGCS="1 10 100 400 off"
THREADS="1 2 8"
if [ -n "${FULL:-}" ]; then
    GOGCS="10 100 400"
    THREADS="1 2 4 8"
    export GODEBUG=gccheckmark=1
fi

run() { # WORKLOAD OPTIONS...
    if [ -n "${FULL:-}" ]; then
        run_how --marker spans "$@"
        run_how --marker objects "$@"
    else
        # shellcheck disable=SC2086 # several words
        run_how ${HOWS[RUNS % ${#HOWS[@]}]} "$@"
    fi
}

# run_how OPTIONS... WORKLOAD OPTIONS...: exit status 0 and the report's word that the result was right.
run_how() {
    local status
    RUNS=$((RUNS + 1))
    # the outer redirection is for the shell's own words about a crash
    { timeout 120 "$GOHEAP" run "$@" --verify > "$TMP/out" 2> "$TMP/err"; } 2> /dev/null
    status=$?
    if [ $status -ne 0 ] || ! grep -q '^ *checksum .*ok' "$TMP/out"; then
        FAILED=$((FAILED + 1))
        echo "FAILED (status $status): $GOHEAP run $* --verify"
        head -n 20 "$TMP/err"
    fi
}

single() { # WORKLOAD OPTIONS...
    local gogc
    for gogc in $GOGCS; do
        run "$@" --gogc $gogc
    done
}

threaded() { # WORKLOAD OPTIONS...
    local gogc threads
    for gogc in $GOGCS; do
        for threads in $THREADS; do
            run "$@" --gogc $gogc --threads $threads
        done
    done
}

threaded binary-trees --depth $D
threaded json --file "$TMP/doc.json" --rounds 3
threaded null --n $NULL
for class in n8 p16 p64 p1024; do
    threaded mb --class $class --n $N
done
for class in n16 n256 n4096 n32k n64k; do
    case $BUILD in
    release | debug) threaded mb --class $class --n $BIG ;;
    *) single mb --class $class --n $BIG --threads 2 ;; # these builds have less time a run
    esac
done
for class in n8 n16 p16 p64 n256 p1024 n4096 n32k n64k; do
    run mb --class $class --mode nogc --mib $MIB --rounds 1 --threads 2
done
threaded win1k --slots $BIG --pushes $N
threaded win64 --slots $BIG --pushes $N
threaded churn --slots $BIG --ops $N
for shape in pairs ring; do
    for cells in heap roots; do
        threaded handoff --shape $shape --cells $cells --items $N --capacity 5 --keep $BIG
    done
done
threaded mutate --nodes $BIG --ops $N --trickle 3
threaded leak --target ${KIB}k --step $((KIB / 7))k --garbage $((KIB / 5))k
threaded spike --base $((KIB / 8))k --rounds 3 --settle 0
threaded finalizers --n $BIG --chain 3 --resurrect 5
threaded weak --n $N --keys $BIG --window 20 --garbage 40
single gcbench $GB
for shape in tree list shuf; do
    single mark --shape $shape --log2 $LOG
done
single mark --shape rand --log2 $RAND
single sweep --log2 $LOG --mode gc
single sweep --log2 $LOG --mode nogc
single large --n $LARGE --window 5
single frag --log2 $LOG --pages $BIG
threaded pool --rounds $ROUNDS --hold 5 --bytes 64
for pattern in skewed fresh; do
    single pool --rounds $ROUNDS --hold 20 --pattern $pattern --threads 3
done
threaded arena --rounds $ARENAS --depth $LOG --window 3
single arena --rounds $ARENAS --depth 3 --in heap --threads 2
single collect --n 10
single start

echo "$RUNS runs, $FAILED failed"
[ $FAILED -eq 0 ] && [ $RUNS -gt 100 ]
