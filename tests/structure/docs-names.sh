#!/bin/bash
# What the documents name exists: README.md, docs/*.md and docs/design/*.md are searched for
#   in `backticks`   paths; C names with an underscore or (); struct NAME; --options; make targets;
#                    goheap commands
#   in ```sh blocks  the commands, line by line; in ```console blocks those behind "$ "
#   in ```c blocks   names that begin with gh_ or GH_
# and each must be found: a path in the tree, a C name in the sources, an option in `goheap list`,
# a target in the Makefile; a goheap command must resolve (run with --dry-run). A word in capitals
# in a path or a command (NAME, FILE) is a placeholder. Absolute paths, build/ and results/local/
# are not of the tree and are not looked at.
#
# Prints how many names were checked and fails on none. At the end it plants names that do not
# exist, to see that each kind is found out. Arguments name other documents to check, and only
# these.
set -u
cd "$(dirname "$0")/../.." || exit 1
goheap=${GOHEAP:-build/release/goheap}
self=tests/structure/docs-names.sh
[ -x "$goheap" ] || { echo "docs-names: there is no $goheap"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for v in $(env | sed -n 's/^\(GOHEAP_[A-Z_]*\|GOGC\|GODEBUG\|GOMAXPROCS\)=.*/\1/p'); do
    unset "$v"
done

# --- what there is ---

rooms="alloc gc workloads profiles cmd scripts tests Makefile"
# shellcheck disable=SC2086 # a list of folders
find $rooms -type f ! -path $self -exec cat {} + |
    tee "$tmp/text" | tr -cs 'A-Za-z0-9_' '\n' | sort -u > "$tmp/words"
grep -o 'struct [a-z_0-9]*' "$tmp/text" | sort -u > "$tmp/structs"
# shellcheck disable=SC2086
find $rooms docs results -type f | sed 's|.*/||' | sort -u > "$tmp/files"
sed -n 's/^\([a-z-]*\):.*/\1/p' Makefile | sort -u > "$tmp/targets"
"$goheap" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort -u > "$tmp/commands"
{
    "$goheap" list options | sed -n 's/^\(--[a-z-]*\).*/\1/p'
    # names at this depth are those of options, one level up those of workloads
    "$goheap" list workloads --json | sed -n 's/^        "name": "\(.*\)".*/--\1/p'
    sed -n 's/.*{.name = "\(.*\)",/--\1/p' workloads/skeleton/*.c
} | sort -u > "$tmp/options"
"$goheap" list workloads | sed -n 's/^\([a-z][a-z0-9-]*\) .*/\1/p' | sort -u > "$tmp/workloads"
for list in words structs files targets commands options workloads; do
    [ -s "$tmp/$list" ] || { echo "docs-names: found no $list at all"; exit 1; }
done

# --- what is named: lines of place, kind, name ---

extract() { # documents...
    awk '
    function emit(kind, name) { printf "%s:%d\t%s\t%s\n", FILENAME, FNR, kind, name }
    function is_path(w) {
        if (w ~ /^(build|results\/local|[A-Z]+)\// || w ~ /^[\/~$]/ || w ~ /^\.\.?\//)
            return 0
        if (w ~ /^[A-Za-z0-9_.*-]+(\/[A-Za-z0-9_.*-]*)+$/)
            return 1
        return w ~ /^[A-Za-z0-9_-]+\.(c|h|sh|md|def|in)$/
    }
    function names(s, only_public,    w) {
        while (match(s, /[A-Za-z_][A-Za-z0-9_]*(\(\))?/)) {
            w = substr(s, RSTART, RLENGTH)
            s = substr(s, RSTART + RLENGTH)
            if (only_public ? w ~ /^(gh|GH)_/ : w ~ /[A-Za-z0-9]_|\(\)$/) {
                sub(/\(\)$/, "", w)
                emit("name", w)
            }
        }
    }
    # One simple command. False if it is none that we know.
    function command(c,    n, i, w, plain) {
        plain = c
        sub(/^ +/, "", plain)
        sub(/ *[0-9]*[<>].*/, "", plain)
        while (plain ~ /^[A-Z_]+=[^ ]* ./)
            sub(/^[^ ]+ +/, "", plain)
        n = split(plain, w, / +/)
        if (w[1] == "nice" || w[1] == "sudo")
            return command(substr(plain, length(w[1]) + 2))
        if (w[1] == "make") {
            for (i = 2; i <= n; i++)
                if (w[i] ~ /^[a-z]/ && w[i] !~ /=|^build\//)
                    emit("target", w[i])
            return 1
        }
        if (w[1] == "goheap" || w[1] ~ /^(build\/.*|\.)\/goheap$/) {
            sub(/ *[0-9]*[<>].*/, "", c)
            emit("goheap", c)
            return 1
        }
        if (w[1] == "sh" || w[1] == "bash") {
            emit("path", w[2])
            return 1
        }
        if (n > 1 && is_path(w[1])) {
            emit("path", w[1])
            for (i = 2; i <= n; i++)
                if (w[i] ~ /^--[a-z]/)
                    emit("script option", w[1] " " w[i])
            return 1
        }
        return 0
    }
    function commands(line,    n, i, part) {
        sub(/ # .*/, "", line)
        n = split(line, part, / *(&&|\|\||\||;) */)
        for (i = 1; i <= n; i++)
            command(part[i])
    }
    function span(s,    n, w, i) {
        if (s ~ /^(make|goheap|sh|bash|nice|[A-Z_]+=[^ ]+) ./ || s ~ /\/[^ ]* ./) {
            if (s ~ / && /) {
                commands(s)
                return
            }
            if (command(s))
                return
        }
        if (is_path(s)) {
            emit("path", s)
            return
        }
        if (s ~ /^struct [a-z]/) {
            n = split(s, w, /[ ;{*]+/)
            emit("struct", "struct " w[2])
            return
        }
        n = split(s, w, /[ ,]+/)
        for (i = 1; i <= n; i++)
            if (w[i] ~ /^--[a-z]/)
                emit("option", w[i])
            else if (is_path(w[i]))
                emit("path", w[i])
            else if (w[i] !~ /^[\/.~]/)
                names(w[i], 0)
    }
    FNR == 1 { fence = "" }
    /^ *```/ {
        if (fence != "")
            fence = ""
        else {
            fence = $0
            sub(/^ *```/, "", fence)
            if (fence == "")
                fence = "text"
        }
        next
    }
    fence == "sh" { commands($0); next }
    fence == "console" { if (sub(/^\$ /, "")) commands($0); next }
    fence == "c" { names($0, 1); next }
    fence != "" || /^    / { next }
    {
        n = split($0, piece, /`/)
        if (n > 0 && n % 2 == 0)
            emit("pairs of backticks", "a backtick without its partner")
        for (i = 2; i <= n; i += 2)
            span(piece[i])
    }' "$@"
}

# --- is it there? ---

has() { # list name
    grep -qxF -e "$2" "$tmp/$1"
}

path_exists() { # path, perhaps with placeholders
    [ -e "$1" ] && return
    case $1 in
    */*)
        local glob
        glob=$(printf '%s' "$1" | sed 's/[A-Z][A-Z]*/*/g')
        [ "$glob" != "$1" ] || [ "${1#*\*}" != "$1" ] || return
        compgen -G "$glob" > /dev/null
        ;;
    *) has files "$1" ;;
    esac
}

goheap_resolves() { # the command line as it is written
    local line=$1 word settings=() words=() sub
    for word in $line; do
        case $word in
        [A-Z]*=*) [ ${#words[@]} -eq 0 ] && { settings+=("$word"); continue; } ;;
        esac
        words+=("$word")
    done
    sub=${words[1]-}
    case $sub in
    '' | --help | --version | [A-Z]*) return 0 ;;
    esac
    has commands "$sub" || return
    case "${words[*]}" in
    *…* | *...* | *[A-Z][A-Z]* | *'['* | *.so*)
        for word in "${words[@]:2}"; do
            case $word in
            --*) has options "${word%%=*}" || return ;;
            esac
        done
        return 0
        ;;
    esac
    [ ${#words[@]} -eq 2 ] && return # the command as such
    [ "$sub" = run ] && words+=(--dry-run)
    env "${settings[@]}" "$goheap" "${words[@]:1}" > /dev/null 2>&1
}

is_there() { # kind name
    case $1 in
    path) path_exists "$2" ;;
    name) has words "$2" || { [ "${2%_}" != "$2" ] && grep -q "^$2" "$tmp/words"; } ;;
    struct) has structs "$2" ;;
    option) has options "${2%%=*}" ;;
    'script option') grep -qF -e "${2#* }" "${2%% *}" ;;
    target) has targets "$2" ;;
    goheap) goheap_resolves "$2" ;;
    *) return 1 ;;
    esac
}

check() { # documents...
    local place kind name n=0 bad=0
    extract "$@" > "$tmp/named" || return
    while IFS=$'\t' read -r place kind name; do
        n=$((n + 1))
        is_there "$kind" "$name" || {
            echo "$place: no such $kind: $name"
            bad=$((bad + 1))
        }
    done < "$tmp/named"
    echo "docs-names: $n names in $# documents checked, $bad not found"
    [ $n -gt 0 ] && [ $bad -eq 0 ]
}

if [ $# -gt 0 ]; then
    check "$@"
    exit
fi
failures=0
check README.md docs/*.md docs/design/*.md || failures=1

# --- can it fail? ---

expect() { # status text line-of-document...
    local want=$1 text=$2 out status
    shift 2
    printf '%s\n' "$@" > "$tmp/planted.md"
    out=$(check "$tmp/planted.md")
    status=$?
    if [ $status -ne "$want" ] || ! printf '%s\n' "$out" | grep -qF -e "$text"; then
        echo "planted: $*: status $status, expected $want and '$text'; it said:"
        printf '%s\n' "$out"
        failures=1
    fi
}

expect 1 "0 names" 'No names at all.'
expect 0 "1 names" 'A good one: `alloc/base/os.h`.'
expect 1 "no such path: alloc/base/lost.h" 'See `alloc/base/lost.h`.'
expect 1 "no such path: lost.c" 'See `lost.c`.'
expect 1 "no such path: alloc/LOST/lost_NAME.c" 'See `alloc/LOST/lost_NAME.c`.'
expect 1 "no such name: gh_lost" 'Call `gh_lost()`.'
expect 1 "no such name: mspan_lost" 'Call `mspan_lost` there.'
expect 1 "no such struct: struct lost" 'Read `struct lost`.'
expect 1 "no such option: --lost" 'Try `--lost 3`.'
expect 1 "no such target: lost" 'Type `make lost`.'
expect 1 "no such goheap: goheap lost" 'Type `goheap lost`.'
expect 1 "no such goheap: goheap run lost" 'Type `goheap run lost`.'
expect 1 "no such goheap: goheap run null --depth 3" 'Type `goheap run null --depth 3`.'
expect 1 "no such script option: scripts/check --lost" 'Type `scripts/check --lost`.'
expect 1 "no such goheap: GOGC=abc goheap run null" '```sh' 'make && GOGC=abc goheap run null' '```'
expect 1 "no such goheap: goheap list lost" '```console' '$ goheap list lost' 'a line it prints' '```'
expect 1 "no such name: gh_lost" '```c' 'own_name(gh_lost(m));' '```'
expect 1 "without its partner" 'An `open end.'

[ $failures -eq 0 ] && echo "docs-names: 18 planted documents judged rightly"
exit $failures
