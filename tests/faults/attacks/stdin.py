"""Hostile standard input, for the two commands that read it and for all others, which should ignore it."""

import json
import os
import socket

import world
from launcher import NeverClosed
from suite import attack, product

# --- bytes that are no payload -------------------------------------------------------------------------

BYTES = {
    "empty": b"",
    "space": b" \n\t ",
    "null": b"null",
    "true": b"true",
    "number": b"-7",
    "text": b'"text"',
    "list": b"[]",
    "list of objects": b'[{"model":"x"}]',
    "half": b'{"session_id":"alph',
    "only a brace": b"{",
    "two objects": b'{"model":"a"}{"model":"b"}',
    "trailing rubbish": b'{"model":"a"} x',
    "NUL": b"\0",
    "NULs": b"\0" * 70000,
    "bytes": bytes(range(256)) * 300,
    "not UTF-8": b'{"model":"\xff\xfe\xc3\x28"}',
    "not UTF-8 key": b'{"\xff":1}',
    "byte order mark": b'\xef\xbb\xbf{"model":"Opus"}',
    "UTF-16": '{"model":"Opus"}'.encode("utf-16"),
    "lone surrogates": b'{"model":"\\ud800\\udc00\\udfff\\ud800"}',
    "escaped NUL": b'{"session_id":"\\u0000","transcript_path":"/\\u0000"}',
    "raw control characters": b'{"model":"a\x01\x1b\x7fb"}',
    "deep list": b"[" * 200_000,
    "deep list closed": b"[" * 5000 + b"]" * 5000,
    "deep object": b'{"a":' * 100_000,
    "deep model": b'{"model":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "wide object": b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(60_000)) + b"}",
    "same key often": b"{" + b",".join([b'"session_id":"x"'] * 20_000) + b"}",
    "huge number": b'{"cost":{"total_cost_usd":' + b"9" * 40_000 + b"}}",
    "1e400": b'{"cost":{"total_cost_usd":1e400}}',
    "-1e400": b'{"cost":{"total_cost_usd":-1e400}}',
    "NaN": b'{"cost":{"total_cost_usd":NaN}}',
    "long string": b'{"model":"' + b"x" * 3_000_000 + b'"}',
    "long spaces": b" " * 5_000_000,
    "wide glyphs": json.dumps({"model": "日本語" * 20_000}).encode(),
    "combining": json.dumps({"model": "e" + "\u0301" * 50_000}).encode(),
    "CR LF": b'{\r\n"model":"Opus"\r\n}\r\n',
    "32 MB": b'{"model":"' + b"x" * 32_000_000 + b'"}',
    "comment": b'/* x */ {"model":"Opus"}',
    "just a newline": b"\n",
}


@attack("stdin", "statusline keeps its contract when its input is {what}", over=list(BYTES))
def statusline_bytes(machine, what):
    world.used(machine).statusline(BYTES[what])


@attack("stdin", "hook keeps its contract when its input is {what}", over=list(BYTES))
def hook_bytes(machine, what):
    world.used(machine).hook(BYTES[what])


