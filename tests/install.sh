#!/bin/sh
# install.sh SOURCE_ROOT BUILD_ROOT: what is installed, and programs outside that find it: by pkg-config, shared and
# static, and also before it is installed; by CMake after it was moved elsewhere; the programs of the documentation; the man
# pages and the completions.
set -u
root=$1 build=$2
command -v meson >/dev/null || { echo 'skipped: there is no meson'; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
unset CPATH LIBRARY_PATH LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH 2>/dev/null || :
failed=0 passed=0 skipped=

check()
{
    what=$1
    shift
    if "$@" >"$tmp/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$tmp/said"
    fi
}
has() { command -v "$1" >/dev/null || { skipped="$skipped $1"; false; }; }
equals() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; false; }; }
silent() { "$@" >"$tmp/silent" 2>&1 && [ ! -s "$tmp/silent" ] || { cat "$tmp/silent"; false; }; }

# ---- The files ----

DESTDIR=$tmp/stage meson install -C "$build" --no-rebuild >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
prefix=$(sed -n 's/^prefix=//p' "$(find "$tmp/stage" -name clact.pc)")
here=$tmp/stage$prefix
libdir=$(dirname "$(find "$here" -name libclact.a)")
[ -f "$here/include/clact/nn.h" ] && nn=1 || nn=
[ -f "$here/bin/clact" ] && cli=1 || cli=
version=$(sed -n 's/^Version: //p' "$libdir/pkgconfig/clact.pc")

expected()
{
    echo include/clact/clact.h include/clact/custom.h include/clact/opencl.h include/clact/cl/activations.h
    echo share/doc/clact/LICENSE share/doc/clact/README.md share/doc/clact/CHANGELOG.md
    for library in clact ${nn:+clact-nn}; do
        echo "L/lib$library.a L/lib$library.so L/lib$library.so.0 L/lib$library.so.$version L/pkgconfig/$library.pc"
    done
    echo L/cmake/clact/clact-config.cmake L/cmake/clact/clact-config-version.cmake
    [ "$nn" ] && echo include/clact/nn.h
    [ "$cli" ] && echo bin/clact
    if [ -f "$build/tools/clact.3" ]; then
        echo share/man/man3/clact.3 share/man/man3/clact-opencl.3 share/man/man3/clact-custom.3
        [ "$nn" ] && echo share/man/man3/clact-nn.3
    fi
    if [ -f "$build/tools/clact.1" ]; then
        echo share/bash-completion/completions/clact share/zsh/site-functions/_clact \
            share/fish/vendor_completions.d/clact.fish share/man/man1/clact.1
        LD_LIBRARY_PATH="$libdir" "$here/bin/clact" help | sed -nE 's|^  ([a-z]+)  .*|share/man/man1/clact-\1.1|p'
    fi
}
expected | tr ' ' '\n' | sort >"$tmp/expected"
(cd "$here" && find . ! -type d) | sed "s|^\./||; s|^${libdir#"$here"/}/|L/|" | sort >"$tmp/found"
check 'every file is there' equals "$(comm -23 "$tmp/expected" "$tmp/found")" ''
comm -13 "$tmp/expected" "$tmp/found" | grep -vE '^include/clact/[a-z_/]*\.h(pp)?$|^share/clact/' >"$tmp/other"
check 'headers and nothing else besides' equals "$(cat "$tmp/other")" ''
check 'no test, example or benchmark' equals "$(grep -v '^share/man/' "$tmp/found" | grep -E 'test|example|bench')" ''
check 'nothing knows where it was built' equals \
    "$(cd "$here" && grep -rlF "$build" include share "$libdir/pkgconfig" "$libdir/cmake")" ''
if [ "$cli" ]; then
    check 'the command runs from there' env LD_LIBRARY_PATH="$libdir" "$here/bin/clact" --version
fi

# ---- pkg-config, with what a staging folder needs ----

