#!/bin/bash
# scripts/bench-peers: what it computes (bench_peers_test.py), and the whole of it, on made-up
# programs that can fail, hang and lie, and on goheap itself with tiny sizes.
# builds: release
# quick: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${GOHEAP:=$PWD/build/${BUILD:=release}/goheap}"
command -v python3 > /dev/null && python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
    { echo "skipped: no python3 of 3.9 or later"; exit 77; }
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
unset NO_COLOR
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

python3 -B tests/run/support/bench_peers_test.py > "$TMP/unit" 2>&1 || { cat "$TMP/unit"; fail "unit tests"; }
grep -q '^Ran [1-9]' "$TMP/unit" || fail "no unit test was run"

# --- made-up programs: each logs that it ran, and does what ILL_NAME says ---

cat > "$TMP/program" <<'END'
#!/bin/bash
name=${0##*/} mode=
ill=ILL_${name//-/_}
[ "${1-}" = version ] && { echo "goheap made up"; exit; }
echo "$name" >> "$LOG"
[ -z "${GODEBUG-}${MALLOC_CONF-}${GOHEAP_GOGC-}" ] || { echo "the environment is not clean" >&2; exit 9; }
[[ " $* " =~ " --mode "([a-z]+) ]] && mode=${BASH_REMATCH[1]}
sum=0x00000000000000ff
case ${!ill-} in
fail) echo "no luck" >&2; exit 3 ;;
hang) touch "$LOG.hangs"; sleep 60 ;;
lie) sum=0x0000000000000011 ;;
mumble) echo "Hello, world." ;;
esac
case $name in
goheap)
    [[ " $* " == *" --procs 2 --gogc 100 "* ]] || { echo "wrong settings: $*" >&2; exit 9; }
    ns=${NS-2}
    cat << JSON
{"workload": {"metrics": {"ns_per_op": {"value": $ns, "unit": "ns"}}, "checksum": "$sum"},
 "time": {"wall_seconds": 0.1, "cpu_seconds": 0.1, "minor_page_faults": 1},
 "gc": {"cycles": 1}, "process": {"peak-RSS-bytes": 1048576}}
JSON
    exit ;;
go) [ "$GOGC.$GOMAXPROCS" = 100.2 ] || { echo "wrong settings" >&2; exit 9; }; ns=30 ;;
glibc) case $mode in imm) ns=5 ;; batch) ns=10 ;; *) ns=12 ;; esac ;;
jemalloc-static) case $mode in imm) ns=6 ;; batch) ns=8 ;; *) ns=14 ;; esac ;;
jemalloc) echo "a static one is there" >&2; exit 9 ;;
machine) echo "bump_16B_L2 1 ns"; exit ;;
esac
echo "ns_per_op $ns ns"
echo "wall 0.1 s"
echo "cpu 0.5 s"
echo "runq_wait 0 s"
echo "maxrss 4 MiB"
echo "checksum $sum -"
END
cat > "$TMP/build" <<END
touch "\$LOG.built"
for name in go glibc jemalloc jemalloc-static machine; do
    echo "\$name $TMP/\$name"
done
echo "SKIP boehm: there is no gc.h"
echo "VERSION go go made up"
END
chmod +x "$TMP/program"
for name in goheap go glibc jemalloc jemalloc-static machine; do
    ln -s program "$TMP/$name"
done

export LOG=$TMP/log PEERS_BUILD=$TMP/build
peers() { # status arguments...: run it, keep what it says, compare the status
    local want=$1 status
    shift
    : > "$LOG"
    GOHEAP=${BINARY-$TMP/goheap} GODEBUG=gctrace=1 MALLOC_CONF=x GOHEAP_GOGC=50 \
        scripts/bench-peers "$@" > "$TMP/out" 2> "$TMP/err"
    status=$?
    [ $status -eq "$want" ] ||
        { fail "status $status, expected $want: $*"; tail -n 20 "$TMP/out" "$TMP/err"; }
}
says() { # text...: in what was printed
    local text
    for text; do
        grep -qF -e "$text" "$TMP/out" "$TMP/err" || { fail "it does not say '$text'"; cat "$TMP/out"; }
    done
}
P16=(--only '^mb p16 t1$' --json "$TMP/r.json")

