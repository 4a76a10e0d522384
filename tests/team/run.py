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

from engines import ClickHouse, DuckDB, files_of, printed, rows_of, write  # noqa: E402
from faults import FAULTS  # noqa: E402
from scale import scale  # noqa: E402
from shared import shared  # noqa: E402
from sums import BY, RESULTS, SUMMED, USD, check, found_in, said, whycap  # noqa: E402
from timers import timers  # noqa: E402

VENV = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "team"
PACKAGES = ["chdb==4.4.0", "duckdb==2.0.0"]
ROOTS = sorted((ROOT / "tests/data/histories").glob("*/home/.claude/projects"))
TRANSCRIPTS = {path.relative_to(root): path for root in ROOTS for path in sorted(root.rglob("*.jsonl"))}


def in_own_environment():
    """Installs the engines and restarts the script, unless they are already installed."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV:
        return
    if not (VENV / "complete").exists():
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            made = subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], capture_output=True, text=True, check=False)
        if made.returncode:
            print(f"skipped: {' and '.join(PACKAGES)} cannot be had here: {made.stderr.strip().splitlines()[-1:]}")
            raise SystemExit(0)
        (VENV / "complete").touch()
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def put(home, some):
    for below in some:
        path = home / ".claude/projects" / below
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TRANSCRIPTS[below], path)


def statements(target):
    """Calculates the sums of all machines' rows independently, using only the rules in docs/team.md."""
    best, most, sums = {}, {}, collections.Counter()
    for row in rows_of(target, "spend"):
        rank = (-(row["version"] >> 30), row["machine"], -row["version"])
        if row["key"] not in best or rank < best[row["key"]][0]:
            best[row["key"]] = (rank, row)
    for rank, row in best.values():
        if row["kind"] == "unrecorded":
            most[row["session"]] = min(rank[0], most.get(row["session"], 0))
    for rank, row in best.values():
        if row["kind"] in ("response", "unwritten") or (row["kind"] == "unrecorded" and most[row["session"]] == rank[0]):
            for name in BY:
                sums[name, row["time"][:10] if name == "day" else row[name]] += row["cost_pico"]
    return {key: cost for key, cost in sums.items() if cost}


def replace(directory, by):
    """Replaces a directory with a copy of another directory, if the other directory exists."""
    if by.exists():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(by, directory)


def lose(home, every):
    """Deletes the ledger and every n-th transcript."""
    for path in [*(home / ".local/share/whycap").glob("ledger.sqlite3*"), *sorted((home / ".claude/projects").rglob("*.jsonl"))[::every]]:
        path.unlink()


def course(binary, root, dice, engine):
    """Runs three machines with copies of a history and records their actions in `trace`. A response counts if any
    machine still has it."""
    projects = dice.sample(sorted({below.parts[0] for below in TRANSCRIPTS}), 6)
    every = [below for below in TRANSCRIPTS if below.parts[0] in projects]
    homes, target, trace, pending = [root / f"machine{number}" for number in range(3)], root / "team", [], []

    def configure(home, export):
        (home / ".config/whycap").mkdir(parents=True, exist_ok=True)
        (home / ".config/whycap/config.toml").write_text(f"[export]\n{export}\n")

    for home in homes:
        put(home, [below for below in every if dice.random() < 0.8])
        configure(home, dice.choice(['person = "Ada"', 'person = "Bob"', 'projects = ["*"]', ""]))
    ways = {"export": lambda home, data: None, "drop": lambda home, data: configure(home, 'projects = ["a*"]\nothers = "drop"'),
            "lose": lambda home, data: lose(home, 2), "lose all": lambda home, data: lose(home, 1),
            "rename": lambda home, data: configure(home, f'person = "P{dice.randrange(3)}"'), "restore": lambda home, data: put(home, every),
            "new machine": lambda home, data: shutil.rmtree(data / "export", ignore_errors=True),
            "keep": lambda home, data: replace(home / "backup", data), "take back": lambda home, data: replace(data, home / "backup")}
    for _ in range(dice.randrange(4, 9)):
        home, what = dice.choice(homes), dice.choice(["export", *ways])
        ways[what](home, home / ".local/share/whycap")
        trace.append((home.name, what))
        before = {file: Path(file).stat().st_mtime_ns for file in files_of(target)}
        whycap(binary, home, "export", target)
        # Files are copied in their current state. Some are loaded late, after newer files, and some are loaded twice.
        for file in files_of(target):
            if before.get(file) != Path(file).stat().st_mtime_ns:
                copy = root / f"step{len(trace)}" / Path(file).relative_to(target)
                copy.parent.mkdir(parents=True, exist_ok=True)
                pending.append(str(shutil.copy(file, copy)))
        dice.shuffle(pending)
        late = dice.randrange(len(pending) + 1)
        engine.load(pending[late:] + pending[:dice.randrange(late + 1)])
        engine.sum_up()
        pending = pending[:late]
    engine.load(pending)
    return target, trace