export PKG_CONFIG_SYSROOT_DIR="$tmp/stage" PKG_CONFIG_LIBDIR="$libdir/pkgconfig" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
export PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
mkdir "$tmp/user"
cd "$tmp/user" || exit 1
cp "$root/examples/relu.c" .
cat >layer.c <<'END'
#include <clact/nn.h>

int main(void)
{
    clact_nn_optimizer adam;
    clact_context *context;
    return clact_nn_optimizer_default(&adam, CLACT_NN_ADAM) == CLACT_OK && clact_open(&context, 0) == CLACT_OK &&
           (clact_close(&context), 1) ? 0 : 1;
}
END
export LD_LIBRARY_PATH="$libdir"
# shellcheck disable=SC2046
build_shared() { silent cc "$1.c" -o "$1" $(pkg-config --cflags --libs "$2"); }
needs() { readelf -d "$1" | grep -F "$2"; }
check 'relu, shared' build_shared relu clact
check 'it gives' equals "$(./relu)" '0 0 0 3'
check 'it takes the shared library' needs relu libclact.so.0
check 'it needs no OpenCL' equals "$(ldd relu | grep OpenCL)" ''
[ "$nn" ] && check 'a layer, shared' build_shared layer clact-nn && check 'it runs' ./layer

# Without the shared libraries the linker takes the static ones.
cp -a "$tmp/stage" "$tmp/static"
find "$tmp/static" -name '*.so*' -delete
# shellcheck disable=SC2046
build_static()
{
    silent cc "$1.c" -o "$1" $(PKG_CONFIG_SYSROOT_DIR="$tmp/static" \
        PKG_CONFIG_LIBDIR="$tmp/static${libdir#"$tmp/stage"}/pkgconfig" pkg-config --static --cflags --libs "$2")
}
rm -f relu layer
unset LD_LIBRARY_PATH
check 'relu, static' build_static relu clact
check 'it gives' equals "$(./relu)" '0 0 0 3'
check 'it takes no shared library' equals "$(needs relu clact)" ''
[ "$nn" ] && check 'a layer, static' build_static layer clact-nn && check 'it runs' ./layer

# ---- pkg-config, for what was built and not installed ----

# shellcheck disable=SC2046
build_uninstalled()
{
    silent cc "$1.c" -o "$1" $(env -u PKG_CONFIG_SYSROOT_DIR -u PKG_CONFIG_LIBDIR \
        PKG_CONFIG_PATH="$build/meson-uninstalled" pkg-config --cflags --libs "$2")
}
rm -f relu layer
check 'relu, not installed' build_uninstalled relu clact
check 'it gives' equals "$(LD_LIBRARY_PATH="$build/src" ./relu)" '0 0 0 3'
[ "$nn" ] && check 'a layer, not installed' build_uninstalled layer clact-nn &&
    check 'it runs' env LD_LIBRARY_PATH="$build/src/nn:$build/src" ./layer

# ---- The programs of the documentation, compiled as they say ----

