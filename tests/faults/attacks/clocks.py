"""Clocks that are wrong or run backward, extreme dates, every time zone, and every width."""

import contextlib
import datetime
import json
import os
import re
import sqlite3
import unicodedata
import zoneinfo

import calls
import world
from launcher import BrokenPromise, Fault
from machine import NOW_SECONDS
from suite import attack, product
from text import RESPONSE_USD

# Times set through WHYCAP_NOW. Values that are not in RFC 3339 format are ignored, which is fine.
NOWS = (
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1900-02-28T00:00:00Z",
    "2000-02-29T23:59:59.999999999Z",
    "2026-11-20T06:30:00+23:59",
    "2026-11-20T06:30:00-23:59",
    "2038-01-19T03:14:07Z",
    "2038-01-19T03:14:08Z",
    "2106-02-07T06:28:16Z",
    "2262-04-11T23:47:17Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:60Z",
    "+262142-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "2026-11-20T06:30:60Z",
)
# Times set on the machine's own clock.
SECONDS = {
    "1970": 0,
    "before 1970": -1,
    "1901": -(2**31),
    "2038": 2**31 - 1,
    "2038 and a second": 2**31,
    "2106": 2**32,
    "2262": 9223372036,
    "2262 and a second": 9223372037,
    "9999": 253402300799,
    "10000": 253402300800,
    "262142": 8210266876799,
    "262143": 8210298412799,
    "far": 2**45,
    "far back": -(2**45),
    "farthest": 2**62,
    "yesterday": NOW_SECONDS - 86400,
    "in an hour": NOW_SECONDS + 3600,
}
CALLS = (
    "statusline",
    "hook SessionStart",
    "hook UserPromptSubmit",
    "hook Stop",
    "hook StopFailure",
    "hook /whycap",
    "hook /whycap spend",
    "spend",
    "spend by block",
    "spend why",
    "explain",
    "explain json",
    "incidents",
    "report",
    "doctor",
    "locks",
    "clear dry",
    "clear",
    "restore",
    "install",
    "uninstall",
)


def without_sleep(call):
    """If a lock's date proves nothing, whycap watches the lock for a few seconds before clearing it. In these tests,
    there is no actual wait."""
    return (
        {"fault": Fault(1, 0, number=calls.NUMBERS["clock_nanosleep"], onward=True)} if call.startswith("clear") else {}
    )


@attack("clocks", "{call} keeps its contract when it is {now}", over=product(CALLS, NOWS), quick=150)
def simulated_now(machine, call, now):
    world.used(machine)
    world.call(machine, call, "gamma", environment={"WHYCAP_NOW": now}, **without_sleep(call))
    machine.check_spend()


@attack(
    "clocks", "{call} keeps its contract when the machine's clock says {when}", over=product(CALLS, SECONDS), quick=150
)
def machine_clock(machine, call, when):
    world.used(machine)
    environment = {"WHYCAP_NOW": None, "FAKE_CLOCK": str(SECONDS[when])}
    world.call(machine, call, "gamma", environment=environment, preload=machine.tools.clock, **without_sleep(call))
    world.call(machine, "hook StopFailure", environment=environment, preload=machine.tools.clock)
    world.call(machine, call, "gamma", **without_sleep(call))
    machine.check_spend()


@attack("clocks", "a status line takes no longer in the year {year} than today", over=("2100", "5000", "9999"))
def far_ahead(machine, year):
    world.used(machine)
    payload = world.status_payload(machine)
    machine.statusline(payload)
    ahead = {"WHYCAP_NOW": f"{year}-11-20T06:30:00Z"}
    today, then = (min(machine.statusline(payload, environment=now).seconds for _ in range(7)) for now in ({}, ahead))
    machine.check(then < today * 2 + 0.02, f"it takes {then * 1000:.0f} ms instead of {today * 1000:.0f}")


@attack(
    "clocks",
    "data that was stored at one time is read at another: first {first}, then {then}",
    over=product(
        ("1970", "2038", "262142", "yesterday", "in an hour", "far"),
        ("1970", "2038 and a second", "262142", "yesterday", "far back"),
    ),
)
def jumps(machine, first, then):
    world.fresh(machine)
    for when in (first, then, first):
        environment = {"WHYCAP_NOW": None, "FAKE_CLOCK": str(SECONDS[when])}
        for call in (
            "statusline",
            "hook StopFailure",
            "hook Stop",
            "spend",
            "explain",
            "incidents",
            "doctor",
            "hook UserPromptSubmit",
        ):
            world.call(machine, call, "gamma", environment=environment, preload=machine.tools.clock)
    machine.check_spend()


