# Sourced by tests/run/simulate-go.sh, and run by hand to make the expectations anew:
#   bash tests/run/support/simulate/ask_go.sh
# shellcheck shell=bash
#
# Go's own test of its pacer, TestGcPacer in src/runtime/mgcpacer_test.go, runs the real pacer in a
# model of a program. A copy of that file gets a call after each cycle that writes down what was
# drawn from the test's streams and what came out, and a few scenarios more (extra.go.in); the copy
# takes the file's place by `go test -overlay`. Nothing in GOROOT is touched.
#
# ask_go DIR leaves, for each scenario NAME of the test:
#   DIR/NAME.csv    one line a cycle, in the columns of `goheap simulate`
#   DIR/NAME.drawn  a scenario for `goheap simulate` with every value drawn in an explicit list

ask_go() {
    local out=$1 here=$PWD/tests/run/support/simulate runtime work
    runtime=$(go env GOROOT)/src/runtime
    work=$(mktemp -d) || return
    mkdir -p "$out" || return
    sed -e "/^\tfor _, e := range \[\]\*gcExecTest{\$/r $here/extra.go.in" \
        -e '/^\t\t\t\tresults = append(results, result)$/a goheapRecord(e, c, cycle, result, assistTime, gcDuration)' \
        "$runtime/mgcpacer_test.go" > "$work/mgcpacer_test.go" || return
    if [ "$(grep -c '^goheapRecord(' "$work/mgcpacer_test.go")" != 1 ] ||
        [ "$(grep -c 'name: *"Goheap' "$work/mgcpacer_test.go")" -lt 1 ]; then
        echo "ask_go: this Go's mgcpacer_test.go is laid out differently: $(go env GOVERSION)"
        rm -rf "$work"
        return 1
    fi
    cp "$here/record.go.in" "$work/record.go" && cp "$here/export.go.in" "$work/export.go" ||
        return
    printf '{"Replace": {"%s": "%s", "%s": "%s", "%s": "%s"}}\n' \
        "$runtime/mgcpacer_test.go" "$work/mgcpacer_test.go" \
        "$runtime/goheap_record_test.go" "$work/record.go" \
        "$runtime/goheap_export_test.go" "$work/export.go" > "$work/overlay.json"
    GOHEAP_SIMULATE_OUT=$(realpath "$out") \
        go test -count=1 -vet=off -overlay="$work/overlay.json" -run='^TestGcPacer$' runtime
    local status=$?
    rm -rf "$work"
    return $status
}

# Run, not sourced: replace the stored expectations.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    cd "$(dirname "$0")/../../../.." || exit 1
    . tests/run/support/go.sh
    need_go
    made=$(mktemp -d) || exit 1
    trap 'rm -rf "$made"' EXIT
    ask_go "$made" || exit 1
    cp "$made"/*.csv tests/run/support/simulate/ || exit 1
    echo "expectations of $(ls "$made"/*.csv | wc -l) scenarios replaced; lists drawn by Go:"
    mkdir -p build/simulate && cp "$made"/*.drawn build/simulate/ && ls build/simulate
fi