export LD_LIBRARY_PATH="$libdir" PATH="$here/bin:$PATH"
has python3 && for page in "$root/README.md" "$root"/docs/*.md; do
    rm -rf page
    mkdir page
    check "programs of $(basename "$page")" python3 "$root/tests/pages.py" "$page" page "$root/examples"
done

# ---- CMake, where the folder was moved ----

mv "$here" "$tmp/moved"
unset LD_LIBRARY_PATH
if has cmake; then
    mkdir project
    cp relu.c layer.c project
    cat >project/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(outside C)
find_package(clact 9 QUIET)
if(clact_FOUND)
  message(FATAL_ERROR "version 9 was found")
endif()
find_package(clact COMPONENTS none QUIET)
if(clact_FOUND)
  message(FATAL_ERROR "a component of no name was found")
endif()
find_package(clact ${VERSION} EXACT REQUIRED)
find_package(clact ${SERIES} REQUIRED COMPONENTS clact ${NN})
foreach(kind "" _static)
  add_executable(relu${kind} relu.c)
  target_link_libraries(relu${kind} clact::clact${kind})
  if(NN)
    add_executable(layer${kind} layer.c)
    target_link_libraries(layer${kind} clact::nn${kind})
  endif()
endforeach()
END
    check 'CMake finds it' cmake -S project -B made -DCMAKE_PREFIX_PATH="$tmp/moved" -DVERSION="$version" \
        -DSERIES="${version%.*}" -DNN="${nn:+nn}"
    check 'CMake builds' cmake --build made
    for program in relu relu_static; do
        check "$program of CMake gives" equals "$("made/$program")" '0 0 0 3'
    done
    [ "$nn" ] && check 'layer of CMake' made/layer && check 'layer_static of CMake' made/layer_static
    check 'relu of CMake is shared' needs made/relu libclact.so.0
    check 'relu_static is not' equals "$(needs made/relu_static clact)" ''
fi

# ---- The man pages and the completions ----

share=$tmp/moved/share
formatted() { LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings=w -E UTF-8 -l -Tutf8 -Z "$1" >"$tmp/page"; }
# The pages have no date: what is built twice is the same.
lint() { mandoc -T lint -W warning "$1" | grep -v 'missing date'; }
tells() { # PAGE WORD...
    page=$share/man/man${1##*.}/$1
    shift
    for word in "$@"; do
        check "$(basename "$page") tells of $word" grep -qF -e "$word" "$page"
    done
}
has man && man=1 || man=
has mandoc && mandoc=1 || mandoc=
for page in "$share"/man/man?/*; do
    [ "$man" ] && check "man warns of nothing in $page" silent formatted "$page"
    [ "$mandoc" ] && check "mandoc warns of nothing in $page" equals "$(lint "$page")" ''
done
if [ -f "$share/man/man3/clact.3" ]; then
    tells clact.3 'clact_open(clact_context **out' CLACT_E_PACK '.SH THREADS' 'int main(void)' 'clact\-nn (3)'
    tells clact-opencl.3 clact_opencl_code clCreateContext
    tells clact-custom.3 clact_custom_check
    [ "$nn" ] && tells clact-nn.3 'clact_nn_model_fit(' 'libs clact\-nn'
fi
if [ -f "$share/man/man1/clact.1" ]; then
    tells clact.1 'clact\-apply (1)' NO_COLOR '.B 64'
    tells clact-apply.1 'negative\-slope' '\-\-gradient' 'clact apply tanh'
    for shell in bash zsh fish; do
        file=$(find "$share" -path "*$shell*" -type f)
        check "$shell has the names and options" grep -q 'thresholded_relu.*' "$file"
        has $shell && check "$shell reads its completion" silent $shell -n "$file"
    done
    offers() { # what bash offers behind the words
        bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _clact; echo "${COMPREPLY[*]}"' \
            bash "$share/bash-completion/completions/clact" "$@"
    }
    if has bash; then
        check 'bash: commands' equals "$(offers clact dev)" devices
        check 'bash: activations' equals "$(offers clact apply thresh)" 'thresholded_relu threshold'
        check 'bash: options' equals "$(offers clact apply --negative)" --negative-slope=
        check 'bash: values' equals "$(offers clact check --dtype = bf)" bf16
        check 'bash: values behind the sign' equals "$(offers clact check --dtype =)" 'f32 f16 bf16 f64'
        check 'bash: no words for a number' equals "$(offers clact apply --axis = re)" ''
        check 'bash: files' equals "$(offers clact apply relu relu.)" relu.c
        check 'bash: words' equals "$(offers clact cache ver)" verify
    fi
    if has fish; then
        offered=$(fish -c "source $share/fish/vendor_completions.d/clact.fish; complete -C 'clact check thresholded'")
        check 'fish: activations' equals "$offered" thresholded_relu
    fi
fi

echo "$passed passed, $failed failed${skipped:+; skipped, not here:$skipped}"
[ $failed -eq 0 ]
