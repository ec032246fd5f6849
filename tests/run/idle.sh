#!/bin/bash
# A program that has finished its spike and does nothing: goheap does next to nothing either, and
# what the spike took has gone back to the operating system. `spike --settle N` sleeps for N
# seconds after its last spike; CPU time is read from /proc/PID/stat meanwhile.
# builds: release
# timeout: 240
# serial: yes
#
# SETTLE seconds (default 12) are slept; BASE and FACTOR are the workload's.
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
SETTLE=${SETTLE:-12}
fails=0 checks=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
unset GOGC GOMAXPROCS GODEBUG GOMEMLIMIT "${!GOHEAP_@}"

if ! "$GOHEAP" list workloads | grep -q '^spike '; then
    echo "skipped: $GOHEAP has no workload spike"
    exit 77
fi

judge() { # holds what
    checks=$((checks + 1))
    [ "$1" = 1 ] || { echo "FAIL: $2"; fails=$((fails + 1)); }
}

# Lines "seconds ticks resident-KiB" of a process, ten a second, until it ends.
watch_process() { # pid
    local now stat resident
    while read -r stat 2> /dev/null < "/proc/$1/stat"; do
        now=$EPOCHREALTIME
        # behind the name, which is in brackets: state is the first field, utime the 12th
        # shellcheck disable=SC2086 # fields
        set -- "$1" ${stat##*) }
        [ "$2" = Z ] && return
        resident=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2> /dev/null)
        echo "${now/,/.} $((${13} + ${14})) ${resident:-0}"
        sleep 0.1
    done
}

# name of the case, options...
check() {
    local name=$1 child
    shift
    "$GOHEAP" run spike "$@" --settle "$SETTLE" --json "$dir/json" > "$dir/out" 2>&1 &
    child=$!
    watch_process $child > "$dir/samples"
    if ! wait $child; then
        judge 0 "$name: the run failed: $(tail -n 2 "$dir/out")"
        return
    fi

    # The quietest stretch of SETTLE - 4 seconds lies within the sleep, which is the only one of
    # such length: 2 seconds are left for the heap to settle, 2 for how exactly this looks.
    read -r quiet resident < <(awk -v span=$((SETTLE - 4)) -v hz="$(getconf CLK_TCK)" '
        { at[NR] = $1; ticks[NR] = $2; rss[NR] = $3 }
        END {
            best = -1
            for (i = j = 1; j <= NR; j++) {
                while (at[j] - at[i] > span)
                    i++
                # the first sample that is at least span ago
                if (i > 1 && (share = (ticks[j] - ticks[i - 1]) / hz / (at[j] - at[i - 1])) >= 0 &&
                    (best < 0 || share <= best)) {
                    best = share
                    resident = rss[j]
                }
            }
            print best, resident + 0
        }' "$dir/samples")
    judge "$(awk -v q="$quiet" 'BEGIN { print q >= 0 && q < 0.02 }')" \
        "$name: used $quiet of a processor while it slept, at most 0.02 is expected"

    # Resident at most 1.2 times what is alive, and what goheap and its threads need: all
    # metadata, stacks, and the program itself, which is what a run of nothing has.
    "$GOHEAP" run null --n 1 --json "$dir/null" > /dev/null || judge 0 "$name: run null failed"
    awk -v name="$name" -v resident="$resident" '
        FNR == 1 { file++ }
        function number(    v) { v = $0; sub(/.*: /, "", v); return v + 0 }
        file == 1 && /"peak-RSS-bytes": / { own = number() }
        file == 2 && /"live_bytes": \{/ { live_next = 1; next }
        file == 2 && live_next && /"value": / { live = number(); live_next = 0 }
        file == 2 && /"\/memory\/classes\/(metadata\/|other:|os-stacks:|heap\/stacks:)/ { metadata += number() }
        END {
            most = 1.2 * live + metadata + own
            printf "%s: %.1f MiB resident after the sleep, %.1f alive, %.1f metadata and stacks, %.1f a run of nothing\n",
                name, resident / 1024, live / 1048576, metadata / 1048576, own / 1048576
            if (live <= 0 || own <= 0) {
                print "FAIL: " name ": the report has no live_bytes or no peak-RSS-bytes"
                exit 1
            }
            if (resident * 1024 > most) {
                printf "FAIL: %s: at most %.1f MiB are expected\n", name, most / 1048576
                exit 1
            }
        }' "$dir/null" "$dir/json"
    judge $((! $?)) "$name: resident memory"
    echo "$name: $quiet of a processor while asleep"
}

check "defaults" --base "${BASE:-16}" --factor "${FACTOR:-8}"
"$GOHEAP" list options | grep -q '^--memlimit' &&
    check "with a limit" --base "${BASE:-16}" --factor "${FACTOR:-8}" --memlimit 1GiB

echo "$checks checks, $fails failures"
[ $fails = 0 ] && [ $checks -gt 0 ]