DATED = (
    ".claude/projects/-home-work-api/alpha.jsonl",
    ".claude/projects/-home-work-api",
    ".claude/settings.json",
    ".claude.json",
    ".local/state/claude/locks/2#7.lock",
    ".claude/history.jsonl.lock",
    ".claude.json.lock",
    ".local/share/whycap/journal.jsonl",
    ".local/share/whycap/ledger.sqlite3",
    ".local/share/whycap",
)


@attack(
    "clocks",
    "{call} keeps its contract when {path} is dated {when}",
    over=product(
        ("statusline", "hook SessionStart", "hook Stop", "spend", "explain", "doctor", "locks", "clear", "restore"),
        DATED,
        SECONDS,
    ),
    quick=220,
)
def file_dates(machine, call, path, when):
    world.used(machine)
    world.add_responses(machine)
    machine.check(machine.path(path).exists(), f"there is no {path}")
    try:
        os.utime(machine.path(path), (0, SECONDS[when]))
    except (OSError, OverflowError):
        return  # this file system does not support the date
    world.call(machine, call, **without_sleep(call))
    machine.check_spend()


# Dates in files written by other programs.
DATES = (
    "+262143-12-31T23:59:59Z",
    "+262142-12-31T23:59:59.999Z",
    "-262144-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-00-00T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T06:29:00",
    "2026-11-20",
    "1795156140",
    "1795156140000",
    "",
    "never",
    "2026-11-20T06:29:00.000000000000000000000Z",
    "2026-11-20t06:29:00z",
    "99999999999999999999-01-01T00:00:00Z",
    "2026-11-20T06:29:60Z",
    "2026-11-20T06:29:00+99:99",
)
EPOCHS = (
    0,
    -1,
    1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    1e18,
    1e300,
    -1e300,
    8.64e15,
    8.65e15,
    253402300800,
    8210298412799,
    8210298412800,
    1795156140.5,
    "1795163400",
    None,
    True,
    [],
    "NaN",
)


@attack("clocks", "an error whose time is {date} is stored, explained, and listed", over=DATES)
def error_dates(machine, date):
    world.used(machine)
    world.append_lines(machine, "delta", world.response("delta", 1), world.error_line("delta", at=date))
    machine.response_counts["delta"] = 1
    check_all_outputs(machine, "delta")
    machine.check_spend()


def check_all_outputs(machine, session):
    for call in (
        "statusline",
        "hook StopFailure",
        "hook UserPromptSubmit",
        "statusline",
        "explain",
        "explain json",
        "incidents",
        "incidents json",
        "report",
        "doctor",
        "hook /whycap",
        "spend why",
    ):
        world.call(machine, call, session)
    machine.command("explain", "--session", session)


@attack(
    "clocks",
    "a reset time of {epoch} in {field} is shown only if it is valid",
    over=product(("resetsAt", "overageResetsAt", "five_hour", "seven_day"), EPOCHS),
)
def reset_times(machine, field, epoch):
    world.used(machine)
    if field in ("resetsAt", "overageResetsAt"):
        line = world.error_line("delta")
        line["quotaLimits"][field] = epoch
        world.append_lines(machine, "delta", line)
    else:
        payload = world.status_payload(machine, "delta")
        payload["rate_limits"][field] = {"used_percentage": 99, "resets_at": epoch}
        machine.statusline(payload)
        world.append_lines(machine, "delta", world.error_line("delta"))
    check_all_outputs(machine, "delta")


@attack(
    "clocks",
    "a message whose reset is {words} is explained",
    over=(
        "resets 99:99am (UTC)",
        "resets 0am",
        "resets 12:60pm (Nowhere/Nowhere)",
        "resets Feb 30 at 7pm",
        "resets Dec 31, 999999 at 7pm",
        "resets in 99999999999999999999 hours",
        "resets in -5 minutes",
        "|99999999999999999999",
        "|-1",
        "|9223372036854775807",
        "resets 24:00",
        "resets at 13pm",
        "resets 8:30am (Etc/GMT+99)",
        "resets 8:30am (" + "x" * 5000 + ")",
        "resets Jan 0 at 0",
        "resets 8.30 Uhr",
        "resets ８:３０am",
        "resets in 1e400 days",
        "resets 8:30am (../../etc/passwd)",
        "resets in 0 s",
    ),
)
def reset_words(machine, words):
    world.used(machine)
    for message in (
        f"You've hit your 5-hour limit · {words}",
        f"Claude AI usage limit reached{words}",
        f"You've hit your weekly limit · {words} · {words}",
    ):
        machine.command("explain", "--text", message, exits=(0,))
        machine.command("explain", "--json", "--text", message, exits=(0,))
    world.append_lines(
        machine, "delta", world.error_line("delta", text=f"You've hit your 5-hour limit · {words}", quotaLimits=None)
    )
    check_all_outputs(machine, "delta")


