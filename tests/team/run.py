#!/usr/bin/env python3
"""Loads the exports of several machines into ClickHouse (chdb) and DuckDB, and compares the sums.

usage: tests/team/run.py [--binary PATH] [--courses N] [--first N] [--only PART]...
       tests/team/run.py --scale N [--months N,N] [--binary PATH]

The script installs chdb and duckdb from the package index into its own environment. Without a package index, it runs no
tests and says so. Three machines with copies of recorded histories go through random sequences of exports, losses,
backups, renames, and projects that are no longer exported. After each step, ClickHouse loads the changes in any order.
Both engines must agree with the rules in docs/team.md to the pico-dollar. Further parts test missing files, erasures,
the query of each panel on generated rows, and the timers in packaging/export. tests/integration/export.rs compares
exports with the sums of one machine.

The last line is 'N passed, N failed', and the exit code is 1 if anything failed. --scale measures the exports of a large team
(scale.py).
"""

import argparse
import collections
import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from engines import ClickHouse, DuckDB, export_files, exported_rows, printed_script, write_rows  # noqa: E402
from faults import FAULTS  # noqa: E402
from scale import scale  # noqa: E402
from shared import check_shared_directory  # noqa: E402
from sums import COLUMNS, RESULTS, SUMMED_COLUMNS, USD, check, engine_sums, run_whycap, whycap_sums  # noqa: E402
from timers import timers  # noqa: E402

VENV = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "team"
PACKAGES = ["chdb==4.4.0", "duckdb==2.0.0"]
ROOTS = sorted((ROOT / "tests/data/histories").glob("*/home/.claude/projects"))
TRANSCRIPTS = {path.relative_to(root): path for root in ROOTS for path in sorted(root.rglob("*.jsonl"))}


def use_virtual_environment():
    """Installs the engines and restarts the script, unless they are already installed."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV:
        return
    if not (VENV / "complete").exists():
        commands = [
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
        ]
        for command in commands:
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode != 0:
                last_line = process.stderr.strip().splitlines()[-1:]
                print(f"skipped: {' and '.join(PACKAGES)} cannot be installed: {last_line}")
                raise SystemExit(0)
        (VENV / "complete").touch()
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def copy_transcripts(home, relative_paths):
    for relative_path in relative_paths:
        path = home / ".claude/projects" / relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TRANSCRIPTS[relative_path], path)


def expected_sums(target):
    """Calculates the sums of all machines' rows independently, using only the rules in docs/team.md."""
    best = {}
    best_weights = {}
    sums = collections.Counter()
    for row in exported_rows(target, "spend"):
        rank = (-(row["version"] >> 30), row["machine"], -row["version"])
        if row["key"] not in best or rank < best[row["key"]][0]:
            best[row["key"]] = (rank, row)
    # The unrecorded spend of a session counts from the machines that know most about it.
    for (negative_weight, *_), row in best.values():
        if row["kind"] == "unrecorded":
            session = row["session"]
            best_weights[session] = min(negative_weight, best_weights.get(session, 0))
    for (negative_weight, *_), row in best.values():
        is_recorded = row["kind"] in ("response", "unwritten")
        is_unrecorded = row["kind"] == "unrecorded" and best_weights[row["session"]] == negative_weight
        if is_recorded or is_unrecorded:
            for column in COLUMNS:
                value = row["time"][:10] if column == "day" else row[column]
                sums[column, value] += row["cost_pico"]
    return {key: cost for key, cost in sums.items() if cost}


def replace(directory, source):
    """Replaces a directory with a copy of another directory, if the other directory exists."""
    if source.exists():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(source, directory)


def configure(home, export):
    """Writes a configuration with this `[export]` section."""
    config = home / ".config/whycap/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[export]\n{export}\n")


def delete_data(home, step):
    """Deletes the ledger and every n-th transcript, where n is `step`."""
    ledger_files = list((home / ".local/share/whycap").glob("ledger.sqlite3*"))
    transcripts = sorted((home / ".claude/projects").rglob("*.jsonl"))
    for path in ledger_files + transcripts[::step]:
        path.unlink()


