"""Tests for faults that were found in a team's sums. Each test uses a small team with made-up rows."""

import collections
import contextlib
import json
import shutil
import tempfile
from pathlib import Path

from engines import ClickHouse, DuckDB, export_files, exported_rows, write_rows
from sums import (
    SUMMED_COLUMNS,
    USD,
    check,
    engine_sums,
    engine_lower_bounds,
    whycap_lower_bounds,
    whycap_sums,
    run_whycap,
)

HISTORIES = Path(__file__).resolve().parent.parent / "data/histories"
RESPONSE = {
    "project": "acme/api",
    "branch": "main",
    "model": "claude-opus-5-5",
    "kind": "response",
    "output": 10,
    "provider": "plan",
    "labels": {"team": "core"},
}


def spend_row(key, weight, time, machine, session, usd, **fields):
    """Returns a row of spend. The person has the same name as the machine unless another name is given."""
    return {
        "key": f"{key:016x}",
        "version": weight << 30,
        "time": f"{time}:00",
        "person": machine,
        "machine": machine,
        "session": session,
        **RESPONSE,
        "cost_pico": int(usd * USD),
        **fields,
    }


class Team:
    """A directory of exports, and the ClickHouse database that loads it."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, directory
        (directory / "whycap-1").mkdir()
        self.clickhouse = ClickHouse(binary)
        self.exports = 0

    def export(self, machine, rows, also=()):
        """Writes a machine's files for the days of these rows and for the days in `also`, then loads the files and sums
        them up."""
        self.exports += 1
        by_day = collections.defaultdict(list) | {day: [] for day in also}
        for row in rows:
            by_day[row["time"][:10]].append(json.dumps({**row, "version": row["version"] + self.exports}))
        for day, lines in by_day.items():
            write_rows(self.directory, "spend", machine, day, lines or [self.empty_row(machine, day)])
        changed_files = []
        for path in map(Path, export_files(self.directory)):
            machine_of_file = path.name.removesuffix(".ndjson.gz")
            day = path.parent.name.removeprefix("day=")
            if machine_of_file == machine and day in by_day:
                changed_files.append(str(path))
        self.clickhouse.load(changed_files)
        self.clickhouse.update_sums()

    def empty_row(self, machine, day):
        """Returns the row that marks a day without spend."""
        return json.dumps(
            {
                "key": f"{hash((machine, day)) % 2**64:016x}",
                "version": self.exports,
                "time": f"{day} 00:00:00",
                "person": "",
                "machine": machine,
                "kind": "nothing",
                "cost_pico": 0,
                "labels": {},
            }
        )

    def erase(self, rows):
        """Erases rows in the files and in ClickHouse, as described in docs/team.md."""
        process = run_whycap(self.binary, self.directory, "export", self.directory, "--erase", rows)
        assert process.returncode == 0, process.stderr
        self.clickhouse.update_sums("--erase", rows)
        return process.stdout

    def sums(self, by=SUMMED_COLUMNS):
        """Returns each engine's sums."""
        duck = DuckDB(self.binary, self.directory)
        sums = {
            "spend --from": whycap_sums(self.binary, self.directory, "--from", self.directory, by=by),
            "ClickHouse": engine_sums(self.clickhouse, by),
            "DuckDB": engine_sums(duck, by),
        }
        duck.close()
        return sums

    def check_sums(self, name, **expected):
        """Checks that each engine has these sums by machine, in dollars, and that the engines agree on every column."""
        for engine, sums in self.sums().items():
            dollars = {key: pico / USD for (column, key), pico in sums.items() if column == "machine"}
            check(f"{name}: {engine}", dollars, expected)
        check(f"{name}: all agree", len({frozenset(sums.items()) for sums in self.sums().values()}), 1)


@contextlib.contextmanager
def new_team(binary):
    """Yields a team without exports."""
    with tempfile.TemporaryDirectory() as directory:
        team = Team(binary, Path(directory))
        yield team
        team.clickhouse.close()


