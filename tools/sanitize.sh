#!/bin/sh
# sanitize.sh [address|thread|valgrind [gcc|clang]]: the suites under AddressSanitizer with UndefinedBehaviorSanitizer and
# LeakSanitizer, under ThreadSanitizer, or under valgrind on the CPU backend; without arguments all of these.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
need gcc clang-14 libclang-rt-14-dev meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers check \
    ocl-icd-libopencl1 pocl-opencl-icd valgrind
unset OCL_ICD_VENDORS CLACT_DEVICE CLACT_CPU CLACT_OPENCL_LIBRARY CLACT_KERNEL_DIR CLACT_KERNEL_FORM OPENCL_LAYERS 2>/dev/null || :
export CLACT_CACHE_DIR=disabled CLACT_TEST_LIGHT=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1

# Warnings are no errors here: with its checks built in, gcc warns of null pointers that cannot be.
build() { # folder, compiler, options of meson
    folder=$1 compiler=$2
    shift 2
    [ "$compiler" = clang ] && compiler=clang-14
    [ -f "$folder/build.ninja" ] || CC=$compiler CXX="$(echo "$compiler" | sed 's/gcc/g++/; s/clang/clang++/')" \
        meson setup "$folder" -Db_lundef=false "$@" >/dev/null
    ninja -C "$folder" >"$folder/build.log" 2>&1 || { tail -n 30 "$folder/build.log" >&2; exit 1; }
}
# $1 device; then the command.
suites() {
    device=$1
    shift
    CLACT_DEVICE=$device "$@" >"$folder/said" 2>&1 || { tail -n 60 "$folder/said" >&2; exit 1; }
    echo "$name on $device: $(grep -E '%: Checks|passed,' "$folder/said" | tail -n 1)"
}

address() {
    name="address and undefined with $1"
    build "build-asan-$1" "$1" -Db_sanitize=address,undefined -Doptimization=1
    # LLVM keeps memory after compiling; with everything in the driver's cache nothing is compiled.
    export POCL_CACHE_DIR="$PWD/$folder/pocl"
    mkdir -p "$POCL_CACHE_DIR"
    CLACT_DEVICE=opencl ASAN_OPTIONS=detect_leaks=0 "$folder/tests/clact_tests" >/dev/null
    export ASAN_OPTIONS=detect_leaks=1
    suites cpu "$folder/tests/clact_tests"
    suites opencl "$folder/tests/clact_tests"
    # What may fail for want of memory does: no leak on that way either.
    suites cpu "$folder/tests/test_allocations" cpu
    unset ASAN_OPTIONS # those that end the command say for themselves that what it holds is no leak: tests/fuzz/exits.c
    for target in api cache model npy options pack; do
        "$folder/tests/fuzz/replay_$target" "tests/fuzz/corpus/$target" >"$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
    done
    echo "$name: the corpora of the fuzzers"
}

thread() {
    name="thread with $1"
    build "build-tsan-$1" "$1" -Db_sanitize=thread -Doptimization=1
    export POCL_CACHE_DIR="$PWD/$folder/pocl" CLACT_TEST_CALLS=1000
    mkdir -p "$POCL_CACHE_DIR"
    suites cpu "$folder/tests/clact_tests"
    suites opencl "$folder/tests/clact_tests"
}

# Its processor has no AVX-512, rounds long double to 53 bits, and its vfnmadd gives -0 where the others give +0: the
# suites, and of rowwise the tests, that do not ask for more. A fork's child has the parent's memory when it ends: no leak.
# Without other libraries for products: the C library's loader reads words beyond a string when it opens one.
memory() {
    name="valgrind"
    build build-valgrind gcc -Doptimization=1
    export CK_EXCLUDE_TAGS=processor CLACT_BLAS_LIBRARY=disabled CLACT_CLBLAST_LIBRARY=disabled
    for suite in activation tensor gated rowwise quantised reduce gradients custom npy memory nn_model nn_loss nn_health nn_init \
        dense matmul; do
        export CK_RUN_SUITE=$suite
        suites cpu valgrind --quiet --leak-check=full --error-exitcode=99 "$folder/tests/clact_tests"
    done
    unset CK_RUN_SUITE CK_EXCLUDE_TAGS CLACT_BLAS_LIBRARY CLACT_CLBLAST_LIBRARY
}

case ${1:-all} in
address | thread) "$1" "${2:-gcc}" ;;
valgrind) memory ;;
all)
    for compiler in gcc clang; do
        address $compiler
        thread $compiler
    done
    memory
    ;;
*)
    echo "usage: sanitize.sh [address|thread|valgrind [gcc|clang]]" >&2
    exit 64
    ;;
esac
