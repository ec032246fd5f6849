#!/bin/sh
# scripts/setup.sh on made-up machines: a folder of programs for PATH, with an apt-get of ours.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0
setup=scripts/setup.sh
tools="sh mktemp rm id env tail cat printf echo"

machine() { # programs...
    rm -rf "$dir/bin" "$dir/asked"
    mkdir "$dir/bin"
    for t in $tools "$@"; do
        ln -s "$(command -v "$t")" "$dir/bin/$t"
    done
    # root, wherever this test runs
    printf '#!/bin/sh\necho 0\n' > "$dir/id" && chmod +x "$dir/id" && ln -sf "$dir/id" "$dir/bin/id"
}

# An apt-get that has no lists before its first update, then `installs` by linking.
apt_get() {
    cat > "$dir/bin/apt-get" <<END
#!/bin/sh
echo "\$*" >> $dir/asked
[ "\$1" = update ] && exit 0
/bin/grep -q update $dir/asked || exit 100
for p in "\$@"; do
    case \$p in
    binutils) p=objdump ;;
    gcc | make | pkg-config | clang | clang-format | python3) ;;
    *) continue ;;
    esac
    /bin/ln -s \$(PATH=$PATH command -v \$p) $dir/bin/\$p
done
exit 0
END
    chmod +x "$dir/bin/apt-get"
}

expect() { # status text
    out=$(PATH=$dir/bin sh $setup 2>&1)
    status=$?
    if [ $status -ne "$1" ] || ! printf '%s\n' "$out" | grep -q "$2"; then
        echo "status $status, expected $1 and '$2'; it said:"
        printf '%s\n' "$out"
        failures=$((failures + 1))
    fi
}

for t in clang clang-format objdump gcc make pkg-config python3; do
    command -v $t > /dev/null || { echo "needs $t here to make up a machine"; exit 77; }
done

machine gcc make objdump pkg-config clang clang-format python3 as ld
expect 0 'nothing is missing'

machine as ld
expect 1 'no apt-get here.*'
expect 1 'pacman -S gcc make binutils pkgconf'

machine as ld
apt_get
expect 0 'setup: done'
[ "$(grep -c '^update' "$dir/asked")" -eq 1 ] || { echo "apt-get update not once"; failures=1; }
expect 0 'nothing is missing'

# what is only compared with may be absent, whether it can be installed or not
setup=$dir/setup.sh
sed 's|/usr/include/gc\.h|/usr/include/no-such-gc.h|' scripts/setup.sh > "$setup"
machine gcc make objdump pkg-config clang clang-format python3 as ld
expect 0 'will lack those of which'
expect 0 'apt-get install.* libgc-dev'
expect 0 'nothing else is missing'
apt_get
expect 0 'installing libgc-dev, to compare with'
expect 0 'nothing else is missing'

[ $failures -eq 0 ] && echo "4 machines set up"
exit $failures