def erasing_somebody_who_once_had_a_copy(binary):
    """Bob's machine once had a copy of Ada's session. It deleted the copy and exported again. When Bob was erased,
    ClickHouse used to delete Ada's spend as well."""
    time = "2026-11-05 10:00"
    ada = [spend_row(1, 9, time, "ada", "s-ada", 10), spend_row(2, 9, time, "ada", "s-ada", 3, kind="unrecorded")]
    copies = [spend_row(1, 8, time, "bob", "s-ada", 10), spend_row(2, 8, time, "bob", "s-ada", 2, kind="unrecorded")]
    bob = [*copies, spend_row(3, 8, time, "bob", "s-bob", 4)]
    with new_team(binary) as team:
        team.export("ada", ada)
        team.export("bob", copies)
        team.export("bob", [spend_row(3, 8, "2026-11-06 10:00", "bob", "s-bob", 4)], also=["2026-11-05"])
        team.check_sums("before Bob is erased", ada=13, bob=4)
        team.erase("person=bob")
        team.check_sums("Bob is erased, and Ada is not", ada=13)
        remaining = team.clickhouse.run("SELECT count() FROM whycap.rows WHERE person = 'bob'")
        check(
            "no row of Bob's is left",
            (remaining, [row for row in exported_rows(team.directory) if row["person"] == "bob"]),
            ([(0,)], []),
        )
    with new_team(binary) as team:
        team.export("ada", ada)
        team.export("bob", bob)
        team.erase("person=bob")
        team.check_sums("Bob, who has a copy that does not count, is erased, and Ada is not", ada=13)
        team.erase("person=ada")
        team.check_sums("nobody is left")
    with new_team(binary) as team:
        team.export("ada", ada[:1])
        team.export("bob", bob)
        team.erase("person=ada")
        team.check_sums("Ada's copies on Bob's machine are erased with her", bob=4)


def erased_rows_that_other_files_bring_back(binary):
    """Ada was erased. Then her machine copied its files again, and so did Bob's machine, which has copies of her
    session. ClickHouse loaded these files in an arbitrary order, and the copies used to count as Bob's spend. Now, the
    loader passes the directory to the script, so the list of erased rows also applies to ClickHouse."""
    time = "2026-11-05 10:00"
    ada = [
        spend_row(1, 9, time, "ada", "s-ada", 10),
        spend_row(2, 9, time, "ada", "s-ada", 3, kind="unrecorded"),
        spend_row(5, 9, "2026-09-20 10:00", "ada", "s-old", 7),
    ]
    bob = [
        spend_row(1, 8, time, "bob", "s-ada", 10),
        spend_row(6, 8, time, "bob", "s-ada", 2, kind="unrecorded"),
        spend_row(3, 8, time, "bob", "s-bob", 4),
    ]
    newer_rows = [spend_row(4, 9, "2026-11-06 10:00", "ada", "s-new", 1)]
    for loads_before_copies in (True, False):
        with new_team(binary) as team:
            team.export("bob", bob)
            team.export("ada", ada)
            team.check_sums("before Ada is erased", ada=20, bob=4)
            process = run_whycap(binary, team.directory, "export", team.directory, "--erase", "person=ada")
            check("Ada is erased from the files", (process.returncode, process.stderr), (0, ""))
            if loads_before_copies:
                team.clickhouse.update_sums(team.directory)
                team.check_sums("Ada is erased", bob=4)
            team.export("ada", newer_rows, also=["2026-11-05"])
            team.export("bob", bob)
            team.export("ada", ada)
            team.clickhouse.update_sums(team.directory)
            team.check_sums("rows of Ada and copies of them that come back do not count", bob=4)
            remaining = team.clickhouse.run(
                "SELECT count() FROM whycap.rows WHERE person = 'ada' OR key IN ('0000000000000001', '0000000000000006')"
            )
            check("and ClickHouse does not keep them", remaining, [(0,)])
            process = run_whycap(binary, team.directory, "export", team.directory, "--erase", "person=ada")
            remaining = [row["key"][-1] for row in exported_rows(team.directory)]
            check("erasing her again removes them from the files", (process.returncode, remaining), (0, ["3"]))
    with new_team(binary) as team:
        team.export("ada", ada)
        team.export("bob", bob)
        run_whycap(binary, team.directory, "export", team.directory, "--erase", "before=2026-10-01")
        team.export("ada", ada)
        team.clickhouse.update_sums(team.directory)
        team.check_sums("an erased month that comes back does not count", ada=13, bob=4)


