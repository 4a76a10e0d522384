#!/bin/sh
# Creates an archive with a built whycap: archive.sh PROGRAM TARGET DIRECTORY
#
# Writes DIRECTORY/whycap-VERSION-TARGET.tar.gz with the program, its licenses, the README, and completions, and a .sha256 file. For
# Windows, it also writes the program alone. PROGRAM must run on this machine, because it prints the completions.
set -eu

if [ $# -ne 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
program=$1
target=$2
# On Windows, cargo adds an extension.
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
mkdir -p -- "$inside/completions" "$directory"

cp -- "$program" "$inside/whycap$ending"
chmod 755 "$inside/whycap$ending"
for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do
    cp -- "$source/$file" "$inside/"
done
"$program" completions bash >"$inside/completions/whycap.bash"
"$program" completions zsh >"$inside/completions/_whycap"
"$program" completions fish >"$inside/completions/whycap.fish"

tar -C "$staging" -czf "$directory/$name.tar.gz" "$name"
cd -- "$directory"
sum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi >"$1.sha256"
}
sum "$name.tar.gz"
if [ -n "$ending" ]; then
    # winget does not accept .tar.gz, but it accepts the program itself.
    cp -- "$inside/whycap$ending" "$name$ending"
    sum "$name$ending"
fi
printf '%s\n' "$directory/$name.tar.gz"
