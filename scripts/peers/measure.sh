# Sourced by the scripts that measure, from the top of the tree. They share how a sample is taken
# and judged clean, how figures are read from goheap and from the Go peer, and how two sides are
# compared; so that their tables can be laid beside each other.
# shellcheck shell=bash
#
# Environment: GOHEAP names another binary than build/release/goheap; REPS is the number of
# samples, SCALE (default 1) a factor for all sizes, for trying the scripts out.

export LC_ALL=C
unset GOGC GOMAXPROCS GODEBUG GOMEMLIMIT "${!GOHEAP_@}"
GOHEAP=${GOHEAP:-build/release/goheap}
SCALE=${SCALE:-1}
OUT=build/peers
PEER=$OUT/peer
SELF=$(basename "$0")
ARGUMENTS="${*:+$* }"

die() { # message...
    echo "$SELF: $*" >&2
    exit 1
}

# The synopsis: the second and third paragraph of the comment at the head of the script.
usage() {
    awk '/^#!/ { next } /^#$/ { n++ } n > 2 || !/^#/ { exit } n { sub(/^# ?/, ""); print }' "$0" >&2
    exit 2
}

# --- what there is to measure ---

need_goheap() {
    [ -x "$GOHEAP" ] || die "there is no $GOHEAP; 'make' builds it"
}

has_workload() { "$GOHEAP" list workloads | grep -q "^$1 "; }
has_option() { "$GOHEAP" list options | grep -q "^--$1\([ =]\|\$\)"; }
has_collector() { "$GOHEAP" run null --collector "$1" --dry-run > /dev/null 2>&1; }

# Says which is missing and ends the script as skipped: what it measures cannot be had.
need_collector() { # name
    has_collector "$1" && return
    echo "skipped: $GOHEAP has no collector $1, whose work is measured here"
    echo "(COLLECTOR=NAME tries the script with another)"
    exit 77
}
need_option() { # name
    has_option "$1" && return
    echo "skipped: $GOHEAP has no option --$1"
    exit 77
}

# The Go program, as build/peers/peer, and its workload start, which is a program apart, as
# peer-start beside it. A copy is built that says the version that builds it: an older go line
# asks for older habits.
build_go_peer() {
    mkdir -p $OUT || exit 1
    rm -f $PEER $PEER-start
    command -v go > /dev/null || return 1
    rm -rf $OUT/src && cp -r scripts/peers/go $OUT/src &&
        (export GOTOOLCHAIN=local GOFLAGS= GOWORK=off CGO_ENABLED=0 &&
            cd $OUT/src && version=$(go env GOVERSION) && version=${version#go} &&
            go mod edit -go="${version%%[-+ ]*}" && go build -o ../peer . &&
            go build -o ../peer-start ./start)
}

need_go_peer() {
    build_go_peer && return
    echo "skipped: no go on PATH, or it could not build scripts/peers/go"
    exit 77
}

# A size times SCALE, at least the second argument; and a depth, which is a power of two.
scaled() { # n least
    awk -v n="$1" -v least="${2:-1}" -v s="$SCALE" 'BEGIN {
        x = int(n * s + 0.5)
        printf "%d\n", x < least ? least : x
    }'
}
scaled_log2() { # n least
    awk -v n="$1" -v least="${2:-1}" -v s="$SCALE" 'BEGIN {
        x = int(n + log(s) / log(2) + 0.5)
        printf "%d\n", x < least ? least : x
    }'
}

check_settings() {
    [[ $SCALE =~ ^[0-9]*\.?[0-9]+$ ]] && awk -v s="$SCALE" 'BEGIN { exit !(s > 0) }' ||
        die "SCALE=$SCALE must be a number above 0"
    [[ $REPS =~ ^[1-9][0-9]{0,3}$ ]] || die "REPS=$REPS must be a number from 1 to 9999"
}

# --- cells: workload.threads ---

# What a workload is given, on both sides.
sizes_of() { # workload
    case $1 in
    binary-trees) echo "--depth $(scaled_log2 18 6)" ;;
    gcbench) echo "--depth $(scaled_log2 18 8) --array $(scaled 500000 2000)" ;;
    win1k) echo "--slots $(scaled 200000 8) --pushes $(scaled 1000000 40)" ;;
    win64) echo "--slots $(scaled 2500000 8) --pushes $(scaled 5000000 16)" ;;
    churn) echo "--slots $(scaled 1000000 8) --ops $(scaled 5000000 40)" ;;
    esac
}

