#!/bin/bash
# Wrong input: each case gives its status, exactly one line on stderr that begins with "goheap:"
# and says what is expected here, nothing on stdout, and leaves no file behind.
# builds: release debug asan
# quick: yes
set -u
BUILD=${BUILD:-release}
GOHEAP=${GOHEAP:-$(cd "$(dirname "$0")/../.." && pwd)/build/$BUILD/goheap}
fails=0 cases=0
unset GOGC GOMAXPROCS GODEBUG GOMEMLIMIT
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/work"
cd "$dir/work" || exit 1

fail() { echo "FAIL: $*"; fails=$((fails + 1)); }

# status, what the line says (extended regular expression), command...
expect() {
    local want=$1 says=$2 got
    shift 2
    "$@" > "$dir/out" 2> "$dir/err" < /dev/null
    got=$?
    cases=$((cases + 1))
    [ $got = "$want" ] || fail "$*: status $got, not $want: $(cat "$dir/err")"
    [ "$(wc -l < "$dir/err")" = 1 ] || fail "$*: $(wc -l < "$dir/err") lines: $(cat "$dir/err")"
    grep -qE '^goheap: ' "$dir/err" || fail "$*: no \"goheap:\" in front: $(cat "$dir/err")"
    grep -qE -- "$says" "$dir/err" || fail "$*: \"$says\" is not said: $(cat "$dir/err")"
    [ ! -s "$dir/out" ] || fail "$*: something on stdout: $(head -n 3 "$dir/out")"
    [ -z "$(ls -A)" ] || { fail "$*: left behind: $(ls -A)"; rm -rf ./* ./.g*; }
}

g=$GOHEAP

# usage
expect 2 "no command 'rum'.*did you mean run" "$g" rum
expect 2 "no option '--nosuch'" "$g" --nosuch
expect 2 'which workload\?' "$g" run
expect 2 "no workload 'binary-tree'; did you mean binary-trees" "$g" run binary-tree
expect 2 "no workload 'zzzzzzzz'; 'goheap list workloads'" "$g" run zzzzzzzz
expect 2 "--depth: -3 is out of range" "$g" run binary-trees --depth -3
expect 2 "--depth: 99999999999999999999 is out of range" "$g" run binary-trees \
    --depth 99999999999999999999
expect 2 "--n: 99999999999999999999k is out of range" "$g" run mb --n 99999999999999999999k
expect 2 "--depth: '1x' is not a whole number" "$g" run binary-trees --depth 1x
expect 2 '--depth' "$g" run binary-trees --depth
expect 2 "no option --dept[ho]*s; did you mean --depth" "$g" run binary-trees --depths 3
expect 2 "no option -z" "$g" run null -z
expect 2 "one workload at a time.*'null' and then 'mb'" "$g" run null mb
expect 2 '--procs: 0 is out of range \(1 to 1024\)' "$g" run null --procs 0
expect 2 '--procs: 1025 is out of range' "$g" run null --procs 1025
expect 2 '--procs: 99999999999999999999 is out of range' "$g" run null \
    --procs 99999999999999999999
expect 2 "--procs: 'two' is not a whole number" "$g" run null --procs two
expect 2 '--threads: 0 is out of range' "$g" run null --threads 0
expect 2 "--gogc: 'abc' is not a percentage" "$g" run null --gogc abc
expect 2 '--gogc: a value is missing' "$g" run null --gogc
expect 2 '--gogc' "$g" run null --gogc=
expect 2 "--collector: 'zgc' is not one of .*stw" "$g" run null --collector zgc
expect 2 "--marker: 'cards' is not one of spans, objects" "$g" run null --marker cards
expect 2 "--memlimit: '768Mi' is not a number of bytes.*; did you mean 768MiB\?" \
    "$g" run null --memlimit 768Mi --json report.json
expect 2 "--memlimit: '1.5GiB' .*KiB, MiB, GiB, TiB.*; did you mean 1536MiB\?" \
    "$g" run null --memlimit 1.5GiB
expect 2 '--memlimit: -1 is negative' "$g" run null --memlimit -1
expect 2 "--memlimit: '8388608TiB' is too large" "$g" run null --memlimit 8388608TiB
expect 2 "--memlimit: 'lots' is not a number of bytes" "$g" run null --memlimit lots
expect 2 '--memlimit: a value is missing' "$g" run null --memlimit
expect 2 '--gctrace: 3 is out of range \(0 to 2\)' "$g" run null --gctrace=3
expect 2 "--gctrace: 'all' is not a whole number" "$g" run null --gctrace=all
expect 2 "--gcpacertrace: '2' is neither 0 nor 1" "$g" run null --gcpacertrace=2
expect 2 "--scavtrace: 'x' is neither 0 nor 1" "$g" run null --scavtrace=x
expect 2 "--godebug: there is no key 'gcchekmark'; did you mean gccheckmark" \
    "$g" run null --godebug gcchekmark=1 --json report.json
expect 2 "--godebug: there is no key 'verbose'; 'goheap list godebug'" \
    "$g" run null --godebug verbose=1
expect 2 "--godebug: 'sbrk' is not of the form key=value" "$g" run null --godebug sbrk
expect 2 "--godebug: gcstoptheworld: '3' is not a whole number from 0 to 2" \
    "$g" run null --godebug sbrk=0,gcstoptheworld=3
expect 2 "--godebug: invalidptr: '' is not a whole number" "$g" run null --godebug invalidptr=
expect 2 '--godebug: a value is missing' "$g" run null --godebug
for w in finalizers weak; do
    expect 2 "$w waits for objects to die, and under sbrk=1" "$g" run $w --godebug sbrk=1
done
expect 2 "--idle-release: 'yes' is neither 0 nor 1" "$g" run null --idle-release yes
expect 2 "--verify: '3'" "$g" run null --verify=3
expect 2 'both name' "$g" run null --json - --output -
expect 2 'are the same file' "$g" run null --json report --output ./report
expect 2 'are the same file' "$g" run null --json "$dir/work/report" --output report
expect 2 'json needs --' "$g" run json
expect 2 "no list 'size'; did you mean size-classes\?" "$g" list size
expect 2 "no list 'zzzzzzzz'; there are workloads, size-classes" "$g" list zzzzzzzz
expect 2 "no command or workload 'bynary-trees'; did you mean binary-trees" "$g" help bynary-trees

# environment
expect 2 "GOGC: 'abc' is not a percentage; Go would silently use 100" env GOGC=abc "$g" run null
expect 2 'GOGC: .*Go would silently use 100' env GOGC=1e18 "$g" run null
expect 2 "GOHEAP_GOGC: '-1' is not a percentage" env GOHEAP_GOGC=-1 "$g" run null
expect 2 'GOMAXPROCS: 0 is out of range' env GOMAXPROCS=0 "$g" run null
expect 2 "GOMAXPROCS: 'abc' is not a whole number" env GOMAXPROCS=abc "$g" run null
expect 2 "GODEBUG=gctrace: 'yes'" env GODEBUG=gctrace=yes "$g" run null
for key in gcpacertrace scavtrace gcstoptheworld gccheckmark clobberfree gcshrinkstackoff sbrk \
    madvdontneed harddecommit disablethp invalidptr; do
    expect 2 "GODEBUG=$key: 'x'" env GODEBUG=gctrace=0,$key=x "$g" run null
    expect 2 "GOHEAP_GODEBUG: $key: 'x'" env GOHEAP_GODEBUG=$key=x "$g" run null
done
expect 2 "GODEBUG=gccheckmark: '2' is neither" env GODEBUG=gccheckmark=2 "$g" run null
expect 2 'GODEBUG=gcstoptheworld: 3 is out of range' env GODEBUG=gcstoptheworld=3 "$g" run null
expect 2 "GOMEMLIMIT: '768Mi' .*did you mean 768MiB\? \(Go would not start" \
    env GOMEMLIMIT=768Mi "$g" run null --json report.json
expect 2 'GOMEMLIMIT: -5 is negative' env GOMEMLIMIT=-5 "$g" run null
expect 2 "GOHEAP_MEMLIMIT: '2GB' .*did you mean 2GiB" env GOHEAP_MEMLIMIT=2GB "$g" run null
expect 2 "GOHEAP_MARKER: 'x' is not one of" env GOHEAP_MARKER=x "$g" run null

# files: found before the run, so a long one must not start
long="--depth 26"
# shellcheck disable=SC2086
{
    expect 1 'cannot write no/such/file: No such file or directory; does its directory' \
        "$g" run binary-trees $long --json no/such/file
    expect 1 'cannot write no/such/file' "$g" run binary-trees $long --output no/such/file
    expect 1 'cannot write /: Is a directory' "$g" run binary-trees $long --json /
    expect 1 'cannot write /proc/nope' "$g" run binary-trees $long --json /proc/nope
}
expect 1 'cannot write /dev/full: No space left' "$g" run null --quiet --json /dev/full
expect 1 'cannot write /dev/full: No space left' "$g" run null --output /dev/full
expect 1 'cannot write standard output: No space left' bash -c '"$0" run null > /dev/full' "$g"
expect 1 'cannot write standard output: No space left' bash -c '"$0" list > /dev/full' "$g"
expect 1 'cannot write /dev/full' "$g" run null --output /dev/full --json kept-back.json
expect 1 'cannot write cut.json: File too large' \
    bash -c 'ulimit -f 1; "$0" run null --quiet --json cut.json' "$g"

file=$("$g" help json | sed -n 's/^ *--\([a-z]*\) FILE.*/\1/p' | head -n 1)
mkdir "$dir/adir"
expect 1 'no-such.json' "$g" run json "--$file" "$dir/no-such.json"
expect 1 'adir' "$g" run json "--$file" "$dir/adir" --json report.json
echo '{"a": [1, 2' > "$dir/cut.json"
expect 1 'cut.json' "$g" run json "--$file" "$dir/cut.json" --json report.json

mkfifo "$dir/fifo"
expect 1 'fifo is not a regular file' timeout 20 "$g" run json "--$file" "$dir/fifo"

# plug-ins
expect 2 'plug-in.*missing.so' "$g" run "$dir/missing.so"
echo text > "$dir/text.so"
expect 2 'plug-in.*text.so' "$g" run "$dir/text.so"
if command -v "${CC:-gcc}" > /dev/null; then
    echo 'const unsigned gh_plugin_workload[64] = {0x676f6870, 999};' > "$dir/abi.c"
    "${CC:-gcc}" -shared -fPIC -o "$dir/abi.so" "$dir/abi.c"
    expect 2 'plug-in .*abi.so: it is built for workload ABI 999' "$g" run "$dir/abi.so"
    echo 'int nothing;' > "$dir/empty.c"
    "${CC:-gcc}" -shared -fPIC -o "$dir/empty.so" "$dir/empty.c"
    expect 2 'plug-in .*empty.so has no symbol' "$g" run "$dir/empty.so"
fi

# memory refused by the OS (sanitizers need the address space for themselves)
refused() { # KiB of address space, command...
    local kib=$1
    shift
    (ulimit -v "$kib" && exec "$@") > "$dir/out" 2> "$dir/err" < /dev/null
    local got=$?
    cases=$((cases + 1))
    [ $got = 0 ] && return 0
    [ $got = 1 ] || fail "ulimit -v $kib: status $got: $(cat "$dir/err")"
    [ "$(wc -l < "$dir/err")" = 1 ] || fail "ulimit -v $kib: not one line: $(cat "$dir/err")"
    [ -z "$(ls -A)" ] || { fail "ulimit -v $kib: left behind: $(ls -A)"; rm -rf ./* ./.g*; }
    return 1
}
if [ "$BUILD" != asan ] && [ "$BUILD" != tsan ]; then
    limits="50000 100000 200000 400000 610000 640000 670000 700000 800000"
    [ "$BUILD" = release ] && limits="$limits 2000000"
    refusals=0
    for kib in $limits; do
        refused $kib "$g" run binary-trees --depth 21 --gogc off --quiet --json report.json
        [ -s "$dir/err" ] && refusals=$((refusals + 1))
        rm -f report.json
        refused $kib "$g" run large --n 200 --threads 1 --quiet --json report.json
        rm -f report.json
    done
    [ $refusals -ge 4 ] || fail "memory was refused only $refusals times"
fi

# settings without effect are said, and the run goes on
warns() { # what the line says, command...
    local says=$1
    shift
    "$@" > "$dir/out" 2> "$dir/err" < /dev/null || fail "$*: status $?"
    cases=$((cases + 1))
    [ "$(wc -l < "$dir/err")" = 1 ] || fail "$*: $(wc -l < "$dir/err") lines: $(cat "$dir/err")"
    grep -qE -- "^goheap: run: warning: .*$says" "$dir/err" || fail "$*: not said: $says"
}
warns "--godebug: 'efence' is a setting of Go's that has no effect" \
    "$g" run null -n --godebug efence=1
warns "GOHEAP_GODEBUG: 'efence' is a setting of Go's" env GOHEAP_GODEBUG=efence=1 "$g" run null -n
warns "'schedtrace' is a setting of Go's that has no effect" env GODEBUG=schedtrace=9 "$g" run null -n
warns "'nonsense' is a setting that is not known" env GODEBUG=nonsense=1 "$g" run null -n
warns 'GOHEAP_GOCG is not a variable that is known' env GOHEAP_GOCG=50 "$g" run null -n
for silent in GOMEMLIMIT=off GOMEMLIMIT=1GiB GOMEMLIMIT= GODEBUG=gctrace=2,invalidptr=0; do
    env $silent "$g" run null -n 2>&1 > /dev/null | grep . && fail "$silent: a warning"
    cases=$((cases + 1))
done

# a reader that goes away is no error worth a word
"$g" list options 2> "$dir/err" | head -n 1 > /dev/null
[ -s "$dir/err" ] && fail "closed pipe: $(cat "$dir/err")"

echo "$cases cases, $fails failures"
[ $fails = 0 ]
