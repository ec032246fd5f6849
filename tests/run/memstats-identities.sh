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

awk -v n=20 -f tests/run/support/document.awk > "$dir/doc.json"

# Run goheap with these arguments, and check its report. The collectors take turns, in another
# order for the next GOGC.
check() { # WORKLOAD OPTIONS...
    local result status collector=go
    [ $(((turn + round) % 2)) = 0 ] || collector=stw
    turn=$((turn + 1))
    seen="$seen $1 "
    if ! "$GOHEAP" run "$@" --collector $collector --quiet --json "$dir/report" > "$dir/log" 2>&1; then
        echo "goheap run $* --collector $collector: failed: $(tail -n 3 "$dir/log")"
        failed=$((failed + 1))
        return
    fi
    result=$(awk -f tests/run/support/memstats.awk "$dir/report")
    status=$?
    if [ $status -ne 0 ]; then
        echo "goheap run $* --collector $collector:"
        echo "$result"
        failed=$((failed + 1))
    fi
    reports=$((reports + 1))
    checks=$((checks + ${result##*$'\n'}))
}

round=0 seen=
for gogc in 25 100 off; do
    turn=0
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
    check json --file "$dir/doc.json" --rounds 2 --gogc $gogc
    check win1k --slots 60 --pushes 500 --gogc $gogc
    check win64 --slots 60 --pushes 2000 --threads 2 --gogc $gogc
    check churn --slots 60 --ops 2000 --threads 2 --gogc $gogc
    check handoff --items 500 --capacity 5 --keep 60 --threads 2 --gogc $gogc
    check mutate --nodes 60 --ops 3000 --threads 2 --gogc $gogc
    check spike --base 100k --rounds 2 --settle 0 --gogc $gogc
    check leak --target 500k --step 100k --garbage 100k --gogc $gogc
    check finalizers --n 60 --chain 3 --resurrect 5 --gogc $gogc
    check weak --n 500 --keys 60 --window 20 --garbage 40 --gogc $gogc
    check pool --rounds 500 --hold 5 --bytes 64 --threads 2 --gogc $gogc
    check arena --rounds 6 --depth 8 --window 3 --gogc $gogc
    check collect --n 5 --gogc $gogc
    check start --gogc $gogc
    round=$((round + 1))
done
for workload in $("$GOHEAP" list workloads | awk '/^[a-z]/ { print $1 }'); do
    [[ $seen == *" $workload "* ]] && continue
    echo "$workload is not checked"
    failed=$((failed + 1))
done

echo "$reports reports, $checks checks, $failed failed"
[ $failed -eq 0 ] && [ $reports -gt 0 ] && [ $checks -gt 0 ]
