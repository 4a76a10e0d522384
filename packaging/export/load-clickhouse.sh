#!/bin/sh
# Loads into ClickHouse what came to a directory of exports since the last time, then sums it up by day. See docs/team.md.
#   load-clickhouse.sh DIR
# CLICKHOUSE="clickhouse local --path /var/lib/whycap" does without a server.
set -eu
exports=$1
loaded=$exports/.loaded
ask() { ${CLICKHOUSE:-clickhouse client} "$@"; }
[ -e "$loaded" ] || {
  whycap export --print clickhouse | ask --multiquery
  # Older than anything.
  touch -t 197001020000 "$loaded"
}
touch "$loaded.next"
# By when a file came here, not by when it was written; as many at a time as fit on a command line.
find "$exports/whycap-1" -name '*.ndjson.gz' -cnewer "$loaded" -exec gunzip -c {} + |
  ask --query "INSERT INTO whycap.rows FORMAT JSONEachRow"
whycap export --print clickhouse | ask --multiquery
mv "$loaded.next" "$loaded"
