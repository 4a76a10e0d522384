"""Links, pipes, sockets, devices, and directories in place of files. A link's target belongs to somebody else, so it is
never written, replaced, or deleted. Anything other than whycap's regular files is neither read forever nor replaced.
Links that users create on purpose, such as from settings.json into a repository, work.
"""

import contextlib
import fnmatch
import json
import os
import stat

import world
from attacks.stdin import bind_socket
from file_trees import file_type, observable_state
from launcher import BrokenPromise
from machine import NOBODY, SOMEBODY
from suite import attack, product

# Every file that whycap reads or writes, relative to the home. `*` stands for the first name that exists.
WHYCAP_PATHS = (
    ".local",
    ".local/share",
    ".local/share/whycap",
    ".local/share/whycap/journal.jsonl",
    ".local/share/whycap/ledger.sqlite3",
    ".local/share/whycap/ledger.sqlite3-wal",
    ".local/share/whycap/ledger.sqlite3-shm",
    ".local/share/whycap/ledger.sqlite3-journal",
    ".local/share/whycap/ledger.lock",
    ".local/share/whycap/install.lock",
    ".local/share/whycap/clearing.lock",
    ".local/share/whycap/install",
    ".local/share/whycap/install/*",
    ".local/share/whycap/made-directories",
    ".local/share/whycap/quarantine",
    ".local/share/whycap/quarantine/*",
    ".local/share/whycap/quarantine/*/manifest.json",
)
CLIENT_PATHS = (
    ".claude",
    ".claude/settings.json",
    ".claude/settings.json.whycap-backup",
    ".claude/skills",
    ".claude/skills/whycap",
    ".claude/skills/whycap/hooks",
    ".claude/skills/whycap/hooks/whycap.js",
    ".claude/skills/whycap/.claude-plugin/plugin.json",
    ".claude.json",
    ".claude/.credentials.json",
    ".claude/projects",
    ".claude/projects/-home-work-api",
    ".claude/projects/-home-work-api/alpha.jsonl",
    ".claude/projects/-home-work-api/alpha",
    ".claude/projects/-home-work-api/alpha/subagents",
    ".claude/projects/-home-work-api/alpha/subagents/agent-1.jsonl",
    ".claude/projects/-home-work-web/gamma.jsonl",
    ".config/whycap",
    ".config/whycap/config.toml",
    ".claude/sessions",
    ".claude/sessions/1.json",
    ".local/state/claude/locks/1.lock",
    ".local/state/claude/locks/2#7.lock",
    ".claude.json.lock",
    ".claude/history.jsonl.lock",
    ".local/state/claude/locks",
    ".local/state/claude/locks/2.1.328.lock",
    "work/api/.claude",
    "work/api/.claude/settings.json",
    "work/api/.claude/settings.local.json",
    "work/api/.claude/scheduled_tasks.lock",
    ".local/share/claude/versions",
    ".claude/plugins",
)
KINDS = (
    "link to a file",
    "link to an empty file",
    "link to a directory",
    "link to nothing",
    "link to itself",
    "link to null",
    "link to zero",
    "link to a FIFO",
    "FIFO",
    "socket",
    "null",
    "zero",
    "urandom",
    "empty directory",
    "full directory",
    "another user's file",
    "file without permissions",
    "hard link to a file",
    "huge sparse file",
    "empty file",
    "rubbish",
)
SPECIAL = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR)


def resolve_wildcards(machine, relative):
    """Returns the path with each `*` replaced by the first name that exists."""
    path = machine.home
    for part in relative.split("/"):
        if part == "*":
            names = sorted(os.listdir(path)) if path.is_dir() else []
            if not names:
                raise BrokenPromise(f"there is no {relative}")
            part = names[0]
        path = path / part
    return path


