#!/bin/sh
# environments.sh CLACT LAYER TESTS ELEVATED: where something is missing, small or different clact computes the same, or
# says what stops it.
set -u
clact=$1 layer=$2 tests=$3 elevated=$4
top=$(mktemp -d) || exit 2
trap 'rm -rf "$top"' EXIT
sample=$(dirname "$0")/../examples/sample.npy
export CLACT_CACHE_DIR=disabled
unset CLACT_DEVICE CLACT_CPU OPENCL_LAYERS CLHIDE CLFAULT CLFAULT_STICKY
. "$(dirname "$0")/checks.sh"
skipped=
skip() { skipped="$skipped; $1"; }
same() { run 0 apply "$1" "$sample" -o "$top/y.npy" --verbose "$2" && cmp -s "$top/y.npy" "$top/$1.npy"; }

for f in elu softmax; do
    check "$f on the CPU backend" run 0 apply $f "$sample" -o "$top/$f.npy" --device=cpu
done

# ---- No device ----
# $1 the reason that is given; then the assignments that make it so.
without()
{
    reason=$1
    shift
    export "$@"
    check "$* computes" same elu --device=auto
    check "$* says why" says "$reason"
    check "$* lists" run 0 devices
    check "$* in the list" says "$reason"
    check "$*: no other device is taken" run 3 apply elu "$sample" -o "$top/none.npy" --device=gpu
    check "$*: nothing is written" [ ! -e "$top/none.npy" ]
    unset "${1%%=*}"
}
mkdir "$top/none" "$top/broken" "$top/text"
echo /no/such/driver.so >"$top/broken/broken.icd"
echo "$top/text/driver.so" >"$top/text/text.icd"
echo 'no library' >"$top/text/driver.so"
without 'was not opened' CLACT_OPENCL_LIBRARY=/no/such/libOpenCL.so
without 'switched off\|disabled' CLACT_OPENCL_LIBRARY=disabled
without 'no platform' OCL_ICD_VENDORS="$top/none"
without 'no platform' OCL_ICD_VENDORS="$top/broken"
without 'no platform' OCL_ICD_VENDORS="$top/text"
without 'without a device' POCL_DEVICES=nosuch

# ---- A device that fails, or lacks something ----
through() { OPENCL_LAYERS=$layer "$@"; }
export CLFAULT_STICKY=1
for fault in clCreateContext:1:-6:OUT_OF_HOST_MEMORY clCreateCommandQueue:1:-5:OUT_OF_RESOURCES \
    clBuildProgram:1:-11:BUILD_PROGRAM_FAILURE clEnqueueNDRangeKernel:1:-4:MEM_OBJECT_ALLOCATION_FAILURE; do
    export CLFAULT="${fault%:*}"
    check "$fault" through run 2 apply elu "$sample" -o "$top/none.npy" --device=opencl
    check "$fault is named" says "CL_${fault##*:}"
    check "$fault: nothing is written" [ ! -e "$top/none.npy" ]
done
unset CLFAULT CLFAULT_STICKY
export CLHIDE=fp64
check 'without fp64' through same elu --device=opencl
check 'exact without fp64' says 'exactness all'
check 'f64 without fp64' through run 2 check elu --dtype=f64 --device=opencl --samples=1000
check 'f64 is refused by name' says 'f64'
export CLHIDE=subnormals
check 'without subnormals' through run 0 check identity relu --device=opencl --samples=65536
check 'check says so' says 'normal'
check 'what is not subnormal' through same elu --device=opencl
check 'caps say so' says 'exactness normal'
unset CLHIDE

# ---- A small device ----
library=$(dirname "$(command -v oclgrind || echo /none/none)")/../lib/oclgrind/liboclgrind-rt.so
small()
{
    CLACT_OPENCL_LIBRARY=$library oclgrind --log "$top/log" $options "$@"
}
if [ -e "$library" ]; then
    run_small()
    {
        small "$clact" apply "$1" "$2" -o "$top/y.npy" --device=opencl --verbose >"$top/out" 2>&1
    }
    for options in '--max-wgsize 1' '--max-wgsize 7' '--max-wgsize 100' '--local-mem-size 16384' '--constant-mem-size 1024' \
        '--global-mem-size 131072'; do
        for f in elu softmax; do
            rm -f "$top/y.npy"
            check "$f with $options" run_small $f "$sample"
            check "$f with $options is right" cmp -s "$top/y.npy" "$top/$f.npy"
        done
    done
    options='--global-mem-size 131072'
    printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (65536,), }" >"$top/large.npy"
    head -c 262144 /dev/zero >>"$top/large.npy"
    check 'an array larger than the memory' run_small elu "$top/large.npy" # the simulator does not refuse it
    check 'whose elu is it' cmp -s "$top/y.npy" "$top/large.npy"
else
    skip 'a small device: there is no Oclgrind'
fi

# ---- A decimal comma ----
if localedef -i de_DE -f UTF-8 "$top/de_DE.UTF-8" 2>/dev/null; then
    comma() { LC_ALL= LOCPATH=$top LC_NUMERIC=de_DE.UTF-8 CLACT_TEST_COMMA=1 "$@" >"$top/out" 2>&1; }
    check 'the suite environment with a comma' comma env CK_RUN_SUITE=environment CLACT_DEVICE=cpu "$tests"
    check 'the suite kernels with a comma' comma env CK_RUN_SUITE=kernels CLACT_DEVICE=opencl "$tests"
    check 'the suite nn_model with a comma' comma env CK_RUN_SUITE=nn_model CLACT_DEVICE=cpu "$tests"
else
    skip 'a decimal comma: localedef makes none'
fi

# ---- More rights than the user's ----
check 'the environment counts' sh -c "! CLACT_DEVICE=nosuch '$elevated' >'$top/out'"
cp "$elevated" "$top/elevated"
if [ "$(id -u)" -eq 0 ] && chmod 755 "$top" && chown 65534 "$top/elevated" && chmod 4755 "$top/elevated" &&
    "$top/elevated" | grep -q elevated; then
    more_rights() { CLACT_DEVICE=nosuch CLACT_CPU=none OCL_ICD_VENDORS=$top/none "$top/elevated" >"$top/out" 2>&1; }
    check 'with more rights it does not' more_rights
else
    skip 'more rights than its user has: not from here'
fi

echo "$passed passed, $failed failed${skipped:+; skipped$skipped}"
[ $failed -eq 0 ]
