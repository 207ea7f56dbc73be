#!/bin/sh
# patch.sh SOURCE_ROOT BUILD_TMP: an activation is added by rows and two functions in cl/, and a row of the oracle.
#
# tests/elliott.patch is applied to a copy of the tree, under the directory BUILD_TMP; the copy is built
# and `clact check' must know, compute and pass elliott on the CPU, and on an OpenCL device if there is one.
set -u
root=$1
folder=$2
for tool in patch meson ninja tar; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
mkdir -p "$folder" && tmp=$(mktemp -d "$(cd "$folder" && pwd)/patch.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT

# Prints the output of the step that failed, and ends.
step()
{
    "$@" >"$tmp/said" 2>&1 && return
    echo "failed: $*"
    tail -n 40 "$tmp/said"
    exit 1
}

mkdir "$tmp/tree"
tar -C "$root" -cf - --exclude=./.git --exclude='./build*' --exclude="$(basename "$tmp")" . | tar -C "$tmp/tree" -xf -
cd "$tmp/tree" || exit 1

patch=tests/elliott.patch
touched=$(sed -n 's|^+++ b/||p' $patch | tr '\n' ' ')
[ "$touched" = 'cl/activations.def cl/activations.h src/cli/oracle.def ' ] || { echo "touches $touched"; exit 1; }
rows=$(sed -n '/^+++ b.src.cli/,$p' $patch | grep -c '^[-+][^-+]')
[ "$rows" -eq 1 ] || { echo "changes $rows rows of the oracle"; exit 1; }
step patch -p1 --no-backup-if-mismatch -i $patch
step meson setup -Dtests=disabled -Dnn=disabled -Ddocs=disabled -Dbuildtype=debug -Doptimization=1 "$tmp/build"
step ninja -C "$tmp/build"
clact=$tmp/build/src/cli/clact
[ -x "$clact" ] || { echo 'skipped: the clact command is not built: is jansson there?'; exit 77; }

export CLACT_CACHE_DIR="$tmp/cache"
step "$clact" check elliott --device=cpu
cat "$tmp/said"
where='the CPU'
"$clact" check elliott --device=opencl >"$tmp/opencl" 2>&1
case $? in
0) where="$where and an OpenCL device"; cat "$tmp/opencl" ;;
3) where="$where; there is no OpenCL device" ;;
*) echo 'failed: clact check elliott --device=opencl'; cat "$tmp/opencl"; exit 1 ;;
esac
added=$(grep -c '^+[^+]' $patch)
echo "elliott, $added lines in 3 files, on $where"