def plant(machine, path, kind):
    """Puts another object in place of a file. Returns the paths that must stay untouched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        os.rename(path, machine.outside / "moved")
    outside = machine.outside / "victims"
    outside.mkdir()
    file, empty_file, directory, pipe = (
        outside / "file.json",
        outside / "empty",
        outside / "directory",
        outside / "pipe",
    )
    file.write_text('{"precious": true}\n')
    file.chmod(0o640)
    empty_file.touch()
    directory.mkdir(mode=0o750)
    (directory / "inside").write_text("precious")
    os.mkfifo(pipe)
    for name in ("null", "zero"):
        machine.device(outside / name, name, of="out")
    links = {
        "link to a file": file,
        "link to an empty file": empty_file,
        "link to a directory": directory,
        "link to nothing": outside / "nothing",
        "link to itself": path,
        "link to null": outside / "null",
        "link to zero": outside / "zero",
        "link to a FIFO": pipe,
    }
    if kind in links:
        path.symlink_to(links[kind])
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        bind_socket(path)
    elif kind in ("null", "zero", "urandom"):
        machine.device(path, kind)
    elif kind == "empty directory":
        path.mkdir()
    elif kind == "full directory":
        path.mkdir()
        (path / "inside").write_text("precious")
    elif kind == "another user's file":
        path.write_text('{"precious": true}\n')
        os.chown(path, SOMEBODY, SOMEBODY)
        path.chmod(0o600)
    elif kind == "file without permissions":
        path.write_text('{"precious": true}\n')
        path.chmod(0)
    elif kind == "hard link to a file":
        os.link(file, path)
    elif kind == "huge sparse file":
        path.touch()
        os.truncate(path, 1 << 30)
    elif kind == "empty file":
        path.touch()
    elif kind == "rubbish":
        path.write_bytes(b"\0\xff rubbish {" * 50)
    return outside


HOMES_BY_PATH = {
    path: "installed"
    for path in (*WHYCAP_PATHS, *CLIENT_PATHS)
    if any(part in path for part in ("install/", "made-directories", "whycap.md", "skills/whycap", "backup"))
}


def occasion_to_write(machine, path, call):
    """Keeps the ledger busy if the path is the journal, because otherwise, hooks and status lines only read it."""
    is_occasion = path.endswith("journal.jsonl") and call.startswith(("hook", "statusline"))
    return world.busy_ledger(machine) if is_occasion else contextlib.nullcontext()


def replaced(machine, path, kind, call, user=None):
    """Plants the object, runs the call, and checks that the contract holds and that the victims are unchanged."""
    if kind == "hard link to a file" and ("ledger.sqlite3" in path or "journal" in path):
        # whycap writes the ledger and the journal in place, so a file that is linked to them changes as well. This is
        # intended, because backups with hard links are common. It does no harm, because the system lets users link only
        # their own files (protected_hardlinks).
        return
    world.HOMES[HOMES_BY_PATH.get(path, "used")](machine)
    place = resolve_wildcards(machine, path)
    outside = plant(machine, place, kind)
    if user is not None:
        machine.change_owner(user, machine.home)
    before, kind_before = observable_state(outside), file_type(place)
    try:
        with occasion_to_write(machine, path, call):
            world.call(machine, call, user=user)
    finally:
        after = observable_state(outside)
        problem = difference(before, after)
    if problem:
        raise BrokenPromise(f"outside, {problem}")
    # The data directory as a whole may be kept elsewhere on purpose, but its parts may not.
    if kind == "link to a directory" and machine.data in place.parents and len(os.listdir(outside / "directory")) > 1:
        raise BrokenPromise("outside, a file was created in the directory that the link leads to")
    # SQLite's own files are set aside, because the ledger could not be used otherwise.
    is_set_aside = any(path.endswith(suffix) for suffix in ("-wal", "-shm", "-journal"))
    if kind_before in SPECIAL and file_type(place) != kind_before and not is_set_aside:
        raise BrokenPromise(f"the {kind} in the place of {path} was replaced or removed")
    if kind == "full directory" and not (place / "inside").exists() and path not in CLEARED_DIRECTORIES:
        raise BrokenPromise(f"the content of the directory in place of {path} is gone")


# A directory in place of one of these files is a lock like any other, and may be moved to quarantine as a whole.
CLEARED_DIRECTORIES = (
    ".claude.json.lock",
    ".claude/history.jsonl.lock",
    ".local/state/claude/locks/1.lock",
    ".local/state/claude/locks/2#7.lock",
    ".local/state/claude/locks/2.1.328.lock",
    "work/api/.claude/scheduled_tasks.lock",
)


def difference(before, after):
    """Returns a description of the first change, or None if nothing has changed."""
    names = dict(before[4])
    now = dict(after[4])
    for name, entry in names.items():
        if name not in now:
            return f"{name} is gone"
        old, new = entry, now[name]
        if old[0] != new[0]:
            return f"{name} is of another kind"
        if old[1:3] != new[1:3]:
            return f"{name} has another mode or owner"
        if old[3] != new[3]:
            return f"{name} was replaced by a new file"
        if stat.S_ISREG(old[0]) and old[4] != new[4]:
            return f"{name} was overwritten"
        if stat.S_ISDIR(old[0]):
            inner = dict(new[4])
            for inner_name, value in old[4]:
                if inner.get(inner_name) != value:
                    return f"{name}/{inner_name} was changed"
    created = sorted(set(now) - set(names))
    return f"{created[0]} was created there" if created else None


CALLS = (
    "statusline",
    "hook SessionStart",
    "hook UserPromptSubmit",
    "hook Stop",
    "hook StopFailure",
    "hook /whycap",
    "hook /whycap spend",
    "spend",
    "explain",
    "incidents",
    "report",
    "doctor",
    "locks",
    "clear",
    "restore",
    "install",
    "install wrap",
    "install project",
    "uninstall",
)


# Cases that once caused harm, which are also part of the short run.
DATA = ".local/share/whycap"
ONCE_HARMFUL = [
    *product(
        ("statusline",),
        (f"{DATA}/journal.jsonl",),
        ("link to a file", "link to null", "link to a directory"),
    ),
    *product(
        ("hook StopFailure",),
        (f"{DATA}/journal.jsonl",),
        ("link to a file", "link to null", "link to a directory"),
    ),
    *product(
        ("spend", "statusline"),
        (f"{DATA}/ledger.sqlite3", f"{DATA}/ledger.sqlite3-wal", f"{DATA}/ledger.sqlite3-shm"),
        ("link to a file", "link to an empty file", "link to nothing"),
    ),
    *product(
        ("install", "uninstall"),
        (
            ".claude/settings.json.whycap-backup",
            f"{DATA}/install/*",
            ".claude/skills/whycap/hooks/whycap.js",
            ".claude/skills/whycap",
        ),
        ("link to a file", "link to null", "link to nothing"),
    ),
    *product(
        ("clear", "restore"),
        (f"{DATA}/quarantine", f"{DATA}/clearing.lock"),
        ("link to a file", "link to null", "link to a directory", "link to nothing"),
    ),
    *product(
        ("statusline", "hook Stop"),
        (
            f"{DATA}/ledger.sqlite3-shm",
            f"{DATA}/journal.jsonl",
            ".claude.json",
            ".config/whycap/config.toml",
            ".claude/settings.json",
        ),
        ("FIFO", "zero"),
    ),
]


@attack("links", "every file in the data directory of a home is attacked: {home}", over=("used", "installed"))
def every_file(machine, home):
    world.HOMES[home](machine)
    for path in world.data_files(machine):
        is_known = any(fnmatch.fnmatchcase(path, known) for known in WHYCAP_PATHS)
        machine.check(is_known, f"no attack replaces {path}")


@attack(
    "links",
    "a case that once failed: {call} does not change the target of a {kind} in place of {path}, and does not wait",
    over=ONCE_HARMFUL,
    similar_by=lambda row: row,
)
def once_harmful(machine, call, path, kind):
    replaced(machine, path, kind, call)


@attack(
    "links",
    "{call} does not change the target of a {kind} in place of whycap's {path}, and does not wait",
    over=product(CALLS, WHYCAP_PATHS, KINDS),
    quick=1000,
)
def in_our_place(machine, call, path, kind):
    replaced(machine, path, kind, call)


@attack(
    "links",
    "{call} does not change the target of a {kind} in place of Claude Code's {path}, and does not wait",
    over=product(CALLS, CLIENT_PATHS, KINDS),
    quick=800,
)
def in_their_place(machine, call, path, kind):
    if (
        path in (".claude/settings.json", "work/api/.claude/settings.json")
        and kind in ("link to a file", "link to an empty file", "link to nothing", "hard link to a file")
        and "install" in call
    ):
        # These links may be intentional. The next attacks cover them.
        return
    replaced(machine, path, kind, call)


@attack(
    "links",
    "an ordinary user's {call} does not change the target of a {kind} in place of {path}",
    over=product(CALLS, (*WHYCAP_PATHS, *CLIENT_PATHS), KINDS),
    quick=250,
)
def as_a_user(machine, call, path, kind):
    if path.endswith(("settings.json", "whycap.md")) and "link to" in kind and "install" in call:
        return
    replaced(machine, path, kind, call, user=NOBODY)


# --- links on purpose ----------------------------------------------------------------------------------


def dotfiles(machine, how):
    """Creates a repository of dotfiles and a link into it. Returns the link's target."""
    repository = machine.home / "dotfiles/claude"
    repository.mkdir(parents=True)
    settings = machine.claude / "settings.json"
    target = repository / "settings.json"
    if how == "the directory is linked":
        for name in os.listdir(machine.claude):
            os.rename(machine.claude / name, repository / name)
        machine.claude.rmdir()
        machine.claude.symlink_to(repository)
        return target
    os.rename(settings, target)
    if how == "relative":
        settings.symlink_to("../dotfiles/claude/settings.json")
    elif how == "absolute":
        settings.symlink_to(target)
    elif how == "the repository is on another disk":
        there = machine.small / "settings.json"
        there.write_bytes(target.read_bytes())
        there.chmod(0o600)
        target.unlink()
        settings.symlink_to(there)
        return there
    return target


