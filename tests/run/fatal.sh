#!/bin/bash
# A workload that breaks the rules ends the run with one clear message and status 1, whatever
# collects and marks: a bad pointer in the heap, scribbled marks, a thread that never polls.
# builds: release debug asan
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${BUILD:=release}"
: "${GOHEAP:=$PWD/build/$BUILD/goheap}"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
FAILED=0
RUNS=0

# --- three bad plug-ins, made of the skeleton ---

variant() { # name: its body begins what each thread does
    awk -v body="$TMP/$1.body" '
        { print }
        /^#include <stdlib.h>/ { print "#include <string.h>\n#include <time.h>" }
        /^list_thread\(/ { inside = 1 }
        inside && /^\{/ { inside = 0; while ((getline line < body) > 0) print line }
    ' workloads/skeleton/list.c > "$TMP/$1.c"
    grep -qFf "$TMP/$1.body" "$TMP/$1.c" || fail "variant $1 is the skeleton itself"
    # shellcheck disable=SC2046 # one word or none
    cc -std=gnu17 -D_GNU_SOURCE -I. -fPIC -shared -O1 -fno-strict-aliasing \
        $([ "$BUILD" = release ] || echo -DGH_DEBUG=1) -o "$TMP/$1.so" "$TMP/$1.c" ||
        fail "variant $1 does not build"
}
fail() {
    echo "FAILED: $*"
    exit 1
}

cat > "$TMP/badpointer.body" << 'END'
    {
        const struct list_state *bad = arg;
        GH_FRAME(m, 1);
        struct item *it = gh_new(m, bad->item);
        GH_SLOT(m, struct item, 0) = it;
        char *end = (char *)((uintptr_t)it | (GH_PAGE - 1));
        gh_store(m, &it->next, end + 64 * GH_PAGE);
        gh_gc(m);
    }
END
cat > "$TMP/scribble.body" << 'END'
    {
        const struct list_state *bad = arg;
        GH_FRAME(m, 1);
        struct item *it = gh_new(m, bad->item);
        GH_SLOT(m, struct item, 0) = it;
        gh_gc(m);
        char *page = (char *)((uintptr_t)it / GH_PAGE * GH_PAGE);
        memset(page + GH_PAGE - 128, 0xff, 128); /* the marks and all beside them */
        gh_gc(m);
        gh_gc(m);
    }
END
cat > "$TMP/deaf.body" << 'END'
    for (volatile bool deaf = t == 1; deaf;)
        ;
    gh_blocked_enter(m);
    struct timespec nap = {.tv_nsec = 100000000};
    nanosleep(&nap, NULL); /* until the other one loops */
    gh_blocked_exit(m);
    gh_gc(m);
END
variant badpointer
variant scribble
variant deaf

# --- run them, and look at what is left ---

run() { # name, arguments: leaves status and stderr in files
    local name=$1 out=$TMP/$2
    shift 2
    timeout 60 "$GOHEAP" run "$TMP/$name.so" --length 10 --rounds 1 "$@" > "$out.out" 2> "$out.err"
    echo $? > "$out.status"
}
expect() { # file, pattern, what it was
    local text
    text=$(cat "$TMP/$1.err")
    RUNS=$((RUNS + 1))
    if [ "$(cat "$TMP/$1.status")" != 1 ]; then
        echo "FAILED: $3: status $(cat "$TMP/$1.status"), not 1: $text"
    elif [ "$(grep -c '^fatal error: ' "$TMP/$1.err")" != 1 ]; then
        echo "FAILED: $3: not one fatal error: $text"
    elif ! grep -qE "$2" "$TMP/$1.err"; then
        echo "FAILED: $3: no '$2' in: $text"
    else
        return
    fi
    FAILED=$((FAILED + 1))
}

# each takes the ten seconds that a stop waits for: all at once
for collector in go stw; do
    run deaf "deaf.$collector" --collector $collector --threads 2 &
done
for collector in go stw; do
    for marker in spans objects; do
        for name in badpointer scribble; do
            run $name "$name" --collector $collector --marker $marker
            case $name in
            badpointer) want='^fatal error: found bad pointer in the heap: 0x[0-9a-f]+ points ' ;;
            *) want='^fatal error: [a-z_]+: .*0x[0-9a-f]+' ;;
            esac
            expect $name "$want" "$name, $collector, $marker"
        done
    done
done
wait
for collector in go stw; do
    expect "deaf.$collector" \
        '^fatal error: world_stop: mutator "worker 1" has not reached a safepoint for 10 s' \
        "deaf, $collector"
done

[ $FAILED -eq 0 ] || exit 1
[ $RUNS -eq 10 ] || fail "$RUNS runs, not 10"
echo "$RUNS runs that break the rules end with one message and status 1"
