#!/bin/sh
# subproject.sh SOURCE_ROOT: clact as a subproject of meson: built, used, and installed with what includes it.
set -eu
root=$1
command -v meson >/dev/null || { echo 'skipped: there is no meson'; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
unset DESTDIR PKG_CONFIG_PATH PKG_CONFIG_LIBDIR 2>/dev/null || :
mkdir -p "$tmp/outer/subprojects"
ln -s "$root" "$tmp/outer/subprojects/clact"
cp "$root/examples/relu.c" "$tmp/outer"
cat >"$tmp/outer/layer.c" <<'END'
#include <clact/nn.h>

int main(void)
{
    clact_nn_optimizer adam;
    return clact_nn_optimizer_default(&adam, CLACT_NN_ADAM) == CLACT_OK ? 0 : 1;
}
END
cat >"$tmp/outer/meson.build" <<'END'
project('outer', 'c', default_options: ['optimization=0'])
clact = dependency('clact', fallback: ['clact', 'clact_dep'])
executable('relu', 'relu.c', dependencies: clact)
executable('layer', 'layer.c', dependencies: dependency('clact-nn', fallback: ['clact', 'clact_nn_dep']))
END
run() { "$@" >"$tmp/log" 2>&1 || { tail -n 40 "$tmp/log"; echo "failed: $*"; exit 1; }; }

# ---- Built and used. What is only for whoever works on clact is not made. ----
run meson setup "$tmp/build" "$tmp/outer" --prefix="$tmp/prefix" --force-fallback-for=clact,clact-nn
run meson compile -C "$tmp/build"
run "$tmp/build/layer"
[ "$("$tmp/build/relu")" = '0 0 0 3' ] || { echo 'the program of the outer project is wrong'; exit 1; }
left=$(find "$tmp/build" -type f \( -name 'clact_tests' -o -name 'clact' -o -name 'bench_*' -o -name 'example_*' \))
[ -z "$left" ] || { echo "made for nobody: $left"; exit 1; }

# ---- Installed into its own prefix, and found there ----
run meson install -C "$tmp/build"
PKG_CONFIG_LIBDIR=$(dirname "$(find "$tmp/prefix" -name clact.pc)"):$(pkg-config --variable=pc_path pkg-config)
export PKG_CONFIG_LIBDIR
mkdir "$tmp/user"
cd "$tmp/user"
libdir=$(pkg-config --variable=libdir clact)
# shellcheck disable=SC2046
cc "$root/examples/relu.c" -o relu $(pkg-config --cflags --libs clact) -Wl,-rpath,"$libdir"
[ "$(./relu)" = '0 0 0 3' ] || { echo 'the program outside is wrong'; exit 1; }
echo 'used as a subproject, installed with it, and used by a program outside'
