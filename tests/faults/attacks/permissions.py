"""Permissions: as a user who is subject to them (root is not), with unusual umasks, and on read-only disks."""

import json
import os
import stat

import world
from file_trees import Snapshot, empty_directory, observable_state
from launcher import BrokenPromise
from machine import NOBODY
from suite import attack, product

PLACES = (
    ".",
    ".local",
    ".local/share",
    ".local/share/whycap",
    ".local/share/whycap/journal.jsonl",
    ".local/share/whycap/ledger.sqlite3",
    ".local/share/whycap/ledger.sqlite3-wal",
    ".local/share/whycap/ledger.sqlite3-shm",
    ".local/share/whycap/install.lock",
    ".local/share/whycap/clearing.lock",
    ".local/share/whycap/quarantine",
    ".local/share/whycap/install",
    ".claude",
    ".claude/settings.json",
    ".claude/projects",
    ".claude/projects/-home-work-api",
    ".claude/projects/-home-work-api/alpha.jsonl",
    ".claude/projects/-home-work-api/alpha/subagents",
    ".claude.json",
    ".claude/.credentials.json",
    ".config/whycap",
    ".config/whycap/config.toml",
    ".local/state/claude/locks/2#7.lock",
    ".claude/history.jsonl.lock",
    "work",
    "work/api",
    "work/api/.claude",
)
MODES = {
    "nothing": 0o000,
    "reading only": 0o444,
    "reading and entering": 0o555,
    "writing only": 0o222,
    "entering only": 0o111,
}
CALLS = (
    "statusline",
    "hook SessionStart",
    "hook UserPromptSubmit",
    "hook Stop",
    "hook StopFailure",
    "hook /whycap spend",
    "hook /whycap doctor",
    "spend",
    "explain",
    "incidents",
    "doctor",
    "locks",
    "clear",
    "restore",
    "install",
    "install wrap",
    "install project",
    "uninstall",
    "uninstall dry",
    "spend why",
)


@attack(
    "permissions",
    "{call} keeps its contract when {place} has the mode {mode}",
    over=product(CALLS, PLACES, MODES),
    quick=700,
)
def modes(machine, call, place, mode):
    path = prepared(machine, call, place)
    machine.change_owner(NOBODY)
    contents = settings_of(machine)
    path.chmod(MODES[mode])
    try:
        world.call(machine, call, user=NOBODY)
    finally:
        if path.exists():
            path.chmod(0o755 if path.is_dir() else 0o644)
    if call not in ("install", "install wrap", "install project", "uninstall"):
        machine.check(settings_of(machine) == contents, "the settings were changed")
    machine.check_spend(user=NOBODY)


def prepared(machine, call, place):
    """Creates a home in which the place exists. Returns its path."""
    is_of_installation = call.startswith("uninstall") or "/install" in place
    (world.installed if is_of_installation else world.used)(machine)
    path = machine.path(place)
    machine.check(path.exists(), f"there is no {place}")
    return path


def settings_of(machine):
    return [path.read_bytes() for path in sorted(machine.claude.glob("settings*"))]


@attack("permissions", "{call} keeps its contract when {place} belongs to root", over=product(CALLS, PLACES), quick=200)
def of_root(machine, call, place):
    path = prepared(machine, call, place)
    machine.change_owner(NOBODY)
    os.chown(path, 0, 0)
    path.chmod(0o700 if path.is_dir() else 0o600)
    before = observable_state(path) if path.is_file() else None
    world.call(machine, call, user=NOBODY)
    # whycap may recreate its own files in its own directories.
    if before and path.exists() and machine.data not in path.parents:
        machine.check(observable_state(path)[2] == 0, f"{place} was taken over from root")
        machine.check(observable_state(path)[4] == before[4], f"{place} was overwritten")


@attack(
    "permissions",
    "{call} creates files with mode 0600 in directories with mode 0700 under umask {umask}",
    over=product(
        ("0000", "0022", "0077", "0177", "0277", "0777"),
        ("statusline", "hook StopFailure", "hook Stop", "spend", "install", "install wrap", "clear"),
    ),
)
def umasks(machine, umask, call):
    world.fresh(machine)
    world.write_locks(machine)
    machine.change_owner(NOBODY)
    before = set(machine.root.rglob("*"))
    world.call(machine, call, user=NOBODY, umask=int(umask, 8))
    for path in sorted(set(machine.root.rglob("*")) - before):
        found = path.lstat()
        if machine.data not in path.parents and path != machine.data:
            if stat.S_IMODE(found.st_mode) & 0o022 and int(umask, 8) & 0o022 == 0o022:
                raise BrokenPromise(f"{path.relative_to(machine.home)} is {stat.S_IMODE(found.st_mode):o}")
            continue
        if path.parent.parent.name == "quarantine" and path.name != "manifest.json":
            continue  # files that were set aside keep their own mode
        wanted = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
        if stat.S_IMODE(found.st_mode) != wanted:
            raise BrokenPromise(f"{path.relative_to(machine.home)} is {stat.S_IMODE(found.st_mode):o}, not {wanted:o}")


@attack(
    "permissions",
    "the files that are created under umask {umask} can be used by the next run",
    over=("0177", "0277", "0377", "0777"),
)
def shut_out(machine, umask):
    world.fresh(machine)
    world.write_locks(machine)
    machine.change_owner(NOBODY)
    for call in ("statusline", "hook StopFailure", "spend", "clear", "install"):
        world.call(machine, call, user=NOBODY, umask=int(umask, 8))
    machine.check_spend(user=NOBODY)
    run = world.call(machine, "explain json", session="gamma", user=NOBODY)
    machine.check(run.exit_code == 0 and run.json().get("incident"), "the stored incident cannot be read")
    world.call(machine, "restore", user=NOBODY)


@attack(
    "permissions",
    "on a read-only disk, {call} keeps its contract, and commands that only read are right",
    over=world.all_calls(),
)
def read_only_disk(machine, call):
    for state in ("fresh", "used"):
        on_frozen(machine, state)
        world.call(machine, call)
        machine.check_spend_or_error("spend", "--json")


def on_frozen(machine, state):
    """Creates the home `state` on a disk that is mounted twice, and uses the read-only mount."""
    empty_directory(machine.thawed)
    machine.set_root(machine.directory / "machine")
    world.HOMES[state](machine)
    Snapshot.of(machine.root).restore_into(machine.thawed / "machine")
    truth = machine.response_counts
    machine.set_root(machine.frozen / "machine")
    machine.response_counts = truth


@attack(
    "permissions",
    "a recorded previous status line does not run when {what}",
    over=(
        "its file belongs to another user",
        "its directory can be written by all",
        "the data directory can be written by all",
        "the data directory can be written by a group",
        "its file can be written by all",
        "the data directory belongs to another user",
    ),
)
def loose(machine, what):
    world.installed(machine)
    file = next(machine.data.glob("install/*.json"))
    mark = machine.outside / "mark"
    record = json.loads(file.read_text())
    record["previous_line"] = {"purpose": "show_above", "entry": json.dumps({"command": f"echo run >> {mark}"})}
    machine.write(file, record)
    place = file if "its file" in what else file.parent if "its directory" in what else machine.data
    if "another user" in what:
        os.chown(place, NOBODY, NOBODY)
    else:
        place.chmod(0o770 if "group" in what else 0o777 if place.is_dir() else 0o666)
        if "group" in what:
            os.chown(place, 0, NOBODY)
    machine.statusline(world.status_payload(machine), previous_line=True)
    machine.check(not mark.exists(), "the command was run")