def run_random_course(binary, root, random_source, engine):
    """Runs three machines with copies of a history and records their actions in `trace`. A response counts if any
    machine still has it."""
    all_projects = sorted({path.parts[0] for path in TRANSCRIPTS})
    projects = random_source.sample(all_projects, 6)
    transcripts = [path for path in TRANSCRIPTS if path.parts[0] in projects]
    homes = [root / f"machine{number}" for number in range(3)]
    target = root / "team"
    trace = []
    pending = []

    for home in homes:
        copy_transcripts(home, [path for path in transcripts if random_source.random() < 0.8])
        configure(home, random_source.choice(['person = "Ada"', 'person = "Bob"', 'projects = ["*"]', ""]))
    actions = {
        "export": lambda home, data: None,
        "drop": lambda home, data: configure(home, 'projects = ["a*"]\nothers = "drop"'),
        "lose": lambda home, data: delete_data(home, 2),
        "lose all": lambda home, data: delete_data(home, 1),
        "rename": lambda home, data: configure(home, f'person = "P{random_source.randrange(3)}"'),
        "restore": lambda home, data: copy_transcripts(home, transcripts),
        "new machine": lambda home, data: shutil.rmtree(data / "export", ignore_errors=True),
        "keep": lambda home, data: replace(home / "backup", data),
        "take back": lambda home, data: replace(data, home / "backup"),
    }
    for _ in range(random_source.randrange(4, 9)):
        home = random_source.choice(homes)
        action = random_source.choice(["export", *actions])
        actions[action](home, home / ".local/share/whycap")
        trace.append((home.name, action))
        before = {file: Path(file).stat().st_mtime_ns for file in export_files(target)}
        run_whycap(binary, home, "export", target)
        # Files are copied in their current state. Some are loaded late, after newer files, and some are loaded twice.
        for file in export_files(target):
            if before.get(file) != Path(file).stat().st_mtime_ns:
                copy = root / f"step{len(trace)}" / Path(file).relative_to(target)
                copy.parent.mkdir(parents=True, exist_ok=True)
                pending.append(str(shutil.copy(file, copy)))
        random_source.shuffle(pending)
        late_count = random_source.randrange(len(pending) + 1)
        late = pending[:late_count]
        loaded_twice = late[: random_source.randrange(late_count + 1)]
        engine.load(pending[late_count:] + loaded_twice)
        engine.update_sums()
        pending = late
    engine.load(pending)
    return target, trace


def courses(binary, seeds):
    """Compares the sums of all engines after random courses of events."""
    engine = ClickHouse(binary)
    failed = []
    steps = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            for table in ("rows", "summed", "days"):
                engine.run(f"TRUNCATE TABLE whycap.{table}")
            target, trace = run_random_course(binary, Path(directory), random.Random(seed), engine)
            steps += len(trace)
            if not export_files(target):
                continue
            expected = expected_sums(target)
            duck = DuckDB(binary, target)
            sums_by_engine = {
                "DuckDB": engine_sums(duck),
                "spend --from": whycap_sums(binary, Path(directory), "--from", target),
            }
            duck.close()
            # First, the sums are updated month by month as the files arrive. Then, everything is recalculated from
            # scratch.
            engine.update_sums()
            sums_by_engine["ClickHouse, updated after each load"] = engine_sums(engine)
            engine.run("TRUNCATE TABLE whycap.summed")
            engine.update_sums()
            sums_by_engine["ClickHouse"] = engine_sums(engine)
            failed += [
                (seed, name, trace, set(sums.items()) ^ set(expected.items()))
                for name, sums in sums_by_engine.items()
                if sums != expected
            ]
    engine.close()
    check(f"the sums of {len(seeds)} courses of {steps} steps are those of the remaining data", failed[:2], [])


