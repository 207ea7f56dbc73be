#!/bin/sh
# vectorised.sh SOURCE_ROOT CC [BITS...]: every loop over elements is vectorised, as the compiler itself reports; of reals of
# 32 and 64 bits, or those named.
#
# The loops come out of macros, so the compiler's line numbers would all be alike: the template is
# preprocessed first and each function put on lines of its own. Both the flags and the rows are read
# where they stand, in src/cpu/meson.build and cl/activations.def. A loop counts when it is reported
# at the full width of the set's vectors and no copy of it is reported as left alone.
# Not looked at: baseline in f64, whose fma is a call of libm.
set -u
root=$1 cc=$2
shift 2
widths=${*:-32 64}
command -v "${cc%% *}" >/dev/null || { echo "skipped: there is no $cc"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
meson=$root/src/cpu/meson.build

# The flags in the list that begins, in meson.build, with the text $1.
flags() { tr '\n' ' ' <"$meson" | sed -n "s/.*$1 *\[\([^]]*\)\].*/\1/p" | tr -d "',"; }
every_set=$(flags 'loop_arguments =')
$cc --version | grep -qi clang || every_set="$every_set $(flags 'gcc_arguments =')"

# The names of the loops: a row's, and those of its TensorFlow twin.
cat >"$tmp/names.c" <<'END'
#define LOOPS(name) name##_forward_step name##_backward_step
#define X(name)
#define NOTHING(name)
#define X_OR_Y(name)
#define X_OR_OWN_Y(name) name##_backward_y_step
#define DOCUMENTED(name, ...)
#define TENSORFLOW(name, ...) LOOPS(name##_tf)
#define FAST(name, ...) name##_fast_forward_step
#define LEARNS_NOTHING(name)
#define LEARNS_P0(name) name##_learn_p0
#define LEARNS_P0_TO_P3(name) name##_learn_p0 name##_learn_p1 name##_learn_p2 name##_learn_p3
#define ACTIVATION(id, name, twin, learns, needs, ...) LOOPS(name) needs(name) learns(name) twin(name)
#include "activations.def"
END
$cc -E -P -I"$root/cl" "$tmp/names.c" | tr -s ' ' '\n' | grep . >"$tmp/elementwise" || exit 1
# hardmax has no sums, and zeros for results and gradients.
sed -n 's/^COMPOSED([0-9]*, \([a-z_]*\), ROWWISE,.*/\1_terms \1_results \1_shares \1_gradient_terms \1_gradients/p' \
    "$root/cl/activations.def" | grep -v '^hardmax_' | tr ' ' '\n' | sed 's/$/_step/' >"$tmp/rowwise"
printf '%s\n' row_prepare row_mask row_greatest row_add >>"$tmp/rowwise"
sed -n 's/^COMPOSED([0-9]*, \([a-z_]*\), ROWWISE,.*/\1_term_step \1_y_step \1_dterm_step \1_dx_step/p' \
    "$root/cl/activations.def" | grep -v '^hardmax_' | tr ' ' '\n' >"$tmp/across"
printf '%s_step\n' begin flip greater found nothing halve >>"$tmp/across"
printf '%s\n' multiply pass_on crelu crelu_backward crelu_backward_y maxout maxout_backward >"$tmp/map"
sed -n 's/^\(MAP\|SUM\|TALLY\)(\([a-z_]*\), .*/\2_\L\1/p' "$root/cl/arrays.def" >"$tmp/arrays"

# A loop that cannot be vectorised: the test must see it.
planted='extern float planted(float);
static void planted_forward(size_t n, const float *x, float *y) {
 for (size_t k = 0; k < n; k++) y[k] = planted(x[k]); }
void *use_planted(void); void *use_planted(void) { return (void *)planted_forward; }'

if $cc --version | grep -qi clang; then
    report='-Rpass=loop-vectorize -Rpass-missed=loop-vectorize -Wno-pass-failed'
else # identical functions are kept apart, so that each has a report
    report='-fopt-info-vec-optimized-missed -fno-ipa-icf'
fi

failed=0 loops=0
check() # NAME BITS BYTES LOOPS: an instruction set, the bytes of its vectors, and LOOPS_tmpl.c
{
    arguments="-std=gnu11 -D_GNU_SOURCE -O2 -g -fPIC $every_set $(flags "'$1':")
        -DCLACT_ISA=$1 -DCLACT_REAL_BITS=$2"
    # shellcheck disable=SC2086
    $cc $arguments -I"$root/include" -I"$root/cl" -I"$root/src/cpu" -E -P \
        "$root/src/cpu/$4_tmpl.c" | sed 's/static \(inline __attribute__((always_inline, unused)) \)\?[a-z0-9]* [a-z0-9_]* *(/\n&/g' >"$tmp/loops.i" || return 1
    echo "$planted" | sed 's/static void/\n&/g' >>"$tmp/loops.i"
    # shellcheck disable=SC2086
    $cc $arguments -w $report -c "$tmp/loops.i" -o "$tmp/loops.o" >"$tmp/report" 2>&1 || {
        cat "$tmp/report"
        return 1
    }
    awk -v bits="$2" -v bytes="$3" -v set="$1 f$2 $4" '
        FILENAME !~ /\.i$|report$/ { names[$1]; next }
        FILENAME ~ /\.i$/ {
            if (/^static /) { sub(/inline __attribute__[^ ]* unused\)\) /, ""); split($3, part, "("); function_name = part[1] }
            at[FNR] = function_name
            calls[FNR] = index($0, function_name "_step")
            next
        }
        # A step may be told of where it is called: behind the loop over steps, which is none over elements.
        {
            split($0, part, ":")
            name = at[part[2]]
            if (calls[part[2]] && part[3] >= calls[part[2]]) name = name "_step"
        }
        /loop vectorized using/ && $(NF - 2) + 0 >= bytes + 0 { done[name] = 1 }
        /remark: vectorized loop/ {
            match($0, /width: [0-9]+/)
            if (substr($0, RSTART + 7, RLENGTH - 7) * bits / 8 >= bytes + 0) done[name] = 1
        }
        /couldn.t vectorize loop|remark: loop not vectorized/ { left[name] = 1 }
        END {
            for (name in names) {
                count++
                if (!(name in done) || name in left) {
                    bad++
                    print set ": the loop of " name (name in done ? " is vectorised in part" : " is not vectorised")
                }
            }
            if ("planted_forward" in done || !("planted_forward" in left)) {
                bad++
                print set ": the planted loop was not seen: the test is blind"
            }
            printf "%s: %d loops, %d wrong\n", set, count, bad
            exit bad > 0
        }' "$tmp/$4" "$tmp/loops.i" "$tmp/report"
}

run()
{
    for template in across arrays elementwise map rowwise; do
        check "$@" $template || failed=1
        loops=$((loops + $(wc -l <"$tmp/$template")))
    done
}

case $(uname -m) in
x86_64)
    for bits in $widths; do
        [ "$bits" = 64 ] || run baseline 32 16
        run avx2 "$bits" 32
        run avx512 "$bits" 64
    done ;;
aarch64)
    for bits in $widths; do run neon "$bits" 16; done ;;
*)
    echo "skipped: no instruction set of $(uname -m) is known here"; exit 77 ;;
esac
echo "$loops loops looked at with $cc; baseline f64 is not: its fma is a call"
exit $failed
