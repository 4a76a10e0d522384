#!/bin/sh
# Packs a built whycap for people without Rust: archive.sh PROGRAM TARGET DIRECTORY
#
# Makes DIRECTORY/whycap-VERSION-TARGET.tar.gz and its .sha256 (for Windows also the program alone, with its own). In it: the program, its licences, the
# README, completions and the man page. PROGRAM must run on this machine, because it writes the latter two.
set -eu

if [ $# -ne 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
program=$1
target=$2
# As cargo names it on Windows.
case $target in *-windows-*) ending=.exe ;; *) ending= ;; esac
[ -e "$program" ] || program=$program$ending
directory=$3
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

version=$("$program" --version | tr -d '\r')
version=${version#whycap }
name=whycap-$version-$target
staging=$(mktemp -d)
trap 'rm -rf -- "$staging"' EXIT
inside=$staging/$name
mkdir -p -- "$inside/completions" "$inside/man" "$directory"

cp -- "$program" "$inside/whycap$ending"
chmod 755 "$inside/whycap$ending"
for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do
    cp -- "$source/$file" "$inside/"
done
"$program" completions bash >"$inside/completions/whycap.bash"
"$program" completions zsh >"$inside/completions/_whycap"
"$program" completions fish >"$inside/completions/whycap.fish"
"$program" man >"$inside/man/whycap.1"

tar -C "$staging" -czf "$directory/$name.tar.gz" "$name"
cd -- "$directory"
sum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi >"$1.sha256"
}
sum "$name.tar.gz"
if [ -n "$ending" ]; then
    # winget takes no .tar.gz; the program by itself it does.
    cp -- "$inside/whycap$ending" "$name$ending"
    sum "$name$ending"
fi
printf '%s\n' "$directory/$name.tar.gz"
