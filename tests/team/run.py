#!/usr/bin/env python3
"""What several machines export, in the engines that people have: ClickHouse (chdb) and DuckDB.

usage: tests/team/run.py [--binary PATH] [--seeds N] [--courses N] [--first N]

Builds an environment of its own with chdb and duckdb from the package index, once; where there is no index nothing is run
and that is said. Three machines export overlapping, cut-off and forked copies of recorded histories in steps, and every engine
must say what `whycap spend` says where one machine has everything, to the pico-dollar. Then machines live through random courses
of exports, losses, backups, new names and projects that no longer leave; ClickHouse loads what changed after each step, in any
order. Then whatever is missing, erasures, every panel's query on made-up rows, and what runs an export by itself.
The last line is 'N passed, N failed'; the exit code is 1 if anything failed.
"""
import argparse
import collections
import datetime
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
VENV = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "team"
PACKAGES = ["chdb==4.4.0", "duckdb==2.0.0"]
HISTORIES = ROOT / "tests" / "data" / "histories"
# Every run has a second of its own, as in life.
NOW = (datetime.datetime(2026, 11, 20, 6, 30) + datetime.timedelta(seconds=number) for number in itertools.count())
RESULTS = {"passed": 0, "failed": 0}


def check(name, found, expected):
    holds = found == expected
    RESULTS["passed" if holds else "failed"] += 1
    if not holds and isinstance(found, dict):
        found, expected = ({key: one.get(key) for key in one if one.get(key) != other.get(key)} for one, other in ((found, expected), (expected, found)))
    print(f"{'ok' if holds else 'FAILED'}: {name}" + ("" if holds else f": {found!r} is not {expected!r}"), flush=True)


def in_own_environment(script=Path(__file__)):
    """Starts a script again with the engines, unless they are here."""
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
    os.execv(python, [str(python), str(script.resolve()), *sys.argv[1:]])


