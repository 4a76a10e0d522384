#!/bin/sh
# Writes the files that package managers need for a release: recipes.sh VERSION DIRECTORY OUT
#
# DIRECTORY contains the .sha256 files from archive.sh. OUT receives a file for each template in recipes/: a formula for
# Homebrew, manifests for Scoop and winget, a PKGBUILD for the AUR, and an expression for Nix.
set -eu

if [ $# -ne 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
version=$1
directory=$2
out=$3
templates=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)/recipes

# There is one s command for each archive. Nothing is written before all checksums are known.
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