def a_month_in_which_only_an_erased_person_worked(binary):
    """If no rows remain for a month, that month's sums must also be removed."""
    with new_team(binary) as team:
        team.export("cy", [spend_row(1, 9, "2026-09-20 10:00", "cy", "s-cy", 7)])
        team.export("ada", [spend_row(2, 9, "2026-11-05 10:00", "ada", "s-ada", 10)])
        team.check_sums("before Cy is erased", ada=10, cy=7)
        team.erase("person=cy")
        team.check_sums("Cy's month is erased", ada=10)


def copies_on_both_sides_of_a_month(binary):
    """Two machines have the same response with times that are a quarter of an hour apart. One is on the last day of a
    month, and the other is on the first day of the next month."""
    before, after = "2026-10-31 23:45", "2026-11-01 00:00"
    for complete_time, incomplete_time in ((before, after), (after, before)):
        with new_team(binary) as team:
            team.export("ada", [spend_row(1, 9, complete_time, "ada", "s", 10)])
            team.export("bob", [spend_row(1, 8, incomplete_time, "bob", "s", 5)])
            team.check_sums(f"a less complete copy at {incomplete_time} does not count", ada=10)
            # Only the month with the less complete copy is recalculated.
            month = incomplete_time[:7]
            team.export("cy", [spend_row(2, 9, f"{month}-15 10:00", "cy", "s-cy", 1)])
            team.check_sums(
                f"a less complete copy at {incomplete_time} does not count when {month} is recalculated", ada=10, cy=1
            )
        with new_team(binary) as team:
            team.export("bob", [spend_row(1, 8, incomplete_time, "bob", "s", 5)])
            team.export("ada", [spend_row(1, 9, complete_time, "ada", "s", 10)])
            team.check_sums(f"a more complete copy at {complete_time} replaces the row in the other month", ada=10)


def unrecorded_spend_of_an_older_month(binary):
    """If a machine has more data about a session, its rows replace those that another machine derived months ago."""
    with new_team(binary) as team:
        team.export(
            "ada",
            [
                spend_row(1, 5, "2026-08-05 10:00", "ada", "s", 3, kind="unrecorded"),
                spend_row(2, 9, "2026-08-05 10:00", "ada", "s", 10),
            ],
        )
        team.export("bob", [spend_row(3, 9, "2026-11-05 10:00", "bob", "s", 1, kind="unrecorded")])
        team.check_sums("only the machine that knows most counts", ada=10, bob=1)


def pending_spend(binary):
    """Tests spend that a client has reported but that is not in any transcript yet."""
    with new_team(binary) as team:
        team.export(
            "ada",
            [
                spend_row(1, 9, "2026-11-05 10:00", "ada", "s", 3, kind="unwritten"),
                spend_row(2, 9, "2026-11-05 10:00", "ada", "s", 10),
            ],
        )
        team.export(
            "bob",
            [
                spend_row(1, 8, "2026-11-05 10:00", "bob", "s", 2, kind="unwritten"),
                spend_row(3, 8, "2026-11-05 10:00", "bob", "s", 0, kind="unwritten"),
            ],
        )
        team.check_sums("pending spend counts once", ada=13)


def forged_rows_and_rows_of_a_newer_whycap(binary):
    """Rows that do not count toward any sum must not replace rows that do."""
    time = "2026-11-05 10:00"
    kinds = ("nothing", "batch", "", "Response", "limits")
    for kind in kinds:
        with new_team(binary) as team:
            team.export(
                "m-ada",
                [spend_row(1, 9, time, "m-ada", "s", 10), spend_row(2, 9, time, "m-ada", "s", 3, kind="unrecorded")],
            )
            forged = [
                spend_row(key, weight, time, machine, "s", 99, kind=kind, batch_id="x")
                for key, weight, machine in ((1, 9, "a-first"), (2, 9, "a-first"), (1, 2**33 - 1, "z-most"))
            ]
            for machine in ("a-first", "z-most"):
                team.export(machine, [row for row in forged if row["machine"] == machine])
            team.check_sums(f"rows of kind {kind!r} wipe nothing", **{"m-ada": 13})
    with new_team(binary) as team:
        newer = {"labels": {"team": "core", "floor": "3"}, "reasoning": 5, "details": {"a": [1]}}
        team.export("m-ada", [spend_row(1, 9, time, "m-ada", "s", 10, **newer)])
        write_rows(
            team.directory,
            "commits",
            "m-ada",
            "2026-11-05",
            [
                json.dumps(
                    {"key": "1".zfill(16), "version": 2**62, "time": f"{time}:00", "machine": "m-ada", "lines": 3}
                )
            ],
        )
        team.check_sums("fields, labels, and types of a newer whycap change nothing", **{"m-ada": 10})


