#!/bin/sh
# headers.sh SOURCE_ROOT CC CXX: every public header compiles alone, twice, and beside CL/cl.h, in C and C++.
set -u
root=$1 cc=$2 cxx=$3
for tool in "$cc" "$cxx"; do
    command -v "${tool%% *}" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0 compiled=0

# Compiles $tmp/text as $1, c or c++, with the standards in the rest of the arguments.
compile()
{
    language=$1
    shift
    compiler=$cc
    [ "$language" = c ] || compiler=$cxx
    for standard in "$@"; do
        compiled=$((compiled + 1))
        # shellcheck disable=SC2086
        $compiler -x "$language" -std="$standard" -pedantic -Wall -Wextra -Werror -I"$root/include" \
            -idirafter "$root/tests/dlpack" -c "$tmp/text" -o "$tmp/object" 2>"$tmp/said" || {
            failed=1
            echo "as $standard:"
            cat "$tmp/text" "$tmp/said"
        }
    done
}

# Compiles the lines that are the arguments.
both()
{
    printf '%s\n' "$@" >"$tmp/text"
    compile c c99 c11
    compile c++ c++11 c++17
}

target='#define CL_TARGET_OPENCL_VERSION 120'
opencl='#include <CL/cl.h>'
printf '%s\n' "$target" "$opencl" | $cc -x c -E - >/dev/null 2>&1 || opencl=

for header in "$root"/include/clact/*.h; do
    this="#include <clact/$(basename "$header")>"
    both "$this" "$this"
    if [ "$opencl" ]; then
        both "$target" "$opencl" "$this"
        both "$target" "$this" "$opencl"
    fi
done

for header in "$root"/include/clact/*.hpp; do
    this="#include <clact/$(basename "$header")>"
    printf '%s\n' "$this" "$this" >"$tmp/text"
    compile c++ c++17 c++20
    if [ "$opencl" ]; then
        printf '%s\n' "$this" "$target" "$opencl" "$this" >"$tmp/text"
        compile c++ c++17 c++20
    fi
done

# OpenCL's handles are passed without a cast.
if [ "$opencl" ]; then
    both "$target" "$opencl" '#include <clact/opencl.h>' '
clact_status all(clact_context **out, cl_context context, cl_device_id device, cl_command_queue queue,
                 cl_mem mem, cl_event *event);
clact_status all(clact_context **out, cl_context context, cl_device_id device, cl_command_queue queue,
                 cl_mem mem, cl_event *event)
{
    clact_buffer *buffer;
    clact_enqueue enqueue;
    clact_status status = clact_open_opencl(out, context, device, queue, NULL);
    cl_mem same;
    enqueue.queue = queue;
    enqueue.waits = event;
    enqueue.num_waits = 1;
    enqueue.event = event;
    if (status == CLACT_OK)
        status = clact_forward_enqueue(*out, NULL, NULL, &enqueue);
    if (status == CLACT_OK)
        status = clact_buffer_import(&buffer, *out, mem);
    same = status == CLACT_OK ? clact_buffer_mem(buffer) : mem;
    return same == mem ? status : CLACT_E_ARGUMENT;
}'
fi

echo "$compiled compilations with $cc and $cxx${opencl:+, CL/cl.h among them}"
exit $failed