@attack(
    "stdin",
    "{command} copes with input that is cut off after any byte",
    over=product(("statusline", "hook"), range(40)),
    quick=20,
)
def cut(machine, command, fortieth):
    world.used(machine)
    value = (
        world.status_payload(machine) if command == "statusline" else world.hook_event(machine, "StopFailure", "gamma")
    )
    whole = json.dumps(value).encode()
    machine.command(command, stdin=whole[: len(whole) * fortieth // 40])


# --- wrong values in each field ------------------------------------------------------------------------

VALUES = {
    "null": None,
    "true": True,
    "zero": 0,
    "minus one": -1,
    "half": 0.5,
    "1e300": 1e300,
    "-1e300": -1e300,
    "2^63": 2**63,
    "2^64": 2**64,
    "10^40": 10**40,
    "smallest": 5e-324,
    "empty": "",
    "spaces": "   ",
    "digits": "12",
    "NUL": "a\0b",
    "newline": "a\nb",
    "long": "x" * 100_000,
    "path up": "../../../../etc/passwd",
    "slash": "/",
    "dash": "-rf",
    "surrogate": "\ud800",
    "emoji": "👩‍👩‍👧‍👦" * 50,
    "list": [],
    "list of nulls": [None] * 100,
    "object": {},
    "nested": {"id": {"display_name": []}},
    "zero device": "/dev/zero",
    "tilde": "~",
    "not a number": "NaN",
    "date": "0000-00-00T00:00:00Z",
    "format": "%s%n{}{0}\\x1b$(id)`id`",
}


def paths_of(value, path=()):
    """Yields every path in a JSON object, to both leaves and branches."""
    for key, inner in value.items():
        yield (*path, key)
        if isinstance(inner, dict):
            yield from paths_of(inner, (*path, key))


def status_rows(machine):
    return product([".".join(path) for path in paths_of(world.status_payload(machine))], VALUES)


@attack("stdin", "statusline keeps its contract when {field} is {value}", over=status_rows, quick=250)
def statusline_field(machine, field, value):
    world.used(machine)
    payload = world.with_value(world.status_payload(machine, "gamma"), tuple(field.split(".")), VALUES[value])
    machine.statusline(payload)


def hook_rows(machine):
    names = (*world.EVENTS, "/whycap")
    return [(name, field, value) for name in names for field in world.hook_event(machine, name) for value in VALUES]


@attack("stdin", "hook keeps its contract when {field} of {event} is {value}", over=hook_rows, quick=250)
def hook_field(machine, event, field, value):
    world.used(machine)
    payload = world.hook_event(machine, event, "gamma", **{field: VALUES[value]})
    machine.hook(payload)


# --- what standard input is ----------------------------------------------------------------------------

CLIENT_CALLS = ("statusline", *(f"hook {name}" for name in (*world.EVENTS, "/whycap")))


def client_payload(machine, call):
    return json.dumps(
        world.status_payload(machine) if call == "statusline" else world.hook_event(machine, call.removeprefix("hook "))
    ).encode()


@attack(
    "stdin",
    "{call} does not wait for the end of input that stays open after {came}",
    over=product(CLIENT_CALLS, ("nothing", "half", "everything", "everything and a newline")),
    quick=14,
)
def never_closed(machine, call, came):
    world.used(machine)
    payload = client_payload(machine, call)
    data = {
        "nothing": b"",
        "half": payload[: len(payload) // 2],
        "everything": payload,
        "everything and a newline": payload + b"\n",
    }[came]
    run = machine.command(call.split()[0], stdin=NeverClosed(data))
    if call == "statusline" and came.startswith("everything"):
        machine.check("Opus" in run.text, f"the line does not show the input: {run.text!r}")


@attack("stdin", "{call} does not wait for input that arrives byte by byte", over=CLIENT_CALLS)
def dripping(machine, call):
    world.used(machine)
    machine.command(call.split()[0], stdin=NeverClosed(client_payload(machine, call), pause=0.02))


def stdin_of(machine, what):
    """Returns an open file for use as standard input."""
    if what in ("zero", "urandom", "null"):
        return os.open(f"/dev/{what}", os.O_RDONLY)
    if what == "directory":
        return os.open(machine.home, os.O_RDONLY)
    if what == "for writing only":
        return os.open(machine.write("input", b""), os.O_WRONLY)
    if what == "sparse file of 1 GB":
        path = machine.write("input", b"{")
        os.truncate(path, 1 << 30)
        return os.open(path, os.O_RDONLY)
    if what == "a file that is read on another's behalf":
        return os.open("/proc/self/mem", os.O_RDONLY)
    raise KeyError(what)


FILES = (
    "zero",
    "urandom",
    "null",
    "directory",
    "for writing only",
    "sparse file of 1 GB",
    "a file that is read on another's behalf",
)


@attack("stdin", "{call} keeps its contract when standard input is {what}", over=product(CLIENT_CALLS, FILES), quick=40)
def odd_file(machine, call, what):
    world.used(machine)
    opened = stdin_of(machine, what)
    try:
        machine.command(call.split()[0], stdin=opened)
    finally:
        os.close(opened)


@attack(
    "stdin",
    "{call} keeps its contract with descriptors {closed} closed",
    over=product(CLIENT_CALLS, ("0", "2", "0 2", "1", "0 1 2")),
)
def closed_descriptors(machine, call, closed):
    world.used(machine)
    numbers = tuple(map(int, closed.split()))
    run = machine.run(call.split()[0], stdin=client_payload(machine, call), closed_descriptors=numbers)
    machine.check_client_run(run, printed=1 not in numbers)
    machine.check_spend()


@attack("stdin", "{call} exits normally when nobody reads its output anymore", over=CLIENT_CALLS)
def reader_gone(machine, call):
    world.used(machine)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = machine.run(call.split()[0], stdin=client_payload(machine, call), stdout=writer)
    finally:
        os.close(writer)
    machine.check_client_run(run, printed=False)
    machine.check_spend()


@attack("stdin", "{command} does not read input that never ends", over=list(world.COMMANDS), quick=12)
def others_do_not_read(machine, command):
    world.used(machine)
    zero = os.open("/dev/zero", os.O_RDONLY)
    try:
        world.call(machine, command, stdin=zero)
    finally:
        os.close(zero)


@attack("stdin", "{command} exits normally when nobody reads its output", over=list(world.COMMANDS), quick=12)
def others_without_reader(machine, command):
    world.used(machine)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = machine.run(*world.COMMANDS[command], stdout=writer)
    finally:
        os.close(writer)
    # In this case, programs started from a shell are terminated with SIGPIPE. Both results are common.
    if run.signal not in (0, 13):
        machine.check_user_run(run)


@attack(
    "stdin",
    "{call} skips an unfinished line of {size} MB in a transcript, and never reads it twice",
    over=product(("statusline", "hook Stop"), (17, 300)),
)
def endless_line(machine, call, size):
    world.used(machine)
    path = machine.path(world.transcript("alpha"))
    with open(path, "ab") as transcript:
        transcript.write(b'{"type":"user","message":"')
        for _ in range(size):
            transcript.write(b"x" * 1_000_000)
    runs = [world.call(machine, call) for _ in range(12)]
    machine.check(runs[-1].cpu_seconds < 0.05, f"the line still costs {runs[-1].cpu_seconds:.2f} s")
    with open(path, "ab") as transcript:
        transcript.write(b'"}\n')
    machine.check_spend()


# --- the transcript that the payload names -------------------------------------------------------------

TRANSCRIPTS = (
    "zero",
    "urandom",
    "null",
    "fifo",
    "socket",
    "directory",
    "loop",
    "dangling",
    "proc mem",
    "relative",
    "too long",
    "nul",
    "unreadable process file",
    "huge sparse",
    "missing",
)


def odd_transcript(machine, what):
    place = machine.path("odd")
    if what in ("zero", "urandom", "null"):
        return f"/dev/{what}"
    if what == "fifo":
        os.mkfifo(place)
    elif what == "socket":
        bind_socket(place)
    elif what == "directory":
        place.mkdir()
    elif what == "loop":
        place.symlink_to(place)
    elif what == "dangling":
        place.symlink_to(machine.path("nowhere"))
    elif what == "proc mem":
        return "/proc/self/mem"
    elif what == "relative":
        return "../../../../../../etc/passwd"
    elif what == "too long":
        return "/" + "x/" * 100_000
    elif what == "nul":
        return "/a\0b"
    elif what == "unreadable process file":
        return "/proc/1/environ"
    elif what == "huge sparse":
        place.touch()
        os.truncate(place, 3 << 30)
    return str(place)


def bind_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket must be short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


@attack(
    "stdin",
    "{call} keeps its contract when the transcript is {what}",
    over=product(CLIENT_CALLS, TRANSCRIPTS),
    quick=45,
)
def transcript_path(machine, call, what):
    world.used(machine)
    changes = {"transcript_path": odd_transcript(machine, what)}
    world.call(machine, call, changes=changes)


@attack(
    "stdin",
    "the session ID {identity} leads only to whycap's own directories",
    over=(
        "../../../outside/victim",
        "/etc/passwd",
        "..",
        ".",
        "a/b",
        "a\0b",
        "",
        " ",
        "-",
        "con",
        "x" * 5000,
        "\u202e",
        ".json",
        "alpha.json",
        "nested/../../alpha",
        "%2e%2e",
        "~",
        "$HOME",
        "\\..\\..",
    ),
)
def session_names(machine, identity):
    world.used(machine)
    victim = machine.outside / "victim.json"
    victim.write_text("precious")
    before = {path for path in machine.root.rglob("*") if machine.data not in path.parents}
    machine.statusline(world.status_payload(machine, "gamma", session_id=identity))
    for name in world.EVENTS:
        machine.hook(world.hook_event(machine, name, "gamma", session_id=identity))
    machine.check(victim.read_text() == "precious", "a file outside was changed")
    after = {path for path in machine.root.rglob("*") if machine.data not in path.parents}
    machine.check(before == after, f"created outside its directory: {sorted(map(str, after - before))}")


@attack("stdin", "the reply to {question} is still valid when it is requested a hundred times", over=world.PROMPTS)
def long_question(machine, question):
    world.used(machine)
    machine.hook(world.hook_event(machine, question + " x" * 60_000))
