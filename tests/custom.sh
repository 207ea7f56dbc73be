#!/bin/sh
# custom.sh SOURCE_ROOT CC CXX: what compilers make of clact/custom.h, and what it makes of compilers.
#
# Its loops are vectorised; flags that change results are refused; a wrong number of parameters is an error; a long
# text is none, nor is one whose loops cannot be vectorised; before C++17 it says what it needs.
set -u
root=$1 cc=$2 cxx=$3
for tool in "$cc" "$cxx"; do
    command -v "${tool%% *}" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0 done=0

wrong()
{
    echo "$1"
    cat "$tmp/said"
    failed=1
}

# Compiles $tmp/text with the compiler $1 and the flags that follow.
compile()
{
    compiler=$1
    shift
    done=$((done + 1))
    "$compiler" -Wall -Wextra -Wshadow -Werror -pedantic "$@" -I"$root/include" -c "$tmp/text" -o "$tmp/object" >"$tmp/said" 2>&1
}

accepted() { what=$1; shift; compile "$@" || wrong "$what: not accepted by $*"; }
refused() # WHAT SENTENCE COMPILER FLAGS
{
    what=$1 sentence=$2
    shift 2
    if compile "$@"; then wrong "$what: accepted by $*"; else grep -q "$sentence" "$tmp/said" || wrong "$what: $*"; fi
}

row() # COUNT BODY: a definition with one parameter that says that it has COUNT
{
    printf '%s\n' '#include <clact/custom.h>' "CLACT_CUSTOM(row, $1, (CLACT_CUSTOM_PARAMETER(\"a\", 1, 0, 2))," \
        "INLINE real row_f(real x, real a) { $2 return a * x; }" 'INLINE real row_d(real x, real a) { (void)x; return a; })' \
        'const clact_custom *get(void);' 'const clact_custom *get(void) { return &row_custom; }' >"$tmp/text"
}

row 1 ''
for level in -O0 -O2 -O3; do
    for standard in c99 c11 gnu11; do accepted 'a row' "$cc" -xc -std=$standard $level; done
    for standard in c++17 c++20; do accepted 'a row' "$cxx" -xc++ -std=$standard $level; done
done
for flag in -ffast-math -Ofast -ffinite-math-only; do
    refused 'a flag that changes results' 'change results' "$cc" -xc $flag
    refused 'a flag that changes results' 'change results' "$cxx" -xc++ -std=c++17 $flag
done
refused 'C++11' 'needs C++17' "$cxx" -xc++ -std=c++11
row 2 ''
refused 'one parameter where two were said' row "$cc" -xc
row 1 "$(i=0; while [ $i -lt 300 ]; do echo "real t$i = fused(a, x, C(1.5)); (void)t$i;"; i=$((i + 1)); done)"
[ "$(wc -c <"$tmp/text")" -gt 8000 ] || wrong 'the long text is short'
accepted 'a long text' "$cc" -xc -std=c99
accepted 'a long text' "$cxx" -xc++ -std=c++17
row 1 'real y = x; while (y > a) y = y - C(1.0); x = y;'
accepted 'a loop in the text' "$cc" -xc -O3
accepted 'a loop in the text' "$cxx" -xc++ -std=c++17 -O3

# Each row of custom_rows.h has two loops.
if $cc --version | grep -qi clang; then
    report=-Rpass=loop-vectorize said='remark: vectorized loop'
else
    report=-fopt-info-vec-optimized said='loop vectorized using 32 byte'
fi
if [ "$(uname -m)" = x86_64 ]; then
    $cc -O3 -mavx2 -mfma $report -DCUSTOM_ROWS=rows -I"$root/include" -c "$root/tests/custom_rows.c" -o "$tmp/object" \
        >"$tmp/said" 2>&1 || wrong 'custom_rows.c does not compile'
    for line in $(grep -n '^CLACT_CUSTOM' "$root/tests/custom_rows.h" | cut -d: -f1); do
        loops=$(grep -c "custom_rows.h:$line:.*$said" "$tmp/said")
        done=$((done + 1))
        [ "$loops" -ge 2 ] || wrong "custom_rows.h:$line: $loops of 2 loops are vectorised"
    done
fi

echo "$done looked at with $cc and $cxx"
exit $failed
