"""Attacks incidents with hostile error lines, retries, and times. Every incident has the form that the interface
promises, its texts fit, its times are valid, and neither the status line nor any hook is delayed."""

import datetime
import json
import re
from pathlib import Path

import world
from attacks.amounts import raw_numbers
from launcher import BrokenPromise, run_at_once
from suite import attack, product

ROOT = Path(__file__).resolve().parents[3]
KINDS = (ROOT / "src/limits/messages/kind.rs").read_text(encoding="utf-8").partition("pub enum Kind {")[2].partition("}")[0]
LIMITS = {re.sub(r"\B([A-Z])", r"_\1", name).lower() for name in re.findall(r"^ +(\w+),$", KINDS, re.MULTILINE)}
VERDICTS = {"real", "misworded", "false_likely", "wrong_credential", "not_a_limit", "notice", "over", "cannot_tell"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def well_formed(incident):
    """Checks that an incident conforms to the interface."""
    if incident is None:
        return
    for field, allowed in (
        ("limit", LIMITS),
        ("verdict", VERDICTS),
        ("waiting_helps", (True, False, None)),
        ("who_can_fix", ("nobody", "you", "admin", "anthropic")),
        ("owner", ("login", "other", None)),
    ):
        if incident[field] not in allowed:
            raise BrokenPromise(f"{field} is {incident[field]!r}")
    if len(incident["headline"]) > 110 or not incident["headline"].strip():
        raise BrokenPromise(f"the headline has {len(incident['headline'])} characters: {incident['headline'][:140]!r}")
    if len(incident["badge"]) > 60:
        raise BrokenPromise(f"the badge has {len(incident['badge'])} characters: {incident['badge']!r}")
    times = [
        ("resets_at", incident["resets_at"]),
        ("continues_at", incident.get("continues_at")),
        ("at", incident["at"]),
    ]
    times += [("evidence", entry["at"]) for entry in incident["evidence"]]
    for name, time in times:
        if time is None:
            continue
        if not TIME.fullmatch(time):
            raise BrokenPromise(f"{name} is {time!r}")
        try:
            datetime.datetime.fromisoformat(time)
        except ValueError as error:
            raise BrokenPromise(f"{name} is {time!r}: {error}") from error


def check(machine, session="delta", **how):
    """Runs everything that shows incidents, and checks their form."""
    machine.statusline(world.status_payload(machine, session, cost={"total_cost_usd": 0}), **how)
    machine.hook(world.hook_event(machine, "UserPromptSubmit", session), **how)
    machine.hook(world.hook_event(machine, "/whycap", session), **how)
    machine.hook(world.hook_event(machine, "/whycap incidents", session), **how)
    machine.command("explain", exits=(0,), **how)
    machine.command("incidents", exits=(0,), **how)
    machine.command("now", exits=(0,), **how)
    machine.command("explain", "--exit-code", exits=(0, 10, 11, 12), **how)
    well_formed(machine.command("explain", "--json", exits=(0,), **how).json()["incident"])
    now = machine.command("now", "--json", exits=(0,), **how).json()
    well_formed(now["blocked"])
    report = machine.command("incidents", "--json", exits=(0,), **how).json()
    for incident in report["incidents"]:
        well_formed(incident)
        if not isinstance(incident["attempts"], int) or incident["attempts"] < 1:
            raise BrokenPromise(f"attempts is {incident['attempts']!r}")
    return report["incidents"]


@attack(
    "outages",
    "an error of {megabytes} MB in {where} delays neither the status line nor a hook",
    over=product((1, 4, 16), ("the text", "the details", "an unknown field")),
)
def long_errors(machine, megabytes, where):
    world.used(machine)
    long = "API Error: 529 Overloaded. " * (megabytes * 1000000 // 27)
    fields = {"the text": "text", "the details": "errorDetails", "an unknown field": "more"}
    world.append_lines(machine, "delta", world.weekly_error_line("delta", **{fields[where]: long}))
    incidents = check(machine)
    machine.check(
        any(incident["session_id"] == "delta" for incident in incidents), "the error is not among the incidents"
    )


RETRY = {
    "-1": -1,
    "-1e308": -1e308,
    "1e308": 1e308,
    "2^63": 2**63,
    "2^64": 2**64,
    "NaN": "RAW NaN",
    "Infinity": "RAW Infinity",
    "text": "soon",
    "null": None,
    "a list": [1],
    "0.5": 0.5,
    "true": True,
    "1e400": "RAW 1e400",
}


def retry_line(session, number=1, at="2026-11-20T06:29:30.000Z", **changes):
    return {
        "type": "system",
        "subtype": "api_error",
        "level": "error",
        "uuid": f"r-{session}-{number}",
        "sessionId": session,
        "timestamp": at,
        "version": "2.1.328",
        "error": {
            "status": 529,
            "headers": {},
            "error": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        },
        "retryInMs": 500,
        "retryAttempt": number,
        "maxRetries": 10,
        **changes,
    }


@attack(
    "outages",
    "a retry whose {field} is {value} does no harm",
    over=product(("retryInMs", "retryAttempt", "maxRetries", "error", "timestamp"), RETRY),
    quick=10,
)
def odd_retries(machine, field, value):
    world.used(machine)
    world.append_lines(
        machine,
        "delta",
        world.response("delta", 1),
        raw_numbers(retry_line("delta", **{field: RETRY[value]})).decode() + "\n",
    )
    check(machine)


@attack(
    "outages",
    "a limit whose reset is {value} has a valid reset or none",
    over=[*RETRY, "0", "year 9999", "year 10000", "milliseconds", "a negative year"],
)
def odd_resets(machine, value):
    world.used(machine)
    more = {
        "0": 0,
        "year 9999": 253402300799,
        "year 10000": 253402300800,
        "milliseconds": world.FIVE_HOUR_RESET * 1000,
        "a negative year": -62135596801 - 10**9,
    }
    reset = {**RETRY, **more}[value]
    line = world.error_line("delta")
    line["quotaLimits"]["resetsAt"] = line["quotaLimits"]["overageResetsAt"] = reset
    world.append_lines(machine, "delta", raw_numbers(line).decode() + "\n")
    check(machine)
    payload = world.status_payload(machine, "delta", cost={"total_cost_usd": 0})
    payload["rate_limits"]["five_hour"] = {"used_percentage": 100, "resets_at": reset}
    payload["rate_limits"]["seven_day"] = {"used_percentage": reset, "resets_at": reset}
    machine.statusline(raw_numbers(payload))
    check(machine)


@attack(
    "outages",
    "an error at {at} on a machine whose clock shows {clock} is reported in a valid form",
    over=product(
        ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", None, "10000-01-01T00:00:00Z", "2026-11-20T06:29:00.000Z"),
        ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T06:30:00Z"),
    ),
)
def odd_error_times(machine, at, clock):
    world.used(machine)
    world.append_lines(machine, "delta", world.error_line("delta", at=at))
    check(machine, environment={"WHYCAP_NOW": clock})
    check(machine)


@attack("outages", "{count} errors of one session are listed in time, and none is lost", over=(2000, 10000))
def many_errors(machine, count):
    world.fresh(machine)
    lines = []
    for number in range(count):
        at = (datetime.datetime(2026, 11, 1) + datetime.timedelta(seconds=60 * number * 20000 // count)).strftime(
            "%Y-%m-%dT%H:%M:%S.000Z"
        )
        lines.append(world.weekly_error_line("delta", at=at, uuid=f"e-{number}"))
    world.append_lines(machine, "delta", *lines)
    check(machine)
    # Only a report on spend always reads everything.
    machine.check_spend()
    attempts = attempts_of(check(machine), "delta")
    machine.check(attempts == [count], f"the incidents stand for {attempts} of {count} errors")


def attempts_of(incidents, *sessions):
    """Returns the attempts of each incident of these sessions."""
    return [incident["attempts"] for incident in incidents if {*incident["sessions"]} & {*sessions}]


@attack(
    "outages",
    "a StopFailure whose {field} is {kind} keeps the hook's contract",
    over=product(
        ("error", "error_details", "last_assistant_message", "session_id", "transcript_path"),
        ("an escape sequence", "a list", "a number", "null", "a megabyte", "an object", "absent", "NUL"),
    ),
    quick=10,
)
def odd_failures(machine, field, kind):
    world.used(machine)
    value = {
        "an escape sequence": "\x1b[2J\x1b]52;c;QkFE\x07 limit reached",
        "a list": ["rate_limit"],
        "a number": -1,
        "null": None,
        "a megabyte": "rate_limit " * 100000,
        "an object": {"type": "rate_limit"},
        "absent": None,
        "NUL": "rate\0limit",
    }[kind]
    event = world.hook_event(machine, "StopFailure", "delta", **{field: value})
    if kind == "absent":
        del event[field]
    machine.hook(event)
    machine.hook(event)
    check(machine)


@attack(
    "outages",
    "one error that {how} is one incident with one attempt",
    over=(
        "two files contain",
        "a fork copies",
        "a line contains twice",
        "eight hooks report at once",
        "a hook and a line report",
    ),
)
def repeated_errors(machine, how):
    world.fresh(machine)
    # The hook reports an error a moment after its line was written.
    line = world.weekly_error_line("delta", uuid="e-1", at="2026-11-20T06:29:58.000Z")
    event = world.hook_event(machine, "StopFailure", "delta", last_assistant_message=world.WEEKLY_TEXT)
    if how != "eight hooks report at once":
        world.append_lines(machine, "delta", line)
    if how == "two files contain":
        machine.write(".claude/projects/-home-work-web/delta.jsonl", json.dumps(line) + "\n")
    elif how == "a fork copies":
        world.append_lines(machine, "fork", {**line, "sessionId": "fork", "requestSessionId": "delta"})
    elif how == "a line contains twice":
        world.append_lines(machine, "delta", line)
    else:
        runs = 8 if "eight" in how else 1
        for run in run_at_once([lambda: machine.run("hook", stdin=json.dumps(event).encode(), timeout=20)] * runs):
            machine.check(
                run.exit_code == 0 and not run.stderr, f"the hook ended with {run.exit_code}: {run.error_text}"
            )
    attempts = attempts_of(check(machine), "delta", "fork")
    machine.check(attempts == [1], f"the incidents have {attempts} attempts")


@attack("outages", "one limit that stops {count} sessions is one incident with {count} attempts", over=(2, 50))
def shared_limit(machine, count):
    world.fresh(machine)
    sessions = [f"stopped-{number}" for number in range(count)]
    for number, session in enumerate(sessions):
        at = f"2026-11-20T06:28:{number:02}.000Z"
        world.append_lines(machine, session, world.weekly_error_line(session, at=at, uuid=f"e-{session}"))
    machine.check_spend()
    incidents = machine.command("incidents", "--json", exits=(0,)).json()["incidents"]
    attempts = attempts_of(incidents, *sessions)
    machine.check(attempts == [count], f"the incidents have {attempts} attempts")


@attack(
    "outages",
    "a journal that is {what} while it is in use stops nothing",
    over=(
        "deleted",
        "read-only",
        "replaced by a directory",
        "emptied",
        "full of NUL bytes",
        "a megabyte on one line",
        "cut in the middle of a line",
        "invalid UTF-8",
        "deep JSON",
    ),
)
def odd_journals(machine, what):
    world.used(machine)
    paths = [path for path in machine.data.rglob("*") if path.is_file() and path.suffix in (".json", ".jsonl")]
    machine.check(world.journal(machine) in paths, "there is no journal")
    for path in paths:
        content = path.read_bytes()
        if what == "deleted":
            path.unlink()
        elif what == "read-only":
            path.chmod(0o400)
        elif what == "replaced by a directory":
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(
                {
                    "emptied": b"",
                    "full of NUL bytes": b"\0" * len(content),
                    "a megabyte on one line": b"x" * 1000000,
                    "cut in the middle of a line": content[: len(content) * 2 // 3],
                    "invalid UTF-8": content + b"\xff\xfe\n",
                    "deep JSON": content + b"[" * 300000 + b"\n",
                }[what]
            )
    with world.busy_ledger(machine):
        machine.hook(world.hook_event(machine, "StopFailure", "epsilon"))
    incidents = check(machine, "epsilon")
    machine.check_spend()
    if "directory" not in what:
        machine.check(attempts_of(incidents, "epsilon"), "the error that waited in the journal was lost")


@attack(
    "outages",
    "wait exits in time when {what}",
    over=(
        "the session does not exist",
        "the reset is in the year 9999",
        "the reset is negative",
        "the timeout is zero",
        "the clock shows 1970",
    ),
)
def odd_waits(machine, what):
    world.used(machine)
    line = world.error_line("delta")
    line["quotaLimits"]["resetsAt"] = {"the reset is in the year 9999": 253402300799, "the reset is negative": -1}.get(
        what, world.FIVE_HOUR_RESET
    )
    world.append_lines(machine, "delta", line)
    session = "nowhere" if "exist" in what else "delta"
    clock = {"WHYCAP_NOW": "1970-01-01T00:00:00Z"} if "1970" in what else {}
    run = machine.command(
        "wait",
        "--session",
        session,
        "--timeout",
        "0s" if "zero" in what else "1s",
        exits=(0, 2, 11, 12, 124),
        environment=clock,
    )
    machine.check(run.seconds < 5, f"wait took {run.seconds:.1f} s")
    if "exist" in what:
        machine.check(run.exit_code == 2, f"an unknown session ends with {run.exit_code}")
