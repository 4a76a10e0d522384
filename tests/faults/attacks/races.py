"""Locks that change hands while they are being cleared or restored, and files that change while they are being read."""

import json
import os
import subprocess
import threading
import time

import calls
import world
from launcher import BrokenPromise
from suite import attack

LOCKS = (*world.REMOVED_LOCKS, *world.QUARANTINED_LOCKS)
# These races involve live processes, whose start times come from the machine's own clock.
REAL_CLOCK = {"WHYCAP_NOW": None}


def stale_locks(machine):
    """Creates a home in which every lock has been stale for an hour, by the machine's clock."""
    world.used(machine)
    hour_ago = time.time() - world.HOUR
    for path, content in world.QUARANTINED_LOCKS.items():
        machine.write(path, content)
    for path in LOCKS:
        os.utime(machine.path(path), (hour_ago, hour_ago))


def every_call(arguments, last_harmless):
    """Yields (lock, number) for each system call, starting shortly before the first call that changes anything."""

    def rows(machine):
        stale_locks(machine)
        names = [
            calls.NAMES.get(number)
            for number, *_ in machine.run(*arguments, list_calls=True, environment=REAL_CLOCK).system_calls
        ]
        first = min(names.index(name) for name in last_harmless if name in names) - 25
        return [(path, number) for path in LOCKS for number in range(max(1, first), len(names) + 1)]

    return rows


class Holder:
    """A live Claude Code process that takes a lock and keeps it. If the lock is a directory, the process keeps updating
    its date. If the lock is a file, the file names the process."""

    def __init__(self, machine, path):
        self.place = machine.path(path)
        self.is_directory = path in world.REMOVED_LOCKS
        self.old = machine.outside / f"old-{self.place.name}"
        self.inode = None
        self.ended = threading.Event()
        self.beat = threading.Thread(target=self.keep, daemon=True)
        self.process = (
            None
            if self.is_directory
            else subprocess.Popen([machine.tools.program.parent / "claude", "60"], stdin=subprocess.DEVNULL)
        )

    def take(self):
        if os.path.lexists(self.place):
            # The old lock is moved away, so that the new one cannot reuse its inode.
            os.rename(self.place, self.old)
        self.place.parent.mkdir(parents=True, exist_ok=True)
        if self.is_directory:
            self.place.mkdir()
            self.beat.start()
        else:
            self.place.write_text(
                json.dumps({"pid": self.process.pid, "sessionId": "fresh", "acquiredAt": int(time.time() * 1000)})
            )
        self.inode = self.place.stat().st_ino

    def keep(self):
        while not self.ended.wait(0.5):
            try:
                os.utime(self.place)
            except FileNotFoundError:
                return

    def end(self):
        self.ended.set()
        if self.process:
            self.process.kill()
            self.process.wait()

    def check(self):
        if self.inode is None:
            return
        if not os.path.lexists(self.place):
            raise BrokenPromise("the fresh lock is gone")
        if self.place.stat().st_ino != self.inode:
            raise BrokenPromise("the fresh lock was replaced with something else")
        if not self.is_directory and "fresh" not in self.place.read_text():
            raise BrokenPromise(f"the fresh lock contains {self.place.read_text()!r}")


def run_race(machine, path, number, *arguments):
    holder = Holder(machine, path)
    try:
        machine.run(*arguments, pause=(number, holder.take), environment=REAL_CLOCK, timeout=30)
        holder.check()
    finally:
        holder.end()


@attack(
    "races",
    "{path} that is taken again before system call {number} of the clearing is still held afterward",
    over=every_call(("--clear-stale-locks",), ("unlinkat", "rmdir", "renameat2", "rename")),
    quick=150,
)
def taken_while_cleared(machine, path, number):
    stale_locks(machine)
    run_race(machine, path, number, "--clear-stale-locks")


CHANGING = ("unlinkat", "rmdir", "renameat2", "renameat", "rename", "unlink")


def last_instants(machine):
    """Returns the system calls with which clearing removes files or directories."""
    stale_locks(machine)
    names = [
        calls.NAMES.get(number)
        for number, *_ in machine.run("--clear-stale-locks", list_calls=True, environment=REAL_CLOCK).system_calls
    ]
    # The calls are counted backward from the end of the run, because the number of earlier calls depends on which other
    # processes are running.
    return [(path, len(names) - index) for path in LOCKS for index, name in enumerate(names) if name in CHANGING]


@attack(
    "races",
    "{path} that is taken again {before_end} system calls before the end of the clearing is still held",
    over=last_instants,
)
def last_instant(machine, path, before_end):
    stale_locks(machine)
    total = machine.run("--clear-stale-locks", list_calls=True, environment=REAL_CLOCK).call_count
    for number in (total - before_end, total - before_end + 1):
        stale_locks(machine)
        run_race(machine, path, number, "--clear-stale-locks")


@attack(
    "races",
    "{path} that is taken before system call {number} of the restoring is not overwritten",
    over=every_call(("locks", "--restore"), ("renameat2", "renameat", "rename", "unlink")),
    quick=200,
)
def taken_while_restored(machine, path, number):
    world.used(machine)
    run_race(machine, path, number, "locks", "--restore")


def all_calls_of_clearing(machine):
    world.used(machine)
    run = machine.run("--clear-stale-locks", list_calls=True)
    return [(path, number) for path in LOCKS for number in range(1, run.call_count + 1)]


@attack(
    "races",
    "{path} that is released before system call {number} of the clearing is not a failure",
    over=all_calls_of_clearing,
    quick=120,
)
def released(machine, path, number):
    world.used(machine)
    place = machine.path(path)

    def release():
        if place.is_dir():
            place.rmdir()
        elif place.exists():
            place.unlink()

    run = machine.run("--clear-stale-locks", pause=(number, release))
    machine.check_user_run(run, exits=(0,))


@attack(
    "races",
    "each response in a transcript that is {change} before system call {number} of a report counts once",
    over=lambda machine: [
        (change, number) for change in ("grown", "replaced", "cut", "removed", "moved") for number in range(1, 260)
    ],
    quick=150,
)
def transcript(machine, change, number):
    world.fresh(machine)
    path = machine.path(world.transcript("beta"))
    whole = path.read_bytes()

    def happen():
        if change == "grown":
            world.add_responses(machine, "beta", (90, 91))
        elif change == "replaced":
            new_path = machine.outside / "new"
            new_path.write_bytes(whole)
            os.rename(new_path, path)
        elif change == "cut":
            os.truncate(path, len(whole) // 2)
        elif change == "removed":
            path.unlink()
        else:
            os.rename(path, path.with_name("beta-moved.jsonl"))

    machine.command("spend", "--json", pause=(number, happen))
    if change == "cut" or change == "removed" and not path.exists():
        path.write_bytes(whole)
    machine.check_spend()


@attack(
    "races",
    "a status line is printed although {what} disappears before its system call {number}",
    over=lambda machine: [
        (what, number)
        for what in (
            ".local/share/whycap",
            ".local/share/whycap/journal.jsonl",
            ".local/share/whycap/ledger.sqlite3",
            ".local/share/whycap/ledger.sqlite3-wal",
            ".claude",
            ".claude/projects",
            "work/api",
            ".",
        )
        for number in range(1, 150)
    ],
    quick=150,
)
def vanishing(machine, what, number):
    world.used(machine)
    place = machine.path(what)

    def vanish():
        # The write-ahead log exists only while a process has the ledger open.
        if place.exists():
            os.rename(place, machine.outside / "vanished")

    machine.statusline(world.status_payload(machine), pause=(number, vanish))
