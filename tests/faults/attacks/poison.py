"""Invalid data in transcripts: absurd counts, unexpected types, and lines that are not JSON. The valid lines still add
up exactly, no amount is negative, and the ledger keeps working, even after the invalid data has been removed."""

import json
import math
import os
from dataclasses import dataclass

import world
from launcher import BrokenPromise
from suite import attack, product
from text import RESPONSE_USD

COUNTS = {
    "10^9": 10**9,
    "10^12": 10**12,
    "10^15": 10**15,
    "2^53+1": 2**53 + 1,
    "10^18": 10**18,
    "2^63-1": 2**63 - 1,
    "2^63": 2**63,
    "2^64-1": 2**64 - 1,
    "2^64": 2**64,
    "10^30": 10**30,
    "-1": -1,
    "-10^12": -(10**12),
    "-2^63": -(2**63),
    "0.5": 0.5,
    "1e3": "RAW 1e3",
    "1.0": "RAW 1.0",
    "1e18": "RAW 1e18",
    "1e308": "RAW 1e308",
    "1e400": "RAW 1e400",
    "-0": "RAW -0",
    "-0.0": "RAW -0.0",
    "a long fraction": "RAW 1000.00000000000000000000000000000000001",
    "leading zeros": "RAW 0001000",
    "hexadecimal": "RAW 0x3e8",
    "plus": "RAW +1000",
    "NaN": "RAW NaN",
    "Infinity": "RAW Infinity",
    "a thousand digits": "RAW " + "9" * 1000,
    "text": "1000",
    "empty text": "",
    "null": None,
    "true": True,
    "list": [1000],
    "object": {"value": 1000},
}
FIELDS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
    "server_tool_use.web_search_requests",
    "iterations",
)


def raw(value):
    """Returns a line in which a number is written in a form that no JSON serializer would use."""
    text = json.dumps(value)
    while '"RAW ' in text:
        before, rest = text.split('"RAW ', 1)
        number, after = rest.split('"', 1)
        text = before + number + after
    return text + "\n"


