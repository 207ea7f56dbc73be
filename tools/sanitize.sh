#!/bin/sh
# sanitize.sh: the suites under AddressSanitizer with UndefinedBehaviorSanitizer (gcc), and ThreadSanitizer (clang).
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
need gcc clang-14 libclang-rt-14-dev meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers check \
    ocl-icd-libopencl1 pocl-opencl-icd
unset OCL_ICD_VENDORS CLACT_DEVICE CLACT_CPU CLACT_OPENCL_LIBRARY CLACT_KERNEL_DIR CLACT_KERNEL_FORM OPENCL_LAYERS 2>/dev/null || :

# LLVM keeps memory after compiling; with everything in the driver's cache nothing is compiled.
run() { # folder, device, calls of each thread
    echo "== $1 on $2"
    CLACT_DEVICE=$2 CLACT_TEST_LIGHT=1 CLACT_TEST_CALLS=$3 "$1/tests/clact_tests" | tail -n 1
}
# Warnings are no errors here: with its checks built in, gcc warns of null pointers that cannot be.
build() { # folder, compiler, sanitizers
    [ -d "$1" ] || CC=$2 meson setup "$1" -Db_sanitize="$3" -Db_lundef=false >/dev/null
    ninja -C "$1" >"$1/build.log" 2>&1 || { tail -n 30 "$1/build.log" >&2; exit 1; }
}

export CLACT_CACHE_DIR=disabled
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
build build-asan gcc address,undefined
export POCL_CACHE_DIR="$PWD/build-asan/pocl"
mkdir -p "$POCL_CACHE_DIR"
ASAN_OPTIONS=detect_leaks=0 CLACT_DEVICE=opencl CLACT_TEST_LIGHT=1 build-asan/tests/clact_tests >/dev/null
run build-asan cpu 100
run build-asan opencl 100

build build-tsan clang-14 thread
run build-tsan cpu 1000
run build-tsan opencl 1000