@attack("clocks", "a response dated {date} is counted once, whatever day that is", over=DATES)
def response_dates(machine, date):
    world.used(machine)
    world.append_lines(machine, "delta", world.response("delta", 1), world.response("delta", 2, timestamp=date))
    machine.response_counts["delta"] = 2
    machine.check_spend()
    for call in (
        "spend by session",
        "spend",
        "spend json",
        "spend by block",
        "spend why",
        "statusline",
        "hook /whycap spend",
    ):
        world.call(machine, call, "delta")


@attack("clocks", "a running total that began at {epoch} stops nothing", over=EPOCHS)
def cost_state_dates(machine, epoch):
    world.used(machine)
    world.append_lines(
        machine,
        "delta",
        world.response("delta", 1),
        world.cost_state("delta", 0.02, started=epoch),
        world.response("delta", 2),
        world.cost_state("delta", 0.04, started=epoch),
    )
    machine.response_counts["delta"] = 2
    # The unrecorded spend depends on when the client reports that it started, but the cost of the responses does not.
    total = machine.command("spend", "--json", exits=(0,)).json()["total"]
    machine.check(
        total["responses"] == machine.response_count()
        and abs(total["recorded_usd"] - machine.response_count() * RESPONSE_USD) < 1e-9,
        f"recorded are {total}",
    )
    machine.check(0 <= total["unrecorded_usd"] <= 0.04, f"unrecorded are ${total['unrecorded_usd']}")
    world.call(machine, "spend why", exits=(0,))


# whycap's own files with dates in their names or contents.
@attack(
    "clocks",
    "an incident that occurred at {moment} stops nothing",
    over=(
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "8210298412799000",
        "8210298412800000",
        "9999999999999",
        "99999999999999999999",
        "0000000000001",
        "+1",
        "1e3",
        " 1",
    ),
)
def incident_moments(machine, moment):
    world.used(machine)
    changed = re.sub(r'"at":"[^"]*"', lambda _: f'"at":{moment}', queued_facts(machine))
    world.journal(machine).write_text(changed)
    if moment.lstrip("-").isdigit() and -(2**63) <= int(moment) < 2**63:
        with stored_facts(machine) as (connection, table, _):
            connection.execute(f"UPDATE OR IGNORE {table} SET at = ?", [int(moment)])
            [(count,)] = connection.execute(f"SELECT count(*) FROM {table} WHERE at = ?", [int(moment)])
        machine.check(count, "no stored fact was changed")
    check_all_outputs(machine, "gamma")
    check_all_outputs(machine, "alpha")


def queued_facts(machine):
    """Returns the content of the journal, which must contain a refusal."""
    content = world.journal(machine).read_text()
    machine.check('"refused"' in content, "no refusal is waiting in the journal")
    return content