def whycap(binary, home, *arguments):
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": f"{next(NOW).isoformat()}Z"}
    return subprocess.run([binary, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def transcripts():
    found = {}
    for root in sorted(HISTORIES.glob("*/home/.claude/projects")):
        for path in sorted(root.rglob("*.jsonl")):
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def time_of(line):
    at = line.find(b'"timestamp":"')
    return line[at + 13:at + 37].decode("latin-1") if at >= 0 else None


def until(transcript, time):
    """As it was then; lines without a time belong to those before."""
    lines = itertools.takewhile(lambda line: (time_of(line) or "") <= time, transcript.splitlines(keepends=True))
    return b"".join(lines)


def put(home, files):
    for below, content in files.items():
        if content:
            path = home / ".claude/projects" / below
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def three_machines(binary, root, seed):
    """Their target, and the home that has everything."""
    dice = random.Random(seed)
    files = transcripts()
    times = sorted(at for content in files.values() for line in content.splitlines() if (at := time_of(line)))
    directories = sorted({below.split("/")[0] for below in files})
    # Each directory is whole on one machine.
    whole = {directory: dice.randrange(3) for directory in directories}
    for machine in range(3):
        cut = {directory: dice.choice(times) for directory in directories}
        own = {below: content if whole[below.split("/")[0]] == machine else until(content, cut[below.split("/")[0]])
               for below, content in files.items() if whole[below.split("/")[0]] == machine or dice.random() < 0.8}
        earlier = dice.choice(times)
        for step in ({below: until(content, earlier) for below, content in own.items()}, own):
            put(root / f"machine{machine}", step)
            done = whycap(binary, root / f"machine{machine}", "export", root / "team")
            assert done.returncode == 0 or "no history" in done.stderr, done.stderr
    put(root / "one", files)
    return root / "team", root / "one"


BY = ("model", "session", "person", "machine", "project")
# What only rows of several machines have: names in place of one machine's accounts and directories.
ONLY_MERGED = ("person", "machine", "project")


def said(binary, home, *arguments, by=("day", *BY)):
    """Pico-dollars by what they are of, from `whycap spend`."""
    sums = {}
    for name in by:
        done = whycap(binary, home, "spend", "--json", "--by", name, *arguments)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        sums["total", ""] = round(report["total"]["cost_usd"] * 10**12)
        sums |= {(name, group["key"]): round(group["cost_usd"] * 10**12) for group in report["groups"]}
    return sums


def found_in(engine, by=BY):
    def pico(key, table):
        return engine.run(f"SELECT {key} AS k, CAST(sum(cost_pico) AS DOUBLE PRECISION) AS pico FROM whycap.{table} GROUP BY k")

    text = "String" if type(engine).__name__ == "ClickHouse" else "VARCHAR"
    sums = {("total", ""): round(sum(cost for _, cost in pico(f"CAST(day AS {text})", "days")))}
    sums |= {("day", day): round(cost) for day, cost in pico(f"CAST(day AS {text})", "days")}
    for name in by:
        sums |= {(name, key): round(cost) for key, cost in pico(name, "spend" if name == "session" else "days")}
    return sums


def equality(binary, seeds):
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as directory:
            target, one = three_machines(binary, Path(directory), seed)
            expected = said(binary, one, "--from", target)
            alone = {key: cost for key, cost in expected.items() if key[0] not in ONLY_MERGED}
            check(f"seed {seed}: spend --from says what one machine says", alone, said(binary, one, by=("day", "model", "session")))
            duck = DuckDB(binary, target)
            check(f"seed {seed}: DuckDB", found_in(duck), expected)
            duck.close()
            files = files_of(target)
            for order, wanted in {"in order": files, "backwards": files[::-1], "shuffled, twice": random.Random(seed).sample(files, len(files)) + files}.items():
                engine = ClickHouse(binary)
                engine.load(wanted)
                engine.sum_up()
                check(f"seed {seed}: ClickHouse, {order}", found_in(engine), expected)
                engine.close()


def statements(target):
    """What every machine says, and what it comes to: worked out once more, from the rules in docs/team.md alone."""
    best = {}
    for row in rows_of(target, "spend"):
        rank = (-(row["version"] >> 30), row["machine"], -row["version"])
        if row["key"] not in best or rank < best[row["key"]][0]:
            best[row["key"]] = (rank, row)
    most = {}
    for rank, row in best.values():
        if row["kind"] == "unrecorded":
            most[row["session"]] = min(rank[0], most.get(row["session"], 0))
    sums = collections.Counter({("total", ""): 0})
    for rank, row in best.values():
        if row["kind"] in ("response", "unwritten") or (row["kind"] == "unrecorded" and most[row["session"]] == rank[0]):
            for key in (("total", ""), *((name, row[name]) for name in ("session", "person", "project"))):
                sums[key] += row["cost_pico"]
    return {key: cost for key, cost in sums.items() if cost or key[0] == "total"}


def replace(directory, by):
    """Puts a copy of one directory in the place of another, if there is one."""
    if by.exists():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(by, directory)


def lose(home, every):
    """The ledger, and every so manieth transcript."""
    for path in [*(home / ".local/share/whycap").glob("ledger.sqlite3*"), *sorted((home / ".claude/projects").rglob("*.jsonl"))[::every]]:
        path.unlink()


def course(binary, root, dice, engine):
    """Three machines with copies of a history; what they do is `trace`. An answer that any of them still has counts."""
    every = {below: content for below, content in transcripts().items() if below.split("/")[0] in dice.sample(sorted({name.split("/")[0] for name in transcripts()}), 4)}
    homes, target, trace, pending = [root / f"machine{number}" for number in range(3)], root / "team", [], []

    def configure(home, export):
        (home / ".config/whycap").mkdir(parents=True, exist_ok=True)
        (home / ".config/whycap/config.toml").write_text(f"[export]\n{export}\n")

    for home in homes:
        put(home, {below: content for below, content in every.items() if dice.random() < 0.8})
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
        # As they were then: some are loaded late, after newer ones, and some twice.
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
    engine, failed, steps, by = ClickHouse(binary), [], 0, ("session", "person", "project")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            for table in ("spend_rows", "limit_rows", "window_rows", "summed", "days"):
                engine.run(f"TRUNCATE TABLE whycap.{table}")
            target, trace = course(binary, Path(directory), random.Random(seed), engine)
            steps += len(trace)
            if not files_of(target):
                continue
            expected, duck = statements(target), DuckDB(binary, target)
            told = {"DuckDB": found_in(duck, by), "spend --from": said(binary, Path(directory), "--from", target, by=by)}
            duck.close()
            # Month by month, as it came; then all anew.
            engine.sum_up()
            told["ClickHouse, summed up after each load"] = {key: cost for key, cost in expected.items() if key[0] == "session"} | found_in(engine, by[1:])
            engine.run("TRUNCATE TABLE whycap.summed")
            engine.sum_up()
            told["ClickHouse"] = found_in(engine, by)
            for name, sums in told.items():
                found = {key: cost for key, cost in sums.items() if key[0] != "day" and (cost or key[0] == "total")}
                if found != expected:
                    failed.append((seed, name, trace, set(found.items()) ^ set(expected.items())))
    engine.close()
    check(f"{len(seeds)} courses of {steps} steps come to what their machines still say", failed[:2], [])


USD = 10**12
SPEND = {"project": "acme/api", "branch": "main", "model": "claude-opus-5-5", "kind": "response", "subagent": False, "fast": False, "us": False,
         "input": 1, "output": 10, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "web_searches": 0, "unpriced": False, "provider": "plan"}


def spend(number, time, person, usd, **fields):
    return json.dumps({"key": f"{number:016x}", "version": (1000 << 30) + 5, "time": time, "person": person, "machine": f"m-{person}",
                       "session": f"s-{person}", **SPEND, "cost_pico": round(usd * USD), "labels": {"team": "core"}, **fields})


def made_up(directory):
    write(directory, "spend", "m-ada", "2026-11-05", [
        spend(1, "2026-11-05 10:00:00", "ada", 10),
        spend(2, "2026-11-05 11:00:00", "ada", 4, project="acme/web", session="s-web", branch="fix", model="claude-haiku-5-5"),
        spend(3, "2026-11-05 11:00:00", "ada", 6, kind="unrecorded", branch=""),
    ])
    write(directory, "spend", "m-bob", "2026-11-10", [spend(5, "2026-11-10 09:00:00", "bob", 20, project="acme/web", labels={})])
    # A poorer copy of one of Ada's, and what somebody unrecorded who knew less of her session.
    write(directory, "spend", "m-bob", "2026-11-05", [
        spend(1, "2026-11-05 10:00:00", "bob", 3, version=(999 << 30) + 900),
        spend(6, "2026-11-05 10:00:00", "bob", 5, kind="unrecorded", session="s-ada", version=(999 << 30) + 900),
    ])
    write(directory, "spend", "m-cy", "2026-10-20", [spend(7, "2026-10-20 09:00:00", "cy", 7)])
    limit = {"version": 5, "machine": "m", "session": "s-ada", "service": "plan", "who_can_fix": "nobody", "waiting_helps": True, "resets_at": None, "labels": {"team": "core"}}
    write(directory, "limits", "m-ada", "2026-11-05", [json.dumps({"key": f"{10 + n:016x}", **limit, **fields}) for n, fields in enumerate([
        {"time": "2026-11-05 12:00:00", "person": "ada", "kind": "five_hour", "verdict": "real", "blocked_s": 7200, "ended": "seen"},
        {"time": "2026-11-06 12:00:00", "person": "ada", "kind": "five_hour", "verdict": "real", "blocked_s": 1800, "ended": "seen"},
        {"time": "2026-11-07 12:00:00", "person": "bob", "session": "s-bob", "kind": "usage_credits", "verdict": "false_likely", "blocked_s": 0, "ended": "unknown"},
        {"time": "2026-11-07 13:00:00", "person": "bob", "session": "s-bob", "kind": "five_hour", "verdict": "notice", "blocked_s": 0, "ended": "none"},
    ])])
    window = {"version": 5, "person": "ada", "machine": "m", "account": "a", "window": "five_hour", "labels": {"team": "core"}}
    write(directory, "windows", "m-ada", "2026-11-05", [json.dumps({"key": f"{20 + n:016x}", **window, "time": time, "percent": percent})
          for n, (time, percent) in enumerate([("2026-11-05 10:00:00", 99.5), ("2026-11-05 11:00:00", 97), ("2026-11-05 12:00:00", 96.9)])])


# Columns in the order of the query. The dashboard shows 1 to 20 November.
ANSWERS = {
    "Spend by day": [("2026-11-05", 20), ("2026-11-10", 20)],
    # 40 so far; 20 in the 14 days before the 20th, ten days to come.
    "This month": [(40, 40 + 20 / 14 * 10)],
    "Share that no transcript": [(15,)],
    "Spend by person": [("ada", 20, 1), ("bob", 20, 1)],
    "Spend by team": [("", 20, 1), ("core", 20, 1)],
    "Spend by project": [("acme/web", 24, 2), ("acme/api", 16, 1)],
    "Spend by branch": [("acme/web", "main", 20), ("acme/api", "main", 10), ("acme/web", "fix", 4)],
    "Spend by model": [("claude-opus-5-5", "plan", 36, 30), ("claude-haiku-5-5", "plan", 4, 10)],
    "Limit errors": [("five_hour", "real", 2, 2.5), ("usage_credits", "false_likely", 1, 0)],
    "Is a bigger seat": [("ada", 2, 2.5, 20), ("bob", 0, 0, 20)],
    "Machines without": [("m-cy", "cy", "2026-10-20 09:00:00"), ("m-ada", "ada", "2026-11-05 11:00:00"), ("m-bob", "bob", "2026-11-10 09:00:00")],
}


def plain(value):
    try:
        return round(float(value), 6)
    except (TypeError, ValueError):
        return str(value).removesuffix(" 00:00:00")


def panels(binary):
    board = json.loads((ROOT / "src/export/sql/grafana.json").read_text())
    check("every panel has an answer", [any(panel["title"].startswith(name) for name in ANSWERS) for panel in board["panels"]], [True] * len(ANSWERS))
    with tempfile.TemporaryDirectory() as directory:
        made_up(directory)
        engine = ClickHouse(binary)
        engine.load(files_of(directory))
        engine.sum_up()
        # What the data source writes for its macros, and Grafana for variables: of all, and of one.
        times = {"$__fromTime": "toDateTime(1793491200)", "$__toTime": "toDateTime(1795132800)"}

        def ask(panel, zone, **chosen):
            query = panel["targets"][0]["rawSql"]
            for name in ("person", "project", "team"):
                query = query.replace(f"${{{name}:singlequote}}", f"'{chosen[name]}'" if name in chosen else "'__all'")
            for macro, time in times.items():
                query = query.replace(macro, time)
            return [tuple(plain(value) for value in row) for row in engine.run(f"{query} SETTINGS session_timezone = '{zone}'")]

        for panel in board["panels"]:
            name, answer = next((name, answer) for name, answer in ANSWERS.items() if panel["title"].startswith(name))
            for zone in ("UTC", "Pacific/Auckland"):
                check(f"the dashboard with a server in {zone}: {name}", ask(panel, zone), [tuple(plain(value) for value in row) for row in answer])
        by_person = next(panel for panel in board["panels"] if panel["title"] == "Spend by person")
        for chosen, person in (({"person": "ada"}, "ada"), ({"team": "core"}, "ada"), ({"project": "acme/api"}, "ada"), ({"person": "bob"}, "bob")):
            check(f"the dashboard of {chosen}", [row[0] for row in ask(by_person, "UTC", **chosen)], [person])
        engine.close()


def missing(binary):
    """Any kinds of rows may be missing, and everything may be started twice."""
    for kinds in [combination for size in range(4) for combination in itertools.combinations(("spend", "limits", "windows"), size)]:
        with tempfile.TemporaryDirectory() as directory:
            made_up(directory)
            for rows in {"spend", "limits", "windows"} - set(kinds):
                shutil.rmtree(Path(directory) / "whycap-1" / rows)
            clickhouse, duck = ClickHouse(binary), DuckDB(binary, directory)
            clickhouse.load(files_of(directory))
            clickhouse.sum_up()
            clickhouse.sum_up()
            duck.run(printed(binary, directory, "--print", "duckdb"))
            expected = [47 * USD if "spend" in kinds else 0, 4 * ("limits" in kinds), 3 * ("windows" in kinds)]
            for engine in (clickhouse, duck):
                counts = [int(engine.run(f"SELECT CAST(coalesce(sum({what}), 0) AS BIGINT) AS n FROM whycap.{table}")[0][0]) for what, table in (("cost_pico", "days"), ("1", "limits"), ("1", "windows"))]
                check(f"{type(engine).__name__} with {' and '.join(kinds) or 'no rows'} alone", counts, expected)
                engine.close()


def erasures(binary):
    """One command each, in files and in both engines: no name is left in any row of any table, and no export or load brings it back."""
    for what, name, rest in (("person=ada", "ada", 27), ("project=acme/web", "acme/web", 23), ("before=2026-11-06", "2026-11-05", 20)):
        with tempfile.TemporaryDirectory() as directory:
            made_up(directory)
            clickhouse = ClickHouse(binary)
            clickhouse.load(files_of(directory))
            clickhouse.sum_up()
            clickhouse.sum_up("--erase", what)
            done = whycap(binary, Path(directory), "export", directory, "--erase", what)
            duck = DuckDB(binary, directory)
            check(f"{what} is erased from the files", (done.returncode, sum(name in json.dumps(row) for rows in ("spend", "limits", "windows") for row in rows_of(directory, rows))), (0, 0))
            check(f"{what}: the rest stays", said(binary, Path(directory), "--from", directory, by=("day",))["total", ""], rest * USD)
            clickhouse.load(files_of(directory))
            clickhouse.sum_up()
            for engine, tables in ((clickhouse, ("spend_rows", "limit_rows", "window_rows", "days", "limits", "windows", "spend")), (duck, ("days", "limits", "windows", "spend"))):
                left = [table for table in tables for row in engine.run(f"SELECT * FROM whycap.{table}") if name in map(str, row) or any(str(value).startswith(name) for value in row if what.startswith("before"))]
                check(f"{what}: {type(engine).__name__} has nothing of it, and the rest", (left, found_in(engine)["total", ""]), ([], rest * USD))
                engine.close()


def limits(binary):
    """Errors and hours near the limit of a made-up team come to what their machines still say."""
    sys.path.insert(0, str(ROOT / "tests/page"))
    from team import made_up as team_of_seven

    with tempfile.TemporaryDirectory() as directory:
        team_of_seven(directory, datetime.datetime(2026, 11, 20, 15, 30, tzinfo=datetime.timezone.utc), seed=1)
        report = json.loads(whycap(binary, Path(directory), "incidents", "--json", "--from", directory).stdout)
        expected = {(one["person"], one["blocked_s"], one["hours_at_97_percent"]) for one in report["sums"]["by_person"]}
        clickhouse, duck = ClickHouse(binary), DuckDB(binary, directory)
        clickhouse.load(files_of(directory))
        clickhouse.sum_up()
        for engine in (clickhouse, duck):
            blocked = dict(engine.run("SELECT person, CAST(sum(blocked_s) AS DOUBLE PRECISION) AS s FROM whycap.limits WHERE ended != 'none' GROUP BY person"))
            hours = dict(engine.run("SELECT person, count(DISTINCT CASE WHEN percent >= 97 THEN time END) AS h FROM whycap.windows GROUP BY person"))
            found = {(person, round(blocked.get(person, 0)), int(hours[person])) for person in hours}
            check(f"limits and hours near them: {type(engine).__name__}", (found, len(found)), (expected, 7))
            engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/debug/whycap"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--courses", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first course")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    for run in (lambda: equality(binary, arguments.seeds), lambda: courses(binary, range(arguments.first, arguments.first + arguments.courses)), lambda: missing(binary),
                lambda: erasures(binary), lambda: panels(binary), lambda: limits(binary), lambda: timers(binary, check), lambda: shared(binary, check)):
        run()
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    in_own_environment()
    from engines import ClickHouse, DuckDB, files_of, printed, rows_of, write
    from shared import shared
    from timers import timers

    sys.exit(main())