@attack(
    "links",
    "settings.json that is linked into a repository ({how}) is edited and restored there, and the link stays",
    over=("relative", "absolute", "the directory is linked", "the repository is on another disk"),
)
def dotfiles_work(machine, how):
    world.used(machine)
    target = dotfiles(machine, how)
    before = target.read_bytes()
    link = machine.claude if how == "the directory is linked" else machine.claude / "settings.json"
    machine.command("install", exits=(0,))
    machine.check(link.is_symlink(), "the link was replaced by a file")
    machine.check(b"whycap" in target.read_bytes(), "the linked file was not edited")
    machine.check(
        not target.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o600, "the linked file has another mode"
    )
    machine.command("uninstall", exits=(0,))
    machine.check(
        link.is_symlink() and target.read_bytes() == before, "uninstall did not put the linked file back as it was"
    )
    machine.check(not machine.leftover_files(), f"litter: {machine.leftover_files()}")


@attack(
    "links",
    "settings.json that is linked to {what} is refused, and the target does not change",
    over=(
        "another user's file",
        "a device",
        "a FIFO",
        "a directory",
        "a socket",
        "an unreadable file",
        "a file in another user's directory",
    ),
)
def dotfiles_refused(machine, what):
    world.used(machine)
    settings = machine.claude / "settings.json"
    settings.unlink()
    place = machine.outside / "victims"
    place.mkdir()
    target = place / "target"
    if what == "a device":
        machine.device(target, "null", of="out")
    elif what == "a FIFO":
        os.mkfifo(target)
    elif what == "a directory":
        target.mkdir()
    elif what == "a socket":
        bind_socket(target)
    else:
        target.write_text("{}\n")
        if what == "an unreadable file":
            target.chmod(0)
        else:
            os.chown(place if "directory" in what else target, SOMEBODY, SOMEBODY)
    settings.symlink_to(target)
    before = observable_state(place)
    for call in ("install", "install wrap", "uninstall", "statusline", "hook SessionStart", "doctor"):
        world.call(machine, call)
    machine.check(
        difference(before, observable_state(place)) is None, f"outside, {difference(before, observable_state(place))}"
    )
    machine.check(settings.is_symlink(), "the link was replaced")