def a_bad_row_costs_itself_and_no_other(binary):
    """Older versions exported rows with long names, and such a row used to make the rest of its file unreadable. By now,
    these rows can be read, and other invalid rows are skipped."""
    time = "2026-11-05 10:00"
    with new_team(binary) as team:
        rows = [json.dumps(spend_row(key, 9, time, "ada", "s", key)) for key in range(1, 7)]
        rows[1] = json.dumps(spend_row(2, 9, time, "ada", "s", 2, model="m" * 600))
        rows[2], rows[3], rows[4] = "rubbish", "x" * 100_000, "{}"
        write_rows(team.directory, "spend", "ada", "2026-11-05", rows)
        process = run_whycap(binary, team.directory, "spend", "--from", team.directory, "--json")
        total = json.loads(process.stdout)["total"]["cost_usd"]
        check(
            "the rows before and after bad rows count, and the first bad row is named",
            (total, process.returncode, "line 3" in process.stderr),
            (9, 1, True),
        )


def names_of_any_length(binary):
    """A model name of more than 512 bytes used to be exported unchanged, and could then not be read."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        for number, model in enumerate(("claude-opus-5-5", "m" * 5000, "ü" * 400)):
            line = {
                "type": "assistant",
                "requestId": f"r{number}",
                "timestamp": f"2026-11-19T1{number}:00:00Z",
                "sessionId": f"s{number}",
                "cwd": "/p/api",
                "gitBranch": "b" * 3000,
                "message": {"id": f"m{number}", "model": model, "usage": {"input_tokens": 9, "output_tokens": 50_000}},
            }
            path = home / f".claude/projects/-p-api/s{number}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(line) + "\n")
        run_whycap(binary, home, "export", home / "team")
        local, exported = (
            json.loads(run_whycap(binary, home, "spend", "--json", *source).stdout)["total"]
            for source in ((), ("--from", home / "team"))
        )
        check("everything that is exported can be read back", exported, local)


def lower_bounds(binary):
    """If a sum is a lower bound on a machine, it is also a lower bound in `spend --from` and in the engines."""
    with new_team(binary) as team:
        team.export(
            "ada",
            [
                spend_row(1, 9, "2026-11-05 10:00", "ada", "s-ada", 10),
                spend_row(2, 9, "2026-11-06 10:00", "ada", "s-ada", 0, kind="unrecorded", at_least=True),
            ],
        )
        team.export(
            "bob",
            [
                spend_row(3, 9, "2026-11-06 10:00", "bob", "s-bob", 4),
                spend_row(2, 8, "2026-11-06 10:00", "bob", "s-ada", 0, kind="unrecorded"),
            ],
        )
        duck = DuckDB(binary, team.directory)
        lower_bounds_by_engine = [
            whycap_lower_bounds(binary, team.directory, "--from", team.directory),
            engine_lower_bounds(team.clickhouse),
            engine_lower_bounds(duck),
        ]
        expected = {
            ("day", "2026-11-06"),
            ("model", "claude-opus-5-5"),
            ("person", "ada"),
            ("machine", "ada"),
            ("project", "acme/api"),
            ("session", "s-ada"),
        }
        check("every engine names the sums that are lower bounds", lower_bounds_by_engine, [expected] * 3)
        duck.close()
    for history in sorted(path.name for path in HISTORIES.iterdir()):
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory)
            shutil.copytree(HISTORIES / history / "home/.claude", home / ".claude")
            columns = ("day", "model", "session")
            local = whycap_lower_bounds(binary, home, by=columns)
            if run_whycap(binary, home, "export", home / "team").returncode:
                continue
            check(
                f"lower bounds of {history} ({len(local)})",
                whycap_lower_bounds(binary, home, "--from", home / "team", by=columns),
                local,
            )


def damaged_transcripts(binary):
    """If a machine cannot read some of its data, the team's sums of that machine are lower bounds, too."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        shutil.copytree(HISTORIES / "two-terminals/home/.claude", home / ".claude")
        path = sorted((home / ".claude/projects").rglob("*.jsonl"))[0]
        path.write_text(
            path.read_text().rstrip("\n")
            + "\n"
            + '{"type":"assistant","timestamp":"2026-11-19T10:00:00Z","message":{"usage":\n'
        )
        run_whycap(binary, home, "export", home / "team")
        local, exported = (
            run_whycap(binary, home, "spend", *source).stdout for source in ((), ("--from", home / "team"))
        )
        check(
            "a damaged transcript is a lower bound at home and in the team's sum",
            ("≥" in local, "≥" in exported),
            (True, True),
        )


