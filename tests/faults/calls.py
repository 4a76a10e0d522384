"""The names of system calls, and the system calls that each command makes when nothing fails."""

import errno
import json
import re
from pathlib import Path
from typing import NamedTuple

import world
from launcher import BrokenPromise

ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "EACCES", "ENOMEM", "EINTR", "EAGAIN", "ENOLCK")}

# These calls cannot fail, or fail only in ways that do not occur on any real system.
UNFAILING = set(
    "getpid gettid getuid geteuid getgid getegid getppid sched_yield sched_getaffinity rt_sigaction rt_sigprocmask "
    "sigaltstack set_robust_list rseq set_tid_address futex exit exit_group munmap arch_prctl prctl umask gettimeofday "
    "clock_gettime".split()
)
# These calls can fail only with these errors, and all others with any error.
POSSIBLE_ERRORS = {
    "clock_nanosleep": ("EINTR",),
    "nanosleep": ("EINTR",),
    "brk": ("ENOMEM",),
    "mmap": ("ENOMEM", "EACCES", "EAGAIN"),
    "mprotect": ("ENOMEM", "EACCES"),
    "madvise": ("ENOMEM", "EAGAIN"),
    "mremap": ("ENOMEM", "EAGAIN"),
    "close": ("EIO", "ENOSPC", "EINTR"),
    "clone": ("EAGAIN", "ENOMEM"),
    "clone3": ("EAGAIN", "ENOMEM"),
    "vfork": ("EAGAIN", "ENOMEM"),
    "fork": ("EAGAIN", "ENOMEM"),
}

# The files that define the numbers of system calls. The first one that exists is read.
HEADERS = (
    "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "/usr/include/asm/unistd_64.h",
    "/usr/include/asm-generic/unistd.h",
)


def read_names():
    """Returns the names of system calls by number, or an empty table if there is no header."""
    for header in map(Path, HEADERS):
        if header.is_file():
            definitions = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
            return {int(number): name for name, number in definitions}
    return {}


NAMES = read_names()
NUMBERS = {name: number for number, name in NAMES.items()}


def used_with_previous_line(machine):
    """Creates a home in which whycap was used, and whose settings contain another status line."""
    world.used(machine)
    settings = {**world.DOTFILES_SETTINGS, "statusLine": world.PREVIOUS_STATUS_LINE}
    machine.write(".claude/settings.json", json.dumps(settings), mode=0o600)


class Scene(NamedTuple):
    """The home in which a command runs. With `has_new_responses`, a transcript has grown since the last run."""

    create_home: object
    has_new_responses: bool = False


USED = Scene(world.used)
USED_WITH_NEW_RESPONSES = Scene(world.used, has_new_responses=True)
FRESH = Scene(world.fresh)
INSTALLED = Scene(world.installed)

# The scenes, by the name of the command.
SCENES = {
    "statusline": USED_WITH_NEW_RESPONSES,
    "statusline at first": FRESH,
    "statusline in an error": USED,
    "statusline of a new session": USED,
    "statusline wrapped": INSTALLED,
    "hook SessionStart": USED_WITH_NEW_RESPONSES,
    "hook UserPromptSubmit": USED,
    "hook Stop": USED_WITH_NEW_RESPONSES,
    "hook StopFailure": USED,
    "hook StopFailure at first": FRESH,
    "hook SessionEnd": USED_WITH_NEW_RESPONSES,
    "hook /whycap": USED,
    "hook /whycap spend": USED_WITH_NEW_RESPONSES,
    "hook /whycap locks": USED,
    "hook /whycap doctor": USED,
    "hook /whycap continue": USED,
    "spend json": USED_WITH_NEW_RESPONSES,
    "spend at first": FRESH,
    "spend": USED_WITH_NEW_RESPONSES,
    "spend why": USED,
    "explain": USED,
    "incidents": USED,
    "doctor": USED,
    "locks": USED,
    "clear": USED,
    "restore": USED,
    "install": USED,
    "install wrap": Scene(used_with_previous_line),
    "install project": USED,
    "uninstall": INSTALLED,
}
SESSIONS_OF_STATUS_LINES = {"statusline in an error": "gamma", "statusline of a new session": "delta"}


def prepare_scene(machine, name):
    """Creates a scene's home."""
    scene = SCENES[name]
    scene.create_home(machine)
    if scene.has_new_responses:
        world.add_responses(machine)


def run_scene(machine, name, **options):
    """Runs the scene's command and checks the contract."""
    if name.startswith("statusline"):
        session = SESSIONS_OF_STATUS_LINES.get(name, "alpha")
        return world.call(machine, "statusline", session, previous_line="wrapped" in name, **options)
    if name == "spend at first":
        return machine.command("spend", "--json", **options)
    return world.call(machine, name.removesuffix(" at first"), **options)


def system_calls_of(machine, scene):
    """Returns the names of the system calls that a scene makes. A call without a name is represented by its number."""
    prepare_scene(machine, scene)
    run = run_scene(machine, scene, list_calls=True)
    if not run.found_main or not run.system_calls:
        raise BrokenPromise("the launcher did not find the beginning of main: see `entered` in tools/launch.c")
    return [NAMES.get(number, str(number)) for number, *_ in run.system_calls]


def possible_faults(machine, errors, scenes=None):
    """Returns (scene, "nth:name", error) for each system call that a scene makes and each error with which it can fail.
    The calls are counted by name, because threads make the overall order random."""
    rows = []
    for scene in scenes or SCENES:
        counts = {}
        for name in system_calls_of(machine, scene):
            counts[name] = counts.get(name, 0) + 1
            rows += [(scene, f"{counts[name]}:{name}", error) for error in errors if can_fail(name, error)]
    return rows


def fault_location(nth_call):
    """Returns the options that cause a fault at "nth:name"."""
    nth, name = nth_call.split(":")
    number = NUMBERS[name] if name in NUMBERS else int(name)
    return {"nth": int(nth), "number": number}


def can_fail(name, error):
    return name not in UNFAILING and error in POSSIBLE_ERRORS.get(name, ERRORS)