@attack(
    "links",
    "installing for a project does not write through a link that leads out of it: {what}",
    over=(
        "settings.json",
        "settings.local.json",
        ".claude",
        ".claude to nothing",
        "settings.json to nothing",
        "two links",
    ),
)
def project_links(machine, what):
    world.used(machine)
    outside = machine.outside / "victims"
    outside.mkdir()
    victim = outside / "settings.json"
    claude = machine.project / ".claude"
    if claude.exists():
        os.rename(claude, machine.outside / "moved")
    if what.startswith(".claude"):
        claude.symlink_to(outside if what == ".claude" else outside / "nothing")
    else:
        claude.mkdir()
        name = what.split()[0] if "." in what else "settings.json"
        place = claude / name
        if what == "two links":
            (claude / "inner").symlink_to(victim)
            victim.write_text("{}\n")
            place.symlink_to("inner")
        else:
            if "nothing" not in what:
                victim.write_text("{}\n")
            place.symlink_to(victim)
    (outside / "settings.local.json").write_text("{}\n")
    before = observable_state(outside)
    for scope in ("project", "local"):
        machine.command("install", "--scope", scope)
        problem = difference(before, observable_state(outside))
        machine.check(problem is None, f"with --scope {scope}, {problem} outside the project")


@attack(
    "links",
    "a data directory that the user linked to {where} is either used or refused",
    over=("another directory", "another disk", "another user's directory", "a directory that all can write"),
)
def linked_data(machine, where):
    world.used(machine)
    target = machine.small / "data" if where == "another disk" else machine.outside / "data"
    target.mkdir()
    if "another user" in where:
        os.chown(target, SOMEBODY, SOMEBODY)
    if "all" in where:
        target.chmod(0o777)
    os.rename(machine.data, machine.outside / "moved")
    machine.data.symlink_to(target)
    machine.statusline(world.status_payload(machine))
    machine.hook(world.hook_event(machine, "StopFailure", "gamma"))
    run = machine.command("spend", "--json")
    if run.exit_code == 0:
        machine.check_report(run.json())
    if "another user" in where or "all" in where:
        machine.check(not os.listdir(target), f"wrote into it: {os.listdir(target)}")


