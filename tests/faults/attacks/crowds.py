"""Many processes at once. No process waits long, and the totals are exact afterward."""
import json
import os
import random
import threading

import world
from attacks.disks import locks_of, nothing_lost
from machine import Fault, wait_for_all
from suite import attack


def at_once(machine, *asked):
    """Runs all calls at the same time and checks the contract of each. Many simultaneous calls may take longer, so only
    the results are checked."""
    return wait_for_all(list(asked))


@attack("crowds", "{count} reports at once on a ledger that is not there yet agree", over=(4, 12, 24))
def first_reports(machine, count):
    world.fresh(machine)
    for run in at_once(machine, *[lambda: machine.run("spend", "--json", patience=30)] * count):
        machine.holds(run.exit == 0 and not run.err, f"one ended with {run.exit}: {run.complaint}")
        machine.exact_report(run.json())
    machine.exact()


@attack("crowds", "status lines, hooks and reports of eight sessions at once lose nothing, round {number}", over=range(6), quick=3)
def everybody(machine, number):
    world.lived(machine)
    lucky = random.Random(f"{machine.seed} {number}")
    sessions = [f"session-{index}" for index in range(8)]
    for turn in range(4):
        for session in sessions:
            world.grow(machine, session, range(turn * 10, turn * 10 + lucky.randrange(1, 6)))
        asked = []
        for session in sessions:
            asked.append(lambda session=session: machine.run("statusline", stdin=payload(machine, session), patience=20))
            asked.append(lambda session=session: machine.run("hook",
                stdin=json.dumps(world.event(machine, lucky.choice(world.EVENTS), session)).encode(), patience=20))
        asked.append(lambda: machine.run("spend", patience=30))
        lucky.shuffle(asked)
        for run in at_once(machine, *asked):
            machine.holds(run.exit == 0 and not run.err and not run.signal,
                f"{run.verb} ended with {run.exit}, signal {run.signal}: {run.complaint}")
    machine.exact()
    machine.holds(not machine.litter(), f"litter: {machine.litter()}")


def payload(machine, session):
    return json.dumps(world.status_payload(machine, session)).encode()


@attack("crowds", "kills in the middle of a crowd cost nothing, round {number}", over=range(6), quick=3)
def killed_in_a_crowd(machine, number):
    world.lived(machine)
    lucky = random.Random(f"{machine.seed} {number} kill")
    for turn in range(3):
        for index in range(8):
            world.grow(machine, f"session-{index}", (turn * 10, turn * 10 + 1))
        asked = []
        for index in range(16):
            session, at = f"session-{index % 8}", lucky.randrange(20, 260)
            fault = Fault(at, kill=True) if index % 2 else None
            asked.append(lambda session=session, fault=fault: machine.run("statusline", stdin=payload(machine, session),
                fault=fault, patience=20))
        asked += [lambda at=lucky.randrange(20, 400): machine.run("spend", fault=Fault(at, kill=True),
            patience=30) for _ in range(3)]
        for run in at_once(machine, *asked):
            machine.holds(run.signal in (0, 9) and not run.err, f"signal {run.signal}: {run.complaint}")
    machine.exact()


@attack("crowds", "a status line is never held up by a {holder} that stands still in the middle of its work",
    over=("spend", "hook Stop", "statusline", "install", "clear"))
def stopped_holder(machine, holder):
    """Stops one process before each of many system calls, while it holds its current locks."""
    world.lived(machine)
    for number in range(20, 200, 9):
        world.grow(machine, "beta", (300 + number,))
        troubles = []

        def meanwhile():
            try:
                machine.statusline(world.status_payload(machine))
                machine.hook(world.event(machine, "UserPromptSubmit"))
                machine.hook(world.event(machine, "Stop"))
            except Exception as trouble:
                troubles.append(trouble)
        if holder == "statusline":
            machine.run("statusline", stdin=payload(machine, "beta"), pause=(number, meanwhile), patience=20)
        elif holder == "hook Stop":
            machine.run("hook", stdin=json.dumps(world.event(machine, "Stop", "beta")).encode(), pause=(number, meanwhile),
                patience=20)
        else:
            machine.run(*world.VERBS[holder], pause=(number, meanwhile), patience=20)
        if troubles:
            raise troubles[0]
    machine.exact()


@attack("crowds", "{count} installations at once leave settings that are whole, with each hook once", over=(2, 8))
def installing(machine, count):
    world.lived(machine)
    before = (machine.claude / "settings.json").read_bytes()
    for run in at_once(machine, *[lambda: machine.run("install", patience=30)] * count):
        machine.holds(run.exit == 0, f"one ended with {run.exit}: {run.complaint}")
    now = json.loads((machine.claude / "settings.json").read_text())
    for name, entries in now["hooks"].items():
        machine.holds(len(entries) == 1, f"{name} is wired {len(entries)} times")
    for run in at_once(machine, *[lambda: machine.run("uninstall", patience=30)] * count):
        machine.holds(run.exit == 0, f"one uninstall ended with {run.exit}: {run.complaint}")
    machine.holds((machine.claude / "settings.json").read_bytes() == before, "the settings are not as they were")


@attack("crowds", "settings that another program keeps writing while {call} runs lose none of its writes",
    over=("install", "uninstall"))
def others_write(machine, call):
    (world.lived if call == "install" else world.installed)(machine)
    path = machine.claude / "settings.json"
    stop, count = threading.Event(), [0]

    def write():
        # Does the same as the client: reads the file, changes one value, writes a new file next to it, and renames the
        # new file.
        while not stop.is_set():
            value = json.loads(path.read_text())
            count[0] += 1
            value["counter"] = count[0]
            beside = path.with_suffix(".client")
            beside.write_text(json.dumps(value, indent=2))
            os.rename(beside, path)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            machine.verb(call)
    finally:
        stop.set()
        writer.join()
    value = json.loads(path.read_text())
    machine.holds(value["counter"] == count[0], "a write of the other program was lost")
    machine.holds(value["permissions"] == world.DOTFILES_SETTINGS["permissions"], "a key is gone")


@attack("crowds", "two clearings and a restoring at once lose no lock")
def clearing(machine):
    world.lived(machine)
    before = locks_of(machine)
    for _ in range(5):
        world.write_locks_again(machine)
        at_once(machine, *[lambda: machine.run("--clear-stale-locks", patience=40)] * 3,
            *[lambda: machine.run("locks", "--restore", patience=30)] * 2)
    nothing_lost(machine, before)
