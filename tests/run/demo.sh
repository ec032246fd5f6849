#!/bin/bash
# scripts/demo leaves what it promises, and says so when it cannot.
# builds: release
# quick: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${GOHEAP:=$PWD/build/${BUILD:=release}/goheap}"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

echo '{"a": [1, 2.5, "three", null, true], "b": {"c": "d"}}' > "$TMP/doc.json"
export DEMO_OUT=$TMP/out DEMO_DEPTH=14
sh scripts/demo "$GOHEAP" "$TMP/doc.json" > "$TMP/stdout" 2> "$TMP/stderr" ||
    fail "status $?: $(tail -n 3 "$TMP/stderr")"

# --- the files ---

RUNS="json binary-trees-gogc50 binary-trees-gogc100 binary-trees-gogc200"
for name in $RUNS; do
    for kind in txt json gctrace; do
        [ -f "$DEMO_OUT/$name.$kind" ] || fail "there is no $name.$kind"
    done
    grep -q '^ *checksum .* ok$' "$DEMO_OUT/$name.txt" || fail "$name.txt: not verified"
    grep -q '"verified": true' "$DEMO_OUT/$name.json" || fail "$name.json: not verified"
    row=$(grep "^$name " "$DEMO_OUT/report.txt") || fail "report.txt has no row $name"
    cycles=$(echo "$row" | awk '{ print $3 }')
    [ "$cycles" -eq "$(grep -c '^gc ' "$DEMO_OUT/$name.gctrace")" ] ||
        fail "$name: $cycles cycles in the report, other lines in the trace"
done
[ "$(find "$DEMO_OUT" -type f | wc -l)" -eq 13 ] || fail "other files: $(ls "$DEMO_OUT")"
grep -qF "$DEMO_OUT" "$TMP/stdout" || fail "it does not say where"
[ "$(grep -c '^gc ' "$TMP/stderr")" -gt 3 ] || fail "no collections were shown"
awk '/^binary-trees/ { if (n++ && $3 >= last) exit 1; last = $3 }
     END { exit n != 3 }' "$DEMO_OUT/report.txt" || fail "cycles do not fall as GOGC grows"

# --- what goes wrong ---

refused() { # pattern, arguments of scripts/demo...
    local pattern=$1
    shift
    DEMO_OUT=$TMP/none sh scripts/demo "$@" > "$TMP/stdout" 2> "$TMP/stderr" && fail "$*: it passed"
    grep -q "$pattern" "$TMP/stderr" || fail "$*: no '$pattern' in: $(cat "$TMP/stderr")"
    [ ! -e "$TMP/none/report.txt" ] || fail "$*: a report was left"
    rm -rf "$TMP/none"
}
refused "cannot read .*iso-codes" "$GOHEAP" "$TMP/lost.json"
refused "there is no " "$TMP/lost" "$TMP/doc.json"
echo '{"a": ' > "$TMP/bad.json"
refused "failed with status 1" "$GOHEAP" "$TMP/bad.json"

echo "13 files as promised, 3 failures told"
