#!/bin/sh
# Fills in the Homebrew formula: formula.sh VERSION DIRECTORY >whycap.rb
#
# DIRECTORY holds the release's .sha256 files, as archive.sh makes them.
set -eu

if [ $# -ne 2 ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
version=$1
directory=$2
template=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)/homebrew/whycap.rb

sum_of() {
    file=$directory/whycap-$version-$1.tar.gz.sha256
    if ! [ -f "$file" ]; then
        printf 'formula.sh: there is no %s\n' "$file" >&2
        exit 1
    fi
    sed 's/ .*//' "$file"
}

mac_arm=$(sum_of aarch64-apple-darwin)
mac_intel=$(sum_of x86_64-apple-darwin)
linux_arm=$(sum_of aarch64-unknown-linux-musl)
linux_intel=$(sum_of x86_64-unknown-linux-musl)
sed -e "s/@VERSION@/$version/g" \
    -e "s/@MAC_ARM@/$mac_arm/" \
    -e "s/@MAC_INTEL@/$mac_intel/" \
    -e "s/@LINUX_ARM@/$linux_arm/" \
    -e "s/@LINUX_INTEL@/$linux_intel/" \
    "$template"
