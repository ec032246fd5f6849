#!/bin/sh
# scripts/check-fast-path fails on a path that is too long, one that calls, and a missing function.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0

expect() { # text, of a check that must fail
    if out=$(PROBE=$dir/probe.c scripts/check-fast-path 2>&1) ||
        ! printf '%s\n' "$out" | grep -qF "$1"; then
        echo "expected a failure with '$1'; it said:"
        printf '%s\n' "$out"
        failures=$((failures + 1))
    fi
}

probe=tests/structure/fast_path_probe.c

sed 's/return gh_new(m, t);/m->tiny++; m->tiny_allocs += 3; return gh_new(m, t);/' $probe > "$dir/probe.c"
expect "probe_new: over budget"

sed 's/gh_poll(m);/gh_safepoint_slow(m); gh_poll(m);/' $probe > "$dir/probe.c"
expect "probe_poll: the hot path calls"

sed 's/probe_new_tiny_8/probe_renamed/' $probe > "$dir/probe.c"
expect "probe_new_tiny_8: not found"

[ $failures -eq 0 ] && echo "3 planted faults found"
exit $failures
