#!/bin/sh
# Install what building and testing goheap needs and this machine lacks: with apt-get where we may
# (as root, or by sudo without a password), else by saying what to install. Does nothing where
# nothing is missing. The same for the libraries goheap is compared with; but those that cannot be
# had are named and left out, for building and testing do without.
set -u

missing='' # Debian's names
dnf=''     # Fedora's
pacman=''  # Arch's

need() { # debian fedora arch
    missing="$missing $1" dnf="$dnf $2" pacman="$pacman $3"
}

has() {
    command -v "$1" > /dev/null 2>&1
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# Whether a program that includes $2 links with flags $1, by compiler $3.
links() {
    printf '#include <%s>\nint main(void) { return 0; }\n' "$2" > "$scratch/try.c"
    # shellcheck disable=SC2086 # a list of flags
    "$3" -o "$scratch/try" "$scratch/try.c" $1 > /dev/null 2>&1
}

find_missing() {
    missing='' dnf='' pacman=''
    has gcc || need gcc gcc gcc
    has make || need make make make
    has objdump || need binutils binutils binutils
    has pkg-config || need pkg-config pkgconf-pkg-config pkgconf
    if has gcc && ! links '' stdlib.h gcc || [ ! -e /usr/include/stdlib.h ]; then
        need libc6-dev glibc-devel glibc
    fi
    [ -e /usr/include/jansson.h ] || need libjansson-dev jansson-devel jansson
    [ -e /usr/include/cmocka.h ] || need libcmocka-dev libcmocka-devel cmocka
    has python3 || need python3 python3 python # make peers
    # the document of the demo
    [ -e /usr/share/iso-codes/json/iso_639-3.json ] || need iso-codes iso-codes iso-codes
    # the second compiler, its sanitizers, and the formatter, whose version is pinned to 14
    has clang || need clang clang clang
    has clang-format || has clang-format-14 || need clang-format clang-tools-extra clang
    if has clang && ! links -fsanitize=address stdlib.h clang; then
        v=$(clang -dumpversion)
        need "libclang-rt-${v%%.*}-dev" compiler-rt compiler-rt
    fi
}

# Libraries of the peers (scripts/peers/build.sh).
find_missing_peers() {
    missing='' dnf='' pacman=''
    [ -e /usr/include/gc.h ] || need libgc-dev gc-devel gc
    [ -e /usr/include/jemalloc/jemalloc.h ] || need libjemalloc-dev jemalloc-devel jemalloc
    [ -e /usr/include/gperftools/malloc_extension.h ] ||
        need libgoogle-perftools-dev gperftools-devel gperftools
    [ -e /usr/include/mimalloc.h ] || ls /usr/include/mimalloc*/mimalloc.h > /dev/null 2>&1 ||
        need libmimalloc-dev mimalloc-devel mimalloc
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

commands() {
    echo "  apt-get install$missing"
    echo "  dnf install$dnf"
    echo "  pacman -S$pacman"
}

by_hand() {
    echo "setup: $1. Install these packages and run it again:" >&2
    commands >&2
    exit 1
}

may_install() {
    [ "$(id -u)" -eq 0 ] || { has sudo && sudo -n true 2> /dev/null; }
}

install_all() {
    # shellcheck disable=SC2086 # a list of packages
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        $missing > "$scratch/log" 2>&1
}
# The lists of packages may be absent or too old: fetch them, once, if it does not work without.
install_or_update() {
    install_all && return
    [ -e "$scratch/update" ] && return 1
    as_root apt-get update -q > "$scratch/update" 2>&1 && install_all
}

# Everything that is missing, or the end. Twice, as the name of the sanitizers' package depends on
# the clang that was installed.
install_needed() {
    has apt-get || by_hand "there is no apt-get here"
    may_install || by_hand "installing needs root, or sudo without a password"
    for round in 1 2; do
        echo "setup: installing$missing"
        install_or_update || {
            cat "$scratch/update" "$scratch/log" 2> /dev/null | tail -n 20 >&2
            by_hand "apt-get failed"
        }
        find_missing
        [ -n "$missing" ] || return 0
    done
    by_hand "apt-get succeeded $round times, and yet something is missing"
}

# One by one: where one cannot be had, the others can.
install_peers() {
    has apt-get && may_install || return 0
    peers=$missing
    for missing in $peers; do
        missing=" $missing"
        echo "setup: installing$missing, to compare with"
        install_or_update || echo "setup: apt-get could not install$missing"
    done
}

find_missing
said='nothing is missing'
if [ -n "$missing" ]; then
    install_needed
    said='done'
fi

find_missing_peers
if [ -n "$missing" ]; then
    install_peers
    find_missing_peers
fi
if [ -n "$missing" ]; then
    echo "setup: the comparison with other allocators will lack those of which the libraries are missing:"
    commands
    [ "$said" = 'done' ] || said='nothing else is missing'
fi
echo "setup: $said"
