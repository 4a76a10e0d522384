#!/bin/sh
# Switches the installation to the packages of the first release: first_release.sh [--dry-run]
#
# Afterward, the README describes the packages, install.sh downloads the program, and the marketplace gets the plugin
# from npm, with its program. Run this script once the packages are available, and commit the changes.
set -eu

case ${1-} in
'' | --dry-run) ;;
*)
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
cd -- "$(dirname -- "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

if ! grep -q '^<!-- install: before the first release -->$' README.md; then
    echo 'first_release.sh: README.md already has the wording of a release' >&2
    exit 1
fi
awk '
    /^<!-- install: before the first release -->$/ { while ((getline line < "packaging/install.md") > 0) print line; hidden = 1 }
    !hidden && $0 != "<!-- install: end -->" { print }
    /^<!-- install: end -->$/ { hidden = 0 }
' README.md | sed 's/ from the first release on / npm, Homebrew, plugin /' >"$scratch/README.md"
sed 's|"source": "./"|"source": { "source": "npm", "package": "@whycap/plugin" }|' .claude-plugin/marketplace.json >"$scratch/marketplace.json"
sed 's/^released=no$/released=yes/' install.sh >"$scratch/install.sh"

if [ "${1-}" = --dry-run ]; then
    diff -u README.md "$scratch/README.md" || :
    diff -u .claude-plugin/marketplace.json "$scratch/marketplace.json" || :
    diff -u install.sh "$scratch/install.sh" || :
    exit 0
fi
cat "$scratch/README.md" >README.md
cat "$scratch/marketplace.json" >.claude-plugin/marketplace.json
cat "$scratch/install.sh" >install.sh
git --no-pager diff --stat
