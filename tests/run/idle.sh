#!/bin/bash
# A program that has finished its spike and does nothing: goheap does next to nothing either, and
# what the spike took has gone back to the operating system. `spike --settle N` sleeps for N
# seconds after its last spike; CPU time is read from /proc/PID/stat meanwhile.
# builds: release
# timeout: 240
# serial: yes
#
# SETTLE seconds (default 20, at least 8) are slept; BASE (16M) and FACTOR (8) are the workload's.
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
SETTLE=${SETTLE:-20}
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

# Lines "seconds ticks" of a process, ten a second, until it ends.
watch_process() { # pid
    local pid=$1 stat now
    while read -r stat 2> /dev/null < "/proc/$pid/stat"; do
        now=$EPOCHREALTIME
        # behind the name, which is in brackets: state is the first field, utime the 12th
        # shellcheck disable=SC2086 # fields
        set -- ${stat##*) }
        [ "$1" = Z ] && return
        echo "${now/,/.} $((${12} + ${13}))"
        sleep 0.1
    done
}

# name of the case, options...
check() {
    local name=$1 child quiet
    shift
    "$GOHEAP" run spike "$@" --settle "$SETTLE" --json "$dir/json" > "$dir/out" 2>&1 &
    child=$!
    watch_process $child > "$dir/samples"
    if ! wait $child; then
        judge 0 "$name: the run failed: $(tail -n 2 "$dir/out")"
        return
    fi

    # The quietest stretch of SETTLE - 5 seconds lies within the sleep: the rest of it is left
    # for the heap to find out that it is idle, and to be collected once.
    quiet=$(awk -v span=$((SETTLE - 5)) -v hz="$(getconf CLK_TCK)" '
        { at[NR] = $1; ticks[NR] = $2 }
        END {
            best = -1
            i = 1
            for (j = 1; j <= NR; j++) {
                while (at[j] - at[i + 1] >= span && i < j)
                    i++
                if (at[j] - at[i] < span)
                    continue
                used = (ticks[j] - ticks[i]) / hz / (at[j] - at[i])
                if (best < 0 || used < best)
                    best = used
            }
            print best
        }' "$dir/samples")
    judge "$(awk -v q="$quiet" 'BEGIN { print (q >= 0 && q < 0.02) }')" \
        "$name: used $quiet of a processor while it slept, less than 0.02 is expected"
    echo "$name: $quiet of a processor while asleep"

    # Resident at most 1.2 times what is alive, and what cannot be given back: holes between
    # survivors, which do not move; all metadata; stacks; and what a run of nothing has.
    "$GOHEAP" run null --n 1 --json "$dir/null" > /dev/null || judge 0 "$name: run null failed"
    awk -v name="$name" '
        FNR == 1 { file++ }
        { value = $0; sub(/.*: /, "", value); value += 0 }
        file == 1 && /"peak-RSS-bytes": / { own = value }
        /"(live_bytes|rss_settled)": \{/ { metric = $1 }
        file == 2 && /"value": / && metric != "" { figure[metric] = value; metric = "" }
        file == 2 && /"\/memory\/classes\/(metadata\/|other:|os-stacks:|heap\/stacks:)/ { metadata += value }
        file == 2 && /"\/memory\/classes\/heap\/unused:/ { holes = value }
        END {
            mib = 1048576
            live = figure["\"live_bytes\":"] / mib
            resident = figure["\"rss_settled\":"] # in MiB
            most = 1.2 * live + (holes + metadata + own) / mib
            printf "%s: %.1f MiB resident after the sleep; %.1f alive, %.1f holes, %.1f metadata and stacks, %.1f a run of nothing\n",
                name, resident, live, holes / mib, metadata / mib, own / mib
            if (live <= 0 || own <= 0 || resident <= 0) {
                print "FAIL: " name ": the report lacks live_bytes, rss_settled or peak-RSS-bytes"
                exit 1
            }
            if (resident > most) {
                printf "FAIL: %s: at most %.1f MiB are expected\n", name, most
                exit 1
            }
        }' "$dir/null" "$dir/json"
    judge $((! $?)) "$name: resident memory"
}

check "defaults" --base "${BASE:-16M}" --factor "${FACTOR:-8}"
"$GOHEAP" list options | grep -q '^--memlimit' &&
    check "with a limit" --base "${BASE:-16M}" --factor "${FACTOR:-8}" --memlimit 1GiB

echo "$checks checks, $fails failures"
[ $fails = 0 ] && [ $checks -gt 0 ]
