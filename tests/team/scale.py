#!/usr/bin/env python3
"""How long it takes, and how much room: the rows of a large team in ClickHouse (chdb, in this process).

usage: tests/team/scale.py [--binary PATH] [--people N] [--days N] [--rows N] [--directory DIRECTORY]

Makes up the rows of a working month (by default 10 million: 500 people, 22 days), writes them as whycap would, loads them,
and times every panel's query before and after ClickHouse has merged its parts, beside a plain sum over the files and
`whycap spend --from` on one of the days. Needs 3 GB of room; the table in docs/team.md was made with the defaults. The
environment is that of run.py.
"""
import argparse
import datetime
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import run  # noqa: E402
from engines import ClickHouse  # noqa: E402
from panels import QUERIES  # noqa: E402

FIRST = datetime.date(2026, 11, 1)


def seconds(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def generate(engine, directory, people, days, rows):
    """One file a day: the rows of all machines one after the other."""
    for day in range(days):
        date = FIRST + datetime.timedelta(days=day)
        path = directory / "whycap-1" / "spend" / f"day={date}" / "all.ndjson.gz"
        path.parent.mkdir(parents=True)
        count = rows // days
        engine.run(f"""
            INSERT INTO FUNCTION file('{path}', JSONEachRow)
            SELECT lower(hex(sipHash64(number, {day}))) AS key,
                bitShiftLeft(toUInt64(if(rand(4) % 40 = 0, 100000, rand(1) % 200000)), 39) + 900 AS version,
                toString(toDateTime('{date} 07:00:00', 'UTC') + 900 * (rand(2) % 48)) AS time,
                lower(hex(sipHash64(number % {people}))) AS person,
                lower(hex(sipHash64(number % {people}, 'machine'))) AS machine,
                concat('acme/repository-', toString(number % {people} % 40)) AS project,
                concat('branch-', toString(number % {people} % 7 + {day} % 3)) AS branch,
                toString(reinterpretAsUUID(sipHash128(number % {people}, {day}, intDiv(number, {people}) % 5))) AS session,
                ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'][rand(3) % 3 + 1] AS model,
                if(rand(4) % 40 = 0, 'unrecorded', 'response') AS kind,
                rand(5) % 4 = 0 AS subagent, false AS fast, false AS us,
                rand(6) % 100 AS input, rand(7) % 2000 AS output, rand(8) % 200000 AS cache_read,
                0 AS cache_write_5m, rand(9) % 8000 AS cache_write_1h, 0 AS web_searches,
                toInt64(rand(10) % 200000) * 1000000 AS cost_pico, false AS unpriced
            FROM numbers({count})
            SETTINGS output_format_json_quote_64bit_integers = 0""")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(HERE.parent.parent / "target/release/whycap"))
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--days", type=int, default=22)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--directory", default=None)
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        engine = ClickHouse(arguments.binary)
        print("| what | seconds |\n| --- | --- |")

        def told(what, taken):
            print(f"| {what} | {taken:.2f} |", flush=True)

        generate(engine, directory, arguments.people, arguments.days, arguments.rows)
        files = f"{directory}/whycap-1/spend/*/*.ndjson.gz"
        size = sum(path.stat().st_size for path in directory.rglob("*.gz"))
        told("a plain sum over the files", seconds(lambda: engine.run(f"SELECT sum(cost_pico) FROM file('{files}', JSONEachRow)")))
        told("load", seconds(lambda: engine.run(f"INSERT INTO whycap.spend_rows SELECT * EXCEPT day FROM file('{files}', JSONEachRow)")))
        begin, end = (f"TIMESTAMP '{day} 00:00:00'" for day in (FIRST, FIRST + datetime.timedelta(days=arguments.days)))
        queries = {path.stem: path.read_text().replace(":from", begin).replace(":until", end) for path in sorted(QUERIES.glob("*.sql"))
                   if path.stem not in ("limits_by_kind", "hours_at_the_limit")}
        before = {name: seconds(lambda query=query: engine.run(query)) for name, query in queries.items()}
        told("merge (ClickHouse does it by itself, in time)", seconds(lambda: engine.run("OPTIMIZE TABLE whycap.spend_rows FINAL")))
        for name, query in queries.items():
            after = min(seconds(lambda query=query: engine.run(query)) for _ in range(3))
            print(f"| {name}, before and after the merge | {before[name]:.2f}, {after:.2f} |", flush=True)
        rows, held = engine.run("SELECT toString(sum(rows)), toString(sum(bytes_on_disk)) FROM system.parts WHERE active AND table = 'spend_rows'")[0]
        one_day = directory / "one"
        day = next((directory / "whycap-1/spend").iterdir())
        shutil.copytree(day, one_day / "whycap-1/spend" / day.name)
        home = directory / "home"
        home.mkdir()
        command = [arguments.binary, "spend", "--from", str(one_day), "--by", "person", "--json"]
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        taken = seconds(lambda: subprocess.run(command, env=environment, capture_output=True, check=True))
        told(f"whycap spend --from, {arguments.rows // arguments.days} rows", taken)
        rows, held = int(rows), int(held)
        print(f"\n{rows} rows: {size / arguments.rows:.0f} bytes a row in the files, {held / rows:.0f} in ClickHouse; "
              f"{arguments.people} people in a year of 220 days: {held / rows * arguments.rows / arguments.days * 220 / 1e9:.1f} GB")
        engine.close()
    finally:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    run.in_own_environment(Path(__file__))
    sys.exit(main())
