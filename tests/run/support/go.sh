# Sourced by tests that hold goheap against the real Go, from the top of the tree.
# shellcheck shell=bash

need_go() {
    if ! command -v go > /dev/null; then
        echo "skipped: no go on PATH"
        exit 77
    fi
    export GOTOOLCHAIN=local GOFLAGS= GOWORK=off CGO_ENABLED=0
}

# Build the program in directory $1 as $2. An old go line in go.mod would ask for the habits of
# that old Go: the copy that is built says the version that builds it.
build_go() {
    local copy status version
    version=$(go env GOVERSION) || return
    version=${version#go}
    copy=$(mktemp -d) || return
    cp "$1"/*.go "$1"/go.mod "$copy"/ && mkdir -p "$(dirname "$2")" &&
        (cd "$copy" && go mod edit -go="${version%%[-+ ]*}" && go build -o program .) &&
        mv "$copy/program" "$2"
    status=$?
    rm -rf "$copy"
    return $status
}
