#!/usr/bin/env python3
"""What several machines export, in the engines that people have: ClickHouse (chdb) and DuckDB.

usage: tests/team/run.py [--binary PATH] [--seeds N]

Builds an environment of its own with chdb and duckdb from the package index, once; where there is no index nothing is run
and that is said. Three machines have overlapping, cut-off and forked copies of recorded histories and export them in steps;
the files are loaded in several orders, once and twice; every engine must say what `whycap spend` says where one machine has
everything, to the pico-dollar. Then every panel's query runs on made-up rows with known answers, what the page of
`spend --from` says of limits is held against the panels; and what runs an export by itself is run.
The last line is 'N passed, N failed'; the exit code is 1 if anything failed.
"""
import argparse
import itertools
import json
import os
import random
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
NOW = (f"2026-11-20T06:{30 + number // 60 % 30:02}:{number % 60:02}Z" for number in itertools.count())
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
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": next(NOW)}
    return subprocess.run([binary, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def transcripts():
    found = {}
    for history in sorted(HISTORIES.iterdir()):
        root = history / "home/.claude/projects"
        for path in sorted(root.rglob("*.jsonl")):
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def time_of(line):
    at = line.find(b'"timestamp":"')
    return line[at + 13:at + 37].decode("latin-1") if at >= 0 else None


def until(transcript, time):
    """As it was then; lines without a time belong to those before."""
    kept = []
    for line in transcript.splitlines(keepends=True):
        at = time_of(line)
        if at and at > time:
            break
        kept.append(line)
    return b"".join(kept)


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
    target = root / "team"
    for machine in range(3):
        home = root / f"machine{machine}"
        cut = {directory: dice.choice(times) for directory in directories}
        own = {}
        for below, content in files.items():
            directory = below.split("/")[0]
            if whole[directory] == machine:
                own[below] = content
            elif dice.random() < 0.8:
                own[below] = until(content, cut[directory])
        earlier = dice.choice(times)
        for step in ({below: until(content, earlier) for below, content in own.items()}, own):
            put(home, step)
            done = whycap(binary, home, "export", str(target))
            assert done.returncode == 0 or "no history" in done.stderr, done.stderr
    one = root / "one"
    put(one, files)
    return target, one


BY = {"day": "CAST(CAST(time AS DATE) AS VARCHAR)", "model": "model", "session": "session", "person": "person", "machine": "machine",
      "project": "project"}
# What only rows of several machines have: names in place of one machine's accounts and directories.
ONLY_MERGED = ("person", "machine", "project")


def expected_of(binary, home, *arguments):
    """Pico-dollars by what they are of, from `whycap spend`."""
    sums = {}
    for by in BY:
        if by in ONLY_MERGED and not arguments:
            continue
        done = whycap(binary, home, "spend", "--json", "--by", by, *arguments)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["rest"] is None, said["rest"]
        sums["total", ""] = round(said["total"]["cost_usd"] * 10**12)
        for group in said["groups"]:
            sums[by, group["key"]] = round(group["cost_usd"] * 10**12)
    return sums


def of_one_machine(sums):
    return {key: cost for key, cost in sums.items() if key[0] not in ONLY_MERGED}


def found_in(engine):
    sums = {("total", ""): round(engine.run("SELECT CAST(sum(cost_pico) AS DOUBLE PRECISION) AS pico FROM whycap.spend")[0][0])}
    for by, key in BY.items():
        if type(engine).__name__ == "ClickHouse":
            key = key.replace("VARCHAR", "String")
        for name, pico in engine.run(f"SELECT {key} AS k, CAST(sum(cost_pico) AS DOUBLE PRECISION) AS pico FROM whycap.spend GROUP BY k"):
            sums[by, name] = round(pico)
    return sums


def equality(binary, seeds, databases):
    from engines import DuckDB, files_of

    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as directory:
            target, one = three_machines(binary, Path(directory), seed)
            alone = expected_of(binary, one)
            expected = expected_of(binary, one, "--from", str(target))
            check(f"seed {seed}: spend --from says what one machine says", of_one_machine(expected), alone)
            duck = DuckDB(binary, target)
            check(f"seed {seed}: DuckDB", found_in(duck), expected)
            duck.close()
            files = files_of(target)
            orders = {"in order": files, "backwards": files[::-1], "shuffled, twice": random.Random(seed).sample(files, len(files)) + files}
            for (name, new), (order, wanted) in itertools.product(databases.items(), orders.items()):
                engine = new()
                engine.load(wanted)
                check(f"seed {seed}: {name}, {order}", found_in(engine), expected)
                engine.close()


def steps(binary, name, new):
    """A database that was loaded after every export, with nothing deleted, says the same as the last files."""
    from engines import files_of, rows_of

    with tempfile.TemporaryDirectory() as directory:
        home, target = Path(directory) / "home", Path(directory) / "team"
        files = transcripts()
        times = sorted(at for content in files.values() for line in content.splitlines() if (at := time_of(line)))
        engine = new()
        for share in (0.3, 0.6, 0.8, 1):
            time = times[int(share * (len(times) - 1))]
            put(home, {below: until(content, time) if share < 1 else content for below, content in files.items()})
            whycap(binary, home, "export", str(target))
            engine.load(files_of(target))
        expected = expected_of(binary, home, "--from", str(target))
        check(f"{name}, loaded after every step", found_in(engine), expected)
        # The same responses at half the price.
        settings = home / ".claude/settings.json"
        settings.write_text('{"modelPricing":{"multiplier":0.5}}')
        whycap(binary, home, "export", str(target))
        engine.load(files_of(target))
        cheaper = expected_of(binary, home, "--from", str(target))
        check(f"{name}, after prices changed", (found_in(engine), cheaper["total", ""] < expected["total", ""]), (cheaper, True))
        settings.unlink()
        whycap(binary, home, "export", str(target))
        engine.load(files_of(target))
        check(f"{name}, after they changed back", found_in(engine), expected)
        # A ledger made anew from half of the transcripts takes the rest back.
        for ledger in (home / ".local/share/whycap").glob("ledger.sqlite3*"):
            ledger.unlink()
        for path in sorted((home / ".claude/projects").rglob("*.jsonl"))[::2]:
            path.unlink()
        before = {row["key"] for row in rows_of(target, "spend")}
        whycap(binary, home, "export", str(target))
        after = {row["key"]: row for row in rows_of(target, "spend")}
        check("rows that are gone are still there", before <= after.keys(), True)
        engine.load(files_of(target))
        gone = [key for key, row in after.items() if row["session"] == ""]
        keys = ", ".join(f"'{key}'" for key in gone)
        check(f"{name}, after {len(gone)} rows were taken back", (bool(gone), engine.run(f"SELECT count(*) AS n FROM whycap.spend WHERE key IN ({keys})")), (True, [(0,)]))
        engine.close()
        engine = new()
        engine.load(files_of(target))
        check(f"{name}, loaded anew", of_one_machine(found_in(engine)), expected_of(binary, home))
        engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/debug/whycap"))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    in_own_environment()
    from engines import ClickHouse
    from limits import limits
    from panels import panels
    from shared import shared
    from telemetry import telemetry
    from timers import timers

    binary = str(Path(arguments.binary).resolve())
    databases = {"ClickHouse": lambda: ClickHouse(binary)}
    equality(binary, arguments.seeds, databases)
    for name, new in databases.items():
        steps(binary, name, new)
    panels(binary, databases, check)
    limits(binary, check, whycap, arguments.seeds)
    telemetry(binary, check)
    timers(binary, VENV.parent, check)
    shared(binary, check)
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