def courses(binary, seeds):
    engine, failed, steps = ClickHouse(binary), [], 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            for table in ("rows", "summed", "days"):
                engine.run(f"TRUNCATE TABLE whycap.{table}")
            target, trace = course(binary, Path(directory), random.Random(seed), engine)
            steps += len(trace)
            if not files_of(target):
                continue
            expected, duck = statements(target), DuckDB(binary, target)
            told = {"DuckDB": found_in(duck), "spend --from": said(binary, Path(directory), "--from", target)}
            duck.close()
            # First, the sums are updated month by month as the files arrive. Then, everything is recalculated from
            # scratch.
            engine.sum_up()
            told["ClickHouse, summed up after each load"] = found_in(engine)
            engine.run("TRUNCATE TABLE whycap.summed")
            engine.sum_up()
            told["ClickHouse"] = found_in(engine)
            failed += [(seed, name, trace, set(sums.items()) ^ set(expected.items())) for name, sums in told.items() if sums != expected]
    engine.close()
    check(f"{len(seeds)} courses of {steps} steps come to what their machines still say", failed[:2], [])


MADE_UP = """
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
USUAL = {"spend": {"project": "acme/api", "branch": "main", "model": "claude-opus-5-5", "kind": "response", "output": 10, "provider": "plan"},
         "limits": {"kind": "five_hour", "verdict": "real", "blocked_s": 0, "ended": "seen"}, "windows": {"window": "five_hour"}}


@contextlib.contextmanager
def made_up(binary, without=()):
    """Yields a directory with these rows, and a ClickHouse engine that has loaded them. Bob has less complete copies of
    one of Ada's responses and of one of her errors, and unrecorded spend that was derived with less data about her
    session."""
    files = collections.defaultdict(list)
    for line in MADE_UP.strip().splitlines():
        rows, key, weight, time, person, machine, session, fields = line.split(maxsplit=7)
        row = {"key": key.zfill(16), "version": (int(weight) << 30) + 5, "time": f"{time.replace('T', ' ')}:00:00", "person": person, "machine": machine,
               "session": session.strip("-"), "labels": {"team": "core"}, **USUAL[rows], **json.loads(fields)}
        if "cost_pico" in row:
            row["cost_pico"] *= USD
        files[rows, machine, time[:10]].append(json.dumps(row))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "whycap-1").mkdir()
        for (rows, machine, day), lines in files.items():
            if rows not in without:
                write(directory, rows, machine, day, lines)
        engine = ClickHouse(binary)
        engine.load(files_of(directory))
        engine.sum_up()
        yield Path(directory), engine
        engine.close()


# Columns in the order of the query. The dashboard shows 1 to 20 November.
ANSWERS = {
    "Spend by day": [("2026-11-05", 20), ("2026-11-10", 20)],
    # $40 so far, $20 in the 14 days before the 20th, and ten days remaining.
    "This month": [(40, 40 + 20 / 14 * 10)],
    "Unrecorded spend": [(15,)],
    "Spend by person": [("ada", 20, True, 1), ("bob", 20, False, 1)],
    "Spend by team": [("", 20, False, 1), ("core", 20, True, 1)],
    "Spend by project": [("acme/web", 24, False, 2), ("acme/api", 16, True, 1)],
    "Spend by branch": [("acme/web", "main", 20, False), ("acme/api", "main", 10, False), ("acme/web", "fix", 4, False)],
    "Spend by model": [("claude-opus-5-5", "plan", 36, True, 30), ("claude-haiku-5-5", "plan", 4, False, 10)],
    "Limit errors": [("five_hour", "real", 2, 2.5), ("usage_credits", "false_likely", 1, 0)],
    "Do you need higher-tier seats": [("ada", 2, 2.5, 20), ("bob", 0, 0, 20)],
    "Machines with no": [("m-cy", "cy", "2026-10-20 09:00:00"), ("m-ada", "ada", "2026-11-05 11:00:00"), ("m-bob", "bob", "2026-11-10 09:00:00")],
}


def plain(value):
    try:
        return round(float(value), 6)
    except (TypeError, ValueError):
        return str(value).removesuffix(" 00:00:00")


def panels(binary):
    board = json.loads((ROOT / "src/export/sql/grafana.json").read_text())["panels"]
    board = {next((name for name in ANSWERS if panel["title"].startswith(name)), None): panel["targets"][0]["rawSql"] for panel in board}
    check("every panel has an answer", set(board), set(ANSWERS))
    with made_up(binary) as (_, engine):
        # Returns the text that the data source substitutes for its macros, and the text that Grafana substitutes for
        # variables, for all values and for a single value.
        times = {"$__fromTime": "toDateTime(1793491200)", "$__toTime": "toDateTime(1795132800)"}

        def ask(panel, zone, **chosen):
            query = board[panel]
            for name in ("person", "project", "team"):
                query = query.replace(f"${{{name}:singlequote}}", f"'{chosen[name]}'" if name in chosen else "'__all'")
            for macro, time in times.items():
                query = query.replace(macro, time)
            return [tuple(plain(value) for value in row) for row in engine.run(f"{query} SETTINGS session_timezone = '{zone}'")]

        for panel, answer in ANSWERS.items():
            for zone in ("UTC", "Pacific/Auckland"):
                check(f"the dashboard with a server in {zone}: {panel}", ask(panel, zone), [tuple(plain(value) for value in row) for row in answer])
        for chosen, person in (({"person": "ada"}, "ada"), ({"team": "core"}, "ada"), ({"project": "acme/api"}, "ada"), ({"person": "bob"}, "bob")):
            check(f"the dashboard of {chosen}", [row[0] for row in ask("Spend by person", "UTC", **chosen)], [person])


def missing(binary):
    """Rows of any type may be missing, and every script may run twice. The engines must still agree with `whycap` about
    the remaining rows."""
    for without in [combination for size in range(4) for combination in itertools.combinations(("spend", "limits", "windows"), size)]:
        with made_up(binary, without) as (directory, clickhouse):
            duck = DuckDB(binary, directory)
            clickhouse.sum_up()
            duck.run(printed(binary, directory, "--print", "duckdb"))
            spent = said(binary, directory, "--from", directory, by=SUMMED)
            people = json.loads(whycap(binary, directory, "incidents", "--json", "--from", directory).stdout)["sums"]["by_person"]
            expected = spent, {one["person"]: one["blocked_s"] for one in people if one["blocked_s"]}, {one["person"]: one["hours_at_97_percent"] for one in people if one["hours_at_97_percent"]}
            for engine in (clickhouse, duck):
                blocked = engine.run("SELECT person, CAST(sum(blocked_s) AS DOUBLE PRECISION) AS s FROM whycap.limits WHERE ended != 'none' GROUP BY person")
                hours = engine.run("SELECT person, CAST(count(DISTINCT time) AS INT) AS h FROM whycap.windows WHERE percent >= 97 GROUP BY person")
                found = found_in(engine, SUMMED), {person: seconds for person, seconds in blocked if seconds}, dict(hours)
                check(f"{type(engine).__name__} without {' and '.join(without) or 'nothing'}", found, expected)
            duck.close()
            if not without:
                check("and that is something", (sum(spent.values()), *expected[1:]), (len(SUMMED) * 47 * USD, {"ada": 9000}, {"ada": 2}))


def erasures(binary):
    """Erases names with one command each, in the files and in both engines. No row of any table may still contain the
    name, and no export or load may bring it back."""
    for what, name, rest in (("person=ada", "ada", 27), ("project=acme/web", "acme/web", 23), ("before=2026-11-06", "2026-11-05", 20)):
        with made_up(binary) as (directory, clickhouse):
            done = whycap(binary, directory, "export", directory, "--erase", what)
            clickhouse.sum_up(directory)
            left = [row for row in rows_of(directory) if any(str(value).startswith(name) for value in row.values())]
            check(f"{what} is erased from the files, and the rest stays", (done.returncode, left, sum(said(binary, directory, "--from", directory, by=("day",)).values())), (0, [], rest * USD))
            duck = DuckDB(binary, directory)
            clickhouse.load(files_of(directory))
            clickhouse.sum_up()
            for engine, tables in ((clickhouse, ("rows", "days", "limits", "windows", "spend")), (duck, ("days", "limits", "windows", "spend"))):
                left = [table for table in tables for row in engine.run(f"SELECT * FROM whycap.{table}") if any(str(value).startswith(name) for value in row)]
                check(f"{what}: {type(engine).__name__} has nothing of it, and the rest", (left, sum(found_in(engine, ("day",)).values())), ([], rest * USD))
            duck.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/debug/whycap"))
    parser.add_argument("--courses", type=int, default=6)
    parser.add_argument("--only", action="append", help="a part: courses, missing, erasures, panels, timers, shared, or a fault")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first course")
    parser.add_argument("--scale", type=int, help="rows a month")
    parser.add_argument("--months", default="1,3,6,12")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    if arguments.scale:
        return scale(binary, arguments.scale, [int(month) for month in arguments.months.split(",")])
    parts = {"courses": lambda: courses(binary, range(arguments.first, arguments.first + arguments.courses)), "missing": lambda: missing(binary),
             "erasures": lambda: erasures(binary), "panels": lambda: panels(binary)}
    parts |= {fault.__name__: lambda fault=fault: fault(binary) for fault in FAULTS}
    parts |= {"timers": lambda: timers(binary, check), "shared": lambda: shared(binary, check)}
    for name, part in parts.items():
        if not arguments.only or name in arguments.only:
            part()
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    in_own_environment()
    sys.exit(main())
