#!/bin/sh
# exports.sh LIBRARY_SO LIBRARY_A HEADER...: the libraries show what these public headers declare, and no more; besides,
# under a version of its own, what src/ marks as CLACT_PRIVATE.
set -u
so=$1 archive=$2
shift 2
root=$(dirname "$0")/..
for tool in nm readelf; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0 checked=0

# Fails where the command, from $3 on, prints a line, which $1 explains; it looks at the list $2.
none()
{
    what=$1 list=$2
    shift 2
    checked=$((checked + $(count "$list")))
    "$@" | sed "s|^|$what: |" >"$tmp/wrong"
    [ ! -s "$tmp/wrong" ] || { cat "$tmp/wrong"; failed=1; }
}

count() { wc -l <"$tmp/$1"; }

# The word before the bracket of each CLACT_API declaration.
(cd "$root/include/clact" && grep -hv '^ *#' "$@") | tr '\n' ' ' | grep -o 'CLACT_API [^;(]*(' | sed 's/(//; s/.*[ *]//' |
    sort -u >"$tmp/declared"
grep -hv '^ *#' "$root"/src/*.h "$root"/src/*/*.h | tr '\n' ' ' | grep -o 'CLACT_PRIVATE [^;(]*(' | sed 's/(//; s/.*[ *]//' |
    sort -u >"$tmp/marked"
# "A" is the name of a version, CLACT_0.
nm -D --defined-only "$so" | awk '$2 != "A" && $3 !~ /@CLACT_PRIVATE/ { sub(/@.*/, "", $3); print $3 }' | sort -u >"$tmp/exported"
nm -D --defined-only "$so" | awk '$2 != "A" && $3 ~ /@CLACT_PRIVATE/ { sub(/@.*/, "", $3); print $3 }' | sort -u >"$tmp/private"
nm -D --undefined-only "$so" | awk '{ sub(/@.*/, "", $NF); print $NF }' >"$tmp/needed"
readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$tmp/libraries"
nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u >"$tmp/global"
nm -u "$archive" | awk 'NF == 2 { print $2 }' | sort -u >"$tmp/archive_needed"
for list in declared exported needed libraries global archive_needed; do
    [ -s "$tmp/$list" ] || { echo "no names: $list"; failed=1; }
done

cd "$tmp" || exit 1
none "exported by $so without clact_" exported grep -v '^clact_' exported
none 'exported and not declared' exported comm -13 declared exported
none 'declared and not exported' declared comm -23 declared exported
none 'exported privately and not marked' private comm -13 marked private
[ ! -s "$tmp/private" ] || none 'marked and not exported privately' marked comm -23 marked private
none "undefined in $so" needed grep '^cl[A-Z]' needed
none "needed by $so" libraries grep -E 'libOpenCL|libstdc|libgomp' libraries
none "undefined in $archive" archive_needed grep '^cl[A-Z]' archive_needed
none "global in $archive without clact_" global grep -v '^clact_' global

echo "$checked names looked at: $(count declared) declared, $(count exported) exported, $(count needed) undefined;" \
    "needed: $(tr '\n' ' ' <"$tmp/libraries")"
exit $failed
