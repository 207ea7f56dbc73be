#!/bin/sh
# quickstart.sh: installs what the build needs, builds clact, and applies an activation to a sample array.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh

need gcc libc6-dev meson ninja-build pkg-config python3 libjansson-dev libxxhash-dev opencl-c-headers
build=${CLACT_BUILD:-build}
[ -f "$build/build.ninja" ] || meson setup "$build" -Dtests=disabled >/dev/null
ninja -C "$build" >"$build/quickstart.log" 2>&1 || { tail -n 30 "$build/quickstart.log" >&2; exit 1; }

PATH="$(cd "$build/src/cli" && pwd):$PATH"
run() { echo "\$ $*"; "$@" 2>&1; echo; }
run clact devices
run clact apply relu --verbose examples/sample.npy -o "$build/relu.npy"
if clact devices | grep -q '^[0-9]'; then # an OpenCL device: with kernels that are compiled for it now
    run clact apply relu --verbose --device=opencl examples/sample.npy -o "$build/relu.npy"
fi
run clact apply relu --negative-slope=2 examples/sample.npy -o "$build/leaky.npy"
echo "examples/sample.npy, its relu, and its relu with a negative slope of 2:"
for file in examples/sample.npy "$build/relu.npy" "$build/leaky.npy"; do
    tail -c 16 "$file" | od -A n -t f4
done
echo "Next: $build/src/cli/clact list; the README has a C program."
