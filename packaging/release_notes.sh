#!/bin/sh
# Prints what CHANGELOG.md says of a version: release_notes.sh VERSION
set -eu

if [ $# -ne 1 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
changelog=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)/CHANGELOG.md
# Blank lines are held back until something follows, so none stand at either end.
notes=$(awk -v heading="## [$1]" '
    index($0, "## ") == 1 { inside = index($0, heading) == 1; next }
    inside && /^$/ { blank = begun; next }
    inside { if (blank) print ""; blank = 0; begun = 1; print }
' "$changelog")
if [ -z "$notes" ]; then
    printf 'release_notes.sh: CHANGELOG.md has no section for %s; write "## [%s] - DATE" above it\n' "$1" "$1" >&2
    exit 1
fi
printf '%s\n' "$notes"
