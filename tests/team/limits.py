"""Limit errors and hours near the limit: what the page of `spend --from` says is what the panels' queries say.

The rows are of a made-up team. Some have copies elsewhere, poorer or better, that say something else.
"""
import datetime
import json
import random
import re
import sys
import tempfile
from pathlib import Path

from engines import ClickHouse, DuckDB, files_of, rows_of, write
from panels import queries

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/page"))

from team import made_up  # noqa: E402

END = datetime.datetime(2026, 11, 20, 15, 30, tzinfo=datetime.timezone.utc)
PERIODS = [("2026-10-01", "2026-10-31"), ("2026-01-01", "2026-11-20")]
# What the page calls them.
WORDS = {"five_hour": "5-hour limit", "weekly": "weekly limit", "false_likely": "likely false",
         "auth": "login"}


def with_copies(directory, dice):
    """Some rows once more in another machine's file, with another version and another content."""
    for rows in ("limits", "windows"):
        copies = []
        for row in rows_of(directory, rows):
            if dice.random() < 0.3:
                other = {"percent": float(dice.randrange(90, 101))} if rows == "windows" else dice.choice([
                    {"blocked_s": dice.randrange(90_000)}, {"ended": "none", "verdict": "notice", "blocked_s": 0},
                    {"kind": "org_spend_cap"}, {"verdict": "false_likely"}, {"kind": "of_tomorrow", "verdict": "foreseen", "ended": "unknown"}])
                copies.append({**row, "machine": "m-elsewhere", "version": row["version"] + dice.choice((-1, 1)), **other})
        dice.shuffle(copies)
        for part in range(3):
            lines = [json.dumps(row) for row in copies[part::3]]
            write(directory, rows, f"m-elsewhere{part}", f"2026-11-0{part + 1}", lines)


def table(page, caption):
    """The cells of a table's rows: their values for sorting, else their texts."""
    body = re.search(rf"<caption[^>]*>{re.escape(caption)}</caption>.*?<tbody>(.*?)</tbody>", page, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.S) if body else []
    return [[value or text for value, text in re.findall(r'<t[hd](?: scope="row")?(?: data-v="([^"]*)")?>([^<]*)', row)] for row in rows]


def on_page(page):
    """By limit and verdict, errors and seconds; by person, hours (0 where no window is known), seconds and dollars."""
    errors = {}
    for _, kind, verdict, count, seconds in table(page, "Limit errors by person, limit and verdict"):
        known = errors.get((kind, verdict), (0, 0))
        errors[kind, verdict] = (known[0] + int(count), known[1] + int(seconds))
    near = table(page, "Hours near the limit, by person")
    return errors, {person: (int(hours or 0), int(seconds), round(float(usd), 6)) for person, hours, seconds, usd, _ in near}


def in_engine(engine, since, until):
    after = datetime.date.fromisoformat(until) + datetime.timedelta(days=1)

    def rows(title):
        asked = queries(f"TIMESTAMP '{since} 00:00:00'", f"TIMESTAMP '{after} 00:00:00'")
        return engine.run(next(query for name, query in asked.items() if name.startswith(title)))

    def word(name):
        return WORDS.get(name, name.replace("_", " "))

    errors = {(word(kind), word(verdict)): (int(count), round(float(hours) * 3600)) for kind, verdict, count, hours in rows("Limit errors")}
    near = {person: (int(hours), round(float(blocked) * 3600), round(float(usd), 6)) for person, hours, blocked, usd in rows("Is a bigger seat")}
    return errors, near


def limits(binary, check, whycap, seeds):
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as directory:
            made_up(directory, END, seed=seed)
            with_copies(directory, random.Random(seed))
            clickhouse = ClickHouse(binary)
            clickhouse.load(files_of(directory))
            engines = [clickhouse, DuckDB(binary, directory)]
            for since, until in PERIODS:
                arguments = ("--since", since, "--until", until, "--timezone", "UTC")
                done = whycap(binary, Path(directory), "spend", "--from", directory, "--html", "-", *arguments)
                errors, near = on_page(done.stdout)
                check(f"seed {seed}: the page of {since} to {until} has errors and hours", (len(errors) > 5, len(near), done.stderr), (True, 7, ""))
                for engine in engines:
                    told = in_engine(engine, since, until)
                    check(f"seed {seed}: {type(engine).__name__}, limit errors from {since} to {until}", told[0], errors)
                    check(f"seed {seed}: {type(engine).__name__}, hours near the limit from {since} to {until}", told[1], near)
            for engine in engines:
                engine.close()
