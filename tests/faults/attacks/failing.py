"""Makes every system call of every command fail in turn, either once or permanently from some point on."""

import re

import calls
import world
from attacks.disks import (
    check_unchanged_or_complete,
    check_leftovers_removed,
    locks_of,
    check_nothing_lost,
    settings_of,
)
from calls import ERRORS, SCENES
from launcher import BrokenPromise, Fault, run_at_once
from suite import attack, product
from text import RESPONSE_USD


def each_call(machine):
    return calls.possible_faults(machine, ERRORS)


def each_call_onward(machine):
    # A call that fails with EINTR is always retried, as it should be.
    return calls.possible_faults(machine, [error for error in ERRORS if error != "EINTR"])


def by_name(row):
    return row[1].split(":")[1], row[2]


def check_amounts_of_line(machine, run):
    """Checks that the amounts on the status line are complete."""
    expected_counts = {"session": machine.response_counts.get("alpha", 0), "today": machine.response_count()}
    for label, dollars in re.findall(r"(session|today) \$([\d.,]+)", run.text):
        expected = f"{expected_counts[label] * RESPONSE_USD:.2f}"
        if dollars != expected:
            raise BrokenPromise(f"the line shows {label} ${dollars} instead of ${expected}: {run.text!r}")


def check_under_fault(machine, scene, fault):
    calls.prepare_scene(machine, scene)
    before, locks = settings_of(machine), locks_of(machine)
    run = calls.run_scene(machine, scene, fault=fault)
    if scene in ("spend json", "spend at first"):
        machine.check_gap_is_reported(run)
    if scene == "statusline":
        check_amounts_of_line(machine, run)
    call = scene.split(" at ")[0]
    check_unchanged_or_complete(machine, call, before)
    if call in ("install", "install wrap", "uninstall") and run.exit_code == 0 and not run.failed_output:
        machine.check(settings_of(machine) != before, f"{call} ended with 0 and changed nothing")
    check_nothing_lost(machine, locks)
    machine.check_spend()
    check_leftovers_removed(machine)
    if call == "clear":
        machine.command("locks", "--restore")
        check_nothing_lost(machine, locks)


@attack(
    "failing",
    "{scene} keeps its contract and loses nothing when system call {which} fails once with {error}",
    over=each_call,
    quick=1700,
    similar_by=by_name,
)
def once(machine, scene, which, error):
    check_under_fault(machine, scene, Fault(**calls.fault_location(which), error=ERRORS[error]))


@attack(
    "failing",
    "{scene} keeps its contract and loses nothing when {which} and all later calls of that name fail with {error}",
    over=each_call_onward,
    quick=1500,
    similar_by=by_name,
)
def onward(machine, scene, which, error):
    check_under_fault(machine, scene, Fault(**calls.fault_location(which), error=ERRORS[error], onward=True))


CLIENT_SCENES = tuple(scene for scene in SCENES if scene.startswith(("statusline", "hook")))


def memory_calls(machine):
    return [
        row
        for row in calls.possible_faults(machine, ("ENOMEM", "EAGAIN"), CLIENT_SCENES)
        if row[1].split(":")[1] in ("mmap", "brk", "mremap", "getrandom")
    ]


@attack(
    "failing",
    "{scene} prints its line and exits with 0 when {which} and all later calls of that name fail with {error}",
    over=memory_calls,
    similar_by=by_name,
)
def memory(machine, scene, which, error):
    check_under_fault(machine, scene, Fault(**calls.fault_location(which), error=ERRORS[error], onward=True))


# From the limit at which the loader can barely start, up to a limit that is sufficient for everything.
@attack(
    "failing",
    "{scene} prints its line when a process may use {kilobytes} kB of memory",
    over=product([scene for scene in CLIENT_SCENES if scene.startswith("statusline")], range(6000, 20000, 60)),
    quick=300,
)
def little_memory(machine, scene, kilobytes):
    calls.prepare_scene(machine, scene)
    limits = (f"as={kilobytes * 1024}",)
    # If the system cannot even start the program with so little memory, the program is not at fault.
    if machine.run("--version", limits=limits).exit_code == 0:
        calls.run_scene(machine, scene, limits=limits)
    machine.check_spend()


# --- file systems that cannot lock ---------------------------------------------------------------------

LOCKING = {"F_GETLK": 5, "F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "flock": None}  # fcntl's commands
REFUSALS = {"ENOLCK": 37, "EAGAIN": 11, "EACCES": 13, "EINVAL": 22, "ENOSYS": 38, "EOPNOTSUPP": 95, "EINTR once": 4}


@attack(
    "failing",
    "{scene} exits in time when {lock} always fails with {error}",
    similar_by=lambda row: row[1:],
    over=product(
        ("spend json", "uninstall", "install", "clear", "statusline", "hook Stop"),
        ("F_SETLK", "flock"),
        ("ENOLCK", "EAGAIN"),
    ),
)
def without_locks(machine, scene, lock, error):
    no_locks(machine, scene, lock, error)


@attack(
    "failing",
    "{scene} exits in time, and commands that only read succeed, when {lock} fails with {error}",
    over=product(SCENES, LOCKING, REFUSALS),
    quick=200,
    similar_by=lambda row: row[1:],
)
def no_locks(machine, scene, lock, error):
    calls.prepare_scene(machine, scene)
    number = calls.NUMBERS["flock" if lock == "flock" else "fcntl"]
    fault = Fault(1, REFUSALS[error], number=number, argument=LOCKING[lock], onward="once" not in error)
    run = calls.run_scene(machine, scene, fault=fault)
    if scene in ("spend json", "spend at first"):
        machine.check_gap_is_reported(run)
    machine.check_spend()


@attack(
    "failing",
    "many simultaneous processes on a disk without locks lose nothing when it has locks again",
    over=("ENOLCK", "EAGAIN"),
)
def many_without_locks(machine, error):
    world.used(machine)
    world.add_responses(machine)
    fault = Fault(1, ERRORS[error], number=calls.NUMBERS["fcntl"], argument=LOCKING["F_SETLK"], onward=True)
    run_at_once(
        [lambda: machine.statusline(world.status_payload(machine), fault=fault)] * 4
        + [lambda: machine.hook(world.hook_event(machine, "Stop"), fault=fault)] * 4
    )
    machine.check_spend()