def usage_with(field, value):
    usage = {"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    if field == "iterations":
        usage["iterations"] = [
            {"type": "message", "input_tokens": 5, "output_tokens": value},
            {"type": "message", "input_tokens": 5, "output_tokens": value},
        ]
    elif "." in field:
        outer, inner = field.split(".")
        usage[outer] = {inner: value}
        if outer == "cache_creation":
            usage["cache_creation_input_tokens"] = value
    else:
        usage[field] = value
    return usage


def valid_sessions():
    """The figures that `spend --by session` must show for the sessions without invalid data."""
    return {"alpha": 16, "beta": 12, "gamma": 6}


def check_still_usable(machine, poisoned="poison"):
    """Checks that the valid sessions are exact, that every figure is a number and not negative, and that everything
    still works with and without the invalid data."""
    check_report_is_valid(machine)
    machine.statusline(world.status_payload(machine, poisoned))
    for name in ("Stop", "UserPromptSubmit", "/whycap spend"):
        machine.hook(world.hook_event(machine, name, poisoned))
    for call in (
        "spend",
        "spend by model",
        "spend by project",
        "spend by block",
        "spend why",
        "spend why json",
        "doctor",
        "report",
    ):
        run = world.call(machine, call)
        machine.check(run.exit_code == 0 or call == "doctor", f"{call} fails: {run.error_text}")
        # Only a difference may be negative.
        machine.check(
            "different" in call or "$-" not in run.text and "-$" not in run.text,
            f"{call} shows a negative amount: {run.text[:300]!r}",
        )
    machine.path(world.transcript(poisoned)).unlink()
    world.add_responses(machine, "beta", (70,))
    check_report_is_valid(machine, beta=13)
    machine.statusline(world.status_payload(machine, "beta"))


def check_report_is_valid(machine, **changed):
    run = machine.command("spend", "--by", "session", "--json")
    if run.exit_code != 0:
        raise BrokenPromise(f"the ledger is unusable: {run.error_text}")
    report = run.json()
    groups = {group["key"]: group for group in report["groups"]}
    for session, count in {**valid_sessions(), **changed}.items():
        found = groups.get(session, {"responses": 0, "cost_usd": 0})
        if found["responses"] != count or abs(found["recorded_usd"] - count * RESPONSE_USD) > 1e-9:
            raise BrokenPromise(
                f"the sound session {session} counts {found['responses']} responses and ${found['recorded_usd']}, true are {count} and ${count * RESPONSE_USD:.2f}"
            )
    for name, tally in [("total", report["total"]), *groups.items()]:
        for key, number in numbers_of(tally):
            if not isinstance(number, (int, float)) or isinstance(number, float) and not math.isfinite(number):
                raise BrokenPromise(f"{name}{key} is {number!r}")
            if number < 0:
                raise BrokenPromise(f"{name}{key} is negative: {number}")
    whole = sum(group["cost_usd"] for group in groups.values())
    if abs(whole - report["total"]["cost_usd"]) > max(1e-6, whole * 1e-9):
        raise BrokenPromise(f"the groups add up to ${whole}, the total is ${report['total']['cost_usd']}")


def numbers_of(value, key=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from numbers_of(inner, f"{key}.{name}")
    elif not isinstance(value, str) and not (
        value is None and key.endswith((".title", ".project"))
    ):  # names may be unknown
        yield key, value


@dataclass
class Counts:
    """Some of the counts. They are tried at the same time, because each check starts a dozen processes."""

    names: list

    @property
    def name(self):
        return " and ".join(self.names)


# The counts in groups of four. The groups overlap by two, so that a count that hides others does so in only one group.
COUNT_GROUPS = [Counts(list(COUNTS)[start : start + 4]) for start in range(0, len(COUNTS) - 1, 2)]


@attack(
    "poison",
    "{field} of {counts} in {times} lines each does not affect the valid lines",
    over=product(FIELDS, COUNT_GROUPS, (1, 3, 200)),
    quick=48,
)
def counts(machine, field, counts, times):
    world.used(machine)
    values = [
        raw(world.response("poison", 1000 * index + number, message={"usage": usage_with(field, COUNTS[count])}))
        for index, count in enumerate(counts.names)
        for number in range(times)
    ]
    values.append(world.response("poison", 9999))
    world.append_lines(machine, "poison", *values)
    check_still_usable(machine)


@attack(
    "poison",
    "{field} of {count} that a status line reads first does not affect the valid lines",
    over=product(FIELDS[:4], ("10^12", "10^18", "2^63-1", "2^64-1", "10^30", "-10^12", "1e308")),
    quick=12,
)
def by_the_status_line(machine, field, count):
    world.used(machine)
    for turn in range(3):
        world.append_lines(
            machine,
            "poison",
            *[
                raw(world.response("poison", turn * 100 + number, message={"usage": usage_with(field, COUNTS[count])}))
                for number in range(40)
            ],
        )
        run = machine.statusline(world.status_payload(machine, "poison"))
        machine.check("$-" not in run.text and "-$" not in run.text, f"the line shows a negative amount: {run.text!r}")
        machine.hook(world.hook_event(machine, "Stop", "poison"))
    check_still_usable(machine)


@attack(
    "poison",
    "a running total whose {field} is {count} does not affect the valid lines",
    over=product(
        ("totalCostUSD", "costUSD", "inputTokens", "outputTokens", "cacheReadInputTokens", "webSearchRequests"), COUNTS
    ),
    quick=60,
)
def running_totals(machine, field, count):
    world.used(machine)
    state = world.cost_state("poison", 0.1)
    if field == "totalCostUSD":
        state[field] = COUNTS[count]
    else:
        state["modelUsage"]["claude-opus-5-5"][field] = COUNTS[count]
    world.append_lines(
        machine, "poison", world.response("poison", 1), raw(state), world.response("poison", 2), raw(state)
    )
    check_still_usable(machine)


@attack(
    "poison",
    "a total of {count} in the status line's input does not affect the amounts",
    over=list(COUNTS),
)
def client_totals(machine, count):
    world.used(machine)
    for session in ("poison", "alpha"):
        payload = world.status_payload(machine, session)
        payload["cost"]["total_cost_usd"] = COUNTS[count]
        machine.statusline(raw(payload).encode())
    world.append_lines(machine, "poison", world.response("poison", 1))
    check_still_usable(machine)


# --- lines ---------------------------------------------------------------------------------------------


def text_of(number, text):
    return world.response("sound", number, message={"content": [{"type": "text", "text": text}]})


# The bytes of a transcript, and the number of valid responses in them. All valid responses must be counted.
def transcripts():
    sound = [json.dumps(world.response("sound", number)) for number in range(3)]
    one, two, three = (line.encode() for line in sound)
    first = json.dumps(text_of(0, "PLACE")).encode()

    def rows(*lines, end=b"\n"):
        return b"".join(line + end for line in lines)

    return {
        "a byte order mark": (b"\xef\xbb\xbf" + rows(one, two, three), 3),
        "a byte order mark before each line": (rows(b"\xef\xbb\xbf" + one, b"\xef\xbb\xbf" + two), 2),
        "CR LF": (rows(one, two, three, end=b"\r\n"), 3),
        "empty lines": (b"\n\n\n" + rows(one) + b"\n\n" + rows(two), 2),
        "spaces around": (rows(b"  \t" + one + b"  ", two), 2),
        "no last newline": (rows(one, two) + three, 2),
        "half a line": (rows(one, two) + three[:200], 2),
        "half a line in the middle": (rows(one, two[:200], three), 2),
        "NUL bytes between": (rows(one, b"\0" * 4096, two), 2),
        "a hole": (rows(one) + b"\0" * 70000 + rows(b"", two), 2),
        "not UTF-8 in a text": (rows(first.replace(b"PLACE", b"\xff\xfe\xc3\x28"), two), 2),
        "a raw tab in a text": (rows(first.replace(b"PLACE", b"a\tb"), two), 2),
        "raw control characters": (rows(first.replace(b"PLACE", b"\x01\x1b\x7f"), two), 2),
        "a lone surrogate": (rows(first.replace(b"PLACE", b"\\ud800"), two), 2),
        "surrogates the wrong way": (rows(first.replace(b"PLACE", b"\\udc00\\ud800"), two), 2),
        "an escaped NUL": (rows(first.replace(b"PLACE", b"\\u0000"), two), 2),
        "a wrong escape": (rows(first.replace(b"PLACE", b"\\x41"), two), None),
        "quotes in a text": (rows(first.replace(b"PLACE", b'\\"usage\\":{\\"output_tokens\\":999999}'), two), 2),
        "a line in a text": (rows(json.dumps(text_of(0, json.dumps(world.response("fake", 7)))).encode(), two), 2),
        "backslashes": (rows(first.replace(b"PLACE", b"\\\\" * 5000), two), 2),
        "a deep list": (rows(one, b'{"type":"assistant","message":' + b"[" * 100_000 + b"}", two), 2),
        "a deep line that closes": (rows(first.replace(b'"PLACE"', b"[" * 3000 + b"]" * 3000), two), 2),
        "a list": (rows(b"[" + one + b"]", two), 1),
        "two values in a line": (rows(one + b" " + two, three), None),
        "lines of other kinds": (rows(b"null", b"true", b"7", b'"text"', b"[]", b"{}", one, two), 2),
        "keys twice": (rows(one.replace(b'"type": "assistant"', b'"type": "user", "type": "assistant"'), two), None),
        "a comment": (rows(b"// comment", one, two), 2),
        "rubbish": (os.urandom(300_000).replace(b"\n", b"") + b"\n" + rows(one, two), 2),
        "a line of 17 MB": (rows(one, json.dumps(text_of(5, "x" * 17_000_000)).encode(), two), None),
        "a line of 5 MB": (rows(json.dumps(text_of(5, "x" * 5_000_000)).encode(), one, two), 3),
        "one line of 40 MB without an end": (rows(one, two) + b"x" * 40_000_000, 2),
        "thirty thousand lines": (rows(*[b'{"type":"user"}'] * 30_000, one, two), 2),
        "usage twice in a line": (rows(one.replace(b'"uuid"', b'"usage": {"output_tokens": 77}, "uuid"'), two), 2),
        "another order of keys": (
            rows(json.dumps(dict(reversed(list(world.response("sound", 0).items())))).encode(), two),
            2,
        ),
        "numbers as keys": (rows(one[:-1] + b', "1": 1, "": 0}', two), 2),
        "UTF-16": ((sound[0] + "\n").encode("utf-16"), None),
        "gzip": (b"\x1f\x8b\x08" + os.urandom(4000), 0),
        "the same line a thousand times": (rows(*[one] * 1000), 1),
        "an empty file": (b"", 0),
        "only newlines": (b"\n" * 100_000, 0),
        "unicode line separators": (rows(first.replace(b"PLACE", "a\u2028b\u2029c\u0085d".encode()), two), 2),
        "vertical tab and form feed between": (one + b"\x0b\x0c\n" + rows(two), None),
    }


@attack(
    "poison",
    "a transcript with {what} loses none of its valid lines, and the report says what could not be read",
    over=list(transcripts()),
)
def lines(machine, what):
    world.used(machine)
    content, sound = transcripts()[what]
    machine.write(world.transcript("sound"), content)
    machine.statusline(world.status_payload(machine, "sound"))
    report = machine.command("spend", "--json", "--by", "session", exits=(0,)).json()
    groups = {group["key"]: group for group in report["groups"]}
    found = groups.get("sound", {"responses": 0, "recorded_usd": 0.0})
    for session, count in valid_sessions().items():
        machine.check(
            groups.get(session, {}).get("responses") == count,
            f"the sound session {session} counts {groups.get(session, {}).get('responses')}, true are {count}",
        )
    if sound is not None:
        machine.check(found["responses"] == sound, f"{found['responses']} of {sound} sound lines are counted")
        machine.check(
            abs(found["recorded_usd"] - sound * RESPONSE_USD) < 1e-9,
            f"they cost ${found['recorded_usd']}, true are ${sound * RESPONSE_USD:.2f}",
        )
    world.append_lines(machine, "sound", "\n", world.response("sound", 500))
    again = machine.command("spend", "--json", exits=(0,)).json()
    machine.check(
        again["total"]["responses"] == report["total"]["responses"] + (2 if what == "no last newline" else 1),
        f"a line that came later is not counted: {again['total']['responses']} after {report['total']['responses']}",
    )


@attack("poison", "a line of {gigabytes} GB does not delay any status-line call by a second", over=(1, 3), quick=None)
def endless_line(machine, gigabytes):
    world.used(machine)
    path = machine.write(world.transcript("huge"), world.lines([world.response("huge", 1)]))
    os.truncate(path, gigabytes << 30)  # a hole: zeros without a newline
    machine.response_counts["huge"] = 1
    first = machine.statusline(world.status_payload(machine, "huge"))
    machine.hook(world.hook_event(machine, "Stop", "huge"))
    again = machine.statusline(world.status_payload(machine, "huge"))
    # Reading a gigabyte takes at least 0.3 s. A status-line call that does not read it takes 0.03 s, or 0.06 s on a
    # busy machine.
    machine.check(
        again.cpu_seconds < 0.2,
        f"a status-line call takes {again.cpu_seconds:.2f} s, the first took {first.cpu_seconds:.2f} s",
    )
    machine.check_spend()


@attack(
    "poison",
    "a {name} named {value} stops nothing and is shown safely",
    over=product(
        ("session", "model", "project", "branch", "message id", "request id", "version"),
        (
            "",
            " ",
            "x" * 1_000_000,
            "a/b/../c",
            "..",
            "\0",
            "'; DROP TABLE totals; --",
            "total",
            "null",
            "日本語",
            "\ud800",
            "-rf",
            "%s{}",
            "a\nb",
            "\t",
            "[]",
            "0",
            "1e400",
        ),
    ),
    quick=50,
)
def names(machine, name, value):
    world.used(machine)
    changes = {
        "session": {"sessionId": value},
        "model": {"message": {"model": value}},
        "project": {"cwd": value},
        "branch": {"gitBranch": value},
        "message id": {"message": {"id": value}},
        "request id": {"requestId": value},
        "version": {"version": value},
    }[name]
    world.append_lines(
        machine, "poison", world.response("poison", 1, **json.loads(json.dumps(changes))), world.response("poison", 2)
    )
    for call in (
        "spend json",
        "spend",
        "spend by session",
        "spend by model",
        "spend by project",
        "spend why",
        "spend why json",
    ):
        run = world.call(machine, call)
        machine.check(run.exit_code == 0, f"{call} fails: {run.error_text}")
    machine.statusline(world.status_payload(machine, "poison"))
    check_report_is_valid(machine)


@attack(
    "poison",
    "a user's own prices that are {count} make no total wrong or negative",
    over=list(COUNTS),
    quick=20,
)
def own_prices(machine, count):
    world.used(machine)
    for path in (
        ("modelPricing", "claude-opus-5-5", "output"),
        ("modelPricing", "claude-opus-5-5", "multiplier"),
        ("modelPricing", "multiplier"),
        ("modelPricing", "claude-opus-5-5", "outputPerMTok"),
    ):
        settings = dict(world.DOTFILES_SETTINGS)
        value = COUNTS[count]
        for key in reversed(path[1:]):
            value = {key: value}
        settings[path[0]] = value
        machine.write(".claude/settings.json", raw(settings))
        world.add_responses(machine, "beta", (60,))
        run = machine.command("spend", "--json")
        if run.exit_code == 0:
            for key, number in numbers_of(run.json()["total"]):
                machine.check(
                    isinstance(number, (int, float)) and number >= 0 and math.isfinite(number), f"{key} is {number!r}"
                )
        machine.statusline(world.status_payload(machine))
        machine.response_counts["beta"] = 12


@attack(
    "poison",
    "settings, state, and login that contain {what} stop nothing",
    over=(
        "deep",
        "huge number",
        "not UTF-8",
        "rubbish",
        "a list",
        "text",
        "empty",
        "a byte order mark",
        "3 MB",
        "200 MB",
        "NUL",
    ),
)
def state_files(machine, what):
    contents = {
        "deep": b"[" * 100_000,
        "huge number": b'{"oauthAccount": 1e999, "statusLine": ' + b"9" * 5000 + b"}",
        "not UTF-8": b'{"a":"\xff"}',
        "rubbish": os.urandom(5000),
        "a list": b"[]",
        "text": b'"x"',
        "empty": b"",
        "a byte order mark": b"\xef\xbb\xbf{}",
        "3 MB": b'{"a":"' + b"x" * 3_000_000 + b'"}',
        "NUL": b"\0" * 100,
    }
    for name in (
        ".claude/settings.json",
        ".claude.json",
        ".claude/.credentials.json",
        ".config/whycap/config.toml",
        "work/api/.claude/settings.json",
        ".local/share/whycap/journal.jsonl",
    ):
        world.used(machine)
        path = machine.write(name, contents.get(what, b"{"))
        if what == "200 MB":
            os.truncate(path, 200 << 20)
        before = path.stat()
        for call in (
            "statusline",
            "hook SessionStart",
            "hook StopFailure",
            "hook UserPromptSubmit",
            "doctor",
            "explain",
            "install",
            "install wrap",
            "uninstall",
        ):
            world.call(machine, call)
            if "settings" in name and "install" in call and what not in ("empty", "a byte order mark", "3 MB"):
                machine.check(
                    path.stat().st_size == before.st_size, f"{call} changed settings that it cannot understand"
                )
        machine.check_spend()