# --- swaps in the middle ---------------------------------------------------------------------------------


def swaps(calls, path):
    def rows(machine):
        found = []
        for call in calls:
            world.used(machine)
            with occasion_to_write(machine, path, call):
                run = world.call(machine, call, list_calls=True)
            found += [(call, path, number) for number in range(1, run.call_count + 1)]
        return found

    return rows


def swapped_in_the_middle(machine, call, path, number):
    """At one system call, one of whycap's files becomes a link to a victim."""
    world.used(machine)
    victims = machine.outside / "victims"
    victims.mkdir()
    (victims / "file").write_text("precious")
    (victims / "directory").mkdir()
    place = machine.path(path)
    before = observable_state(victims)

    def swap():
        if os.path.lexists(place):
            os.rename(place, machine.outside / "moved")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(victims / ("directory" if "." not in place.name else "file"))

    with occasion_to_write(machine, path, call):
        world.call(machine, call, pause=(number, swap))
    problem = difference(before, observable_state(victims))
    if not problem and os.listdir(victims / "directory"):
        problem = "a file was created in the directory there"
    if problem:
        raise BrokenPromise(f"outside, {problem}")


@attack(
    "links",
    "the journal that becomes a link before system call {number} of {call} leads to nothing outside",
    over=swaps(("statusline", "hook StopFailure"), ".local/share/whycap/journal.jsonl"),
    quick=80,
)
def swapped_journal(machine, call, path, number):
    swapped_in_the_middle(machine, call, path, number)


@attack(
    "links",
    "the quarantine that becomes a link before system call {number} of {call} leads to nothing outside",
    over=swaps(("clear", "restore"), ".local/share/whycap/quarantine"),
    quick=60,
)
def swapped_quarantine(machine, call, path, number):
    swapped_in_the_middle(machine, call, path, number)


@attack(
    "links",
    "the ledger's log that becomes a link before system call {number} of {call} leads to nothing outside",
    over=swaps(("spend", "statusline"), ".local/share/whycap/ledger.sqlite3-wal"),
    quick=40,
)
def swapped_log(machine, call, path, number):
    swapped_in_the_middle(machine, call, path, number)


@attack(
    "links",
    "if the directory of settings.json is replaced with a link before system call {number} of {call}, the original file is edited",
    over=lambda machine: [(call, number) for call in ("install", "uninstall") for number in range(1, 200)],
    quick=60,
)
def swapped_settings(machine, call, number):
    (world.installed if call == "uninstall" else world.used)(machine)
    foreign = machine.outside / "foreign"
    foreign.mkdir()
    (foreign / "settings.json").write_text('{"foreign": true}\n')
    before = observable_state(foreign)

    def swap():
        os.rename(machine.claude, machine.outside / "moved")
        machine.claude.symlink_to(foreign)

    run = world.call(machine, call, pause=(number, swap))
    if not run.has_acted:
        return
    # Before the file is read, the swap is equivalent to an intentional link. Afterward, the link must not be trusted.
    now = (foreign / "settings.json").read_text()
    try:
        value = json.loads(now)
    except ValueError as error:
        raise BrokenPromise(f"the foreign settings are no JSON any more: {error}") from error
    machine.check(value.get("foreign") is True, f"the foreign settings were overwritten: {now[:80]!r}")
    machine.check(observable_state(foreign)[1:3] == before[1:3], "the foreign directory has another mode")
