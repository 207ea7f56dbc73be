#!/bin/sh
# example.sh PAGE SOURCE PROGRAM [ARGUMENT...]: the page shows the source as it is, and what the program says.
set -u
page=$1 source=$2
shift 2
name=$(basename "$source")
case $name in
*.py) language=python line="\$ python3 $name" ;;
*.cpp) language=cpp line="\$ ./${name%.*}" ;;
*) language=c line="\$ ./${name%.*}" ;;
esac
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0

# The block of the page that the line $1 begins, without its fences.
block() { awk -v first="$1" '$0 == "```" && on { exit } on { print } $0 == first { on = 1 }' "$page"; }

block "\`\`\`$language" >"$tmp/source"
cmp "$source" "$tmp/source" || failed=1
"$@" >"$tmp/said" || failed=1
block "$line" >"$tmp/shown"
diff "$tmp/shown" "$tmp/said" || failed=1
[ -s "$tmp/shown" ] && [ -s "$tmp/source" ] || { echo "nothing is shown in $page"; failed=1; }
exit $failed
