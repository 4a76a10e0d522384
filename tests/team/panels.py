"""Every panel on made-up rows of a team of three, with the answers worked out by hand."""
import json
import tempfile
from pathlib import Path

from engines import DuckDB, files_of, write

ROOT = Path(__file__).resolve().parent.parent.parent
BOARD = json.loads((ROOT / "src/export/sql/grafana.json").read_text())
FROM, UNTIL = "TIMESTAMP '2026-11-01 00:00:00'", "TIMESTAMP '2026-11-21 00:00:00'"
USD = 10**12


def spend(number, time, person, usd, **fields):
    line = {"key": f"{number:016x}", "version": (1000 << 30) + 5, "time": time, "person": person, "machine": f"m-{person}",
            "project": "acme/api", "branch": "main", "session": f"s-{person}", "model": "claude-opus-5-5", "kind": "response",
            "subagent": False, "fast": False, "us": False, "input": 1, "output": 10, "cache_read": 0, "cache_write_5m": 0,
            "cache_write_1h": 0, "web_searches": 0, "cost_pico": round(usd * USD), "unpriced": False}
    return json.dumps({**line, **fields})


def made_up(directory):
    write(directory, "spend", "m-ada", "2026-11-05", [
        spend(1, "2026-11-05 10:00:00", "ada", 10),
        spend(2, "2026-11-05 11:00:00", "ada", 4, project="acme/web", branch="fix", model="claude-haiku-5-5"),
        spend(3, "2026-11-05 11:00:00", "ada", 6, kind="unrecorded", branch=""),
        # Taken back.
        spend(4, "2026-11-05 00:00:00", "", 0, kind="unrecorded", session="", project="", branch="", model=""),
    ])
    write(directory, "spend", "m-bob", "2026-11-10", [
        spend(5, "2026-11-10 09:00:00", "bob", 20, project="acme/web"),
        # A poorer copy of one of Ada's, and what somebody unrecorded who knew less of her session.
        spend(1, "2026-11-05 10:00:00", "bob", 3, version=(999 << 30) + 900),
        spend(6, "2026-11-05 10:00:00", "bob", 5, kind="unrecorded", session="s-ada", version=(999 << 30) + 900),
    ])
    write(directory, "spend", "m-cy", "2026-10-20", [spend(7, "2026-10-20 09:00:00", "cy", 7)])
    limit = {"version": 5, "machine": "m", "session": "s", "service": "plan", "who_can_fix": "nobody", "waiting_helps": True, "resets_at": None}
    write(directory, "limits", "m-ada", "2026-11-05", [json.dumps({"key": f"{10 + n:016x}", **limit, **fields}) for n, fields in enumerate([
        {"time": "2026-11-05 12:00:00", "person": "ada", "kind": "five_hour", "verdict": "real", "blocked_s": 7200, "ended": "seen"},
        {"time": "2026-11-06 12:00:00", "person": "ada", "kind": "five_hour", "verdict": "real", "blocked_s": 1800, "ended": "seen"},
        {"time": "2026-11-07 12:00:00", "person": "bob", "kind": "usage_credits", "verdict": "false_likely", "blocked_s": 0, "ended": "unknown"},
        {"time": "2026-11-07 13:00:00", "person": "bob", "kind": "five_hour", "verdict": "notice", "blocked_s": 0, "ended": "none"},
    ])])
    window = {"version": 5, "person": "ada", "machine": "m", "account": "a", "window": "five_hour"}
    write(directory, "windows", "m-ada", "2026-11-05", [json.dumps({"key": f"{20 + n:016x}", **window, "time": time, "percent": percent})
          for n, (time, percent) in enumerate([("2026-11-05 10:00:00", 99.5), ("2026-11-05 11:00:00", 97), ("2026-11-05 12:00:00", 96.9)])])


# The answers, columns in the order of the query; numbers are compared to six digits.
ANSWERS = {
    "Spend by day": [("2026-11-05", 20), ("2026-11-10", 20)],
    "Spend by person": [("ada", 20, 1), ("bob", 20, 1)],
    "Spend by repository": [("acme/web", 24, 2), ("acme/api", 16, 1)],
    "Spend by branch": [("acme/web", "main", 20), ("acme/api", "main", 10), ("acme/web", "fix", 4)],
    "Spend by model": [("claude-opus-5-5", 36, 30), ("claude-haiku-5-5", 4, 10)],
    "Share that no transcript shows (compaction, background requests), in percent": [(15,)],
    "Limit errors by kind and verdict": [("five_hour", "real", 2, 2.5), ("usage_credits", "false_likely", 1, 0)],
    "Is a bigger seat worth it? Hours at 97% or more of a window, hours blocked, and spend at API prices": [("ada", 2, 2.5, 20), ("bob", 0, 0, 20)],
    "Machines without spend for a week": [("m-cy", "cy", "2026-10-20 09:00:00"), ("m-ada", "ada", "2026-11-05 11:00:00"), ("m-bob", "bob", "2026-11-10 09:00:00")],
    # 40 so far; 20 in the last 14 days (from the 7th on), ten days to come.
    "This month: spent so far, and at its end if the days go on as the last 14 did": [(40, 40 + 20 / 14 * 10)],
}


def plain(value):
    if isinstance(value, bool) or value is None:
        return value
    try:
        return round(float(value), 6)
    except (TypeError, ValueError):
        return str(value).removesuffix(" 00:00:00")


def queries(begin=FROM, end=UNTIL):
    """Every panel's query by the panel's title."""
    return {panel["title"]: panel["targets"][0]["rawSql"].replace("toTimeZone($__fromTime, 'UTC')", begin).replace("toTimeZone($__toTime, 'UTC')", end)
            for panel in BOARD["panels"]}


def panels(binary, databases, check):
    asked = queries()
    check("every panel has an answer", sorted(asked), sorted(ANSWERS))
    with tempfile.TemporaryDirectory() as directory:
        made_up(directory)
        for new in (*databases.values(), None):
            engine = new() if new else DuckDB(binary, directory)
            if new:
                engine.load(files_of(directory))
            for name, query in asked.items():
                found = [tuple(plain(value) for value in row) for row in engine.run(query)]
                expected = [tuple(plain(value) for value in row) for row in ANSWERS[name]]
                check(f"{type(engine).__name__}: {name}", found, expected)
            engine.close()
