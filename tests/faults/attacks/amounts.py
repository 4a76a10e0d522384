"""Attacks the calculation of amounts with hostile sessions, processes, and transcripts. The test calculates how much
each session actually cost. whycap may report this amount, or a smaller amount that is marked as a lower bound, but
never a larger one."""

import datetime
import fcntl
import itertools
import json
import math
import os
import random
import shutil
import sqlite3
import subprocess

import world
from file_trees import observable_state
from launcher import BrokenPromise, run_at_once
from machine import NOBODY
from suite import attack, product
from text import RESPONSE_USD

CENT = 0.005
USD_PER_TOKEN = RESPONSE_USD / 1000
START = datetime.datetime(2026, 11, 20, 6, 30, tzinfo=datetime.timezone.utc)


class Session:
    """A session that a simulated Claude Code process works on. It keeps track of the session's actual cost."""

    def __init__(self, machine, name="solo", pid=None):
        self.machine, self.name, self.pid = machine, name, pid
        self.clock = START
        self.total = self.spent = 0.0
        self.responses = 0
        self.environment = {}

    def tick(self, seconds=10):
        self.clock += datetime.timedelta(seconds=seconds)

    def time(self):
        return self.clock.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def how(self):
        pid = {} if self.pid is None else {"CLAUDE_PID": str(self.pid)}
        return {"environment": {"WHYCAP_NOW": self.time(), **pid, **self.environment}}

    def send_event(self, name, **changes):
        self.tick()
        return self.machine.hook(world.hook_event(self.machine, name, self.name, **changes), **self.how())

    def sample(self, total=None, **changes):
        """Sends a running total to the status line."""
        self.tick()
        cost = {
            "total_cost_usd": self.total if total is None else total,
            "total_duration_ms": 1000,
            "total_api_duration_ms": 10,
        }
        payload = world.status_payload(self.machine, self.name, cost=cost, **changes)
        return self.machine.statusline(raw_numbers(payload), **self.how())

    def respond(self, count=1, **changes):
        """Appends responses to the transcript that cost $0.02 each."""
        for _ in range(count):
            self.tick()
            self.responses += 1
            world.append_lines(
                self.machine, self.name, world.response(self.name, self.responses, timestamp=self.time(), **changes)
            )
            self.spend(RESPONSE_USD)

    def spend(self, dollars):
        """Spends an amount that appears only in the running total, such as the cost of a title."""
        self.total += dollars
        self.spent += dollars

    def checkpoint(self, total=None):
        state = world.cost_state(self.name, self.total if total is None else total)
        # whycap prices the tokens, so their cost must match the total.
        state["modelUsage"]["claude-opus-5-5"].update(
            costUSD=self.total, outputTokens=round(self.total / USD_PER_TOKEN)
        )
        world.append_lines(self.machine, self.name, raw_numbers(state).decode() + "\n")

    def begin(self):
        self.send_event("SessionStart")
        self.sample()

    def finish(self):
        self.checkpoint()
        self.send_event("SessionEnd", reason="prompt_input_exit")


def raw_numbers(value):
    """Serializes a JSON value. Strings that begin with RAW become numbers in a form that no JSON serializer would
    write."""
    text = json.dumps(value)
    while '"RAW ' in text:
        before, rest = text.split('"RAW ', 1)
        number, after = rest.split('"', 1)
        text = before + number + after
    return text.encode()


def check_amounts(report):
    """Checks that the amounts in a report are finite and not negative, and that they add up."""
    for tally in (report["total"], *report["groups"]):
        for key in ("cost_usd", "recorded_usd", "unrecorded_usd", "responses"):
            value = tally[key]
            if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
                raise BrokenPromise(f"{key} is {value!r}")
        if abs(tally["cost_usd"] - tally["recorded_usd"] - tally["unrecorded_usd"]) > 1e-6:
            raise BrokenPromise(f"cost_usd is not the sum of its parts: {tally}")
    total = sum(group["cost_usd"] for group in report["groups"])
    if abs(total - report["total"]["cost_usd"]) > 1e-6 * max(1, total):
        raise BrokenPromise(f"the groups add up to {total}, the total is {report['total']['cost_usd']}")
    return report


