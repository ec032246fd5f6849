#!/bin/bash
# SIGINT and SIGTERM in the middle of a run: the run ends soon, what was measured is reported,
# with "interrupted": true, and the status is 130 or 143. The second signal ends it at once.
# builds: release debug tsan
# timeout: 120
set -u
# long enough to be interrupted, in trees small enough to end soon
depth=21
[ "${BUILD:-}" = tsan ] && depth=17
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# Wait for the first gctrace line, at most 20 seconds: from then on the run is under way.
started() { # pid log
    local i
    for i in $(seq 200); do
        grep -q '^gc 1 ' "$2" && return 0
        kill -0 "$1" || break
        sleep 0.1
    done
    fail "no collection within 20 seconds: $(cat "$2")"
    kill -9 "$1"
    return 1
}

interrupt_with() { # signal status threads
    local pid status before after
    : > log
    # bash starts background jobs with SIGINT ignored; env puts it back
    env --default-signal=INT "$GOHEAP" run binary-trees --depth $depth --threads "$3" --gctrace \
        --json report.json --output report.txt 2> log &
    pid=$!
    started $pid log || return
    before=$SECONDS
    kill -s "$1" $pid
    wait $pid
    status=$?
    after=$SECONDS
    [ $status = "$2" ] || fail "$1: status $status, not $2: $(tail -n 3 log)"
    [ $((after - before)) -le 20 ] || fail "$1: it took $((after - before)) s to stop"
    if [ ! -s report.json ]; then
        fail "$1: no JSON report: $(ls -A) $(grep -v '^gc ' log)"
    else
        grep -q '"interrupted": true' report.json || fail "$1: JSON: not marked as interrupted"
        grep -q '"verified": false' report.json || fail "$1: JSON: verified, it says"
        [ "$(tail -n 1 report.json)" = '}' ] || fail "$1: JSON: cut off"
        grep -q INTERRUPTED report.txt || fail "$1: the text does not say so"
        if command -v python3 > /dev/null; then
            python3 -c 'import json; json.load(open("report.json"))' || fail "$1: JSON: broken"
        fi
    fi
    grep -v '^gc ' log | grep -q . && fail "$1: stderr: $(grep -v '^gc ' log | head -n 3)"
    rm -f report.json report.txt log
}

interrupt_with INT 130 1
interrupt_with TERM 143 2

# two at once: out, with nothing left behind
: > log
env --default-signal=INT "$GOHEAP" run binary-trees --depth $depth --gctrace --json report.json \
    > out 2> log &
pid=$!
if started $pid log; then
    kill -s INT $pid
    kill -s TERM $pid
    wait $pid
    status=$?
    case $status in 130 | 143) ;; *) fail "two signals: status $status" ;; esac
fi

# in the middle of one big tree: it is not made to the end
: > log
[ "${BUILD:-}" = tsan ] && depth=20 || depth=26
env --default-signal=INT "$GOHEAP" run binary-trees --depth $depth --gctrace --json report.json \
    > out 2> log &
pid=$!
if started $pid log; then
    before=$SECONDS
    kill -s INT $pid
    wait $pid
    status=$?
    [ $status = 130 ] || fail "INT in the first tree: status $status"
    [ $((SECONDS - before)) -le 10 ] || fail "INT in the first tree: $((SECONDS - before)) s"
    grep -q '"interrupted": true' report.json || fail "INT in the first tree: no report"
fi
rm -f report.json out log

# while a report waits for the reader of a pipe
mkfifo fifo
env --default-signal=INT "$GOHEAP" run null --n 1k --quiet --json fifo 2> log &
pid=$!
sleep 1
kill -s TERM $pid
for _ in $(seq 50); do
    kill -0 $pid 2> /dev/null || break
    sleep 0.1
done
kill -9 $pid 2> /dev/null && fail "TERM while the report waits: it went on waiting"
wait $pid
status=$?
[ $status = 143 ] || fail "TERM while the report waits: status $status: $(cat log)"

echo "$fails failures"
[ $fails = 0 ]