EXAMPLE_ROWS = """
spend   01 1000 2026-11-05T10 ada m-ada s-ada {"cost_pico": 10}
spend   02 1000 2026-11-05T11 ada m-ada s-web {"cost_pico": 4, "project": "acme/web", "branch": "fix", "model": "claude-haiku-5-5"}
spend   03 1000 2026-11-05T11 ada m-ada s-ada {"cost_pico": 6, "kind": "unrecorded", "branch": "", "at_least": true}
spend   05 1000 2026-11-10T09 bob m-bob s-bob {"cost_pico": 20, "project": "acme/web", "labels": {}}
spend   01  999 2026-11-05T10 bob m-bob s-bob {"cost_pico": 3}
spend   06  999 2026-11-05T10 bob m-bob s-ada {"cost_pico": 5, "kind": "unrecorded"}
spend   07 1000 2026-10-20T09 cy  m-cy  s-cy  {"cost_pico": 7}
limits  10    2 2026-11-05T12 ada m-ada s-ada {"blocked_s": 7200}
limits  10    0 2026-11-05T12 bob m-bob s-ada {"blocked_s": 999, "ended": "open"}
limits  11    2 2026-11-06T12 ada m-ada s-ada {"blocked_s": 1800}
limits  12    2 2026-11-07T12 bob m-ada s-bob {"kind": "usage_credits", "verdict": "false_likely", "ended": "unknown"}
limits  13    2 2026-11-07T13 bob m-ada s-bob {"verdict": "notice", "ended": "none"}
windows 20    2 2026-11-05T10 ada m-ada -     {"percent": 99.5}
windows 21    2 2026-11-05T11 ada m-ada -     {"percent": 97}
windows 22    2 2026-11-05T12 ada m-ada -     {"percent": 96.9}
"""
DEFAULT_FIELDS = {
    "spend": {
        "project": "acme/api",
        "branch": "main",
        "model": "claude-opus-5-5",
        "kind": "response",
        "output": 10,
        "provider": "plan",
    },
    "limits": {"kind": "five_hour", "verdict": "real", "blocked_s": 0, "ended": "seen"},
    "windows": {"window": "five_hour"},
}


@contextlib.contextmanager
def example_exports(binary, without=()):
    """Yields a directory with the example rows, except those of the types in `without`, and a ClickHouse engine that
    has loaded the rows. Bob has less complete copies of one of Ada's responses and of one of her errors, and unrecorded
    spend that was derived with less data about her session."""
    files = collections.defaultdict(list)
    for line in EXAMPLE_ROWS.strip().splitlines():
        rows, key, weight, time, person, machine, session, fields = line.split(maxsplit=7)
        row = {
            "key": key.zfill(16),
            "version": (int(weight) << 30) + 5,
            "time": f"{time.replace('T', ' ')}:00:00",
            "person": person,
            "machine": machine,
            "session": session.strip("-"),
            "labels": {"team": "core"},
            **DEFAULT_FIELDS[rows],
            **json.loads(fields),
        }
        if "cost_pico" in row:
            row["cost_pico"] *= USD
        files[rows, machine, time[:10]].append(json.dumps(row))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "whycap-1").mkdir()
        for (rows, machine, day), lines in files.items():
            if rows not in without:
                write_rows(directory, rows, machine, day, lines)
        engine = ClickHouse(binary)
        engine.load(export_files(directory))
        engine.update_sums()
        yield Path(directory), engine
        engine.close()


