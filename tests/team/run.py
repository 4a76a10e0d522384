#!/usr/bin/env python3
"""Compares `whycap spend --from` with ClickHouse (chdb) and DuckDB, to the pico-dollar.

usage: tests/team/run.py [--binary PATH] [--seeds N] [--scale ROWS]

The script installs chdb and duckdb from the package index into its own environment. Without a package index, it runs
no tests and says so. Three machines with copies of the recorded histories export at different times, and one of them
writes rows of a newer version. Then one person is erased as docs/team.md describes. --scale generates the rows of a
large team instead, and prints how much time and memory each program needs.

The last line is 'N passed, N failed', and the exit code is 1 if anything failed.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENGINES = ["duckdb", "clickhouse"]
VENV = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "team"
PACKAGES = ["chdb==4.4.0", "duckdb==2.0.1"]
HISTORIES = sorted((ROOT / "tests/data/histories").glob("*/home/.claude/projects"))
GUIDE = (ROOT / "docs/team.md").read_text()
COLUMNS = ["day", "person", "machine", "team", "project", "branch", "model", "session"]
# Sums name spend without a value in one of these ways, and databases leave the column empty.
UNNAMED = {"(unknown)": "", "(background requests)": ""}
RESULTS = collections.Counter()
Fact = collections.namedtuple("Fact", "rank names session time is_response at_least")


def use_virtual_environment():
    """Installs the engines and restarts the script, unless they are already installed."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV:
        return
    complete = VENV / "-".join(PACKAGES)
    if not complete.exists():
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
        complete.touch()
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def check(name, is_right, details=""):
    RESULTS["passed" if is_right else "failed"] += 1
    print(f"{'ok' if is_right else 'FAILED'}: {name}{'' if is_right else f': {details}'}", flush=True)


def whycap(binary, home, *arguments):
    """Runs whycap without checking its exit code."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": "2026-11-30T20:00:00Z"}
    return subprocess.run(
        [binary, *map(str, arguments)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


# --- sums, as a dictionary from a column and a value to pico-dollars, responses, and whether this is a lower bound


def sums_of_whycap(binary, directory, columns=COLUMNS):
    sums = {}
    for column in columns:
        process = whycap(binary, directory, "spend", "--from", directory, "--by", column, "--json")
        assert process.returncode == 0, process.stderr
        for group in json.loads(process.stdout)["groups"]:
            key = f"{column} {UNNAMED.get(group['key'], group['key'])}"
            cost, responses, at_least = sums.get(key, (0, 0, False))
            sums[key] = (
                cost + round(group["cost_usd"] * 10**12),
                responses + group["responses"],
                at_least or group["at_least"],
            )
    return sums


def sums_of_rows(directory, columns=COLUMNS):
    """Calculates the sums independently, with only the rules in docs/team.md."""
    best, copies = {}, collections.defaultdict(list)
    for path in directory.glob("*.ndjson"):
        for line in path.open():
            row = json.loads(line)
            if row["kind"] not in ("response", "unrecorded"):
                continue
            team = row["labels"].get("team", "")
            names = [sys.intern(f"{name} {({**row, 'day': row['time'][:10], 'team': team})[name]}") for name in columns]
            rank = (-row["cost_pico"], row["machine"])
            fact = Fact(rank, names, row["session"], row["time"], row["kind"] == "response", row["at_least"])
            best[row["key"]] = min(best.get(row["key"], fact), fact)
            copies[row["key"]].append(fact)
    recorded, unrecorded = collections.Counter(), collections.defaultdict(list)
    known = collections.defaultdict(lambda: {"response": 0, "unrecorded": 0})
    for key, first in best.items():
        if first.is_response:
            recorded[first.session] -= first.rank[0]
        for copy in copies[key]:
            of_machine = known[first.session, copy.rank[1]]
            if copy.is_response:
                of_machine["response"] -= copy.rank[0]
            else:
                of_machine["unrecorded"] = max(of_machine["unrecorded"], -copy.rank[0])
                unrecorded[first.session].append(copy)
    counted = [(-fact.rank[0], fact) for fact in best.values() if fact.is_response]
    for session, facts in unrecorded.items():
        cost, machine = min((-sum(known[session, fact.rank[1]].values()), fact.rank[1]) for fact in facts)
        most, before = max(-cost - recorded[session], 0), 0
        for fact in sorted((fact for fact in facts if fact.rank[1] == machine), key=lambda fact: fact.time):
            until = max(min(-fact.rank[0], most), before)
            counted.append((until - before, fact))
            before = until
    sums = {}
    for cost, fact in counted:
        for name in fact.names:
            total, responses, at_least = sums.get(name, (0, 0, False))
            sums[name] = (total + cost, responses + fact.is_response, at_least or fact.at_least)
    return sums


def sums_of_engine(run, columns=COLUMNS):
    sums = {}
    for column in columns:
        for value, cost, at_least, responses in run(
            f"SELECT {column}, sum(cost_pico), max(at_least), sum(CASE WHEN kind = 'response' THEN 1 ELSE 0 END)"
            f" FROM whycap.spend GROUP BY {column}"
        ):
            sums[f"{column} {value}"] = (int(cost), int(responses), bool(at_least))
        if column == "session":
            continue
        for value, cost, responses in run(
            f"SELECT {column}, sum(cost_pico), sum(responses) FROM whycap.days GROUP BY {column}"
        ):
            assert sums[f"{column} {value}"][:2] == (int(cost), int(responses)), (column, value)
    return sums


def duckdb_engine(binary, directory):
    import duckdb

    connection = duckdb.connect()
    connection.execute(whycap(binary, directory, "export", directory, "--print", "duckdb").stdout)
    return lambda sql: connection.execute(sql).fetchall()


def clickhouse_engine(binary, directory):
    from chdb import session

    database = session.Session()

    def run(sql):
        result = str(database.query(sql, "JSONCompact"))
        return json.loads(result)["data"] if result.strip() else []

    script = whycap(binary, directory, "export", "--print", "clickhouse").stdout
    for statement in re.sub(r"^--.*$", "", script, flags=re.MULTILINE).split(";\n"):
        if statement.strip():
            run(statement)
    load(run, directory)
    return run


def load(run, directory):
    """Loads all files into ClickHouse."""
    run(
        f"INSERT INTO whycap.rows SELECT * FROM file('{directory}/whycap-*.ndjson', JSONEachRow)"
        " SETTINGS input_format_skip_unknown_fields = 1"
    )


def print_sums(binary, engine, directory, columns):
    """Prints the sums of one engine. It has its own process, so that its memory can be measured."""
    start = {"duckdb": duckdb_engine, "clickhouse": clickhouse_engine}[engine]
    run = start(binary, directory)
    if engine == "clickhouse" and len(columns) > 1:
        # Loading the same files again changes nothing, and neither does merging.
        load(run, directory)
        run("OPTIMIZE TABLE whycap.rows FINAL")
        load(run, directory)
    print(json.dumps(sums_of_engine(run, columns)))


def sums_in_process(binary, engine, directory, columns=COLUMNS):
    command = [sys.executable, __file__, "--binary", binary, "--sums", engine, str(directory), *columns]
    seconds, megabytes, output = measure(command)
    return {key: tuple(sums) for key, sums in json.loads(output).items()}, seconds, megabytes


def measure(command, environment=None):
    """Runs a program. Returns its seconds of CPU time, its peak memory in megabytes, and its output."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, command
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, output.read()