# Asks the ten questions in docs/team.md about three people. ClickHouse and DuckDB have the same views.
QUESTIONS = {
    "day": [("2026-10-31", 7), ("2026-11-05", 14), ("2026-11-10", 20)],
    "month": [("2026-10-01", 7), ("2026-11-01", 34)],
    "person": [("ada", 14), ("bob", 20), ("cy", 7)],
    "team": [("core", 41)],
    "project": [("acme/api", 21), ("acme/web", 20)],
    "branch": [("fix", 20), ("main", 21)],
    "model": [("claude-opus-5-5", 41)],
    "machine": [("ada", 14), ("bob", 20), ("cy", 7)],
    "session": [("s-ada", 14), ("s-bob", 20), ("s-cy", 7)],
}


def one_view_for_each_question(binary):
    with new_team(binary) as team:
        team.export(
            "ada",
            [
                spend_row(1, 9, "2026-11-05 10:00", "ada", "s-ada", 10),
                spend_row(2, 9, "2026-11-05 10:00", "ada", "s-ada", 4, kind="unrecorded", at_least=True),
            ],
        )
        team.export("cy", [spend_row(4, 9, "2026-10-31 10:00", "cy", "s-cy", 7)])
        team.export("bob", [spend_row(3, 9, "2026-11-10 10:00", "bob", "s-bob", 20, project="acme/web", branch="fix")])
        duck = DuckDB(binary, team.directory)
        for engine in (team.clickhouse, duck):
            # The second run has no new rows to add up.
            team.clickhouse.update_sums()
            for column, expected in QUESTIONS.items():
                text = "String" if engine is team.clickhouse else "VARCHAR"
                sums = engine.run(
                    f"SELECT CAST({column} AS {text}) AS k, sum(usd) AS spent FROM whycap.spend_by_{column} GROUP BY k ORDER BY k"
                )
                check(
                    f"{type(engine).__name__}: spend_by_{column}",
                    [(key, round(float(usd), 6)) for key, usd in sums],
                    expected,
                )
        shapes = []
        for engine in (team.clickhouse, duck):
            query = "SELECT {0} FROM {1} WHERE {2} = 'whycap' AND {3} LIKE '%!_by!_%' ESCAPE '!' ORDER BY 1, 2"
            parts = (
                ("table, name", "system.columns", "database", "table")
                if engine is team.clickhouse
                else ("table_name, column_name", "information_schema.columns", "table_schema", "table_name")
            )
            if engine is team.clickhouse:
                query = query.replace("'%!_by!_%' ESCAPE '!'", "'%\\\\_by\\\\_%'")
            shapes.append(engine.run(query.format(*parts)))
        check("the views of both engines have the same names and columns", shapes[0], shapes[1])
        duck.close()


FAULTS = (
    erasing_somebody_who_once_had_a_copy,
    erased_rows_that_other_files_bring_back,
    a_month_in_which_only_an_erased_person_worked,
    copies_on_both_sides_of_a_month,
    unrecorded_spend_of_an_older_month,
    pending_spend,
    forged_rows_and_rows_of_a_newer_whycap,
    a_bad_row_costs_itself_and_no_other,
    names_of_any_length,
    lower_bounds,
    damaged_transcripts,
    one_view_for_each_question,
)
