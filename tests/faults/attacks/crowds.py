"""Many processes at once. No process waits long, and the totals are exact afterward."""

import json
import os
import random
import threading

import world
from attacks.disks import locks_of, check_nothing_lost
from launcher import Fault, run_at_once
from suite import attack


def at_once(machine, *asked):
    """Runs all calls at the same time and checks the contract of each. Many simultaneous calls may take longer, so only
    the results are checked."""
    return run_at_once(list(asked))


@attack("crowds", "{count} simultaneous reports agree when there is no ledger yet", over=(4, 12, 24))
def first_reports(machine, count):
    world.fresh(machine)
    for run in at_once(machine, *[lambda: machine.run("spend", "--json", timeout=30)] * count):
        machine.check(run.exit_code == 0 and not run.stderr, f"one ended with {run.exit_code}: {run.error_text}")
        machine.check_report(run.json())
    machine.check_spend()


@attack(
    "crowds",
    "simultaneous status lines, hooks, and reports of eight sessions lose nothing, round {number}",
    over=range(6),
    quick=3,
)
def everybody(machine, number):
    world.used(machine)
    random_source = random.Random(f"{machine.seed} {number}")
    sessions = [f"session-{index}" for index in range(8)]
    for turn in range(4):
        for session in sessions:
            world.add_responses(machine, session, range(turn * 10, turn * 10 + random_source.randrange(1, 6)))
        asked = []
        for session in sessions:
            asked.append(lambda session=session: machine.run("statusline", stdin=payload(machine, session), timeout=20))
            asked.append(
                lambda session=session: machine.run(
                    "hook",
                    stdin=json.dumps(world.hook_event(machine, random_source.choice(world.EVENTS), session)).encode(),
                    timeout=20,
                )
            )
        asked.append(lambda: machine.run("spend", timeout=30))
        random_source.shuffle(asked)
        for run in at_once(machine, *asked):
            machine.check(
                run.exit_code == 0 and not run.stderr and not run.signal,
                f"{run.command} ended with {run.exit_code}, signal {run.signal}: {run.error_text}",
            )
    machine.check_spend()
    machine.check(not machine.leftover_files(), f"litter: {machine.leftover_files()}")


def payload(machine, session):
    return json.dumps(world.status_payload(machine, session)).encode()


@attack("crowds", "kills among many simultaneous processes lose nothing, round {number}", over=range(6), quick=3)
def killed_in_a_crowd(machine, number):
    world.used(machine)
    random_source = random.Random(f"{machine.seed} {number} kill")
    for turn in range(3):
        for index in range(8):
            world.add_responses(machine, f"session-{index}", (turn * 10, turn * 10 + 1))
        asked = []
        for index in range(16):
            session, at = f"session-{index % 8}", random_source.randrange(20, 260)
            fault = Fault(at, kill=True) if index % 2 else None
            asked.append(
                lambda session=session, fault=fault: machine.run(
                    "statusline", stdin=payload(machine, session), fault=fault, timeout=20
                )
            )
        asked += [
            lambda at=random_source.randrange(20, 400): machine.run("spend", fault=Fault(at, kill=True), timeout=30)
            for _ in range(3)
        ]
        for run in at_once(machine, *asked):
            machine.check(run.signal in (0, 9) and not run.stderr, f"signal {run.signal}: {run.error_text}")
    machine.check_spend()


@attack(
    "crowds",
    "a status line is never delayed by a {holder} that is stopped during its work",
    over=("spend", "hook Stop", "statusline", "install", "clear"),
)
def stopped_holder(machine, holder):
    """Runs a command many times and stops it before a different system call each time, together with any locks that it
    holds at that point. While it is stopped, the status line and the hooks run."""
    world.used(machine)
    for number in range(20, 200, 9):
        world.add_responses(machine, "beta", (300 + number,))
        problems = []

        def meanwhile():
            try:
                machine.statusline(world.status_payload(machine))
                machine.hook(world.hook_event(machine, "UserPromptSubmit"))
                machine.hook(world.hook_event(machine, "Stop"))
            except Exception as problem:
                problems.append(problem)

        if holder == "statusline":
            machine.run("statusline", stdin=payload(machine, "beta"), pause=(number, meanwhile), timeout=20)
        elif holder == "hook Stop":
            machine.run(
                "hook",
                stdin=json.dumps(world.hook_event(machine, "Stop", "beta")).encode(),
                pause=(number, meanwhile),
                timeout=20,
            )
        else:
            machine.run(*world.COMMANDS[holder], pause=(number, meanwhile), timeout=20)
        if problems:
            raise problems[0]
    machine.check_spend()


@attack("crowds", "{count} simultaneous installations leave complete settings that contain each hook once", over=(2, 8))
def installing(machine, count):
    world.used(machine)
    before = (machine.claude / "settings.json").read_bytes()
    for run in at_once(machine, *[lambda: machine.run("install", timeout=30)] * count):
        machine.check(run.exit_code == 0, f"one ended with {run.exit_code}: {run.error_text}")
    now = json.loads((machine.claude / "settings.json").read_text())
    for name, entries in now["hooks"].items():
        machine.check(len(entries) == 1, f"{name} is wired {len(entries)} times")
    for run in at_once(machine, *[lambda: machine.run("uninstall", timeout=30)] * count):
        machine.check(run.exit_code == 0, f"one uninstall ended with {run.exit_code}: {run.error_text}")
    machine.check((machine.claude / "settings.json").read_bytes() == before, "the settings are not as they were")


@attack(
    "crowds",
    "settings that another program writes while {call} runs lose none of its changes",
    over=("install", "uninstall"),
)
def others_write(machine, call):
    (world.used if call == "install" else world.installed)(machine)
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
            machine.command(call)
    finally:
        stop.set()
        writer.join()
    value = json.loads(path.read_text())
    machine.check(value["counter"] == count[0], "a write of the other program was lost")
    machine.check(value["permissions"] == world.DOTFILES_SETTINGS["permissions"], "a key is gone")


@attack("crowds", "two clearings and a restoring at the same time lose no lock")
def clearing(machine):
    world.used(machine)
    before = locks_of(machine)
    for _ in range(5):
        world.write_locks_again(machine)
        at_once(
            machine,
            *[lambda: machine.run("--clear-stale-locks", timeout=40)] * 3,
            *[lambda: machine.run("locks", "--restore", timeout=30)] * 2,
        )
    check_nothing_lost(machine, before)
