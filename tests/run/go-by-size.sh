#!/bin/bash
# A fixed sequence of allocations (support/by_size/sequence.md) leaves the same counters behind as
# under Go: mallocs and frees of every size class, of large objects, of tiny ones, and bytes.
# builds: release debug torture
# quick: yes
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
GOHEAP=${GOHEAP:-build/release/goheap}
. tests/run/support/go.sh
need_go

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
case $GOHEAP in /*) ;; *) GOHEAP=$PWD/$GOHEAP ;; esac

gcc -std=gnu17 -D_GNU_SOURCE -I. -O1 -Wall -Wextra -fPIC -shared -o "$dir/by_size.so" \
    tests/run/support/by_size/by_size.c || exit 1
build_go tests/run/support/by_size/go "$dir/by_size" || exit 1

# Status 3: the runtime allocated something for itself meanwhile. That is rare, and chance.
for _ in 1 2 3 4 5; do
    "$dir/by_size" > "$dir/go"
    status=$?
    [ $status -ne 3 ] && break
done
if [ $status -ne 0 ]; then
    echo "go-by-size: the Go program failed with status $status"
    exit 1
fi
"$GOHEAP" run "$dir/by_size.so" --gogc off --quiet > "$dir/goheap" || exit 1

if ! diff -U 0 "$dir/go" "$dir/goheap"; then
    echo "go-by-size: the counters differ (-: Go, +: goheap)"
    exit 1
fi
rows=$(grep -c '^class ' "$dir/go")
if [ "$rows" -ne 67 ]; then
    echo "go-by-size: $rows classes compared, not 67"
    exit 1
fi
echo "$rows classes, $(awk '/^objects/ { print $3 }' "$dir/go") objects: equal to" \
    "those of $(go env GOVERSION)"
