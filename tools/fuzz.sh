#!/bin/sh
# fuzz.sh [SECONDS [TARGET...]]: runs the fuzz targets of tests/fuzz, from their corpora, each so long (default: 600), with
# AddressSanitizer and UndefinedBehaviorSanitizer. What they find lies in build-fuzz/found.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
need clang-14 libclang-rt-14-dev meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers check \
    ocl-icd-libopencl1 pocl-opencl-icd
unset OCL_ICD_VENDORS CLACT_DEVICE CLACT_CPU CLACT_OPENCL_LIBRARY CLACT_KERNEL_DIR CLACT_KERNEL_FORM OPENCL_LAYERS 2>/dev/null || :
seconds=${1:-600}
[ $# -gt 0 ] && shift
[ -f build-fuzz/build.ninja ] || CC=clang-14 CXX=clang++-14 meson setup build-fuzz -Dfuzz=true \
    -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 >/dev/null
ninja -C build-fuzz fuzz >build-fuzz/build.log 2>&1 || { tail -n 30 build-fuzz/build.log >&2; exit 1; }
export CLACT_CACHE_DIR=disabled POCL_CACHE_DIR="$PWD/build-fuzz/pocl" UBSAN_OPTIONS=halt_on_error=1
mkdir -p "$POCL_CACHE_DIR" build-fuzz/found
failed=0
for target in ${*:-api cache model npy options pack}; do
    corpus=build-fuzz/corpus-$target log=build-fuzz/$target.log
    mkdir -p "$corpus"
    if "build-fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -print_final_stats=1 -rss_limit_mb=4096 \
        -artifact_prefix="build-fuzz/found/$target-" "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
        echo "$target: nothing found in $(sed -n 's/stat::number_of_executed_units: *//p' "$log") executions"
    else
        failed=1
        echo "$target: a finding"
        tail -n 40 "$log"
    fi
done
exit $failed