# The expected rows of each panel, with the columns in the order of the query.
EXPECTED_PANELS = {
    "Spend by day": [("2026-11-05", 20), ("2026-11-10", 20)],
    # $40 so far, $20 in the 14 days before the 20th, and ten days remaining.
    "This month": [(40, 40 + 20 / 14 * 10)],
    "Unrecorded spend": [(15,)],
    "Spend by person": [("ada", 20, True, 1), ("bob", 20, False, 1)],
    "Spend by team": [("", 20, False, 1), ("core", 20, True, 1)],
    "Spend by project": [("acme/web", 24, False, 2), ("acme/api", 16, True, 1)],
    "Spend by branch": [
        ("acme/web", "main", 20, False),
        ("acme/api", "main", 10, False),
        ("acme/web", "fix", 4, False),
    ],
    "Spend by model": [("claude-opus-5-5", "plan", 36, True, 30), ("claude-haiku-5-5", "plan", 4, False, 10)],
    "Limit errors": [("five_hour", "real", 2, 2.5), ("usage_credits", "false_likely", 1, 0)],
    "Do you need higher-tier seats": [("ada", 2, 2.5, 20), ("bob", 0, 0, 20)],
    "Machines with no": [
        ("m-cy", "cy", "2026-10-20 09:00:00"),
        ("m-ada", "ada", "2026-11-05 11:00:00"),
        ("m-bob", "bob", "2026-11-10 09:00:00"),
    ],
}


def comparable(value):
    """Returns a value in a form that does not depend on the engine."""
    try:
        return round(float(value), 6)
    except (TypeError, ValueError):
        return str(value).removesuffix(" 00:00:00")


def comparable_rows(rows):
    return [tuple(map(comparable, row)) for row in rows]


# The dashboard shows 1 to 20 November.
TIME_MACROS = {"$__fromTime": "toDateTime(1793491200)", "$__toTime": "toDateTime(1795132800)"}
# The person whose spend the dashboard shows if a variable has one value.
PERSON_BY_VARIABLES = [
    ({"person": "ada"}, "ada"),
    ({"team": "core"}, "ada"),
    ({"project": "acme/api"}, "ada"),
    ({"person": "bob"}, "bob"),
]


def panels(binary):
    """Compares the result of each panel's query with the expected rows."""
    queries = panel_queries()
    check("every panel has an expected result", set(queries), set(EXPECTED_PANELS))
    with example_exports(binary) as (_, engine):
        for panel, expected in EXPECTED_PANELS.items():
            for zone in ("UTC", "Pacific/Auckland"):
                rows = query_panel(engine, queries[panel], zone)
                check(f"the dashboard with a server in {zone}: {panel}", rows, comparable_rows(expected))
        for variables, person in PERSON_BY_VARIABLES:
            rows = query_panel(engine, queries["Spend by person"], "UTC", **variables)
            check(f"the dashboard of {variables}", [row[0] for row in rows], [person])


def panel_queries():
    """Returns the query of each panel. A panel without an expected result has the name None."""
    queries = {}
    for panel in json.loads((ROOT / "src/export/sql/grafana.json").read_text())["panels"]:
        names = [name for name in EXPECTED_PANELS if panel["title"].startswith(name)]
        queries[names[0] if names else None] = panel["targets"][0]["rawSql"]
    return queries


def query_panel(engine, query, zone, **variables):
    """Runs the query of a panel after replacing macros and variables in the same way as Grafana and its data source."""
    for name in ("person", "project", "team"):
        value = variables.get(name, "__all")
        query = query.replace(f"${{{name}:singlequote}}", f"'{value}'")
    for macro, time in TIME_MACROS.items():
        query = query.replace(macro, time)
    return comparable_rows(engine.run(f"{query} SETTINGS session_timezone = '{zone}'"))