command_of() { # cell side
    local workload=${1%.*} threads=${1##*.}
    if [ "$2" = goheap ]; then
        echo "$GOHEAP run $workload $(sizes_of "$workload") --threads $threads" \
            "--collector $COLLECTOR --gogc 100 --procs 2 --gctrace --quiet --json -"
    else
        echo "env GOGC=100 GOMAXPROCS=2 GODEBUG=gctrace=1 $PEER $workload" \
            "$(sizes_of "$workload") --threads $threads"
    fi
}

# Set CELLS to those of ALL that are asked for and can be measured; ends the script if there are
# none, or if something they need is missing.
choose_cells() { # workloads...
    local name cell
    check_settings
    for name; do
        [[ " $ALL " == *" $name."* ]] || usage
    done
    need_goheap
    need_collector "$COLLECTOR"
    need_go_peer
    CELLS=()
    for cell in $ALL; do
        [ $# -gt 0 ] && [[ " $* " != *" ${cell%.*} "* ]] && continue
        if has_workload "${cell%.*}"; then
            CELLS+=("$cell")
        else
            echo "SKIP  $cell: $GOHEAP has no workload ${cell%.*}"
        fi
    done
    [ ${#CELLS[@]} -gt 0 ] || { echo "skipped: nothing to measure"; exit 77; }
}

header() { # settings that count
    echo "command   $0 $ARGUMENTS(${1:-REPS=$REPS SCALE=$SCALE GOHEAP=$GOHEAP})"
    echo "date      $(date -u '+%Y-%m-%d %H:%M UTC'), load $(cut -d ' ' -f 1-3 /proc/loadavg 2> /dev/null)"
    echo "cpu       $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2> /dev/null | head -n 1), $(nproc) online"
    echo "kernel    $(uname -sr)"
    echo "goheap    $("$GOHEAP" version | head -n 1)"
    [ -x $PEER ] && echo "go        $(go version)"
    [ "$SCALE" = 1 ] || echo "SCALE is $SCALE: the script is being tried out; its figures and bars mean nothing"
}

# --- samples ---

work_dir() {
    DIR=$(mktemp -d) || exit 1
    trap 'rm -rf "$DIR"' EXIT
    trap 'exit 130' INT TERM
}

# Time the machine was busy, and time stolen from it, in hundredths of a second.
machine_time() {
    awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8, $9 + 0; exit }' /proc/stat 2> /dev/null
}

# Run a command into DIR/out and DIR/err, and set STATE: contended, if other processes used more
# than 5 % of a core meanwhile or the hypervisor took more than 2 %, else clean.
take() { # command...
    local busy=0 stolen=0 busy_end=0 stolen_end=0 status
    local TIMEFORMAT='%R %U %S'
    read -r busy stolen < <(machine_time)
    { time "$@" > "$DIR/out" 2> "$DIR/err"; } 2> "$DIR/time"
    status=$?
    read -r busy_end stolen_end < <(machine_time)
    STATE=$(awk -v busy=$((busy_end - busy)) -v stolen=$((stolen_end - stolen)) 'END {
        other = (busy / 100 - $2 - $3) / ($1 + 1e-9)
        print (other > 0.05 || stolen / 100 / ($1 + 1e-9) > 0.02) ? "contended" : "clean"
    }' "$DIR/time")
    return $status
}

# goheap's JSON report as lines "path value": workload.metrics.worst.value 12. Of a histogram its
# largest value is given, as path.max: the upper edge of the last bucket with something in it.
json_figures() { # file
    awk '
    function path(d,    i, p) {
        for (i = 1; i < d; i++)
            p = p key[i] "."
        return p
    }
    {
        d = match($0, /[^ ]/) ? int((RSTART - 1) / 2) : 0
        value = $0
        sub(/^ */, "", value)
        sub(/,$/, "", value)
    }
    list != "" && d > depth { item[list, ++n[list]] = value; next }
    list != "" {
        if (list == "counts")
            for (i = n["counts"]; i > 0; i--)
                if (item["counts", i] + 0 > 0) {
                    edge = item["buckets", i + 1] + 0 # "+Inf" in quotes is none
                    print path(depth) "max", (edge > 0 ? edge : item["buckets", i])
                    break
                }
        list = ""
        next
    }
    value !~ /^"/ { next }
    {
        at = index(value, "\": ")
        if (at == 0)
            next
        key[d] = substr(value, 2, at - 2)
        value = substr(value, at + 3)
        if (value == "[") {
            list = key[d]
            depth = d
            n[list] = 0
        } else if (value != "{") {
            gsub(/^"|"$/, "", value)
            print path(d) key[d], value
        }
    }' "$1"
}

# What lines of gctrace say: the largest heap at a mark termination (MiB) and the longest stop
# (us). A collector that marks in a stopped world stands still for the middle figure as well.
trace_figures() { # file collector
    awk -v whole_stopped="$([ "$2" = stw ] && echo 1 || echo 0)" '
    $1 == "gc" && / ms clock, / && match($0, /[0-9]+->[0-9]+->[0-9]+ MB/) {
        split(substr($0, RSTART, RLENGTH), heap, "->")
        clock = $0
        sub(/ ms clock, .*/, "", clock)
        sub(/.* /, "", clock)
        split(clock, ms, "+")
        stop = ms[1] + 0 > ms[3] + 0 ? ms[1] + 0 : ms[3] + 0
        if (whole_stopped)
            stop = ms[1] + ms[2] + ms[3]
        if (heap[2] + 0 > peak)
            peak = heap[2] + 0
        if (stop > longest)
            longest = stop
    }
    END {
        print "trace_peak", peak + 0
        print "trace_stop", longest * 1000
    }' "$1"
}

# What either side says, under one set of names, as lines "name value".
goheap_figures() { # out err collector
    json_figures "$1" | awk '
        { value[$1] = $2 }
        function say(name, key, factor) { if (key in value) print name, value[key] * factor }
        END {
            for (key in value)
                if (key ~ /^workload\.metrics\..*\.value$/) {
                    name = key
                    sub(/^workload\.metrics\./, "", name)
                    sub(/\.value$/, "", name)
                    print name, value[key]
                }
            if ("workload.checksum" in value)
                print "checksum", value["workload.checksum"]
            say("wall", "time.wall_seconds", 1)
            say("cpu", "time.cpu_seconds", 1)
            say("cycles", "gc.cycles", 1)
            say("gc_cpu_fraction", "gc.cpu_fraction", 1)
            say("maxrss", "process.peak-RSS-bytes", 1 / 1048576)
            say("stop_max", "metrics./sched/pauses/total/gc:seconds.max", 1e6)
            say("limiter_last_cycle", "metrics./gc/limiter/last-enabled:gc-cycle", 1)
        }'
    trace_figures "$2" "$3"
}
go_figures() { # out err
    awk 'NF >= 2 { print $1, $2 }' "$1"
    trace_figures "$2" go
}

# One sample of a cell and a side, kept in DIR/CELL.SIDE.ROUND; STATE is its first line.
sample() { # cell side round command...
    local file=$DIR/$1.$2.$3 side=$2 status
    shift 3
    take "$@"
    status=$?
    [ $status -eq 0 ] || { tail -n 3 "$DIR/err" >&2; die "failed (status $status): $*"; }
    echo "state $STATE" > "$file"
    if [ "$side" = goheap ]; then
        goheap_figures "$DIR/out" "$DIR/err" "$COLLECTOR" >> "$file"
    else
        go_figures "$DIR/out" "$DIR/err" >> "$file"
    fi
}

# Both sides have done the same work, if they say the same of it.
same_checksum() { # cell
    local sums
    sums=$(awk '$1 == "checksum" { print tolower($2) }' "$DIR/$1".goheap.* "$DIR/$1".go.* | sort -u)
    [ "$(wc -l <<< "$sums")" = 1 ] || die "$1: different checksums, so different work:" $sums
}

# All samples of all cells. A round takes both sides of each cell, back to back, the order turned
# about from round to round (A B, B A), so that drift hits both alike. As many rounds again are
# made while cells have too few clean samples. The script's commands come from command_of.
take_samples() { # cells...
    local round cell side sides total=$((2 * REPS))
    for ((round = 0; round < total; round++)); do
        [ $round -ge "$REPS" ] && enough_clean "$@" && break
        for cell in "$@"; do
            sides="goheap go"
            [ $((round % 2)) = 1 ] && sides="go goheap"
            for side in $sides; do
                [ -t 2 ] && printf '\rround %d of %d: %-30s' $((round + 1)) "$REPS" "$cell $side" >&2
                # shellcheck disable=SC2046 # a command and its arguments
                sample "$cell" "$side" $round $(command_of "$cell" "$side")
            done
        done
    done
    ROUNDS=$round
    [ -t 2 ] && printf '\r%50s\r' '' >&2
    for cell in "$@"; do
        same_checksum "$cell"
    done
}

enough_clean() { # cells...
    local cell side
    for cell in "$@"; do
        for side in goheap go; do
            [ "$(cat "$DIR/$cell.$side".* | grep -c '^state clean')" -ge "$REPS" ] || return
        done
    done
}

# --- comparing ---

# For awk programs. median: of v[1..n], which it sorts; sets low and high. usable: the median of the
# usable samples of side s, out of figure[s, 1..rounds] and clean[s, 1..rounds]: of the clean ones
# where there are 3 or all are, else of all, with a *. Sets used[s, round] and text; -1: there is
# no figure.
# shellcheck disable=SC2034 # for those who source this, too
AWK_STATS='
function median(v, n,    i, j, x) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
            x = v[j]; v[j] = v[j - 1]; v[j - 1] = x
        }
    low = v[1]; high = v[n]
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function usable(s, unit,    i, n, m, v, mark) {
    for (i = 1; i <= rounds; i++)
        n += clean[s, i]
    mark = n < 3 && n < rounds ? "*" : ""
    n = 0
    for (i = 1; i <= rounds; i++)
        if (figure[s, i] != "none" && (clean[s, i] || mark != "")) {
            used[s, i] = 1
            v[++n] = figure[s, i] + 0
        }
    if (n == 0) {
        text = "none"
        return -1
    }
    m = median(v, n)
    text = sprintf("%.4g%s%s [%.4g..%.4g]", m, mark, unit == "" ? "" : " " unit, low, high)
    return m
}'

# One line of a table: both sides' medians and ranges of a figure, their ratio, and whether it
# keeps the bar. A bar is "within X" (of 1, both ways), "most X", or "-": shown only. Samples that
# are contended are left out where at least 3 clean ones remain; else all are used, with a *.
# Exit status 0: kept, or nothing to keep; 1: missed; 2: no ratio can be made.
compare() { # cell figure label bar
    local round
    for ((round = 0; round < ROUNDS; round++)); do
        awk -v figure="$2" '
            FNR == 1 { s++; state[s] = $2 }
            $1 == figure { value[s] = $2 }
            END { print state[1], state[2], (1 in value) ? value[1] : "none", (2 in value) ? value[2] : "none" }
        ' "$DIR/$1.goheap.$round" "$DIR/$1.go.$round"
    done | awk -v label="$3" -v bar="$4" "$AWK_STATS"'
        {
            clean[1, NR] = $1 == "clean"; clean[2, NR] = $2 == "clean"
            figure[1, NR] = $3; figure[2, NR] = $4
        }
        END {
            rounds = NR
            ours = usable(1); ours_text = text
            theirs = usable(2); theirs_text = text
            split(bar, b, " ")
            verdict = bar == "-" ? "" : "not judged"
            status = bar == "-" ? 0 : 2
            ratio_text = "-"
            if (theirs > 0 && ours >= 0) {
                for (i = 1; i <= NR; i++)
                    if (used[1, i] && used[2, i] && figure[2, i] > 0)
                        r[++n] = figure[1, i] / figure[2, i]
                low = high = ratio = ours / theirs
                if (n > 0)
                    median(r, n)
                ratio_text = sprintf("%.3f [%.3f..%.3f]", ratio, low, high)
                kept = b[1] == "within" ? (ratio >= 1 - b[2] && ratio <= 1 + b[2]) : ratio <= b[2] + 0
                if (bar != "-") {
                    verdict = kept ? "met" : "MISSED"
                    status = !kept
                }
            } else if (theirs == 0 && ours == 0 && b[1] == "most") {
                verdict = "met"
                status = 0
            }
            # a bar that is a limit in itself, beside the ratio
            if (b[3] == "limit" && ours >= 0)
                verdict = verdict (ours <= b[4] + 0 ? ", <= " b[4] : ", above " b[4])
            bar_text = bar == "-" ? "-" : (b[1] == "within" ? "1 +- " b[2] : "<= " b[2])
            printf "%-22s %-30s %-30s %-25s %-10s %s\n", label, ours_text, theirs_text, ratio_text, bar_text, verdict
            exit status
        }'
}

bars=0 missed=0 unjudged=0
# The same, counted.
judge() { # cell figure label bar
    compare "$@"
    case $? in
    0) ;;
    1) missed=$((missed + 1)) ;;
    *) unjudged=$((unjudged + 1)) ;;
    esac
    [ "$4" = - ] || bars=$((bars + 1))
}

table_head() { # names of the first columns
    printf '%-22s %-30s %-30s %-25s %-10s %s\n' "$1" "goheap" "go" "ratio" "bar" ""
}

summary() {
    echo
    echo "$ROUNDS samples of each, interleaved; median [min..max] of the clean ones; * = of all, contended"
    echo "$((bars - missed - unjudged)) of $bars bars met, $missed missed, $unjudged without figures"
    [ $missed -eq 0 ] && [ $unjudged -eq 0 ]
}