def session_amounts(machine, **how):
    report = check_amounts(machine.command("spend", "--by", "session", "--json", exits=(0,), **how).json())
    return {group["key"]: group for group in report["groups"]}


def check_never_wrong(machine, *sessions, at_most=None):
    """Checks the sessions' amounts, and that `--why` explains the same amounts."""
    groups = session_amounts(machine)
    for session in sessions:
        group = groups.get(session.name)
        if group is None:
            machine.check(
                session.spent < CENT, f"{session.name} is missing from the report; it cost ${session.spent:.4f}"
            )
            continue
        truth = session.spent if at_most is None else at_most
        cost = group["cost_usd"]
        if cost > truth + CENT:
            raise BrokenPromise(f"{session.name} cost ${truth:.4f}, the report has more: {group}")
        if cost < session.spent - CENT and not group["at_least"]:
            raise BrokenPromise(
                f"{session.name} cost ${session.spent:.4f}, the report has less without at_least: {group}"
            )
        why = machine.command("spend", "--why", session.name, "--json", exits=(0,)).json()
        if abs(why["cost_usd"] - cost) > 1e-9 or why["at_least"] != group["at_least"]:
            raise BrokenPromise(
                f"--why has ${why['cost_usd']} ({why['at_least']}), the report ${cost} ({group['at_least']})"
            )
        if bool(why["reasons"]) != why["at_least"]:
            raise BrokenPromise(f"at_least is {why['at_least']}, and the reasons are {why['reasons']}")
    return groups


def claude(machine, user=None):
    """Starts a process with the same name as Claude Code."""
    return subprocess.Popen([str(machine.tools.launch.parent / "claude"), "60"], user=user)


PIDS = {
    "absent": None,
    "empty": "",
    "zero": "0",
    "init": "1",
    "minus one": "-1",
    "minus 2^31": str(-(2**31)),
    "2^31": str(2**31),
    "2^32+1": str(2**32 + 1),
    "2^64": str(2**64),
    "a thousand digits": "9" * 1000,
    "NaN": "NaN",
    "hexadecimal": "0x10",
    "spaces": " 12 ",
    "a path": "../self",
    "an escape sequence": "\x1b[2J",
    "two numbers": "12 34",
    "a dead process": str(world.DEAD_PROCESS),
    "self": "self",
    "Arabic digits": "١٢",
    "leading zeros": "0000000001",
    "plus": "+1",
    "a newline": "1\n2",
}


@attack("amounts", "a session is never overcharged if CLAUDE_PID is {pid}", over=list(PIDS), quick=10)
def wrong_pids(machine, pid):
    world.fresh(machine)
    session = Session(machine, pid=PIDS[pid])
    session.begin()
    session.respond(2)
    session.spend(0.04)
    session.sample()
    session.send_event("Stop")
    session.respond()
    session.sample()
    session.finish()
    check_never_wrong(machine, session)


@attack(
    "amounts",
    "a process that {what} does not make an amount wrong",
    over=(
        "belongs to another user",
        "is dead",
        "works on two sessions",
        "changes with each call",
        "dies without an end",
        "disappears from the environment",
        "is named for the first time in the middle",
    ),
)
def odd_processes(machine, what):
    world.fresh(machine)
    processes = [claude(machine, NOBODY if "user" in what else None) for _ in range(4)]
    try:
        sessions = [Session(machine, "solo", processes[0].pid)]
        if what == "works on two sessions":
            sessions.append(Session(machine, "duet", processes[0].pid))
        if what in ("is dead",):
            processes[0].kill()
            processes[0].wait()
        if "middle" in what:
            sessions[0].pid = None
        for session in sessions:
            session.begin()
        for turn in range(4):
            for session in sessions:
                if what == "changes with each call":
                    session.pid = processes[turn].pid
                if what.startswith("disappears") and turn == 2:
                    session.pid = None
                if "middle" in what and turn == 2:
                    session.pid = processes[0].pid
                session.respond()
                session.spend(0.03)
                session.sample()
                session.send_event("Stop")
        if what.startswith("dies"):
            processes[0].kill()
            processes[0].wait()
            sessions[0].pid = processes[1].pid
            sessions[0].total = 0.0  # no checkpoint was written, so the next process starts at zero
            sessions[0].send_event("SessionStart", source="resume")
            sessions[0].sample()
            sessions[0].respond()
            sessions[0].sample()
        else:
            for session in sessions:
                session.finish()
        check_never_wrong(machine, *sessions)
    finally:
        for process in processes:
            process.kill()
            process.wait()


