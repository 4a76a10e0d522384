"""Unreadable data is counted and reported. A total that is smaller than the true amount comes with a note that says
so."""

import errno
import json
import os

import calls
import world
from attacks.stdin import bind_socket
from launcher import BrokenPromise, Fault
from machine import NOBODY
from suite import attack, product
from text import RESPONSE_USD, remarks, mentions_gap

# The path that is made unreadable, and the number of responses in it.
SHUT = {
    "a transcript": (".claude/projects/-home-work-api/beta.jsonl", 12),
    "a project": (".claude/projects/-home-work-api", 28),
    "all projects": (".claude/projects", 34),
    "the other project": (".claude/projects/-home-work-web", 6),
    "the subagents": (".claude/projects/-home-work-api/alpha/subagents", 4),
    "a session's directory": (".claude/projects/-home-work-api/alpha", 4),
    "a subagent's transcript": (".claude/projects/-home-work-api/alpha/subagents/agent-1.jsonl", 4),
    "the configuration directory": (".claude", 34),
}
REPORTS = {
    "text": ("spend",),
    "by session": ("spend", "--by", "session"),
    "JSON": ("spend", "--json"),
    "JSON by session": ("spend", "--by", "session", "--json"),
}


def check_gap_named(machine, run, missing, expected):
    """Checks that a report with missing data says so, in text and in JSON. `expected` contains the remarks of a report
    from which no data is missing."""
    if run.exit_code == 1:
        return  # rejected with a one-line error, so no wrong amount was reported
    try:
        report = json.loads(run.text)
    except ValueError:
        if not mentions_gap(run.text + run.error_text) and f"{machine.response_count()}" not in run.text.split():
            raise BrokenPromise(
                f"the report misses {missing} responses and does not say so: {run.text.strip()!r}"
            ) from None
        return
    if report["total"]["responses"] < machine.response_count() and remarks(report) == expected:
        raise BrokenPromise(
            f"the report has {report['total']['responses']} of {machine.response_count()} responses, and no field reports the gap"
        )


def expected_remarks(machine):
    return remarks(machine.command("spend", "--json", exits=(0,)).json())


@attack(
    "gaps",
    "the report ({report}) names {what} that may not be {how}, {when}",
    over=product(SHUT, ("read", "entered"), REPORTS, ("at first", "after all was counted and more came")),
)
def shut(machine, what, how, report, when):
    path, missing = SHUT[what]
    world.used(machine)
    expected = expected_remarks(machine)
    if when == "at first":
        world.fresh(machine)
    else:
        for session in ("alpha", "beta", "gamma"):
            world.add_responses(machine, session, (60,))
        world.append_lines(machine, "alpha/subagents/agent-1", world.response("alpha", 160, isSidechain=True))
        machine.response_counts["alpha"] += 1
    machine.change_owner(NOBODY)
    place = machine.path(path)
    if how == "entered" and not place.is_dir():
        return
    place.chmod(0 if how == "read" else 0o444 if place.is_dir() else 0)
    run = machine.command(*REPORTS[report], user=NOBODY)
    check_gap_named(machine, run, missing, expected)
    place.chmod(0o755)
    machine.check_spend(user=NOBODY)


@attack(
    "gaps",
    "the report ({report}) names a {kind} in place of {what}",
    over=product(
        ("FIFO", "socket", "directory", "zero", "link to nothing", "link to itself"),
        ("a transcript", "a project"),
        REPORTS,
    ),
)
def in_place(machine, kind, what, report):
    world.used(machine)
    expected = expected_remarks(machine)
    world.fresh(machine)
    path, missing = SHUT[what]
    place = machine.path(path)
    os.rename(place, machine.outside / "moved")
    if kind == "FIFO":
        os.mkfifo(place)
    elif kind == "socket":
        bind_socket(place)
    elif kind == "directory":
        place.mkdir() if what == "a transcript" else place.touch()
    elif kind == "zero":
        machine.device(place, "zero")
    else:
        place.symlink_to(place if "itself" in kind else machine.outside / "nothing")
    run = machine.command(*REPORTS[report])
    # The path might not be a transcript at all, so printing nothing is correct if nothing is known to be missing. Only
    # a hang is wrong. A name that ends in .jsonl indicates a transcript.
    if what == "a transcript" and kind in ("FIFO", "socket", "zero", "link to itself"):
        check_gap_named(machine, run, missing, expected)


