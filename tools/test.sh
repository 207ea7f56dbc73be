#!/bin/sh
# test.sh: installs what the tests need, builds with gcc and clang, and runs everything that is quick.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh

need gcc g++ libc6-dev meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers check libmpfr-dev \
    ocl-icd-libopencl1 pocl-opencl-icd oclgrind clang-14 libclang-rt-14-dev llvm-14 llvm-spirv-14 spirv-tools binutils patch \
    libopenblas0-pthread libclblast1 opencl-clhpp-headers python3-numpy python3-pyopencl cmake man-db groff-base mandoc \
    bash zsh fish ocl-icd-opencl-dev locales
hide_vendors=1 need mesa-opencl-icd intel-opencl-icd
unset OCL_ICD_VENDORS CLACT_DEVICE CLACT_CPU CLACT_OPENCL_LIBRARY CLACT_BLAS_LIBRARY CLACT_CLBLAST_LIBRARY CLACT_KERNEL_DIR \
    CLACT_KERNEL_FORM OPENCL_LAYERS 2>/dev/null || :

build=${CLACT_BUILD:-build-test}
[ -f "$build/build.ninja" ] || CC=gcc meson setup "$build" -Dwerror=true -Dopencl=enabled -Dcli=enabled -Dtests=enabled
ninja -C "$build"
# Built, not run: for its warnings.
[ -f "$build-clang/build.ninja" ] || CC=clang-14 meson setup "$build-clang" -Dwerror=true -Doptimization=0 -Dopencl=enabled -Dcli=enabled -Dtests=enabled
ninja -C "$build-clang"
# A driver compiles for seconds what it has not stored: the first run fills the cache for the others.
meson test -C "$build" --print-errorlogs --no-rebuild --suite first
meson test -C "$build" --print-errorlogs --no-rebuild --no-suite first --no-suite long
