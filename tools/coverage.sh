#!/bin/sh
# coverage.sh: what the tests reach of src/: at least 95 % of its lines and 85 % of its branches.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
need gcc meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers check libmpfr-dev gcovr \
    ocl-icd-libopencl1 pocl-opencl-icd libopenblas0-pthread libclblast1 gnuplot-nox
unset OCL_ICD_VENDORS CLACT_DEVICE CLACT_CPU CLACT_OPENCL_LIBRARY CLACT_KERNEL_DIR CLACT_KERNEL_FORM OPENCL_LAYERS 2>/dev/null || :
build=${CLACT_BUILD:-build-coverage}
# A branch counts once, and not in each place where its function is inlined.
[ -f $build/build.ninja ] || CC=${CC:-gcc} meson setup $build -Db_coverage=true -Doptimization=1 \
    -Dc_args=-fno-early-inlining >/dev/null
ninja -C $build >$build/build.log 2>&1 || { tail -n 30 $build/build.log >&2; exit 1; }
find $build -name '*.gcda' -delete
export CLACT_TEST_LIGHT=1 CLACT_CACHE_DIR=disabled POCL_CACHE_DIR="$(realpath $build)/pocl"
mkdir -p "$POCL_CACHE_DIR"
export GCOV_ERROR_FILE="$(realpath $build)/gcov.log" # not to stderr, where tests read what clact says
clact=$build/src/cli/clact tests=$build/tests/clact_tests layer=$(realpath $build)/tests/layer.so
: >$build/tests.log
# What fails is told, and counted all the same.
run() { "$@" >>$build/tests.log 2>&1 || echo "failed, see $build/tests.log: $*"; }
run env CLACT_DEVICE=cpu $tests
run env CLACT_DEVICE=opencl $tests
run env CLACT_OPENCL_LIBRARY=/no/such/library $tests
run env CLACT_DEVICE=opencl CK_RUN_SUITE=several POCL_DEVICES='pthread pthread' $tests
run env CLACT_DEVICE=opencl CK_RUN_SUITE=golden CLACT_KERNEL_FORM=task $tests
run env CLACT_DEVICE=opencl CK_RUN_SUITE=golden CLACT_KERNEL_DIR=cl $tests
run env CLACT_DEVICE=opencl CK_RUN_SUITE=matmul CLACT_BLAS_LIBRARY=disabled $tests # by CLBlast
for word in place unified crds gpu; do
    run env CLACT_DEVICE=opencl CK_RUN_SUITE=memory OPENCL_LAYERS="$layer" CLHIDE=$word $tests
done
run env OPENCL_LAYERS="$layer" $build/tests/test_faults --brief
run $build/tests/test_allocations cpu
run env OPENCL_LAYERS="$layer" $build/tests/test_terminated
run env CLACT_DEVICE=cpu sh tests/cli.sh $clact
run env CLACT_DEVICE=opencl sh tests/cli.sh $clact
run env CLACT_DEVICE=cpu sh tests/cli_use.sh "$(realpath $clact)" "$PWD"
run sh tests/programs.sh $clact "$layer" 2
run sh tests/environments.sh $clact "$layer" $tests $build/tests/elevated
for type in f32 f64 f16; do
    run $clact check --samples=4096 --dtype=$type --device=cpu
    run $clact check --grid --samples=4096 --dtype=$type --device=cpu # those with parameters
done
for set in baseline avx2; do
    for suite in activation golden rowwise tensor types; do
        run env CLACT_DEVICE=cpu CLACT_CPU=$set CK_RUN_SUITE=$suite $tests
    done
done
run $clact check sigmoid tanh --mode=fast --samples=65536 --device=opencl
for target in api cache model npy options pack; do
    run $build/tests/fuzz/replay_$target tests/fuzz/corpus/$target
done
gcovr -r . $build --filter 'src/' --gcov-ignore-parse-errors --exclude-unreachable-branches --txt $build/coverage.txt \
    --html-details $build/coverage.html --print-summary --fail-under-line 95 --fail-under-branch 85