IDS = {
    "escape sequences": "\x1b[2J\x1b]52;c;QkFE\x07",
    "a newline": "a\nb",
    "NUL": "a\0b",
    "a path": "../../../outside/x",
    "an absolute path": "/etc/passwd",
    "dots": "..",
    "SQL": "'; DROP TABLE runs; --",
    "a percent sign": "%",
    "an underscore": "_",
    "nothing": "",
    "100,000 characters": "x" * 100000,
    "a bidi override": "\u202egpj.exe",
    "a formula": "=1+1",
    "a number": 7,
    "a list": ["alpha"],
    "a surrogate": "\ud800",
    "a wide name": "漢" * 300,
    "an option": "--html",
}


@attack(
    "amounts",
    "a session ID with {kind} does no harm in reports, and nothing outside the data directory changes",
    over=list(IDS),
)
def odd_ids(machine, kind):
    world.used(machine)
    before = observable_state(machine.outside), observable_state(machine.claude), observable_state(machine.path("work"))
    payload = world.status_payload(machine, cost={"total_cost_usd": 0, "total_duration_ms": 1})
    payload["session_id"] = IDS[kind]
    machine.statusline(payload)
    for name in ("SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "SessionEnd"):
        machine.hook(world.hook_event(machine, name, session_id=IDS[kind]))
    payload["cost"]["total_cost_usd"] = 0.5
    machine.statusline(payload)
    for call in ("spend by session", "incidents", "incidents json", "explain json", "report"):
        world.call(machine, call)
    argument = str(IDS[kind]).replace("\0", "").encode("utf-8", "surrogatepass")
    machine.command("spend", "--why", argument)
    machine.command("spend", "--why", argument, "--json")
    session_amounts(machine)
    machine.check(
        (observable_state(machine.outside), observable_state(machine.claude), observable_state(machine.path("work")))
        == before,
        "something outside the data directory changed",
    )


EVENT_ORDERS = list(itertools.permutations(("SessionStart", "sample", "responses", "Stop", "SessionEnd")))


@attack(
    "amounts",
    "a session whose events come in the order {order} is never overcharged",
    over=[("-".join(order),) for order in EVENT_ORDERS],
    quick=20,
)
def event_orders(machine, order):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    for step in order.split("-"):
        if step == "sample":
            session.spend(0.04)
            session.sample()
        elif step == "responses":
            session.respond(3)
        else:
            session.send_event(step)
    session.sample()
    check_never_wrong(machine, session)


@attack(
    "amounts",
    "starts and ends in a random order ({number}) never make an amount too high, regardless of their source",
    over=range(24),
    quick=12,
)
def random_lives(machine, number):
    """A terminal that resumes, clears, compacts, and is killed at random. Some of its hooks never run, and others
    report false data."""
    world.fresh(machine)
    random_source = random.Random(f"{machine.seed} lives {number}")
    checkpoints, sessions, pid = {}, [], 5000
    current = Session(machine, "s0", pid)
    sessions.append(current)
    sources = ("startup", "resume", "clear", "compact", "branch", 7, None)
    current.begin()
    for turn in range(10):
        step = random_source.choice(
            ("respond", "respond", "title", "compact", "clear", "exit and resume", "kill and resume")
        )
        clock = current.clock
        if step == "respond":
            current.respond(random_source.randrange(1, 3))
        elif step == "title":
            current.spend(0.01)
        elif step == "compact":
            current.spend(0.04)
            current.send_event("SessionStart", source=random_source.choice(("compact", random_source.choice(sources))))
        elif step == "clear":
            current.send_event("SessionEnd", reason="clear")
            current.checkpoint()
            checkpoints[current.name] = current.total
            current = Session(machine, f"s{len(sessions)}", pid)
            current.clock = clock
            sessions.append(current)
            current.send_event("SessionStart", source=random_source.choice(("clear", random_source.choice(sources))))
        else:
            if step.startswith("exit"):
                current.checkpoint()
                checkpoints[current.name] = current.total
                if random_source.random() < 0.8:
                    current.send_event("SessionEnd", reason="prompt_input_exit")
            else:
                current.sample()
            pid += 1
            current = random_source.choice(sessions)
            current.clock = max(clock, current.clock) + datetime.timedelta(seconds=60)
            current.pid = pid
            current.total = checkpoints.get(current.name, 0.0)
            current.send_event("SessionStart", source=random_source.choice(("resume", random_source.choice(sources))))
        if random_source.random() < 0.7:
            current.sample()
    current.sample()
    check_never_wrong(machine, *sessions)


def utf16(data):
    return data.decode().encode("utf-16")


REWRITTEN = {
    "a byte order mark": lambda lines: b"\xef\xbb\xbf" + b"".join(lines),
    "CRLF": lambda lines: b"".join(lines).replace(b"\n", b"\r\n"),
    "NUL bytes between the lines": lambda lines: (b"\0" * 4096).join(lines),
    "lines of NUL bytes": lambda lines: (b"\0" * 4096 + b"\n").join(lines),
    "two objects on each line": lambda lines: b"".join(
        line if index % 2 else line.rstrip(b"\n") for index, line in enumerate(lines)
    ),
    "invalid UTF-8 lines": lambda lines: b"\xff\xfe\xc3\x28\n".join(lines),
    "invalid UTF-8 in the text": lambda lines: b"".join(lines).replace(b"xxxx", b"x\xff\xffx"),
    "each line twice": lambda lines: b"".join(line * 2 for line in lines),
    "the lines in reverse": lambda lines: b"".join(reversed(lines)),
    "no last line break": lambda lines: b"".join(lines)[:-1],
    "deep JSON": lambda lines: b"".join(
        [lines[0], b'{"type":"assistant","a":' + b"[" * 200000 + b"]" * 200000 + b"}\n", *lines[1:]]
    ),
    "an open bracket for megabytes": lambda lines: b"".join([lines[0], b"{" * 4000000 + b"\n", *lines[1:]]),
    "spaces around the lines": lambda lines: b"".join(b" \t" + line.rstrip(b"\n") + b" \t\n" for line in lines),
    "arrays around the lines": lambda lines: b"".join(b"[" + line.rstrip(b"\n") + b"]\n" for line in lines),
    "UTF-16": lambda lines: utf16(b"".join(lines)),
    "carriage returns only": lambda lines: b"".join(lines).replace(b"\n", b"\r"),
}


@attack(
    "amounts",
    "a transcript with {what} is counted exactly, or the report says what is missing ({when})",
    over=product(REWRITTEN, ("at first", "later")),
    quick=12,
)
def odd_lines(machine, what, when):
    world.fresh(machine)
    machine.check_spend()
    sound = machine.expected_remarks
    if when == "at first":
        shutil.rmtree(machine.data)
    path = machine.path(world.transcript("odd"))
    good = [json.dumps(world.response("odd", number)).encode() + b"\n" for number in range(6)]
    path.write_bytes(REWRITTEN[what](good))
    # A last line without a line break counts as soon as the file has not changed for a minute.
    machine.age(path, 3600)
    machine.response_counts["odd"] = 6
    machine.statusline(world.status_payload(machine, "odd"))
    machine.hook(world.hook_event(machine, "Stop", "odd"))
    report = machine.command("spend", "--json", exits=(0,))
    machine.expected_remarks = sound
    machine.check_gap_is_reported(report)
    total = check_amounts(report.json())["total"]
    machine.check(
        total["responses"] <= machine.response_count(),
        f"{total['responses']} responses, true are {machine.response_count()}",
    )


TOTALS = {
    "NaN": "RAW NaN",
    "Infinity": "RAW Infinity",
    "-1": -1,
    "-1e308": -1e308,
    "1e308": 1e308,
    "1e400": "RAW 1e400",
    "1e12": 1e12,
    "text": "0.5",
    "null": None,
    "a list": [0.5],
    "an object": {"usd": 0.5},
    "true": True,
    "-0.0": "RAW -0.0",
    "a tiny number": "RAW 1e-320",
    "2^64": 2**64,
    "a thousand digits": "RAW " + "9" * 1000,
    "zero": 0,
}


@attack(
    "amounts",
    "a total of {total} in {where} makes no amount too high",
    over=product(TOTALS, ("a sample", "a checkpoint", "the first sample", "the last sample")),
    quick=16,
)
def odd_totals(machine, total, where):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.send_event("SessionStart")
    session.sample(TOTALS[total] if where == "the first sample" else None)
    session.respond(2)
    session.spend(0.04)
    session.sample()
    if where == "a sample":
        session.sample(TOTALS[total])
    if where == "a checkpoint":
        session.checkpoint(TOTALS[total])
        session.send_event("SessionEnd", reason="other")
    else:
        session.sample()
    if where == "the last sample":
        session.sample(TOTALS[total])
    check_never_wrong(machine, session)
    for call in ("spend", "spend by session", "spend by block", "report"):
        world.call(machine, call)
    session.pid = 4243
    session.send_event("SessionStart", source="resume")
    machine.command("spend", "--why", session.name)


def session_in_progress(machine):
    """Starts a session in a new home, and returns it after two responses, some unrecorded spend, and a status-line call."""
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.begin()
    session.respond(2)
    session.spend(0.02)
    session.sample()
    return session


LEDGERS = (
    "deleted",
    "deleted with all its files",
    "emptied",
    "replaced by an older copy",
    "replaced by text",
    "read-only",
    "in a read-only directory",
    "without its log",
    "replaced by a link to nothing",
    "replaced by a directory",
)


@attack("amounts", "a ledger that is {what} while it is in use makes no amount wrong", over=LEDGERS)
def odd_ledgers(machine, what):
    session = session_in_progress(machine)
    ledger = machine.data / "ledger.sqlite3"
    older = {path.name: path.read_bytes() for path in machine.data.glob("ledger.sqlite3*")}
    session.respond()
    session.spend(0.02)
    session.sample()
    if what.startswith("replaced"):
        ledger.unlink()
    if what == "deleted":
        ledger.unlink()
    elif what == "deleted with all its files":
        shutil.rmtree(machine.data)
    elif what == "emptied":
        os.truncate(ledger, 0)
    elif what == "replaced by an older copy":
        for name, content in older.items():
            (machine.data / name).write_bytes(content)
    elif what == "replaced by text":
        ledger.write_text("not a ledger\n" * 1000)
    elif what == "without its log":
        for suffix in ("-wal", "-shm"):
            (machine.data / f"ledger.sqlite3{suffix}").unlink(missing_ok=True)
    elif what == "replaced by a link to nothing":
        ledger.symlink_to(machine.outside / "nothing")
    elif what == "replaced by a directory":
        ledger.mkdir()
    user = NOBODY if "read-only" in what else None
    if user:
        machine.change_owner(NOBODY)
        (machine.data if "directory" in what else ledger).chmod(0o500 if "directory" in what else 0o400)
    machine.statusline(
        world.status_payload(machine, "solo", cost={"total_cost_usd": session.total, "total_duration_ms": 1000}),
        user=user,
        **session.how(),
    )
    session.respond()
    session.spend(0.02)
    machine.statusline(
        world.status_payload(machine, "solo", cost={"total_cost_usd": session.total, "total_duration_ms": 2000}),
        user=user,
        **session.how(),
    )
    machine.command("spend", "--json", exits=(0, 1), user=user)
    if user:
        (machine.data if "directory" in what else ledger).chmod(0o700)
    # whycap never touches files that somebody else put there, so this file has to be removed manually.
    if what == "replaced by a directory":
        ledger.rmdir()
    elif what == "replaced by a link to nothing":
        ledger.unlink()
    machine.change_owner(0)
    session.respond()
    session.sample()
    check_never_wrong(machine, session)
    machine.check(not (machine.outside / "nothing").exists(), "a file outside the home directory was created")


@attack("amounts", "a data directory on a disk that becomes full in the middle of a session makes no amount wrong")
def full_disk(machine):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    machine.variables["WHYCAP_DATA_DIR"] = str(machine.small / "data")
    session.begin()
    session.respond(2)
    session.sample()
    filler = os.open(machine.small / "filler", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while True:
            os.write(filler, b"x" * 512)
    except OSError:
        pass
    finally:
        os.close(filler)
    for _ in range(3):
        session.respond()
        session.spend(0.02)
        session.sample()
        session.send_event("Stop")
    machine.command("spend", "--json", exits=(0, 1))
    (machine.small / "filler").unlink()
    session.respond()
    session.sample()
    check_never_wrong(machine, session)


@attack("amounts", "a session of eight simultaneous processes is never overcharged, round {number}", over=range(3))
def eight_at_once(machine, number):
    world.fresh(machine)
    processes = [claude(machine) for _ in range(8)]
    everything = Session(machine)
    try:
        totals = [0.0] * 8
        for process in processes:
            everything.pid = process.pid
            everything.send_event("SessionStart")
            everything.sample(0)
        for turn in range(3):
            everything.tick(60)
            for index in range(8):
                everything.respond()
                everything.spend(0.01 * index)
                totals[index] += RESPONSE_USD + 0.01 * index
            asked = []
            for index, process in enumerate(processes):
                payload = world.status_payload(
                    machine, "solo", cost={"total_cost_usd": totals[index], "total_duration_ms": 1000 * turn}
                )
                how = {"environment": {"CLAUDE_PID": str(process.pid), "WHYCAP_NOW": everything.time()}, "timeout": 20}
                event = world.hook_event(machine, "Stop", "solo")
                asked.append(lambda event=event, how=how: machine.run("hook", stdin=json.dumps(event).encode(), **how))
                asked.append(
                    lambda payload=payload, how=how: machine.run(
                        "statusline", stdin=json.dumps(payload).encode(), **how
                    )
                )
            random.Random(f"{number} {turn}").shuffle(asked)
            for run in run_at_once(asked):
                machine.check(
                    run.exit_code == 0 and not run.stderr and not run.signal,
                    f"{run.command} ended with {run.exit_code}: {run.error_text}",
                )
    finally:
        for process in processes:
            process.kill()
            process.wait()
    check_never_wrong(machine, everything)


@attack(
    "amounts",
    "transcripts behind {what} are counted once",
    over=(
        "a link to a project",
        "a link to a transcript",
        "a link to itself",
        "a link to all projects",
        "hard links",
        "a link to a project outside",
        "a link in the subagents",
    ),
)
def linked_transcripts(machine, what):
    world.fresh(machine)
    projects = machine.claude / "projects"
    api = projects / "-home-work-api"
    if what == "a link to a project":
        (projects / "-home-other").symlink_to(api)
    elif what == "a link to a transcript":
        (projects / "-home-work-web/beta.jsonl").symlink_to(api / "beta.jsonl")
    elif what == "a link to itself":
        (projects / "-home-loop").symlink_to(projects)
        (api / "loop").symlink_to(api)
    elif what == "a link to all projects":
        os.rename(projects, machine.outside / "projects")
        projects.symlink_to(machine.outside / "projects")
    elif what == "hard links":
        (projects / "-home-other").mkdir()
        for name in ("alpha.jsonl", "beta.jsonl"):
            os.link(api / name, projects / "-home-other" / name)
    elif what == "a link to a project outside":
        os.rename(api, machine.outside / "api")
        api.symlink_to(machine.outside / "api")
    else:
        (api / "alpha/subagents/agent-2.jsonl").symlink_to("agent-1.jsonl")
        (api / "alpha/subagents/loop").symlink_to(".")
    before = observable_state(machine.outside)
    machine.statusline(world.status_payload(machine))
    machine.hook(world.hook_event(machine, "Stop", "beta"))
    # whycap may ignore a link's target, but it must not count anything twice.
    run = machine.command("spend", "--json", exits=(0,))
    total = check_amounts(run.json())["total"]
    machine.check(
        total["responses"] <= machine.response_count(),
        f"{total['responses']} responses, true are {machine.response_count()}",
    )
    if "outside" not in what and "all projects" not in what:
        machine.check_spend()
    machine.check(observable_state(machine.outside) == before, "something outside the home directory changed")


@attack(
    "amounts",
    "a counted transcript that is {what} still counts, and counts once",
    over=(
        "cut in half",
        "emptied",
        "deleted",
        "overwritten with NUL bytes",
        "replaced by its second half",
        "cut and written again",
        "moved to another project",
        "reordered",
        "replaced by another session's lines",
    ),
)
def changed_transcripts(machine, what):
    world.fresh(machine)
    machine.check_spend()
    path = machine.path(world.transcript("beta"))
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    if what == "cut in half":
        # The file is cut off at the end of a line. Otherwise, the next response would be appended to half a line.
        os.truncate(path, len(b"".join(lines[: len(lines) // 2])))
    elif what == "emptied":
        os.truncate(path, 0)
    elif what == "deleted":
        path.unlink()
    elif what == "overwritten with NUL bytes":
        path.write_bytes(b"\0" * len(content))
    elif what == "replaced by its second half":
        path.write_bytes(b"".join(lines[len(lines) // 2 :]))
    elif what == "cut and written again":
        os.truncate(path, len(content) // 2)
        machine.check_spend()
        path.write_bytes(content)
    elif what == "moved to another project":
        os.rename(path, machine.claude / "projects/-home-work-web/beta.jsonl")
    elif what == "reordered":
        random.Random(1).shuffle(lines)
        path.write_bytes(b"".join(lines))
    else:
        path.write_bytes(machine.path(world.transcript("alpha")).read_bytes())
    machine.statusline(world.status_payload(machine, "beta"))
    machine.hook(world.hook_event(machine, "Stop", "beta"))
    machine.check_spend()
    world.add_responses(machine, "beta", (70, 71))
    machine.statusline(world.status_payload(machine, "beta"))
    machine.check_spend()


@attack(
    "amounts",
    "a session in two project directories ({how}) counts once",
    over=(
        "all lines in both",
        "half of the lines in each",
        "overlapping halves",
        "the copy grows",
        "both grow",
        "with a checkpoint in each",
    ),
)
def two_directories(machine, how):
    world.fresh(machine)
    session = Session(machine)
    session.begin()
    session.respond(6)
    if "checkpoint" in how:
        session.checkpoint()
    first = machine.path(world.transcript("solo"))
    second = machine.claude / "projects/-home-work-web/solo.jsonl"
    lines = first.read_text().splitlines(keepends=True)
    if how == "half of the lines in each":
        first.write_text("".join(lines[:3]))
        second.write_text("".join(lines[3:]))
    elif how == "overlapping halves":
        first.write_text("".join(lines[:4]))
        second.write_text("".join(lines[2:]))
    else:
        second.write_text("".join(lines))
    check_never_wrong(machine, session)
    session.sample()
    if "grow" in how:
        for number in (7, 8):
            line = json.dumps(world.response("solo", number, timestamp=session.time())) + "\n"
            for path in (first, second) if how == "both grow" else (second,):
                with open(path, "a") as file:
                    file.write(line)
            session.spend(RESPONSE_USD)
    session.sample(transcript_path=str(second))
    check_never_wrong(machine, session)


TIMES = (
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "-9999-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2026-11-20T06:30:60Z",
    "2026-02-30T00:00:00Z",
    "",
    "now",
    "1e308",
    "NaN",
    "2026-11-20T06:30:00",
)


@attack("amounts", "a clock that shows {time} in the middle of a session makes no amount wrong", over=list(TIMES))
def odd_clocks(machine, time):
    session = session_in_progress(machine)
    session.environment = {"WHYCAP_NOW": time}
    session.respond()
    session.spend(0.02)
    session.sample()
    session.send_event("Stop")
    session.send_event("SessionStart", source="compact")
    session.environment = {}
    session.respond()
    session.sample()
    session.finish()
    check_never_wrong(machine, session)
    for call in ("spend", "spend by block", "spend by session", "incidents", "explain"):
        world.call(machine, call, environment={"WHYCAP_NOW": time})


@attack(
    "amounts",
    "a line whose time is {time} is counted, or the report says what is missing",
    over=[*TIMES, "RAW 1e308", "RAW -1", None],
)
def odd_times(machine, time):
    world.fresh(machine)
    machine.check_spend()
    line = raw_numbers(world.response("beta", 90, timestamp=time)).decode() + "\n"
    world.append_lines(machine, "beta", line, world.response("beta", 91))
    machine.response_counts["beta"] += 2
    machine.statusline(world.status_payload(machine, "beta"))
    machine.check_gap_is_reported(machine.command("spend", "--json", exits=(0,)))
    for call in ("spend", "spend by block", "spend by session"):
        world.call(machine, call)
    for by in ("week", "month", "day"):
        check_amounts(machine.command("spend", "--by", by, "--json", exits=(0,)).json())


@attack(
    "amounts",
    "a process that holds {lock} delays neither the status line nor a hook, and the amounts are right afterward",
    over=("locks on all files", "a write transaction", "an exclusive transaction"),
)
def held_locks(machine, lock):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.begin()
    session.respond()
    session.sample()
    held = []
    if lock == "locks on all files":
        for path in machine.data.rglob("*"):
            if path.is_file():
                file = open(path, "r+b")
                fcntl.flock(file, fcntl.LOCK_EX)
                fcntl.lockf(file, fcntl.LOCK_EX)
                held.append(file)
    else:
        connection = sqlite3.connect(machine.data / "ledger.sqlite3", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE" if "write" in lock else "BEGIN EXCLUSIVE")
        held.append(connection)
    for _ in range(3):
        session.respond()
        session.spend(0.02)
        session.sample()
        for name in ("UserPromptSubmit", "Stop", "SessionStart", "SessionEnd"):
            session.send_event(name, **({"source": "compact"} if name == "SessionStart" else {}))
    for file in held:
        file.close()
    session.respond()
    session.sample()
    check_never_wrong(machine, session)


GARBAGE = {
    "nothing": b"",
    "NUL bytes": b"\0" * 100,
    "half an object": b'{"session_id": "solo", "cost": {"total_cost_',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "deep JSON": b'{"cost":' * 100000,
    "invalid UTF-8": b'{"session_id":"\xff\xfe"}',
    "a list": b"[]",
    "a number": b"-1e999",
    "two objects": b'{"session_id":"solo","cost":{"total_cost_usd":9}}{"session_id":"solo","cost":{"total_cost_usd":99}}',
    "a key twice": b'{"session_id":"alpha","session_id":"solo","cost":{"total_cost_usd":-9,"total_cost_usd":-99}}',
    "spaces": b" " * 1000000,
    "a megabyte of text": b'"' + b"x" * 1000000 + b'"',
}


@attack("amounts", "{what} instead of a payload changes no amount", over=list(GARBAGE))
def garbage_between(machine, what):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.begin()
    session.respond()
    session.spend(0.02)
    session.sample()
    for _ in range(2):
        machine.statusline(GARBAGE[what], **session.how())
        machine.hook(GARBAGE[what], **session.how())
    session.respond()
    session.sample()
    session.finish()
    check_never_wrong(machine, session)


@attack(
    "amounts",
    "--why with {argument} explains that session or refuses in one line",
    over=(
        "",
        "%",
        "_",
        "*",
        "a%",
        "' OR 1=1 --",
        "../alpha",
        "ALPHA",
        "alph",
        "alpha ",
        "alpha\n",
        "\x1b[2J",
        "--json",
        "x" * 100000,
        "\udcff\udcfe",
        "\u202ealpha",
        "solo",
        "s",
    ),
)
def why_arguments(machine, argument):
    world.used(machine)
    for name in ("solo-1", "solo-2"):
        session = Session(machine, name, pid=4242)
        session.begin()
        session.respond()
        session.sample()
    encoded = os.fsencode(argument) if "\udcff" in argument else argument.encode()
    run = machine.command("spend", "--json", "--why", encoded)
    machine.command("spend", "--why", encoded)
    if run.exit_code == 0:
        found = run.json()["session"]
        machine.check(found.startswith(argument) and argument, f"{argument!r} was taken for session {found}")
        machine.check(argument not in ("s", "solo"), f"{argument!r} stands for two sessions, and {found} was chosen")
