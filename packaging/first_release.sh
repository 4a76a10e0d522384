#!/bin/sh
# The switch at the first release: first_release.sh [--dry-run]
#
# README's installation names the packages instead of the build, install.sh takes the release's program, and the marketplace
# takes the plugin with its program from npm instead of the repository. Run it once, after the packages can be had, and commit what it shows.
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
    echo 'first_release.sh: README.md has the wording of a release already' >&2
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
