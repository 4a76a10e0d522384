"""Measures how much time and memory ClickHouse (chdb), DuckDB, and `spend --from` need for a large team's rows."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engines import ClickHouse, DuckDB

# Programs are started by a small process, because the peak memory of a program includes that of the process that
# started it.
MEASURE_MEMORY = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


def seconds(function, clock=time.monotonic):
    start = clock()
    function()
    return clock() - start


def cpu_seconds():
    return sum(sum(resource.getrusage(processes)[:2]) for processes in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def generate(engine, directory, month, rows, people=300, days=22):
    """Generates one file per day with the rows of all people for that day."""
    for day in range(1, days + 1):
        date = f"2026-{month:02}-{day:02}"
        path = directory / "whycap-1/spend" / f"day={date}" / "machines.ndjson.gz"
        path.parent.mkdir(parents=True)
        engine.run(f"""
            INSERT INTO FUNCTION file('{path}', JSONEachRow)
            SELECT lower(hex(sipHash64(number, {month}, {day}))) AS key,
                bitShiftLeft(toUInt64(if(number % 40 = 0, 100000, rand(1) % 200000)), 39) + 900 AS version,
                toString(toDateTime('{date} 07:00:00', 'UTC') + 900 * (rand(2) % 48)) AS time,
                lower(hex(sipHash64(number % {people}))) AS person, lower(hex(sipHash64(number % {people}, 'machine'))) AS machine,
                concat('acme/repository-', toString(number % {people} % 40)) AS project, '' AS branch,
                toString(reinterpretAsUUID(sipHash128(number % {people}, {month}, {day}, intDiv(number, {people}) % 5))) AS session,
                ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'][rand(3) % 3 + 1] AS model,
                if(number % 40 = 0, 'unrecorded', 'response') AS kind,
                rand(5) % 4 = 0 ? true : false AS subagent, false AS fast, false AS us,
                rand(6) % 100 AS input, rand(7) % 2000 AS output, rand(8) % 200000 AS cache_read,
                0 AS cache_write_5m, rand(9) % 8000 AS cache_write_1h, 0 AS web_searches,
                toInt64(rand(10) % 200000) * 1000000 AS cost_pico, false AS unpriced, 'plan' AS provider
            FROM numbers({rows // days})
            SETTINGS output_format_json_quote_64bit_integers = 0""")


def scale(binary, rows, months):
    """Measures the time for the sums and for a query about a single day, with the given numbers of months. Afterward,
    `spend --from` must find the same amounts as ClickHouse."""
    with tempfile.TemporaryDirectory() as directory:
        engine = ClickHouse(binary)
        print("| months | rows | summing up | sums | a day by person |\n| --- | --- | --- | --- | --- |")
        for month in range(1, months[-1] + 1):
            generate(engine, Path(directory), month, rows)
            engine.run(
                f"INSERT INTO whycap.rows SELECT * FROM file('{directory}/whycap-1/spend/day=2026-{month:02}-*/*', JSONEachRow) SETTINGS use_hive_partitioning = 0"
            )
            if month in months:
                taken = seconds(engine.update_sums)
                count, sums = engine.run("SELECT (SELECT count() FROM whycap.rows), (SELECT count() FROM whycap.days)")[
                    0
                ]
                query = f"SELECT person, sum(usd) FROM whycap.days WHERE day = '2026-{month:02}-11' GROUP BY person"
                asked = min(seconds(lambda query=query: engine.run(query)) for _ in range(3))
                print(f"| {month} | {count} | {taken:.1f} s | {sums} | {asked:.3f} s |", flush=True)
        total = float(engine.run("SELECT sum(usd) FROM whycap.days")[0][0])
        duck = seconds(lambda: DuckDB(binary, directory).close(), cpu_seconds)
        command, process = (
            [sys.executable, "-c", MEASURE_MEMORY, binary, "spend", "--from", directory, "--by", "person", "--json"],
            [],
        )
        environment = {"HOME": directory, "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        core = seconds(
            lambda: process.append(
                subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            ),
            cpu_seconds,
        )
        report, most = json.loads(process[0].stdout)["total"], int(process[0].stderr.split()[-1]) // 1024
        assert report["responses"] > 0 and abs(report["cost_usd"] - total) < 0.01, (report, total)
        print(f"{count} rows: DuckDB {duck:.1f} s of CPU time; spend --from {core:.1f} s of CPU time, {most} MB")
        engine.close()
    return 0
