#!/bin/sh
# root.sh CLACT: in a root directory that has no libOpenCL, no driver and no home, the command starts and computes.
set -u
program=$(realpath "$1")
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
chroot "$tmp" /nothing >/dev/null 2>&1
[ $? = 127 ] || { echo "skipped: this user may not chroot"; exit 77; }
for file in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do
    mkdir -p "$tmp/libraries" "$tmp$(dirname "$file")" && cp -L "$file" "$tmp$file" && cp -L "$file" "$tmp/libraries" || exit 1
done
export LD_LIBRARY_PATH=/libraries # without /proc the program cannot tell where it lies itself
cp "$(dirname "$0")/../examples/sample.npy" "$tmp/x.npy" || exit 1
failed=0
try()
{
    chroot "$tmp" "$program" "$@" >"$tmp/out" 2>&1 || { echo "failed: clact $*"; cat "$tmp/out"; failed=1; }
}
try list
try devices
try apply relu --verbose x.npy -o y.npy
grep -q 'the OpenCL loader was not opened: libOpenCL.so' "$tmp/out" || { echo "the reason is not given:"; cat "$tmp/out"; failed=1; }
[ "$(tail -c 16 "$tmp/y.npy" | od -A n -t f4 | tr -s ' ')" = " 0 0 0 3" ] || { echo "wrong result"; failed=1; }
chroot "$tmp" "$program" apply relu --device=gpu x.npy -o z.npy >"$tmp/out" 2>&1
[ $? = 3 ] || { echo "a device that is not there must end in 3:"; cat "$tmp/out"; failed=1; }
[ $failed = 0 ] && echo "started and computed without libOpenCL"
exit $failed