@contextlib.contextmanager
def stored_facts(machine):
    """Opens the ledger. Yields the connection, and the names of the table and the column with the refusals."""
    with contextlib.closing(sqlite3.connect(machine.data / "ledger.sqlite3", isolation_level=None)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
        for table, column in columns:
            query = f"SELECT 1 FROM {table} WHERE {column} LIKE '%\"refused\":%\"resets_at\":%' LIMIT 1"
            if (table, "at") in columns and connection.execute(query).fetchone():
                yield connection, table, column
                return
    raise BrokenPromise("the ledger stores no refusal")


@attack(
    "clocks",
    "{field} that is {date} stops nothing",
    over=product(("the time of a queued fact", "a reset in a queued fact", "a reset in a stored fact"), DATES),
    quick=40,
)
def stored_dates(machine, field, date):
    world.used(machine)
    name = "at" if "time" in field else "resets_at"

    def change(text):
        return re.sub(rf'"{name}":("[^"]*"|null|\d+)', lambda _: f'"{name}":{json.dumps(date)}', text)

    if "queued" in field:
        content = queued_facts(machine)
        machine.check(change(content) != content, f"the journal contains no {name}")
        world.journal(machine).write_text(change(content))
    else:
        world.journal(machine).unlink()
        with stored_facts(machine) as (connection, table, column):
            connection.create_function("change", 1, change, deterministic=True)
            changed = connection.execute(f"UPDATE {table} SET {column} = change({column}) WHERE change({column}) != {column}")
            machine.check(changed.rowcount > 1, "no stored fact was changed")
    for session in ("gamma", "alpha"):
        check_all_outputs(machine, session)


# --- zones --------------------------------------------------------------------------------------------


def zones(_):
    return sorted(
        name
        for name in zoneinfo.available_timezones()
        if not name.startswith(("posix/", "right/", "SystemV/")) and name not in ("localtime", "posixrules", "Factory")
    )


@attack("clocks", "days begin at midnight in {zone}", over=zones, quick=120)
def zone_days(machine, zone):
    world.fresh(machine)
    here = zoneinfo.ZoneInfo(zone)
    moments = [
        datetime.datetime(2026, month, day, hour, 7, tzinfo=datetime.UTC)
        for month in (1, 3, 4, 7, 10, 11)
        for day in (1, 29)
        for hour in (0, 5, 11, 14, 22, 23)
        if (month, day) < (11, 20)
    ]
    values = [
        world.response("zones", number, timestamp=moment.isoformat().replace("+00:00", "Z"))
        for number, moment in enumerate(moments)
    ]
    world.append_lines(machine, "zones", *values)
    wanted = {}
    for moment in moments:
        day = moment.astimezone(here).date().isoformat()
        wanted[day] = wanted.get(day, 0) + 1
    fixture = machine.response_count()
    machine.response_counts["zones"] = len(moments)
    for how in ({"environment": {"TZ": zone}}, {}):
        arguments = ["spend", "--json"] + ([] if how else ["--timezone", zone])
        report = machine.command(*arguments, exits=(0,), **how).json()
        machine.check_report(report)
        found = {group["key"]: group["responses"] for group in report["groups"]}
        for day, count in wanted.items():
            if found.get(day) != count:
                raise BrokenPromise(
                    f"{day} has {found.get(day)} responses, true are {count} (with {'TZ' if how else '--timezone'})"
                )
        machine.check(sum(found.values()) == fixture + len(moments), "the groups do not add up to the total")
    for call in ("statusline", "hook StopFailure", "explain", "hook /whycap", "doctor"):
        world.call(machine, call, "gamma", environment={"TZ": zone})


# --- widths -------------------------------------------------------------------------------------------


def cells(row):
    """Returns the number of columns that a row takes up on a terminal."""
    row = re.sub(r"\x1b\[[0-9;]*m", "", row)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in row)


MODELS = (
    "Opus 5.5",
    "日本語のモデル名前前前",
    "a very long name of a model that nobody would give to one",
    "👩 family",
    "e" + "\u0301" * 30,
    "ＷＩＤＥ",
    "\u0e01\u0e33\u0e01\u0e33",
    "👍🏽" * 10,
    "🇩🇪" * 20,
)


@attack("clocks", "no row of a status line is wider than {columns} columns", over=range(1, 201), quick=70)
def widths(machine, columns):
    world.used(machine)
    for model in MODELS:
        for session in ("alpha", "gamma"):
            for colour in (None, "1"):
                payload = world.status_payload(machine, session, model={"display_name": model, "id": "claude-opus-5-5"})
                run = machine.statusline(payload, environment={"COLUMNS": str(columns), "NO_COLOR": colour})
                for row in run.text.rstrip("\n").split("\n"):
                    # With fewer than twenty columns, no layout is possible, so the command only has to succeed.
                    if columns >= 20 and cells(row) > columns:
                        raise BrokenPromise(f"a row takes {cells(row)} columns: {row!r}")


@attack(
    "clocks",
    "no command fails on a terminal of {columns} columns",
    over=(0, 1, 2, 3, 5, 8, 13, 20, 21, 40, 79, 80, 81, 200, 9999, 10000, 10001, 99999, "99999999999999999999"),
    quick=10,
)
def pages(machine, columns):
    world.used(machine)
    world.append_lines(
        machine,
        "wide",
        world.response("wide", 1, cwd="/home/" + "日本語" * 60),
        world.error_line("wide", text="日" * 400 + " " + "x" * 500),
    )
    for call in world.READING:
        world.call(machine, call, environment={"COLUMNS": str(columns)})
    for question in world.PROMPTS:
        world.call(machine, f"hook {question}", "gamma", environment={"COLUMNS": str(columns)})
