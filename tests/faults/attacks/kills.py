"""Kills commands that write with SIGKILL before each of their system calls. The next run finds all data, and no file is
left behind permanently."""

import json
import os
import sqlite3

import calls
import world
from attacks.disks import (
    check_unchanged_or_complete,
    check_leftovers_removed,
    locks_of,
    check_nothing_lost,
    settings_of,
)
from launcher import BrokenPromise, Fault
from suite import attack

# Only commands that write, because commands that only read have nothing to lose.
WRITING = (
    "statusline",
    "statusline at first",
    "statusline in an error",
    "statusline wrapped",
    "hook SessionStart",
    "hook Stop",
    "hook StopFailure",
    "hook StopFailure at first",
    "hook SessionEnd",
    "hook UserPromptSubmit",
    "hook /whycap continue",
    "spend json",
    "spend at first",
    "clear",
    "restore",
    "install",
    "install wrap",
    "install project",
    "uninstall",
    "explain",
)


def each_call(machine):
    """Returns (scene, number) for each system call of each scene that writes."""
    return [(scene, number) for scene in WRITING for number in range(1, len(calls.system_calls_of(machine, scene)) + 1)]


def run_until_killed(machine, scene, fault):
    calls.prepare_scene(machine, scene)
    before, locks = settings_of(machine), locks_of(machine)
    run = run_unless_killed(machine, scene, fault)
    call = scene.split(" at ")[0]
    check_unchanged_or_complete(machine, call, before)
    check_nothing_lost(machine, locks)
    return run, before, locks


def run_unless_killed(machine, scene, fault):
    """Runs a scene with a fault that may kill it. Returns None if it was killed, because the contract does not apply to
    a killed process."""
    try:
        return calls.run_scene(machine, scene, fault=fault)
    except BrokenPromise as broken:
        if "signal 9" not in str(broken):
            raise
        return None


@attack(
    "kills",
    "{scene} is killed before its system call {number}: the next run is exact, the settings are unchanged or complete, and nothing is lost or left over",
    over=each_call,
    quick=900,
)
def once(machine, scene, number):
    _, before, locks = run_until_killed(machine, scene, Fault(number, kill=True))
    machine.check_spend()
    again(machine, scene, before, locks)
    check_leftovers_removed(machine)


def again(machine, scene, before, locks):
    """Runs the same scene again without killing it, and checks that the result is the same as if it had never been
    killed."""
    call = scene.split(" at ")[0]
    if call.startswith("install"):
        run = calls.run_scene(machine, scene)
        machine.check(run.exit_code == 0, f"the second {call} ended with {run.exit_code}: {run.error_text}")
        path = (
            machine.project / ".claude/settings.json" if call == "install project" else machine.claude / "settings.json"
        )
        now = json.loads(path.read_text())
        machine.check(str(now).count("whycap") >= 6, f"after the second {call} the settings are not complete")
        command = now.get("statusLine", {}).get("command", "")
        machine.check("whycap" in command, f"the status line is {command!r}")
        machine.command("uninstall", exits=(0,))
        if before is not None:
            machine.check(
                settings_of(machine) == before,
                f"uninstall does not bring back what was there: {settings_of(machine)!r}"[:300],
            )
    elif call == "uninstall":
        run = calls.run_scene(machine, scene)
        machine.check(run.exit_code == 0, f"the second uninstall ended with {run.exit_code}: {run.error_text}")
        now = json.loads(settings_of(machine))
        machine.check("whycap" not in str(now), "whycap is still in the settings")
        machine.check(
            now.get("statusLine") == world.PREVIOUS_STATUS_LINE,
            f"the status line that was wrapped is not back: {now.get('statusLine')}",
        )
    elif call == "clear":
        run = calls.run_scene(machine, scene)
        machine.check(run.exit_code == 0, f"the second clearing ended with {run.exit_code}")
        left = [
            path for path in (*world.REMOVED_LOCKS, *world.QUARANTINED_LOCKS) if os.path.lexists(machine.path(path))
        ]
        machine.check(not left, f"still there: {left}")
        check_nothing_lost(machine, locks)
        check_restored(machine, scene)
    elif call == "restore":
        check_restored(machine, scene)
    elif "StopFailure" in call or "error" in scene:
        run = machine.command("explain", "--json", "--session", "gamma", exits=(0,))
        machine.check(run.json().get("incident"), "the error is known nowhere")


def check_restored(machine, scene):
    """Checks that restoring brings back every missing lock completely, and that the exit code reflects this."""
    missing = [path for path in world.QUARANTINED_LOCKS if not machine.path(path).exists()]
    run = machine.command("locks", "--restore", "--json", exits=(0, 1))
    back = run.json()["restored"]
    for path in missing:
        place = machine.path(path)
        machine.check(place.exists(), f"{path} was not restored; the command printed {back}"[:300])
        json.loads(place.read_text())
    # There may be two copies of a lock in quarantine. In this case, one of them stays there, and the output says so.
    unable = [item for item in back if not item["back"] and "now exists at its original path" not in item["why"]]
    machine.check(not unable, f"restore fails after the kill: {unable}"[:300])


@attack(
    "kills",
    "{scene} that is killed {times} times at different calls is exact in the end",
    over=[
        (scene, times)
        for scene in ("statusline", "statusline at first", "hook Stop", "spend at first", "spend json")
        for times in (5, 25)
    ],
    quick=None,
)
def often(machine, scene, times):
    calls.prepare_scene(machine, scene)
    total = len(calls.system_calls_of(machine, scene))
    calls.prepare_scene(machine, scene)
    for turn in range(times):
        world.add_responses(machine, "alpha", (200 + turn,))
        run_unless_killed(machine, scene, Fault(1 + (turn * 37) % total, kill=True))
    machine.check_spend()
    check_leftovers_removed(machine)


@attack("kills", "{count} canceled status lines leave no files behind", over=(300,))
def cancelled(machine, count):
    world.used(machine)
    total = len(calls.system_calls_of(machine, "statusline"))
    world.used(machine)
    for turn in range(count):
        payload = world.status_payload(machine, f"session-{turn % 7}")
        payload["rate_limits"]["five_hour"]["used_percentage"] = turn % 90
        run = machine.run(
            "statusline", stdin=json.dumps(payload).encode(), fault=Fault(1 + (turn * 13) % total, kill=True)
        )
        machine.check(run.signal in (0, 9), f"signal {run.signal}")
    check_leftovers_removed(machine)
    machine.check_spend()


@attack(
    "kills",
    "a ledger of another version that is being set aside survives a kill before system call {number}",
    over=lambda machine: list(range(1, 240)),
    quick=60,
)
def migration(machine, number):
    world.used(machine)
    with sqlite3.connect(machine.data / "ledger.sqlite3") as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("PRAGMA user_version = 9")
    old.close()
    world.add_responses(machine)
    run = machine.run("spend", "--json", fault=Fault(number, kill=True))
    machine.check(run.signal in (0, 9), f"signal {run.signal}")
    machine.check_spend()
    machine.check(not list(machine.data.glob("*damaged*")), "the ledger was taken for damaged")
