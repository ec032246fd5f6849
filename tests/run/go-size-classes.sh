#!/bin/bash
# `goheap list size-classes` is Go's table: all seven columns of all 67 classes, compared with the
# comment in the installed Go's own source.
# builds: release
# quick: yes
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
. tests/run/support/go.sh
need_go

root=$(go env GOROOT) || exit 1
source=
for f in "$root/src/internal/runtime/gc/sizeclasses.go" "$root/src/runtime/sizeclasses.go"; do
    [ -e "$f" ] && source=$f && break
done
if [ -z "$source" ]; then
    echo "skipped: no sizeclasses.go in this Go"
    exit 77
fi

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# Rows are seven numbers behind the comment sign, and percent signs. Go's second table of the kind
# has fewer columns.
awk '$1 == "//" && NF == 8 && $2 ~ /^[0-9]+$/ { print $2, $3, $4, $5, $6, $7, $8 }' \
    "$source" > "$dir/go" || exit 1
"$GOHEAP" list size-classes > "$dir/list" || exit 1
awk 'NF == 7 && $1 ~ /^[0-9]+$/ { print $1, $2, $3, $4, $5, $6, $7 }' "$dir/list" > "$dir/goheap"

if ! diff -u "$dir/go" "$dir/goheap"; then
    echo "go-size-classes: the tables differ (-: Go, +: goheap)"
    exit 1
fi
rows=$(wc -l < "$dir/go")
if [ "$rows" -ne 67 ]; then
    echo "go-size-classes: $rows rows compared, not 67"
    exit 1
fi
echo "$rows rows of 7 columns equal those of $(go env GOVERSION)"