# --- machines with copies of the recorded histories


def copy_until(source, target, end, has_subagents):
    """Copies the transcripts of a project with the lines that existed at the given time."""
    for path in source.rglob("*.jsonl"):
        if "subagents" in path.parts and not has_subagents:
            continue
        lines = []
        for line in path.open(errors="replace"):
            found = re.search(r'"timestamp":"([^"]*)"', line)
            if found and found[1] > end:
                break
            lines.append(line)
        if lines:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("".join(lines))


def export_machines(binary, root, source):
    """Lets three machines export some of the histories at different times. Returns the directory with the files."""
    directory = root / "team"
    histories = source.sample(HISTORIES, 9)
    for number, person in enumerate(("Ada", "Bob", "Ada")):
        home = root / f"home{number}"
        config = home / ".config/whycap/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(
            f'[export]\nperson = "{person}"\nprojects = ["a*", "w*"]\nbranches = "name"\n'
            f'labels = {{ team = "{source.choice("xy")}" }}\n'
        )
        for _ in range(2):
            for history in histories:
                text = "".join(path.read_text() for path in history.rglob("*.jsonl"))
                times = re.findall(r'"timestamp":"([^"]*)"', text)
                if source.random() < 0.7:
                    end = source.choice([*times, "9999"])
                    copy_until(history, home / ".claude/projects", end, source.random() < 0.7)
            whycap(binary, home, "export", directory)
    write_newer_rows(directory)
    return directory


def write_newer_rows(directory):
    """Adds the rows of a machine with a newer version: with a new field, and of a new kind that is no spend."""
    path = max(directory.glob("*.ndjson"))
    rows = [json.loads(line) for line in path.open()][:5]
    newer = [row | {"machine": "newer", "cost_pico": row["cost_pico"] + 7, "added": {"in": [2027]}} for row in rows]
    newer += [row | {"key": f"later{number}", "kind": "later"} for number, row in enumerate(rows)]
    lines = [json.dumps(row, separators=(",", ":")) + "\n" for row in newer]
    path.with_name(f"{path.stem[:14]}-newer.ndjson").write_text("".join(lines))


