#!/bin/sh
# Loads the files that have arrived in a directory of exports since the last load into ClickHouse
# and updates the sums. `whycap export --print clickhouse-loader` prints this script.
#
#   sh load-clickhouse.sh DIR
#
# The time of the last load is stored in the database, so everything is loaded into an empty
# database. If there is no server, set CLICKHOUSE="clickhouse local --path /var/lib/whycap".
set -eu
directory=$(cd "$1" && pwd -P)

ask() { ${CLICKHOUSE:-clickhouse client} "$@"; }

# Runs the statements that whycap prints. A shell does not report that the first command of a pipe
# failed, so the statements are printed before the pipe.
run_printed() {
  statements=$(whycap export "$@" --print clickhouse)
  printf '%s\n' "$statements" | ask --multiquery
}

# The tables must exist before the first load.
tables=$(ask --query "SELECT count() FROM system.tables WHERE database = 'whycap' AND name = 'loads'")
if [ "$tables" -eq 0 ]; then run_printed; fi

# One hour is subtracted because the database's clock may differ from the clock that dates the
# files. Loading a file twice has no effect.
now=$(ask --query "SELECT toUnixTimestamp(now()) - 3600")
last=$(ask --param_directory="$directory" --query \
  "SELECT formatDateTime(max(began), '%Y%m%d%H%i.%S', 'UTC') FROM whycap.loads WHERE directory = {directory:String}")
reference=$(mktemp)
trap 'rm -f "$reference"' EXIT
TZ=UTC0 touch -t "$last" "$reference"

# A file is new if it arrived here after the last load, no matter when it was written. If a file is
# cut off, gunzip says so. Its unfinished last line is left out; otherwise, it would swallow the first
# row of the next file. In a complete file, the last line is the empty line from `echo`.
for type in spend limits windows; do
  [ ! -d "$directory/whycap-1/$type" ] ||
    find "$directory/whycap-1/$type" -name '*.ndjson.gz' -cnewer "$reference" \
      -exec sh -c 'for file; do { gunzip -c "$file"; echo; } | LC_ALL=C sed "\$d"; done' sh {} +
done | ask --throw_if_no_data_to_insert 0 --input_format_allow_errors_num 1000000 \
  --query "INSERT INTO whycap.rows FORMAT JSONEachRow"

# The directory's list of erased rows keeps them from being counted again.
run_printed "$directory"
ask --param_directory="$directory" --query "INSERT INTO whycap.loads SELECT {directory:String}, $now"
