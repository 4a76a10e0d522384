#!/bin/sh
# Prints the section of CHANGELOG.md about a version: release_notes.sh VERSION
set -eu

if [ $# -ne 1 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
changelog=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)/CHANGELOG.md
# A blank line is printed only when another line follows, so there is none at the beginning or the end.
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
