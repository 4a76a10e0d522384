"""Disks that are full, small, or slow to report that they are full, and limits on what a process may write, open, or
map."""

import json
import os
import time

import world
from file_trees import Snapshot
from launcher import BrokenPromise
from machine import NOBODY
from suite import attack, product

CALLS = (
    "statusline",
    "hook SessionStart",
    "hook Stop",
    "hook StopFailure",
    "hook /whycap",
    "spend",
    "explain",
    "doctor",
    "clear",
    "restore",
    "install",
    "install wrap",
    "uninstall",
    "spend why",
)
# The number of bytes left on the disk when the program starts.
LEFT = (
    0,
    1,
    100,
    4096,
    8192,
    12288,
    16384,
    20480,
    28672,
    36864,
    40960,
    45056,
    53248,
    61440,
    69632,
    81920,
    98304,
    114688,
    131072,
    163840,
    196608,
    262144,
)


def on_disk(machine, disk, state):
    """Creates the home of `state` on another disk, without the ledger, so that the program has to write."""
    world.HOMES[state](machine)
    found, truth = Snapshot.of(machine.root), dict(machine.response_counts)
    machine.set_root(disk / "machine")
    found.restore_into(machine.root)
    machine.response_counts = truth


def fill(machine, left):
    """Leaves only this many bytes free on the small disk."""
    filler = machine.small / "filler"
    room = os.statvfs(machine.small)
    size = room.f_bavail * room.f_bsize - left
    with open(filler, "wb") as file:
        written = 0
        while written < size:
            try:
                written += file.write(b"\0" * min(65536, size - written))
                file.flush()
            except OSError:
                break
    return filler


def settings_of(machine):
    path = machine.claude / "settings.json"
    return path.read_bytes() if path.exists() else None


def check_unchanged_or_complete(machine, call, before):
    """Checks that the settings are unchanged, or completely changed if the command is meant to change them."""
    now = settings_of(machine)
    if now != before:
        if call not in ("install", "install wrap", "install project", "uninstall"):
            raise BrokenPromise("the settings were changed")
        if not now or not now.strip().endswith(b"}"):
            raise BrokenPromise(f"the settings are neither as before nor complete: {now!r}"[:200])
        whole = now.count(b"whycap") >= 6 if call.startswith("install") else b"whycap" not in now
        machine.check(whole, f"the settings are half changed after {call}: {now[:100]!r}")


def locks_of(machine):
    """Returns in how many places the content of each lock is: at the lock's own path and in quarantine."""
    found = {}
    for path in world.QUARANTINED_LOCKS:
        places = [machine.path(path), *machine.data.glob(f"quarantine/*/{os.path.basename(path)}")]
        found[path] = sum(place.is_file() and place.stat().st_size > 0 for place in places)
    return found


def check_nothing_lost(machine, before):
    for path, count in locks_of(machine).items():
        machine.check(count >= before[path], f"{path} is in neither its place nor the quarantine")


@attack(
    "disks",
    "{call} survives a disk with {left} free bytes, and all amounts are exact afterward",
    over=product(CALLS, LEFT),
    quick=150,
)
def full(machine, call, left):
    state = "installed" if call == "uninstall" else "used"
    on_disk(machine, machine.small, state)
    if left % 3 == 0:
        for file in machine.data.glob("ledger.sqlite3*"):
            file.unlink()
    world.add_responses(machine)
    before, locks = settings_of(machine), locks_of(machine)
    filler = fill(machine, left)
    run = world.call(machine, call)
    if call == "spend json" and run.exit_code == 0:
        machine.check_report(run.json())
    check_unchanged_or_complete(machine, call, before)
    filler.unlink()
    check_nothing_lost(machine, locks)
    machine.check_spend()
    check_leftovers_removed(machine)


def check_leftovers_removed(machine):
    """Checks that leftover files are removed after some days of ordinary work."""
    litter = machine.leftover_files()
    if not litter:
        return
    # The files are days old both by the machine's clock, which sets the dates of files, and by WHYCAP_NOW.
    days_ago = min(time.time(), world.NOW_SECONDS) - 5 * 24 * world.HOUR
    for path in litter:
        os.utime(machine.path(path), (days_ago, days_ago))
    machine.statusline(world.status_payload(machine, "new-session"))
    for name in ("SessionStart", "Stop", "SessionEnd"):
        machine.hook(world.hook_event(machine, name, "newer-session"))
    for arguments in (("spend",), ("install",), ("uninstall",), ("--clear-stale-locks",), ("locks", "--restore")):
        machine.command(*arguments)
    left = [path for path in litter if os.path.lexists(machine.path(path))]
    machine.check(not left, f"stays for good: {left[0]}" if left else "")


@attack(
    "disks",
    "{call} survives a disk on which {left} more files can be created",
    over=product(CALLS, (0, 1, 2, 3, 4, 5, 6, 8, 10)),
    quick=60,
)
def no_inodes(machine, call, left):
    state = "installed" if call == "uninstall" else "used"
    world.HOMES[state](machine)
    # Only the data directory is on the disk that can hold few files, because an entire home has too many.
    data = machine.few / "whycap"
    found = Snapshot.of(machine.data)
    found.restore_into(data)
    machine.variables["WHYCAP_DATA_DIR"] = str(data)
    before = settings_of(machine)
    world.add_responses(machine)
    fillers = []
    while os.statvfs(machine.few).f_favail > left:
        fillers.append(machine.few / f"filler{len(fillers)}")
        fillers[-1].touch()
    world.call(machine, call)
    check_unchanged_or_complete(machine, call, before)
    for filler in fillers:
        filler.unlink()
    machine.check_spend()


