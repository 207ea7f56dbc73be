#!/bin/sh
# words.sh SOURCE_ROOT: what cl/ may not say, what the library may not call, and how files begin and end.
set -u
cd "$1" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0

# The source file $1 with its lines and without its comments and the insides of its strings.
code()
{
    awk '{
        out = ""
        for (i = 1; i <= length($0); i++) {
            two = substr($0, i, 2)
            one = substr($0, i, 1)
            if (in_comment) {
                if (two == "*/") { in_comment = 0; i++ }
            } else if (in_string) {
                if (one == "\\") i++
                else if (one == "\"") { in_string = 0; out = out one }
            } else if (two == "/*") {
                in_comment = 1
                i++
            } else if (two == "//") {
                break
            } else if (one == "\047") {
                i += substr($0, i + 1, 1) == "\\" ? 3 : 2
            } else {
                in_string = one == "\""
                out = out one
            }
        }
        print out
        in_string = 0
    }' "$1"
}

# The same without constants, C(...) and K(...).
code_without_constants()
{
    code "$1" | sed 's/\(^\|[^A-Za-z0-9_]\)[CK]([^()]*)/\1/g'
}

# Says why, $1, where the lines that $2 prints of the files, from $4 on, have the pattern $3.
forbid()
{
    why=$1 lines=$2 pattern=$3
    shift 3
    for file in "$@"; do
        if $lines "$file" | grep -nE -e "$pattern" >"$tmp/found"; then
            sed "s|^|$file:|; s|\$|   ($why)|" "$tmp/found"
            failed=1
        fi
    done
}

# The line $3 must be seen to have the pattern $2, the line $4 not to.
self_test()
{
    printf '%s\n' "$3" >"$tmp/bad.h"
    printf '%s\n' "$4" >"$tmp/good.h"
    $1 "$tmp/bad.h" | grep -qE -e "$2" || { echo "the test is blind to: $3"; failed=1; }
    $1 "$tmp/good.h" | grep -qE -e "$2" && { echo "the test sees in vain: $4"; failed=1; }
}

# ---- cl/ ------------------------------------------------------------------------------------

before='(^|[^A-Za-z0-9_])'
inexact="$before(native_|half_)"
builtin="$before(mad|mad24|fmin|fmax|min|max|clamp) *\\("
fma="$before(fma|__builtin_fmaf?) *\\("
number='(^|[^A-Za-z0-9_.])([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+[eE][-+]?[0-9]|0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP])'
self_test code "$inexact" 'y = native_exp(x);' 'y = a_native_exp(x);'
self_test code "$inexact" 'y = half_exp(x);' '/* half_exp */ y = x;'
self_test code "$builtin" "y = c == '\"' ? max (x, C(0.0)) : 0;" 's = "max(x)"; y = relu_max(x); // min('
self_test code "$fma" 'y = fma(x, x, x);' 'y = fused(x, x, x);'
for number_text in 1.0 .5f 1e3 0x1p-3 0x1.8p0f 2.; do
    self_test code_without_constants "$number" "y = C(1.0) + $number_text;" \
        "y = C($number_text) + K(-$number_text, 1.0) + p1;"
done

set -- cl/*.h cl/*.cl cl/*.def
count=$#
forbid 'of no stated accuracy' code "$inexact" "$@"
forbid 'differs between devices' code "$builtin" "$@"
for file in cl/*.h cl/*.cl cl/*.def; do
    [ "$file" = cl/dialect.h ] || forbid 'write fused()' code "$fma" "$file"
done
forbid 'a number outside C() and K()' code_without_constants "$number" cl/*.h cl/*.cl

# The rows of the list are the enumerators of the header, ids included.
sed -nE 's/^(ACTIVATION|COMPOSED)\(([0-9]+), ([a-z0-9_]+),.*/\3 \2/p' cl/activations.def | sort >"$tmp/rows"
sed -n '/^typedef enum clact_activation_id/,/^}/p' include/clact/clact.h |
    sed -nE 's/^ +CLACT_([A-Z0-9_]+) = ([0-9]+),?$/\1 \2/p' | tr '[:upper:]' '[:lower:]' | sort >"$tmp/enumerators"
[ "$(wc -l <"$tmp/rows")" -ge 10 ] || { echo "no rows were found in cl/activations.def"; failed=1; }
diff "$tmp/rows" "$tmp/enumerators" || { echo "cl/activations.def (<) and clact_activation_id (>) differ"; failed=1; }

# ---- The library ----------------------------------------------------------------------------

ends="$before(f?printf|vf?printf|f?puts|f?putc|putchar|perror|abort|_?exit|_Exit|quick_exit|assert) *\\("
self_test code "$ends" '    printf("%d", 1);' '    snprintf(s, n, "printf(");'
self_test code "$ends" '    abort();' '__attribute__((format(printf, 2, 3)))'
set -- src/*.[ch] src/cpu/*.[ch] src/opencl/*.[ch]
count=$((count + $#))
forbid 'the library does not print and does not end the process' code "$ends" "$@"

# ---- All files ------------------------------------------------------------------------------

if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard
else
    find . -name 'build*' -prune -o -name .git -prune -o -type f -print | sed 's|^\./||'
fi >"$tmp/files"
tab=$(printf '\t')
texts=0 sources=0
while read -r file; do
    case $file in tests/fuzz/corpus/*) continue ;; esac # inputs, not texts
    [ -f "$file" ] && [ -s "$file" ] && grep -Iq . "$file" || continue
    texts=$((texts + 1))
    case $file in
    *.patch) ;; # a line of context that is empty is a blank
    *) grep -nE -e "$tab| +\$" "$file" | sed "s|^|$file:|; s|\$|   (a tab or a trailing blank)|" ;;
    esac
    [ "$(tail -c 1 "$file" | wc -l)" -eq 1 ] || echo "$file: no newline at the end"
    case $file in
    *.c | *.h | *.cl | *.def)
        sources=$((sources + 1))
        name=$(basename "$file")
        head -n 1 "$file" | grep -qF -e "/* $name: " || echo "$file: does not open with /* $name: ..." ;;
    esac
    echo "$texts $sources" >"$tmp/counts"
done <"$tmp/files" >"$tmp/found"
[ ! -s "$tmp/found" ] || { cat "$tmp/found"; failed=1; }
read -r texts sources <"$tmp/counts"

echo "$count files of cl/ and the library, $texts texts, $sources sources"
exit $failed
