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

# With the edit $2 of the file $1 the log must say $3 of the activation $4.
planted()
{
    rm -rf "$tmp/cl"
    cp -R "$cl" "$tmp/cl"
    sed "$2" "$cl/$1" >"$tmp/cl/$1"
    export CLACT_KERNEL_DIR="$tmp/cl"
    watch "$4"
    unset CLACT_KERNEL_DIR
    grep -q "$3" "$tmp/log" && return
    echo "the test is blind: no '$3' in the log after $2"
    cat "$tmp/said" "$tmp/log"
    exit 1
}

planted walk.h 's/i < n; i += LOCAL/i <= n; i += LOCAL/' 'Invalid write' identity
planted elementwise.cl 's/y\[yi\] =/y[yi + 1] =/' 'Invalid write' identity
planted elementwise.cl 's/y\[i\] =/y[i \/ 2] =/' 'data race' identity
planted gradient.cl 's/ barrier(CLK_LOCAL_MEM_FENCE);//' 'data race' prelu

watch
status=$?
cat "$tmp/said"
if [ -s "$tmp/log" ]; then
    echo "Oclgrind says:"
    head -n 40 "$tmp/log"
    status=1
fi
echo "4 planted faults, each seen; $(wc -l <"$tmp/log") lines in the log"
exit $status
