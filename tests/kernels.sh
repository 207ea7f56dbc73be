#!/bin/sh
# kernels.sh CLACT KERNELS_ALONE: what `clact kernels` prints runs in a program that has OpenCL alone, in both forms.
set -u
clact=$1 alone=$2
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for form in ndrange task; do
    option=--task
    [ $form = task ] || option=--local=256
    "$clact" kernels $option -o "$tmp/$form.cl" relu softmax swiglu || exit 1
    "$alone" "$tmp/$form.cl" $form || exit $?
done
