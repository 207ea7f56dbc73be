#!/bin/sh
# oclgrind.sh EVERY_KERNEL: Oclgrind watches every kernel's memory, races and API calls, and has nothing to say.
#
# EVERY_KERNEL is the program that every_kernel.c makes. Oclgrind says what it finds in its log alone, not
# by its exit code. Its run time is given to clact as the OpenCL library: clact opens one by name, which
# the preloading of the oclgrind command does not reach.
set -u
program=$1
cl=$(dirname "$0")/../cl
command -v oclgrind >/dev/null || { echo "skipped: there is no oclgrind"; exit 77; }
library=$(dirname "$(command -v oclgrind)")/../lib/oclgrind/liboclgrind-rt.so
[ -e "$library" ] || { echo "skipped: there is no $library"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# Runs the program under Oclgrind; the log is then $tmp/log.
watch()
{
    rm -f "$tmp/log"
    CLACT_OPENCL_LIBRARY=$library oclgrind --check-api --data-races --uninitialized \
        --log "$tmp/log" "$program" --brief "$@" >"$tmp/said" 2>&1
    status=$?
    [ -e "$tmp/log" ] || { echo "Oclgrind did not run:"; cat "$tmp/said"; exit 1; }
    return $status
}

# With the edit $1 of elementwise.cl the log must say $2.
planted()
{
    rm -rf "$tmp/cl"
    cp -R "$cl" "$tmp/cl"
    sed "$1" "$cl/elementwise.cl" >"$tmp/cl/elementwise.cl"
    export CLACT_KERNEL_DIR="$tmp/cl"
    watch identity
    unset CLACT_KERNEL_DIR
    grep -q "$2" "$tmp/log" && return
    echo "the test is blind: no '$2' in the log after $1"
    cat "$tmp/said" "$tmp/log"
    exit 1
}

planted 's/i < n; i += LOCAL/i <= n; i += LOCAL/' 'Invalid write'
planted 's/y\[yi\] =/y[yi + 1] =/' 'Invalid write'
planted 's/FOR_TILE(y\[i\] =/FOR_TILE(y[i \/ 2] =/' 'data race'

watch
status=$?
cat "$tmp/said"
if [ -s "$tmp/log" ]; then
    echo "Oclgrind says:"
    head -n 40 "$tmp/log"
    status=1
fi
echo "3 planted faults, each seen; $(wc -l <"$tmp/log") lines in the log"
exit $status