# all bars, exactly; the order of the samples
peers 0 "${P16[@]}" -n 3 --markdown "$TMP/r.md"
says "15.0x" "4.00x" "6.00x" "jemalloc-static batch " "glibc batchz" "glibc imm" "4 of 4 musts met; 2 of 3 aims reached" "go made up" "goheap made up" \
    "left out: there is no gc.h" "2.50x" "must <1 met"
grep -q '\[' "$TMP/out" && ! grep -q $'\033' "$TMP/out" || fail "colours in a file"
[ -s "$TMP/err" ] && fail "progress where there is no terminal: $(head -n 3 "$TMP/err")"
[ "$(head -n 18 "$LOG" | tr '\n' ' ')" = "goheap go glibc jemalloc-static glibc jemalloc-static glibc \
jemalloc-static machine go glibc jemalloc-static glibc jemalloc-static glibc jemalloc-static goheap machine " ] ||
    fail "samples in another order: $(tr '\n' ' ' < "$LOG")"
grep -qF '| mb p16 t1, ns an object | 2.00 | 30.0 | 15.0× [15.0..15.0] |' "$TMP/r.md" &&
    grep -qF '[All samples](r.json)' "$TMP/r.md" && grep -qF 'Left out: boehm (there is no gc.h)' "$TMP/r.md" ||
    { fail "markdown"; cat "$TMP/r.md"; }
grep -q '"command": "GOHEAP=goheap PEERS_BUILD=build scripts/bench-peers --only .* --json r.json' "$TMP/r.json" ||
    fail "the command: $(grep '"command"' "$TMP/r.json")"
grep -q '"mb p16 t1": {' "$TMP/r.json" || fail "what the row is"
cp "$TMP/out" "$TMP/first"

# a stored run says the same, and goes into a README, once and again
peers 0 --from "$TMP/r.json"
diff <(grep -v '^samples:' "$TMP/first") "$TMP/out" > "$TMP/diff" || { fail "--from says something else"; cat "$TMP/diff"; }
printf 'head\n<!-- peers: begin -->\n<!-- peers: end -->\ntail\n' > "$TMP/README"
peers 0 --from "$TMP/r.json" --readme "$TMP/README"
peers 0 --from "$TMP/r.json" --readme "$TMP/README"
[ "$(grep -c '15.0×' "$TMP/README")" -eq 1 ] && head -n 1 "$TMP/README" | grep -q head &&
    tail -n 1 "$TMP/README" | grep -q tail || { fail "--readme"; cat "$TMP/README"; }
echo 'no markers' > "$TMP/README"
peers 2 --from "$TMP/r.json" --readme "$TMP/README"
[ "$(cat "$TMP/README")" = 'no markers' ] || fail "--readme wrote without markers"

# what is no file of results, or of other rows
echo '{"schema": 1, "samples": [' > "$TMP/bad.json"
peers 2 --from "$TMP/bad.json"
says "$TMP/bad.json: Expecting"
sed 's/"round":0/"round":"first"/' "$TMP/r.json" > "$TMP/bad.json"
peers 2 --from "$TMP/bad.json"
says "samples[0].round is not a whole number"
peers 2 --from "$TMP/nowhere"
says "No such file"
sed -e 's/mb p16 t1/mb p15 t1/' "$TMP/r.json" > "$TMP/other.json"
peers 0 --from "$TMP/other.json"
says "rows not known any more, and left out: mb p15 t1"
printf '<!-- peers: begin -->\n<!-- peers: end -->\n' > "$TMP/README"
sed 's/"scale": 1/"scale": 0.5/' "$TMP/r.json" > "$TMP/other.json"
peers 1 --from "$TMP/other.json" --readme "$TMP/README"
says "the run was scaled"
sed 's/"interrupted": false/"interrupted": true/' "$TMP/r.json" > "$TMP/other.json"
peers 1 --from "$TMP/other.json" --readme "$TMP/README"
says "the run was interrupted"
grep -q '15.0×' "$TMP/README" && fail "--readme takes such results"

# too slow
NS=7 peers 1 "${P16[@]}" -n 3
says "4.29x" "MISSED" "aim >=8 1.87x off" "3 of 4 musts met, 1 missed; 0 of 3"

