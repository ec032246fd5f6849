#!/bin/bash
# The JSON report: it parses (goheap's own json workload reads it, and python3 where there is
# one), goes by the schema of results/README.md, and agrees with itself.
# builds: release debug asan
# quick: yes
set -u
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/goheap}
readme=$(cd "$(dirname "$0")/../.." && pwd)/results/README.md
fails=0 checks=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset GOGC GOMAXPROCS GODEBUG

# file, pattern...: each is in the file
says() {
    local file=$1 p
    shift
    for p in "$@"; do
        checks=$((checks + 1))
        grep -qE -- "$p" "$file" || fail "$file: nothing matches $p"
    done
}

GOGC=50 GODEBUG=madvdontneed=0 GOHEAP_PROCS=2 "$GOHEAP" run binary-trees --depth 12 --threads 2 \
    --json report.json > text || fail "status $?"
says report.json '^  "schema": 1,$' '"interrupted": false' '"verified": true' \
    '"name": "binary-trees"' '"/gc/gogc:percent": 50' '"/sched/gomaxprocs:threads": 2' \
    '"ns_per_node": \{' '"checksum": "0x0*[1-9a-f]' '"peak-RSS-bytes": [1-9]' \
    '"wall_seconds": [0-9.e-]+' '"pause_p99_ns": [0-9]' '"threads": 2' '"kernel": "'
says text '^binary-trees --depth 12' 'checksum .* ok$' 'GOGC 50, 2 procs, 2 mutator threads'

# the same cycles in both
cycles=$(sed -n 's/^    "cycles": \([0-9]*\),*$/\1/p' report.json)
says text "collections +$cycles cycles?"

# standard output: JSON and nothing else; and an old file is replaced as a whole
head -c 100000 /dev/zero > old.json
"$GOHEAP" run null --n 1000 --json old.json --quiet > out || fail "status $?"
[ -s out ] && fail "--quiet prints something"
"$GOHEAP" run null --n 1000 --json - > stdout.json || fail "status $?"
[ "$(head -n 1 stdout.json)" = "{" ] || fail "--json -: text in front of the JSON"
"$GOHEAP" run null --n 1000 --gogc off --memlimit 64MiB --marker objects --godebug clobberfree=1 \
    --json - --output text.off > off.json || fail "status $?"
says off.json '"/gc/gogc:percent": -1' '"/gc/gomemlimit:bytes": 67108864' \
    '"memory_limit_bytes": 67108864' '"marker": "objects"'
says text.off 'GOGC off, memory limit 64.0 MiB, ' 'marker objects'
says report.json '"memory_limit_bytes": null' '"/gc/gomemlimit:bytes": 9223372036854775807' \
    '"stops": [1-9]' '"cpu_share_pause": 0\.' '"time_to_stop_max_ns": [0-9]'
# what is at work, not what was asked for, if a debug switch has put it in its place
for row in gcstoptheworld=1:stw gcstoptheworld=2:stw sbrk=1:sbrk; do
    "$GOHEAP" run null --n 1000 --godebug ${row%:*} --json debug.json --output text.debug ||
        fail "${row%:*}: status $?"
    says debug.json "\"collector\": \"${row#*:}\""
    says text.debug "collector ${row#*:}"
done
for list in workloads size-classes options godebug; do
    "$GOHEAP" list $list --json > list-$list.json || fail "list $list --json: status $?"
done

# every document parses
parsed=0
for f in *.json; do
    "$GOHEAP" run json --file "$f" --rounds 1 --quiet || fail "$f does not parse"
    if command -v python3 > /dev/null; then
        python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$f" || fail "$f: python3"
    fi
    parsed=$((parsed + 1))
done
[ "$parsed" = 9 ] || fail "$parsed documents, not 9"

# every key of the report is described, and every key that is described is there
tr -d ' ' < report.json | sed -n 's/^"\([^"]*\)":.*/\1/p' | sort -u > keys
for key in $(cat keys); do
    case $key in
    depth | ns_per_node | value | source | unit | buckets | counts) continue ;; # names, and parts of values
    esac
    checks=$((checks + 1))
    grep -qF -- "\`$key\`" "$readme" || fail "results/README.md does not describe $key"
done
for key in $(sed -n '/^## The comparison/q;s/^| `\([^`]*\)` .*/\1/p' "$readme"); do
    checks=$((checks + 1))
    grep -qxF -- "$key" keys || fail "results/README.md describes $key, which is not there"
done

echo "$parsed documents, $checks checks, $fails failures"
[ $fails = 0 ] && [ $checks -gt 100 ]
