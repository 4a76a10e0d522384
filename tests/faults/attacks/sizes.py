"""Very large files, and very large numbers of files. They do not make Claude Code wait any longer, and people wait only
slightly longer."""

import os

import world
from machine import payload_bytes
from suite import attack

GIBIBYTE = 1 << 30
# The time that a call takes depends on the machine's load, so the fastest of several calls is checked.
CALLS = 5
# The maximum wall-clock time for a run on a busy machine. Apart from this limit, only the processor time is checked.
TIMEOUT = 60


def processor_time(machine, call):
    """Returns the processor time of a call, in seconds. The call must succeed."""
    if call == "statusline":
        run = machine.run("statusline", stdin=payload_bytes(world.status_payload(machine)), timeout=TIMEOUT)
    elif call.startswith("hook "):
        event = world.hook_event(machine, call.removeprefix("hook "))
        run = machine.run("hook", stdin=payload_bytes(event), timeout=TIMEOUT)
    else:
        run = machine.run(*call.split(), timeout=TIMEOUT)
    machine.check(
        run.exit_code == 0 and not run.signal and not run.timed_out,
        f"{call} ended with {run.exit_code}: {run.error_text}",
    )
    return run.cpu_seconds


def fastest(machine, call, calls=CALLS):
    """Returns the shortest processor time of several calls, in seconds."""
    return min(processor_time(machine, call) for _ in range(calls))


def write_sessions(machine, projects, sessions_of_each, age=30 * world.HOUR):
    """Writes small sessions, each in its own directory, that were last modified some time ago."""
    for project in range(projects):
        directory = f".claude/projects/-home-work-{project:05}"
        for number in range(sessions_of_each):
            session = f"{project:08x}-0000-4000-8000-{number:012x}"
            machine.write(f"{directory}/{session}.jsonl", world.lines([world.response(session, 1)]), age=age)
            machine.response_counts[session] = 1
        machine.age(directory, age)


def write_errors(machine, count):
    """Stores an error for each of the first sessions that `write_sessions` wrote, as a hook does."""
    for number in range(count):
        session = f"{number:08x}-0000-4000-8000-{0:012x}"
        directory = f".claude/projects/-home-work-{number:05}"
        event = world.hook_event(
            machine, "StopFailure", session, transcript_path=str(machine.path(f"{directory}/{session}.jsonl"))
        )
        machine.run("hook", stdin=payload_bytes(event), timeout=TIMEOUT)


@attack("sizes", "`now` takes time in proportion to the number of project directories")
def many_projects(machine):
    times = []
    for projects in (300, 1200):
        machine.reset(machine.case)
        world.fresh(machine)
        write_sessions(machine, projects, 1)
        write_errors(machine, projects // 10)
        processor_time(machine, "spend")
        times.append(fastest(machine, "now"))
    machine.check(
        times[1] <= 5 * times[0], f"300 took {times[0] * 1000:.0f} ms, and four times as many {times[1] * 1000:.0f} ms"
    )


@attack(
    "sizes",
    "{call} takes hardly longer with 20,000 transcripts in {projects} directories than with three",
    over=[(call, projects) for call in ("statusline", "hook Stop", "hook StopFailure") for projects in (1, 2000)],
    quick=3,
)
def many_transcripts(machine, call, projects):
    world.used(machine)
    few = fastest(machine, call)
    write_sessions(machine, projects, 20_000 // projects)
    processor_time(machine, "spend")
    many = fastest(machine, call)
    allowed = 3 * few + 0.02
    machine.check(many <= allowed, f"{many * 1000:.1f} ms instead of {few * 1000:.1f} ms")


@attack("sizes", "an unfinished line of 1 GB is read once, and not by each {call}", over=("statusline", "hook Stop"))
def unfinished_line(machine, call):
    world.used(machine)
    before = fastest(machine, call)
    path = machine.path(world.transcript("alpha"))
    with open(path, "ab") as file:
        file.write(b'{"type":"user","message":{"content":"')
        # The hole reads as zeros and needs no space.
        file.truncate(file.tell() + GIBIBYTE)
    for _ in range(60):
        processor_time(machine, call)
    after = fastest(machine, call)
    machine.check(after <= 3 * before + 0.005, f"{after * 1000:.1f} ms instead of {before * 1000:.1f} ms")
    with open(path, "ab") as file:
        file.write(b'"}}\n')
    world.add_responses(machine)
    machine.check(fastest(machine, call) <= 3 * before + 0.005, "the line after it is read slowly")


@attack("sizes", "an unfinished line that grows by 100 bytes before each status line is read once")
def growing_line(machine):
    world.used(machine)
    before = fastest(machine, "statusline")
    path = machine.path(world.transcript("alpha"))
    with open(path, "ab") as file:
        file.write(b'{"type":"user","message":{"content":"')
        file.truncate(file.tell() + GIBIBYTE)
    times = []
    for _ in range(60):
        with open(path, "ab") as file:
            file.write(b"x" * 100)
        times.append(processor_time(machine, "statusline"))
    after = min(times[-CALLS:])
    machine.check(after <= 3 * before + 0.005, f"{after * 1000:.1f} ms instead of {before * 1000:.1f} ms")


@attack(
    "sizes",
    "300 MB of empty lines in the journal do not delay `{call}`",
    over=("statusline", "hook Stop", "now", "explain --json", "incidents"),
)
def empty_lines(machine, call):
    world.used(machine)
    journal = machine.data / "journal.jsonl"
    with open(journal, "ab") as file:
        for _ in range(300):
            file.write(b"\n" * 1_000_000)
        size = file.tell()
    machine.check(os.path.getsize(journal) == size, "the journal was not written")
    seconds = processor_time(machine, call)
    machine.check(seconds <= 2, f"{seconds:.1f} s")