def reading_calls(machine):
    """Returns each system call that is used to find and read transcripts and their directories, with each error."""
    world.fresh(machine)
    run = machine.command("spend", "--json", list_calls=True)
    counted, rows = {}, []
    for number, *_ in run.system_calls:
        name = calls.NAMES.get(number, str(number))
        counted[name] = counted.get(name, 0) + 1
        if name in ("openat", "getdents64", "read", "pread64", "statx", "newfstatat", "lseek", "fstat"):
            rows += [(f"{counted[name]}:{name}", error) for error in ("EIO", "EACCES", "ESTALE", "ENOMEM", "EINTR")]
    return rows


@attack(
    "gaps",
    "if {which} fails with {error} in a first report, its JSON and its text say what is missing",
    over=reading_calls,
    quick=350,
)
def in_the_middle(machine, which, error):
    world.used(machine)
    expected = expected_remarks(machine)
    for arguments in (("spend", "--json"), ("spend",)):
        world.fresh(machine)
        run = machine.command(*arguments, fault=Fault(**calls.fault_location(which), error=getattr(errno, error)))
        if run.exit_code == 0:
            check_gap_named(machine, run, "some", expected)
        machine.check_spend()


@attack(
    "gaps",
    "a history of which {part} is named in CLAUDE_CONFIG_DIR is not partly counted without a warning",
    over=("one is missing", "one is a file", "one may not be read"),
)
def histories(machine, part):
    world.used(machine)
    expected = expected_remarks(machine)
    world.fresh(machine)
    second = machine.outside / "second"
    if part == "one is a file":
        second.write_text("x")
    elif part == "one may not be read":
        second.mkdir()
        second.chmod(0)
    machine.change_owner(NOBODY)
    run = machine.command(
        "spend", "--json", user=NOBODY, environment={"CLAUDE_CONFIG_DIR": f"{machine.claude},{second}"}
    )
    if run.exit_code == 0:
        report = run.json()
        machine.check(
            report["total"]["responses"] == machine.response_count(),
            f"{report['total']['responses']} of {machine.response_count()}",
        )
        if part == "one may not be read":
            machine.check(remarks(report) != expected, "no field reports that a history could not be read")


DAMAGED = {
    "a line cut off": lambda line: line[: len(line) // 2],
    "a wrong escape": lambda line: line.replace("xxxx", "\\qxxx", 1),
    "usage that is a text": lambda line: line.replace('"usage": {', '"usage": "x", "was": {'),
    "counts that are texts": lambda line: line.replace('"output_tokens": 1000', '"output_tokens": "many"'),
    "a raw newline in it": lambda line: line.replace("xxxx", "x\nx", 1),
}


@attack(
    "gaps",
    "a response's line with {what} is read, or it is reported as damaged ({report})",
    over=product(DAMAGED, REPORTS),
)
def damaged_lines(machine, what, report):
    world.used(machine)
    expected = expected_remarks(machine)
    line = DAMAGED[what](json.dumps(world.response("beta", 95)))
    world.append_lines(machine, "beta", line + "\n", world.response("beta", 96))
    machine.response_counts["beta"] += 1
    total = machine.command("spend", "--json", exits=(0,)).json()["total"]
    if (
        total["responses"] == machine.response_count() + 1
        and abs(total["cost_usd"] - total["responses"] * RESPONSE_USD) < 1e-9
    ):
        return
    run = machine.command(*REPORTS[report], exits=(0,))
    if "JSON" in report:
        machine.check(remarks(run.json()) != expected, "no field reports that a line could not be read")
    else:
        machine.check(mentions_gap(run.text + run.error_text), f"not a word about it: {run.text.strip()!r}")
    machine.check(
        total["responses"] >= machine.response_count(),
        f"{total['responses']} responses, true are {machine.response_count()}",
    )
