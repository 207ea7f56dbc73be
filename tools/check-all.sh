#!/bin/sh
# check-all.sh [PART...]: everything that is checked, one line a part. Without arguments all parts: about a day of a
# processor with two cores. The logs lie in build-check.
set -u
cd "$(dirname "$0")/.."
mkdir -p build-check
. tools/install.sh
quick=${CLACT_BUILD:-build-test}

# The long checks of tests/meson.build, by their names.
long() { meson test -C "$quick" --no-rebuild --suite long "$@"; }

part() {
    case $1 in
    quick) sh tools/test.sh ;;
    address-gcc | address-clang | thread-gcc | thread-clang) sh tools/sanitize.sh "${1%-*}" "${1#*-}" ;;
    valgrind) sh tools/sanitize.sh valgrind ;;
    coverage) sh tools/coverage.sh ;;
    fuzz) sh tools/fuzz.sh 600 ;;
    faults) long 'every OpenCL call failing in turn, 1/2' 'every OpenCL call failing in turn, 2/2' \
        'OpenCL calls of CLBlast failing in turn' 'every allocation failing in turn on OpenCL' 'kernels terminated on rusticl' ;;
    canaries) long 'suites between canaries' 'every kernel between canaries' 'every unit between canaries' \
        'every row between canaries' ;;
    oclgrind) long 'all suites on Oclgrind' 'every kernel in every type, watched by Oclgrind' ;;
    hour) long 'random calls for 60 minutes' ;;
    floats) long 'every float on the CPU backend' 'every float on OpenCL' ;;
    doubles) long '10^8 doubles on the CPU backend' '10^8 doubles on OpenCL' ;;
    grid) long 'the grid on the CPU backend' 'the grid on OpenCL' ;;
    others) long 'suites on PoCL in every type' 'every kernel in every type on PoCL' 'every unit in every type on PoCL' \
        'every row in every type on PoCL' 'every kernel of one work-item' 'every unit of one work-item' \
        'every row of one work-item' 'every unit on rusticl' 'suite special on rusticl' \
        'thirty processes that start at once, on PoCL' 'threads, 1000 calls each' 'a subproject' \
        'loops of f64 vectorised by gcc' 'loops of f64 vectorised by clang' 'all kernels for other compilers' \
        'suite matmul with CLBlast on PoCL' 'suite nn_interop with CLBlast on PoCL' ;;
    *) echo "no such part: $1"; return 64 ;;
    esac
}

failed=0
for name in ${*:-quick address-gcc address-clang thread-gcc thread-clang valgrind coverage fuzz faults canaries oclgrind others hour \
    floats doubles grid}; do
    log=build-check/$name.log start=$(date +%s)
    if part "$name" >"$log" 2>&1 </dev/null; then result=ok; else result=FAILED failed=1; fi
    last=$(grep -E '^Ok:|%: Checks|nothing found|^branches:|^lines:' "$log" | tail -n 1)
    printf '%-14s %-6s %6d s  %s\n' "$name" $result $(($(date +%s) - start)) "${last:-$(tail -n 1 "$log")}"
done
exit $failed
