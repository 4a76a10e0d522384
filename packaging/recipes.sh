#!/bin/sh
# Fills in what package managers need to know of a release: recipes.sh VERSION DIRECTORY OUT
#
# DIRECTORY holds the release's .sha256 files, as archive.sh makes them. OUT gets a file for each template of
# recipes/: Homebrew's formula, Scoop's and winget's manifests, the AUR's PKGBUILD, an expression for Nix.
set -eu

if [ $# -ne 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
version=$1
directory=$2
out=$3
templates=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)/recipes

# One s command for each archive; nothing is written before every checksum is known.
commands="s/@VERSION@/$version/g"
for packed in aarch64-apple-darwin.tar.gz x86_64-apple-darwin.tar.gz aarch64-unknown-linux-musl.tar.gz \
    x86_64-unknown-linux-musl.tar.gz x86_64-pc-windows-msvc.tar.gz x86_64-pc-windows-msvc.exe; do
    file=$directory/whycap-$version-$packed.sha256
    if ! [ -f "$file" ]; then
        printf 'recipes.sh: there is no %s\n' "$file" >&2
        exit 1
    fi
    commands="$commands
s/@SUM_${packed%.tar.gz}@/$(sed 's/ .*//' "$file")/g"
done
mkdir -p -- "$out"
for template in "$templates"/*; do
    sed -e "$commands" "$template" >"$out/${template##*/}"
done