# one that fails, cannot be read, hangs or lies is named, and the others are judged
ILL_go=fail peers 1 "${P16[@]}" -n 3
says "FAILED  go: exit status 3: no luck" "not judged" "glibc batchz" "6.00x"
[ "$(grep -c '^go$' "$LOG")" -eq 2 ] || fail "go was tried $(grep -c '^go$' "$LOG") times"
ILL_goheap=fail peers 1 "${P16[@]}" -n 3
says "FAILED  goheap: exit status 3" "30.0"
ILL_go=mumble peers 1 "${P16[@]}" -n 3
says "FAILED  go: its output cannot be read"
ILL_go=hang peers 1 "${P16[@]}" -n 3 --timeout 0.3
says "FAILED  go: did not end within 0.3 s" "6.00x"
ILL_go=lie peers 1 "${P16[@]}" -n 3
says "FAILED  go: checksum 0x0000000000000011, others 0x00000000000000ff" "6.00x"
ILL_machine=fail peers 1 "${P16[@]}" -n 3
says "FAILED  machine: exit status 3" "15.0x"

# Ctrl-C: the peer that runs is ended, what there is is kept and shown
interrupt() { # arguments...: run it, and stop it once $LOG.hangs is there
    local child i status
    : > "$LOG"
    rm -f "$LOG.hangs"
    GOHEAP=$TMP/goheap python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.argv[1], sys.argv[1:])' scripts/bench-peers "$@" > "$TMP/out" 2> "$TMP/err" &
    child=$!
    for ((i = 0; i < 100; i++)); do
        [ -e "$LOG.hangs" ] && break
        sleep 0.1
    done
    kill -INT $child
    wait $child
    status=$?
    [ $status -eq 130 ] || { fail "status $status of an interrupted run"; cat "$TMP/err"; }
    grep -q Traceback "$TMP/err" && fail "Ctrl-C: $(cat "$TMP/err")"
}
ILL_machine=hang interrupt "${P16[@]}" -n 3
says "interrupted" "15.0x*" "6.00x*"
grep -q '"interrupted": true' "$TMP/r.json" || fail "the results do not say that they are cut short"

printf '%s\n' 'touch "$LOG.hangs"' 'exec sleep 60' > "$TMP/slow"
PEERS_BUILD=$TMP/slow interrupt "${P16[@]}" -n 3
says "interrupted"

# the command line: what can be said before anything is built, is
rm -f "$LOG.built"
peers 2 --only nothing
says "no row has such a name" "mb p16 t1, "
peers 2 --only '^mark rand' --quick
says "among those of --quick"
peers 2 --peers go,gibc
says "there is no gibc; there are: arena, boehm"
peers 2 "${P16[@]}" --json "$TMP"
says "--json: $TMP: "
peers 2 "${P16[@]}" --markdown "$TMP/program/below"
says "--markdown: $TMP/program/below: "
peers 2 "${P16[@]}" --scale 0.1 --readme
[ -e "$LOG.built" ] && fail "built for a wrong command line"
peers 2 --peers boehm
says "there is no boehm: there is no gc.h"
peers 2 -n 2
peers 2 --lost
peers 0 --list --quick
says "mb p16 t1" "samples, about"
peers 0 --help
says "--readme" "exit status"
[ -s "$LOG" ] && fail "--list and --help run programs"
BINARY=$TMP/lost peers 1 "${P16[@]}"
says "there is no $TMP/lost"
echo 'echo "cc: no such file" >&2; exit 1' > "$TMP/build"
peers 1 "${P16[@]}"
says "cc: no such file"

# goheap itself: all mutators come to the same result; bars are not judged here
echo ':' > "$TMP/build"
GOHEAP=$GOHEAP scripts/bench-peers --only '^scale (mb|bin)' -n 1 --scale 0.001 --json "$TMP/r.json" > "$TMP/out" 2>&1
says "scale mb p64" "16 mutators" "of 3 musts met"
grep -q FAILED "$TMP/out" && { fail "goheap"; grep FAILED "$TMP/out"; }

[ $failures -eq 0 ] && echo "bench-peers: $(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$TMP/unit") unit tests, made-up peers and goheap"
exit $((failures > 0))