def compare(binary, directory, name):
    expected = sums_of_rows(directory)
    everything = {"spend --from": sums_of_whycap(binary, directory)}
    for engine in ENGINES:
        everything[engine], _, _ = sums_in_process(binary, engine, directory)
    for program, sums in everything.items():
        difference = sorted(set(sums.items()) ^ set(expected.items()))
        check(f"{name}: {program} has the same {len(expected)} sums", expected and not difference, difference[:6])


def check_erasure(binary, directory):
    """Erases a person as docs/team.md describes."""
    run = clickhouse_engine(binary, directory)
    copies = {row["key"] for row in rows_of(directory) if row["person"] == "Bob"}
    [command] = re.findall(r"`(grep [^`]*)`", GUIDE)
    subprocess.run(command.replace("DIR", str(directory)), shell=True, check=True)
    [statement] = re.findall(r"`(DELETE [^`]*)`", GUIDE)
    run(statement)
    load(run, directory)
    check("no file names an erased person", all(row["person"] == "Bob" for row in rows_of(directory)))
    check("the files of other people remain", {row["key"] for row in rows_of(directory)} == copies)
    check("ClickHouse has the same rows as the files", sums_of_engine(run) == sums_of_rows(directory))
    compare(binary, directory, "after an erasure")


def rows_of(directory):
    return [json.loads(line) for path in directory.glob("*.ndjson") for line in path.open()]


# --- a large team


def generate(directory, count, machines=200):
    """Writes this number of rows, of which a tenth are copies on another machine."""
    source = random.Random(1)
    files = [(directory / f"whycap-2026-11-{number:016x}.ndjson").open("w") for number in range(machines)]
    for number in range(count):
        machine = number % machines
        session = number // 500 * machines + machine
        is_copy = number % 10 == 0 and number > 0
        kind = "unrecorded" if number % 40 == 0 else "response"
        row = {
            "key": f"{(number - 1 if is_copy else number):016x}",
            "time": f"2026-11-{source.randrange(1, 29):02} {source.randrange(24):02}:{source.randrange(4) * 15:02}:00",
            "person": f"person{machine // 2}",
            "machine": f"{machine:016x}",
            "project": f"project{session % 40}",
            "branch": f"branch{session % 90}",
            "session": f"00000000-0000-4000-8000-{session:012x}",
            "model": source.choice(["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"]),
            "kind": kind,
            "input": source.randrange(100),
            "output": source.randrange(2000),
            "cache_read": source.randrange(200_000),
            "cache_write_5m": 0,
            "cache_write_1h": source.randrange(8000),
            "web_searches": 0,
            "cost_pico": source.randrange(2 * 10**9),
            "at_least": kind == "unrecorded",
            "unpriced": False,
            "labels": {"team": f"team{machine % 9}"},
        }
        files[machine].write(json.dumps(row, separators=(",", ":")) + "\n")
    for file in files:
        file.close()


def scale(binary, count):
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        generate(directory, count)
        size = sum(path.stat().st_size for path in directory.iterdir()) // 10**6
        command = [binary, "spend", "--from", str(directory), "--by", "person", "--json"]
        environment = {"HOME": temporary, "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        # The memory of a child includes that of its parent before it starts, so the largest program comes last.
        seconds, megabytes, _ = measure(command, environment)
        print(f"{count} rows in {size} MB, sums by person:")
        print(f"spend --from: {seconds:.1f} s of CPU time, {megabytes} MB", flush=True)
        all_sums = {"spend --from": sums_of_whycap(binary, directory, ["person"])}
        for engine in ENGINES:
            all_sums[engine], seconds, megabytes = sums_in_process(binary, engine, directory, ["person"])
            print(f"{engine}: {seconds:.1f} s of CPU time, {megabytes} MB", flush=True)
        expected = sums_of_rows(directory, ["person"])
        for program, sums in all_sums.items():
            check(f"{program} has the same {len(expected)} sums of {count} rows", sums == expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/debug/whycap"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--scale", type=int, metavar="ROWS")
    parser.add_argument("--sums", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    use_virtual_environment()
    binary = str(Path(shutil.which(options.binary) or options.binary).resolve())
    if options.sums:
        engine, directory, *columns = options.sums
        print_sums(binary, engine, Path(directory), columns)
        return 0
    if options.scale:
        scale(binary, options.scale)
    else:
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as root:
                directory = export_machines(binary, Path(root), random.Random(seed))
                compare(binary, directory, f"seed {seed}")
                if seed == 0:
                    check_erasure(binary, directory)
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return int(RESULTS["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
