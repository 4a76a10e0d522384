"""The join with Claude Code's own telemetry, as docs/team.md writes it, on what a real one sent.

telemetry.jsonl are events of Claude Code 2.1.328 under a made-up account, as they came over OTLP, in the columns that the OpenTelemetry
Collector's ClickHouse exporter gives to otel_logs: a session that was resumed once, its fork, and one that met nothing but an error.
"""
import json
import re
import tempfile
from pathlib import Path

from engines import ClickHouse, files_of, write
from panels import spend

HERE = Path(__file__).resolve().parent
EVENTS = HERE / "telemetry.jsonl"
# Each answer cost this much, by Claude Code's own reckoning.
USD = 0.0408
TABLE = """CREATE TABLE otel_logs (Timestamp DateTime64(9), ServiceName LowCardinality(String), Body String, ScopeName String,
ScopeVersion LowCardinality(String), LogAttributes Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY Timestamp"""


def documented():
    """The query below the heading that tells how to join."""
    text = (HERE.parent.parent / "docs/team.md").read_text()
    return re.search(r"^    WITH spent AS.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)[0].strip()


def telemetry(binary, check):
    events = [json.loads(line) for line in EVENTS.read_text().splitlines()]
    first, fork, failed = dict.fromkeys(event["LogAttributes"]["session.id"] for event in events)
    with tempfile.TemporaryDirectory() as directory:
        write(directory, "spend", "m-ada", "2026-11-21", [
            spend(1, "2026-11-21 04:15:00", "ada", USD, session=first),
            spend(2, "2026-11-21 04:15:00", "ada", USD, session=first),
            spend(3, "2026-11-21 04:15:00", "ada", USD, session=fork, project="acme/web"),
            # Of a machine that sends no telemetry.
            spend(4, "2026-11-21 04:15:00", "bob", 2, project="acme/web"),
        ])
        engine = ClickHouse(binary)
        engine.load(files_of(directory))
        engine.run("DROP TABLE IF EXISTS otel_logs")
        engine.run(TABLE)
        engine.run(f"INSERT INTO otel_logs SELECT * FROM file('{EVENTS}', JSONEachRow)")
        found = [(project, *(round(number, 6) for number in numbers)) for project, *numbers in engine.run(documented())]
        check("spend and telemetry, joined by session", found, [("", 0, 0, 1), ("acme/api", 2 * USD, 2 * USD, 0), ("acme/web", 2 + USD, USD, 0)])
        accounts = engine.run("SELECT DISTINCT LogAttributes['user.account_uuid'] != '', LogAttributes['user.email'] != '' FROM otel_logs")
        check("telemetry says whose session it is", accounts, [(1, 1)])
        engine.run("DROP TABLE otel_logs")
        engine.close()
