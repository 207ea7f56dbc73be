#!/bin/sh
# programs.sh PATH_OF_CLACT PATH_OF_LAYER [PROCESSES]: programs kept and packed, from outside: processes that start at
# once, a full disk, folders of other rights, and devices without a compiler, which the layer makes of any.
clact=$1 layer=$2 processes=${3:-30}
here=$(dirname "$0")
top=$(mktemp -d) || exit 2
trap 'umount "$top/full" 2>/dev/null; rm -rf "$top"' EXIT
sample=$here/../examples/sample.npy
export CLACT_DEVICE=opencl
unset CLACT_PACK OPENCL_LAYERS CLHIDE
. "$here/checks.sh"

silent() { ! says .; }
hidden() { OPENCL_LAYERS=$layer CLHIDE=compiler "$@"; }
elu() { run 0 apply elu "$sample" -o "$top/y.npy" && cmp -s "$top/y.npy" "$top/elu.npy"; }
entries() { [ "$(find "$1" -name '*.clact' | wc -l)" -eq "$2" ] && [ "$(find "$1" -name '*.new' | wc -l)" -eq 0 ]; }

run 0 devices
says OpenCL.*no && { echo 'skipped: there is no OpenCL device'; exit 77; }
CLACT_CACHE_DIR=disabled
export CLACT_CACHE_DIR
check 'elu on the CPU backend' env CLACT_DEVICE=cpu "$clact" apply elu "$sample" -o "$top/elu.npy"

# ---- At once ----
CLACT_CACHE_DIR=$top/many
for i in $(seq "$processes"); do
    "$clact" apply elu "$sample" -o "$top/y$i.npy" 2>"$top/err$i" &
done
wait
cat "$top"/err* >"$top/out"
check 'processes that start at once say nothing' silent
for i in $(seq "$processes"); do
    check "process $i" cmp -s "$top/y$i.npy" "$top/elu.npy"
done
check 'one entry of them all' entries "$top/many" 1
check 'an entry is sound' run 0 cache verify
check 'verify counts' says '1 entries read, 0 of them'
check 'from the cache' elu
check 'from the cache, silently' silent

# ---- The command ----
check 'show' run 0 cache
check 'show says where' says "$top/many: 1 entries"
check 'show as JSON' run 0 cache show --json
check 'JSON has its fields' says '"entries": 1'
for f in "$top"/many/*.clact; do printf x | dd of="$f" bs=1 seek=2000 conv=notrunc 2>/dev/null; done
check 'verify removes what is damaged' run 1 cache verify --json
check 'verify as JSON' says '"removed": 1'
check 'elu again' elu
check 'clear' run 0 cache clear
check 'clear counts' says '1 entries removed'
check 'a word that is none' run 64 cache clean

# ---- Folders ----
check 'off' env CLACT_CACHE_DIR=disabled "$clact" cache
mkdir -m 777 "$top/open"
chmod 777 "$top/open"
CLACT_CACHE_DIR=$top/open
check 'a folder that all may write to' elu
check 'it is said' says 'can be written by others'
check 'nothing is put there' entries "$top/open" 0
CLACT_CACHE_DIR=$top/none/of/them
check 'folders are made' elu
check 'an entry in them' entries "$top/none/of/them" 1
unset CLACT_CACHE_DIR
check 'XDG_CACHE_HOME' env XDG_CACHE_HOME="$top/xdg" "$clact" apply elu "$sample" -o "$top/y.npy"
check 'an entry there' entries "$top/xdg/clact" 1
check 'HOME' env -u XDG_CACHE_HOME HOME="$top/home" "$clact" apply elu "$sample" -o "$top/y.npy"
check 'an entry there too' entries "$top/home/.cache/clact" 1
env -u XDG_CACHE_HOME -u HOME "$clact" apply elu "$sample" -o "$top/y.npy" 2>"$top/out"
check 'no HOME' says 'there is no HOME'
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then # as root everything may be written and read
    chmod 755 "$top"
    mkdir "$top/other" "$top/unwritable" && chmod 700 "$top/other" && chown 65534:65534 "$top/other" "$top/unwritable"
    chmod 500 "$top/unwritable"
    nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$top/other" POCL_CACHE_DIR="$top/other/pocl" CLACT_CACHE_DIR="$1" "$clact" apply elu - -o - <"$sample" 2>"$top/out" >"$top/y.npy"; }
    nobody "$top/unwritable"
    check 'a folder that cannot be written to' cmp -s "$top/y.npy" "$top/elu.npy"
    check 'it is said, too' says 'Permission denied'
    nobody "$top/other/cache"
    chmod 000 "$top"/other/cache/*.clact
    nobody "$top/other/cache"
    check 'an entry that cannot be read' cmp -s "$top/y.npy" "$top/elu.npy"
    check 'the entry cannot be read' says 'cannot be read: Permission denied'
    check 'it is replaced' entries "$top/other/cache" 1
fi
mkdir "$top/full"
if mount -t tmpfs -o size=16k,mode=700 tmpfs "$top/full" 2>/dev/null; then
    CLACT_CACHE_DIR=$top/full
    export CLACT_CACHE_DIR
    check 'a full disk' elu
    check 'it is full' says 'No space left'
    check 'nothing is left of it' entries "$top/full" 0
fi

# ---- Packs ----
CLACT_CACHE_DIR=$top/many
export CLACT_CACHE_DIR
check 'no compiler, no kernels' hidden run 2 apply elu "$sample" -o "$top/y.npy"
check 'it is said by name' says 'has no compiler'
check 'a pack' run 0 pack -o "$top/elu.pack" elu
check 'of no names' run 64 pack -o "$top/no.pack"
check 'of a name that is none' run 64 pack -o "$top/no.pack" elo
check 'without a file' run 64 pack elu
check 'of a type that is none' run 64 pack -o "$top/no.pack" elu --types=f33
check 'a pack into no folder' run 2 pack -o "$top/no/elu.pack" elu
CLACT_PACK=$top/elu.pack
export CLACT_PACK
check 'a pack without a compiler' hidden elu
check 'silently' silent
check 'a gradient, too' hidden run 0 apply elu --gradient="$sample" "$sample" -o "$top/y.npy"
check 'a device that a pack makes usable' hidden run 0 devices --json
check 'its exactness is measured' says '"exact": "[a-z]*"'
check 'the pack is told' says "of the pack $top/elu.pack"
check 'what it lacks' hidden run 2 apply tanh "$sample" -o "$top/y.npy"
check 'is refused by name' says 'tanh_\*_f32, for tanh'
check 'also with a compiler' run 2 apply tanh "$sample" -o "$top/y.npy"
head -c 5000 "$top/elu.pack" >"$top/half.pack"
CLACT_PACK=$top/half.pack
check 'half a pack' hidden run 2 apply elu "$sample" -o "$top/y.npy"
check 'is refused' says 'has not the length'
CLACT_PACK=$top/none.pack
check 'no pack' run 2 apply elu "$sample" -o "$top/y.npy"
check 'no such file' says 'No such file'
check 'on the CPU it is not looked for' env CLACT_DEVICE=cpu "$clact" apply elu "$sample" -o "$top/y.npy"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