def missing(binary):
    """Rows of any type may be missing, and every script may run twice. The engines must still agree with `whycap` about
    the remaining rows."""
    types = ("spend", "limits", "windows")
    for without in itertools.chain.from_iterable(itertools.combinations(types, size) for size in range(4)):
        with example_exports(binary, without) as (directory, clickhouse):
            duck = DuckDB(binary, directory)
            clickhouse.update_sums()
            duck.run(printed_script(binary, directory, "--print", "duckdb"))
            spent = whycap_sums(binary, directory, "--from", directory, by=SUMMED_COLUMNS)
            report = run_whycap(binary, directory, "incidents", "--json", "--from", directory).stdout
            people = json.loads(report)["sums"]["by_person"]
            expected = (spent, nonzero(people, "blocked_s"), nonzero(people, "hours_at_97_percent"))
            for engine in (clickhouse, duck):
                blocked = engine.run(
                    "SELECT person, CAST(sum(blocked_s) AS DOUBLE PRECISION) AS s FROM whycap.limits WHERE ended != 'none' GROUP BY person"
                )
                hours = engine.run(
                    "SELECT person, CAST(count(DISTINCT time) AS INT) AS h FROM whycap.windows WHERE percent >= 97 GROUP BY person"
                )
                actual = (
                    engine_sums(engine, SUMMED_COLUMNS),
                    {person: seconds for person, seconds in blocked if seconds},
                    dict(hours),
                )
                check(f"{type(engine).__name__} without {' and '.join(without) or 'nothing'}", actual, expected)
            duck.close()
            if not without:
                check(
                    "the sums of all rows are not empty",
                    (sum(spent.values()), *expected[1:]),
                    (len(SUMMED_COLUMNS) * 47 * USD, {"ada": 9000}, {"ada": 2}),
                )


def nonzero(people, field):
    """Returns the values of a field by person, except zeros."""
    return {person["person"]: person[field] for person in people if person[field]}


def erasures(binary):
    """Erases names with one command each, in the files and in both engines. No row of any table may still contain the
    name, and no export or load may bring it back."""
    for filter_, name, remaining_dollars in (
        ("person=ada", "ada", 27),
        ("project=acme/web", "acme/web", 23),
        ("before=2026-11-06", "2026-11-05", 20),
    ):
        with example_exports(binary) as (directory, clickhouse):
            clickhouse.update_sums("--erase", filter_)
            process = run_whycap(binary, directory, "export", directory, "--erase", filter_)
            remaining = [
                row for row in exported_rows(directory) if any(str(value).startswith(name) for value in row.values())
            ]
            check(
                f"{filter_} is erased from the files, and the rest stays",
                (
                    process.returncode,
                    remaining,
                    sum(whycap_sums(binary, directory, "--from", directory, by=("day",)).values()),
                ),
                (0, [], remaining_dollars * USD),
            )
            duck = DuckDB(binary, directory)
            clickhouse.load(export_files(directory))
            clickhouse.update_sums()
            for engine, tables in (
                (clickhouse, ("rows", "days", "limits", "windows", "spend")),
                (duck, ("days", "limits", "windows", "spend")),
            ):
                remaining = [
                    table
                    for table in tables
                    for row in engine.run(f"SELECT * FROM whycap.{table}")
                    if any(str(value).startswith(name) for value in row)
                ]
                check(
                    f"{filter_}: {type(engine).__name__} has no erased rows, and all others",
                    (remaining, sum(engine_sums(engine, ("day",)).values())),
                    ([], remaining_dollars * USD),
                )
            duck.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/debug/whycap"))
    parser.add_argument("--courses", type=int, default=6)
    parser.add_argument(
        "--only", action="append", help="a part: courses, missing, erasures, panels, timers, shared, or a fault"
    )
    parser.add_argument("--first", type=int, default=0, help="the seed of the first course")
    parser.add_argument("--scale", type=int, help="rows per month")
    parser.add_argument("--months", default="1,3,6,12")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    if arguments.scale:
        return scale(binary, arguments.scale, [int(month) for month in arguments.months.split(",")])
    parts = {
        "courses": lambda: courses(binary, range(arguments.first, arguments.first + arguments.courses)),
        "missing": lambda: missing(binary),
        "erasures": lambda: erasures(binary),
        "panels": lambda: panels(binary),
    }
    parts |= {fault.__name__: lambda fault=fault: fault(binary) for fault in FAULTS}
    parts |= {"timers": lambda: timers(binary, check), "shared": lambda: check_shared_directory(binary, check)}
    for name, part in parts.items():
        if not arguments.only or name in arguments.only:
            part()
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    use_virtual_environment()
    sys.exit(main())