SIZES = (0, 1, 511, 4095, 4096, 4120, 8192, 16384, 32768, 36864, 65536, 131072, 262144, 1 << 20)


@attack(
    "disks",
    "{call} survives a limit of {size} bytes per file, {signal} SIGXFSZ",
    over=product(CALLS, SIZES, ("with", "ignoring")),
    quick=160,
)
def file_size(machine, call, size, signal):
    (world.installed if call == "uninstall" else world.used)(machine)
    if size % 2 == 0:
        for file in machine.data.glob("ledger.sqlite3*"):
            file.unlink()
    world.add_responses(machine)
    before, locks = settings_of(machine), locks_of(machine)
    world.call(machine, call, limits=(f"fsize={size}",), ignore_xfsz=signal == "ignoring")
    check_unchanged_or_complete(machine, call, before)
    check_nothing_lost(machine, locks)
    machine.check_spend()
    check_leftovers_removed(machine)


@attack(
    "disks",
    "{call} survives with {number} open files allowed",
    over=product(CALLS, (3, 4, 5, 6, 7, 8, 9, 10, 12)),
    quick=60,
)
def open_files(machine, call, number):
    (world.installed if call == "uninstall" else world.used)(machine)
    world.add_responses(machine)
    before, locks = settings_of(machine), locks_of(machine)
    run = machine.run("--version", limits=(f"nofile={number}",))
    if run.exit_code != 0:
        return  # the loader itself cannot start with this few
    world.call(machine, call, limits=(f"nofile={number}",))
    check_unchanged_or_complete(machine, call, before)
    check_nothing_lost(machine, locks)
    machine.check_spend()


@attack(
    "disks",
    "{call} survives with {megabytes} MB of memory",
    over=product(
        ("statusline", "hook Stop", "hook StopFailure", "hook /whycap spend", "hook UserPromptSubmit"),
        (8, 10, 12, 16, 24, 32, 64),
    ),
    quick=20,
)
def memory(machine, call, megabytes):
    world.used(machine)
    world.add_responses(machine)
    limit = (f"as={megabytes << 20}",)
    run = machine.run("--version", limits=limit)
    if run.exit_code != 0:
        return  # the loader itself cannot start with this little
    world.call(machine, call, limits=limit)
    machine.check_spend()


@attack("disks", "{call} survives when no thread and no process can be started", over=CALLS)
def no_threads(machine, call):
    (world.installed if call == "uninstall" else world.used)(machine)
    world.add_responses(machine)
    machine.write(
        world.transcript("large"),
        world.lines(
            world.response("large", number, message={"content": [{"type": "text", "text": "x" * 20000}]})
            for number in range(900)
        ),
    )
    machine.response_counts["large"] = 900
    machine.change_owner(NOBODY)
    world.call(machine, call, user=NOBODY, limits=("nproc=1",))
    machine.check_spend(user=NOBODY)


@attack(
    "disks",
    "statusline shows its own figures when only {number} processes and threads are allowed, regardless of the previous status line",
    over=range(1, 9),
)
def few_threads(machine, number):
    world.installed(machine)
    machine.change_owner(NOBODY)
    run = world.call(machine, "statusline", user=NOBODY, limits=(f"nproc={number}",), previous_line=True)
    machine.check("$" in run.text, f"only this was shown: {run.text!r}")
    machine.check_spend(user=NOBODY)


@attack("disks", "{call} prints one line when its output cannot be written", over=list(world.COMMANDS))
def full_output(machine, call):
    world.used(machine)
    path = machine.small / "out"
    fill(machine, 0)
    with open(path, "wb") as full_file:
        run = machine.run(*world.COMMANDS[call], stdout=full_file.fileno())
    machine.check_user_run(run)
    machine.check(run.exit_code != 0, "it ended with 0 although nothing could be printed")


@attack(
    "disks",
    "an export to a disk with {left} free bytes writes complete files or prints an error, and the next export is complete",
    over=LEFT,
)
def full_export(machine, left):
    world.used(machine)
    target = machine.small / "team"
    filler = fill(machine, left)
    machine.command("export", str(target))
    for file in target.glob("*.ndjson"):
        for line in file.read_bytes().splitlines():
            json.loads(line)
    filler.unlink()
    machine.command("export", str(target), exits=(0,))
    machine.check_report(machine.command("spend", "--from", str(target), "--json", exits=(0,)).json())
    machine.check_spend()


@attack("disks", "a page on a disk with {left} free bytes is the complete old one or the complete new one", over=LEFT)
def full_page(machine, left):
    world.used(machine)
    page = machine.small / "page.html"
    machine.command("spend", "--html", str(page), exits=(0,))
    world.add_responses(machine)
    fill(machine, left)
    machine.command("spend", "--html", str(page))
    text = page.read_text()
    machine.check(
        text.startswith("<!doctype html>") and text.endswith("</html>\n"), f"the page is cut off: {text[-80:]!r}"
    )
    machine.check(
        os.listdir(machine.small).count("page.html") == 1
        and not [name for name in os.listdir(machine.small) if name.startswith(".whycap")],
        "something was left beside the page",
    )
    machine.check_spend()
