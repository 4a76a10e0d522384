#!/bin/sh
# Sets the version in all files that contain it: bump.sh VERSION
#
# These are Cargo.toml, Cargo.lock, the plugin, and CHANGELOG.md. Afterward, commit, create the tag vVERSION, and push the tag.
set -eu

case ${1-} in
[0-9]*.[0-9]*.[0-9]*) version=$1 ;;
*)
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
cd -- "$(dirname -- "$0")/.."
today=$(date -u +%Y-%m-%d)

# Changes a file through a copy, because `sed -i` differs between systems: in_place FILE COMMAND
in_place() {
    sed "$2" "$1" >"$1.new"
    cat "$1.new" >"$1"
    rm "$1.new"
}
in_place Cargo.toml "1,/^version = /s/^version = .*/version = \"$version\"/"
in_place .claude-plugin/plugin.json "s/\"version\": \".*\"/\"version\": \"$version\"/"
grep -q "^## \[$version\]" CHANGELOG.md || in_place CHANGELOG.md "s/^## \[Unreleased\].*/&\\
\\
## [$version] - $today/"
cargo update --quiet --offline --package whycap --precise "$version" 2>/dev/null || cargo check --quiet
packaging/release_notes.sh "$version" >/dev/null
git --no-pager diff --stat
