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
PATIENCE = 60


def processor_time(machine, call):
    """Returns the processor time of a call, in seconds. The call must succeed."""
    if call == "statusline":
        run = machine.run("statusline", stdin=payload_bytes(world.status_payload(machine)), patience=PATIENCE)
    elif call.startswith("hook "):
        event = world.event(machine, call.removeprefix("hook "))
        run = machine.run("hook", stdin=payload_bytes(event), patience=PATIENCE)
    else:
        run = machine.run(*call.split(), patience=PATIENCE)
    machine.holds(run.exit == 0 and not run.signal and not run.late, f"{call} ended with {run.exit}: {run.complaint}")
    return run.cpu


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
            machine.truth[session] = 1
        machine.age(directory, age)


def write_errors(machine, count):
    """Stores an error for each of the first sessions that `write_sessions` wrote, as a hook does."""
    for number in range(count):
        session = f"{number:08x}-0000-4000-8000-{0:012x}"
        directory = f".claude/projects/-home-work-{number:05}"
        event = world.event(machine, "StopFailure", session,
            transcript_path=str(machine.path(f"{directory}/{session}.jsonl")))
        machine.run("hook", stdin=payload_bytes(event), patience=PATIENCE)


@attack("sizes", "`now` takes time in proportion to the number of project directories")
def many_projects(machine):
    times = []
    for projects in (300, 1200):
        machine.anew(machine.case)
        world.fresh(machine)
        write_sessions(machine, projects, 1)
        write_errors(machine, projects // 10)
        processor_time(machine, "spend")
        times.append(fastest(machine, "now"))
    machine.holds(times[1] <= 5 * times[0], f"300 took {times[0] * 1000:.0f} ms, and four times as many {times[1] * 1000:.0f} ms")


@attack("sizes", "a {call} beside 20,000 transcripts in {projects} directories takes hardly longer than beside three",
    over=[(call, projects) for call in ("statusline", "hook Stop", "hook StopFailure") for projects in (1, 2000)], quick=3)
def many_transcripts(machine, call, projects):
    world.lived(machine)
    few = fastest(machine, call)
    write_sessions(machine, projects, 20_000 // projects)
    processor_time(machine, "spend")
    many = fastest(machine, call)
    allowed = 3 * few + 0.02
    machine.holds(many <= allowed, f"{many * 1000:.1f} ms instead of {few * 1000:.1f} ms")


@attack("sizes", "an unfinished line of 1 GB is read once, and not by each {call}", over=("statusline", "hook Stop"))
def unfinished_line(machine, call):
    world.lived(machine)
    before = fastest(machine, call)
    path = machine.path(world.transcript("alpha"))
    with open(path, "ab") as file:
        file.write(b'{"type":"user","message":{"content":"')
        # The hole reads as zeros and needs no space.
        file.truncate(file.tell() + GIBIBYTE)
    for _ in range(60):
        processor_time(machine, call)
    after = fastest(machine, call)
    machine.holds(after <= 3 * before + 0.005, f"{after * 1000:.1f} ms instead of {before * 1000:.1f} ms")
    with open(path, "ab") as file:
        file.write(b'"}}\n')
    world.grow(machine)
    machine.holds(fastest(machine, call) <= 3 * before + 0.005, "the line after it is read slowly")


@attack("sizes", "an unfinished line that grows by 100 bytes before each status line is read once")
def growing_line(machine):
    world.lived(machine)
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
    machine.holds(after <= 3 * before + 0.005, f"{after * 1000:.1f} ms instead of {before * 1000:.1f} ms")


@attack("sizes", "300 MB of empty lines in the journal do not hold `{call}` up",
    over=("statusline", "hook Stop", "now", "explain --json", "incidents"))
def empty_lines(machine, call):
    world.lived(machine)
    journal = machine.data / "journal/2026-11.jsonl"
    with open(journal, "ab") as file:
        for _ in range(300):
            file.write(b"\n" * 1_000_000)
        size = file.tell()
    machine.holds(os.path.getsize(journal) == size, "the journal was not written")
    seconds = processor_time(machine, call)
    machine.holds(seconds <= 2, f"{seconds:.1f} s")
