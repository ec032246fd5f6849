#!/bin/bash
# The identities of MemStats hold in the report of every workload: Sys is the sum of its parts,
# Mallocs - Frees are the live objects, the size classes add up, and more (support/memstats.awk).
# builds: release debug torture
# quick: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
reports=0 checks=0 failed=0

# Run goheap with these arguments, and check its report.
check() {
    local result status
    if ! "$GOHEAP" run "$@" --quiet --json "$dir/report" > "$dir/log" 2>&1; then
        echo "goheap run $*: failed: $(tail -n 3 "$dir/log")"
        failed=$((failed + 1))
        return
    fi
    result=$(awk -f tests/run/support/memstats.awk "$dir/report")
    status=$?
    if [ $status -ne 0 ]; then
        echo "goheap run $*:"
        echo "$result"
        failed=$((failed + 1))
    fi
    reports=$((reports + 1))
    checks=$((checks + ${result##*$'\n'}))
}

for gogc in 25 100 off; do
    check null --n 1k --gogc $gogc
    check mb --class n8 --n 60000 --gogc $gogc
    check mb --class p16 --n 60000 --threads 2 --gogc $gogc
    check mb --class p1024 --n 3000 --threads 2 --gogc $gogc
    check mb --class n64k --n 300 --gogc $gogc
    check mb --class n16 --mode nogc --mib 2 --gogc $gogc
    check binary-trees --depth 10 --gogc $gogc
    check binary-trees --depth 10 --threads 2 --gogc $gogc
    check gcbench --depth 8 --gogc $gogc
    check sweep --log2 12 --gogc $gogc
    check frag --log2 12 --pages 64 --gogc $gogc
    check large --n 40 --window 8 --gogc $gogc
    for shape in tree rand list shuf; do
        check mark --shape $shape --log2 10 --gogc $gogc
    done
done

echo "$reports reports, $checks checks, $failed failed"
[ $failed -eq 0 ] && [ $reports -gt 0 ] && [ $checks -gt 0 ]
